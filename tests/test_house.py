"""The house's own rules: imports point down, one room for each heavy thing, nothing grows too large to read."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WRITTEN_BY_A_TOOL = {"_abi", "language._parser_tables"}

FLOORS = (  # from what a person holds down to the leaves; docs/design.md draws it
    "__main__",
    "cli",
    "commands terminal",
    "interchange",
    "bench",
    "model layers optimizers layer",
    "layer",
    "gradients",
    "pipeline pyext",
    "autotune",
    "loader",
    "wisdom",
    "proof trial turns toolchain alias cache crew abi_build fallback linking process pruning workshop",
    "render banner",
    "printing",
    "emission cformat compiled_templates",
    "rounding",
    "planner algorithms",
    "plan transforms",
    "weights reference check evaluate specs spec separable_spec transpose_spec rules parameters names "
    "syntax unroll builder complaints layout recovery language",
    "problem targets",
    "diagnostics tree curves slopes registry activations initializers regularizers constraints",
    "arrays dtypes origin storage suggest signatures quoting source errors resources files keras_words configs _abi",
    "ownership image fpu",
)
ROOMS = {  # who alone may import what
    "lark": {"language.parser"},
    "jinja2": {"printing", "compiled_templates"},
    "cffi": {"loader", "pyext", "abi_build", "_abi"},
    "_cffi_backend": {"loader", "_abi"},
    "subprocess": {"process", "targets"},  # targets: sysctl, where macOS tells the CPU's flags
    "rich": {"bench.table", "layer.summary", "commands.show", "commands.planning"},
    "platformdirs": {"cache"},
}
HEAVY = ("numpy", "jinja2", "lark", "cffi", "rich", "safetensors", "platformdirs", "subprocess")


def modules() -> list[tuple[str, Path]]:
    found = []
    for path in sorted((ROOT / "codegen").rglob("*.py")):
        parts = path.relative_to(ROOT / "codegen").with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        if name not in WRITTEN_BY_A_TOOL:
            found.append((name or "codegen", path))
    return found


MODULES = modules()
NAMES = [name for name, _ in MODULES]
PATHS = [path for _, path in MODULES]
TEMPLATES = sorted((ROOT / "templates").rglob("*.j2"))


@cache
def imports(path: Path, *, for_types: bool = True) -> frozenset[str]:
    """All that a module imports, at the top or late, dotted; `from a import b` counts as `a` and as `a.b`.

    Without `for_types` what stands under `if TYPE_CHECKING:` is left out.
    """
    found = set()
    tree = ast.parse(path.read_text("utf-8"))
    guards = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    if not for_types:
        tree.body = [node for node in tree.body if node not in guards]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def room(module: str) -> str:
    return module.split(".")[0]


def floor(module: str) -> int:
    for height, names in enumerate(FLOORS):
        if room(module) in names.split():
            return height
    raise AssertionError(f"codegen/{module}.py stands on no floor: give it one in docs/design.md and in this test")


@pytest.mark.parametrize(("name", "path"), MODULES, ids=NAMES)
def test_imports_point_down(name: str, path: Path) -> None:
    if name == "codegen":
        return  # the package's face names everything and imports nothing before it is asked
    own = {room(one.removeprefix("codegen.")) for one in imports(path) if one.startswith("codegen.")}
    known = {room(other) for other in NAMES}
    upward = [other for other in own & known if floor(other) < floor(name)]
    assert not upward, f"codegen/{name}.py imports what stands above it: {upward}"


@pytest.mark.parametrize("package", ROOMS)
def test_a_heavy_package_has_one_room(package: str) -> None:
    users = {name for name, path in MODULES if package in {room(one) for one in imports(path, for_types=False)}}
    assert users <= ROOMS[package], f"{package} belongs to {sorted(ROOMS[package])}"


@pytest.mark.parametrize(("name", "path"), MODULES, ids=NAMES)
def test_a_module_can_be_read_at_one_sitting(name: str, path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) < 300
    long = {
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 >= 40
    }
    assert not long
    assert ast.get_docstring(ast.parse(text)), "a module says in its first line what it is for"
    assert not {"utils", "util", "helpers", "helper", "manager", "common", "misc"} & set(name.split("."))


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_only_the_command_prints_or_exits(path: Path) -> None:
    if path.name in ("cli.py", "__main__.py", "abi_build.py") or "commands" in path.parts:
        return
    calls = [node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    names = {call.id for call in calls if isinstance(call, ast.Name)}
    exits = {call.attr for call in calls if isinstance(call, ast.Attribute) and ast.unparse(call) == "sys.exit"}
    assert not names & {"print", "exit", "quit"}
    assert not exits


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_what_a_module_exports_is_there(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    bound = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    exported: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            bound |= set(names)
            if names == ["__all__"] and isinstance(node.value, ast.List | ast.Tuple):
                exported = [ast.literal_eval(item) for item in node.value.elts if isinstance(item, ast.Constant)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            bound.add(node.target.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {alias.asname or alias.name for alias in node.names}
    assert not [name for name in exported if name.startswith("_") and name != "__version__"]
    if path != ROOT / "codegen" / "__init__.py":
        assert set(exported) <= bound
    assert len(exported) == len(set(exported))


def test_the_package_exports_what_it_says() -> None:
    import codegen

    assert len(set(codegen.__all__)) == len(codegen.__all__)  # ruff keeps them sorted
    for name in codegen.__all__:
        assert getattr(codegen, name) is not None
    with pytest.raises(AttributeError):
        codegen.no_such_name  # noqa: B018  # looked up for its error


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_decides_nothing(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) < 120
    tags = re.findall(r"\{%-?\s*(.*?)\s*-?%\}", text, re.S)
    shown = re.findall(r"\{\{-?\s*(.*?)\s*-?\}\}", text, re.S)
    assert not [tag for tag in tags if tag.split()[0] == "set"], "values are made in Python"
    arithmetic = re.compile(r"[\w)\]]\s*(?:\*|//|/|%|\+|(?<!')-)\s*[\w(]")
    literals = re.compile(r"'[^']*'|\"[^\"]*\"|(?<![\w.])\d+(?:\.\d*)?(?:e[-+]?\d+)?")
    bare = [literals.sub("0", expression) for expression in (*tags, *shown)]
    assert not [expression for expression in bare if arithmetic.search(expression)], "arithmetic is Python's"


@pytest.mark.parametrize("path", [*PATHS, *TEMPLATES], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_suppressed_check_says_why(path: Path) -> None:
    for line in path.read_text("utf-8").splitlines():
        if re.search(r"#\s*(type: ignore|noqa|pragma)", line):
            assert re.search(r"(type: ignore|noqa|pragma)[^#]*#\s*\S", line), line


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, codegen; print(*sorted(set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not set(HEAVY) & set(loaded.split())


@pytest.mark.parametrize("path", sorted((ROOT / "tests").glob("test_*.py")), ids=lambda path: path.stem)
def test_no_test_asserts_on_seconds(path: Path) -> None:
    """A machine may be busy: what makes a thing fast is asserted, not how long it took."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Assert):
            clocks = re.findall(
                r"\b(?:monotonic|perf_counter|process_time|timeit|time\.time|took|seconds <)\b", ast.unparse(node)
            )
            assert not clocks, f"{path.name}:{node.lineno}"


def test_every_floor_of_the_design_is_known_here() -> None:
    design = (ROOT / "docs" / "design.md").read_text("utf-8")
    rows = [line for line in design.splitlines() if line.startswith("| ") and ".py`" in line]
    named = {name for row in rows for name in re.findall(r"`(\w+)\.py`", row.split("|")[2])}
    assert named, "docs/design.md draws the floors as a table"
    for name in named:
        floor(name)

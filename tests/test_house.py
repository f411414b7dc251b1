"""The house's own rules: imports point down, one room for each heavy thing, nothing grows too large to read."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from functools import cache, wraps
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOP = {
    *(".ci", ".github", ".gitignore", ".pre-commit-config.yaml", "pyproject.toml", "mkdocs.yml"),
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md"),
    *("bench", "build", "codegen", "docs", "editors", "examples", "grammar", "packaging", "templates", "tests"),
}
needs_git = pytest.mark.skipif(not shutil.which("git") or not (ROOT / ".git").exists(), reason="needs git's checkout")
WRITTEN_BY_A_TOOL = {"machine._abi", "language._parser_tables"}

ORDER = (  # of the rooms: each line imports only from lines below it, never within its line; docs/design.md draws it
    "cli",
    "interchange bench",
    "layers",
    "gradients",
    "pipeline",
    "machine exports report",
    "emission language",
    "graph",
    "planning specs",
    "problem",
    "functions",
    "numbers",
    "errors",
    "installed",
    "records",
)
FACES = {
    "__main__",
    "activations",
    "constraints",
    "dask",
    "initializers",
    "optimizers",
    "regularizers",
    "weights",
    "wisdom",
}
TIMED = (
    "bench.models.pytorch",
    "bench.peers.pytorch",
    "bench.peers.pytorch_compiled",
    "bench.training",
    "bench.backward",
)
SOLE = {  # who alone may import what
    "lark": {"language.parser"},
    "pygls": {"cli.language_server"},
    "jinja2": {"emission.printing", "emission.compiled_templates"},
    "cffi": {"machine.loader", "machine.extension_module", "machine.abi_build"},
    "_cffi_backend": {"machine.loader"},
    "subprocess": {"machine.compiler_process", "problem.targets"},  # targets: sysctl, on macOS
    "rich": {
        "bench.table",
        "layers.summary",
        "layers.progress",
        "cli.commands.show",
        "cli.commands.size",
        "cli.commands.overview",
        "cli.commands.planning",
    },
    "platformdirs": {"machine.cache"},
    "dask": {"layers.chunked"},
    "h5py": {"interchange.keras_graph.sources"},
    "torch": {
        "interchange.torch_derivatives",
        "interchange.torch_ops",
        "interchange.torch_steps",
        "interchange.torch_layers",
        "interchange.torch_graph.drawn",
        "interchange.torch_graph.traced",
        *TIMED,
    },
}
HEAVY = ("numpy", "jinja2", "lark", "cffi", "rich", "safetensors", "platformdirs", "subprocess")


FIGURES = {  # module-level numbers of planning/ that stand for no machine: others are a core's, in problem/core_rows.py
    "algorithms.assembly": {
        "FARTHEST": "of instructions",
        "WORD": "of instructions",
        "ROOM": "the worth of memory",
        "LEAST_BAND": "a tile's shape",
        "MOST_CODE": "the worth of code",
        "CALLS": "of a text",
        "BANDS": "of a text",
        "LENGTHS": "of a text",
    },
    "assembly.cycles": {
        "RATES": "of a text",
        "NEIGHBOURS": "of a text",
        "FILLED": "of a text",
        "ENTERED": "of a text",
        "SMALL": "of a text",
        "PHASES": "of a text",
        "GROUPS": "of a text",
        "PARTS": "of a text",
    },
    "assembly.tables": {"CODES": "of a text", "FIXED": "of a text", "FLOAT": "of a text"},
    "assembly.shape": {
        "FARTHEST": "of instructions",
        "LANES": "of instructions",
        "FILTERS": "of a text",
        "ROOM": "of a text",
        "APART": "of a text",
        "FEW": "the worth of memory",
        "ROLLED": "of a text",
        "MOST_TAPS": "of a text",
        "MOST_STEPS": "of a text",
        "MOST_UNROLLED": "of a text",
    },
    "algorithms.bilinear": {
        "MARGIN": "of the noise model",
        "CODE": "the compiler's time",
        "PACKED": "of the cost",
        "USUAL": "times the kernel's numbers",
        "PACKED_AT_ONCE": "of NumPy, where the weights are packed",
    },
    "algorithms.bilinear_noise": {"MOST_CHUNKS": "of roundings"},
    "algorithms.upsampled": {"LEAST": "of an estimate"},
    "algorithms.by_length": {
        "OUTPUTS": "which lengths are looked at",
        "PACKED_OUTPUTS": "which lengths are looked at",
        "MOST_PARTS": "the worth of code",
        "WORTH": "the worth of code",
        "SMALL": "the worth of code",
    },
    "algorithms.costs_by_length": {
        "LITTLE": "of an estimate",
        "ELSEWHERE": "of an estimate",
        "MANY": "no estimate",
    },
    "algorithms.first_lengths": {"MOST": "the worth of code", "DOUBLED": "which lengths are looked at"},
    "algorithms.cost": {"FREE_STEPS": "what an estimate is told for", "MOST_ROWS": "a tile's code"},
    "algorithms.depthwise": {
        "MOST_ROWS": "a tile's shape",
        "LEAST_ROWS": "a tile's shape",
        "ALONE_ROWS": "a tile's shape",
        "FEW_ROWS": "a tile's shape",
        "PEELED_ROWS": "the worth of code",
        "LOOP": "the worth of code",
        "NESTED": "a tile's shape",
    },
    "algorithms.direct_filters": {
        "BESIDE": "the worth of code",
        "WIDEST": "a tile's shape",
        "SECOND_SHAPE": "the worth of code",
        "SHAPE_LAPPING": "the worth of code",
    },
    "algorithms.filter_blocks": {
        "PEELED_STEPS": "the planner's time",
        "FEW": "the worth of code",
        "LONG": "the worth of code",
    },
    "algorithms.fft": {
        "SIZES": "of transforms there are",
        "FEW": "which sizes are looked at",
        "FEWER": "which sizes are looked at",
        "MOST_PARTS": "which kernels are served",
    },
    "algorithms.overlap_save": {
        "SIZES": "of transforms there are",
        "LARGEST": "which sizes are looked at",
        "COLUMNS": "which sizes are looked at",
        "LEAST_TAPS": "which kernels are served",
        "MOST_PARTS": "which kernels are served",
        "MOST_SUMMED": "which kernels are served",
        "MOST_WORKSPACE": "a share of a core's",
        "TURNED": "of its code",
        "MOVED": "of its code",
        "PRODUCTS": "of its code",
        "TOGETHER": "a share of a core's",
        "LOOP": "of its code",
    },
    "algorithms.dots": {
        "PANEL": "of a workspace",
        "ROOM": "of a workspace",
        "MOST_PANEL": "of a workspace",
        "MOST_ROWS": "how many sums are worth a tile",
    },
    "algorithms.dots_channels": {"WIDEST": "how bytes are moved"},
    "algorithms.dots_stages": {"MOST_BETWEEN": "how much a caller has to hold"},
    "algorithms.integer": {"BETWEEN": "of a workspace", "MOST_OUTPUTS": "of a workspace"},
    "algorithms.relayout": {"MOST_WIDENED": "a chunk may be wider for squares"},
    "algorithms.signal_as_channels": {"WIDTHS": "how the problem is rewritten"},
    "algorithms.tiling": {"LOOKED_AT": "the planner's time"},
    "algorithms.written_out": {
        "ENDING": "the worth of code",
        "THUMB": "gcc's, measured",
        "UNKNOWN": "gcc's, a guess",
        "OPTIONS": "of a text",
    },
    "algorithms.winograd": {"MOST_POINTS": "of roundings", "MOST_TAPS": "of roundings"},
    "footprint.whole": {
        "SHARES": "of its code",
        "VECTORS": "of its code",
        "CODES": "of its code",
        "REQUANTISED": "of its code",
        "FROM_BITS": "of its code",
    },
    "ask": {
        "MOST_BLOCK": "what may be asked",
        "MOST_NOISE": "what a class promises",
        "MOST_THREADS": "what may be asked",
        "LENGTHS": "of a layer",
        "MOST_LENGTHS": "may be asked",
    },
    "causal": {"MOST_TAPS": "of its code"},
    "cost": {"WEIGHTS": "what an objective counts"},
    "error_bounds": {
        "OUTPUTS": "of a proof",
        "SECOND_ORDER": "of a proof",
        "TABLE": "of a proof",
        "ROOM": "of a proof",
    },
    "known_length": {"OTHER_LAYOUT": "of an estimate"},
    "planner": {"MOST_GROWN": "of tables"},
    "streams": {"NEAR": "of an estimate"},
    "transforms.figures": {"FIGURES": "a table that a tool writes"},
    "transforms.figures_build": {
        "SIZES": "of the table",
        "FEWEST_OUTPUTS": "of the table",
        "MOST_POINTS": "of the table",
    },
    "transforms.normwise": {
        "LEVEL": "of a proof",
        "TURNED": "of a proof",
        "TABLE": "of a proof",
        "TYPICAL": "of roundings",
    },
    "transforms.toom_cook": {"POINTS": "of the transforms"},
    "footprint.endings": {
        "BYTES": "gcc's, measured",
        "ROWS": "gcc's, measured",
        "UNKNOWN": "gcc's, a guess",
        "UNKNOWN_LONG": "gcc's, a guess",
        "OPTIONS": "of a text",
        "NUMBERS": "of a text",
        "NUMBERS_LONG": "of a text",
    },
    "footprint.estimate": {"SHORT": "gcc's, fitted", "ALONE": "gcc's, fitted", "WORD": "of a stack"},
    "footprint.pieces": {"MOST": "of fields"},
    "footprint.rates": dict.fromkeys(("PLAIN", "VECTORS", "FUSED", "WIDE", "FIXED"), "gcc's, fitted, with the source"),
    "footprint.rewritten": {
        "PANEL": "of a text",
        "TWO_BINS": "of a text",
        "HELD": "gcc's",
        "MOVED": "gcc's",
        "NARROW": "gcc's",
        "KEPT_NARROW": "gcc's",
        "KEPT": "gcc's",
    },
    "footprint.tiles": {"VECTOR": "gcc's", "NEAR": "of instructions"},
}


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
LOADED = re.compile(r"f?['\"]codegen\.([\w.]+)\.\{")  # an f-string of a module's name, up to what varies


def each(cases: Iterable[tuple[Any, ...]]) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """One test of all cases, a hundred times cheaper than a test for each; what fails is told by its first argument."""

    def test_of(check: Callable[..., None]) -> Callable[[], None]:
        @wraps(check)
        def test() -> None:
            wrong = []
            for case in cases:
                try:
                    check(*case)
                except AssertionError as error:
                    wrong.append(f"{case[0]}: {error}")
            assert not wrong, "\n".join(wrong)

        del test.__wrapped__  # type: ignore[attr-defined]  # its arguments are no fixtures
        return test

    return test_of


@cache
def parsed(path: Path) -> ast.Module:
    """The tree of a file, which nobody changes."""
    return ast.parse(path.read_text("utf-8"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All of the tree, walked once."""
    return tuple(ast.walk(parsed(path)))


def called(call: ast.Call) -> str:
    """The last name of what is called."""
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


@cache
def imports(path: Path, *, for_types: bool = True) -> set[str]:
    """All that a module imports, at the top or late, by `import_module` too; `from a import b` is `a` and `a.b`.

    Without `for_types` what stands under `if TYPE_CHECKING:` is left out.
    """
    found = set()
    guards = [node for node in parsed(path).body if isinstance(node, ast.If)]
    guarded = (node for one in guards if ast.unparse(one.test) == "TYPE_CHECKING" for node in ast.walk(one))
    left_out = set() if for_types else set(guarded)
    for node in nodes(path):
        if node in left_out:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and called(node) == "import_module":
            match = LOADED.match(ast.unparse(node.args[0]))
            below = f"{match[1]}." if match else ""
            if path != ROOT / "codegen" / "__init__.py":  # the package's face: whatever it is asked for
                assert match, f"{path}: import_module of what cannot be told from the text"
                found |= {f"codegen.{name}" for name in NAMES if name.rpartition(".")[0] + "." == below}
    return found


@cache
def arrows(name: str, path: Path) -> set[str]:
    """The modules of the package that a module imports: the deepest that each import names."""
    told = {one.removeprefix("codegen.") for one in imports(path) if one.startswith("codegen.")} & set(NAMES)
    passed = {other.rpartition(".")[0] for other in told}  # a package on the way to its module
    return {other for other in told - {name} if other not in passed or _defines(other)}


def _defines(name: str) -> bool:
    return PATHS[NAMES.index(name)].name != "__init__.py"


def room(module: str) -> str:
    return module.split(".")[0]


def line(module: str) -> int:
    for height, names in enumerate(ORDER):
        if room(module) in names.split():
            return height
    raise AssertionError(f"codegen/{room(module)} stands in no line: give it one in docs/design.md and in this test")


READS_TEXT = {  # modules that write C and yet search or replace in a text, each with the reason
    "emission.cformat": "names and comments come from outside: they are checked and escaped; lines are folded",
    "emission.registry": "the name of an algorithm from outside is checked",
    "emission.vectors": "names of the vector spelling are marked in a template's text, before it is compiled",
}


def test_no_c_is_read_back() -> None:
    """What C uses is known from values: no regular expression, no `replace`, in what writes it or builds it in."""
    found = set()
    for name, path in MODULES:
        if room(name) in ("emission", "gradients") or name == "machine.extension_module":
            words = {node.attr for node in nodes(path) if isinstance(node, ast.Attribute)}
            found |= {name} if "re" in imports(path) or words & {"replace", "translate"} else set()
    assert found == set(READS_TEXT)


INSIDE = [(name, path) for name, path in MODULES if room(name) not in {*FACES, "codegen"}]


@each(INSIDE)
def test_imports_point_down(name: str, path: Path) -> None:
    for other in arrows(name, path):
        assert room(other) not in FACES, f"codegen/{room(other)}.py is a face for users: import what stands behind it"
        assert room(other) == room(name) or line(other) > line(name), f"{name} imports {other}, which is not below it"


def _circle(below: dict[str, set[str]]) -> list[str]:
    """A way through `below`, in which everything imports something, that ends where it has been before."""
    way = [min(below)]
    while way[-1] not in way[:-1]:
        way.append(min(below[way[-1]] & set(below)))
    return way[way.index(way[-1]) :]


def test_no_imports_run_in_a_circle() -> None:
    below = {name: arrows(name, path) for name, path in INSIDE}
    while below:  # take away what imports nothing that is left
        ground = {name for name, others in below.items() if not others & set(below)}
        assert ground, f"a circle: {' -> '.join(_circle(below))}"
        below = {name: others for name, others in below.items() if name not in ground}


@pytest.mark.parametrize("face", sorted(FACES))
def test_a_face_only_hands_on(face: str) -> None:
    found = nodes(ROOT / "codegen" / f"{face}.py")
    assert not [node for node in found if isinstance(node, ast.FunctionDef | ast.ClassDef)]


@pytest.mark.parametrize("package", SOLE)
def test_a_heavy_package_has_one_room(package: str) -> None:
    users = {name for name, path in MODULES if package in {room(one) for one in imports(path, for_types=False)}}
    assert users <= SOLE[package], f"{package} belongs to {sorted(SOLE[package])}"


@each(MODULES)
def test_a_frozen_dataclass_is_made_in_no_time(name: str, path: Path) -> None:
    if "@dataclass(frozen=True" in (text := path.read_text("utf-8")):
        assert "from codegen.records import dataclass" in text, "import `dataclass` from codegen.records"


@each(MODULES)
def test_a_module_can_be_read_at_one_sitting(name: str, path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) < 300
    long = {
        f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 >= 40
        and len(node.body) > 1  # one of a single statement is as long as its arguments are many
    }
    assert not long
    assert ast.get_docstring(parsed(path)), "a module says in its first line what it is for"
    assert not {"utils", "util", "helpers", "helper", "manager", "common", "misc"} & set(name.split("."))


@each(zip(PATHS))
def test_only_the_command_prints_or_exits(path: Path) -> None:
    if path.name in ("__main__.py", "abi_build.py") or "cli" in path.parts:
        return
    calls = [node.func for node in nodes(path) if isinstance(node, ast.Call)]
    names = {call.id for call in calls if isinstance(call, ast.Name)}
    exits = [call for call in calls if isinstance(call, ast.Attribute) and call.attr == "exit"]
    assert not names & {"print", "exit", "quit"}
    assert "sys.exit" not in map(ast.unparse, exits)


@each(zip(PATHS))
def test_what_a_module_exports_is_there(path: Path) -> None:
    bound = {node.name for node in parsed(path).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    exported: list[str] = []
    for node in nodes(path):
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


@each(zip(TEMPLATES))
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


@each(zip([*PATHS, *TEMPLATES]))
def test_a_suppressed_check_says_why(path: Path) -> None:
    for line in path.read_text("utf-8").splitlines():
        if re.search(r"#\s*(type: ignore|noqa|pragma:)", line):
            assert re.search(r"(type: ignore|noqa|pragma)[^#]*#\s*\S", line), line


@pytest.mark.live
def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, codegen; print(*sorted(set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not set(HEAVY) & set(loaded.split())


def test_every_search_for_faults_is_in_the_release_script() -> None:
    from tests.fuzz.release import SEARCHES

    modules = (ROOT / "tests" / "fuzz").glob("*.py")
    written = {path.stem for path in modules if re.search(r"^def run\(count: int, seed: int", path.read_text(), re.M)}
    assert written == {search.module for search in SEARCHES}


@each(zip(sorted((ROOT / "tests").rglob("test_*.py"))))
def test_no_test_asserts_on_seconds(path: Path) -> None:
    """A machine may be busy: what makes a thing fast is asserted, not how long it took."""
    clocks = re.compile(r"\b(?:monotonic|perf_counter|process_time|timeit|time\.time|took|seconds <)\b")
    for node in nodes(path) if clocks.search(path.read_text("utf-8")) else ():
        if isinstance(node, ast.Assert):
            assert not clocks.findall(ast.unparse(node)), f"{path.name}:{node.lineno}"


PLANNING = [(name.removeprefix("planning."), path) for name, path in INSIDE if name.startswith("planning.")]


@each(PLANNING)
def test_what_stands_for_a_machine_is_a_core_s(name: str, path: Path) -> None:
    """A number at a module's top is in the list, with the reason why it is no machine's; the list holds no other."""
    found = set()
    for node in parsed(path).body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            numbers = [n for n in ast.walk(node.value) if isinstance(n, ast.Constant) and type(n.value) in (int, float)]
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name) and numbers}
    assert found == set(FIGURES.get(name, {})), "a machine's are a core's, others stand in FIGURES"


def test_the_design_draws_the_rooms_in_this_order() -> None:
    design = (ROOT / "docs" / "design.md").read_text("utf-8")
    rows = [line for line in design.splitlines() if line.startswith("| `")]
    drawn = [re.findall(r"`(\w+)(?:/|\.py)`", row.split("|")[1]) for row in rows]
    assert [names for names in drawn if names] == [line.split() for line in ORDER]


LARGEST_FILE = 600_000  # bytes: the weights of the real voice detector are 501,798


@pytest.mark.live
@needs_git
def test_nothing_is_tracked_that_a_trial_left() -> None:
    """At the top is what people and tools look for; no file is as large as what a trial writes."""
    paths = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tracked = [ROOT / path for path in paths.split("\0") if path]
    assert {path.relative_to(ROOT).parts[0] for path in tracked} <= TOP
    assert [path for path in tracked if path.is_file() and path.stat().st_size > LARGEST_FILE] == []

"""What README.md and docs/ show is so: every block is read, run, or found in what the generator writes.

conv: read without an error. python: run, a page's blocks one after another. console: each `$ gen-conv …` is run and
prints what stands below it. sh: a line of gen-conv alone is run. c: found in the C of an example, or, with a main,
compiled with the files of wake_word.conv, or of the command of its first comment, and run. `…` stands for anything.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from codegen.cli import main
from tests.support.cprogram import LIGHT

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
KNOWN = {"conv", "python", "console", "sh", "c", "json", "text", ""}
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)


def blocks(language: str) -> list[Any]:
    """Each block of `language` as a test parameter, named by page and line."""
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            if match[2] == language:
                found.append(pytest.param(match[3], id=f"{page.name}:{line}"))
    return found


def pages_with(language: str) -> list[Any]:
    return [
        pytest.param(page, id=page.name)
        for page in PAGES
        if re.search(rf"^```{language}$", page.read_text("utf-8"), re.M)
    ]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the examples in it, as in the checkout, a reader's models (of Keras, an amp) and typing error."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copy(ROOT / "tests" / "data" / "foreign" / "motion.keras", tmp_path)
    shutil.copy(ROOT / "tests" / "data" / "real" / "wavenet_standard.nam", tmp_path / "amp.nam")
    layer = re.search(r"^conv1d .*?^}\n", (ROOT / "README.md").read_text("utf-8"), re.M | re.S)
    assert layer
    (tmp_path / "typo.conv").write_text(re.sub(" +#.*", "", layer[0]).replace("kernel_size", "kernel_siz "))
    return tmp_path


def shell(line: str, cwd: Path) -> tuple[int, str]:
    """One command line of gen-conv, whatever folder it is said to lie in: its exit code and all that it prints.

    In this process: what the command is as a program of its own is told by tests/cli and tests/test_packaging.py.
    """
    words = shlex.split(line, comments=True)
    assert Path(words[0]).name == "gen-conv", f"only gen-conv is run from the docs, not {line!r}"
    printed = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(printed):
        patch.chdir(cwd)
        patch.setenv("NO_COLOR", "1")
        code = main.main(words[1:])
    printed.seek(0)
    return code, printed.read()


def like(shown: str) -> re.Pattern[str]:
    """`shown` as a pattern: `…` stands for anything, a line of it alone for any number of lines."""
    lines = [".*?" if line.strip() == "…" else re.escape(line).replace("…", "[^\n]*?") for line in shown.splitlines()]
    return re.compile("\n".join(lines), re.S)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_says_what_it_is(page: Path) -> None:
    text = page.read_text("utf-8")
    assert {match[2] for match in FENCE.finditer(text)} <= KNOWN
    assert text.count("```") == 2 * len(FENCE.findall(text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`\n]+`", "", FENCE.sub("", page.read_text("utf-8")))  # code is no link
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target


def test_the_changelog_says_each_thing_once() -> None:
    """Two branches that both wrote to the list leave a line of each, or a part of one."""
    lines = (ROOT / "CHANGELOG.md").read_text("utf-8").replace("\n  ", " ").splitlines()
    said = [part.strip() for line in lines for part in re.split(r"(?<=[.;:]) ", line) if len(part) > 30]
    assert [part for part in sorted(set(said)) if said.count(part) > 1] == []
    assert [line for line in lines if line and not line.startswith(("* ", "#", "What a user sees."))] == []


def test_the_page_of_plans_has_every_algorithm() -> None:
    from codegen.planning.algorithms.table import ALGORITHMS

    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "planning.md").read_text("utf-8"), re.M)
    assert set(ALGORITHMS) <= set(rows)


@pytest.mark.parametrize("text", blocks("conv"))
def test_conv_blocks_are_right(text: str) -> None:
    from codegen.language import reader

    assert all(spec.name for spec in reader.read(text, "block.conv"))


@pytest.mark.compiles
@pytest.mark.parametrize("page", pages_with("python"))
def test_python_blocks_run(page: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The readme's, and what imports a framework, in a process of its own."""
    code = "\n".join(match[3] for match in FENCE.finditer(page.read_text("utf-8")) if match[2] == "python")
    if page.name == "README.md" or re.search(r"^import (?:keras|torch)$", code, re.M):
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        words = [sys.executable, "-c", code]
        done = subprocess.run(words, cwd=place, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        printed = done.stdout
    else:
        monkeypatch.chdir(place)
        with redirect_stdout(io.StringIO()) as out:
            exec(compile(code, page.name, "exec"), {"__name__": "__main__"})
        printed = out.getvalue()
    for line in re.findall(r"print\(.*\) +# (.*)$", code, re.M):  # what a comment behind print says is printed
        assert line in printed


@pytest.mark.compiles
@pytest.mark.parametrize("text", blocks("console"))
def test_console_blocks_print_what_they_show(text: str, place: Path) -> None:
    sessions = re.split(r"^\$ ", text, flags=re.M)
    assert not sessions[0].strip()
    for session in sessions[1:]:
        command, _, shown = session.partition("\n")
        _, printed = shell(command, place)
        assert like(shown.rstrip()).search(printed), f"$ {command}\n{printed}"


@pytest.mark.compiles
@pytest.mark.parametrize("text", blocks("sh"))
def test_sh_blocks_work(text: str, place: Path) -> None:
    for line in text.strip().splitlines():
        if re.match(r"\S*gen-conv ", line) and "&&" not in line:
            code, printed = shell(line, place)
            assert code == 0, printed
        else:
            for word in re.findall(r"(?:tests|examples|bench|docs)/[\w./-]+", line):
                assert (ROOT / word).exists(), word


@pytest.fixture(scope="module")
def emitted() -> list[str]:
    """The C text of every layer of every example."""
    from codegen import pipeline
    from codegen.language import reader

    texts = []
    for path in sorted((ROOT / "examples").glob("*.conv")):
        for spec in reader.read(path.read_text("utf-8"), path.name):
            texts += [text for _, text in pipeline.generate(spec).files]
    return texts


@pytest.mark.long
@pytest.mark.parametrize("text", [block for block in blocks("c") if "int main(" not in block.values[0]])
def test_c_blocks_are_what_is_emitted(text: str, emitted: list[str]) -> None:
    assert any(like(text.rstrip()).search(one) for one in emitted)


@pytest.mark.compiles
@pytest.mark.parametrize("text", [block for block in blocks("c") if "int main(" in block.values[0]])
def test_c_programs_compile_with_the_emitted_files_and_run(text: str, place: Path) -> None:
    command = re.match(r"/\* (gen-conv .*?) \*/", text)
    code, printed = shell(command[1] if command else "gen-conv examples/wake_word.conv --init", place)
    assert code == 0, printed
    (place / "main.c").write_text(text)
    files = ["main.c", *map(str, sorted((place / "build").glob("*.c")))]
    flags = ["-std=c99", *LIGHT, "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-Ibuild"]
    subprocess.run(["gcc", *flags, *files, "-o", "program"], cwd=place, check=True, timeout=120)
    done = subprocess.run([place / "program"], cwd=place, capture_output=True, text=True, timeout=60)
    told = re.search(r"/\* prints (.*?) \*/", text)
    assert told
    assert (done.returncode, done.stdout.strip()) == (0, told[1])


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.conv")), ids=lambda path: path.name)
def test_examples_show_a_good_style(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith("# ")
    assert max(map(len, text.splitlines())) <= 120


def test_the_gallery_shows_every_example() -> None:
    page = (ROOT / "docs" / "gallery.md").read_text("utf-8")
    shown = set(re.findall(r"\(\.\./examples/([\w.]+)\)", page))
    assert shown == {path.name for path in (ROOT / "examples").iterdir() if path.is_file()}


def test_the_first_figure_of_the_readme_is_that_of_its_source() -> None:
    """The geometric means of the table in docs/cmsis_nn.md, to which the readme and the comparison lead."""
    text = (ROOT / "docs" / "cmsis_nn.md").read_text("utf-8")
    found = re.findall(r"^\| `cortex-m(?:4|55)` \| (\d+) \| ([\d.]+) \|", text, re.M)
    (layers, m4), (_, m55) = found
    assert f"{layers} int8 layers on a Cortex-M4 take {m4} times fewer" in (ROOT / "README.md").read_text("utf-8")
    page = " ".join((ROOT / "docs" / "comparison.md").read_text("utf-8").split())
    assert f"On {layers} layers it needs {m4} times fewer instructions on a Cortex-M4 and {m55} times fewer" in page


def test_the_readme_has_the_means_of_the_picture_beside_it() -> None:
    means = json.loads((ROOT / "docs" / "bench.json").read_text("utf-8"))[0]["geometric_mean"]
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert f"run **{means['python']:.2f} times as fast as the best of PyTorch" in readme
    assert f"From C they run {means['c']:.2f} times as fast as the best of LIBXSMM" in readme
    page = " ".join((ROOT / "docs" / "bench.md").read_text("utf-8").split())
    assert f"The geometric mean is {means['python']:.2f} from Python (10 rounds) and {means['c']:.2f} from C" in page


def test_the_ci_runs_the_commands_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    commands = re.findall(r"^python3 -m venv .*$", readme, re.M)
    assert len(commands) == 2
    [tests] = [command for command in commands if "pytest" in command]
    assert f"\n{tests}\n" in script
    [start] = [command for command in commands if "pytest" not in command]
    assert f"\n{start.split(' && ')[-1]}\n" in script


def commands_of(page: Path) -> list[str]:
    """The command lines in a page's sh blocks, taken apart at &&."""
    found = []
    for match in FENCE.finditer(page.read_text("utf-8")):
        if match[2] == "sh":
            found += [part.strip() for line in match[3].splitlines() for part in line.split("&&")]
    return found


def test_what_a_change_must_pass_is_what_ci_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    checks = [line for line in commands_of(ROOT / "CONTRIBUTING.md") if re.search(r"bin/(?:ruff|mypy)", line)]
    assert len(checks) == 3
    for line in checks:
        assert f"\n{line}\n" in script, line


@pytest.mark.live
@pytest.mark.parametrize("command", [line for line in commands_of(ROOT / "CONTRIBUTING.md") if "bin/ruff" in line])
def test_the_checks_of_the_contributing_page_pass(command: str) -> None:
    pytest.importorskip("ruff", reason="ruff is not installed: pip install 'gen-conv[lint]'")
    words = shlex.split(command.removeprefix(".venv/bin/"))
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


@pytest.mark.live
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_within_a_sentence_name_what_there_is(page: Path) -> None:
    """`python SCRIPT` and `pytest FILE --option`: the file is there, and pytest knows the options."""
    for words in map(shlex.split, re.findall(r"`((?:python|pytest) [^`]+)`", page.read_text("utf-8"))):
        paths = [word for word in words if re.match(r"[a-z]+/", word)]
        for path in paths:
            assert (ROOT / path).is_file(), path
        if words[0] == "pytest":
            words += [] if paths else ["tests/test_skips.py"]  # of few tests, perhaps none of them wanted
            asked = [sys.executable, "-m", *words, "--collect-only", "-q", "-p", "no:cacheprovider"]
            done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=120)
            assert done.returncode in ((0,) if paths else (0, pytest.ExitCode.NO_TESTS_COLLECTED)), done.stdout


def test_the_table_of_what_to_add_names_what_there_is() -> None:
    """Each path is there, and each name in capitals is bound in a file of its row."""
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| a")]
    assert len(rows) == 7
    for row in rows:
        words = re.findall(r"`([^`]+)`", row)
        paths = [ROOT / word for word in words if "/" in word]
        assert paths
        assert [path for path in paths if not path.exists()] == []
        texts = [path.read_text("utf-8") for path in paths if path.suffix == ".py"]
        for name in (word for word in words if word.isupper() and not word.startswith(".")):
            assert any(re.search(rf"^{name}\b.*=", text, re.M) for text in texts), f"{name} is not in {paths}"


def test_each_row_of_what_to_add_has_a_test_that_adds_a_toy_one() -> None:
    """What is registered goes all the way in it, and is gone afterwards."""
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("| a")]
    toys = {what.strip(): re.findall(r"`(tests/\w+/test_toy_\w+\.py)`", test) for what, _, test in rows}
    assert toys.pop("an error") == []
    assert toys.pop("a stage of the epilogue") == ["tests/problem/test_toy_epilogue.py"]  # a problem holds its stages
    assert len(toys) == 5
    for what, found in toys.items():
        assert found, what
        tree = ast.parse((ROOT / found[0]).read_text("utf-8"))
        tests = " ".join(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
        assert re.search(r"test_\w*goes_all_the_way", tests), found
        assert re.search(r"test_\w*(gone_afterwards|comes_and_goes)", tests), found
        assert any(
            isinstance(node, ast.With) and "registered(" in ast.unparse(node.items[0]) for node in ast.walk(tree)
        )


def written_by(script: str) -> Any:
    """The module docs/SCRIPT.py, which writes a page."""
    spec = importlib.util.spec_from_file_location(script, ROOT / "docs" / f"{script}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_list_of_errors_is_up_to_date() -> None:
    assert (ROOT / "docs" / "errors.md").read_text("utf-8") == written_by("write_errors").page()


def test_the_reference_is_up_to_date_and_whole() -> None:
    import codegen

    text = written_by("write_api").page()
    assert (ROOT / "docs" / "reference.md").read_text("utf-8") == text
    absent = [name for name in codegen.__all__ if not re.search(rf"(codegen\.|`|### ){name}\b", text)]
    assert absent == ["__version__", "dask"] or absent == ["__version__"]


def test_the_page_on_keras_is_up_to_date() -> None:
    assert (ROOT / "docs" / "keras.md").read_text("utf-8") == written_by("write_keras").page()


def test_the_picture_is_up_to_date() -> None:
    assert (ROOT / "docs" / "tile.svg").read_text("utf-8") == written_by("picture").picture()


def test_the_targets_page_has_the_table_of_the_code() -> None:
    from codegen.problem.targets import TARGETS

    page = (ROOT / "docs" / "targets.md").read_text("utf-8")
    rows = {match[1]: match[0] for match in re.finditer(r"^\| `([\w-]+)` \|.*$", page, re.M)}
    assert set(rows) == {*TARGETS, "native"}
    for target in TARGETS.values():
        assert (" ".join(target.flags) or "none") in rows[target.name]
        assert f"| {'yes' if target.fma else 'no'} |" in rows[target.name]
        assert f"{target.vector_bytes} bytes" in rows[target.name] or not target.vector_bytes


def test_the_language_page_has_every_parameter_and_default() -> None:
    from codegen.specs.kinds import KINDS
    from codegen.specs.parameters import REQUIRED, parameters

    page = (ROOT / "docs" / "language.md").read_text("utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| `")
    ]
    told = {name: row[1] for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    for kind in KINDS.values():
        assert f"`{kind.kind}`" in page
        for name, known in parameters(kind).items():
            if name in ("input_shape", "name"):  # needed in a file, though not in Python; the block's own
                assert told[name] in ("required", "the block's")
            elif name in told:
                assert told[name] == ("required" if known.default is REQUIRED else f"`{known.default}`"), name
            else:
                assert re.search(rf"`{kind.kind}` has[^|]*`{name}`", page, re.S), name


def signature(function: Any) -> str:
    """Its arguments as a page writes them: defaults, without types."""
    told = inspect.signature(function)
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in told.parameters.values()]
    return str(inspect.Signature(bare)).replace("'", '"')


def test_the_api_page_has_the_signatures_and_the_errors_of_the_code() -> None:
    import codegen
    from codegen import errors, pipeline

    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    text = " ".join(page.split())
    assert f"`codegen.load{signature(codegen.load)}`" in text
    assert f"`pipeline.generate{signature(pipeline.generate)}`" in text
    for function in (codegen.load, pipeline.generate, codegen.Conv1D):
        for one in inspect.signature(function).parameters.values():
            if one.kind is one.KEYWORD_ONLY:
                assert f"`{one.name}`" in text, one.name
    rows = re.findall(r"^\| `(\w+Errors?)`(?:, `(\w+Errors?)`)?", page, re.M)
    public = {name for name in codegen.__all__ if isinstance(getattr(errors, name, None), type)}
    assert {name for row in rows for name in row if name} == public - {"GenConvError"}


def test_the_command_page_has_every_exit_code_of_the_code() -> None:
    from codegen import errors

    page = (ROOT / "docs" / "cli.md").read_text("utf-8")
    rows = {int(code) for line in re.findall(r"^\| ([\d, ]+) \|", page, re.M) for code in line.split(",")}
    classes = [errors.GenConvError, *errors.GenConvError.__subclasses__()]
    assert rows == {0, main.BUG, main.INTERRUPTED, main.PIPE_CLOSED, *(one.exit_code for one in classes)}


STUMBLES = r"\b(?:is|are|was|were|being) told\b|\bstands (?:in(?! for)|behind|before|outside|around)\b|\ba header an\b"


def test_no_page_has_words_that_a_native_reader_stumbles_over() -> None:
    """Of what is written by hand; what comes of docstrings is theirs."""
    for page in PAGES:
        if page.name in ("reference.md", "errors.md", "keras.md", "design.md", "CONTRIBUTING.md"):
            continue
        text = FENCE.sub("", page.read_text("utf-8"))
        assert not re.findall(STUMBLES, text), page.name


def test_no_page_promises_what_the_house_forbids() -> None:
    for page in PAGES:
        text = page.read_text("utf-8")
        assert not re.search(r"/(?:root|home|work|tmp)/", text), page.name
        assert not re.search(r"\b20\d\d-\d\d-\d\d\b", text), page.name

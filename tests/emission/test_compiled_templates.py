"""A template is compiled once; what lies compiled is used only where it is that of the text at hand, and whole."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jinja2
import pytest

from codegen import installed
from codegen.emission.compiled_templates import CompiledTemplates

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "sum.c.j2").write_text("{{ a }} + {{ b }};")
    return tmp_path


def text(templates: Path, maker: bytes = b"maker") -> str:
    """What a new environment prints of the template."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates), bytecode_cache=CompiledTemplates(templates, maker)
    )
    return environment.get_template("sum.c.j2").render(a=1, b=2)


def compiled(templates: Path) -> list[Path]:
    return sorted((templates / "__pycache__").iterdir()) if (templates / "__pycache__").is_dir() else []


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that Jinja compiles from now on."""
    found: list[str] = []
    true = jinja2.Environment.compile

    def counted(self: jinja2.Environment, source: Any, *arguments: Any, **options: Any) -> Any:
        found.append(source)
        return true(self, source, *arguments, **options)

    monkeypatch.setattr(jinja2.Environment, "compile", counted)
    return found


def test_a_template_is_compiled_once(templates: Path, compilations: list[str]) -> None:
    assert [text(templates), text(templates)] == ["1 + 2;", "1 + 2;"]
    assert len(compilations) == len(compiled(templates)) == 1


def test_another_text_is_compiled_anew(templates: Path, compilations: list[str]) -> None:
    text(templates)
    (templates / "sum.c.j2").write_text("{{ a }} - {{ b }};")
    assert text(templates) == "1 - 2;"
    assert len(compilations) == 2


def test_another_maker_compiles_anew(templates: Path, compilations: list[str]) -> None:
    text(templates)
    text(templates, b"another")
    assert len(compilations) == 2


@pytest.mark.long
def test_a_torn_or_foreign_file_is_made_anew(templates: Path, compilations: list[str]) -> None:
    text(templates)
    [path] = compiled(templates)
    whole = path.read_bytes()
    for count, torn in enumerate([*(whole[:at] for at in range(0, len(whole), 7)), b"\0" * 99, whole[:40] + b"junk"]):
        path.write_bytes(torn)
        assert text(templates) == "1 + 2;"
        assert len(compilations) == count + 2
        assert path.read_bytes() == whole


def test_a_folder_that_cannot_be_written_to_stays_as_it_is(templates: Path) -> None:
    (templates / "__pycache__").write_text("a file")
    assert text(templates) == "1 + 2;"
    assert (templates / "__pycache__").read_text() == "a file"


def test_nothing_is_written_where_python_writes_no_bytecode(templates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert text(templates) == "1 + 2;"
    assert compiled(templates) == []


def test_what_is_compiled_is_no_new_template(templates: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans that are known without their text stay known."""
    monkeypatch.setattr(installed, "folder", lambda name: templates)
    monkeypatch.setattr(installed, "STARTED", time.time_ns() + 10**12)
    before = installed.fingerprint.__wrapped__()
    text(templates)
    assert compiled(templates)
    assert before == installed.fingerprint.__wrapped__() is not None
    (templates / "sum.c.j2").write_text("{{ a }} - {{ b }};")
    assert installed.fingerprint.__wrapped__() != before


@pytest.mark.live
def test_a_second_run_of_the_command_compiles_nothing_and_needs_no_numpy(tmp_path: Path) -> None:
    code = """
import sys, jinja2, lark
sys.dont_write_bytecode = False
from codegen.cli import main as cli
from codegen.language import parser
words = ["examples/wake_word.conv", "-o", sys.argv[1]]
assert cli.main(words) == 0
from codegen.emission import heads
heads.templates.cache_clear()
jinja2.Environment.compile = None
assert cli.main(words) == 0
print("numpy" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["False"], done.stderr

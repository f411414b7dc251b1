"""`gen-conv fmt`: what it writes, prints, leaves alone and returns."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen.cli import main as cli

BEFORE = "# a layer\nconv1d one{input_shape=(8,2),filters=3;kernel_size=3} # here\n"
AFTER = "# a layer\nconv1d one { input_shape = (8, 2), filters = 3, kernel_size = 3 }  # here\n"
WRONG = "conv1d two { input_shape = (8, 2) filters = 3 }\n"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`gen-conv fmt` on some words, in a folder with one.conv to be laid out and two.conv with a syntax error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.conv").write_text(BEFORE)
    (tmp_path / "two.conv").write_text(WRONG)

    def go(*words: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = cli.main(["fmt", *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return go


def test_a_file_is_laid_out_once(run: Run) -> None:
    assert run("one.conv") == (0, "reformatted one.conv\n", "")
    assert Path("one.conv").read_text() == AFTER
    before = Path("one.conv").stat()
    assert run("one.conv") == (0, "unchanged one.conv\n", "")
    assert Path("one.conv").stat().st_ino == before.st_ino
    assert sorted(path.name for path in Path().iterdir()) == ["one.conv", "two.conv"]


def test_check_tells_and_writes_nothing(run: Run) -> None:
    assert run("one.conv", "--check") == (1, "differs one.conv\n", "")
    assert Path("one.conv").read_text() == BEFORE
    run("one.conv")
    assert run("one.conv", "--check") == (0, "up to date one.conv\n", "")


def test_diff_shows_and_writes_nothing(run: Run) -> None:
    code, out, err = run("one.conv", "--diff")
    assert (code, err) == (1, "")
    assert f"-{BEFORE.splitlines()[1]}\n+{AFTER.splitlines()[1]}\n" in out
    assert Path("one.conv").read_text() == BEFORE
    run("one.conv")
    assert run("one.conv", "--diff") == (0, "", "")


def test_standard_input_is_printed(run: Run) -> None:
    assert run("-", stdin=BEFORE) == (0, AFTER, "")
    assert run("-", "--check", stdin=BEFORE)[0] == 1
    assert run("-", "--check", stdin=AFTER)[0] == 0


def test_a_syntax_error_leaves_every_file_alone(run: Run) -> None:
    code, out, err = run("one.conv", "two.conv")
    assert (code, out) == (1, "")
    assert "error[E109]" in err
    assert "--> two.conv:1:35" in err
    assert Path("one.conv").read_text() == BEFORE
    assert Path("two.conv").read_text() == WRONG
    assert run("-", stdin=WRONG)[:2] == (1, "")


def test_what_cannot_be_read_or_does_not_go_together_is_usage(run: Run) -> None:
    assert run("three.conv")[0] == 2
    assert run("one.conv", "-")[0] == 2
    assert run()[0] == 2
    assert Path("one.conv").read_text() == BEFORE


def test_a_link_stays_a_link_and_permissions_stay(run: Run) -> None:
    Path("link.conv").symlink_to("one.conv")
    Path("one.conv").chmod(0o640)
    assert run("link.conv")[0] == 0
    assert Path("link.conv").is_symlink()
    assert Path("one.conv").read_text() == AFTER
    assert Path("one.conv").stat().st_mode & 0o777 == 0o640


def test_a_formatter_with_a_fault_writes_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from codegen.language import writer

    monkeypatch.setattr(writer, "text", lambda document: "let a = 1\n")
    code, out, err = run("one.conv")
    assert (code, out) == (70, "")
    assert "bug in gen-conv" in err
    assert Path("one.conv").read_text() == BEFORE


def test_json(run: Run) -> None:
    from tests.cli.test_cli import document

    found = document(run("one.conv", "--json", "--check")[1])
    assert (found["command"], found["ok"], found["exit_code"]) == ("fmt", False, 1)
    assert [(file["path"], file["state"], file["bytes"]) for file in found["files"]] == [
        ("one.conv", "differs", len(AFTER))
    ]
    assert document(run("-", "--json", stdin=BEFORE)[1])["files"][0]["text"] == AFTER
    assert json.loads(run("two.conv", "--json")[1])["errors"][0]["code"] == "E109"

"""Standard streams that are closed, full, gone or no text, and inputs that can be read only once."""

from __future__ import annotations

import errno
import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYER = "conv1d one { input_shape = (8, 2), filters = 3, kernel_size = 3, padding = same, activation = relu }\n"
UNWRITABLE = "gen-conv: error: cannot write to standard output: {}\n"
TELLING = [  # every command, as far as it prints anything
    "one.conv",
    "-",
    "one.conv -o -",
    "one.conv --json",
    "one.conv --diff -o elsewhere",
    "show one.conv",
    "verify one.conv --target scalar",
    "doctor",
    "explain E104",
    "new fresh",
    "help",
    "bench --help",
    "--version",
]
FULL = ["one.conv", "one.conv --json", "explain", "help"]
SOURCES = [
    "<&-",
    "0>there",
    *(["< ."] if sys.version_info >= (3, 14) else []),
]  # before, a folder is Python's own error

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell redirects")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "one.conv").write_text(LAYER)
    (tmp_path / "bad.conv").write_text(LAYER.replace("filters", "filter"))
    return tmp_path


def shell(line: str, cwd: Path, stdin: str = LAYER) -> tuple[int, str, str]:
    """A shell's line, `gen-conv` in it being this checkout's: (exit code, stdout, stderr)."""
    done = subprocess.run(
        ["bash", "-c", line.replace("gen-conv", f"{shlex.quote(sys.executable)} -m codegen")],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.live
@pytest.mark.in_turn(4)
@pytest.mark.parametrize(
    ("words", "to", "number"),
    [(words, ">&-", errno.EBADF) for words in TELLING] + [(words, ">/dev/full", errno.ENOSPC) for words in FULL],
)
def test_an_output_that_takes_nothing_is_an_error_of_its_own(place: Path, words: str, to: str, number: int) -> None:
    assert shell(f"gen-conv {words} {to}", place) == (2, "", UNWRITABLE.format(os.strerror(number)))


@pytest.mark.live
@pytest.mark.in_turn(4)
@pytest.mark.parametrize("to", [">&-", ">/dev/full"])
def test_a_command_with_nothing_to_say_needs_no_output(place: Path, to: str) -> None:
    assert shell(f"gen-conv one.conv -q {to}", place) == (0, "", "")
    assert (place / "build" / "one.c").read_text().startswith("/*\n * one: ")
    code, _, err = shell(f"gen-conv nowhere.conv {to}", place)
    assert (code, err.startswith("gen-conv: error: no file `nowhere.conv`")) == (2, True)
    assert shell(f"gen-conv bad.conv {to}", place)[0] == 1


@pytest.mark.live
@pytest.mark.in_turn(4)
@pytest.mark.parametrize("to", ["2>&- <&-", "2>/dev/full"])
def test_errors_that_nobody_hears_keep_their_exit_code(place: Path, to: str) -> None:
    for words, code in {"nowhere.conv": 2, "bad.conv": 1, "": 2, "one.conv --no-such": 2}.items():
        assert shell(f"gen-conv {words} {to}", place)[:2] == (code, ""), words
    assert shell(f"gen-conv one.conv -v {to}", place)[0] == 0
    assert shell(f"gen-conv one.conv >&- {to}", place)[0] == 2
    for name in ("one.c", "one.h"):  # no message has got into a file
        assert "gen-conv:" not in (place / "build" / name).read_text()


@pytest.mark.live
@pytest.mark.in_turn(4)
@pytest.mark.parametrize("source", SOURCES)
def test_an_input_that_cannot_be_read_is_an_error(place: Path, source: str) -> None:
    for words in ("-", "verify -"):
        code, out, err = shell(f"gen-conv {words} {source}", place)
        assert (code, out) == (2, "")
        assert err.startswith("gen-conv: error: cannot read standard input")
        assert "gen-conv - < net.conv" in err
    assert shell(f"gen-conv one.conv -q {source}", place) == (0, "", "")


@pytest.mark.live
@pytest.mark.in_turn(4)
@pytest.mark.parametrize("words", ["- -o -", "show -", "- --json"])
def test_a_reader_that_went_away_is_no_error_message(place: Path, words: str) -> None:
    (place / "many.conv").write_text(
        "".join(LAYER.replace("one", f"layer_{i}").replace("(8, 2)", "(64, 8)") for i in range(60))
    )
    line = f"gen-conv {words} < many.conv | true; echo ${{PIPESTATUS[0]}}"
    code, out, err = shell(line, place)
    assert (code, out, err) == (0, "141\n", "")
    code, out, err = shell("(gen-conv one.conv nowhere.conv 2>&1 1>/dev/null; echo $? >code) | true; cat code", place)
    assert (out, err) == ("2\n", "")


class TestReadOnce:
    """Standard input, FIFOs and what a shell makes of <(…) give their text once."""

    @pytest.mark.live
    @pytest.mark.in_turn(4)
    @pytest.mark.parametrize(
        ("path", "emit"), [("-", "backward"), ("/dev/stdin", "c,backward"), ("-", "c,pyext,backward")]
    )
    def test_standard_input(self, place: Path, path: str, emit: str) -> None:
        code, _, err = shell(f"cat one.conv | gen-conv {path} --emit {emit} -q -o {emit}", place)
        assert (code, err) == (0, "")
        wanted = {"c": {"one.c", "one.h"}, "backward": {"one_backward.c", "one_backward.h"}, "pyext": set()}
        found = {path.name for path in (place / emit).iterdir() if path.suffix in (".c", ".h")}
        assert found == set().union(*(wanted[word] for word in emit.split(",")))

    @pytest.mark.live
    @pytest.mark.in_turn(4)
    @pytest.mark.parametrize("words", ["{} -q --emit c,backward", "show {}", "verify {} --target scalar"])
    def test_a_fifo(self, place: Path, words: str) -> None:
        os.mkfifo(place / "fifo")
        told: list[tuple[int, str, str]] = []
        reader = threading.Thread(target=lambda: told.append(shell(f"gen-conv {words.format('fifo')}", place)))
        reader.start()
        (place / "fifo").write_text(LAYER)
        reader.join()
        assert (told[0][0], told[0][2]) == (0, "")
        assert told[0] == shell(f"gen-conv {words.format('one.conv')}", place)

    @pytest.mark.live
    def test_a_fifo_of_weights_is_refused(self, place: Path) -> None:
        os.mkfifo(place / "w.npz")
        code, _, err = shell("gen-conv one.conv --weights w.npz", place)
        assert (code, "`w.npz` is no regular file" in err) == (2, True)

    @pytest.mark.live
    def test_standard_input_twice(self, place: Path) -> None:
        code, _, err = shell("gen-conv - one.conv -", place)
        assert (code, "standard input can be read only once" in err) == (2, True)

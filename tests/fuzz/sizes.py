"""Fuzz sizes: legal layers of any size are planned, shown and emitted, each in a child of limited memory and time.

A finding is a child that is killed, ends with an error that is none of ours, or takes far more than is promised. What
is promised is 2 s and 300 MB; the limits are wider, as machines differ.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from codegen.cli.main import main
from codegen.emission import render  # noqa: F401  # what every child needs is loaded once
from codegen.numbers.formats import STORED
from codegen.problem.targets import TARGETS
from tests.fuzz import definitions

SECONDS = 10  # of CPU time in a child: a hang
MORE_BYTES = 1 << 30  # of address space in a child, beyond the parent's
WARM = """\
conv1d_transpose up { input_shape = (None, 4), filters = 4, kernel_size = 3, strides = 2, activation = softmax }
separable_conv1d apart { input_shape = (4, 90), filters = 4, kernel_size = 3, data_format = channels_first }
"""
WELL = (0, 1)  # done, or an error that is told
OVER = {
    -signal.SIGXCPU: "takes more than the CPU time allowed",
    -signal.SIGKILL: "takes more than the CPU time allowed",
}


def run(count: int, seed: int) -> tuple[int, list[str]]:
    """`count` legal layers, each shown and emitted in one way; (tried, findings)."""
    draw, tried, findings = definitions.Draw(seed), 0, []
    with TemporaryDirectory() as folder:
        _warm(Path(folder))
        while tried < count:
            given = definitions.arguments(draw)
            if definitions.spec(given) is None:
                continue
            tried += 1
            words = options(draw, given["dtype"])
            wrong = fault(definitions.text(given), words, Path(folder))
            if wrong:
                findings.append(f"{wrong}: {' '.join(words)}: {given}")
    return tried, findings


def _warm(folder: Path) -> None:
    """Emits two layers of the kinds with most templates, so that no child reads these anew."""
    spec = folder / "warm.conv"
    spec.write_text(WARM, "utf-8")
    for words in (["--accuracy", "fast"], ["--packed"], ["--init", "--seed", "7"]):
        with redirect_stdout(StringIO()):
            assert main([str(spec), "-o", str(folder), *words]) == 0


def options(draw: definitions.Draw, dtype: str) -> list[str]:
    """The words of a command line after the file's name."""
    words = ["--target", draw.of(tuple(TARGETS)), "--accuracy", draw.of(("exact", "fast", "wide"))]
    words += draw.of(([], ["--packed"], ["--init", "--seed", "7"]))
    if dtype == "float32" and draw.chance(0.2):
        words += ["--storage", draw.of(tuple(STORED))]
    return words


def fault(text: str, words: list[str], folder: Path) -> str | None:
    """What goes wrong with a file, None if nothing does."""
    spec = folder / "layer.conv"
    spec.write_text(text, "utf-8")
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os._exit(_child(writer, [[*start, str(spec), *words] for start in (["show"], ["-o", str(folder)])]))
    os.close(writer)
    with open(reader, encoding="utf-8", errors="replace") as told:
        said = told.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return None if code in WELL else f"{OVER.get(code, code)}: {said.strip()[-500:]}"


def _child(writer: int, commands: list[list[str]]) -> int:
    """Runs the commands under limits of its own, and tells what they say of errors; the worst exit code."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    size = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MORE_BYTES,) * 2)
    code, said = 0, StringIO()
    try:
        with redirect_stdout(StringIO()), redirect_stderr(said):
            code = max(main(command) for command in commands)
    except BaseException as error:  # a child never returns into its parent's stack
        said.write(f"{type(error).__name__}: {error}")
        code = 99
    os.write(writer, said.getvalue().encode()[-4000:])
    return code


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    given_ = parser.parse_args()
    tried_, findings_ = run(given_.count, given_.seed)
    print(*findings_, f"{tried_} tried, {len(findings_)} findings", sep="\n")
    sys.exit(bool(findings_))

"""Compilers that report success and lie: an error that names the variable, or the next compiler; no crash, no wait."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import sys
import warnings
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.emission.render import jit_text, render
from codegen.errors import ToolchainError
from codegen.machine import cache, compiler_process, compilers, fpu, loader
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.problem import reference
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import TARGETS
from tests.machine.test_compilers import alive, eventually
from tests.support import cprogram

PROBLEM = ConvProblem(20, 5, 8, 3, pad_left=1, pad_right=1)
SOURCE = render(planner.plan(PROBLEM, Ask(TARGETS["scalar"], "packed")), "conv1d")
CUT = "size=$(wc -c < $GOOD)\nhead -c $((size / 2)) $GOOD > kernel.so"
LIES = {  # what a compiler does that then reports success ($GOOD is a right library), and what is said of it
    "cut short": (CUT, "is no whole library: its headers speak of"),
    "zeros after its half": (f"{CUT}; truncate -s $size kernel.so", "is no whole library: "),
    "cut in its headers": ("head -c 100 $GOOD > kernel.so", "it ends within its headers, after 100 bytes"),
    "garbage": ("echo all is well, trust me > kernel.so", "it begins with b'all is w', as no library does"),
    "a program's text": ("cp kernel.c kernel.so", "as no library does"),
    "an object file": ("gcc -c -DGENCONV_EXPORT= -o kernel.so kernel.c", "an ELF file of type 1"),
    "an empty file": (": > kernel.so", "is no whole library: it is empty"),
    "a folder": ("mkdir kernel.so", "is no regular file"),
    "a FIFO": ("mkfifo kernel.so", "is no regular file"),
    "a FIFO that is fed": ("mkfifo kernel.so; cat /dev/zero > kernel.so &", "is no regular file"),
    "an endless device": ("ln -s /dev/zero kernel.so", "is no regular file"),
    "a link to nothing": ("ln -s nothing kernel.so", "but it wrote no kernel.so"),
    "nothing": ("", "but it wrote no kernel.so"),
    "no folder any more": ('rm -rf "$PWD"', "but it wrote no kernel.so"),
    "another machine's": (
        "cp $GOOD kernel.so; printf '\\377\\377' | dd of=kernel.so bs=1 seek=18 conv=notrunc 2>/dev/null",
        "its library cannot be loaded: it is another machine's",
    ),
    "another function": ('gcc "$@" -Dgenconv_run_v1=another', "its library has no function genconv_run_v1"),
    "a missing library": (
        'echo "extern int missing; int *there(void) { return &missing; }" >> kernel.c; gcc "$@"',
        "its library cannot be loaded: undefined symbol: missing",
    ),
    "other sums": (
        "sed -i 's/ += \\([a-z0-9]* \\*\\)/ -= \\1/g' kernel.c; gcc \"$@\"",
        "compiled a kernel that is wrong",
    ),
    "its death": ("kill -SEGV $$", "ended with status -11"),
}
if platform.machine() in ("x86_64", "AMD64"):
    LIES["flush to zero"] = ('gcc "$@" -Ofast', "its library changes the modes of floating-point arithmetic, as -Ofast")
LIVES_ON = {  # what goes on after the compiler's end, holding its pipe
    "silent": "sleep 100 &",
    "endless": "yes &",
    "in a session of its own": "setsid sleep 5 &",
    "endless in a session of its own": "setsid timeout 5 yes &",
}
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="shell scripts stand in for compilers; makes ELF files")


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cache of the test's own, its one warning still to come, and an end of all waiting."""
    monkeypatch.setenv("GENCONV_CACHE_DIR", str(tmp_path / "cache"))
    for variable in compilers.VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(cache, "_WARNED", set())
    monkeypatch.setattr(sys, "executable", "")  # no ziglang

    def hang(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an honest compiler makes of SOURCE."""
    path = tmp_path_factory.mktemp("good") / "kernel.so"
    compiler = compilers.Compiler((cprogram.program("gcc", "gcc"),), "gcc", "", "")
    path.write_bytes(compiler.shared(jit_text(SOURCE), TARGETS["scalar"]))
    return path


@pytest.fixture
def liar(tmp_path: Path, good: Path) -> Any:
    """Makes a compiler that does `body` and then reports success."""

    def make(body: str, name: str = "liar") -> Path:
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo {name} 1.0 && exit\nGOOD={good}\n{body}\nexit 0\n')
        path.chmod(0o755)
        return path

    return make


def kernel() -> loader.Kernel:
    return loader.load(SOURCE, TARGETS["scalar"])


def computes(kernel: loader.Kernel) -> bool:
    x = np.arange(100, dtype="f").reshape(1, 20, 5)
    weights, bias, y = np.ones(PROBLEM.kernel_shape, "f"), np.ones(8, "f"), np.empty((1, 20, 8), "f")
    kernel.run(x, y, kernel.pack(weights), bias)
    return kernel.path is not None and np.array_equal(y, reference.convolve(PROBLEM, x, weights, bias))


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@pytest.mark.parametrize(("lie", "variable"), list(zip(LIES, cycle(compilers.VARIABLES), strict=False)))
def test_a_configured_liar_is_an_error_that_names_the_variable(
    lie: str, variable: str, liar: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, told = LIES[lie]
    monkeypatch.setenv(variable, str(liar(body)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ToolchainError) as caught:
            kernel()
    assert told in str(caught.value)
    assert str(caught.value).endswith(
        f"The compiler is the one in {variable}: name another there, or unset it to have one found"
    )
    assert list(Path(os.environ["GENCONV_CACHE_DIR"]).rglob("*.so")) == []
    assert fpu._ieee()


@pytest.mark.in_turn(4)
@pytest.mark.compiles
@pytest.mark.parametrize("lie", LIES)
def test_a_liar_of_path_gives_way_to_the_next(
    lie: str, liar: Any, tmp_path: Path, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar(LIES[lie][0], "cc")
    (tmp_path / "bin" / "gcc").symlink_to(shutil.which("gcc") or "")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = kernel()
    assert computes(found)
    assert fpu._ieee()


@pytest.mark.in_turn(3)
@pytest.mark.compiles
@pytest.mark.parametrize("lie", ["cut short", "a folder", "a missing library", "another function", "other sums"])
def test_a_liar_alone_leaves_numpy_which_says_why(lie: str, liar: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = liar(LIES[lie][0])
    compiler = compilers.Compiler((str(path),), "cc", "liar 1.0", "1")
    monkeypatch.setattr(compilers, "chain", lambda: iter([compiler]))
    with pytest.warns(RuntimeWarning, match="layers run in NumPy, slowly, as") as warned:
        found = kernel()
    assert found.path is None
    assert LIES[lie][1] in str(warned[0].message)
    assert len(warned) == 1


@pytest.mark.compiles
@pytest.mark.parametrize("child", LIVES_ON)
def test_a_child_that_lives_on_is_not_waited_for(child: str, liar: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is right, so it is taken; whatever holds the compiler's pipe is ended, or at least not heeded."""
    monkeypatch.setenv("GENCONV_CC", str(liar(f"{LIVES_ON[child]}\ncp $GOOD kernel.so")))
    monkeypatch.setenv("GENCONV_CC_TIMEOUT", "60")
    assert computes(kernel())


@pytest.mark.live
def test_what_lives_on_is_ended(tmp_path: Path) -> None:
    compiler_process.run(("sh", "-c", f"sleep 100 & echo $! > {tmp_path}/child"), seconds=60)
    child = int((tmp_path / "child").read_text())
    assert eventually(lambda: not alive(child))


@pytest.mark.live
def test_the_end_of_what_it_says_is_heard_though_a_child_lives_on() -> None:
    said = compiler_process.run(("sh", "-c", "sleep 100 & seq 1 100000; echo the end"), seconds=60)
    assert said.endswith("99999\n100000\nthe end\n")


@pytest.mark.compiles
def test_a_call_that_changes_the_arithmetic_is_found_out(liar: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip("sets a register of x86")
    flush = "__builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040u);"
    monkeypatch.setenv("CC", str(liar(f"sed -i 's/^{{$/{{ {flush}/' kernel.c\ngcc \"$@\"")))
    with pytest.raises(ToolchainError, match=r"changes the modes of floating-point arithmetic(.|\n)*the one in CC:"):
        kernel()
    assert fpu._ieee()

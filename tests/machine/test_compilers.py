"""The compiler: in which order it is found, and that nothing it does can hurt: hang, flood, break, or change a sum."""

from __future__ import annotations

import ctypes
import os
import platform
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen import pipeline
from codegen.errors import ToolchainError, UsageError
from codegen.machine import compiler_process, compilers
from codegen.problem.targets import TARGETS
from codegen.specs.kinds import Conv1DSpec
from tests.support import cprogram

SCALAR = TARGETS["scalar"]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="shell scripts stand in for compilers")


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def fake(path: Path, name: str) -> Path:
    """A compiler that knows its version and nothing else."""
    return script(path / name, f"echo {name} of {path.name} 1.0")


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as PATH, no variables, no ziglang."""
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", str(path))
    for variable in compilers.VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sys, "executable", "")
    return path


def found() -> list[str]:
    return [compiler.version for compiler in compilers.chain()]


@pytest.mark.live
def test_the_order_is_cc_gcc_clang(bare: Path) -> None:
    assert compilers.find() is None
    assert "ziglang is not installed" in str(compilers.describe().problem)
    for name in ("clang", "gcc", "cc"):
        fake(bare, name)
    assert found() == ["cc of bin 1.0", "gcc of bin 1.0", "clang of bin 1.0"]


@pytest.mark.live
def test_a_variable_wins_and_stands_alone(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(bare, "cc")
    other = fake(tmp_path / "other", "gcc-99")
    monkeypatch.setenv("CC", str(other))
    assert found() == ["gcc-99 of other 1.0"]
    mine = fake(tmp_path / "my tools", "cc")
    monkeypatch.setenv("GENCONV_CC", str(mine))  # a space in the path, no quotes
    (compiler,) = compilers.chain()
    assert (compiler.command, compiler.found, compiler.configured) == ((str(mine),), "GENCONV_CC", True)
    monkeypatch.setenv("GENCONV_CC", f"{shlex.quote(str(mine))} --sysroot='a b'")
    assert next(compilers.chain()).command == (str(mine), "--sysroot=a b")


@pytest.mark.live
def test_a_home_in_a_variable_is_what_a_shell_takes_for_it(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake(tmp_path / "bin", "mine")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GENCONV_CC", "~/bin/mine -g0")
    assert next(compilers.chain()).command == (str(tmp_path / "bin" / "mine"), "-g0")


@pytest.mark.live
def test_ziglang_is_the_last_of_the_chain(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "AMD64")  # named, as zig would else compile for this very CPU
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(sys, "platform", "linux")
    script(bare / "python", '[ "$*" = "-m ziglang cc -target x86_64-linux-gnu --version" ] && echo zig clang 19')
    monkeypatch.setattr(sys, "executable", str(bare / "python"))
    (tmp_path / "site" / "ziglang").mkdir(parents=True)
    (tmp_path / "site" / "ziglang" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    fake(bare, "clang")
    assert found() == ["clang of bin 1.0", "zig clang 19"]


@pytest.mark.live
@pytest.mark.parametrize("variable", compilers.VARIABLES)
@pytest.mark.parametrize("value", ["/no/such/cc", "false", "gcc 'unclosed"])
def test_a_broken_variable_is_an_error_that_names_it(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GENCONV_CC", raising=False)
    monkeypatch.setenv(variable, value)
    with pytest.raises(ToolchainError, match=f"{variable}=.*does not work as a C compiler(.|\n)*unset it"):
        compilers.find()
    assert compilers.describe().path is None


@pytest.mark.live
def test_a_broken_compiler_of_path_is_passed_over(bare: Path) -> None:
    script(bare / "cc", "exit 1")
    (bare / "gcc").write_bytes(b"\x7fELF no program")
    (bare / "gcc").chmod(0o755)
    fake(bare, "clang")
    assert found() == ["clang of bin 1.0"]


@pytest.mark.live
def test_another_compiler_of_the_same_name_has_another_identity(bare: Path) -> None:
    path = fake(bare, "cc")
    first = next(compilers.chain())
    assert next(compilers.chain()) is first  # asked once
    os.utime(path, ns=(1, 1))
    assert next(compilers.chain()).identity != first.identity


@pytest.mark.compiles
def test_an_error_shows_the_command_and_the_last_lines() -> None:
    compiler = compilers.find()
    assert compiler is not None
    with pytest.raises(ToolchainError) as caught:
        compiler.shared("#error the first\nint f(void) { return missing; }\n", SCALAR)
    text = str(caught.value)
    assert f"{compiler.command[0]} -std=c99 -O" in text
    assert "kernel.c" in text
    assert "missing" in text
    assert "GENCONV_CC" in text


@pytest.mark.compiles
def test_a_compiler_without_the_targets_vectors_is_told_the_scalar_one() -> None:
    """As tcc is, which takes the flags and does nothing with them."""
    compiler = compilers.find()
    assert compiler is not None
    spec = Conv1DSpec(name="stem", filters=8, kernel_size=3, input_shape=(None, 2))
    source = pipeline.generate(spec, target="avx2")
    with pytest.raises(ToolchainError, match=r'(?s)written for avx2.*target="scalar" does without\n.*GENCONV_CC'):
        compiler.build(dict(source.files), (*compilers.FLAGS, "-E"), "stem.i")


@pytest.mark.compiles
@pytest.mark.parametrize("name", ["gcc", "clang", "tcc"])
def test_a_library_of_each_compiler_computes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, need: Callable[..., Any]
) -> None:
    need(cprogram.program, name, name)
    monkeypatch.setenv("GENCONV_CC", name)
    compiler = compilers.find()
    assert compiler is not None
    text = (
        "#include <math.h>\nGENCONV_EXPORT double f(double x) { return sqrt(x) + 1; }\nint hidden(void) { return 1; }\n"
    )
    path = tmp_path / "f.so"
    path.write_bytes(compiler.shared(text, SCALAR))
    library = ctypes.CDLL(str(path))
    library.f.restype, library.f.argtypes = ctypes.c_double, [ctypes.c_double]
    assert library.f(9.0) == 4.0
    if name != "tcc":  # which exports everything
        assert not hasattr(library, "hidden")


@pytest.mark.compiles
@pytest.mark.parametrize("flag", ["-ffast-math", "-Ofast", "-funsafe-math-optimizations"])
def test_fast_math_in_cc_changes_no_sum_and_flushes_nothing(
    flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENCONV_CC", f"gcc {flag}")
    compiler = compilers.find()
    assert compiler is not None
    path = tmp_path / "f.so"
    path.write_bytes(compiler.shared("GENCONV_EXPORT double f(double a, double b) { return (a + b) - b; }\n", SCALAR))
    library = ctypes.CDLL(str(path))
    library.f.restype, library.f.argtypes = ctypes.c_double, [ctypes.c_double] * 2
    assert library.f(1.0, 2.0**60) == 0.0  # reassociated it would be 1
    assert np.float32(1.5e-38) * np.float32(0.5) > 0  # a denormal, 0 where the library has set flush-to-zero


def test_no_target_asks_for_what_is_forbidden() -> None:
    compiler = compilers.Compiler(("cc",), "cc", "1", "")
    for target in TARGETS.values():
        assert not {"-ffast-math", "-march=native", "-Ofast", "-mtune=native"} & set(compiler.flags(target))
        assert "-ffp-contract=off" in compiler.flags(target)


Make = Callable[[str], compilers.Compiler]


@pytest.fixture
def compiler_of(tmp_path: Path) -> Make:
    """A compiler that is a shell script."""

    def make(body: str) -> compilers.Compiler:
        return compilers.Compiler((str(script(tmp_path / "slow" / "cc", body)),), "cc", "1", "")

    return make


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def eventually(what: Callable[[], bool]) -> bool:
    """Whether something becomes so within a time in which it surely does, however busy the machine is."""
    for _ in range(6000):
        if what():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
class TestInterrupted:
    @pytest.mark.compiles
    def test_a_hanging_compiler_ends_with_all_its_children(
        self, compiler_of: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GENCONV_CC_TIMEOUT", "0.3")
        compiler = compiler_of(f"sleep 1000 & echo $! > {tmp_path}/child; echo still working; wait")
        with pytest.raises(ToolchainError, match=r"took longer than 0\.3 s \(GENCONV_CC_TIMEOUT\)(.|\n)*still working"):
            compiler.shared("", SCALAR)
        child = int((tmp_path / "child").read_text())
        assert eventually(lambda: not alive(child))

    @pytest.mark.compiles
    def test_ctrl_c_ends_it_too(self, compiler_of: Make, tmp_path: Path) -> None:
        compiler = compiler_of(
            f"sleep 1000 & echo $! > {tmp_path}/child.new; mv {tmp_path}/child.new {tmp_path}/child; wait"
        )

        def interrupt() -> None:
            if eventually((tmp_path / "child").exists):
                os.kill(os.getpid(), signal.SIGINT)

        asking = threading.Thread(target=interrupt)
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job is started with it ignored
        try:
            asking.start()
            with pytest.raises(KeyboardInterrupt):
                compiler.shared("", SCALAR)
        finally:
            asking.join()  # whatever ended the call, the signal comes before its handler goes
            signal.signal(signal.SIGINT, before)
        child = int((tmp_path / "child").read_text())
        assert eventually(lambda: not alive(child))


@pytest.mark.compiles
def test_a_hundred_megabytes_of_errors_cost_nothing(compiler_of: Make) -> None:
    compiler = compiler_of("yes 'error: and so on' | head -c 100000000 >&2; echo the end >&2; exit 3")
    tracemalloc.start()
    try:
        with pytest.raises(ToolchainError, match=r"ended with status 3(.|\n)*the end") as caught:
            compiler.shared("", SCALAR)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 20_000


@pytest.mark.compiles
def test_a_compiler_that_says_nothing_and_writes_nothing_is_an_error(compiler_of: Make) -> None:
    with pytest.raises(ToolchainError, match="wrote no kernel"):
        compiler_of("exit 0").shared("", SCALAR)


@pytest.mark.live
def test_the_child_has_limits_on_time_memory_and_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    said = compiler_process.run(("sh", "-c", "ulimit -t; ulimit -v; ulimit -f; ulimit -c; echo $LC_ALL"), seconds=7.5)
    time_limit, memory, file, core, language = said.split()
    assert int(time_limit) == 8 * (os.cpu_count() or 1)
    assert int(memory) * 1024 == compiler_process.MEMORY_BYTES
    assert int(file) * 512 == compiler_process.OUTPUT_BYTES
    assert (core, language) == ("0", "C")


@pytest.mark.compiles
def test_nothing_is_left_behind(compiler_of: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    with pytest.raises(ToolchainError):
        compiler_of('touch "$TMPDIR/ccXXXX.s"; exit 1').shared("", SCALAR)
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.live
def test_the_exit_of_a_forked_child_leaves_the_compiler_its_folder(tmp_path: Path) -> None:
    code = (
        "import os, sys, threading\nfrom codegen.machine.work_folders import workshop\n"
        "inside, done, folders = threading.Event(), threading.Event(), []\n"
        "def work():\n"
        "    with workshop() as place:\n        folder = place.path\n"
        "        folders.append(folder)\n        inside.set()\n        done.wait()\n"
        "thread = threading.Thread(target=work)\nthread.start()\ninside.wait()\n"
        "if os.fork() == 0:\n    sys.exit()\n"
        "os.wait()\nprint(folders[0].is_dir())\n"
        "done.set()\nthread.join()\nprint(folders[0].exists())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "1e9"])
def test_a_time_limit_that_is_none_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENCONV_CC_TIMEOUT", value)
    with pytest.raises(UsageError, match=f"GENCONV_CC_TIMEOUT='{value}'"):
        compilers.time_limit()

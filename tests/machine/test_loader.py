"""A kernel from C text to a call: right, cheap, kept, and without a compiler still right."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen import pipeline
from codegen.emission.packing import transforms
from codegen.emission.render import render
from codegen.errors import GenConvError, ShapeError, ToolchainError
from codegen.machine import abi_build, argument_block, cache, compilers, loader, making
from codegen.machine._abi import ffi
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.plan import KernelPlan, Request
from codegen.problem import reference
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue
from codegen.problem.targets import TARGETS, Target, native, runs_here
from tests.support import cprogram

pytestmark = pytest.mark.compiles

WAKE = ConvProblem(20, 5, 8, 3, pad_left=1, pad_right=1)
PROBLEMS = {
    "same": WAKE,
    "free": replace(WAKE, steps=None),
    "strided, no bias": ConvProblem(33, 4, 6, 5, stride=2, dilation=3, epilogue=Epilogue()),
    "groups": ConvProblem(24, 6, 12, 3, groups=3, pad_left=2),
    "channels first": ConvProblem(40, 3, 5, 4, channels_last=False, pad_left=3),
    "float64": ConvProblem(16, 2, 7, 3, dtype="float64"),
    "longer than the input": ConvProblem(4, 2, 3, 9),
}
Array = np.ndarray[Any, Any]


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and its one warning still to come."""
    monkeypatch.setenv("GENCONV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_WARNED", set())
    monkeypatch.setattr(cache, "_PRIVATE", {})
    return tmp_path / "cache" / "kernels"


def kernel_of(problem: ConvProblem, target: Target | None = None) -> loader.Kernel:
    plan = planner.plan(problem, Ask(target or native(), "packed"))
    return loader.load(render(plan, "conv1d"), plan.target)


def data(
    p: ConvProblem, batch: int = 3, steps: int = 26, whole: bool = True
) -> tuple[Array, Array, Array, Array | None]:
    """x, an empty y, kernel and bias: whole numbers, or not."""
    steps = p.steps or steps
    rng = np.random.default_rng(7)

    def numbers(*shape: int) -> Array:
        values = rng.integers(-9, 10, shape) if whole else rng.normal(size=shape)
        return values.astype(p.dtype)

    x, y = numbers(batch, steps, p.channels), np.empty((batch, p.out_steps(steps), p.filters), p.dtype)
    if not p.channels_last:
        x, y = np.ascontiguousarray(x.swapaxes(1, 2)), np.empty((batch, p.filters, p.out_steps(steps)), p.dtype)
    return x, y, numbers(*p.kernel_shape), numbers(p.filters) if p.bias else None


@pytest.mark.parametrize("target", [target.name for target in TARGETS.values() if runs_here(target)])
@pytest.mark.parametrize("name", PROBLEMS)
def test_every_way_to_call_gives_the_reference(name: str, target: str) -> None:
    p = PROBLEMS[name]
    kernel = kernel_of(p, TARGETS[target])
    x, y, weights, bias = data(p)
    wanted = reference.convolve(p, x, weights, bias)
    packed = kernel.pack(weights)
    calls = (
        lambda: kernel.run(x, y, packed, bias),
        lambda: kernel.with_weights(packed, bias)(x, y),
        kernel.bind(x, y, packed, bias),
    )
    for call in calls:
        y[...] = -1
        call()
        np.testing.assert_array_equal(y, wanted)


TRANSFORMED = (  # of many parts, of phases, of groups, point by point or not
    ConvProblem(200, 8, 40, 3, pad_left=1, pad_right=1, groups=2),
    ConvProblem(130, 5, 12, 40, dtype="float64"),
    ConvProblem(300, 12, 20, 5, stride=2),
)


def test_a_library_packs_as_numpy_does(share: Callable[..., Any]) -> None:
    algorithms = set()
    for problem in share(TRANSFORMED, 3):
        request = Request(problem, Ask(native(), "packed", "wide"))
        plan = next(one for one in planner.survey(request).found if transforms(one))
        kernel = loader.load(render(plan, "conv1d", with_pack=True), plan.target)
        assert isinstance(kernel, loader.CompiledKernel)
        assert kernel.packs
        given = np.random.default_rng(7).standard_normal(problem.kernel_shape).astype(problem.dtype)
        expected, found = plan.pack(given), kernel.pack(given)
        sums_own = 16 * 2.0**-53 * np.abs(expected).max()  # where the terms of a sum of doubles cancel
        assert (np.abs(found - expected) <= sums_own + np.spacing(np.abs(expected))).all()
        assert np.array_equal(found, kernel.pack(np.asfortranarray(given)))
        algorithms.add(plan.algorithm.name)
        with pytest.raises(ShapeError, match="expected"):
            kernel.pack(given[1:])
    assert algorithms <= {"winograd", "fft"}
    assert not kernel_of(WAKE).packs  # type: ignore[union-attr]  # NumPy does, of a text without that function


def test_kernels_of_all_kinds_pack_themselves() -> None:
    """Where numbers are only moved, too: training packs them anew in each step."""
    moved = (
        ConvProblem(50, 5, 12, 3, pad_left=1, pad_right=1),
        ConvProblem(50, 20, 20, 5, groups=20),
        ConvProblem(60, 3, 9, 4, channels_last=False),
        ConvProblem(30, 4, 6, 5, up=2, pad_left=4, pad_right=4),
    )
    for problem in moved:
        kernel = pipeline.compiled(Request(problem, Ask(native(), "packed")), None)
        assert isinstance(kernel, loader.CompiledKernel)
        assert kernel.packs
        given = np.random.default_rng(7).standard_normal(problem.kernel_shape).astype(problem.dtype)
        assert np.array_equal(kernel.pack(given), kernel.plan.pack(given))
    halves = pipeline.compiled(Request(moved[0], Ask(native(), "packed", numbers="float16")), None)
    assert not getattr(halves, "packs", False)  # those are coded first


def test_packed_weights_start_at_a_cache_line() -> None:
    """Ten in turn, where the allocator's own places would differ: by the library and by NumPy."""
    for taps, accuracy in ((3, "fast"), (3, "exact")):
        problem = ConvProblem(97, 32, 40, kernel_size=taps, pad_left=1, pad_right=1)
        asked = Request(problem, Ask(native(), "packed", accuracy))  # type: ignore[arg-type]  # a word
        kernel = loader.load_plan(planner.answer(asked), lambda plan: render(plan, "conv1d"))
        weights = np.random.default_rng(taps).standard_normal(problem.kernel_shape).astype(np.float32)
        made = [kernel.pack(weights) for _ in range(10)]
        assert [one.ctypes.data % kernel.plan.target.core.memory.line for one in made] == [0] * 10
        assert made[0].tobytes() == made[-1].tobytes()
        assert made[0].size == kernel.plan.packed_numbers


def test_a_free_length_is_one_kernel_for_every_length(fresh: Path) -> None:
    p = PROBLEMS["free"]
    kernel = kernel_of(p)
    for steps in (1, 2, 3, 17, 200):
        x, y, weights, bias = data(p, steps=steps)
        kernel.run(x, y, kernel.pack(weights), bias)
        np.testing.assert_array_equal(y, reference.convolve(p, x, weights, bias))
    assert len(list(fresh.glob("*.so"))) == 1


def test_an_empty_batch_is_no_work() -> None:
    kernel = kernel_of(WAKE)
    x, y, weights, bias = data(WAKE, batch=0)
    kernel.run(x, y, kernel.pack(weights), bias)
    kernel.bind(x, y, kernel.pack(weights), bias)()


def test_abi_module_is_what_the_header_says(tmp_path: Path) -> None:
    """If this fails: python -m codegen.machine.abi_build"""
    abi_build.write(tmp_path / "_abi.py")
    assert (tmp_path / "_abi.py").read_text() == Path(loader.__file__).with_name("_abi.py").read_text()


def test_loading_needs_no_parser_no_setuptools_and_no_cffi_of_python() -> None:
    code = (
        "import sys; from codegen.machine import loader\n"
        "print(sorted({'cffi', 'pycparser', 'setuptools', 'distutils'} & {name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_second_load_compiles_nothing(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = kernel_of(WAKE)

    def never(*arguments: object) -> bytes:
        raise AssertionError("compiled again")

    monkeypatch.setattr(compilers.Compiler, "shared", never)
    assert kernel_of(WAKE).path == first.path
    with pytest.raises(AssertionError, match="compiled again"):
        kernel_of(replace(WAKE, filters=9))


def test_compiler_flags_target_and_text_are_in_the_key(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = {kernel_of(WAKE, TARGETS["scalar"]).path, kernel_of(WAKE).path, kernel_of(PROBLEMS["groups"]).path}
    monkeypatch.setenv("GENCONV_CC", "cc -g0")
    paths.add(kernel_of(WAKE).path)
    monkeypatch.setattr(compilers, "FLAGS", (*compilers.FLAGS, "-O1"))
    paths.add(kernel_of(WAKE).path)
    monkeypatch.setattr(making, "__version__", "0.0.0")
    paths.add(kernel_of(WAKE).path)
    assert len(paths) == 6


def test_torn_entries_of_a_real_library_are_built_again(fresh: Path, share: Callable[..., Any]) -> None:
    """In a process of its own: mapping a torn library ends it with SIGBUS."""
    assert answers_in_a_process(fresh.parent) == [True]
    (path,) = fresh.glob("*.so")
    whole = path.read_bytes()
    for size in share((0, 64, 4096, len(whole) // 2, len(whole) - 1), 2):
        path.write_bytes(whole[:size])
        assert answers_in_a_process(fresh.parent) == [True]
        assert len(path.read_bytes()) == len(whole)


ANSWER = """
import json, sys, threading, warnings
import numpy as np
from codegen.machine import loader
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.problem.conv_problem import ConvProblem
from codegen.emission.packing import transforms
from codegen.emission.render import render
from codegen.problem.targets import TARGETS
warnings.simplefilter("error")
p = ConvProblem(20, 5, 8, 3, pad_left=1, pad_right=1)
rng = np.random.default_rng(1)
x, weights = rng.normal(size=(2, 20, 5)).astype("f"), rng.normal(size=p.kernel_shape).astype("f")
bias, plan = rng.normal(size=8).astype("f"), planner.plan(p, Ask(TARGETS["scalar"], "packed"))
source, answers = render(plan, "conv1d"), []
def answer():
    kernel = loader.load(source, plan.target)
    y = np.empty((2, 20, 8), "f")
    kernel.run(x, y, kernel.pack(weights), bias)
    answers.append(y.tobytes().hex() if kernel.path else "reference")
"""
THREADS = """
threads = [threading.Thread(target=answer) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(answers))
"""


def answers_in_a_process(folder: Path) -> list[bool]:
    environment = {**os.environ, "GENCONV_CACHE_DIR": str(folder)}
    code = ANSWER + "answer()\nprint(json.dumps([len(answers[0]) == 2 * 20 * 8 * 8]))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def wrapper(folder: Path, name: str, body: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f'#!/bin/sh\nfor last; do :; done\n[ "$last" = --version ] && echo {name} 1.0 && exit\n{body}\n')
    path.chmod(0o755)
    return path


def test_many_processes_and_threads_compile_once_and_agree(fresh: Path, tmp_path: Path) -> None:
    counting = wrapper(tmp_path / "bin", "counting", f'echo compiled >> {tmp_path}/count; exec gcc "$@"')
    environment = {**os.environ, "GENCONV_CC": str(counting)}
    command = [sys.executable, "-c", ANSWER + THREADS]
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(8)
    ]
    answers = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()
        answers += json.loads(out)
    assert len(answers) == 32
    assert len(set(answers)) == 1
    assert "reference" not in answers
    assert (tmp_path / "count").read_text() == "compiled\n"


def test_a_child_forked_while_another_thread_compiles_computes(fresh: Path, tmp_path: Path) -> None:
    slow = wrapper(tmp_path / "bin", "slow", 'sleep 0.1; exec gcc "$@"')
    code = ANSWER + (
        "import os, signal, time\n"
        "answer()\nwrong = 0\n"
        "for number in range(8):\n"
        "    source = render(plan, f'conv1d_{number}')\n"
        "    thread = threading.Thread(target=answer)\n    thread.start()\n    time.sleep(0.02 * number)\n"
        "    child = os.fork()\n"
        "    if not child:\n        signal.alarm(30)\n        answer()\n"
        "        os._exit(answers[-1] != answers[0])\n"
        "    thread.join()\n    wrong += os.waitpid(child, 0)[1] != 0\n"
        "print(wrong, len(set(answers)))"
    )
    environment = {**os.environ, "GENCONV_CC": str(slow)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["0", "1"], done.stderr


NO_THREADS = """
import threading
def refused(thread):
    raise RuntimeError("can't start new thread at interpreter shutdown")
threading.Thread.start = refused
"""
LATE = """
import atexit
def late():
    import numpy as np, codegen
    x = np.ones((1, 4096, 40), "f")
    one, two = (codegen.Conv1D(64, 3, kernel_initializer="ones", threads=n, input_shape=(4096, 40)) for n in (1, 2))
    compiled = pipeline.kernel_for(two.spec).path is not None
    print(compiled, np.unique(one(x).round()), np.array_equal(one(x), two(x)), flush=True)
from codegen import pipeline
atexit.register(late)
"""


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("before", ["", NO_THREADS], ids=["threads or none", "no threads"])
def test_a_first_kernel_at_the_end_of_python(before: str, fresh: Path) -> None:
    """Since Python 3.12 no thread can be started in a function of atexit; before, that is played here."""
    done = subprocess.run([sys.executable, "-c", before + LATE], capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.stderr) == ("True [120.] True\n", "")
    assert len(list(fresh.glob("*.so"))) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are always UTF-8")
@pytest.mark.parametrize("usable", [True, False], ids=["cache", "folder of the process"])
def test_names_beyond_ascii_under_an_ascii_system(usable: bool, tmp_path: Path) -> None:
    (tmp_path / "tmpé").mkdir()
    if not usable:
        (tmp_path / "käse").write_text("in the way")
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    paths = {"GENCONV_CACHE_DIR": str(tmp_path / "käse"), "TMPDIR": str(tmp_path / "tmpé")}
    paths["GENCONV_CC"] = str(wrapper(tmp_path / "übersetzer", "cc", 'exec gcc "$@"'))
    code = ANSWER.replace('"error"', '"ignore"') + "answer()\nprint(sys.getfilesystemencoding(), answers[0][:9])"
    environment = {**os.environ, **ascii_only, **paths}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    encoding, answer = done.stdout.split()
    assert encoding == "ascii"
    assert answer != "reference"
    assert len(list((tmp_path / "käse").rglob("*.so"))) == usable
    assert list((tmp_path / "tmpé").iterdir()) == []


WRONG = "sed -i 's/ += \\([a-z0-9]* \\*\\)/ -= \\1/g' kernel.c\nexec gcc \"$@\""


def test_a_compiler_that_compiles_wrongly_is_found_out(fresh: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("GENCONV_CC", str(wrapper(tmp_path / "bin", "wrongcc", WRONG)))
    with pytest.raises(ToolchainError, match=r"wrongcc 1\.0 .* wrong on whole numbers: output 0 of 20 steps is"):
        kernel_of(WAKE, TARGETS["scalar"])
    assert not list(fresh.glob("*.so"))


def test_a_wrong_or_broken_compiler_of_path_gives_way_to_the_next(tmp_path: Path, monkeypatch: Any) -> None:
    for variable in compilers.VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    wrapper(tmp_path / "bin", "cc", WRONG)
    wrapper(tmp_path / "bin", "gcc", "echo no space left >&2; exit 1")
    good = cprogram.program("gcc", "gcc")
    (tmp_path / "bin" / "clang").symlink_to(good)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kernel = kernel_of(WAKE, TARGETS["scalar"])
    assert kernel.path is not None


def test_without_a_compiler_numpy_answers_with_one_warning(monkeypatch: Any) -> None:
    monkeypatch.setattr(compilers, "chain", lambda: iter(()))
    with pytest.warns(RuntimeWarning, match=r"NumPy, slowly, as no C compiler was found; install gcc"):
        kernel = kernel_of(WAKE)
    x, y, weights, bias = data(WAKE)
    wanted = reference.convolve(WAKE, x, weights, bias)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kernel = kernel_of(WAKE)
    assert kernel.path is None
    for call in (
        lambda: kernel.run(x, y, kernel.pack(weights), bias),
        lambda: kernel.with_weights(kernel.pack(weights), bias)(x, y),
        kernel.bind(x, y, kernel.pack(weights), bias),
    ):
        y[...] = -1
        call()
        np.testing.assert_array_equal(y, wanted)
    with pytest.raises(GenConvError, match="weights are needed"):
        kernel.run(x, y, None, None)


def test_without_any_folder_numpy_answers_with_one_warning(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "cache").write_text("in the way")

    def full(*arguments: object, **options: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.tempfile, "mkdtemp", full)
    with pytest.warns(RuntimeWarning, match="No space left on device") as warned:
        assert kernel_of(WAKE).path is None
    assert len(warned) == 1


def test_code_for_another_cpu_is_refused_before_it_runs() -> None:
    target = next(target for target in TARGETS.values() if target.machines and not runs_here(target))
    with pytest.raises(ToolchainError, match=f'cannot run `{target.name}` code.*target="native"'):
        kernel_of(WAKE, target)


# Libraries written by hand, to see what a kernel sees.

PROBE = abi_build.declarations().replace("void genconv", "GENCONV_EXPORT void genconv")


def probe(tmp_path: Path, body: str, plan: KernelPlan | None = None, prelude: str = "") -> loader.CompiledKernel:
    compiler = compilers.find()
    assert compiler is not None
    text = f"#include <stddef.h>\n#include <stdint.h>\n{PROBE}\n{prelude}\n"
    text += "void genconv_run_v1(const genconv_call_v1 *call)\n{\n" + body + "\n}\n"
    path = tmp_path / f"probe{len(list(tmp_path.glob('probe*')))}.so"
    path.write_bytes(compiler.shared(text, TARGETS["scalar"]))
    plan = plan or planner.plan(WAKE, Ask(TARGETS["scalar"], "packed"))
    return loader.CompiledKernel(plan, path, ffi.dlopen(str(path)))


def test_two_threads_are_in_c_at_once(tmp_path: Path) -> None:
    """Each call waits inside C until the other has come: with the GIL held neither would see the other."""
    kernel = probe(
        tmp_path,
        "volatile int *here = (volatile int *)call->y;\n"
        "__sync_fetch_and_add(here, 1);\n"
        "for (long wait = 0; wait < 2000000000L && *here % 2; wait++) { }\n"
        "if (!(*here % 2)) { __sync_fetch_and_add(here + 1, 1); }",
    )
    x, y, weights, bias = data(WAKE)
    y.view(np.int32)[...] = 0
    threads = [threading.Thread(target=kernel.bind(x, y, weights, bias)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert y.view(np.int32).ravel()[:2].tolist() == [2, 2]


def test_a_workspace_grows_with_the_steps(tmp_path: Path) -> None:
    free = replace(WAKE, steps=None)
    plan = planner.plan(free, Ask(TARGETS["scalar"], "packed"))
    plan = replace(plan, cost=replace(plan.cost, workspace_bytes=24, step_bytes=4096))
    kernel = probe(
        tmp_path,
        "char *bytes = (char *)call->workspace;\n"
        "for (int i = 0; i < 24 + 4096 * call->steps; i++) { bytes[i] = 1; }\n"
        "*(int64_t *)call->y = (int64_t)(intptr_t)bytes;",
        plan,
    )
    addresses = []
    for steps in (10, 2000, 30):
        x, y, weights, bias = data(free, steps=steps)
        kernel.run(x, y, weights, bias)
        addresses.append(int(y.view(np.int64).ravel()[0]))
    assert addresses[1] == addresses[2] != addresses[0]
    kernel.bind(x, y, weights, bias)()
    assert int(y.view(np.int64).ravel()[0]) != addresses[-1]


def test_a_workspace_is_aligned_and_one_callers_own(tmp_path: Path) -> None:
    plan = planner.plan(WAKE, Ask(TARGETS["scalar"], "packed"))
    plan = replace(plan, cost=replace(plan.cost, workspace_bytes=1000))
    kernel = probe(
        tmp_path,
        "char *bytes = (char *)call->workspace;\n"
        "int64_t *out = (int64_t *)call->y;\n"
        "out[0] = (int64_t)(intptr_t)bytes;\n"
        "for (int i = 0; i < 1000; i++) { bytes[i] = 1; }",
        plan,
    )
    x, y, weights, bias = data(WAKE)
    addresses = []
    first, second = kernel.bind(x, y, weights, bias), kernel.bind(x, y, weights, bias)
    for call in (first, second, lambda: kernel.run(x, y, weights, bias), lambda: kernel.run(x, y, weights, bias)):
        call()
        addresses.append(int(y.view(np.int64).ravel()[0]))
    assert len(set(addresses)) == 3  # two bound, and one that runs take in turn
    assert addresses[2] == addresses[3]
    assert all(address % 64 == 0 for address in addresses)


def test_a_bound_call_keeps_its_arrays() -> None:
    kernel = kernel_of(WAKE)
    x, y, weights, bias = data(WAKE)
    wanted, watched = reference.convolve(WAKE, x, weights, bias), y
    assert bias is not None
    call = kernel.bind(x.copy(), y, kernel.pack(weights), bias.copy())
    del kernel, x, bias
    gc.collect()
    junk = [np.full(size, np.nan, np.float32) for size in (8, 160, 300, 480)]  # what was freed would be taken by these
    call()
    np.testing.assert_array_equal(watched, wanted)
    assert len(junk) == 4


def test_a_function_with_weights_keeps_its_library() -> None:
    kernel = kernel_of(WAKE)
    x, y, weights, bias = data(WAKE)
    call = kernel.with_weights(kernel.pack(weights), bias)
    del kernel
    gc.collect()
    call(x, y)
    np.testing.assert_array_equal(y, reference.convolve(WAKE, x, weights, bias))


def test_a_bound_call_runs_no_python_code(tmp_path: Path) -> None:
    """It is the library's function with its argument in place: what is called goes to C at once."""
    kernel = probe(tmp_path, "*(float *)call->y = 7;")
    x, y, weights, bias = data(WAKE)
    call = kernel.bind(x, y, weights, bias)
    seen: list[tuple[str, object]] = []
    sys.setprofile(lambda frame, event, argument: seen.append((event, argument)))
    try:
        call()
    finally:
        sys.setprofile(None)
    assert y.flat[0] == 7
    assert seen == [("c_call", sys.setprofile)]


@pytest.mark.skipif(sys.platform != "linux" or os.uname().machine != "x86_64", reason="reads the x86 MXCSR register")
def test_load_and_call_leave_the_fpu_alone(tmp_path: Path) -> None:
    register = probe(
        tmp_path,
        "*(unsigned *)call->y = __builtin_ia32_stmxcsr() & ~0x3fu;",  # without the flags of what has happened so far
    )
    x, y, weights, bias = data(WAKE, whole=False)
    read = register.bind(x, y, weights, bias)

    def mxcsr() -> int:
        read()
        return int(y.view(np.uint32).ravel()[0])

    before = mxcsr()
    for target in (target for target in TARGETS.values() if runs_here(target)):
        kernel = kernel_of(WAKE, target)
        assert mxcsr() == before
        kernel.run(x, np.empty_like(y), kernel.pack(weights), bias)
        assert mxcsr() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda x, y, k, b: (x[:, :-1], y, k, b),
            r"`x`: got float32 \(3, 19, 5\), expected contiguous float32 \(3, 20, 5\)",
        ),
        (lambda x, y, k, b: (x[0], y, k, b), "`x`"),
        (lambda x, y, k, b: (x.astype("d"), y, k, b), "`x`: got float64"),
        (lambda x, y, k, b: (x[:, :, ::-1], y, k, b), "`x`"),
        (lambda x, y, k, b: (x, y[:2], k, b), "`y`"),
        (lambda x, y, k, b: (x, y, k.astype("d"), b), "`kernel`"),
        (lambda x, y, k, b: (x, y, k[:-1], b), "`kernel`"),
        (lambda x, y, k, b: (x, y, k, None), "`bias`: got nothing"),
        (lambda x, y, k, b: (x, y, k, b[:-1]), "`bias`"),
    ],
)
def test_bind_refuses_what_does_not_fit(change: Any, message: str) -> None:
    kernel = kernel_of(WAKE)
    x, y, weights, bias = data(WAKE)
    with pytest.raises(ShapeError, match=message):
        kernel.bind(*change(x, y, kernel.pack(weights), bias))
    y.flags.writeable = False
    with pytest.raises(ShapeError, match="read-only"):
        kernel.bind(x, y, kernel.pack(weights), bias)


def test_run_takes_no_strided_and_no_read_only_memory() -> None:
    kernel = kernel_of(WAKE)
    x, y, weights, bias = data(WAKE)
    with pytest.raises((ValueError, BufferError)):
        kernel.run(x[:, :, ::-1], y, kernel.pack(weights), bias)
    y.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        kernel.run(x, y, kernel.pack(weights), bias)


@pytest.mark.parametrize("name", ["gcc", "clang", "tcc"])
def test_compilers_give_the_same_bits(name: str, monkeypatch: pytest.MonkeyPatch, need: Any) -> None:
    need(cprogram.program, name, name)
    x, y, weights, bias = data(WAKE, whole=False)
    default = kernel_of(WAKE, TARGETS["scalar"])
    default.run(x, y, default.pack(weights), bias)
    monkeypatch.setenv("GENCONV_CC", name)
    kernel, other = kernel_of(WAKE, TARGETS["scalar"]), np.empty_like(y)
    kernel.run(x, other, kernel.pack(weights), bias)
    assert kernel.path != default.path
    assert other.tobytes() == y.tobytes()


def test_a_large_workspace_is_written_where_a_call_needs_it_alone() -> None:
    """Below a megabyte each byte is set beforehand, so that to read what was not written shows."""
    most = argument_block.MOST_FILLED
    small, large = argument_block._filled(most), argument_block._filled(16 * most + 1)
    assert small.nbytes == most
    assert (small == 0x7F).all()
    assert large.nbytes == 16 * most + 1
    assert not large[:: 1 << 16].any()

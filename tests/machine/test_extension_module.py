"""The extension module that is built ahead of time: what it offers, and the same bits as the JIT."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import sysconfig
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from codegen.emission.render import GeneratedSource, render
from codegen.errors import ToolchainError
from codegen.machine import compilers, extension_module, loader
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue
from codegen.problem.targets import TARGETS, native

pytestmark = pytest.mark.compiles

PROBLEM = ConvProblem(30, 5, 9, 3, dilation=2, pad_left=4)
FREE = replace(PROBLEM, steps=None, epilogue=Epilogue())


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENCONV_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


def source(problem: ConvProblem, name: str) -> GeneratedSource:
    return render(planner.plan(problem, Ask(native(), "argument")), name)


def built(problem: ConvProblem, name: str, folder: Path) -> ModuleType:
    path = extension_module.build(source(problem, name), folder)
    assert path.parent == folder
    assert path.name == f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
    assert list(folder.iterdir()) == [path]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def numbers(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def jit(problem: ConvProblem, x: Any, weights: Any, bias: Any) -> Any:
    """What the JIT makes of the same plan."""
    kernel = loader.load(source(problem, "conv1d"), native())
    assert kernel.path is not None
    y = np.full((1, problem.out_steps(len(x)), problem.filters), np.nan, np.float32)
    kernel.run(x[np.newaxis], y, kernel.pack(weights), bias)
    return y[0]


def test_a_fixed_length_gives_the_bits_of_the_jit(tmp_path: Path) -> None:
    module = built(PROBLEM, "wake", tmp_path)
    buffer, lib = module.ffi.from_buffer, module.lib
    assert (lib.WAKE_STEPS, lib.WAKE_CHANNELS, lib.WAKE_OUT_STEPS, lib.WAKE_FILTERS) == (30, 5, 30, 9)
    assert (lib.wake_STEPS, lib.wake_CHANNELS, lib.wake_OUT_STEPS, lib.wake_FILTERS) == (30, 5, 30, 9)
    x, weights, bias = numbers(30, 5), numbers(3, 5, 9), numbers(9)
    y = np.full((30, 9), np.nan, np.float32)
    lib.wake(*(buffer("float[]", array) for array in (x, weights, bias, y)))
    assert y.tobytes() == jit(PROBLEM, x, weights, bias).tobytes()


def test_a_free_length_brings_its_number_of_outputs(tmp_path: Path) -> None:
    module = built(FREE, "tone", tmp_path)
    buffer, lib = module.ffi.from_buffer, module.lib
    assert not hasattr(lib, "tone_STEPS")
    for steps in (1, 7, 64):
        assert lib.tone_out_steps(steps) == FREE.out_steps(steps)
        x, weights = numbers(steps, 5), numbers(3, 5, 9)
        y = np.full((FREE.out_steps(steps), 9), np.nan, np.float32)
        lib.tone(buffer("float[]", x), steps, buffer("float[]", weights), buffer("float[]", y))
        assert y.tobytes() == jit(FREE, x, weights, None).tobytes()


def test_the_module_needs_only_cffis_backend_at_run_time(tmp_path: Path) -> None:
    extension_module.build(source(PROBLEM, "wake"), tmp_path)
    code = "import sys, wake; print(sorted({'cffi', 'codegen', 'numpy'} & set(sys.modules)), wake.lib.wake_FILTERS)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] 9"


def test_all_that_is_missing_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "setuptools" else find(name))
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "include"))
    monkeypatch.setattr(compilers, "chain", lambda: iter(()))
    with pytest.raises(ToolchainError, match=r"C compiler.*setuptools \(`pip install.*Python's headers.*python3-dev"):
        extension_module.build(source(PROBLEM, "wake"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_compiler_is_told_with_its_own_words(tmp_path: Path) -> None:
    good = source(PROBLEM, "wake")
    (name, text), header = good.files
    with pytest.raises(ToolchainError, match="wake_missing"):
        extension_module.build(
            replace(good, files=((name, text + "int f(void) { return wake_missing; }\n"), header)), tmp_path
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.in_turn(2)
@pytest.mark.skipif(sys.platform != "linux", reason="a shell script stands in for a compiler")
@pytest.mark.parametrize(
    ("work", "told"), [("", "it wrote no wake"), (': > "$out"', "is no whole library: it is empty")]
)
def test_a_compiler_that_reports_success_and_lies(
    work: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = tmp_path / "liar"
    find = 'out=; for word; do [ "$before" = -o ] && out=$word; before=$word; done'
    liar.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo liar 1.0 && exit\n{find}\n{work}\nexit 0\n')
    liar.chmod(0o755)
    monkeypatch.setenv("CC", str(liar))
    monkeypatch.delenv("GENCONV_CC", raising=False)
    with pytest.raises(
        ToolchainError, match=f"reported success, but (.|\n)*{told}(.|\n)*The compiler is the one in CC:"
    ):
        extension_module.build(source(PROBLEM, "wake"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_all_that_the_header_has_is_declared() -> None:
    """Of a free layer in slices whose weights a function packs: macros that are numbers, and every function."""
    plan = planner.plan(FREE, Ask(TARGETS["scalar"], "packed", sliced=True))
    said = extension_module.declarations(render(plan, "tone", with_pack=True)).splitlines()
    ends = ("CHANNELS", "FILTERS", "WORKSPACE_BYTES", "KERNEL_NUMBERS")
    macros = [f"#define {name} ..." for end in ends for name in (f"TONE_{end}", f"tone_{end}")]
    assert [line for line in said if line.startswith("#")] == macros
    arguments = "const float *x, ptrdiff_t steps, const float *kernel, float *y"
    assert [line for line in said if not line.startswith("#")] == [
        "ptrdiff_t tone_out_steps(ptrdiff_t steps);",
        f"void tone({arguments});",
        "void tone_pack(const float *kernel, float *packed);",
        f"void tone_slice({arguments}, ptrdiff_t slice, ptrdiff_t slices);",
    ]

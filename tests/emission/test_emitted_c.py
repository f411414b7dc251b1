"""The C itself: no warning from any compiler, nothing but functions and tables in it, the same bytes every time."""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from codegen import pipeline
from codegen.emission import banner, packing
from codegen.emission.render import GeneratedSource, render
from codegen.emission.writer import Packing
from codegen.gradients import emit
from codegen.language import reader
from codegen.planning import planner
from codegen.planning.ask import Accuracy, Ask, Weights
from codegen.planning.plan import KernelPlan
from codegen.problem.targets import TARGETS, target_named
from tests.support import cprogram, strategies, trials
from tests.support.cprogram import Call, Program, Toolchain
from tests.support.trials import Kernel

pytestmark = pytest.mark.compiles

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "data" / "golden"
MOST_STACK = 16 << 10  # bytes of one function: microcontrollers give a task little more
MOST_STACK_AVX512 = 32 << 10  # of codelets that spill vectors of 64 bytes, where threads have megabytes
OPTIMISED = ("-O2", "-ffp-contract=off", "-fstack-usage")
BOUNDED = ("static", "dynamic,bounded")
FOR_REVIEW = {
    "scalar": ("dense", "causal", "strided", "band", "rows", "mixer", "pair", "wider"),
    "avx2": ("dense", "causal", "band"),
    "neon": ("mixer",),
}


@lru_cache
def sources(target: str) -> tuple[GeneratedSource, ...]:
    """The golden layers (arguments and baked) and random ones."""
    found = []
    for spec in reader.read((GOLDEN / "golden.conv").read_text()):
        rng = np.random.default_rng(7)
        weights = {name: rng.standard_normal(shape) for name, shape in spec.weight_shapes().items()}
        found.append(pipeline.generate(spec, target))
        found.append(pipeline.generate(spec.build(spec.input_shape), target, weights))
        found[-1] = renamed(found[-1])
    layers = list(strategies.random_layers(14, seed=8))
    return tuple(found + [one.source for one in (*trials.kernels(layers, TARGETS[target]), *every_algorithm(target))])


@lru_cache
def every_algorithm(target: str) -> tuple[Kernel, ...]:
    """Random plans of class `fast`, two of each algorithm at most: packed with their pack function, and baked."""
    layers = list(strategies.random_layers(36, 51, strategies.rewritten))
    layers += strategies.random_layers(6, 52, strategies.separable)
    layers += strategies.random_layers(6, 53, strategies.transposed)
    layers += strategies.random_layers(6, 54, strategies.rowwise)
    kept: dict[tuple[str, bool], tuple[strategies.Layer, KernelPlan, str]] = {}
    for drawn in trials.plans_of_each(layers, TARGETS[target], 51, "fast"):
        kept.setdefault((drawn[1].algorithm.name, drawn[1].weights == "baked"), drawn)
        if len(kept) == 2 * len(strategies.FLOATING):
            break
    assert {algorithm for algorithm, _ in kept} == strategies.FLOATING
    return tuple(Kernel.planned(*drawn, "fast") for drawn in kept.values())


def renamed(source: GeneratedSource) -> GeneratedSource:
    """The same text under NAME_baked."""
    name = f"{source.name}_baked"
    files = tuple(
        (file.replace(source.name, name), re.sub(rf"\b{source.name}(?=[_.(\[])", name, text))
        for file, text in source.files
    )
    return GeneratedSource(name, source.plan, files)


def write(found: Sequence[GeneratedSource], folder: Path) -> list[str]:
    for source in found:
        for name, text in source.files:
            (folder / name).write_text(text)
    return [source.files[0][0] for source in found]


@pytest.mark.in_turn(8, "sources")
@pytest.mark.parametrize("target", TARGETS)
def test_gcc_makes_code_and_constants_only(
    target: str, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path
) -> None:
    """Each file on its own, as the header's reader would compile it, without a warning; gcc's flow warnings need -O2.

    Of the same objects: what stands in each, and how much stack its functions take.
    """
    tools: Toolchain = need(cprogram.toolchain, TARGETS[target], run=False)
    nm = need(cprogram.program, "nm", "binutils")
    found = share(sources(target), 6)
    files = write(found, tmp_path)
    cprogram.compile_c((*tools.compiler, *cprogram.WARNINGS, *OPTIMISED, "-c", *files), folder=tmp_path)
    for source in found:
        holds_its_functions_alone(source, nm, tmp_path)
    frames = [line.split("\t") for path in tmp_path.glob("*.su") for line in path.read_text().splitlines()]
    assert {name.partition(":")[0] for name, _, _ in frames} == set(files)
    most = MOST_STACK_AVX512 if TARGETS[target].vector_bytes == 64 else MOST_STACK
    assert {name: size for name, size, kind in frames if int(size) > most or kind not in BOUNDED} == {}


def holds_its_functions_alone(source: GeneratedSource, nm: str, folder: Path) -> None:
    """The header's functions, no variable (data, bss, common), nothing from elsewhere but what gcc itself asks for."""
    command = [nm, "-P", str(folder / f"{source.name}.o")]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    symbols = [line.split()[:2] for line in listed.splitlines()]
    public = re.findall(rf"^void ({source.name}(?:_slice|_pack\w*)?)\(", source.header, re.MULTILINE)
    assert sorted(name for name, kind in symbols if kind == "T") == sorted(public)
    assert source.name in public
    assert {kind for _, kind in symbols} <= {"T", "t", "r", "R", "U"}
    asked = {name for name, kind in symbols if kind == "U"}
    if source.plan.target.dialect.software:
        asked = {name for name in asked if not name.startswith("__aeabi_")}  # libgcc's arithmetic
    assert asked <= {"memcpy", "memmove", "memset"}


@pytest.mark.in_turn(8, "sources")
@pytest.mark.parametrize("target", TARGETS)
def test_clang_has_no_warning(target: str, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path) -> None:
    """The same files; clang warns as it reads, before it optimises."""
    tools: Toolchain = need(cprogram.toolchain, TARGETS[target], "clang", run=False)
    files = write(share(sources(target), 2), tmp_path)
    sysroot = ("-I/usr/aarch64-linux-gnu/include",) if "--target=aarch64-linux-gnu" in tools.compiler else ()
    words = (*tools.compiler, *sysroot, *cprogram.WARNINGS, "-ffp-contract=off", "-fsyntax-only", *files)
    cprogram.compile_c(words, folder=tmp_path)


def test_tcc_computes_the_same(need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path) -> None:
    tools = Toolchain((need(cprogram.program, "tcc", "tcc"), "-Wall", "-Werror"))
    trials.run_all(share(list(strategies.random_layers(40, seed=9)), 6), TARGETS["scalar"], tools, tmp_path, flags=())
    trials.try_all(share(every_algorithm("scalar"), 6), tools, tmp_path, flags=())


@pytest.mark.in_turn(4)
@pytest.mark.parametrize("accuracy", ["exact", "fast"])
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_pack_in_c_is_the_plans_pack(
    target: str, accuracy: Accuracy, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path
) -> None:
    """Every plan that has a pack function: numbers that are moved equal, transformed ones to their last digit."""
    tools = need(cprogram.toolchain, TARGETS[target])
    layers = [*strategies.random_layers(24, 52, strategies.rewritten), *strategies.random_layers(24, 53)]
    made = [one for one in trials.one_of_each(share(layers, 4), TARGETS[target], 52, accuracy) if packs(one)]
    program, calls, expected, tables = Program([one.source for one in made], tools, tmp_path), [], [], []
    for number, one in enumerate(made):
        plan, x = one.source.plan, np.zeros(1)
        kernel, _ = trials.split(one.layer, strategies.data(one.layer, number, whole=False))
        expected.append(plan.pack(kernel.astype(plan.problem.dtype)))
        calls.append(Call(number, x, kernel, None, 0, expected[-1].size, pack=True))
        (found,) = packing.packs(plan)
        tables.append(
            max((np.abs(m).sum(1).max() for m in matrices(found.packing)), default=0.0) * np.abs(kernel).max()
        )
        assert plan.packed_numbers == found.count == expected[-1].size
        assert f"_KERNEL_NUMBERS {found.count} " in one.source.header
    for y, wanted, largest, one in zip(program.run(calls), expected, tables, made, strict=True):
        allowed = 0.0 if not largest else np.spacing(np.abs(wanted)) + 1e-14 * largest
        assert (np.abs(y.astype(float) - wanted) <= allowed).all(), one.source.plan
    assert any(tables) == (accuracy == "fast")


def matrices(how: Packing) -> list[Any]:
    """The transforms of the taps, of all parts."""
    own = [how.points.matrix] if how.points else []
    return own + [matrix for part in how.parts for matrix in matrices(part.packing)]


def packs(kernel: Kernel) -> bool:
    return f"{kernel.source.name}_pack(" in kernel.source.header


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("accuracy", ["exact", "fast"])
def test_packed_files_bring_what_they_need(
    accuracy: Accuracy, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path
) -> None:
    """`--packed`: a kernel and its pack function for every layer; packed by it in C, the kernel is right."""
    tools, made = need(cprogram.toolchain, TARGETS["avx2"]), []
    for number, layer in enumerate(share(list(strategies.random_layers(20, 54, strategies.rewritten)), 2)):
        source = pipeline.generate(layer.spec(f"k{number}"), "avx2", accuracy=accuracy, packed=True, sliced=True)
        made.append(Kernel(layer, source, None, accuracy))
    assert all(packs(kernel) for kernel in made)
    program = Program([kernel.source for kernel in made], tools, tmp_path)
    tried = [next(trials.trials(kernel, number)) for number, kernel in enumerate(made)]
    calls = [trial.call(number) for number, trial in enumerate(tried)]
    kernels = [trials.split(trial.kernel.layer, trial.given)[0] for trial in tried]
    packing_calls = [
        replace(call, weights=kernel, bias=None, outs=call.weights.size, slices=0, pack=True)
        for call, kernel in zip(calls, kernels, strict=True)
        if call.weights is not None
    ]
    packed = program.run(packing_calls)
    outputs = program.run([replace(call, weights=one) for call, one in zip(calls, packed, strict=True)])
    for trial, y in zip(tried, outputs, strict=True):
        trial.check(y)


@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_header_serves_a_cpp17_program(target: str, need: Callable[..., Any], tmp_path: Path) -> None:
    tools: Toolchain = need(cprogram.toolchain, TARGETS[target])
    gxx = need(cprogram.program, "g++", "g++")
    spec = next(one for one in reader.read((GOLDEN / "golden.conv").read_text()) if one.name == "causal")
    source = pipeline.generate(spec, target)
    write([source], tmp_path)
    (tmp_path / "main.cpp").write_text(
        """
        #include "causal.h"
        #include <array>
        #include <cstdio>
        static_assert(causal_CHANNELS == 4 && causal_FILTERS == 4 && causal_WORKSPACE_BYTES == 0);
        int main() {
            std::array<float, 6 * causal_CHANNELS> x;
            std::array<float, 2 * 4 * 4> kernel;
            std::array<float, 4> bias{1, 2, 3, 4};
            std::array<float, 6 * causal_FILTERS> y;
            x.fill(2), kernel.fill(3);
            if (causal_out_steps(6) != 6 || causal_out_steps(0) != 0) return 1;
            causal(x.data(), 6, kernel.data(), bias.data(), y.data());
            for (float value : y) std::printf("%g ", value);
        }
        """
    )
    cprogram.compile_c((*tools.compiler, *cprogram.WARNINGS, "-O2", "-c", "causal.c"), folder=tmp_path)
    cxx = (gxx, "-std=c++17", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror")
    cprogram.compile_c((*cxx, "main.cpp", "causal.o", "-o", "main"), folder=tmp_path)
    out = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    assert [float(word) for word in out.split()] == [25, 26, 27, 28] * 4 + [49, 50, 51, 52] * 2


@pytest.mark.in_turn(8, "sources")
@pytest.mark.parametrize("target", TARGETS)
def test_text_holds_nothing_that_it_should_not(target: str) -> None:
    for source in sources(target):
        includes = set(re.findall(r"#\s*include\s*(\S+)", source.code + source.header))
        assert includes <= {f'"{source.name}.h"', "<stddef.h>", "<stdint.h>", "<arm_neon.h>"}
        for text in (source.code, source.header):
            assert text.isascii()
            assert text.endswith("\n")
            assert not text.endswith("\n\n")
            assert not re.search(r"[ \t]\n|\t|\r|\n\n\n", text), "untidy white space"
            words = set(re.findall(r"[A-Za-z_]\w*", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)))
            assert not words & {
                "malloc",
                "calloc",
                "free",
                "alloca",
                "printf",
                "puts",
                "expf",
                "tanhf",
                "errno",
                "register",
            }
            assert not re.search(r"(^|\s)/(home|root|tmp|usr|work)\b|\b20\d\d-\d\d|\b[12]\d:\d\d\b", text), (
                "a path or a date"
            )
            assert max(map(len, text.splitlines())) <= 140


def test_same_spec_gives_the_same_bytes_in_another_process() -> None:
    script = (
        "from pathlib import Path\nfrom codegen import pipeline\nfrom codegen.language.reader import read\n"
        f"for spec in read(Path({str(GOLDEN / 'golden.conv')!r}).read_text()):\n"
        "    for target in ('scalar', 'avx2', 'neon'): print(pipeline.generate(spec, target).digest)\n"
    )
    found = set()
    for seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "TZ": f"UTC-{seed}"}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1
    assert len(set(found.pop().split())) == 3 * (GOLDEN / "golden.conv").read_text().count("{")


@pytest.mark.parametrize(("target", "name"), [(target, name) for target, names in FOR_REVIEW.items() for name in names])
def test_golden(target: str, name: str, update_golden: bool) -> None:
    """The emitted text is what was reviewed; `pytest tests/emission/test_emitted_c.py --update-golden` rewrites it."""
    spec = next(one for one in reader.read((GOLDEN / "golden.conv").read_text()) if one.name == name)
    reviewed(GOLDEN / target, pipeline.generate(spec, target).files, update_golden)


WAYS = {  # what else is under review: (the layer, the target, the algorithm, the weights, their storage, in slices)
    "winograd": ("tiles", "scalar", "winograd", "packed", "float32", False),
    "fft": ("spectrum", "sse2", "fft", "packed", "float32", False),
    "overlap_save": ("filters", "sse2", "overlap_save", "packed", "float32", False),
    "relayout": ("turned", "sse2", "relayout", "packed", "float32", False),
    "packed": ("dense", "avx2", "direct_filters", "packed", "float32", False),
    "sliced": ("strided", "scalar", "direct_filters", "argument", "float32", True),
    "float16": ("dense", "scalar", "direct_filters", "argument", "float16", False),
}


@pytest.mark.parametrize("way", WAYS)
def test_golden_of_each_way(way: str, update_golden: bool) -> None:
    """The planner's first plan of an algorithm, of packed weights, in slices, of halves."""
    layer, target, algorithm, weights, storage, sliced = WAYS[way]
    spec = next(one for one in reader.read((GOLDEN / "golden.conv").read_text()) if one.name == layer)
    asked = pipeline.request(spec, Ask(target_named(target), cast(Weights, weights), "fast", storage, sliced=sliced))
    plan = next(one for one in planner.survey(asked).found if one.algorithm.name == algorithm)
    source = render(
        plan, spec.name, banner=banner.lines(spec, plan), with_pack=bool(weights == "packed" and packing.packs(plan))
    )
    reviewed(GOLDEN / way, source.files, update_golden)


def test_golden_backward(update_golden: bool) -> None:
    spec = next(one for one in reader.read((GOLDEN / "golden.conv").read_text()) if one.name == "dense")
    reviewed(GOLDEN / "backward", emit.emitted(spec).files, update_golden)


def reviewed(folder: Path, files: tuple[tuple[str, str], ...], update: bool) -> None:
    """Raises AssertionError with the difference where a file is not what was reviewed."""
    for file, text in files:
        path = folder / file
        if update:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        before = path.read_text() if path.exists() else ""
        difference = "".join(
            difflib.unified_diff(before.splitlines(True), text.splitlines(True), f"reviewed/{file}", f"now/{file}")
        )
        assert text == before, f"not as reviewed; look, then --update-golden:\n{difference}"

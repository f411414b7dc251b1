"""Streams in C: random layers in random blocks have the bits of the whole, and those of the layer's own kernel."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen import pipeline
from codegen.errors import PlanError
from codegen.planning.ask import Ask, Stream
from codegen.problem.targets import target_named
from codegen.specs.kinds import Conv1DSpec, Conv1DTransposeSpec, DepthwiseConv1DSpec, SeparableConv1DSpec, Spec
from tests.fuzz import streams as fuzz
from tests.support.cprogram import Missing, compile_c, program, toolchain
from tests.support.stream_layers import Drawn, library

pytestmark = pytest.mark.compiles

LAYERS = 24


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> list[Drawn]:
    """Streams of random layers, their weights baked, packed or arguments, of both clocks, in one library."""
    try:
        program("gcc", "gcc")
    except Missing as missing:
        pytest.skip(str(missing))
    return library(np.random.default_rng(3), LAYERS, tmp_path_factory.mktemp("streams"))


def test_any_split_has_the_bits_of_the_whole(layers: list[Drawn]) -> None:
    """One block, steps alone, and random ones; at the rate of the input behind as many zeros as the header tells."""
    rng, splits, late = np.random.default_rng(5), 0, 0
    for one in layers:
        reach, steps = one.plan.problem.reach, int(rng.integers(60, 160))
        x = rng.standard_normal((steps, one.plan.problem.channels)).astype(one.spec.dtype)
        cuts = np.sort(rng.integers(0, steps + 1, 9))
        zeros = np.zeros((one.plan.delay, one.plan.problem.out_filters), one.spec.dtype)
        assert steps > reach
        wanted = one.whole(x)
        assert np.array_equal(wanted[: len(zeros)], zeros)
        for blocks in ([steps], [1] * steps, np.diff([0, *cuts, steps]).tolist()):
            assert one.stream(x, blocks).tobytes() == wanted.tobytes(), (one.spec, blocks)
            splits += 1
        late += one.plan.delay > 0
    assert splits == 3 * LAYERS
    assert late


def test_they_are_those_of_the_layer(layers: list[Drawn], share: Callable[..., Any]) -> None:
    """The bits of its own exact kernel where that sums in the same order; else within rounding."""
    rng, same, tried = np.random.default_rng(6), 0, share(layers, 3)
    for one in tried:
        p = one.plan.problem
        x = rng.standard_normal((90, p.channels)).astype(one.spec.dtype)
        kernel, y = pipeline.kernel_for(one.spec, Ask(target_named("scalar"))), np.empty(p.out_shape(1, 90), p.dtype)
        taps, bias = one.spec.problem_weights(one.weights)
        kernel.run(one.laid(x)[None], y, kernel.pack(taps), bias)
        wanted = y[0] if p.channels_last else y[0].T
        found = one.stream(x, [7, 80, 3])[one.plan.delay :]
        if p.channels_last or kernel.plan.order == one.plan.inner.order:
            assert found.tobytes() == np.ascontiguousarray(wanted).tobytes(), one.spec
            same += 1
        assert np.allclose(found, wanted, atol=1e-4), one.spec
    assert same > len(tried) // 3


def test_a_state_is_its_bytes_and_a_reset_forgets(layers: list[Drawn]) -> None:
    """A copy goes on as the stream does; after NaN and a reset nothing of it is left; prewarm is much silence."""
    rng = np.random.default_rng(7)
    for one in layers:
        x = rng.standard_normal((70, one.plan.problem.channels)).astype(one.spec.dtype)
        state = one.state()
        one.call("_reset", state)
        one.block(state, x[:33])
        copy = state.copy()
        first = np.concatenate([one.block(state, x[33:]), one.flush(state)])
        again = np.concatenate([one.block(copy, x[33:]), one.flush(copy)])
        assert first.tobytes() == again.tobytes()
        one.block(state, np.full_like(x, np.nan))
        one.call("_reset", state)
        clean = np.concatenate([one.block(state, x), one.flush(state)])
        assert clean.tobytes() == one.stream(x, [70]).tobytes()
        one.call("_prewarm", copy)
        one.call("_reset", state)
        one.block(state, np.zeros((one.plan.state.settled, x.shape[1]), x.dtype))
        assert one.block(copy, x).tobytes() == one.block(state, x).tobytes(), one.spec


def test_random_layers_between_guard_pages(layers: list[Drawn]) -> None:
    """A share of the fuzzer's, for all targets of this machine, in a process of its own."""
    assert layers
    assert fuzz.run(8, seed=5) == (8, [])


def streamed_kinds() -> list[Spec]:
    """A layer of each kind, some of strides, in both formats."""
    given: dict[str, Any] = {"filters": 16, "input_shape": (None, 16)}
    first: dict[str, Any] = {"input_shape": (16, None), "data_format": "channels_first"}
    return [
        Conv1DSpec(name="voice", kernel_size=3, dilation_rate=512, padding="causal", **given),
        Conv1DSpec(name="fewer", filters=6, kernel_size=5, strides=3, groups=2, padding="valid", **first),
        DepthwiseConv1DSpec(name="each", kernel_size=5, padding="same", dtype="float64", input_shape=(None, 16)),
        SeparableConv1DSpec(name="apart", kernel_size=5, padding="same", **given),
        SeparableConv1DSpec(name="between", filters=7, kernel_size=4, strides=2, padding="valid", **first),
        Conv1DTransposeSpec(name="up", kernel_size=8, strides=4, **given),
        Conv1DTransposeSpec(name="above", filters=1, kernel_size=3, strides=5, **first),
    ]


@pytest.mark.parametrize("target", ["scalar", "avx512"])
def test_an_object_holds_nothing_of_the_c_library(
    target: str, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path
) -> None:
    """Whatever the optimisation, where compilers make calls of memcpy of loops: the functions' own symbols alone."""
    specs, nm = streamed_kinds(), need(program, "nm", "binutils")
    flags = need(toolchain, target_named(target), run=False).compiler[1:]
    for spec in specs:
        for file, text in pipeline.streamed(spec, Ask(target_named(target), stream=Stream(16))).files:
            (tmp_path / file).write_text(text)
    for compiler, level in share([(one, f"-O{n}") for n in (3, 2, 1, 0) for one in ("gcc", "clang")], 8):
        words = [need(program, compiler, compiler), *flags, "-std=c99", "-ffp-contract=off", level, "-w", "-c"]
        compile_c([*words, *(f"{spec.name}.c" for spec in specs)], tmp_path)
        for name in (spec.name for spec in specs):
            told = subprocess.run([nm, "-P", tmp_path / f"{name}.o"], capture_output=True, text=True, check=True).stdout
            symbols = {tuple(line.split()[:2]) for line in told.splitlines()}
            public = {symbol for symbol, kind in symbols if kind == "T"}
            assert public == {name, *(f"{name}_{word}" for word in ("reset", "prewarm", "process", "flush"))}
            assert not {symbol for symbol, kind in symbols if kind not in "TtrR"}, (name, compiler, level)


def test_what_cannot_stream_says_why() -> None:
    spec = Conv1DSpec(name="a", filters=2, kernel_size=5, strides=3, padding="same", input_shape=(None, 2))
    with pytest.raises(PlanError, match=r"zeros on the left depend on the input's length.*give padding = "):
        pipeline.streamed(spec, Ask(stream=Stream()))
    up = Conv1DTransposeSpec(name="a", filters=2, kernel_size=5, strides=2, input_shape=(None, 2))
    with pytest.raises(PlanError, match="leave the accuracy at exact"):
        pipeline.streamed(up, Ask(accuracy="fast", stream=Stream()))

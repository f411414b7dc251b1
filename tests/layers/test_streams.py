"""Streams of layers in Python: the bits of the whole in any blocks, and a state that can be kept."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.errors import PlanError, ShapeError, ToolchainError, UsageError
from codegen.language import reader
from codegen.layers.layer import Layer
from codegen.layers.stream import Stream
from codegen.planning.ask import Ask
from codegen.planning.ask import Stream as Blocks
from codegen.planning.error_bounds import is_transform
from codegen.problem.targets import TARGETS, runs_here
from tests.support.int8_layers import weights

Array = np.ndarray[Any, np.dtype[Any]]
SHAPE = (2, 50, 3)


def voice() -> codegen.Conv1D:
    """A layer that looks 4 steps ahead."""
    given = {"filters": 5, "kernel_size": 4, "dilation_rate": 3, "activation": "tanh", "accuracy": "exact"}
    return codegen.Conv1D(name="voice", padding="same", input_shape=(None, 3), **given)


def noise(shape: Sequence[int] = SHAPE) -> Array:
    return np.random.default_rng(1).standard_normal(shape).astype("float32")


def in_blocks(stream: Stream, x: Array, cuts: Sequence[int], axis: int = 1) -> Array:
    return np.concatenate([*map(stream, np.split(x, cuts, axis=axis)), stream.flush()], axis=axis)


LAYERS: tuple[Layer, ...] = (
    voice(),
    codegen.Conv1D(4, 3, strides=2, padding="causal", groups=2, input_shape=(None, 6), accuracy="exact", name="b"),
    codegen.DepthwiseConv1D(5, padding="causal", input_shape=(None, 3), accuracy="exact", dtype="float64", name="c"),
    codegen.SeparableConv1D(4, 3, padding="same", input_shape=(None, 3), accuracy="exact", name="d"),
    codegen.Conv1DTranspose(3, 5, strides=2, input_shape=(None, 2), accuracy="exact", name="e"),
)


@pytest.mark.compiles
def test_any_blocks_of_each_kind_have_the_bits_of_the_layer(share: Callable[..., Any]) -> None:
    rng = np.random.default_rng(2)
    for layer in share(LAYERS, 3):
        x = rng.standard_normal((2, 50, layer.spec.channels)).astype(layer.dtype)
        stream, whole = layer.stream(block=8, batch=2), layer(x)
        for cuts in ([], list(range(1, 50)), np.sort(rng.integers(0, 51, 6)).tolist()):
            found = in_blocks(stream, x, cuts)
            assert found.dtype == whole.dtype
            assert found.tobytes() == whole.tobytes(), (layer.name, cuts)


GRID = "dtype = int8, input_scale = 0.05, input_zero_point = 3, output_scale = 0.1, output_zero_point = -5"
CODES = f"""
conv1d same {{ input_shape = (none, 8), filters = 5, kernel_size = 7, padding = same, {GRID} }}
conv1d looked_up {{ input_shape = (none, 6), filters = 9, kernel_size = 4, padding = causal, dilation_rate = 3,
    activation = tanh, sum_scale = 0.03, sum_zero_point = 2, {GRID} }}
depthwise_conv1d each {{ input_shape = (none, 40), kernel_size = 9, padding = same, rounding = single, {GRID} }}
separable_conv1d both {{ input_shape = (none, 6), filters = 5, kernel_size = 3, strides = 2, padding = causal,
    depthwise_scale = 0.2, depthwise_zero_point = 1, {GRID} }}
conv1d_transpose up {{ input_shape = (none, 4), filters = 3, kernel_size = 5, strides = 2, rounding = fp32, {GRID} }}
conv1d first {{ input_shape = (8, none), data_format = channels_first, filters = 5, kernel_size = 6, padding = same,
    {GRID} }}
conv1d alone {{ input_shape = (none, 8), filters = 5, kernel_size = 1, {GRID} }}
"""


def part(name: str) -> str:
    """The definition of one layer of CODES."""
    return next(f"{one}}}" for one in CODES.split("}") if f" {name} " in one)


@pytest.mark.compiles
def test_codes_of_each_kind_are_those_of_the_whole_in_any_blocks(share: Callable[..., Any]) -> None:
    """Of int8, on both clocks: what comes before the first step and behind the last, and late outputs, stand for 0."""
    rng, late = np.random.default_rng(7), {}
    for spec in share(reader.read(CODES, "codes"), 3):
        arrays = {f"{spec.name}/{name}": array for name, array in weights(spec, rng).items()}
        layer = codegen.load(part(spec.name), arrays)[spec.name]
        x = rng.integers(-128, 128, spec.problem.in_shape(2, 60)).astype(np.int8)
        axis, whole = 1 if spec.channels_last else 2, layer(x)
        for clock in ("count", "rate"):
            if (spec.name, clock) == ("looked_up", "rate"):
                continue
            stream = layer.stream(block=16, batch=2, clock=clock)
            for cuts in ([], list(range(1, 60)), np.sort(rng.integers(0, 61, 6)).tolist()):
                found = in_blocks(stream, x, cuts, axis)
                first, rest = np.split(found, [stream.delay], axis)
                assert (first == -5).all()
                assert rest.shape == whole.shape
                assert np.count_nonzero(rest != whole) == 0, (spec.name, clock, cuts)
            late[spec.name] = stream.delay
    told = {"same": 3, "looked_up": 0, "each": 4, "both": 0, "up": 0, "first": 3, "alone": 0}
    assert late == {name: told[name] for name in late}


def test_a_table_does_not_tell_which_late_outputs_stand_for_0() -> None:
    (spec,) = reader.read(part("looked_up").replace("causal", "same"), "codes")
    with pytest.raises(PlanError, match="does not show which code means 0: the clock is `count` alone"):
        pipeline.stream_plan(spec, Ask(TARGETS["scalar"], stream=Blocks(16, "rate")))
    with pytest.raises(PlanError, match="int8 C has its weights as const tables"):
        pipeline.streamed(spec, Ask(TARGETS["scalar"], stream=Blocks(16)))


@pytest.mark.compiles
def test_channels_first_has_the_bits_of_the_whole() -> None:
    """Of the class `exact`: transposed layers of all strides, and plain ones. Wholes sum along time, streams do not.

    Strides of a known length become channels, in the order of the taps.
    """
    rng = np.random.default_rng(5)
    given: dict[str, Any] = {"data_format": "channels_first", "accuracy": "exact"}
    shapes = ((3, 4, 3, 2, "valid"), (24, 8, 7, 4, "same"), (8, 1, 4, 2, "same"), (3, 5, 7, 1, "valid"))
    layers: list[Layer] = [
        codegen.Conv1DTranspose(f, k, strides=s, padding=pad, input_shape=(c, None), name=f"up_{c}_{s}", **given)
        for c, f, k, s, pad in shapes
    ]
    layers.append(codegen.Conv1D(6, 5, padding="causal", input_shape=(20, None), name="plain", **given))
    for c, f, k, s, groups in ((2, 16, 4, 2, 1), (4, 8, 6, 3, 2)):
        strided = {"strides": s, "groups": groups, "input_shape": (c, 150), "name": f"strided_{c}"}
        layers.append(codegen.Conv1D(f, k, padding="causal", **strided, **given))
    layers.append(codegen.Conv1D(6, 5, activation="glu", input_shape=(4, None), name="halves", **given))
    ways = set[str]()
    for layer in layers:
        x = rng.standard_normal((1, layer.spec.channels, 150)).astype("float32")
        stream, whole = layer.stream(block=16), layer(x)
        for cuts in ([], [1, 2, 40, 41, 99]):
            assert in_blocks(stream, x, cuts, 2).tobytes() == whole.tobytes(), (layer.name, cuts)
        ways |= {part.algorithm.name for part in of_parts(layer.plan)}
    assert runs_here(TARGETS["avx2"]) <= (ways >= {"direct_steps", "strides_as_channels"}), (
        "else nothing was summed along time"
    )


def of_parts(plan: Any) -> Iterator[Any]:
    """A plan and those inside of it."""
    yield plan
    for part in plan.parts:
        yield from of_parts(part)


@pytest.mark.compiles
def test_channels_first_and_at_the_rate_of_the_input() -> None:
    layer = codegen.Conv1D(4, 3, padding="same", data_format="channels_first", input_shape=(3, None), name="first")
    x = noise((2, 3, 40))
    stream = layer.stream(block=8, batch=2, clock="rate")
    assert (stream.latency, stream.delay) == (1, 1)
    parts = [stream(part) for part in np.split(x, [1, 9, 10], axis=2)]
    assert [part.shape for part in parts] == [(2, 4, 1), (2, 4, 8), (2, 4, 1), (2, 4, 30)]
    found = np.concatenate([*parts, stream.flush()], axis=2)
    assert not found[:, :, :1].any()
    assert np.allclose(found[:, :, 1:], layer(x), atol=1e-5)


@pytest.mark.compiles
def test_a_state_is_kept_and_goes_on_elsewhere() -> None:
    layer, x = voice(), noise()
    stream = layer.stream(batch=2)
    stream(x[:, :20])
    state, rest = stream.state, stream(x[:, 20:])
    others = layer.stream(batch=2)
    others.state = state
    again = [others, *(copy.copy(others), copy.deepcopy(others), pickle.loads(pickle.dumps(others)))]
    for other in again:
        assert other.state == state
        assert other(x[:, 20:]).tobytes() == rest.tobytes()
    for wrong in (state[:-1], b"\x7f" * len(state), "text"):
        with pytest.raises(UsageError, match=r"`state`: "):
            stream.state = wrong  # type: ignore[assignment]
    assert stream(x[:, :1]).shape == (2, 1, 5)


@pytest.mark.compiles
def test_reset_forgets_and_prewarm_is_much_silence() -> None:
    layer, x = voice(), noise()
    stream, whole = layer.stream(batch=2), layer(x)
    stream(np.full_like(x, np.nan))
    stream.reset()
    assert in_blocks(stream, x, [7]).tobytes() == whole.tobytes()
    silent = layer.stream(batch=2)
    silent(np.zeros((2, 200, 3), "float32"))
    stream.prewarm()
    assert stream(x).tobytes() == silent(x).tobytes()


@pytest.mark.compiles
def test_a_bound_stream_reads_and_writes_the_same_arrays() -> None:
    layer = codegen.Conv1D(5, 4, padding="causal", input_shape=(None, 3), accuracy="exact", name="bound")
    stream, x = layer.stream(block=10, batch=2), noise()
    block, y = np.empty((2, 10, 3), "float32"), np.empty((2, 10, 5), "float32")
    run, found = stream.bind(block, y), []
    for part in np.split(x, 5, axis=1):
        block[...] = part
        assert run() == 10
        found.append(y.copy())
    assert np.concatenate(found, axis=1).tobytes() == layer(x).tobytes()
    with pytest.raises(ShapeError, match=r"out: .*\(2, 10, 5\)"):
        stream.bind(block, np.empty((2, 9, 5), "float32"))


@pytest.mark.compiles
def test_a_transform_has_the_same_bits_in_multiples_of_its_block() -> None:
    layer = codegen.Conv1D(32, 3, padding="same", input_shape=(None, 32), target="scalar", name="wide")
    x = noise((1, 150, 32))
    stream, exact = layer.stream(block=32, accuracy="fast"), in_blocks(layer.stream(block=32), x, [])
    assert is_transform(stream._library.plan.inner)
    whole = in_blocks(stream, x, [])
    assert np.allclose(whole, exact, atol=1e-4)
    assert whole.tobytes() != exact.tobytes()
    for cuts in ([32, 64, 96, 128], [64, 128], [96]):
        assert in_blocks(stream, x, cuts).tobytes() == whole.tobytes()


@pytest.mark.compiles
def test_what_is_handed_over_is_looked_at() -> None:
    stream = voice().stream(batch=2)
    assert repr(stream).startswith("<stream of voice: block=64, batch=2, latency=5, ")
    for shape in ((1, 4, 3), (2, 4, 4)):
        with pytest.raises(ShapeError, match=r"expected \(batch, steps, channels\) of 2 samples and 3 channels"):
            stream(np.zeros(shape, "float32"))
    assert stream(np.zeros((2, 0, 3))).shape == (2, 0, 5)
    for wrong in ({"batch": 0}, {"block": 0}, {"clock": "tick"}):
        with pytest.raises(UsageError):
            voice().stream(**wrong)  # type: ignore[arg-type]


def test_what_has_no_stream_says_why() -> None:
    strided = codegen.Conv1D(2, 5, strides=3, padding="same", input_shape=(None, 2), name="strided")
    with pytest.raises(PlanError, match=r"`strided`.*give padding = "):
        strided.stream()
    with pytest.raises(ShapeError, match="does not know its input's channels"):
        codegen.Conv1D(2, 5).stream()
    own = codegen.Conv1D(2, 5, input_shape=(None, 2), activation=np.tanh, name="own")
    with pytest.raises(PlanError, match="is Python's and has no C"):
        own.stream()


def test_without_a_compiler_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codegen.machine.compilers.chain", lambda: iter(()))
    layer = codegen.Conv1D(2, 5, input_shape=(None, 2), target="scalar", name="alone")
    with pytest.raises(ToolchainError, match="no C compiler was found; install gcc or clang"):
        layer.stream(block=3)

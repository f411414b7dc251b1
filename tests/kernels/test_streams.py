"""Streams in C: random layers in random blocks have the bits of the whole, and those of the layer's own kernel."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen import pipeline
from codegen.errors import PlanError, SpecError
from codegen.planning.ask import Ask, Stream, clock_named
from codegen.planning.streams import StreamPlan
from codegen.problem.targets import target_named
from codegen.specs.kinds import Conv1DSpec, Conv1DTransposeSpec, DepthwiseConv1DSpec, SeparableConv1DSpec, Spec
from tests.support.cprogram import WARNINGS, Missing, compile_c, program

pytestmark = pytest.mark.compiles

LAYERS = 24
EDGE = 4  # outputs behind those that are told, which nothing writes
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Drawn:
    """A layer, its weights, the plan of its stream, and the library that holds it."""

    spec: Spec
    weights: dict[str, Array]
    plan: StreamPlan
    library: Any

    def call(self, word: str, *arguments: Any) -> int:
        """What NAME_word answers."""
        function = getattr(self.library, f"{self.spec.name}{word}")
        function.restype = ctypes.c_ssize_t
        given = [ctypes.c_void_p(one.ctypes.data) if isinstance(one, np.ndarray) else one for one in arguments]
        return int(function(*[ctypes.c_ssize_t(one) if isinstance(one, int) else one for one in given]))

    @property
    def arguments(self) -> list[Array]:
        """The weights as the C takes them; none where they are baked."""
        if self.plan.ask.weights == "baked":
            return []
        kernel, bias = self.spec.problem_weights(self.weights)
        parts = self.plan.problem.stage_weights(kernel, bias)
        return [np.ascontiguousarray(part) for _, part, _ in parts] + ([] if bias is None else [bias])

    def rows(self, y: Array, outs: int) -> Array:
        """Outputs in the order of time. The room behind them is untouched."""
        filters = self.plan.problem.out_filters
        assert (y[outs * filters :] == 777).all()
        found = y[: outs * filters]
        return found.reshape(outs, filters) if self.plan.problem.channels_last else found.reshape(filters, outs).T

    def room(self, outs: int) -> Array:
        return np.full((outs + EDGE) * self.plan.problem.out_filters, 777, self.spec.dtype)

    def state(self) -> Array:
        return np.full(self.call("_size"), 0x7F, np.uint8)

    def block(self, state: Array, x: Array) -> Array:
        """The outputs of steps (steps, channels)."""
        y, x = self.room(self.call("_most", len(x))), self.laid(x)
        steps = x.shape[0 if self.plan.problem.channels_last else 1]
        return self.rows(y, self.call("_process", state, x, steps, *self.arguments, y))

    def flush(self, state: Array) -> Array:
        y = self.room(self.call("_most_flushed"))
        return self.rows(y, self.call("_flush", state, *self.arguments, y))

    def stream(self, x: Array, blocks: list[int]) -> Array:
        """All outputs of x in these blocks."""
        state, parts = self.state(), np.split(x, np.cumsum(blocks)[:-1])
        self.call("_reset", state)
        return np.concatenate([*[self.block(state, part) for part in parts], self.flush(state)])

    def whole(self, x: Array) -> Array:
        outs = self.plan.problem.out_steps(len(x)) + self.plan.delay
        y = self.room(outs)
        self.call("", self.laid(x), len(x), *self.arguments, y, self.state())
        return self.rows(y, outs)

    def laid(self, x: Array) -> Array:
        return np.ascontiguousarray(x if self.plan.problem.channels_last else x.T)


def drawn(rng: np.random.Generator, name: str) -> Spec:
    """A layer of any kind. Raises SpecError for one that there is not."""
    size, stride, groups = (int(rng.choice(of)) for of in ((1, 2, 3, 4, 5, 8), (1, 1, 2, 3, 5), (1, 1, 2)))
    dilation = int(rng.choice([1, 2, 7])) if stride == 1 else 1
    channels, last, reach = groups * int(rng.choice([1, 3, 8])), bool(rng.integers(2)), dilation * (size - 1) + 1
    pads = int(rng.integers(0, reach + 3)), int(rng.integers(0, reach + 3))
    given: dict[str, Any] = {
        "name": name,
        "kernel_size": size,
        "strides": stride,
        "dilation_rate": dilation,
        "padding": ("causal", "same", "valid", pads)[int(rng.integers(4))],
        "input_shape": (None, channels) if last else (channels, None),
        "data_format": "channels_last" if last else "channels_first",
        "dtype": str(rng.choice(["float32", "float32", "float64"])),
        "use_bias": bool(rng.integers(2)),
        "activation": str(rng.choice(["linear", "relu", "tanh"])),
    }
    kind, filters = int(rng.integers(5)), groups * int(rng.choice([1, 3, 9]))
    if kind == 0:
        return DepthwiseConv1DSpec(depth_multiplier=int(rng.integers(1, 3)), **given)
    if kind == 1:
        return SeparableConv1DSpec(filters=filters, **given)
    if kind == 2:
        cropped = (min(pads[0], reach - 1), min(pads[1], reach - 1))
        padding = cropped if isinstance(given["padding"], tuple) else given["padding"].replace("causal", "same")
        return Conv1DTransposeSpec(filters=filters, **given | {"padding": padding})
    return Conv1DSpec(filters=filters, groups=groups, **given)


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> list[Drawn]:
    """Streams of random layers, their weights baked or arguments, of both clocks, in one library."""
    try:
        program("gcc", "gcc")
    except Missing as missing:
        pytest.skip(str(missing))
    rng, folder, made = np.random.default_rng(3), tmp_path_factory.mktemp("streams"), []
    while len(made) < LAYERS:
        name = f"k{len(made)}"
        try:
            spec, baked = drawn(rng, name), bool(rng.integers(2))
            blocks = Stream(int(rng.choice([1, 4, 16, 64])), clock_named(str(rng.choice(["count", "count", "rate"]))))
            weights = {key: rng.standard_normal(n).astype(spec.dtype) for key, n in spec.weight_shapes().items()}
            ask = Ask(target_named("scalar"), "baked" if baked else "argument", stream=blocks)
            source = pipeline.streamed(spec, ask, weights if baked else None)
        except (PlanError, SpecError):
            continue
        (folder / f"{name}.c").write_text(source.code + _figures(name))
        (folder / f"{name}.h").write_text(source.header)
        made.append((spec, weights, source.plan))
    names = [f"{spec.name}.c" for spec, _, _ in made]
    flags = ("-std=c99", "-O1", "-ffp-contract=off", *WARNINGS, "-Wno-missing-prototypes", "-shared", "-fPIC")
    compile_c(["gcc", *flags, *names, "-o", "all.so"], folder)
    library = ctypes.CDLL(str(folder / "all.so"))
    return [Drawn(*one, library) for one in made]


def _figures(name: str) -> str:
    """Functions that tell what the header does."""
    big = name.upper()
    return (
        f"ptrdiff_t {name}_size(void);\nptrdiff_t {name}_size(void) {{ return sizeof({name}_state); }}\n"
        f"ptrdiff_t {name}_most(ptrdiff_t n);\nptrdiff_t {name}_most(ptrdiff_t n) {{ return {big}_MAX_OUT(n); }}\n"
        f"ptrdiff_t {name}_most_flushed(void);\nptrdiff_t {name}_most_flushed(void) {{ return {big}_MAX_FLUSH; }}\n"
    )


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


def test_they_are_those_of_the_layer(layers: list[Drawn]) -> None:
    """The bits of its own exact kernel where that sums in the same order; else within rounding."""
    rng, same = np.random.default_rng(6), 0
    for one in layers:
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
    assert same > LAYERS // 2


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


def test_an_object_holds_nothing_of_the_c_library(need: Callable[..., Any], tmp_path: Path) -> None:
    """At -O3, where compilers make calls of memcpy of loops: the functions' own symbols, and no other's."""
    gcc, nm = need(program, "gcc", "gcc"), need(program, "nm", "binutils")
    spec = Conv1DSpec(
        name="voice", filters=16, kernel_size=3, dilation_rate=512, padding="causal", input_shape=(None, 16)
    )
    source = pipeline.streamed(spec, Ask(stream=Stream(16)))
    for name, text in source.files:
        (tmp_path / name).write_text(text)
    compile_c([gcc, "-std=c99", "-O3", "-c", "voice.c", "-o", "voice.o"], tmp_path)
    told = subprocess.run([nm, "-P", str(tmp_path / "voice.o")], capture_output=True, text=True, check=True).stdout
    symbols = {tuple(line.split()[:2]) for line in told.splitlines()}
    public = {name for name, kind in symbols if kind == "T"}
    assert public == {"voice", *(f"voice_{word}" for word in ("reset", "prewarm", "process", "flush"))}
    assert not {name for name, kind in symbols if kind not in "Tt"}


def test_what_cannot_stream_says_why() -> None:
    spec = Conv1DSpec(name="a", filters=2, kernel_size=5, strides=3, padding="same", input_shape=(None, 2))
    with pytest.raises(PlanError, match=r"zeros on the left depend on the input's length.*give padding = "):
        pipeline.streamed(spec, Ask(stream=Stream()))
    causal = Conv1DSpec(name="a", filters=2, kernel_size=5, padding="causal", input_shape=(None, 2))
    with pytest.raises(PlanError, match="leave the accuracy at exact"):
        pipeline.streamed(causal, Ask(accuracy="fast", stream=Stream()))

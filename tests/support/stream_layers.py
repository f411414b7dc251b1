"""Random layers as streams in C: drawn, emitted, compiled into one library, and called on arrays."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from codegen import pipeline
from codegen.emission.packing import Pack, packs
from codegen.errors import PlanError, SpecError
from codegen.planning.ask import Ask, Stream, Weights, clock_named
from codegen.planning.streams import StreamPlan
from codegen.problem.targets import target_named
from codegen.specs.kinds import Conv1DSpec, Conv1DTransposeSpec, DepthwiseConv1DSpec, SeparableConv1DSpec, Spec
from tests.support.cprogram import LIGHT, WARNINGS, compile_c

__all__ = ["FLAGS", "Drawn", "drawn", "figures", "guarded", "library", "loose"]

EDGE = 4  # outputs behind those that are told, which nothing writes
FLAGS = ("-std=c99", *LIGHT, "-ffp-contract=off", *WARNINGS, "-Wno-missing-prototypes", "-shared", "-fPIC")
PAGE = mmap.PAGESIZE
WAYS: tuple[Weights, ...] = ("baked", "argument", "packed")
Array = np.ndarray[Any, np.dtype[Any]]
Place = Callable[[Array], Array]  # a copy of an array, where a call shall find it


def loose(given: Array) -> Array:
    """A copy that lies anywhere."""
    return given.copy()


def guarded(given: Array) -> Array:
    """A copy that ends where a page begins which may not be touched, and begins behind another such page or near it."""
    inner = -(-max(1, given.nbytes) // PAGE) * PAGE
    memory = mmap.mmap(-1, inner + 2 * PAGE)
    base = np.frombuffer(memory, np.uint8)
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    for start in (base.ctypes.data, base.ctypes.data + PAGE + inner):
        assert not protect(ctypes.c_void_p(start), ctypes.c_size_t(PAGE), 0)
    place = base[PAGE + inner - given.nbytes : PAGE + inner].view(given.dtype).reshape(given.shape)
    place[...] = given
    return place


@dataclass(frozen=True)
class Drawn:
    """A layer, its weights, the plan of its stream, and the library that holds it."""

    spec: Spec
    weights: dict[str, Array]
    plan: StreamPlan
    library: Any
    place: Place = loose

    def call(self, word: str, *arguments: Any) -> int:
        """What NAME_word answers."""
        function = getattr(self.library, f"{self.spec.name}{word}")
        function.restype = ctypes.c_ssize_t
        given = [ctypes.c_void_p(one.ctypes.data) if isinstance(one, np.ndarray) else one for one in arguments]
        return int(function(*[ctypes.c_ssize_t(one) if isinstance(one, int) else one for one in given]))

    @cached_property
    def arguments(self) -> list[Array]:
        """The weights as the C takes them; none where they are baked."""
        if self.plan.ask.weights == "baked":
            return []
        kernel, bias = self.spec.problem_weights(self.weights)
        held = [np.ascontiguousarray(part) for _, part, _ in self.plan.problem.stage_weights(kernel, bias)]
        if self.plan.ask.weights == "packed":
            held = [self._packed(*pair) for pair in zip(packs(self.plan.inner), held, strict=True)]
        return [self.place(one) for one in [*held, *([] if bias is None else [bias])]]

    def _packed(self, pack: Pack, kernel: Array) -> Array:
        """The kernel as the emitted function packs it, which is as Python does."""
        made = np.zeros(pack.count, kernel.dtype)
        function = getattr(self.library, f"{self.spec.name}_{pack.function}")
        function.restype = None
        function(ctypes.c_void_p(kernel.ctypes.data), ctypes.c_void_p(made.ctypes.data))
        assert made.tobytes() == pack.plan.pack(kernel).tobytes(), self.spec
        return made

    def rows(self, y: Array, outs: int) -> Array:
        """Outputs in the order of time. The room behind them is untouched."""
        filters = self.plan.problem.out_filters
        assert (y[outs * filters :] == 777).all()
        found = y[: outs * filters]
        return found.reshape(outs, filters) if self.plan.problem.channels_last else found.reshape(filters, outs).T

    def room(self, outs: int) -> Array:
        edge = EDGE if self.place is loose else 0
        return self.place(np.full((outs + edge) * self.plan.problem.out_filters, 777, self.spec.dtype))

    def state(self) -> Array:
        return self.place(np.full(self.call("_size"), 0x7F, np.uint8))

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
        return self.place(np.ascontiguousarray(x if self.plan.problem.channels_last else x.T))


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


def library(
    rng: np.random.Generator,
    count: int,
    folder: Path,
    *,
    targets: tuple[str, ...] = ("scalar",),
    flags: tuple[str, ...] = FLAGS,
    place: Place = loose,
) -> list[Drawn]:
    """Streams of `count` random layers for one of the targets, of both clocks and all ways of weights."""
    made: list[tuple[Spec, dict[str, Array], StreamPlan]] = []
    target = target_named(str(rng.choice(targets)))
    while len(made) < count:
        name = f"k{len(made)}"
        try:
            spec, way = drawn(rng, name), WAYS[int(rng.integers(len(WAYS)))]
            blocks = Stream(int(rng.choice([1, 4, 16, 64])), clock_named(str(rng.choice(["count", "count", "rate"]))))
            weights = {key: rng.standard_normal(n).astype(spec.dtype) for key, n in spec.weight_shapes().items()}
            source = pipeline.streamed(spec, Ask(target, way, stream=blocks), weights if way == "baked" else None)
        except (PlanError, SpecError):
            continue
        (folder / f"{name}.c").write_text(source.code + figures(name))
        (folder / f"{name}.h").write_text(source.header)
        made.append((spec, weights, source.plan))
    names = [f"{spec.name}.c" for spec, _, _ in made]
    compile_c(["gcc", *target.flags, *flags, *names, "-o", "all.so"], folder)
    opened = ctypes.CDLL(str(folder / "all.so"))
    return [Drawn(*one, opened, place) for one in made]


def figures(name: str) -> str:
    """Functions that tell what the header does."""
    big = name.upper()
    return (
        f"ptrdiff_t {name}_size(void);\nptrdiff_t {name}_size(void) {{ return (ptrdiff_t)sizeof({name}_state); }}\n"
        f"ptrdiff_t {name}_most(ptrdiff_t n);\nptrdiff_t {name}_most(ptrdiff_t n) {{ return {big}_MAX_OUT(n); }}\n"
        f"ptrdiff_t {name}_most_flushed(void);\nptrdiff_t {name}_most_flushed(void) {{ return {big}_MAX_FLUSH; }}\n"
    )

"""Random graphs as C, whole and in blocks: emitted, compiled into one library, and called on arrays by ctypes."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from codegen import pipeline
from codegen.emission.models import stream
from codegen.errors import PlanError
from codegen.graph.graph import Graph
from codegen.graph.plans.model_plan import ModelPlan
from codegen.graph.plans.streamed import StreamedModel
from codegen.planning.ask import Ask, Stream, clock_named
from codegen.problem.targets import target_named
from tests.support import graphs
from tests.support.cprogram import compile_c
from tests.support.stream_layers import FLAGS, Array, Place, figures, guarded

__all__ = ["Streaming", "Whole", "library"]

LIGHT = (*FLAGS, "-w")  # its warnings are a test of their own


@dataclass(frozen=True)
class Whole:
    """A graph as one function; its weights are baked where `packed` is none."""

    graph: Graph
    weights: dict[str, dict[str, Array]]
    plan: ModelPlan
    library: Any
    exact: bool
    place: Place = guarded

    def __call__(self, given: dict[str, Array], steps: int, content: int) -> list[Array]:
        """The outputs of one sample; every byte of the workspace is `content` before."""
        arguments: list[Any] = [self.place(given[name]) for name, _ in self.graph.inputs]
        arguments += [steps] if self.plan.free else []
        arguments += _packed(self.plan, self.weights, self.place)
        outs = self.plan.out_steps(steps)
        sizes = [(n, self.graph.shapes[at].channels) for n, (_, at) in zip(outs, self.graph.outputs, strict=True)]
        outputs = [self.place(np.full(size, 777, self.graph.dtype)) for size in sizes]
        room = self.plan.workspace_bytes(steps)
        arguments += outputs + ([self.place(np.full(room, content, np.uint8))] if self.plan.workspace.at(1) else [])
        _call(self.library, self.graph.name, *arguments)
        return outputs


@dataclass(frozen=True)
class Streaming:
    """A graph that streams, its weights baked or packed, at one of the clocks; `once` is the same as one function."""

    graph: Graph
    weights: dict[str, dict[str, Array]]
    plan: StreamedModel
    library: Any
    exact: bool
    once: Whole
    place: Place = guarded

    @cached_property
    def arguments(self) -> list[Array]:
        return _packed(self.plan, self.weights, self.place)

    @cached_property
    def channels(self) -> tuple[int, int]:
        return self.graph.shapes[self.graph.inputs[0][1]].channels, self.graph.shapes[self.graph.outputs[0][1]].channels

    def call(self, word: str, *arguments: Any) -> int:
        return _call(self.library, f"{self.graph.name}{word}", *arguments)

    def state(self) -> Array:
        """A state of any bytes, reset."""
        found = self.place(np.full(self.call("_size"), 0x7F, np.uint8))
        self.call("_reset", found)
        return found

    def block(self, state: Array, x: Array) -> Array:
        """The outputs of steps (steps, channels)."""
        y = self._room(self.call("_most", len(x)))
        return self._rows(y, self.call("_process", state, self.place(x), len(x), *self.arguments, y))

    def flush(self, state: Array) -> Array:
        y = self._room(self.call("_most_flushed"))
        return self._rows(y, self.call("_flush", state, *self.arguments, y))

    def prewarm(self, state: Array) -> None:
        self.call("_prewarm", state, *self.arguments)

    def stream(self, x: Array, sizes: Sequence[int]) -> Array:
        """All outputs of x in blocks of these sizes."""
        state, parts = self.state(), np.split(x, np.cumsum(sizes)[:-1])
        return np.concatenate([*[self.block(state, part) for part in parts], self.flush(state)])

    def whole(self, x: Array, outs: int) -> Array:
        """The same by NAME itself, into room for so many."""
        y, room = self._room(outs), self.place(np.full(self.call("_size"), 0xFF, np.uint8))
        return self._rows(y, self.call("", self.place(x), len(x), *self.arguments, y, room))

    def _room(self, outs: int) -> Array:
        return self.place(np.full((outs, self.channels[1]), 777, self.graph.dtype))

    def _rows(self, y: Array, outs: int) -> Array:
        assert 0 <= outs <= len(y)
        assert (y[outs:] == 777).all(), "what is told to be no output was written"
        return y[:outs].copy()


def _packed(plan: ModelPlan | StreamedModel, weights: dict[str, dict[str, Array]], place: Place) -> list[Array]:
    if plan.ask.weights == "baked":
        return []
    made = np.zeros(plan.weight_numbers, plan.dtype)
    plan.packed(weights, made)
    return [place(made)]


def _call(opened: Any, name: str, *arguments: Any) -> int:
    function = getattr(opened, name)
    function.restype = ctypes.c_ssize_t
    given = [ctypes.c_void_p(one.ctypes.data) if isinstance(one, np.ndarray) else one for one in arguments]
    return int(function(*[ctypes.c_ssize_t(one) if isinstance(one, int) else one for one in given]))


def library(
    rng: np.random.Generator,
    count: int,
    folder: Path,
    target: str = "scalar",
    flags: Sequence[str] = (),
    place: Place = guarded,
) -> list[tuple[Whole, Streaming]]:
    """`count` random graphs as one function, and as many in blocks; every second one of whole numbers."""
    on, files, made = target_named(target), list[str](), list[tuple[Whole, Streaming]]()
    for number in range(count):
        exact, baked, seed = bool(number % 2), bool(rng.integers(2)), int(rng.integers(1 << 30))
        graph = replace(graphs.graph(seed, exact=exact), name=f"w{number}")
        weights = graphs.weights(graph, seed, exact=exact)
        source = pipeline.model_emitted(graph, Ask(on), weights if baked else None)
        blocks = Stream(int(rng.choice([1, 4, 16, 64])), clock_named(str(rng.choice(["count", "count", "rate"]))))
        other, held, text = _streamed(f"s{number}", seed, Ask(on, stream=blocks), exact=exact, baked=baked)
        once = replace(other, name=f"o{number}")
        alone = pipeline.model_emitted(once, Ask(on), held if baked else None)
        for one, more in ((source, ""), (alone, ""), (text, figures(text.name))):
            files.append(f"{one.name}.c")
            (folder / files[-1]).write_text(one.code + more)
            (folder / f"{one.name}.h").write_text(one.header)
        whole = Whole(graph, weights, source.plan, None, exact, place)
        named = Whole(once, held, alone.plan, None, exact, place)
        made.append((whole, Streaming(other, held, text.plan, None, exact, named, place)))
    compile_c(["gcc", *on.flags, *LIGHT, *flags, *files, "-o", "all.so"], folder)
    opened = ctypes.CDLL(str(folder / "all.so"))
    return [
        (replace(whole, library=opened), replace(other, library=opened, once=replace(other.once, library=opened)))
        for whole, other in made
    ]


def _streamed(name: str, seed: int, ask: Ask, *, exact: bool, baked: bool) -> tuple[Graph, Any, Any]:
    """A graph that streams, in float64 every fourth, its weights, and its text.

    At the clock `count` where its outputs come before the rate.
    """
    dtype = "float32" if seed % 4 else "float64"
    graph = replace(graphs.streaming(seed, exact=exact, dtype=dtype), name=name)
    weights = graphs.weights(graph, seed, exact=exact)
    try:
        return graph, weights, stream.emitted(graph, ask, weights if baked else None)
    except PlanError:
        assert ask.stream is not None
        plain = replace(ask, stream=replace(ask.stream, clock="count"))
        return graph, weights, stream.emitted(graph, plain, weights if baked else None)

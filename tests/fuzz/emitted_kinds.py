"""Emitted files of what is no single layer of floats: layers of int8, streams, models and theirs, ONNX' causal one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np

from codegen import pipeline
from codegen.emission import causal
from codegen.emission.models import stream
from codegen.errors import GenConvError
from codegen.graph.graph import Graph
from codegen.planning.ask import Ask, Clock, Stream
from codegen.problem.targets import TARGETS
from codegen.specs.kinds import DepthwiseConv1DSpec
from tests.fuzz.emitted import Emitted
from tests.support import graphs, int8_layers, stream_layers

Files = tuple[tuple[str, str], ...]
TYPES = ("float32", "float64")
CLOCKS: tuple[Clock, ...] = ("count", "rate")


def emitted(count: int, seed: int) -> Iterator[Emitted]:
    """`count` pairs of files, the same for a seed, of each kind in turn and for every target."""
    rng, number, turn = np.random.default_rng(seed), 0, 0
    while number < count:
        kind, target = tuple(KINDS)[turn % len(KINDS)], tuple(TARGETS)[int(rng.integers(len(TARGETS)))]
        turn += 1
        with suppress(GenConvError):  # no legal layer, or none that streams
            for told, files in KINDS[kind](rng, f"k{number}", Ask(TARGETS[target])):
                yield Emitted(files[0][0].removesuffix(".c"), TARGETS[target], files, f"{kind} {target} {told}")
                number += 1


def _whole(rng: np.random.Generator, name: str, ask: Ask) -> Iterator[tuple[str, Files]]:
    spec, arrays = int8_layers.drawn(rng, name)
    source = pipeline.emitted(spec, replace(ask, weights="baked"), arrays)
    yield str(spec), source.files
    tested = pipeline.tested(spec, source, arrays)
    yield f"vectors of {spec}", (*tested.files, *source.files)


def _stream(rng: np.random.Generator, name: str, ask: Ask) -> Iterator[tuple[str, Files]]:
    spec = stream_layers.drawn(rng, name)
    weights = ("argument", "packed")[int(rng.integers(2))]
    yield str(spec), pipeline.streamed(spec, replace(ask, weights=weights, stream=_blocks(rng))).files


def _int8_stream(rng: np.random.Generator, name: str, ask: Ask) -> Iterator[tuple[str, Files]]:
    spec, arrays = int8_layers.drawn(rng, name)
    yield str(spec), pipeline.streamed(spec, replace(ask, weights="baked", stream=_blocks(rng)), arrays).files


def _blocks(rng: np.random.Generator) -> Stream:
    return Stream((64, 8)[int(rng.integers(2))], CLOCKS[int(rng.integers(2))])


def _model(rng: np.random.Generator, name: str, ask: Ask) -> Iterator[tuple[str, Files]]:
    seed, dtype = int(rng.integers(1 << 30)), TYPES[int(rng.integers(len(TYPES)))]
    graph = replace(graphs.graph(seed, count=8, dtype=dtype), name=name)
    yield f"graph {seed} {dtype}", pipeline.model_emitted(graph, ask, _weights(graph, seed)).files


def _model_stream(rng: np.random.Generator, name: str, ask: Ask) -> Iterator[tuple[str, Files]]:
    seed, dtype = int(rng.integers(1 << 30)), TYPES[int(rng.integers(len(TYPES)))]
    graph = replace(graphs.streaming(seed, count=8, dtype=dtype), name=name)
    asked = replace(ask, stream=_blocks(rng))
    yield f"streaming graph {seed} {dtype}", stream.emitted(graph, asked, _weights(graph, seed)).files


def _causal(rng: np.random.Generator, name: str, ask: Ask) -> Iterator[tuple[str, Files]]:
    channels, taps = int(rng.integers(1, 40)), int(rng.integers(1, 20))
    spec = DepthwiseConv1DSpec(
        name=name,
        input_shape=(None, channels),
        kernel_size=taps,
        padding="causal",
        use_bias=bool(rng.integers(2)),
        activation=("linear", "silu")[int(rng.integers(2))],
        dtype=TYPES[int(rng.integers(len(TYPES)))],
    )
    yield str(spec), causal.emitted(spec, ask).files


def _weights(graph: Graph, seed: int) -> dict[str, dict[str, np.ndarray]] | None:
    """To be baked, of two graphs in three."""
    return graphs.weights(graph, seed) if seed % 3 else None


KINDS: dict[str, Callable[[np.random.Generator, str, Ask], Iterator[tuple[str, Files]]]] = {
    "int8": _whole,
    "stream": _stream,
    "int8 stream": _int8_stream,
    "model": _model,
    "model stream": _model_stream,
    "causal": _causal,
}

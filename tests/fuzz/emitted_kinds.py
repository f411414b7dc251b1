"""Emitted files of what is no single layer of floats: layers of int8 and their vectors, streams, models and theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import numpy as np

from codegen import pipeline
from codegen.errors import GenConvError
from codegen.planning.ask import Ask, Stream, clock_named
from codegen.problem.targets import TARGETS
from tests.fuzz.emitted import Emitted
from tests.support import graphs, int8_layers, stream_layers

Files = tuple[tuple[str, str], ...]


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
    clock = clock_named(("count", "rate")[int(rng.integers(2))])
    weights = ("argument", "packed")[int(rng.integers(2))]
    asked = replace(ask, weights=weights, stream=Stream(clock=clock, block=(64, 8)[int(rng.integers(2))]))
    yield str(spec), pipeline.streamed(spec, asked).files


def _model(rng: np.random.Generator, name: str, ask: Ask) -> Iterator[tuple[str, Files]]:
    seed = int(rng.integers(1 << 30))
    graph = replace(graphs.graph(seed, count=8), name=name)
    arrays = graphs.weights(graph, seed) if seed % 3 else None
    yield f"graph {seed}", pipeline.model_emitted(graph, ask, arrays).files


def _model_stream(rng: np.random.Generator, name: str, ask: Ask) -> Iterator[tuple[str, Files]]:
    seed = int(rng.integers(1 << 30))
    graph = replace(graphs.streaming(seed, count=8), name=name)
    yield f"streaming graph {seed}", pipeline.model_emitted(graph, replace(ask, stream=Stream()), None).files


KINDS: dict[str, Callable[[np.random.Generator, str, Ask], Iterator[tuple[str, Files]]]] = {
    "int8": _whole,
    "stream": _stream,
    "model": _model,
    "model stream": _model_stream,
}

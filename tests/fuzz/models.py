"""Random graphs in C against their definition in float64: floats near, whole numbers the same; and in random blocks.

python -m tests.fuzz.models COUNT SEED [TARGET]
"""

from __future__ import annotations

import sys

import numpy as np

from codegen import pipeline
from codegen.errors import GenConvError
from codegen.graph import reference
from codegen.machine import model_stream
from codegen.machine.model_stream import blockwise
from codegen.planning.ask import Ask, Stream
from codegen.problem.targets import target_named
from tests.support import graphs

STEPS = (23, 5, 64)
NEAR, ROUNDINGS = 1e-5, 30  # in parts of the largest output; times what NumPy is off in the model's own type


def run(count: int, seed: int, target: str = "native") -> tuple[int, list[str]]:
    """`count` graphs, half of them of whole numbers; (tried, findings)."""
    found = list[str]()
    for number in range(seed, seed + count):
        try:
            found += tried(number, exact=bool(number % 2), target=target)
            found += streamed(number, exact=bool(number % 2), target=target)
        except GenConvError as error:
            found.append(f"{number}: {error}")
    return count, found


def tried(seed: int, *, exact: bool, target: str) -> list[str]:
    """What is wrong with one."""
    graph, found = graphs.graph(seed, exact=exact), list[str]()
    weights = graphs.weights(graph, seed, exact=exact)
    made = pipeline.compiled_model(graph, Ask(target_named(target), "packed", "exact"))
    if made is None:
        return [f"{seed}: nothing can compile it"]
    for steps in STEPS:
        given = graphs.inputs(graph, seed, steps, exact=exact)
        try:
            with np.errstate(all="ignore"):
                wide = reference.run(graph, given, weights)
                narrow = reference.run(graph, given, weights, graph.dtype)
        except ValueError:  # the last or the largest of no step
            continue
        if made.plan.out_steps(steps) != tuple(wide[name].shape[1] for name, _ in graph.outputs):
            return [f"{seed}: {made.plan.out_steps(steps)} steps of {steps}"]
        outputs = [np.empty(wide[name].shape, graph.dtype) for name, _ in graph.outputs]
        made.run([given[name] for name, _ in graph.inputs], outputs, made.pack(weights))
        for (name, _), y in zip(graph.outputs, outputs, strict=True):
            size = np.abs(wide[name]).max(initial=0)
            off, rounds = (np.abs(one - wide[name]).max(initial=0) for one in (y, narrow[name]))
            right = off == 0 if exact and size < graphs.LARGEST else off <= NEAR * size + ROUNDINGS * rounds
            if not right:
                found.append(f"{seed}: `{name}` of {steps} steps is off by {off:.3g} of {size:.3g}")
    return found


def streamed(seed: int, *, exact: bool, target: str) -> list[str]:
    """What is wrong with the stream of another one."""
    graph, random, found = graphs.streaming(seed, exact=exact), np.random.default_rng(seed), list[str]()
    weights = graphs.weights(graph, seed, exact=exact)
    made = model_stream.running(graph, Ask(target_named(target), "packed", "exact", stream=Stream(8, "count")))
    packed, width = made.pack(weights), graph.shapes[graph.outputs[0][1]].channels
    for steps in (1, 7, 150):
        given = graphs.inputs(graph, seed, steps, exact=exact)
        with np.errstate(all="ignore"):
            wide, narrow = (reference.run(graph, given, weights, dtype)["y"] for dtype in ("float64", graph.dtype))
        first = None
        for blocks in ((steps,), tuple(map(int, random.integers(1, 30, 9)))):
            (y,) = blockwise(made, made.states(2), packed, [given["x"]], blocks, [width])
            first = y if first is None else first
            if y.shape != wide.shape or not np.array_equal(first, y, equal_nan=True):
                found.append(f"{seed}: {steps} steps in blocks of {blocks} differ, {y.shape} of {wide.shape}")
                continue
            size = np.abs(wide).max(initial=0)
            off, rounds = (np.abs(one - wide).max(initial=0) for one in (y, narrow))
            if not (off == 0 if exact and size < graphs.LARGEST else off <= NEAR * size + ROUNDINGS * rounds):
                found.append(f"{seed}: {steps} steps in blocks of {blocks} are off by {off:.3g} of {size:.3g}")
    return found


def main() -> int:
    """The command."""
    _, wrong = run(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:4])
    print("\n".join(wrong) or "nothing found")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())

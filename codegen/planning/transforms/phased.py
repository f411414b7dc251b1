"""A strided correlation as the sum of one of stride 1 for each phase of the samples: the even and the odd ones, say.

Phase r has the taps r, r + stride, … and the samples at the same places; each goes through Toom-Cook, or, with one tap,
through plain products, whose points all have that tap for a weight.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

from codegen.planning.transforms.expressions import Code, Graph
from codegen.planning.transforms.toom_cook import toom_cook
from codegen.planning.transforms.transform import Transform

if TYPE_CHECKING:
    from codegen.planning.transforms.transform import Array


def phase_taps(taps: int, stride: int) -> tuple[int, ...]:
    """How many of the taps each phase has, most first."""
    return tuple(-(-(taps - r) // stride) for r in range(stride))


def most_taps(taps: int, stride: int) -> int:
    """How many of the taps the first phase has: no other has more."""
    return -(-taps // stride)


@lru_cache(maxsize=128)
def phased(outputs: int, taps: int, stride: int) -> Transform:
    """F(outputs, taps)/stride, for more taps than the stride."""
    phases = tuple(toom_cook(outputs, count) for count in phase_taps(taps, stride))
    return Transform(
        f"F({outputs},{taps})/{stride}",
        outputs,
        taps,
        sum(phase.points for phase in phases),
        stride * (outputs - 1) + taps,
        partial(_codelets, phases, stride * (outputs - 1) + taps),
        partial(_weights, phases, taps),
        phases,
    )


def _codelets(phases: tuple[Transform, ...], inputs: int) -> tuple[Code, Code]:
    """The phases' own code side by side; the outputs are added up."""
    graph, points = Graph(), [phase.points for phase in phases]
    samples = [graph.input(i) for i in range(inputs)]
    into = [
        node
        for r, phase in enumerate(phases)
        for node in graph.linear(phase.forward, samples[r :: len(phases)][: phase.inputs])
    ]
    products = [graph.input(i) for i in range(sum(points))]
    totals = [graph.zero] * phases[0].outputs
    for r, phase in enumerate(phases):
        own = products[sum(points[:r]) : sum(points[: r + 1])]
        totals = [graph.add(a, b) for a, b in zip(totals, graph.linear(phase.inverse, own), strict=True)]
    return graph.code(inputs, into), graph.code(sum(points), totals)


def _weights(phases: tuple[Transform, ...], taps: int) -> Array:
    """The phases' matrices, each in the columns of its taps."""
    import numpy as np

    whole, at = np.zeros((sum(phase.points for phase in phases), taps)), 0
    for r, phase in enumerate(phases):
        whole[at : at + phase.points, r :: len(phases)] = phase.weights
        at += phase.points
    return whole

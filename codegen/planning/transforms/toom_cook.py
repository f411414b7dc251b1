"""Toom-Cook (Winograd's minimal filtering) F(m, r): tables by exact rational arithmetic.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015; points as Barabasz et al., 2020, weigh them.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from codegen.planning.transforms.expressions import Code, Graph, Node, pairs
from codegen.planning.transforms.transform import Transform

if TYPE_CHECKING:
    from codegen.planning.transforms.transform import Array

POINTS: dict[int, tuple[Fraction, ...]] = {
    count: tuple(Fraction(p) for p in points.split())
    for count, points in {
        2: "0 1",
        3: "0 1 -1",
        4: "0 5/4 -5/4 1/2",
        5: "0 5/8 -5/8 3/2 -3/2",
        6: "0 1 -1 1/2 -1/2 2",
        7: "0 1 -1 1/2 -1/2 2 -2",
    }.items()
}
"""The finite points for each count of them: those of least error among a search of small fractions, in pairs ±p."""

Matrix = list[list[Fraction]]


def tables(outputs: int, taps: int) -> tuple[Matrix, Matrix, Matrix]:
    """(A^T, G, B^T) with y = A^T ((G w) * (B^T x)), exactly; the last point is infinity."""
    count = outputs + taps - 1
    points = POINTS[count - 1]
    inverse = [[p**i for p in points] + [Fraction(int(i == outputs - 1))] for i in range(outputs)]
    weights, forward = [], []
    for j, point in enumerate(points):
        others = [p for i, p in enumerate(points) if i != j]
        size = Fraction(1)
        for other in others:
            size *= point - other
        row = [*_product(others), Fraction(0)]
        # whole numbers in B^T wherever a power of two makes them so: those are exact in floating point
        scale = Fraction(max(value.denominator for value in row))
        forward.append([value * scale for value in row])
        weights.append([point**k / size / scale for k in range(taps)])
    forward.append(_product(list(points)))
    weights.append([Fraction(int(k == taps - 1)) for k in range(taps)])
    return inverse, weights, forward


def _product(points: list[Fraction]) -> list[Fraction]:
    """Coefficients, lowest first, of the product of (x - p)."""
    row = [Fraction(1)]
    for point in points:
        row = [a - point * b for a, b in zip([Fraction(0), *row], [*row, Fraction(0)], strict=True)]
    return row


@lru_cache(maxsize=128)
def toom_cook(outputs: int, taps: int) -> Transform:
    """F(outputs, taps); a single tap leaves nothing to save, and each output is a product of its own."""
    count, size = outputs + taps - 1, (outputs, taps)
    return Transform(
        f"F({outputs},{taps})", outputs, taps, count, count, partial(_codelets, *size), partial(_weights, *size)
    )


def _codelets(outputs: int, taps: int) -> tuple[Code, Code]:
    """B^T and A^T as code."""
    if taps == 1:
        plain = Code(outputs, (), tuple(f"x{i}" for i in range(outputs)))
        return plain, plain
    inverse, _, forward = tables(outputs, taps)
    count, graph = outputs + taps - 1, Graph()
    values = [graph.input(i) for i in range(count)]
    into = graph.code(count, pairs(graph, [[float(v) for v in row] for row in forward], values))
    # the columns of A^T belong to the points: p and -p share their even and odd powers through sums and differences
    return into, graph.code(count, _evaluate(graph, inverse, values))


def _weights(outputs: int, taps: int) -> Array:
    """G as floats."""
    import numpy as np

    if taps == 1:
        return np.ones((outputs, 1))
    return np.array([[float(v) for v in row] for row in tables(outputs, taps)[1]])


def _evaluate(graph: Graph, matrix: Matrix, values: list[Node]) -> list[Node]:
    """A^T · values, with the columns of p and -p taken together: even powers see the sum, odd ones the difference."""
    columns = list(zip(*matrix, strict=True))
    mates = {i: j for i in range(len(columns)) for j in range(i + 1, len(columns)) if _opposite(columns[i], columns[j])}
    terms = []
    for i, column in enumerate(columns):
        if i in mates:
            mate = values[mates[i]]
            terms.append((column, graph.add(values[i], mate), graph.sub(values[i], mate)))
        elif i not in mates.values():
            terms.append((column, values[i], values[i]))
    return [
        graph.combine([float(column[k]) for column, _, _ in terms], [odd if k % 2 else even for _, even, odd in terms])
        for k in range(len(matrix))
    ]


def _opposite(column: Sequence[Fraction], other: Sequence[Fraction]) -> bool:
    """Whether these are the powers of p and of -p, p not zero."""
    return any(column[1:]) and all(
        b == (-a if k % 2 else a) for k, (a, b) in enumerate(zip(column, other, strict=True))
    )

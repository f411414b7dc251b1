"""Complex Fourier transforms of small sizes as straight-line code: the codelets of a longer one in two levels.

A transform of N = rows * columns samples n = columns*i + j: one of `rows` samples for each j, its bin k turned by
exp(-2 pi i j k / N), then one of `columns` samples for each k, whose bin m is bin k + rows*m of all. Backwards the same
codelets serve with real and imaginary parts changed, the second level first.
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, pi, sin, sqrt

from codegen.planning.transforms.expressions import Code, Graph, Node

Number = tuple[Node, Node]  # the real and the imaginary part


@lru_cache(maxsize=32)
def codelet(size: int, kept: int | None = None) -> Code:
    """`size` complex samples (a power of two) to the first `kept` bins; real parts at even places, imaginary at odd."""
    graph = Graph()
    samples = [(graph.input(2 * i), graph.input(2 * i + 1)) for i in range(size)]
    bins = _transformed(graph, samples)[:kept]
    return graph.code(2 * size, [part for number in bins for part in number])


def turns(rows: int, columns: int) -> list[float]:
    """The parts of exp(-2 pi i j k / N) for each k of `rows` and j of `columns`, [k][j][part]."""
    size = rows * columns
    return [part for k in range(rows) for j in range(columns) for part in _turn(j * k % size, size)]


def _turn(f: int, size: int) -> tuple[float, float]:
    """cos and -sin of 2 pi f / size, exact where it is a quarter's multiple, equal in size for mirrored angles."""
    if f * 4 % size == 0:
        return ((1.0, 0.0), (0.0, -1.0), (-1.0, 0.0), (0.0, 1.0))[f * 4 // size]
    if f * 4 > size:
        c, s = _turn(f - size // 4, size)
        return s, -c
    near = min(f, size // 4 - f)
    c, s = cos(2 * pi * near / size), sin(2 * pi * near / size)
    return (c, -s) if near == f else (s, -c)


def _transformed(graph: Graph, x: list[Number]) -> list[Number]:
    """All bins of `x`: decimation in time, six operations a butterfly at most."""
    if len(x) == 1:
        return x
    size, half = len(x), len(x) // 2
    even, odd = _transformed(graph, x[0::2]), _transformed(graph, x[1::2])
    low: list[Number] = []
    high: list[Number] = []
    for f in range(half):
        sum_, difference = _butterfly(graph, even[f], odd[f], f, size)
        low.append(sum_)
        high.append(difference)
    return low + high


def _butterfly(graph: Graph, even: Number, odd: Number, f: int, size: int) -> tuple[Number, Number]:
    """even + turn * odd and even - turn * odd, where turn = exp(-2 pi i f / size) with f < size / 2."""
    (er, ei), (dr, di) = even, odd
    if f * 4 % size == 0:
        tr, ti = (dr, di) if f == 0 else (di, graph.neg(dr))
        return (graph.add(er, tr), graph.add(ei, ti)), (graph.sub(er, tr), graph.sub(ei, ti))
    if f * 8 % size == 0:
        sum_, difference, c = graph.add(dr, di), graph.sub(di, dr), sqrt(0.5)
        tr, ti = (sum_, difference) if f * 8 == size else (difference, graph.neg(sum_))
        return (graph.fma(c, tr, er), graph.fma(c, ti, ei)), (graph.fma(-c, tr, er), graph.fma(-c, ti, ei))
    c, minus_s = _turn(f, size)
    s = -minus_s
    real = graph.fma(s, di, graph.fma(c, dr, er))
    imaginary = graph.fma(-s, dr, graph.fma(c, di, ei))
    return (real, imaginary), (graph.fma(2.0, er, graph.neg(real)), graph.fma(2.0, ei, graph.neg(imaginary)))

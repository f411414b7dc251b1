"""Real Fourier transforms as straight-line code, with Gauss' three products for each complex one.

A correlation of r taps with N samples: the spectra are multiplied (the weights' conjugated), and N - r + 1 outputs of
the circular result are the ones that do not wrap. Bins 0 and N/2 are one product each, every other bin three.
"""

from __future__ import annotations

from functools import lru_cache, partial
from math import cos, pi, sin, sqrt
from typing import TYPE_CHECKING

from codegen.planning.transforms.expressions import Code, Graph, Node
from codegen.planning.transforms.transform import Transform

if TYPE_CHECKING:
    from codegen.planning.transforms.transform import Array

Bin = tuple[Node, Node]


@lru_cache(maxsize=128)
def fourier(size: int, taps: int, outputs: int | None = None) -> Transform:
    """The transform of `size` samples (a power of two) for `taps` taps: size - taps + 1 outputs, or fewer if asked."""
    most = size - taps + 1
    name = f"FFT{size}" if outputs is None else f"FFT{size}({outputs})"
    outputs = most if outputs is None else min(outputs, most)
    points = 3 * size // 2 - 1
    return Transform(
        name, outputs, taps, points, size, partial(_codelets, size, outputs), partial(_weights, size, taps)
    )


def _codelets(size: int, outputs: int) -> tuple[Code, Code]:
    """From `size` samples to the points, and from these to the first `outputs` of the circular result."""
    graph, half = Graph(), size // 2
    spectrum = _forward(graph, [graph.input(i) for i in range(size)])
    points: list[Node] = [spectrum[0][0], spectrum[half][0]]
    for real, imaginary in spectrum[1:half]:
        points += [graph.add(real, imaginary), real, imaginary]
    into = graph.code(size, points)
    values = [graph.input(i) for i in range(len(points))]
    bins: list[Bin] = [(values[0], graph.zero)]
    for f in range(1, half):
        k1, k2, k3 = values[3 * f - 1 : 3 * f + 2]
        bins.append((graph.sub(k1, k3), graph.add(k1, k2)))
    bins.append((values[1], graph.zero))
    return into, graph.code(len(points), _inverse(graph, bins)[:outputs])


def _weights(size: int, taps: int) -> Array:
    """(points, taps): rows for bins 0 and N/2, then (c, d - c, c + d) a bin, c + i d its conjugate over N."""
    import numpy as np

    spectra = np.conj(np.fft.rfft(np.eye(taps), size, axis=0)) / size
    c, d = spectra[1:-1].real, spectra[1:-1].imag
    inner = np.stack([c, d - c, c + d], axis=1).reshape(-1, taps)
    return np.asarray(np.concatenate([spectra[[0, -1]].real, inner]))


def _forward(graph: Graph, x: list[Node]) -> list[Bin]:
    """Bins 0 to N/2 of the real sequence `x`: decimation in time, six operations a butterfly."""
    if len(x) == 1:
        return [(x[0], graph.zero)]
    if len(x) == 2:
        return [(graph.add(*x), graph.zero), (graph.sub(*x), graph.zero)]
    size, quarter = len(x), len(x) // 4
    even, odd = _forward(graph, x[0::2]), _forward(graph, x[1::2])
    bins: list[Bin] = [(graph.zero, graph.zero)] * (size // 2 + 1)
    bins[0] = (graph.add(even[0][0], odd[0][0]), graph.zero)
    bins[size // 2] = (graph.sub(even[0][0], odd[0][0]), graph.zero)
    for f in range(1, quarter):
        c, s = _turn(f, size)
        # t = (c - i s) · odd; even + t, and even - t as its mirror's conjugate
        (er, ei), (dr, di) = even[f], odd[f]
        if f == size // 8 and size % 8 == 0:
            tr, ti = (graph.scale(c, graph.add(dr, di)), graph.scale(c, graph.sub(di, dr)))
            bins[f] = (graph.add(er, tr), graph.add(ei, ti))
            bins[size // 2 - f] = (graph.sub(er, tr), graph.sub(ti, ei))
            continue
        real = graph.fma(s, di, graph.fma(c, dr, er))
        imaginary = graph.fma(-s, dr, graph.fma(c, di, ei))
        bins[f] = (real, imaginary)
        bins[size // 2 - f] = (graph.fma(2.0, er, graph.neg(real)), graph.fma(-2.0, ei, imaginary))
    bins[quarter] = (even[quarter][0], graph.neg(odd[quarter][0]))
    return bins


def _inverse(graph: Graph, bins: list[Bin]) -> list[Node]:
    """The real sequence, times N, of bins 0 to N/2: decimation in frequency."""
    size = 2 * (len(bins) - 1)
    if size == 2:
        return [graph.add(bins[0][0], bins[1][0]), graph.sub(bins[0][0], bins[1][0])]
    quarter = size // 4
    even: list[Bin] = [(graph.add(bins[0][0], bins[-1][0]), graph.zero)]
    odd: list[Bin] = [(graph.sub(bins[0][0], bins[-1][0]), graph.zero)]
    for f in range(1, quarter):
        c, s = _turn(f, size)
        (ar, ai), (br, bi) = bins[f], bins[size // 2 - f]
        even.append((graph.add(ar, br), graph.sub(ai, bi)))
        dr, di = graph.sub(ar, br), graph.add(ai, bi)  # times c + i s
        if f == size // 8 and size % 8 == 0:
            odd.append((graph.scale(c, graph.sub(dr, di)), graph.scale(c, graph.add(dr, di))))
        else:
            odd.append((graph.fma(-s, di, graph.scale(c, dr)), graph.fma(s, dr, graph.scale(c, di))))
    even.append((graph.scale(2.0, bins[quarter][0]), graph.zero))
    odd.append((graph.scale(-2.0, bins[quarter][1]), graph.zero))
    result: list[Node] = []
    for pair in zip(_inverse(graph, even), _inverse(graph, odd), strict=True):
        result += pair
    return result


def _turn(f: int, size: int) -> tuple[float, float]:
    """cos and sin of 2π f / size, equal in absolute value where they should be."""
    if 8 * f == size:
        return sqrt(0.5), sqrt(0.5)
    return cos(2 * pi * f / size), sin(2 * pi * f / size)

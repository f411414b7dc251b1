"""What ends a tile: the bytes of the activations' code, for one vector."""

from __future__ import annotations

from math import inf

from codegen.planning.footprint.pieces import NONE, Pieces
from codegen.problem.conv_problem import ConvProblem

__all__ = ["ending", "row_ending"]

# gcc 12.2 -O2 on x86-64: the code of one tile with the activation, less that of the same tile without it; bytes, the
# mean of scalar, SSE2 and AVX2, of float32. Constants: numbers of the dtype, of which each vector has its own copy.
BYTES = {
    "celu": 291, "elu": 285, "exponential": 286, "gelu": 493, "hard_shrink": 33, "hard_sigmoid": 83, "hard_silu": 107,
    "hard_tanh": 32, "leaky_relu": 34, "log_sigmoid": 350, "mish": 288, "relu": 9, "relu6": 49, "selu": 289,
    "sigmoid": 250, "silu": 263, "soft_shrink": 79, "softplus": 350, "softsign": 81, "sparse_plus": 67,
    "sparse_sigmoid": 70, "squareplus": 267, "tanh": 289, "tanh_shrink": 396, "threshold": 38,
}  # fmt: skip
ROWS = {"glu": 330, "softmax": 480, "log_softmax": 760, "sparsemax": 640}  # of a function that takes a whole row
UNKNOWN, UNKNOWN_LONG = 60, 300  # of an activation that is not among them
OPTIONS = 2  # times as much, where an activation has other options than its defaults
NUMBERS, NUMBERS_LONG = 2, 20  # constants of an activation: of a few operations, or of an exponential


def ending(p: ConvProblem, rows: int, vectors: int, lanes: int, most: float = inf) -> Pieces:
    """That of a tile of so many vectors a row: written at each store, or in a loop over the rows.

    In a loop where it is long, and for more than `most` vectors.
    """
    if not p.epilogue.later:
        return NONE
    once, cells = _bytes(p), rows * vectors
    long = p.epilogue.is_long or cells > most
    places = vectors if long else cells
    held = cells * lanes * p.item_bytes if long and cells > 1 else 0
    constants = (NUMBERS_LONG if long else NUMBERS) * lanes * p.item_bytes
    more = (places - 1) * once
    return Pieces(endings=once, more_endings=more, constants=constants, arrays=int(held > 0), array_bytes=held)


def row_ending(p: ConvProblem, widths: int) -> Pieces:
    """That of a function which takes a whole row, in vectors of so many widths."""
    stage = p.epilogue.rowwise
    name = p.activation.name if stage else ""
    return Pieces(endings=ROWS.get(name, UNKNOWN_LONG) * widths, copies=2)


def _bytes(p: ConvProblem) -> float:
    activation = p.activation
    known = BYTES.get(activation.name, UNKNOWN_LONG if p.epilogue.is_long else UNKNOWN)
    return known * (1 if activation.is_plain or p.epilogue.is_long else OPTIONS)

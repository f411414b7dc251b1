"""Bytes of the tables of a kernel in assembly: weights as its loop reads them, biases, and what scales the sums."""

from __future__ import annotations

from codegen.planning.assembly.shape import FILTERS, LANES, Shape
from codegen.problem.requantise import Requantise

CODES = 256  # of an activation's table
FIXED, FLOAT = {"dsp": 3, "helium": 2}, 1  # words that scale a filter's sums, as a rule


def bytes_of(over: Shape) -> int:
    """Those of a stage."""
    p, steps, ending = over.problem, over.steps, over.problem.epilogue.stages[-1]
    assert isinstance(ending, Requantise)
    words = _words(over, ending)
    rest = 4 * (p.group_filters % FILTERS[over.kernel] > 0)  # how far it is to the next filters
    each = {
        "dsp_pairs": 4 * steps + 8 * (1 + words) + rest,
        "dsp_line": (4 * (p.kernel_size // 2 + 1) if over.neighbours else 4 * steps) + 4 * (1 + words),
        "helium_quads": 4 * LANES * steps + 16 * (1 + words) + rest,
        "helium_line": LANES * steps + 4 * (1 + words),
    }[over.kernel]
    return over.filter_tiles * each + (CODES if ending.table else 0)


def _words(over: Shape, ending: Requantise) -> int:
    """Words that scale a filter's sums; of the DSP extension one more, where what is held above 0 is moved last."""
    if ending.rounding == "fp32":
        return FLOAT
    dsp = over.kernel.startswith("dsp")
    above = ending.low == ending.zero_point > -128 and ending.high == 127 and ending.zero_point
    return FIXED["dsp" if dsp else "helium"] + bool(dsp and above and not ending.table)

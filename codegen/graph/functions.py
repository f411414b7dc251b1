"""The functions without weights that a model may call, by their names: what the language, Python and help know."""

from __future__ import annotations

from codegen.graph import channels, steps
from codegen.graph.appended import Append
from codegen.graph.elementwise import UNARY
from codegen.graph.op import Op

__all__ = ["ARITHMETIC", "FUNCTIONS", "UNARY"]

_ALL: tuple[type[Op], ...] = (
    channels.Concat,
    Append,
    channels.Widen,
    channels.Spread,
    channels.Flatten,
    channels.Reshape,
    steps.MaxPool,
    steps.AveragePool,
    steps.GlobalMaxPool,
    steps.GlobalAveragePool,
    steps.GlobalSumPool,
    steps.Last,
    steps.Upsample,
    steps.Pad,
    steps.Reflect,
    steps.Replicate,
    steps.Wrap,
    steps.Reverse,
    steps.Crop,
    steps.Frames,
    steps.Join,
)
FUNCTIONS: dict[str, type[Op]] = {op.word: op for op in _ALL}
ARITHMETIC = ("max", "min")  # functions of two values that are operators elsewhere

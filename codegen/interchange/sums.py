"""Sums along axes as graphs of arrays have them: means, variances, norms, softmax over the steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from codegen.errors import ConversionError
from codegen.interchange.tensors import Tensor, axis_of
from codegen.specs.model_kinds import Dense

__all__ = ["Drawing", "norm", "over_steps", "reduced", "root_mean_square", "spread"]

REDUCED = {"mean": "global_average_pool", "max": "global_max_pool", "sum": "global_sum_pool"}
NEGATED = -1.0


class Drawing(Protocol):
    """What is asked of a drawing here."""

    sketch: Any

    def call(self, word: str, x: Tensor, **options: Any) -> Tensor:
        """A function of the graph."""

    def binary(self, operator: str, one: Any, other: Any, name: str = "") -> Tensor:
        """Arithmetic."""

    def layer(self, kind: Any, name: str, x: Tensor, arrays: Any, **fields: Any) -> Tensor:
        """A layer with weights."""


def reduced(drawing: Drawing, how: str, x: Tensor, axes: Sequence[int], *, keep: bool) -> Tensor:
    """The mean, sum, largest or least over all steps; of channels the mean or the sum."""
    if how == "min":
        turned = reduced(drawing, "max", drawing.binary("*", x, NEGATED), axes, keep=keep)
        return drawing.binary("*", turned, NEGATED)
    found = sorted(axis_of(axis, len(x.axes)) for axis in axes)
    letters = [x.axes[at] for at in found if x.axes[at] != "1"]
    if not letters or not set(letters) <= {"t", "c"}:
        raise ConversionError(f"takes the {how} of {x} along axis {list(axes)}, expected the steps or channels")
    made = x
    for letter in letters:
        made = drawing.call(REDUCED[how], made) if letter == "t" else _over_channels(drawing, how, made)
    return made if keep else Tensor(made.value, "".join(a for at, a in enumerate(x.axes) if at not in found))


def _over_channels(drawing: Drawing, how: str, x: Tensor) -> Tensor:
    """One channel of all: a dense layer of equal weights, one for all such sums of as many channels."""
    import numpy as np

    if x.channels == 1:
        return x
    if how not in ("mean", "sum"):
        raise ConversionError(f"takes the {how} of the channels of {x}, expected that of the steps")
    weight = 1 / x.channels if how == "mean" else 1.0
    kernel = np.full((x.channels, 1), weight, drawing.sketch.builder.dtype)
    return drawing.layer(Dense, f"{how}_of_{x.channels}", x, {"kernel": kernel}, units=1, use_bias=False)


def spread(drawing: Drawing, x: Tensor, axes: Sequence[int], *, keep: bool, less: float, root: bool) -> Tensor:
    """The variance: the mean of squared distances from the mean, by as many numbers `less` a few; or its `root`."""
    far = drawing.binary("-", x, reduced(drawing, "mean", x, axes, keep=True))
    made = reduced(drawing, "mean", drawing.binary("*", far, far), axes, keep=keep)
    if less:
        count = 1
        for axis in axes:
            size = x.size(x.axes[axis_of(axis, len(x.axes))])
            if size is None:
                way = "give the input a length, or take the variance without a correction"
                raise ConversionError(f"divides by one less than any number of steps; {way}")
            count *= size
        if count <= less:
            raise ConversionError(f"takes the variance of {count} numbers by {count} - {less:g}")
        made = drawing.binary("*", made, count / (count - less))
    return drawing.call("sqrt", made) if root else made


def norm(drawing: Drawing, x: Tensor, order: float, axes: Sequence[int], *, keep: bool) -> Tensor:
    """The sum of all magnitudes, or the root of the sum of all squares."""
    if order not in (1, 2):
        raise ConversionError(f"is the norm of order {order}, expected 1 or 2")
    parts = drawing.call("abs", x) if order == 1 else drawing.binary("*", x, x)
    made = reduced(drawing, "sum", parts, axes, keep=keep)
    return made if order == 1 else drawing.call("sqrt", made)


def root_mean_square(drawing: Drawing, name: str, x: Tensor, scale: Any, epsilon: float) -> Tensor:
    """Each step divided by the root of the mean of its channels' squares; `scale` is a number a channel, or None.

    Raises ConversionError.
    """
    if x.axes[-1] != "c":
        raise ConversionError(f"goes over the last axis of {x}, expected the channels")
    squares = reduced(drawing, "mean", drawing.binary("*", x, x), [-1], keep=True)
    made = drawing.binary("/", x, drawing.call("sqrt", drawing.binary("+", squares, epsilon)))
    return made if scale is None else drawing.binary("*", made, scale, name)


def over_steps(drawing: Drawing, name: str, x: Tensor) -> Tensor:
    """softmax or log_softmax along the steps, each channel by itself."""
    far = drawing.binary("-", x, drawing.call("global_max_pool", x))
    powers = drawing.call("exp", far)
    total = drawing.call("global_sum_pool", powers)
    if name == "softmax":
        return drawing.binary("/", powers, total)
    return drawing.binary("-", far, drawing.call("log", total))

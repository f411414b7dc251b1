"""Operations on Keras' tensors, as x * 2 and keras.ops.relu(x) write them. Source: keras/src/ops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, TypeAlias

from codegen.errors import ConversionError
from codegen.functions import activations
from codegen.interchange import sums
from codegen.interchange.drawing import Drawing
from codegen.interchange.keras_graph import masks
from codegen.interchange.keras_graph.part import Part
from codegen.interchange.tensors import Tensor, axis_of

__all__ = ["OPERATIONS"]

Draw: TypeAlias = Callable[[Drawing, Part], "Tensor | list[Tensor]"]
NEGATED = -1.0


def _between(operator: str) -> Draw:
    def draw(drawing: Drawing, part: Part) -> Tensor:
        return drawing.binary(operator, part.argument(0, "x1"), part.argument(1, "x2"), part.name)

    return draw


def _unary(function: str) -> Draw:
    return lambda drawing, part: drawing.call(function, part.one)


def _power(drawing: Drawing, part: Part) -> Tensor:
    base, exponent = part.argument(0, "x1"), part.argument(1, "x2")
    if not isinstance(base, Tensor) or not isinstance(exponent, (int, float)):
        raise ConversionError("of a value that is no number, expected x to the power of one")
    return base.of(drawing.sketch.builder.power(base.value, exponent))


def _curve(name: str) -> Draw:
    """An activation of the table, whose options the operation's config has."""
    known = [option.name for option in activations.row(activations.Activation(name)).options]

    def draw(drawing: Drawing, part: Part) -> Tensor:
        given: dict[str, Any] = {}
        for word in known:
            found = part.config.get(word)
            if found is not None and word != "axis":
                given[word] = found.flag() if isinstance(found.value, bool) else found.number()
        axis = part.config.get("axis")
        return drawing.activation(name, part.one, -1 if axis is None else axis.whole(-8, 8), **given)

    return draw


def _clipped(drawing: Drawing, part: Part) -> Tensor:
    x = drawing.binary("max", part.one, part.config["x_min"].number())
    return drawing.binary("min", x, part.config["x_max"].number())


def _reduced(how: str) -> Draw:
    def draw(drawing: Drawing, part: Part) -> Tensor:
        axis, keep = part.config["axis"], part.config.get("keepdims")
        axes = [one.whole(-8, 8) for one in axis] if axis.is_list else [axis.whole(-8, 8)]
        return drawing.reduced(how, part.one, axes, keep=keep is not None and bool(keep.value))

    return draw


def _spread(*, root: bool) -> Draw:
    def draw(drawing: Drawing, part: Part) -> Tensor:
        axis, keep = part.config["axis"], part.config.get("keepdims")
        axes = [one.whole(-8, 8) for one in axis] if axis.is_list else [axis.whole(-8, 8)]
        return sums.spread(drawing, part.one, axes, keep=keep is not None and bool(keep.value), less=0, root=root)

    return draw


def _joined(drawing: Drawing, part: Part) -> Tensor:
    return drawing.concat(part.inputs, part.config["axis"].whole(-8, 8))


def _item(drawing: Drawing, part: Part) -> Tensor:
    """x[:, 2:, :16]: slices of channels and steps, and single places."""
    x, key = part.one, part.argument(1, "key")
    keys = list(key) if isinstance(key, (list, tuple)) else [key]
    if keys and keys[0] != slice(None) and keys[0] is not Ellipsis:
        raise ConversionError("takes a part of the batch")
    axis = 0
    for at in keys:
        if isinstance(at, slice):
            x = drawing.sliced(x, axis, at.start, at.stop, at.step) if axis else x
        elif isinstance(at, int) and not isinstance(at, bool):
            x = drawing.picked(x, axis, at)
            continue
        else:
            raise ConversionError("takes a part that is neither a slice nor a number")
        axis += 1
    return x


def _squeezed(drawing: Drawing, part: Part) -> Tensor:
    axis = part.config.get("axis")
    return part.one.squeezed(None if axis is None else [axis.whole(-8, 8)])


def _transposed(drawing: Drawing, part: Part) -> Tensor:
    return part.one.transposed([one.whole(0, 8) for one in part.config["axes"]])


def _parts(drawing: Drawing, part: Part) -> list[Tensor]:
    """Of channels: so many parts of one size, or what lies between places."""
    x, axis, told = part.one, part.config["axis"].whole(-8, 8), part.config["indices_or_sections"]
    size = x.size(x.axes[axis_of(axis, len(x.axes))])
    if size is None:
        raise ConversionError("cuts a free number of steps into parts")
    places = [one.whole(0) for one in told] if told.is_list else []
    count = len(places) + 1 if told.is_list else told.whole()
    if not told.is_list and (count < 1 or size % count):
        raise ConversionError(f"cuts {size} into {count} parts, which are not alike")
    cuts = [0, *(places or [size // count * at for at in range(1, count)]), size]
    return [drawing.sliced(x, axis, one, other, 1) for one, other in pairwise(cuts)]


def _padded(drawing: Drawing, part: Part) -> Tensor:
    """Steps before and after, of zeros, mirrored, or of the last."""
    mode, value = part.config.get("mode"), part.argument(2, "constant_values")
    word = "constant" if mode is None else mode.word()
    sides = [[one.whole(0) for one in pair] for pair in part.config["pad_width"]]
    x = part.one
    others = [pair for letter, pair in zip(x.axes, sides, strict=False) if letter != "t"]
    if word not in PADS or len(sides) != len(x.axes) or any(map(any, others)):
        raise ConversionError(f"pads {x} by {sides} in mode {word}, expected steps, by {' or '.join(PADS)}")
    if value:
        raise ConversionError("pads with another number than 0")
    left, right = sides[x.axes.index("t")]
    return drawing.call(PADS[word], x, left=left, right=right)


def _reversed(drawing: Drawing, part: Part) -> Tensor:
    x, axis = part.one, part.config["axis"].whole(-8, 8)
    if x.axes[axis_of(axis, len(x.axes))] != "t":
        raise ConversionError(f"turns round axis {axis} of {x}, expected the steps")
    return drawing.call("reverse", x)


PADS = {"constant": "pad", "reflect": "reflect", "edge": "replicate"}
CURVES = [row.name for row in (*activations.ROWS, *activations.ROWWISE) if not any(o.required for o in row.options)]
OPERATIONS: Mapping[str, Draw] = {
    "NotEqual": masks.compared,
    **dict.fromkeys(("OnesLike", "ZerosLike"), masks.constant),
    **{_words: _curve(name) for name in CURVES for _words in ["".join(w.capitalize() for w in name.split("_"))]},
    "Add": _between("+"),
    "Subtract": _between("-"),
    "Multiply": _between("*"),
    "Divide": _between("/"),
    "TrueDivide": _between("/"),
    "Maximum": _between("max"),
    "Minimum": _between("min"),
    "Negative": lambda drawing, part: drawing.binary("*", part.one, NEGATED),
    "Reciprocal": lambda drawing, part: drawing.binary("/", 1.0, part.one),
    "Square": lambda drawing, part: drawing.binary("*", part.one, part.one),
    "Power": _power,
    "Sqrt": _unary("sqrt"),
    "Absolute": _unary("abs"),
    "Exp": _unary("exp"),
    "Log": _unary("log"),
    "Sin": _unary("sin"),
    "Cos": _unary("cos"),
    "Clip": _clipped,
    "Mean": _reduced("mean"),
    "Max": _reduced("max"),
    "Min": _reduced("min"),
    "Sum": _reduced("sum"),
    "Var": _spread(root=False),
    "Std": _spread(root=True),
    "Concatenate": _joined,
    "GetItem": _item,
    "Split": _parts,
    "Pad": _padded,
    "Flip": _reversed,
    "ExpandDims": lambda drawing, part: part.one.unsqueezed(part.config["axis"].whole(-8, 8)),
    "Squeeze": _squeezed,
    "Reshape": lambda drawing, part: part.one.reshaped([one.whole(-1) for one in part.config["newshape"]]),
    "Transpose": _transposed,
}

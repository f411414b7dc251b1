"""ONNX' operations that move numbers, pools and sums over the steps. Source: onnx/defs/tensor/defs.cc."""

from __future__ import annotations

from collections.abc import Sequence

from codegen.errors import ConversionError
from codegen.interchange import sums
from codegen.interchange.onnx_graph.call import FREE, Call, Draw
from codegen.interchange.resampled import interpolated, taken
from codegen.interchange.tensors import Tensor, axis_of

__all__ = ["MOVING"]

PADDED = {"constant": "pad", "reflect": "reflect", "edge": "replicate", "wrap": "wrap"}


def _transposed(call: Call) -> Tensor:
    x = call.tensor()
    return x.transposed(call.sizes("perm") or list(reversed(range(len(x.axes)))))


def _reshaped(call: Call) -> Tensor:
    return call.tensor().reshaped(call.listed(1, "shape") or [])


def _flattened(call: Call) -> Tensor:
    return call.tensor().flattened(call.axis(1))


def _squeezed(call: Call) -> Tensor:
    return call.tensor().squeezed(call.listed(1, "axes"))


def _unsqueezed(call: Call) -> Tensor:
    x, axes = call.tensor(), call.listed(1, "axes") or []
    count = len(x.axes) + len(axes)
    for axis in sorted(axis_of(axis, count) for axis in axes):
        x = x.unsqueezed(axis)
    return x


def _joined(call: Call) -> Tensor:
    found = [call.tensor(at) for at in range(len(call.inputs))]
    return call.drawing.concat(found, call.axis(0))


def _split(call: Call) -> list[Tensor | None]:
    x, axis, count = call.tensor(), call.axis(0), len(call.node.outputs)
    size = x.size(call.letter(x, axis))
    sizes = call.listed(1, "split")
    if sizes is None:
        if size is None:
            raise ConversionError(f"cuts {x} into {count} parts of a free number of steps")
        each = -(-size // count)
        sizes = [min(each, size - at * each) for at in range(count)]
    found: list[Tensor | None] = []
    at = 0
    for one in sizes:
        found.append(call.drawing.sliced(x, axis, at, at + one))
        at += one
    return found


def _sliced(call: Call) -> Tensor:
    x = call.tensor()
    starts, ends = call.listed(1, "starts"), call.listed(2, "ends")
    axes, steps = call.listed(3, "axes"), call.listed(4, "steps")
    if starts is None or ends is None:
        raise ConversionError("does not say where it starts and ends")
    for at, (start, end) in enumerate(zip(starts, ends, strict=False)):
        axis = at if axes is None else axes[at]
        x = call.drawing.sliced(x, axis, start, end, None if steps is None else steps[at])
    return x


def _gathered(call: Call) -> Tensor:
    x, indices, axis = call.tensor(), call.constant(1, "indices"), call.axis(0)
    if indices.ndim == 0:
        return call.drawing.picked(x, axis, int(indices))
    found = [int(one) for one in indices.reshape(-1)]
    size = x.size(call.letter(x, axis))
    if indices.ndim != 1 or not found or (size is not None and not all(-size <= one < size for one in found)):
        raise ConversionError(f"takes numbers of shape {indices.shape}, expected some of an axis")
    if size is not None:
        found = [one % size for one in found]
    if found == list(range(found[0], found[0] + len(found))) and found[0] >= 0:
        return call.drawing.sliced(x, axis, found[0], found[-1] + 1)
    if call.letter(x, axis) != "c":
        raise ConversionError("takes steps in an order of their own, expected a range")
    return taken(call.drawing, x, found)


def _padded(call: Call) -> Tensor:
    x, sides = call.tensor(), call.listed(1, "pads")
    mode = call.text("mode", "constant")
    value = call.maybe(2, "a value")
    if mode not in PADDED or (value is not None and value.any()) or call.number("value", 0.0):
        raise ConversionError(f"pads by {mode} with other numbers than 0")
    axes = call.listed(3, "axes") or list(range(len(x.axes)))
    if sides is None or len(sides) != 2 * len(axes):
        raise ConversionError(f"has pads = {sides} with {x}")
    for at, axis in enumerate(axes):
        left, right = sides[at], sides[at + len(axes)]
        if not left and not right:
            continue
        letter = call.letter(x, axis)
        if letter == "c" and mode == "constant" and not left:
            x = call.drawing.call("widen", x, channels=x.channels + right)
        elif letter != "t":
            raise ConversionError(f"pads axis {axis} of {x}, expected the steps")
        elif left < 0 or right < 0:
            x = call.drawing.call("crop", x, left=max(0, -left), right=max(0, -right))
        else:
            x = call.drawing.call(PADDED[mode], x, left=left, right=right)
    return x


def _pool(word: str) -> Draw:
    def draw(call: Call) -> Tensor:
        x = call.tensor()
        if "t" not in x.axes[2:]:
            raise ConversionError(f"goes over {x}, expected (batch, channels, steps)")
        call.demand("ceil_mode", 0)
        if call.along(x, call.sizes("dilations"), 1, "dilations") != 1:
            raise ConversionError("has dilations, expected none")
        auto, sides = call.text("auto_pad", "NOTSET"), call.sides(x)
        padding = {"SAME_UPPER": "same", "VALID": "valid"}.get(auto, sides if any(sides) else "valid")
        size = call.along(x, call.sizes("kernel_shape"), 1, "kernel_shape")
        options = {"count_padding": True} if word == "average_pool" and call.whole("count_include_pad", 0) else {}
        strides = call.along(x, call.sizes("strides"), 1, "strides")
        return call.drawing.call(word, x, size=size, strides=strides, padding=padding, **options)

    return draw


def _whole(how: str) -> Draw:
    def draw(call: Call) -> Tensor:
        x = call.tensor()
        return call.drawing.reduced(how, x, range(2, len(x.axes)), keep=True)

    return draw


def _reduced(how: str) -> Draw:
    def draw(call: Call) -> Tensor:
        axes = call.listed(1, "axes")
        return call.drawing.reduced(how, call.tensor(), axes or [], keep=bool(call.whole("keepdims", 1)))

    return draw


def _norm(order: int) -> Draw:
    def draw(call: Call) -> Tensor:
        axes, keep = call.listed(1, "axes") or [], bool(call.whole("keepdims", 1))
        return sums.norm(call.drawing, call.tensor(), order, axes, keep=keep)

    return draw


def _squares(call: Call) -> Tensor:
    x, axes = call.tensor(), call.listed(1, "axes") or []
    squares = call.drawing.binary("*", x, x)
    return call.drawing.reduced("sum", squares, axes, keep=bool(call.whole("keepdims", 1)))


def _resized(call: Call) -> Tensor:
    """Each step several times: nearest, by a whole number."""
    x, old = call.tensor(), len(call.inputs) < LEAST_INPUTS
    scales = call.constant(1 if old else 2, "scales").reshape(-1)
    found = [float(one) for one in scales]
    if len(found) != len(x.axes):
        raise ConversionError(f"has scales = {found} with {x}")
    factors = [(letter, scale) for letter, scale in zip(x.axes, found, strict=True) if scale != 1]
    between = _interpolates(call, old)
    if not factors:
        return x
    ((letter, scale),) = factors[:1]
    if len(factors) > 1 or letter != "t" or scale != int(scale):
        raise ConversionError(f"has scales = {found}, expected a whole number for the steps alone")
    if between:
        return interpolated(call.drawing, call.name, x, int(scale))
    return call.drawing.call("upsample", x, size=int(scale))


def _interpolates(call: Call, old: bool) -> bool:
    """Whether a Resize draws lines between steps. Raises ConversionError for one that does neither so nor repeats.

    An `old` one, or an Upsample, starts from where steps begin.
    """
    middles = call.text("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    if call.text("mode", "nearest") == "linear" and call.node.kind == "Resize":
        if middles not in ("half_pixel", "pytorch_half_pixel"):
            raise ConversionError(f"interpolates by {middles}, expected half_pixel: steps by their middles")
        return True
    exact = call.text("nearest_mode", "floor" if old else "round_prefer_floor") == "floor" or middles != "asymmetric"
    if call.text("mode", "nearest") != "nearest" or not exact:
        raise ConversionError("interpolates between steps, expected each step several times")
    return False


def _shape(call: Call) -> Sequence[object]:
    """The sizes of a tensor, as a constant; the batch is 1."""
    import numpy as np

    return [np.asarray([FREE if size is None else size for size in call.tensor().sizes], "int64")]


LEAST_INPUTS = 3  # of a Resize since opset 11: x, a region, scales; before it is (x, scales), as Upsample
MOVING: dict[str, Draw] = {
    "Transpose": _transposed,
    "Reshape": _reshaped,
    "Flatten": _flattened,
    "Squeeze": _squeezed,
    "Unsqueeze": _unsqueezed,
    "Concat": _joined,
    "Split": _split,
    "Slice": _sliced,
    "Gather": _gathered,
    "Pad": _padded,
    "MaxPool": _pool("max_pool"),
    "AveragePool": _pool("average_pool"),
    "GlobalAveragePool": _whole("mean"),
    "GlobalMaxPool": _whole("max"),
    "ReduceMean": _reduced("mean"),
    "ReduceMax": _reduced("max"),
    "ReduceMin": _reduced("min"),
    "ReduceSum": _reduced("sum"),
    "ReduceL1": _norm(1),
    "ReduceL2": _norm(2),
    "ReduceSumSquare": _squares,
    "Resize": _resized,
    "Upsample": _resized,
    "Shape": _shape,  # type: ignore[dict-item]  # an array, told as a list of one
}

"""PyTorch's functions that move numbers: views, slices, parts; those that do nothing to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from codegen.errors import ConversionError
from codegen.errors.quoting import exactly
from codegen.interchange.resampled import taken
from codegen.interchange.tensors import Tensor, Unserved, axis_of, served
from codegen.interchange.torch_graph.call import Call, Draw
from codegen.interchange.torch_graph.functions import FUNCTIONS
from codegen.interchange.torch_graph.layers import EXAMPLE

__all__ = ["CALLS", "UNSERVED"]


def _joined(call: Call) -> Tensor:
    found = call.get(0, "tensors")
    if not isinstance(found, (list, tuple)) or not all(isinstance(one, Tensor) for one in found):
        raise ConversionError("joins constants, expected values that are computed")
    return call.drawing.concat(found, call.get(1, "dim", 0))


def _stacked(call: Call) -> Tensor:
    """torch.stack along an axis that a value here has: single steps, or single channels."""
    found, axis = call.get(0, "tensors"), call.get(1, "dim", 0)
    if not isinstance(found, (list, tuple)) or not all(isinstance(one, Tensor) for one in found):
        raise ConversionError("joins constants, expected values that are computed")
    made = [one.unsqueezed(axis) for one in found]
    if made[0].axes[axis_of(axis, len(made[0].axes))] == "1":
        way = "join values by cat, or add them by +"
        raise ConversionError(f"gives {found[0]} one axis more, expected batch, channels and steps alone; {way}")
    return call.drawing.concat(made, axis)


def _chunks(call: Call) -> list[Tensor]:
    x, count, axis = call.x, call.whole(1, "chunks"), call.whole(2, "dim", 0)
    size = x.size(x.axes[axis_of(axis, len(x.axes))])
    if size is None:
        raise ConversionError("cuts a free number of steps into parts")
    return _parts(call, x, [-(-size // count)] * count, axis)


def _split(call: Call) -> list[Tensor]:
    x, axis, sizes = call.x, call.whole(2, "dim", 0), call.get(1, "split_size")
    if isinstance(sizes, int):
        size = x.size(x.axes[axis_of(axis, len(x.axes))])
        if size is None:
            raise ConversionError("cuts a free number of steps into parts")
        sizes = [sizes] * -(-size // sizes)
    return _parts(call, x, list(sizes), axis)


def _parts(call: Call, x: Tensor, sizes: Sequence[int], axis: int) -> list[Tensor]:
    found, at = [], 0
    for size in sizes:
        found.append(call.drawing.sliced(x, axis, at, at + size))
        at += size
    return found


def _transposed(call: Call) -> Tensor:
    x = call.x
    order = list(range(len(x.axes)))
    one, other = (axis_of(call.whole(at, f"dim{at - 1}"), len(order)) for at in (1, 2))
    order[one], order[other] = order[other], order[one]
    return x.transposed(order)


def _flattened(call: Call) -> Tensor:
    x = call.x
    if call.get(2, "end_dim", -1) not in (-1, len(x.axes) - 1):
        raise ConversionError("flattens axes before the last, expected all from one on")
    return x.flattened(call.get(1, "start_dim", 0))


def _squeezed(call: Call) -> Tensor:
    found = call.get(1, "dim")
    return call.x.squeezed(None if found is None else [found] if isinstance(found, int) else list(found))


def _sliced(call: Call) -> Tensor:
    return call.drawing.sliced(
        call.x, call.get(1, "dim", 0), call.get(2, "start"), call.get(3, "end"), call.get(4, "step", 1)
    )


def _narrowed(call: Call) -> Tensor:
    start = call.whole(2, "start")
    return call.drawing.sliced(call.x, call.whole(1, "dim"), start, start + call.whole(3, "length"))


def _picked(call: Call) -> Any:
    found = call.args[0]
    if isinstance(found, list) and call.whole(1, "dim") == 0:  # the states of several layers
        return found[call.whole(2, "index")]
    return call.drawing.picked(call.x, call.whole(1, "dim"), call.whole(2, "index"))


def _places(call: Call) -> Tensor:
    """x[:, [2, 0, 5]] and index_select: channels in an order that is known."""
    x, found = call.x, call.args[1]
    if isinstance(found, int):
        axis, index = axis_of(found, len(x.axes)), call.get(2, "index")
    else:
        given = [(at, one) for at, one in enumerate(found or ()) if one is not None]
        axis, index = given[0] if len(given) == 1 else (0, None)
    places = None if index is None or isinstance(index, Tensor) else list(getattr(index, "tolist", list)())
    whole = places is not None and all(isinstance(at, int) and -x.channels <= at < x.channels for at in places)
    if x.axes[axis] != "c" or places is None or not whole:
        raise ConversionError(f"takes places of {x}, expected known ones of the channels")
    return taken(call.drawing, x, [at % x.channels for at in places])


def _item(call: Call) -> Any:
    """One of several outputs, or x[:, :16] as torch.fx has it."""
    found, key = call.args[0], call.args[1]
    if isinstance(found, (list, tuple)):
        if not isinstance(key, int) or not -len(found) <= key < len(found):
            raise ConversionError("takes one of several outputs, which is not known here")
        return found[key]
    x, axis = call.x, 0
    keys = list(key) if isinstance(key, (list, tuple)) else [key]
    if Ellipsis in keys:
        at = keys.index(Ellipsis)
        keys[at : at + 1] = [slice(None)] * (len(x.axes) - len(keys) + 1)
    for one in keys:
        if isinstance(one, slice):
            x = call.drawing.sliced(x, axis, one.start, one.stop, one.step)
            axis += 1
        elif one is None:
            x = x.unsqueezed(axis)
            axis += 1
        elif isinstance(one, int):
            x = call.drawing.picked(x, axis, one)
        else:
            raise ConversionError("takes a part that is neither a slice nor a number")
    return x


ASKED = Unserved(f"asks for the number of steps; {EXAMPLE}")


def _asked(call: Call) -> Any:
    """The numbers along all axes, or along one; the batch counts as one. Raises ConversionError for free steps."""
    sizes, axis = [ASKED if size is None else size for size in call.x.sizes], call.get(1, "dim")
    return sizes if axis is None else served(sizes[axis])


def _attribute(call: Call) -> Any:
    if call.args[1] != "shape":
        raise ConversionError(f"asks for {exactly(call.args[1])}, which is not known here")
    return _asked(Call(call.drawing, call.name, call.args[:1], {}))


def _expanded(call: Call) -> Tensor:
    return call.drawing.expanded(call.x, call.sizes(1, "size"), spread=call.spread)


def _expanded_as(call: Call) -> Tensor:
    found = call.get(1, "other")
    if not isinstance(found, Tensor):
        raise ConversionError("spreads a value like a constant, expected one like another value")
    sizes = [0 if size is None else size for size in found.sizes]
    return call.drawing.expanded(call.x, sizes, spread=call.spread)


def _same(call: Call) -> Tensor:
    return call.x


COMPARES = "chooses numbers by a comparison, where relu, clamp, maximum and minimum are read"
UNSERVED = dict.fromkeys(("where", "masked_fill", "gt", "ge", "lt", "le", "eq", "ne"), COMPARES)
NOTHING = ("dropout", "feature_dropout", "alpha_dropout", "contiguous", "clone", "detach", "detach_", "to", "_to_copy")
MORE = ("alias", "lift_fresh_copy", "float", "identity", "_assert_tensor_metadata")
CALLS: dict[str, Draw] = {
    **FUNCTIONS,
    "cat": _joined,
    "concat": _joined,
    "stack": _stacked,
    "chunk": _chunks,
    "split": _split,
    "split_with_sizes": _split,
    "transpose": _transposed,
    "permute": lambda call: call.x.transposed(call.sizes(1, "dims")),
    "unsqueeze": lambda call: call.x.unsqueezed(call.whole(1, "dim")),
    "squeeze": _squeezed,
    "flatten": _flattened,
    "view": lambda call: call.x.reshaped(call.sizes(1, "size")),
    "reshape": lambda call: call.x.reshaped(call.sizes(1, "shape")),
    "expand": _expanded,
    "expand_as": _expanded_as,
    "slice": _sliced,
    "narrow": _narrowed,
    "select": _picked,
    "getitem": _item,
    "index": _places,
    "index_select": _places,
    "size": _asked,
    "getattr": _attribute,
    **dict.fromkeys((*NOTHING, *MORE), _same),
}

"""What ONNX graphs compute of constants alone, most of it shapes: done at once, in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import ConversionError
from codegen.interchange.onnx_graph.call import Call, demand_told
from codegen.interchange.onnx_graph.proto import TYPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["FOLDED", "folded"]

LARGEST = 1 << 22  # numbers that a constant may have
MOST_WORK = 1 << 28  # multiplications of one product of matrices
OF_SIZES = ("logical_not", "negative", "floor", "ceil", "abs", "sign")  # what may be made of a free number of steps
END = 1 << 31


def folded(call: Call) -> Array:
    """The node's constant. Raises ConversionError where its inputs do not fit, or it would be too large."""
    try:
        made = FOLDED[call.node.kind](call)
    except ConversionError:
        raise
    except (ValueError, TypeError, IndexError, ArithmeticError, MemoryError):
        raise ConversionError("of constants that do not fit") from None
    if made.size > LARGEST:
        raise ConversionError(f"makes a constant of {made.size:,} numbers, at most {LARGEST:,} are held")
    return made


def _all(call: Call) -> list[Array]:
    return [call.constant(at, f"input {at}") for at in range(len(call.inputs))]


def _between(name: str) -> Callable[[Call], Array]:
    def made(call: Call) -> Array:
        import numpy as np

        one, other = _all(call)
        if max(one.size, 1) * max(other.size, 1) > LARGEST:
            raise ConversionError("of constants that are too large")
        with np.errstate(all="ignore"):
            found: Array = getattr(np, name)(one, other)
        return found

    return made


def _divided(call: Call) -> Array:
    one, other = _all(call)
    demand_told(other)
    whole = one.dtype.kind in "iu"
    return one // other if whole and other.all() else one / other


def _of_one(name: str) -> Callable[[Call], Array]:
    def made(call: Call) -> Array:
        import numpy as np

        demand_told(*(_all(call) if name not in OF_SIZES else ()))
        with np.errstate(all="ignore"):
            found: Array = getattr(np, name)(*_all(call))
        return found

    return made


def _product(call: Call) -> Array:
    """A matrix times a vector or a matrix, as spectral norms have them."""
    if len(call.inputs) != 2:
        raise ConversionError("has no input")
    one, other = _all(call)
    demand_told(one, other)
    wide = other.shape[1] if other.ndim == 2 else 1
    tall = one.shape[0] if one.ndim == 2 else 1
    if max(one.ndim, other.ndim) > 2 or one.dtype.kind != "f" or tall * wide > LARGEST or one.size * wide > MOST_WORK:
        raise ConversionError(f"of constants of shapes {one.shape} and {other.shape}, which are not multiplied here")
    made: Array = one @ other
    return made


def _power(call: Call) -> Array:
    import numpy as np

    one, other = _all(call)
    if max(one.size, 1) * max(other.size, 1) > LARGEST:
        raise ConversionError("of constants that are too large")
    demand_told(one, other)
    with np.errstate(all="ignore"):
        return np.asarray(np.power(one, other.astype(one.dtype)))


def _chosen(call: Call) -> Array:
    import numpy as np

    found = _all(call)
    count = 1
    for one in found:
        count *= max(one.size, 1)
    if len(found) != 3 or count > LARGEST:
        raise ConversionError("of constants that are too large")
    return np.where(*found)


def _ranged(call: Call) -> Array:
    import numpy as np

    found = _all(call)
    demand_told(*found)
    first, last, step = (one.reshape(()).item() for one in found)
    if not step or abs((last - first) / step) > LARGEST:
        raise ConversionError("makes a constant that is too large")
    return np.arange(first, last, step).astype(found[0].dtype)


def _over(name: str) -> Callable[[Call], Array]:
    """A sum, product or extreme along axes."""

    def made(call: Call) -> Array:
        import numpy as np

        axes = call.listed(1, "axes")
        over = tuple(axes) if axes else None
        keep = bool(call.whole("keepdims", 1))
        return np.asarray(getattr(np, name)(call.constant(0, "data"), axis=over, keepdims=keep))

    return made


def _length(order: int) -> Callable[[Call], Array]:
    """The norm along axes, as that of weights that a weight_norm has."""

    def made(call: Call) -> Array:
        import numpy as np

        axes, data = call.listed(1, "axes"), call.constant(0, "data")
        keep = bool(call.whole("keepdims", 1))
        parts = np.abs(data) if order == 1 else data * data
        total = np.asarray(parts.sum(axis=tuple(axes) if axes else None, keepdims=keep))
        return total if order == 1 else np.sqrt(total)

    return made


def _constant(call: Call) -> Array:
    import numpy as np

    for word in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if (found := call.node.attributes.get(word)) is not None:
            return np.asarray(found, "float32" if "float" in word else None)
    raise ConversionError("of a kind that is not known here")


def _filled(call: Call) -> Array:
    import numpy as np

    shape = call.listed(0, "sizes") or []
    value = call.node.attributes.get("value")
    count = 1
    for size in shape:
        count *= size
    if not 0 <= count <= LARGEST:
        raise ConversionError(f"makes a constant of the shape {shape}")
    number = np.float32(0) if value is None else np.asarray(value).reshape(-1)[0]
    return np.full(shape, number)


def _sliced(call: Call) -> Array:
    x, starts, ends = call.constant(0, "data"), call.listed(1, "starts"), call.listed(2, "ends")
    axes, steps = call.listed(3, "axes"), call.listed(4, "steps")
    key = [slice(None)] * x.ndim
    for at, (start, end) in enumerate(zip(starts or [], ends or [], strict=True)):
        step = 1 if steps is None else steps[at]
        stop = None if step < 0 and end < -END else end
        key[at if axes is None else axes[at]] = slice(start, stop, step)
    return x[tuple(key)]


def _shifted(call: Call) -> Array:
    import numpy as np

    x, axes = call.constant(0, "data"), call.listed(1, "axes")
    if call.node.kind == "Squeeze":
        return np.squeeze(x, None if axes is None else tuple(axes))
    return np.expand_dims(x, tuple(axes or ()))


def _reshaped(call: Call) -> Array:
    x, shape = call.constant(0, "data"), call.listed(1, "shape") or []
    return x.reshape([x.shape[at] if size == 0 else size for at, size in enumerate(shape)])


def _transposed(call: Call) -> Array:
    return call.constant(0, "data").transpose(call.sizes("perm"))


def _gathered(call: Call) -> Array:
    import numpy as np

    data, indices, axis = call.constant(0, "data"), call.constant(1, "indices"), call.axis(0)
    if data.size // max(1, data.shape[axis]) * indices.size > LARGEST:
        raise ConversionError("of constants that are too large")
    return np.asarray(np.take(data, indices, axis=axis))


def _joined(call: Call) -> Array:
    import numpy as np

    found = _all(call)
    if sum(one.size for one in found) > LARGEST:
        raise ConversionError("of constants that are too large")
    return np.concatenate([np.atleast_1d(one) for one in found], axis=call.axis(0))


def _cast(call: Call) -> Array:
    kind = TYPES.get(call.whole("to", 1))
    if kind is None:
        raise ConversionError("to a type that is not known here")
    return call.constant(0, "data").astype(kind)


def _expanded(call: Call) -> Array:
    import numpy as np

    shape = call.listed(1, "shape") or []
    found = np.broadcast_shapes(call.constant(0, "data").shape, tuple(shape))
    if int(np.prod(found)) > LARGEST:
        raise ConversionError(f"makes a constant of the shape {shape}")
    return np.broadcast_to(call.constant(0, "data"), found)


def _shape(call: Call) -> Array:
    import numpy as np

    return np.asarray(call.constant(0, "data").shape, "int64")


FOLDED: dict[str, Callable[[Call], Array]] = {
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Concat": _joined,
    "Slice": _sliced,
    "Squeeze": _shifted,
    "Unsqueeze": _shifted,
    "Reshape": _reshaped,
    "Transpose": _transposed,
    "Gather": _gathered,
    "Cast": _cast,
    "Expand": _expanded,
    "Shape": _shape,
    "Identity": lambda call: call.constant(0, "data"),
    "Div": _divided,
    "MatMul": _product,
    **{kind: _between(name) for kind, name in (("Add", "add"), ("Sub", "subtract"), ("Mul", "multiply"))},
    **{kind: _between(name) for kind, name in (("Equal", "equal"), ("Max", "maximum"), ("Min", "minimum"))},
    **{
        kind: _between(name)
        for kind, name in (
            *(("Greater", "greater"), ("Less", "less"), ("GreaterOrEqual", "greater_equal")),
            *(("LessOrEqual", "less_equal"), ("And", "logical_and"), ("Or", "logical_or")),
        )
    },
    **{
        kind: _of_one(name)
        for kind, name in (
            ("Not", "logical_not"),
            ("Neg", "negative"),
            ("Sqrt", "sqrt"),
            ("Floor", "floor"),
            ("Exp", "exp"),
            *(("Log", "log"), ("Sin", "sin"), ("Cos", "cos"), ("Tanh", "tanh"), ("Reciprocal", "reciprocal")),
            *(("Abs", "abs"), ("Ceil", "ceil"), ("Sign", "sign")),
        )
    },
    "ReduceL1": _length(1),
    "ReduceL2": _length(2),
    "Pow": _power,
    "Where": _chosen,
    "Range": _ranged,
    **{f"Reduce{word}": _over(word.lower()) for word in ("Sum", "Prod", "Max", "Min", "Mean")},
}

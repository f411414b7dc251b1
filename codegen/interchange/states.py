"""States: weights in PyTorch's layout. Kernels are (filters, channels/groups, taps) there, transposed ones turned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.gradients import input as input_gradients
from codegen.problem.conv_problem import ConvProblem
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.layers.layer import Layer
    from codegen.specs.kinds import Spec

    Array = NDArray[Any]


def turned(kernel: Array) -> Array:
    """Keras' (taps, channels/groups, filters) as PyTorch's (filters, channels/groups, taps), and the other way."""
    return kernel.transpose(2, 1, 0)


def by_channel(kernel: Array) -> Array:
    """Keras' depthwise (taps, channels, multiplier) as (channels * multiplier, 1, taps): groups = channels."""
    taps, channels, multiplier = kernel.shape
    return kernel.transpose(1, 2, 0).reshape(channels * multiplier, 1, taps)


def from_channels(kernel: Array, multiplier: int) -> Array:
    """`by_channel` undone."""
    filters, _, taps = kernel.shape
    return kernel.reshape(filters // multiplier, multiplier, taps).transpose(2, 0, 1)


WEIGHTS: dict[
    str, dict[str, tuple[str, Callable[[Array], Array] | None]]
] = {  # kind → weight → its name there, its layout
    "conv1d": {"kernel": ("weight", turned)},
    "depthwise_conv1d": {"kernel": ("weight", by_channel)},
    "separable_conv1d": {
        "depthwise_kernel": ("depthwise.weight", by_channel),
        "pointwise_kernel": ("pointwise.weight", turned),
        "bias": ("pointwise.bias", None),
    },
    "conv1d_transpose": {"kernel": ("weight", turned)},
}


def of(layer: Layer) -> dict[str, Array]:
    """One layer's arrays, new and contiguous, by PyTorch's names."""
    return laid_out(layer.spec.kind, layer._made().arrays)


def laid_out(kind: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """A layer's arrays, new and contiguous, by PyTorch's names and in its layout, in the layer's order."""
    known = WEIGHTS[kind]
    found = {}
    for name, array in arrays.items():
        theirs, layout = known.get(name, (name, None))
        found[theirs] = np.array(layout(array) if layout else array, order="C")
    return found


def taken_back(spec: Spec, given: Sequence[Array]) -> dict[str, Array]:
    """Arrays in PyTorch's layout, in the layer's order, as the layer's own: `laid_out` undone."""
    known = WEIGHTS[spec.kind]
    found = {}
    for (name, shape), array in zip(spec.weight_shapes().items(), given, strict=True):
        layout = known.get(name, (name, None))[1]
        made = array if layout is None else from_channels(array, shape[2]) if layout is by_channel else turned(array)
        found[name] = np.ascontiguousarray(made)
    return found


@dataclass(frozen=True)
class Turn:
    """Where an array of another order finds its numbers in a weight as PyTorch has it; counted in numbers."""

    shape: tuple[int, ...]
    first: int
    apart: tuple[int, ...]

    def of(self, flat: Array) -> Array:
        """That array, on the memory of the weight, which is contiguous."""
        item = flat.itemsize
        return np.ndarray(self.shape, flat.dtype, flat, item * self.first, [item * step for step in self.apart])


def turns(spec: Spec, problem: ConvProblem, steps: int) -> tuple[Turn, Turn] | None:
    """Where the kernels of the problem, of known length, and of its input's problem find their numbers.

    The second has four axes: taps but zero ones, filters of a group, groups, channels of one. None for weights that
    are no turned array.
    """
    shapes = {name: shape for name, shape in spec.weight_shapes().items() if name != "bias"}
    if list(shapes) != ["kernel"]:
        return None
    theirs = laid_out(spec.kind, {"kernel": np.empty(shapes["kernel"], np.int64)})
    numbers = [np.arange(array.size).reshape(array.shape) for array in theirs.values()]
    bias = [np.zeros(problem.filters)] if spec.use_bias else []
    places = spec.problem_weights(taken_back(spec, [*numbers, *bias]))[0].reshape(problem.kernel_shape)
    front, _ = input_gradients.zero_taps(problem, steps)
    inner = input_gradients.turned(problem, steps, places)[front : front + problem.kernel_size]
    by_group = (problem.kernel_size, problem.group_filters, problem.groups, problem.group_channels)
    one, other = _turn(places), _turn(inner.reshape(by_group))
    return (one, other) if one and other else None


def _turn(places: Array) -> Turn | None:
    """The turn that finds `places`; None where the steps along an axis are not alike."""
    first, apart, found = int(places.flat[0]), [], np.asarray(places.flat[0])
    for axis, size in enumerate(places.shape):
        step = int(places[tuple(int(axis == one) for one in range(places.ndim))]) - first if size > 1 else 0
        apart.append(step)
        found = found[..., None] + np.arange(size) * step
    return Turn(places.shape, first, tuple(apart)) if np.array_equal(found, places) else None


def of_all(model: Mapping[str, Layer]) -> dict[str, Array]:
    """The arrays of all, each name with its module's path before it."""
    return {f"{path(layer, 'torch')}.{name}": array for layer in model.values() for name, array in of(layer).items()}


def path(layer: Layer, library: str) -> str:
    """What the layer is called in that library if it came from there, else its name here."""
    origin = layer.origin
    return origin.name if origin and origin.library == library and origin.name else layer.name

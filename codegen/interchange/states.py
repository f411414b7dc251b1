"""States: weights in PyTorch's layout. Kernels are (filters, channels/groups, taps) there, transposed ones turned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.layers.layer import Layer

    Array = NDArray[Any]


def turned(kernel: Array) -> Array:
    """Keras' (taps, channels/groups, filters) as PyTorch's (filters, channels/groups, taps), and the other way."""
    return kernel.transpose(2, 1, 0)


def by_channel(kernel: Array) -> Array:
    """Keras' depthwise (taps, channels, multiplier) as (channels * multiplier, 1, taps): groups = channels."""
    taps, channels, multiplier = kernel.shape
    return kernel.transpose(1, 2, 0).reshape(channels * multiplier, 1, taps)


WEIGHTS: dict[str, dict[str, tuple[str, Callable[[Array], Array]]]] = {  # kind → weight → its name there, its layout
    "conv1d": {"kernel": ("weight", turned)},
    "depthwise_conv1d": {"kernel": ("weight", by_channel)},
    "separable_conv1d": {
        "depthwise_kernel": ("depthwise.weight", by_channel),
        "pointwise_kernel": ("pointwise.weight", turned),
        "bias": ("pointwise.bias", lambda bias: bias),
    },
    "conv1d_transpose": {"kernel": ("weight", turned)},
}


def of(layer: Layer) -> dict[str, Array]:
    """One layer's arrays, new and contiguous, by PyTorch's names."""
    known = WEIGHTS[layer.spec.kind]
    found = {}
    for name, array in layer._made().arrays.items():
        theirs, layout = known.get(name, (name, lambda same: same))
        found[theirs] = layout(array).copy()
    return found


def of_all(model: Mapping[str, Layer]) -> dict[str, Array]:
    """The arrays of all, each name with its module's path before it."""
    return {f"{path(layer, 'torch')}.{name}": array for layer in model.values() for name, array in of(layer).items()}


def path(layer: Layer, library: str) -> str:
    """What the layer is called in that library if it came from there, else its name here."""
    origin = layer.origin
    return origin.name if origin and origin.library == library and origin.name else layer.name

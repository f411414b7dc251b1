"""What recurrent layers mean in NumPy, step by step. Source: keras/src/layers/rnn/lstm.py, gru.py, simple_rnn.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.functions import activations
from codegen.specs.model_kinds import GRU, LSTM, SimpleRNN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["gru", "lstm", "simple"]


def lstm(layer: LSTM, x: Array, weights: Mapping[str, Array]) -> Array:
    """h of each step, or of the last alone: x (steps, channels), gates i, f, c, o."""
    import numpy as np

    kernel, recurrent = weights["kernel"], weights["recurrent_kernel"]
    bias = weights.get("bias", np.zeros(4 * layer.units, x.dtype))
    h, c = (weights.get(f"initial_{word}", np.zeros(layer.units, x.dtype)) for word in "hc")
    found = []
    for row in x:
        z = row @ kernel + h @ recurrent + bias
        zi, zf, zc, zo = np.split(z, 4)
        i, f, o = (activations.reference(layer.recurrent_activation, each) for each in (zi, zf, zo))
        c = f * c + i * activations.reference(layer.activation, zc)
        h = o * activations.reference(layer.activation, c)
        found.append(np.concatenate([h, c]) if layer.return_cells else h)
    return _given(found, layer.return_sequences, x, layer.out_channels)


def gru(layer: GRU, x: Array, weights: Mapping[str, Array]) -> Array:
    """h of each step, or of the last alone: x (steps, channels), gates z, r, h."""
    import numpy as np

    units = layer.units
    kernel, recurrent = weights["kernel"], weights["recurrent_kernel"]
    bias = weights.get("bias", np.zeros((2, 3 * units) if layer.reset_after else 3 * units, x.dtype))
    own, inner = (bias[0], bias[1]) if layer.reset_after else (bias, np.zeros(3 * units, x.dtype))
    h, found = weights.get("initial_h", np.zeros(units, x.dtype)), []
    for row in x:
        given = row @ kernel + own
        kept = h @ recurrent + inner
        z = activations.reference(layer.recurrent_activation, given[:units] + kept[:units])
        r = activations.reference(layer.recurrent_activation, given[units : 2 * units] + kept[units : 2 * units])
        last = r * kept[2 * units :] if layer.reset_after else (r * h) @ recurrent[:, 2 * units :]
        new = activations.reference(layer.activation, given[2 * units :] + last)
        h = z * h + (1 - z) * new
        found.append(h)
    return _given(found, layer.return_sequences, x, units)


def simple(layer: SimpleRNN, x: Array, weights: Mapping[str, Array]) -> Array:
    """h of each step, or of the last alone: x (steps, channels)."""
    import numpy as np

    zeros, found = np.zeros(layer.units, x.dtype), []
    h = weights.get("initial_h", zeros)
    for row in x:
        sums = row @ weights["kernel"] + weights.get("bias", zeros) + h @ weights["recurrent_kernel"]
        h = activations.reference(layer.activation, sums)
        found.append(h)
    return _given(found, layer.return_sequences, x, layer.units)


def _given(found: list[Array], sequences: bool, x: Array, units: int) -> Array:
    import numpy as np

    if not found:
        return np.zeros((0, units), x.dtype)
    return np.stack(found) if sequences else found[-1][None]

"""Weights of floats to int8, each filter by a scale of its own; biases to int32, in steps of the products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.errors import WeightsError
from codegen.numbers.rescaling import rounded_away
from codegen.problem.requantise import HIGHEST
from codegen.specs.kinds import Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["codes"]

LEAST_SCALE = 2.0**-100  # of a filter that is 0 throughout
MOST_BIAS = 2**30  # half of what the sums may be


def codes(spec: Spec, arrays: Mapping[str, Array], steps: Sequence[float]) -> dict[str, Array]:
    """The arrays of the layer of int8, in Keras' shapes. `steps` are the scales of what each of its kernels reads.

    Raises WeightsError for a weight that is no finite number.
    """
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            at = list(map(int, np.argwhere(~np.isfinite(array))[0]))
            raise WeightsError(f"array `{spec.name}/{name}`: got {array[tuple(at)]} at {at}, expected finite numbers")
    found: dict[str, Array] = {}
    owners = filters(spec, arrays)
    for step, (name, owner) in zip(steps, owners.items(), strict=True):
        last = name == list(owners)[-1]
        bias = arrays.get("bias") if last else None
        scale = _scales(arrays[name], owner, bias, step)
        found[name] = np.clip(rounded_away(arrays[name] / scale[owner]), -HIGHEST, HIGHEST).astype(np.int8)
        found[f"{name}_scale"] = scale
        if bias is not None:
            each = (np.float32(step) * scale).astype(np.float64)
            found["bias"] = rounded_away(bias.astype(np.float64) / each).astype(np.int32)
    return found


def _scales(kernel: Array, owner: Array, bias: Array | None, step: float) -> Array:
    """A float32 for each filter: its largest weight is 127, and its bias is far from the end of int32."""
    most = np.zeros(int(owner.max()) + 1)
    np.maximum.at(most, owner.ravel(), np.abs(kernel.astype(np.float64)).ravel())
    scale = np.maximum(most / HIGHEST, LEAST_SCALE)
    if bias is not None:
        scale = np.maximum(scale, np.abs(bias.astype(np.float64)) / step / MOST_BIAS)
    return scale.astype(np.float32)


def filters(spec: Spec, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """For each kernel, in Keras' shape, which of its stage's filters each number belongs to."""
    names = [name for name in spec.weight_shapes() if name.endswith("kernel")]
    numbered, at = dict(arrays), 0
    for name in names:
        numbered[name] = np.arange(at, at + arrays[name].size).reshape(arrays[name].shape)
        at += arrays[name].size
    kernel, bias = spec.problem_weights(numbered)
    owner = np.zeros(at, np.int64)
    for stage, taps, _ in spec.problem.stage_weights(kernel, bias):
        owner[np.asarray(taps, np.int64)] = np.arange(stage.filters)
    return {name: owner[numbered[name]] for name in names}

"""Recurrent layers with the states that they begin with: none, weights, or values that are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import ConversionError
from codegen.graph.builder import Value
from codegen.interchange.drawing import Drawing
from codegen.interchange.tensors import Tensor
from codegen.specs.model_kinds import LSTM, Recurrent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["First", "begun"]

First: TypeAlias = "Tensor | Array | None"
"""A first state of one layer: a value of one step, an array of `units` numbers, or zeros."""


def begun(
    drawing: Drawing,
    kind: type[Recurrent],
    name: str,
    x: Tensor,
    arrays: Mapping[str, Array],
    first: Sequence[First] = (),
    **fields: Any,
) -> tuple[Tensor, Tensor | None]:
    """(outputs, cells of an LSTM) of a layer that begins with `first`, h and perhaps c. Raises ConversionError."""
    known = [one if isinstance(one, Tensor) or (one is not None and one.any()) else None for one in first]
    weights, states = dict(arrays), list[Value]()
    if any(isinstance(one, Tensor) for one in known):
        states = _computed(drawing, known, fields["units"])
    elif any(one is not None for one in known):
        words = ("initial_h", "initial_c")[: len(known)]
        weights |= {word: _numbers(one, fields["units"], x) for word, one in zip(words, known, strict=True)}
    more = {"return_cells": True} if kind is LSTM else {}
    initial = "initial_h" in weights
    made = drawing.layer(kind, name, x, weights, states, initial_state=initial, **more, **fields)
    if kind is not LSTM:
        return made, None
    units, builder = fields["units"], drawing.sketch.builder
    return made.of(builder.slice(made.value, 0, units)), made.of(builder.slice(made.value, units, 2 * units))


def _numbers(found: Any, units: int, x: Tensor) -> Array:
    import numpy as np

    dtype = x.value.builder.dtype
    if found is None:
        return np.zeros(units, dtype)
    if found.size != units:
        raise ConversionError(f"has a first state of {found.size} numbers, expected {units}")
    made: Array = found.reshape(units).astype(dtype)
    return made


def _computed(drawing: Drawing, known: Sequence[Any], units: int) -> list[Value]:
    """All as values; zeros are made of another one."""
    builder = drawing.sketch.builder
    some = next(one.value for one in known if isinstance(one, Tensor))
    found = []
    for one in known:
        if one is not None and not isinstance(one, Tensor):
            raise ConversionError("begins with a state that is computed and one that is not, expected both alike")
        value = one.value if one is not None else builder.arithmetic("min", builder.arithmetic("max", some, 0.0), 0.0)
        if not value.shape.is_one or value.shape.channels != units:
            raise ConversionError(f"begins with {value.shape}, expected one step of {units} channels")
        found.append(value)
    return found

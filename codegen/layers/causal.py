"""ONNX' CausalConvWithState as a call on arrays: a depthwise convolution that is handed the steps before."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.emission import causal
from codegen.errors import ShapeError, UsageError
from codegen.errors.quoting import plainly
from codegen.functions import activations
from codegen.installed import forgetful
from codegen.numbers import arrays
from codegen.planning.ask import Ask
from codegen.problem.targets import target_named
from codegen.specs.kinds import DepthwiseConv1DSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.machine.causal_library import CausalLibrary

    Array = NDArray[Any]

__all__ = ["causal_conv_with_state"]

ACTIVATIONS = {"none": "linear", "silu": "silu", "swish": "silu"}
COMPUTED = {"f": "float32", "d": "float64", "e": "float32"}  # by NumPy's letter of what is handed over


def causal_conv_with_state(
    x: Any, weight: Any, bias: Any = None, past: Any = None, *, activation: str = "none"
) -> tuple[Array, Array]:
    """(y, present) of ONNX' operator of that name: present is the `past` of the next call, in any split the same bits.

    x (batch, channels, steps), weight (channels, 1, taps), bias (channels), past and present (batch, channels,
    taps - 1), no past being zeros; activation none, silu or swish. All in the dtype of x: float32, float64, or float16,
    which is computed in float32. Raises ShapeError, UsageError for another activation, PlanError for too many taps,
    ToolchainError where there is no compiler.
    """
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise UsageError(f"`activation` is {plainly(activation)}, expected one of {', '.join(ACTIVATIONS)}")
    x = x if isinstance(x, np.ndarray) else arrays.found_in(x, "x", ShapeError)
    word = COMPUTED.get(x.dtype.char)
    if word is None:
        raise ShapeError(f"x: got {x.dtype}, expected float32, float64 or float16")
    dtype = np.dtype(word)
    block = _cast(x, dtype, "x", (None, None, None), "(batch, channels, steps)")
    batch, channels, steps = block.shape
    kernel = _cast(weight, dtype, "weight", (channels, 1, None), "(channels, 1, taps)")
    kept = kernel.shape[2] - 1
    if kept < 0 or not channels:
        raise ShapeError(f"weight: got shape {kernel.shape}, expected a channel and a tap at least")
    added = None if bias is None else _cast(bias, dtype, "bias", (channels,), "(channels)")
    before = None if past is None else _cast(past, dtype, "past", (batch, channels, kept), "(batch, channels, taps-1)")
    y, present = np.empty(block.shape, dtype), np.zeros((batch, channels, kept), dtype)
    if steps:
        library = _library(channels, kept + 1, word, ACTIVATIONS[activation], added is not None)
        library.run(block, before, kernel, added, y, present)
    elif before is not None:
        present[...] = before
    return (y, present) if x.dtype.char != "e" else (y.astype(x.dtype), present.astype(x.dtype))


def bound(x: Array, kernel: Array, past: Array, y: Array, present: Array, *, activation: str) -> Callable[[], None]:
    """That call on arrays of float32 that are as it wants them, without looking at them again: for measuring."""
    library = _library(x.shape[1], kernel.shape[2], "float32", ACTIVATIONS[activation], False)
    return library.bind(x, past, kernel, None, y, present)


def _cast(value: Any, dtype: np.dtype[Any], name: str, shape: tuple[int | None, ...], axes: str) -> Array:
    """`value` in that dtype, contiguous. Raises ShapeError for another shape; None stands for any number."""
    ready = type(value) is np.ndarray and value.dtype == dtype and value.flags.num & arrays.READY == arrays.READY
    found = value if ready else arrays.cast(value, dtype, name)
    if found.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, found.shape, strict=True)):
        told = ", ".join("any" if n is None else str(n) for n in shape)
        raise ShapeError(f"{name}: got shape {found.shape}, expected {axes}: ({told})")
    return found


@forgetful
@lru_cache(maxsize=64)
def _library(channels: int, taps: int, dtype: str, activation: str, biased: bool) -> CausalLibrary:
    """The compiled function for these shapes."""
    spec = DepthwiseConv1DSpec(
        name="causal",
        kernel_size=taps,
        padding="causal",
        use_bias=biased,
        activation=activations.get(activation),
        dtype=dtype,
        data_format="channels_first",
        input_shape=(channels, None),
    )
    from codegen.machine import causal_library

    return causal_library.load(causal.of_spec(spec, Ask(target_named("native"))))

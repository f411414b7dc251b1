"""Random layers of int8 with their weights: every kind, layout, rounding and padding, scales that spread the codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from codegen.language import reader
from codegen.specs.kinds import Spec

__all__ = ["drawn", "text", "weights"]


def drawn(rng: np.random.Generator, name: str) -> tuple[Spec, dict[str, Any]]:
    """(the layer, its arrays by parameter). Raises GenConvError for one that is not legal."""
    (spec,) = reader.read(text(rng, name))
    return spec, weights(spec, rng)


def weights(spec: Spec, rng: np.random.Generator) -> dict[str, Any]:
    """Arrays by parameter."""
    arrays = {}
    for each, shape in spec.weight_shapes().items():
        dtype = spec.weight_dtype(each)
        made = rng.uniform(0.001, 0.01, shape) if dtype == "float32" else rng.integers(-127, 128, shape)
        arrays[each] = made.astype(dtype)
    return arrays


def text(rng: np.random.Generator, name: str) -> str:
    """The layer as a .conv file has it."""

    def of(*options: Any) -> Any:
        return options[int(rng.integers(len(options)))]

    kind = of("conv1d", "conv1d", "conv1d", "depthwise_conv1d", "separable_conv1d", "conv1d_transpose")
    return f"{kind} {name} {{ {', '.join([*_shape(of, kind), *_grid(of, kind)])} }}"


def _shape(of: Callable[..., Any], kind: str) -> list[str]:
    channels, steps = of(1, 2, 3, 5, 8, 12, 17, 33), of("None", 9, 16, 31, 52)
    strides = of(1, 1, 2, 3)
    words = [f"kernel_size = {of(1, 2, 3, 4, 5, 9)}", f"strides = {strides}"]
    words.append(f"padding = {of('valid', 'same', '(2, 0)' if kind == 'conv1d_transpose' else 'causal')}")
    if of(True, False, False):
        words += [f"input_shape = ({channels}, {steps})", "data_format = channels_first"]
    else:
        words.append(f"input_shape = ({steps}, {channels})")
    if kind != "depthwise_conv1d":
        words.append(f"filters = {of(1, 3, 4, 8, 9, 16, 21)}")
    if strides == 1:
        words.append(f"dilation_rate = {of(1, 1, 2, 3)}")
    return words


def _grid(of: Callable[..., Any], kind: str) -> list[str]:
    words = ["dtype = int8", f"rounding = {of('double', 'single', 'fp32')}"]
    words += [f"input_scale = {of(0.02, 0.1, 0.5)}", f"input_zero_point = {of(-128, -7, 0, 64, 127)}"]
    words += [f"output_scale = {of(0.05, 0.3, 1.5)}", f"output_zero_point = {of(-60, -5, 0, 33)}"]
    words += of([], ["activation = relu"], ["activation = tanh", "sum_scale = 0.03", "sum_zero_point = -7"])
    if kind == "separable_conv1d":
        words += ["depthwise_scale = 0.4", "depthwise_zero_point = 5"]
    return words

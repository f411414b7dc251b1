"""A case in whole numbers: the layer of int8, its random codes and weights, and the definition's outputs."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.bench.case import ALIGNED, Array, Case
from codegen.numbers.rescaling import rescaled
from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.problem.conv_problem import ConvProblem
    from codegen.specs.kinds import Spec

INPUT_SCALE, INPUT_ZERO, OUTPUT_SCALE, OUTPUT_ZERO = 0.05, -3, 0.1, 4
SPREAD = 40 / (73 * 73)  # of output codes, by what random codes and weights are about


@dataclass(frozen=True)
class Whole:
    """`case` with codes for numbers; `rounding` is XNNPACK's, once and ties to even."""

    case: Case

    @cached_property
    def spec(self) -> Spec:
        grids: dict[str, Any] = {"input_scale": INPUT_SCALE, "output_scale": OUTPUT_SCALE}
        grids |= {"input_zero_point": INPUT_ZERO, "output_zero_point": OUTPUT_ZERO}
        return replace(self.case.spec, dtype="int8", rounding="fp32", use_bias=True, **grids)

    @property
    def problem(self) -> ConvProblem:
        return self.case.problem

    @cached_property
    def x(self) -> Array:
        return aligned(self._codes(0, self.case.in_shape, -128))

    @cached_property
    def kernel(self) -> Array:
        """(kernel_size, channels/groups, filters)."""
        return self._codes(1, self.problem.kernel_shape, -127)

    @cached_property
    def scales(self) -> Array:
        """(filters,) float32, by which the outputs spread over their codes."""
        some = np.exp(self._random(2).normal(0, 0.5, self.problem.filters))
        scales = some * SPREAD * OUTPUT_SCALE / (INPUT_SCALE * math.sqrt(self.problem.terms))
        return np.asarray(scales, np.float32)

    @cached_property
    def bias(self) -> Array:
        return self._random(3).integers(-2000, 2000, self.problem.filters).astype(np.int32)

    @cached_property
    def weights(self) -> list[Array]:
        """As the layer takes them."""
        shapes, given = self.spec.weight_shapes(), {"kernel": self.kernel, "bias": self.bias}
        return [given.get(name, self.scales).reshape(shape) for name, shape in shapes.items()]

    @cached_property
    def exact(self) -> Array:
        """The definition's output codes, (batch, steps, filters)."""
        factor = np.asarray(np.float32(INPUT_SCALE) * self.scales, np.float32) / np.float32(OUTPUT_SCALE)
        codes = rescaled(self._sums(), "fp32", factor) + OUTPUT_ZERO
        return np.asarray(np.clip(codes, -128, 127), np.int8)

    def rows(self, dtype: str = "int8") -> Array:
        """The codes as (batch, steps, channels); of uint8 128 more."""
        return _as(self.x if self.problem.channels_last else self.x.swapaxes(1, 2), dtype)

    def columns(self, dtype: str = "int8") -> Array:
        """The same as (batch, channels, steps)."""
        return _as(self.x.swapaxes(1, 2) if self.problem.channels_last else self.x, dtype)

    def off(self, y: Array, *, channels_last: bool) -> int:
        """The most that a code of y, int8 or uint8, is off by."""
        found = (y if channels_last else y.swapaxes(1, 2)).astype(np.int64) - (128 if y.dtype == np.uint8 else 0)
        return int(np.abs(found - self.exact).max())

    def _sums(self) -> Array:
        """int64, tap by tap; float64 holds each to the bit."""
        p, case = self.problem, self.case
        left, right = p.pads(case.steps)
        x = np.pad(self.rows().astype(np.float64) - INPUT_ZERO, ((0, 0), (left, right), (0, 0)))
        sums = np.zeros((case.batch, case.outs, p.filters)) + self.bias
        for tap, weights in enumerate(self.kernel.astype(np.float64)):
            read = x[:, tap * p.dilation :][:, : (case.outs - 1) * p.stride + 1 : p.stride]
            for group in range(p.groups if p.group_channels > 1 else 1):
                if p.group_channels == 1 < p.groups:
                    sums += np.repeat(read, p.group_filters, axis=2) * weights[0]
                    continue
                lanes = slice(group * p.group_channels, (group + 1) * p.group_channels)
                made = slice(group * p.group_filters, (group + 1) * p.group_filters)
                sums[..., made] += read[..., lanes] @ weights[:, made]
        return sums.astype(np.int64)

    def _codes(self, stream: int, shape: tuple[int, ...], least: int) -> Array:
        return self._random(stream).integers(least, 128, shape).astype(np.int8)

    def _random(self, stream: int) -> np.random.Generator:
        return np.random.default_rng((2024, stream))


def aligned(array: Array) -> Array:
    """A C-contiguous copy that starts at a cache line."""
    memory = np.empty(array.nbytes + ALIGNED, np.uint8)
    start = -memory.ctypes.data % ALIGNED
    copy: Array = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def _as(codes: Array, dtype: str) -> Array:
    return aligned((codes.astype(np.int16) + 128).astype(np.uint8) if dtype == "uint8" else codes)

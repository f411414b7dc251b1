"""To add a layer kind: one class with lower(). A toy one, registered for a while, goes all the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import codegen
from codegen.errors import SpecErrors
from codegen.language import reader
from codegen.problem.conv_problem import ConvProblem
from codegen.specs import kinds
from codegen.specs.base import KERNEL_CONSTRAINT, KERNEL_INITIALIZER, KERNEL_REGULARIZER, Spec
from codegen.specs.parameters import parameter, whole
from tests.support import carried

pytestmark = pytest.mark.compiles


@dataclass(frozen=True, kw_only=True)
class BackwardsConv1DSpec(Spec):
    """A convolution as in mathematics: the kernel runs backwards, over all steps that any tap of it touches."""

    kind: ClassVar[str] = "backwards_conv1d"
    keras: ClassVar[str] = "BackwardsConv1D"
    kernel_told: ClassVar[str] = "Keras' with its taps in reverse"

    filters: int = parameter(whole(1), "Output channels.")
    kernel_initializer: Any = parameter(KERNEL_INITIALIZER, "What a new kernel is.", "glorot_uniform")
    kernel_regularizer: Any = parameter(KERNEL_REGULARIZER, "The kernel's penalty in training.", None)
    kernel_constraint: Any = parameter(KERNEL_CONSTRAINT, "What holds the kernel after an update.", None)

    def _counts(self) -> tuple[int, int]:
        return self.filters, 1

    def _kernel_shape(self) -> tuple[int, ...]:
        return self.kernel_size, self._known_channels(), self.filters

    def lower(self) -> ConvProblem:
        problem = super().lower()
        more = problem.reach - 1
        return replace(problem, pad_left=problem.pad_left + more, pad_right=problem.pad_right + more)

    def problem_weights(self, weights: Mapping[str, Any]) -> tuple[Any, Any]:
        kernel, bias = super().problem_weights(weights)
        return np.ascontiguousarray(kernel[::-1]), bias


TEXT = "backwards_conv1d toy { input_shape = (23, 5), filters = 6, kernel_size = 3 }"


@pytest.mark.parametrize("target", ["scalar", "native"])
def test_goes_all_the_way(target: str, tmp_path: Path) -> None:
    with kinds.registered(BackwardsConv1DSpec):
        source = carried.through(TEXT, tmp_path, target)
        assert "Keras' with its taps in reverse" in source.code.replace("\n * ", " ")


def test_is_what_it_says() -> None:
    with kinds.registered(BackwardsConv1DSpec):
        (layer,) = codegen.load(TEXT).values()
        assert type(layer).__name__ == "BackwardsConv1D"
        kernel, bias = np.random.default_rng(1).integers(-4, 5, (2, 3, 5, 6)).astype("float32")
        layer.set_weights([kernel, bias[0, 0]])
        x = np.random.default_rng(2).integers(-8, 9, (1, 23, 5)).astype("float32")
        for f in range(6):
            sums = sum(np.convolve(x[0, :, c], kernel[:, c, f], "full") for c in range(5))
            assert np.array_equal(layer(x)[0, :, f], sums + bias[0, 0, f])


def test_goes_the_way_back() -> None:
    with kinds.registered(BackwardsConv1DSpec):
        (layer,) = codegen.load(TEXT).values()
        (plain,) = codegen.load(TEXT.replace("backwards_", "").replace("}", ", padding = (2, 2) }")).values()
        kernel, bias = layer.get_weights()
        plain.set_weights([kernel[::-1], bias])
        x, dy = (
            np.random.default_rng(3).integers(-8, 9, shape).astype("float32") for shape in ((2, 23, 5), (2, 25, 6))
        )
        found, expected = layer.gradients(x, dy), plain.gradients(x, dy)
        assert np.array_equal(found.x, expected.x)
        assert np.array_equal(found.weights["kernel"], expected.weights["kernel"][::-1])


def test_is_in_streams_and_models() -> None:
    with kinds.registered(BackwardsConv1DSpec):
        carried.onward(TEXT.replace("23", "None"))


def test_is_gone_afterwards() -> None:
    with kinds.registered(BackwardsConv1DSpec):
        assert reader.read(TEXT)[0].kind == "backwards_conv1d"
    with pytest.raises(SpecErrors, match="backwards_conv1d"):
        reader.read(TEXT)

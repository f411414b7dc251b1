"""To add a layer kind of several stages: one class whose lower() is a chain. A toy one of three goes all the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import codegen
from codegen.functions import activations
from codegen.problem.chain import Chain
from codegen.problem.epilogue import Epilogue
from codegen.problem.stages import ending
from codegen.problem.state import State
from codegen.specs import kinds
from codegen.specs.base import KERNEL_CONSTRAINT, KERNEL_INITIALIZER, KERNEL_REGULARIZER, Spec
from codegen.specs.parameters import parameter, whole
from tests.support import carried

pytestmark = pytest.mark.compiles


@dataclass(frozen=True, kw_only=True)
class InvertedConv1DSpec(Spec):
    """A bottleneck turned inside out: more channels, relu, each filtered by itself, then so many as filters."""

    kind: ClassVar[str] = "inverted_conv1d"
    keras: ClassVar[str] = "InvertedConv1D"

    filters: int = parameter(whole(1), "Output channels.")
    expansion: int = parameter(whole(1), "Channels between, for each of the input.", 4)
    depthwise_initializer: Any = parameter(KERNEL_INITIALIZER, "What a new kernel is.", "glorot_uniform")
    depthwise_regularizer: Any = parameter(KERNEL_REGULARIZER, "The kernels' penalty in training.", None)
    depthwise_constraint: Any = parameter(KERNEL_CONSTRAINT, "What holds the kernels after an update.", None)

    def _counts(self) -> tuple[int, int]:
        return self.filters, 1

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        stages = zip(self.lower().kernel_names, self.lower().stages, strict=True)
        shapes = {name: stage.kernel_shape for name, stage in stages}
        return shapes | {"bias": (self.filters,)} if self.use_bias else shapes

    def problem_weights(self, weights: Mapping[str, Any]) -> tuple[Any, Any]:
        kernels = [weights[name].ravel() for name in self.lower().kernel_names]
        return np.concatenate(kernels), weights["bias"] if self.use_bias else None

    def lower(self) -> Chain:
        whole, between = self.convolution(), self._known_channels() * self.expansion
        plain = replace(whole.inside(None), kernel_size=1, stride=1, dilation=1)
        curved = ending(False, activations.get("relu"))
        return Chain.of(
            {
                "expand": replace(plain, steps=whole.steps, filters=between, epilogue=curved),
                "depthwise": replace(whole, channels=between, filters=between, groups=between, epilogue=Epilogue()),
                "project": replace(plain, channels=between),
            }
        )


TEXT = "inverted_conv1d toy { input_shape = (23, 5), filters = 6, kernel_size = 3, padding = causal, strides = 2 }"
STAGES = """
    conv1d expand { input_shape = (23, 5), filters = 20, kernel_size = 1, use_bias = False, activation = relu }
    depthwise_conv1d middle { input_shape = (23, 20), kernel_size = 3, padding = causal, strides = 2, use_bias = False }
    conv1d project { input_shape = (12, 20), filters = 6, kernel_size = 1 }
"""


STAGE_NAMES = ("project", "depthwise", "expand")  # the last first


@pytest.mark.parametrize("target", ["scalar", "native"])
def test_goes_all_the_way(target: str, tmp_path: Path) -> None:
    with kinds.registered(InvertedConv1DSpec):
        source = carried.through(TEXT, tmp_path, target)
    words = source.code.replace("\n * ", " ")
    assert "depthwise[t, f] = sum over k of depthwise_kernel[k, 0, f] * expand[2*t + k - 2, " in words
    assert f"{23 * 5 * 20 + 12 * 3 * 20 + 12 * 20 * 6:,} multiply-adds a call" in words


def test_is_what_its_stages_are_there_and_back() -> None:
    """The outputs and all gradients of the three layers that it is made of, in whole numbers."""
    with kinds.registered(InvertedConv1DSpec):
        (layer,) = codegen.load(TEXT).values()
        first, middle, last = codegen.load(STAGES).values()
        rng = np.random.default_rng(1)
        kernels = [rng.integers(-3, 4, shape).astype("float32") for shape in ((1, 5, 20), (3, 1, 20), (1, 20, 6))]
        bias = rng.integers(-4, 5, 6).astype("float32")
        layer.set_weights([*kernels, bias])
        first.set_weights(kernels[:1])
        middle.set_weights([kernels[1].reshape(3, 20, 1)])
        last.set_weights([kernels[2], bias])
        x, dy = (rng.integers(-4, 5, shape).astype("float32") for shape in ((2, 23, 5), (2, 12, 6)))
        dbias = dy.sum(axis=(0, 1))
        between = [x, first(x), middle(first(x))]
        assert np.array_equal(layer(x), last(between[2]))
        found = layer.gradients(x, dy)
        for stage, read, name in (
            (last, between[2], "project"),
            (middle, between[1], "depthwise"),
            (first, x, "expand"),
        ):
            expected = stage.gradients(read, dy)
            assert np.array_equal(found.weights[f"{name}_kernel"].ravel(), expected.weights["kernel"].ravel())
            dy = expected.x
        assert np.array_equal(found.x, dy)
        assert np.array_equal(found.weights["bias"], dbias)


def test_streams() -> None:
    with kinds.registered(InvertedConv1DSpec):
        state = State(codegen.load(TEXT)["toy"].spec.lower())
    assert (state.history, state.latency, state.numbers) == ((0, 2, 0), 0, 40)

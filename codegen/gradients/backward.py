"""A layer's gradients: what `layer.gradients` answers, from a spec, its weights and the arrays of one batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.errors import ShapeError
from codegen.functions.activations import LINEAR
from codegen.gradients.libraries import Backward
from codegen.installed import forgetful
from codegen.numbers import arrays
from codegen.planning.plan import Accuracy
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import Target, target_named
from codegen.specs.kinds import Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Gradients", "backward"]


@dataclass(frozen=True, eq=False)
class Gradients:
    """The loss' gradients: `x` of the input's shape, `weights` by the layer's own names (kernel, bias) and shapes.

    Each of `weights` is an attribute, too: `gradients.kernel`.
    """

    x: Array
    weights: Mapping[str, Array] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Array:
        found = self.__dict__.get("weights", {})
        if name not in found:
            raise AttributeError(f"no gradient `{name}`; there are x, {', '.join(found)}")
        array: Array = found[name]
        return array


def backward(
    spec: Spec,
    weights: Mapping[str, Array],
    x: Array,
    dy: Any,
    z: Any = None,
    *,
    target: str = "native",
    accuracy: Accuracy = "fast",
    problem: ConvProblem | None = None,
) -> Gradients:
    """The gradients of a loss whose gradient with respect to the layer's output is `dy`, for the input `x`.

    x contiguous and of the spec's dtype, batch first; dy and z of the output's shape. `z` is the layer's output before
    the activation, computed here where it is not given and is needed. Sums run over the batch. `problem` is
    `spec.lower()`, where it is known. Raises ShapeError.
    """
    found = way(problem or spec.lower(), x.shape[1 if spec.channels_last else 2], target_named(target), accuracy)
    plain = (
        type(spec).problem_weights is Spec.problem_weights
    )  # the problem's kernel is the layer's: spec.lower() is slow
    kernel = weights["kernel"].reshape(found.problem.kernel_shape) if plain else spec.problem_weights(weights)[0]
    bias = weights.get("bias")
    dy = _like_output(found.problem, x, dy, "dy")
    if found.problem.activation != LINEAR:
        linear = replace(found.problem, epilogue=found.problem.epilogue.start)
        z = found.before_activation(x, kernel, bias) if z is None else _like_output(linear, x, z, "z")
    dz, dbias = found.last.output_gradient(dy, z)
    dx, dkernel = found.through(x, kernel, dz)
    named = {"kernel": dkernel.reshape(weights["kernel"].shape)} if plain else _named(spec, weights, dkernel)
    return Gradients(dx, named if dbias is None else named | {"bias": dbias})


@dataclass(frozen=True)
class Way:
    """The way back through a problem of known length, in one stage or two: the last comes first."""

    problem: ConvProblem
    last: Backward
    first: Backward | None = None  # of the stage before

    def before_activation(self, x: Array, kernel: Array, bias: Array | None) -> Array:
        """The output before the activation."""
        if self.first is None:
            return self.last.forward(x, kernel, bias)
        each, across = self.problem.stage_kernels(kernel)
        return self.last.forward(self.first.forward(x, each), across, bias)

    def through(self, x: Array, kernel: Array, dz: Array) -> tuple[Array, Array]:
        """(dx, dkernel), the latter flat."""
        if self.first is None:
            return self.last.input_gradient(kernel, dz), self.last.kernel_gradient(x, dz).ravel()
        each, across = self.problem.stage_kernels(kernel)
        between = self.first.forward(x, each)
        dbetween = self.last.input_gradient(across, dz)
        dacross = self.last.kernel_gradient(between, dz)
        deach = self.first.kernel_gradient(x, dbetween)
        return self.first.input_gradient(each, dbetween), np.concatenate([deach.ravel(), dacross.ravel()])


@forgetful
@lru_cache(maxsize=256)
def way(problem: ConvProblem, steps: int, target: Target, accuracy: Accuracy) -> Way:
    """The way back through `problem` for that many steps."""
    problem = at_length(problem, steps)
    if not problem.depth_multiplier:
        return Way(problem, Backward(problem, target, accuracy))
    first, last = (Backward(stage, target, accuracy) for stage in problem.stages())
    return Way(problem, last, first)


def _named(spec: Spec, weights: Mapping[str, Array], dkernel: Array) -> dict[str, Array]:
    """The gradient of the problem's kernel as those of the layer's own: `spec.problem_weights` undone."""
    shapes = {name: array.shape for name, array in weights.items() if name != "bias"}
    numbers = np.arange(dkernel.size)  # of the layer's weights, one after the other
    places, _ = spec.problem_weights(_split(numbers, shapes) | {"bias": numbers[:0]})
    found = np.empty_like(dkernel)
    found[places.ravel()] = dkernel
    return _split(found, shapes)


def _split(flat: Array, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """A flat array as arrays of these shapes, one after the other."""
    sizes = [math.prod(shape) for shape in shapes.values()]
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    return {name: part.reshape(shapes[name]) for name, part in zip(shapes, parts, strict=True)}


def at_length(problem: ConvProblem, steps: int) -> ConvProblem:
    """The same problem for a known number of steps."""
    left, right = problem.pads(steps)
    return replace(problem, steps=steps, pad_left=left, pad_right=right, centred=False)


def _like_output(problem: ConvProblem, x: Array, given: Any, name: str) -> Array:
    """`given` as a contiguous array of the output's shape and dtype. Raises ShapeError."""
    array = arrays.cast(given, problem.dtype, name)
    assert problem.steps is not None
    wanted = problem.out_shape(len(x), problem.steps)
    if array.shape != wanted:
        raise ShapeError(f"`{name}`: got shape {array.shape}, expected that of the output, {wanted}")
    return array

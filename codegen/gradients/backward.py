"""A layer's gradients: what `layer.gradients` answers, from a spec, its weights and the arrays of one batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import pipeline
from codegen.activations import LINEAR
from codegen.errors import ShapeError
from codegen.gradients import libraries
from codegen.plan import Accuracy
from codegen.problem import ConvProblem
from codegen.specs import Spec
from codegen.targets import target_named

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
) -> Gradients:
    """The gradients of a loss whose gradient with respect to the layer's output is `dy`, for the input `x`.

    x contiguous and of the spec's dtype, batch first; dy and z of the output's shape. `z` is the layer's output before
    the activation, computed here where it is not given and is needed. Sums run over the batch. Raises ShapeError.
    """
    problem = at_length(spec.lower(), x.shape[1 if spec.channels_last else 2])
    dy = _like_output(problem, x, dy, "dy")
    if problem.activation != LINEAR:
        z = _before_activation(spec, weights, x, target, accuracy) if z is None else _like_output(problem, x, z, "z")
    kernel, _ = spec.problem_weights(weights)
    named = target_named(target)
    dz, dbias = libraries.output_gradient(problem, named, dy, z)
    dx = libraries.input_gradient(problem, named, accuracy, kernel, dz)
    dkernel = libraries.kernel_gradient(problem, named, x, dz)
    shapes = spec.weight_shapes()
    found = {"kernel": dkernel.reshape(shapes["kernel"])}
    return Gradients(dx, found if dbias is None else found | {"bias": dbias})


def at_length(problem: ConvProblem, steps: int) -> ConvProblem:
    """The same problem for a known number of steps."""
    left, right = problem.pads(steps)
    return replace(problem, steps=steps, pad_left=left, pad_right=right, centred=False)


def _like_output(problem: ConvProblem, x: Array, given: Any, name: str) -> Array:
    """`given` as a contiguous array of the output's shape and dtype. Raises ShapeError."""
    array = np.ascontiguousarray(given, problem.dtype)
    assert problem.steps is not None
    wanted = problem.out_shape(len(x), problem.steps)
    if array.shape != wanted:
        raise ShapeError(f"`{name}`: got shape {array.shape}, expected that of the output, {wanted}")
    return array


def _before_activation(spec: Spec, weights: Mapping[str, Array], x: Array, target: str, accuracy: Accuracy) -> Array:
    """The layer's output before its activation."""
    kernel, bias = spec.problem_weights(weights)
    compiled = pipeline.kernel_for(replace(spec, activation=LINEAR), target, accuracy=accuracy)
    z = np.empty(spec.lower().out_shape(len(x), x.shape[1 if spec.channels_last else 2]), spec.dtype)
    compiled.run(x, z, compiled.pack(kernel), bias)
    return z

"""A layer's gradients: what `layer.gradients` answers, from a spec, its weights and the arrays of one batch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.errors import ShapeError, UsageError
from codegen.gradients import reference
from codegen.gradients.libraries import Backward
from codegen.installed import forgetful
from codegen.numbers import arrays
from codegen.planning.ask import Ask
from codegen.problem.epilogue import Operand
from codegen.problem.problem import ConvProblem, Problem
from codegen.problem.reference import parted
from codegen.problem.targets import target_named
from codegen.records import dataclass
from codegen.specs.kinds import Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Gradients", "backward", "forward"]

MOST_LATELY = 256


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
    ask: Ask | None = None,
) -> Gradients:
    """The gradients of a loss whose gradient with respect to the layer's output is `dy`, for the input `x`.

    x contiguous and of the spec's dtype, batch first; dy and z of the output's shape. `z` is the layer's output before
    the activation, computed here where it is not given and is needed. Sums run over the batch. Without
    `ask` the fast kernels for this CPU are taken. Raises ShapeError.
    """
    if spec.problem.format.whole:
        raise UsageError(
            f"`{spec.name}`: a layer of {spec.dtype} has no gradients: train it in float32, then quantise it"
        )
    ask = ask or Ask(target_named("native"), "packed", "fast")
    found = LATELY.way(spec.problem, x.shape[1 if spec.channels_last else 2], ask)
    plain, kernel = _kernel(spec, weights, found)
    dy = _like_output(found.problem, x, dy, "dy")
    if not found.problem.epilogue.linear:
        linear = found.problem.with_epilogue(found.problem.epilogue.start)
        z = None if z is None else _like_output(linear, x, z, "z")
    operands = {name: weights.get(name) for name in found.operands}
    dx, dkernel, gradients = found.back(x, kernel, tuple(operands.values()), dy, z)
    named = {"kernel": dkernel.reshape(weights["kernel"].shape)} if plain else _named(spec, weights, dkernel)
    return Gradients(dx, named | dict(zip(operands, gradients, strict=True)))


def forward(spec: Spec, weights: Mapping[str, Array], x: Array, ask: Ask) -> Array:
    """The output of a layer that ends with its sums, by the plan that takes least where each call packs its weights.

    x contiguous and of the spec's dtype, batch first.
    """
    found = LATELY.way(spec.problem, x.shape[1 if spec.channels_last else 2], ask)
    return found.sums(x, _kernel(spec, weights, found)[1], tuple(map(weights.get, found.operands)))


def _kernel(spec: Spec, weights: Mapping[str, Array], found: Way) -> tuple[bool, Array]:
    """Whether the problem's kernel is the layer's, and the former."""
    plain = type(spec).problem_weights is Spec.problem_weights
    return plain, weights["kernel"].reshape(found.problem.kernel_shape) if plain else spec.problem_weights(weights)[0]


@dataclass(frozen=True)
class Way:
    """The way back through a problem of known length, whose stages have a `Backward` each."""

    problem: Problem
    stages: tuple[Backward, ...]

    @property
    def operands(self) -> tuple[str, ...]:
        """The names of what the stages' epilogues read, as they name them first."""
        return tuple(dict.fromkeys(one.name for p in self.problem.stages for one in p.epilogue.operands))

    def back(
        self, x: Array, kernel: Array, operands: Sequence[Array | None], dy: Array, z: Array | None
    ) -> tuple[Array, Array, tuple[Array, ...]]:
        """(dx, dkernel flat, the gradients of `operands`), of what the epilogues read as `operands` names it.

        `z` are the last stage's sums, where they are known.
        """
        weights = self.problem.stage_weights(kernel, *operands)
        reads, before = self._read(x, kernel, operands)
        p, taps, given = weights[-1]
        if z is None and not p.epilogue.linear:
            z = self.stages[-1].forward(reads[-1], taps, *_begun(p, given))
        before.append(z)
        dkernels: list[Array] = []
        found: dict[str, list[tuple[Operand, Array]]] = {name: [] for name in self.operands}
        back = zip(*map(reversed, (self.stages, weights, reads, before)), strict=True)
        for stage, (p, taps, given), read, sums in back:
            dz, gradients = stage.output_gradient(dy, None if p.epilogue.linear else sums, *given)
            dkernels.insert(0, stage.kernel_gradient(read, dz).ravel())
            for one, gradient in zip(p.epilogue.operands, gradients, strict=True):
                found[one.name].insert(0, (one, gradient))
            dy = stage.input_gradient(taps, dz)
        return dy, np.concatenate(dkernels), tuple(map(_joined, found.values()))

    def sums(self, x: Array, kernel: Array, operands: Sequence[Array | None]) -> Array:
        """The last stage's sums, forward, of the same arrays."""
        p, taps, given = self.problem.stage_weights(kernel, *operands)[-1]
        return self.stages[-1].forward(self._read(x, kernel, operands)[0][-1], taps, *_begun(p, given))

    def _read(
        self, x: Array, kernel: Array, operands: Sequence[Array | None]
    ) -> tuple[list[Array], list[Array | None]]:
        """What each stage reads, and the sums of all but the last."""
        reads: list[Array] = [x]
        before: list[Array | None] = []
        weights = self.problem.stage_weights(kernel, *operands)
        for stage, (p, taps, given) in zip(self.stages[:-1], weights[:-1], strict=True):
            sums = stage.forward(reads[-1], taps, *_begun(p, given))
            before.append(sums)
            reads.append(_finished(p, sums, given))
        return reads, before


def _begun(problem: ConvProblem, operands: Sequence[Array | None]) -> Sequence[Array | None]:
    """Those of `operands` that the sums begin with."""
    return operands[: len(problem.epilogue.start.operands)]


def _finished(problem: ConvProblem, sums: Array, operands: Sequence[Array | None]) -> Array:
    """What a stage hands to the next one of its sums, in the problem's dtype."""
    if problem.epilogue.linear:
        return sums
    _, later = parted(problem, operands, "float64")
    y = reference.rows(problem, sums).astype("float64")
    for stage, given in later:
        y = stage.reference(y, given, problem.format)
    return np.ascontiguousarray(reference.rows(problem, y), problem.dtype)


def _joined(shares: Sequence[tuple[Operand, Array]]) -> Array:
    """The gradient of what several stages read: of each its filters, or what all read alike."""
    arrays = [array for _, array in shares]
    if len(arrays) == 1:
        return arrays[0]
    return np.concatenate(arrays) if shares[0][0].lies == "filter" else np.sum(arrays, axis=0)


@forgetful
@lru_cache(maxsize=256)
def way(problem: Problem, steps: int, ask: Ask) -> Way:
    """The way back through `problem` for that many steps."""
    problem = problem.at_length(steps)
    return Way(problem, tuple(Backward(stage, ask) for stage in problem.stages))


class Lately:
    """The ways of those problems that were last asked for, found without a look at all that is in them."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, int], tuple[Problem, Ask, Way]] = {}

    def way(self, problem: Problem, steps: int, ask: Ask) -> Way:
        """As the function `way`."""
        key = id(problem), steps, id(ask)
        known = self._known.get(key)  # what it holds keeps its place, so that no other has it
        if known is None:
            if len(self._known) >= MOST_LATELY:
                self._known.clear()
            known = self._known[key] = problem, ask, way(problem, steps, ask)
        return known[2]

    def cache_clear(self) -> None:
        """Forget all of them."""
        self._known.clear()


LATELY = forgetful(Lately())


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


def _like_output(problem: Problem, x: Array, given: Any, name: str) -> Array:
    """`given` as a contiguous array of the output's shape and dtype. Raises ShapeError."""
    array = arrays.cast(given, problem.dtype, name)
    wanted = problem.out_shape(len(x), problem.known_steps)
    if array.shape != wanted:
        raise ShapeError(f"`{name}`: got shape {array.shape}, expected that of the output, {wanted}")
    return array

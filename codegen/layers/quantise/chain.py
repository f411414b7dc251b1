"""Calibration: samples go through layers of floats; what is seen there makes those of int8, which are compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.errors import UsageError
from codegen.errors.counting import counted
from codegen.layers import codes
from codegen.layers.quantise import ranges, weights
from codegen.layers.quantise.ranges import Range
from codegen.problem import reference, sums
from codegen.problem.problem import Problem
from codegen.problem.requantise import Grid, needs_table
from codegen.problem.stages import ending
from codegen.records import dataclass
from codegen.specs.kinds import Spec
from codegen.specs.parameters import parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Arrays = Mapping[str, Array]

__all__ = ["Quantised", "quantised"]

FORGOTTEN = ("initializer", "regularizer", "constraint")  # of training alone
INF = float("inf")


@dataclass(frozen=True)
class Quantised:
    """A layer of int8, `spec`, with its `arrays`; `feeds` is the layer whose output it reads, or "".

    `alone` is the ratio in dB of its output to the error that it makes of an input without one, `chained` of the
    error with that of all layers before it.
    """

    spec: Spec
    arrays: Arrays
    feeds: str
    alone: float
    chained: float


@dataclass(frozen=True)
class Seen:
    """What a layer gave: of floats, of int8, and the codes' grid."""

    spec: Spec
    floats: Array
    codes: Array
    grid: Grid


def quantised(
    layers: Iterable[tuple[Spec, Arrays]],
    inputs: Mapping[str, Array],
    held: Range = ranges.MINMAX,
    rounding: str | None = None,
) -> Iterator[Quantised]:
    """Each layer as one of int8, in order; `inputs` are those of the layers that no earlier one feeds.

    An input is (samples, steps, channels), in the layer's data format. A layer without one reads the output of the
    layer before it, where that fits. Raises UsageError where it does not, SpecError for an activation that int8 has
    not, WeightsError for weights that cannot be int8.
    """
    before: Seen | None = None
    for spec, arrays in layers:
        feeds = "" if spec.name in inputs else _fitting(spec, before)
        x = before.floats if feeds and before else inputs[spec.name]
        of = before.grid if feeds and before else held.grid(x)
        found, exact = _layer(spec, arrays, x, of, held, rounding)
        made = _whole(spec, arrays, found)
        alone = _run(found, made, codes.quantized(found, x))
        chained = _run(found, made, before.codes) if feeds and before else alone
        grid = Grid(float(found.output_scale or 0), int(found.output_zero_point or 0))
        before = Seen(spec, exact, chained, grid)
        yield Quantised(found, made, feeds, *(_decibels(exact, one, grid) for one in (alone, chained)))


def _fitting(spec: Spec, before: Seen | None) -> str:
    """The name of the layer before, whose output this one reads. Raises UsageError where its shape is another."""
    way = f"give the samples of `{spec.name}/input` in an .npz"
    if before is None:
        raise UsageError(f"`{spec.name}`: nothing is known of its input; {way}")
    steps, channels = before.floats.shape[1:] if spec.channels_last else before.floats.shape[:0:-1]
    wanted = spec.problem.steps, spec.problem.channels
    if before.spec.channels_last != spec.channels_last or wanted not in ((steps, channels), (None, channels)):
        told = f"`{before.spec.name}` before it gives {counted(steps, 'step')} of {counted(channels, 'channel')}"
        reads = counted(wanted[0], "step") if wanted[0] else "any steps"
        raise UsageError(f"`{spec.name}` reads {reads} of {counted(wanted[1], 'channel')}, {told}; {way}")
    return before.spec.name


def _layer(spec: Spec, arrays: Arrays, x: Array, of: Grid, held: Range, rounding: str | None) -> tuple[Spec, Array]:
    """The definition in int8, and the output of floats. Of the sums only those that a table is looked up by count."""
    made = list(_sums(spec, arrays, x))
    kernel, bias = spec.problem_weights(arrays)
    exact = reference.convolve(spec.problem, x, kernel, bias)
    output = ranges.FIXED.get(getattr(spec.activation, "name", "")) or held.grid(exact)
    fields: dict[str, Any] = {name: None for name in parameters(type(spec)) if name.endswith(FORGOTTEN)}
    fields = {name: parameters(type(spec))[name].default for name in fields}
    fields |= _said("input", of) | _said("output", output)
    if len(made) > 1:
        fields |= _said("depthwise", held.grid(made[0]))
    if needs_table(spec.activation):
        fields |= _said("sum", held.grid(made[-1]))
    return replace(spec, dtype="int8", rounding=rounding, **fields), exact


def _said(of: str, grid: Grid) -> dict[str, Any]:
    return {f"{of}_scale": grid.scale, f"{of}_zero_point": grid.zero_point}


def _sums(spec: Spec, arrays: Arrays, x: Array) -> Iterator[Array]:
    """What each stage makes before its activation, in the input's layout."""
    kernel, bias = spec.problem_weights(arrays)
    for stage, taps, given in spec.problem.stage_weights(kernel, bias):
        bare: Problem = replace(stage, epilogue=ending(stage.bias))
        x = reference.convolve(bare, x, taps, *given)
        yield x


def _whole(spec: Spec, arrays: Arrays, found: Spec) -> dict[str, Array]:
    read = [found.input_scale, *([found.depthwise_scale] if hasattr(found, "depthwise_scale") else [])]
    made = weights.codes(spec, arrays, [float(np.float32(one or 0)) for one in read])
    sums.hold(found.problem, found.problem_arrays(made), spec.name)
    return made


def _run(spec: Spec, arrays: Arrays, x: Array) -> Array:
    """The codes that the layer of int8 gives, by its definition."""
    kernel, *operands = spec.problem_arrays(arrays)
    assert kernel is not None
    return reference.convolve(spec.problem, x, kernel, *operands, dtype="int64").astype(np.int8)


def _decibels(exact: Array, found: Array, grid: Grid) -> float:
    """10 log10 of the output's power over the error's; infinite without an error."""
    error = float(np.square((found.astype(np.float64) - grid.zero_point) * grid.scale - exact).sum())
    power = float(np.square(exact).sum())
    return 10 * float(np.log10(power / error)) if error and power else INF


def inputs_of(found: Mapping[str, Array] | Array, layers: Sequence[Spec]) -> dict[str, Array]:
    """The inputs by layer: one array is the first layer's; by name they are LAYER/input. Raises UsageError."""
    named = {f"{layers[0].name}/input": found} if isinstance(found, np.ndarray) else dict(found)
    made, known = {}, {f"{spec.name}/input": spec for spec in layers}
    for name, array in named.items():
        if name not in known:
            raise UsageError(f"calibration: `{name}` is the input of no layer: expected {', '.join(known)}")
        spec = known[name]
        made[spec.name] = _held(array, spec, name)
    return made


def _held(array: Array, spec: Spec, name: str) -> Array:
    wanted = (spec.problem.steps, spec.problem.channels)[:: 1 if spec.channels_last else -1]
    told = f"(samples, {', '.join(str(each or 'steps') for each in wanted)})"
    fits = array.ndim == 3 and all(each in (None, got) for each, got in zip(wanted, array.shape[1:], strict=False))
    if not fits or not array.size:
        raise UsageError(f"calibration: `{name}` has shape {array.shape}, expected {told}")
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise UsageError(f"calibration: `{name}` holds {array.dtype} that are no finite numbers")
    return array.astype(np.float64)

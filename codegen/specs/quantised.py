"""Layers of int8: their scales and zero points, what must hold of them, and what they make of sums and weights."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from itertools import pairwise
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Protocol

from codegen.errors import PlanError, SpecError
from codegen.functions import activations
from codegen.functions.activations import Activation
from codegen.numbers import formats, rescaling
from codegen.problem.epilogue import Epilogue
from codegen.problem.problem import Problem
from codegen.problem.requantise import HIGHEST, LOWEST, Grid, needs_table, requantise
from codegen.problem.stages import BIASED
from codegen.specs.parameters import Check, Worded, one_of, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

GRID = ("input_scale", "input_zero_point", "output_scale", "output_zero_point")
SUMS = ("sum_scale", "sum_zero_point")
SCALED = "kernel_scale"
RESERVED = {
    "int16x8": "int16 inputs with int8 weights are reserved for a later release: write dtype = int8",
    "int4": "int4 weights are reserved for a later release: write dtype = int8",
}


class Definition(Protocol):
    """What is read of a layer's definition here."""

    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def use_bias(self) -> bool: ...
    @property
    def activation(self) -> Any: ...
    @property
    def input_scale(self) -> float | None: ...
    @property
    def input_zero_point(self) -> int | None: ...
    @property
    def output_scale(self) -> float | None: ...
    @property
    def output_zero_point(self) -> int | None: ...
    @property
    def rounding(self) -> str | None: ...
    @property
    def sum_scale(self) -> float | None: ...
    @property
    def sum_zero_point(self) -> int | None: ...
    @property
    def grids(self) -> tuple[str, ...]: ...
    @property
    def problem(self) -> Problem: ...
    def weight_shapes(self) -> dict[str, tuple[int, ...]]: ...


def is_quantised(spec: Definition) -> bool:
    """Whether the layer computes in whole numbers."""
    return spec.dtype in formats.WHOLE


def of(spec: Definition) -> tuple[str, ...]:
    """The fields that say something of int8 alone."""
    return (*spec.grids, "rounding", *SUMS)


def as_single(number: float) -> float:
    """The float32 nearest to it: what a scale counts as."""
    return float(struct.unpack("<f", struct.pack("<f", number))[0])


def _scale(name: str, value: object) -> float | None:
    """None, or a number greater than 0 that a float32 holds."""
    if value is None:
        return None
    message = f"`{name}` must be a number greater than 0, got {shown(value)}"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise SpecError("E206", message, hint=f"write {name} = 0.05, what one step of int8 means")
    number: Any = value
    if not 2.0**-126 <= number < 2.0**127:  # before it is made a float, which huge numbers are not
        raise SpecError("E206", message, hint="a scale is a float32 that is neither 0 nor denormal nor infinite")
    return float(number)


def _zero_point(name: str, value: object) -> int | None:
    """None, or an int8."""
    if value is None:
        return None
    if isinstance(value, Integral) and not isinstance(value, bool) and LOWEST <= int(value) <= HIGHEST:
        return int(value)
    hint = "it is the int8 code of 0.0"
    raise SpecError("E207", f"`{name}` must be a whole number from -128 to 127, got {shown(value)}", hint=hint)


def _rounding(name: str, value: object) -> str | None:
    return None if value is None else str(_ROUNDINGS(name, value))


_ROUNDINGS: Check = one_of("double", "single", "fp32")
scale, zero_point = _scale, _zero_point
rounding = Worded(_rounding, ("double", "single", "fp32"))


def stray(spec: Definition) -> Iterator[SpecError]:
    """E310: what is said of int8 in a layer of floats."""
    for field in of(spec):
        if not is_quantised(spec) and getattr(spec, field) is not None:
            message = f"`{field}` is for layers of int8, and `{spec.name}` computes in {spec.dtype}"
            yield SpecError("E310", message, field=field, hint=f"write dtype = int8, or leave {field} out")


def complete(spec: Definition) -> Iterator[SpecError]:
    """E309: an int8 layer has all its scales and zero points; those of the sums where a table is looked up by them."""
    if not is_quantised(spec):
        return
    for field in spec.grids:
        if getattr(spec, field) is None:
            message = f"`{field}` is missing: a layer of int8 needs {', '.join(spec.grids)}"
            yield SpecError("E309", message, field=field, hint=f"add {field} = …; `gen-conv quantize` finds it")


def serves(spec: Definition) -> Iterator[SpecError]:
    """E311: the activation is one of a number alone; E309, E310: the grid of the sums is there where it is read."""
    if not is_quantised(spec):
        return
    if not isinstance(spec.activation, Activation):
        message = "`activation`: an int8 layer takes none of Python's own, as it becomes C with the layer"
        yield SpecError("E311", message, field="activation", hint="name one of docs/activations.md")
    elif activations.row(spec.activation).rowwise:
        message = f"`activation`: {spec.activation.name} takes all filters of a step together, which int8 layers do not"
        yield SpecError("E311", message, field="activation", hint="leave it out, and apply it to what the layer gives")
    else:
        yield from _sums(spec, needs_table(spec.activation))


def _sums(spec: Definition, looked_up: bool) -> Iterator[SpecError]:
    for field in SUMS:
        given = getattr(spec, field) is not None
        if looked_up and not given:
            message = f"`{field}` is missing: {spec.activation} is a table, which is looked up by an int8 of the sum"
            hint = f"add {' and '.join(SUMS)}; `gen-conv quantize` finds them"
            yield SpecError("E309", message, field=field, hint=hint)
        if given and not looked_up:
            message = f"`{field}` is for activations that are tables, and {spec.activation} is a clamp"
            yield SpecError("E310", message, field=field, hint=f"leave {field} out")


def grid(spec: Definition, of: str) -> Grid:
    """The scale and zero point of `input`, `output`, `sum` or `depthwise`, all of which are known to be there."""
    return Grid(as_single(getattr(spec, f"{of}_scale")), getattr(spec, f"{of}_zero_point"))


def rounding_of(spec: Definition) -> str:
    """The word of numbers.rescaling."""
    return spec.rounding or "double"


def ending(spec: Definition) -> Epilogue:
    """What becomes of the layer's sums. Raises SpecError E311 for an activation that is no number somewhere."""
    first = BIASED.stages if spec.use_bias else ()
    sums = grid(spec, "sum") if needs_table(spec.activation) else None
    try:
        return Epilogue((*first, requantise(grid(spec, "output"), rounding_of(spec), spec.activation, sums)))
    except PlanError as wrong:
        raise SpecError("E311", f"`activation`: {wrong}", field="activation", hint="take another sum_scale") from None


def between(spec: Definition) -> Epilogue:
    """What becomes of the sums of a separable layer's first stage."""
    return Epilogue((requantise(grid(spec, "depthwise"), rounding_of(spec)),))


def weight_shapes(shapes: Mapping[str, tuple[int, ...]], filters: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """`shapes` with the scale of each kernel behind it, one for each of its `filters`."""
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in shapes.items():
        found[name] = shape
        if name.endswith("kernel"):
            found[f"{name}_scale"] = (filters[name],)
    return found


def weight_dtype(name: str) -> str:
    """The format of an int8 layer's array."""
    return "float32" if name.endswith(SCALED) else "int32" if name == "bias" else "int8"


def operands(spec: Definition, weights: Mapping[str, Array], bias: Array | None) -> tuple[Array | None, ...]:
    """What the problem's epilogue reads, as its stages name it: the bias, and each sum's factor.

    Raises PlanError for a factor that is too large.
    """
    import numpy as np

    scales = [weights[name] for name in spec.weight_shapes() if name.endswith(SCALED)]
    steps = ("input", "output") if len(scales) == 1 else ("input", "depthwise", "output")
    made: dict[str, list[Array]] = {}
    for (of, to), each, stage in zip(pairwise(steps), scales, spec.problem.stages, strict=True):
        last = "sum" if to == "output" and needs_table(spec.activation) else to
        ratio = grid(spec, of).scale, np.broadcast_to(each, (stage.filters,)), grid(spec, last).scale
        for operand, array in zip(stage.epilogue.stages[-1].operands, _factors(spec, *ratio), strict=True):
            made.setdefault(operand.name, []).append(array)
    found = {name: np.concatenate(arrays) for name, arrays in made.items()}
    found |= {} if bias is None else {"bias": bias}
    names = dict.fromkeys(one.name for stage in spec.problem.stages for one in stage.epilogue.operands)
    return tuple(found[name] for name in names)


def _factors(spec: Definition, x: float, kernel: Array, y: float) -> tuple[Array, ...]:
    import numpy as np

    if rounding_of(spec) not in rescaling.FIXED:
        return (rescaling.float_factor(x, kernel, y),)
    m, shift = rescaling.fixed_point(np.float64(x) * kernel.astype(np.float64) / np.float64(y))
    if shift.max(initial=0) > rescaling.MOST_SHIFT:
        at = int(shift.argmax())
        raise PlanError(f"`{spec.name}`: filter {at}: its scales make a factor of 2**{int(shift[at]) - 1} and more")
    return m.astype(np.int32), shift.astype(np.int8)

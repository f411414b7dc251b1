"""What a fresh library of gradients is tried on: whole numbers, on which a right one and NumPy hardly differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from codegen.gradients import reference
from codegen.gradients.output_plan import OutputGradientPlan
from codegen.machine import self_test, self_test_inputs
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Operand
from codegen.problem.reference import parted
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.machine.compilers import Compiler
    from codegen.problem.reference import Later

    Array = NDArray[Any]

__all__ = ["kernel", "output"]

MOST, Z_UNIT = 15, 8  # whole numbers up to this; z are eighths of them, and multiples


class Library(Protocol):
    """What computes a gradient: arrays by their names, a batch of them."""

    @property
    def plan(self) -> Any: ...

    def run(self, batch: int, **arrays: Array) -> None: ...


def kernel(library: Library, compiler: Compiler) -> None:
    """Raises ToolchainError where a fresh kernel's gradient and NumPy differ on whole numbers, whose sums are exact."""
    p = library.plan.problem  # a linear one: dz has all filters
    if self_test_inputs.too_large(p):
        return
    x, dz = _whole(p.in_shape(2, p.known_steps), p, 1), _whole(p.out_shape(2, p.known_steps), p, 2)
    found = self_test_inputs.array(p.kernel_shape, p.dtype)
    library.run(2, x=x, dz=dz, dkernel=found)
    _same("a kernel's gradient", found, reference.kernel_gradient(p, x, dz, p.dtype), np.zeros(()), compiler)
    _alone(found, compiler)


def output(library: Library, compiler: Compiler) -> None:
    """The same of the way back through an epilogue, where slopes change and farther out, within their stated error."""
    p, curved = library.plan.problem, cast(OutputGradientPlan, library.plan).curved
    if self_test_inputs.too_large(p):
        return
    scales = np.array(p.format.of_pair(self_test_inputs.SCALES) if curved else (1, 1))[:, None, None]
    shape = p.out_shape(len(scales), p.known_steps)
    dy, z = _whole(shape, p, 3), _between(_whole(shape, p, 4) * scales / Z_UNIT, p)
    given = {one: _operand(p, one, len(scales), 5 + i) for i, one in enumerate(p.epilogue.operands)}
    reads = {one.name: given[one] for stage in p.epilogue.later for one in stage.operands}
    writes = {f"d{one.name}": self_test_inputs.array(array.shape, p.dtype) for one, array in given.items()}
    writes |= {"dz": self_test_inputs.array(shape, p.dtype)} if curved else {}
    curve = {"z": z} if curved else {}
    library.run(len(scales), dy=dy, **curve, **reads, **writes)
    dz, shares = _back(p, dy, z, *given.values())
    if curved:
        _same("a layer's dz", writes["dz"], reference.rows(p, dz.exact), reference.rows(p, dz.allowed), compiler)
    for one in given:
        _same(f"the gradient of `{one.name}`", writes[f"d{one.name}"], *_gathered(p, one, shares[one.name]), compiler)
    for array in writes.values():
        _alone(array, compiler)


@dataclass(frozen=True)
class Share:
    """Numbers (batch, out steps, filters), and how far a right library may be from them."""

    exact: Array
    allowed: Array

    def times(self, slope: Array, off: Array, unit: float) -> Share:
        """Times a slope that may be `off`, rounded."""
        exact = self.exact * slope
        moved = self.allowed * (np.abs(slope) + off) + np.abs(self.exact) * off
        return Share(exact, moved + 2 * unit * np.abs(exact))


def _back(p: ConvProblem, dy: Array, z: Array, *operands: Array) -> tuple[Share, dict[str, Share]]:
    """dz, and what each sum has in the gradient of each operand."""
    first, later = parted(p, operands, "float64")
    values = _values(p, z, later)
    gradient, found = Share(reference.rows(p, dy).astype("float64"), np.zeros(())), dict[str, Share]()
    for (stage, given), value in zip(reversed(later), reversed(values), strict=True):
        slopes = stage.slopes(value.exact, given, p.format)
        off = stage.slope_errors(slopes, p.format)
        for sign in (-1, 1) if value.allowed.any() else ():
            near = stage.slopes(value.exact + sign * value.allowed, given, p.format)
            off = tuple(each + np.abs(a - b) for each, a, b in zip(off, near, slopes, strict=True))
        pulled = [gradient.times(slope, each, p.format.unit) for slope, each in zip(slopes, off, strict=True)]
        gradient = pulled[0]
        found |= {one.name: share for one, share in zip(stage.operands, pulled[1:], strict=True)}
    if first is not None and p.epilogue.first:
        found[p.epilogue.first.operands[0].name] = gradient
    return gradient, found


def _values(p: ConvProblem, z: Array, later: tuple[Later, ...]) -> list[Share]:
    """What each stage is given: whole numbers stay exact until a stage is not."""
    value = Share(reference.rows(p, z).astype("float64"), np.zeros(()))
    found = []
    for stage, given in later:
        found.append(value)
        y = stage.reference(value.exact, given, p.format)
        kept = stage.exact and not value.allowed.any()
        allowed = np.broadcast_to(value.allowed, y.shape)
        value = Share(y, np.zeros(()) if kept else stage.moved(value.exact, y, allowed, given, p.format))
    return found


def _gathered(p: ConvProblem, operand: Operand, share: Share) -> tuple[Array, Array]:
    """The gradient of an operand, and how far a right library may be from it; sums of whole numbers are exact."""
    exact, allowed = np.broadcast_arrays(share.exact, share.allowed)
    found, off = reference.gathered(p, operand, exact), reference.gathered(p, operand, allowed)
    if operand.is_weight and not p.epilogue.linear:
        terms = exact.size // operand.numbers(p.filters) + 1
        off = off + terms * p.format.unit * reference.gathered(p, operand, np.abs(exact))
    return found, off


def _operand(p: ConvProblem, operand: Operand, batch: int, seed: int) -> Array:
    """What a stage reads, drawn: factors are powers of two."""
    shape = p.operand_shape(operand, batch, p.known_steps)
    if operand.factor:
        return _between(np.exp2(self_test_inputs.whole(shape, 1, seed)), p)
    return _between(self_test_inputs.whole(shape, MOST, seed) / Z_UNIT, p)


def _whole(shape: tuple[int, ...], p: ConvProblem, seed: int) -> Array:
    return _between(self_test_inputs.whole(shape, MOST, seed), p)


def _between(numbers: Array, p: ConvProblem) -> Array:
    """The numbers of the problem's dtype, between margins."""
    return self_test_inputs.between_margins(numbers.astype(p.dtype))


def _same(what: str, found: Array, wanted: Array, allowed: Array, compiler: Compiler) -> None:
    wrong = ~(np.abs(found - wanted) <= allowed)
    if wrong.any():
        at = tuple(int(i[0]) for i in np.nonzero(wrong))
        raise self_test.refusal(f"number {at} of {what} is {found[at]}, should be {wanted[at]}", compiler)


def _alone(written: Array, compiler: Compiler) -> None:
    """Raises ToolchainError where something was written beside the array."""
    if not self_test_inputs.margins_are_whole(written):
        raise self_test.refusal("it writes beside a gradient", compiler)

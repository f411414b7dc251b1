"""A fresh kernel against NumPy on whole numbers, before a compiler's work is kept: the self-test.

It looks at every output, or where these are many at those where a loop of the plan begins or ends; docs/jit.md says
what it cannot see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from codegen.errors import ToolchainError
from codegen.planning.plan import KernelPlan
from codegen.problem import reference
from codegen.problem.problem import ConvProblem, Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.machine.compilers import Compiler
    from codegen.machine.self_test_inputs import Trial, Weights

    Array = NDArray[Any]

THREADS = (1, 2, 4)  # no more than a trial has samples, and more: each takes whole samples, or a slice of all
GATHERED = 1 << 20  # numbers of x that NumPy multiplies at a time
MOST_EXACT = 2  # stages whose outputs on whole numbers have no more digits than float32
WEIGHTS = 15  # whole numbers up to this are packed
CANCELLED = 64  # units of the largest packed number that a smaller one may be off
ROUGH = 2.0**-40  # of a float64 activation that NumPy itself computes in float64


class Fresh(Protocol):
    """What is asked of a kernel here: a CompiledKernel's plan, packs, pack and bind, its fields `threads`, `before`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def plan(self) -> KernelPlan: ...
    @property
    def packs(self) -> bool: ...
    def pack(self, kernel: Array, out: Array | None = None) -> Array: ...
    def bind(self, x: Array, y: Array, kernel: Array | None, *operands: Array | None) -> Any: ...


def prove(kernel: Fresh, compiler: Compiler) -> None:
    """Compare a fresh kernel with NumPy on whole numbers. Raises ToolchainError where they differ."""
    from codegen.machine import self_test_inputs  # late: a kernel from the cache needs nothing of it

    plan, p = kernel.plan, kernel.plan.problem
    if plan.weights == "baked" or self_test_inputs.too_large(p):
        return
    weights = self_test_inputs.Weights.of(plan)
    if kernel.packs:
        packs_rightly(kernel, compiler)
    packed = self_test_inputs.between_margins(kernel.pack(weights.kernel))
    more = plan.workspace_bytes + 2 * self_test_inputs.MARGIN_BYTES
    wider = replace(plan, cost=replace(plan.cost, workspace_bytes=more))
    ways: list[Fresh] = [
        replace(kernel, plan=wider, threads=threads, before=self_test_inputs.MARGIN_BYTES)
        for threads in (THREADS if plan.sliced else (1,))
    ]
    for tried in self_test_inputs.trials(plan, weights):
        right = expected(p, tried, weights)
        for way in ways:
            y = self_test_inputs.array(p.out_shape(len(tried.x), tried.steps), p.dtype)
            outs = y if p.channels_last else y.swapaxes(1, 2)
            outs[:, tried.at] = np.finfo(p.dtype).max
            call = way.bind(tried.x, y, packed, *tried.operands)
            workspaces = [np.frombuffer(one, np.uint8) for one in call.workspaces]
            for each in workspaces:
                each[...] = self_test_inputs.UNWRITTEN
            call()
            same(outs[:, tried.at], right, tried, compiler)
            if not all(map(self_test_inputs.margins_are_whole, (y, *workspaces))):
                raise refusal(f"it writes beside its arrays, given {tried.steps} steps", compiler)


def packs_rightly(kernel: Fresh, compiler: Compiler) -> None:
    """Where the library packs its kernel itself, compare that with NumPy's packing. Raises ToolchainError.

    Both are sums of doubles that are rounded once; where the terms cancel, the sums' own rounding shows.
    """
    from codegen.machine import self_test_inputs

    plan, p = kernel.plan, kernel.plan.problem
    weights = self_test_inputs.whole(p.kernel_shape, WEIGHTS, 6).astype(p.dtype)
    expected = plan.pack(weights)
    packed = self_test_inputs.array(expected.shape, p.dtype)
    kernel.pack(weights, packed)
    size = np.abs(expected)
    wrong = ~(np.abs(packed - expected) <= p.format.unit * (4 * size + CANCELLED * size.max(initial=0)))
    if wrong.any():
        at = int(np.argmax(wrong))
        raise refusal(f"number {at} of the packed kernel is {packed[at]}, should be {expected[at]}", compiler)
    if not self_test_inputs.margins_are_whole(packed):
        raise refusal("it writes beside the packed kernel", compiler)


def expected(p: Problem, tried: Trial, weights: Weights) -> tuple[Array, Array]:
    """(what the outputs `tried.at` are, how far a right kernel may be off), each (samples, outputs, filters).

    On whole numbers an exact epilogue makes no error. Others of float64 are computed with more digits; where NumPy has
    no more, some of theirs are not looked at.
    """
    if len(p.stages) > MOST_EXACT or any(stage.epilogue.stages for stage in p.stages[:-1]):
        return _by_definition(p, tried, weights)
    x = tried.x if p.channels_last else tried.x.swapaxes(1, 2)
    rounds = not p.epilogue.exact
    first, later = reference.parted(p.stages[-1], tried.operands, p.format.exact_in if rounds else p.dtype)
    sums = _sums([(stage, taps) for stage, taps, _ in p.stage_weights(weights.kernel)], x, tried.at)
    sums = sums if first is None else sums + _of_outputs(first, tried.at)
    slack = np.broadcast_to(weights.slack * tried.scales[:, None, None], sums.shape)
    given = [(stage, tuple(_of_outputs(each, tried.at) for each in arrays)) for stage, arrays in later]
    with np.errstate(over="ignore", invalid="ignore"):
        if not rounds:
            return reference.through(given, sums, slack, replace(p.format, unit=0.0, least=0.0))
        exact, allowed = reference.through(given, sums.astype(p.format.exact_in), slack, p.format)
        if np.finfo(exact.dtype).eps * 2**8 > np.finfo(p.dtype).eps:
            allowed = allowed + ROUGH * (1 + np.abs(exact))
        return exact, allowed


def _by_definition(p: Problem, tried: Trial, weights: Weights) -> tuple[Array, Array]:
    """The same where what lies between stages is no whole number, or a large one: with the reference's bound."""
    exact = reference.convolve(p, tried.x, weights.kernel, *tried.operands, dtype=p.format.exact_in)
    allowed = reference.bound(p, tried.x, weights.kernel, *tried.operands)
    found, off = (each if p.channels_last else each.swapaxes(1, 2) for each in (exact, allowed))
    return found[:, tried.at], off[:, tried.at]


def _of_outputs(operand: Array, at: Array) -> Array:
    """The part of an operand that the outputs `at` read, to be broadcast to them."""
    return operand[:, at] if operand.ndim == 3 else operand


def _sums(stages: Sequence[tuple[ConvProblem, Array]], x: Array, at: Array) -> Array:
    """The products' sums of the outputs `at` of the last stage, (samples, outputs, filters), in x's dtype.

    By problem.py's formula; of the stages before only what these outputs read.
    """
    *before, (p, kernel) = stages
    steps, held = x.shape[1], None
    for stage, *_ in before:
        steps = stage.out_steps(steps)
    if before and len(at):
        found, place = _places(p, steps, at)
        held = np.unique(place[found]) if found.any() else np.zeros(1, int)
        x = _sums(before, x, held)
    taps = kernel.reshape(p.kernel_size, p.group_channels, p.groups, p.group_filters).transpose(2, 0, 1, 3)
    matrix = taps.reshape(p.groups, -1, p.group_filters)
    y = np.empty((len(x), len(at), p.filters), x.dtype)
    few = max(1, GATHERED // (len(x) * p.kernel_size * p.channels))
    for begin in range(0, len(at), few):
        found, place = _places(p, steps, at[begin : begin + few])
        window = _windows(x, found, place if held is None else np.searchsorted(held, place))
        rows = window.reshape(-1, p.kernel_size, p.groups, p.group_channels).transpose(2, 0, 1, 3)
        sums = rows.reshape(p.groups, len(rows[0]), -1) @ matrix
        y[:, begin : begin + few] = sums.transpose(1, 0, 2).reshape(len(x), -1, p.filters)
    return y


def _places(p: ConvProblem, steps: int, at: Array) -> tuple[Array, Array]:
    """Whether each tap of the outputs `at` finds an input step, and which, (outputs, taps)."""
    position = at[:, None] * p.stride + np.arange(p.kernel_size) * p.dilation - p.pads(steps)[0]
    return (position >= 0) & (position < p.spread(steps)) & (position % p.up == 0), position // p.up


def _windows(x: Array, found: Array, place: Array) -> Array:
    """The rows of x at each place that is `found`, (samples, outputs, taps, channels); 0 at the others."""
    window = x[:, np.where(found, place, 0)]
    if not found.all():
        window[:, ~found] = 0
    return np.asarray(window)


def same(found: Array, wanted: tuple[Array, Array], tried: Trial, compiler: Compiler) -> None:
    """Raises ToolchainError where an output is farther from what it should be than a right kernel's."""
    exact, allowed = wanted
    with np.errstate(invalid="ignore", over="ignore"):
        right = (np.abs(found - exact) <= allowed) | (found == exact)
        if not right.all():  # what may be beyond the dtype's largest number may be an infinity
            beyond = np.isinf(found) & (np.abs(exact) + allowed > np.finfo(found.dtype).max)
            right |= beyond & (np.sign(found) == np.sign(exact))
    if not right.all():
        sample, at, _ = np.argwhere(~right)[0]
        shown = f"is {found[sample, at].tolist()}, should be {exact[sample, at].tolist()}"
        raise refusal(f"output {tried.at[at]} of {tried.steps} steps {shown}", compiler)


def refusal(what: str, compiler: Compiler) -> ToolchainError:
    """The error that says what is wrong with a fresh kernel."""
    who = f"{compiler.version} ({compiler.command[0]}) compiled a kernel that is wrong on whole numbers"
    return ToolchainError(f"{who}: {what[:400]}\nName another compiler in GENCONV_CC")

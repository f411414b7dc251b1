"""`gen-conv verify` of int8 layers: each output's code beside the definition's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codegen.cli.commands.found import Differing
from codegen.errors import ToolchainError, UsageError, VerificationError

if TYPE_CHECKING:
    from codegen.planning.ask import Ask
    from codegen.specs.kinds import Spec

__all__ = ["codes", "compare", "on_board"]

SAMPLES = 8
CODES = ("codes", "outputs")  # the data, and what of it is counted


def compare(spec: Spec, arrays: Mapping[str, Any] | None, ask: Ask) -> Iterator[Differing]:
    """The layer's kernel with its own weights, on random codes of its length or of a few. Raises UsageError."""
    from codegen import pipeline

    if arrays is None:
        raise UsageError(f"`{spec.name}`: a layer of int8 is verified with its weights: give --weights FILE")
    kernel = pipeline.kernel_of(spec, arrays, ask)
    if kernel.path is None:
        raise ToolchainError(f"`{spec.name}` runs in NumPy, as no compiler made its kernel")
    yield from codes(spec, arrays, kernel)


def codes(spec: Spec, arrays: Mapping[str, Any], kernel: Any) -> Iterator[Differing]:
    """A kernel that holds these weights, on random codes of the layer's length or of a few."""
    from codegen.machine import whole_kernel

    p, held = kernel.plan.problem, spec.problem_arrays(arrays)
    for steps in whole_kernel.lengths(p):
        outputs = SAMPLES * p.out_steps(steps) * p.out_filters
        wrong = whole_kernel.wrong_codes(kernel, held, steps, SAMPLES)
        yield Differing(spec.name, steps, *CODES, wrong, outputs)


def on_board(spec: Spec, arrays: Mapping[str, Any] | None, ask: Ask) -> Iterator[Differing]:
    """The layer's firmware in an emulator, on random codes. Raises UsageError, or ToolchainError.

    It writes nothing beside y and its workspace, or it is an error.
    """
    from codegen import pipeline
    from codegen.machine import board_figures, firmware, whole_kernel

    if not spec.problem.format.whole:
        raise UsageError(f"`{spec.name}`: on a microcontroller a layer of int8 is verified: `dtype = int8`")
    if arrays is None:
        raise UsageError(f"`{spec.name}`: a layer of int8 is verified with its weights: give --weights FILE")
    source = pipeline.emitted(spec, ask, arrays)
    free = spec.problem.steps is None
    given: list[int | None] = [*whole_kernel.lengths(spec.problem)] if free else [None]
    cases = [board_figures.case(source, spec.problem_arrays(arrays), steps=steps) for steps in given]
    cases[1:] = [replace(case, files=()) for case in cases[1:]]
    found = firmware.run(ask.target, cases)
    for case in cases:
        if outside := found[case.name].outside:
            raise VerificationError(f"`{spec.name}` changed {outside} bytes that are not its own")
        steps = case.x.shape[1 if spec.problem.channels_last else 2]
        yield Differing(spec.name, steps, *CODES, found[case.name].wrong, case.outputs)

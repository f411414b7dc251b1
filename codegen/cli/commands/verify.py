"""`gen-conv verify SPEC`: each layer and model compiled, run, and compared with the float64 reference."""

from __future__ import annotations

import argparse
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codegen.cli.commands import planning, reading, verify_codes, verify_emitted, verify_models, verify_streams
from codegen.cli.commands.found import Differing, Finding
from codegen.cli.terminal import Terminal
from codegen.errors import ToolchainError, UsageError, VerificationError
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np

    from codegen.machine.emitted_kernel import EmittedKernel
    from codegen.machine.loader import Kernel
    from codegen.planning.ask import Accuracy, Ask
    from codegen.problem.problem import Problem
    from codegen.problem.targets import Target
    from codegen.specs.kinds import Spec

__all__ = ["arguments", "run"]

BATCH = 2
WHOLE, RANDOM = "whole numbers", "random"
LARGEST_PRODUCT = 4 * 8  # of the whole weights and inputs below


@dataclass(frozen=True)
class Trial:
    """A layer's kernel on trial; for a transform there is the direct kernel, whose rms error it is held to."""

    spec: Spec
    kernel: Kernel | EmittedKernel
    direct: Kernel | None
    accuracy: Accuracy


def arguments(parser: argparse.ArgumentParser) -> None:
    reading.arguments(parser, target="native")
    planning.of_accuracy(parser)
    planning.of_storage(parser)
    planning.of_objective(parser)
    planning.of_stream(parser)
    verify_emitted.arguments(parser)


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    """Compare every layer, then raise VerificationError if any output left its bound."""
    from codegen.machine.boards import BOARDS

    verify_emitted.hold(options)
    ask = replace(planning.asked(options), stream=planning.stream_asked(options))
    on_board = ask.target.name in BOARDS
    if not on_board:
        _hold_here(ask.target)
    elif ask.stream:
        raise UsageError(
            f"verify --stream runs on this machine, and {ask.target.name} in an emulator: leave --target out"
        )
    specs, graphs = reading.definitions(options, tables=False)
    if graphs and (on_board or options.backward):
        raise UsageError(f"`{graphs[0].name}` is a model: it is verified on this machine, and has no --backward")
    arrays = reading.weights(options, reading.layers_of(specs, graphs))
    comparisons: Any = verify_codes.on_board if on_board else verify_streams.compare if ask.stream else _findings
    comparisons = _as_emitted(options.backward) if options.as_emitted else comparisons
    terminal.report["findings"] = []
    wrong = []
    tried = [(spec.name, comparisons, (spec, arrays.get(spec.name), ask)) for spec in specs]
    for name, compared, given in (*tried, *((one.name, verify_models.compare, (one, arrays, ask)) for one in graphs)):
        with reading.naming(options, name):
            for found in compared(*given):
                terminal.result(str(found))
                terminal.report["findings"].append(found.plain())
                wrong += [] if found.ok else [found]
    if wrong:
        raise VerificationError(
            f"{len(wrong)} comparisons left their bound: {', '.join(dict.fromkeys(each.layer for each in wrong))}"
        )
    return 0


def _hold_here(target: Target) -> None:
    """Raises UsageError for a target that this machine cannot run, ToolchainError without a compiler."""
    from codegen.machine import compilers
    from codegen.problem.targets import runs_here

    if not runs_here(target):
        raise UsageError(f"this machine cannot run target `{target.name}`: `gen-conv doctor` lists those that it can")
    if compilers.find() is None:
        raise ToolchainError("no C compiler was found, so there is nothing to verify: `gen-conv doctor` has details")


def _findings(spec: Spec, given: Mapping[str, Any] | None, ask: Ask) -> Iterator[Finding | Differing]:
    """Each comparison of one layer; raises ToolchainError where no kernel was compiled."""
    from codegen import pipeline
    from codegen.planning.ask import Ask
    from codegen.planning.error_bounds import is_transform

    if spec.problem.format.whole:
        yield from verify_codes.compare(spec, given, ask)
        return
    kernel = pipeline.kernel_for(spec, ask)
    if kernel.path is None:
        raise ToolchainError(f"`{spec.name}` runs in NumPy, as no compiler made a kernel that works on whole numbers")
    direct = pipeline.kernel_for(spec, Ask(ask.target)) if is_transform(kernel.plan) else None
    yield from compare(Trial(spec, kernel, direct, ask.accuracy), given)


def _as_emitted(backward: bool) -> Callable[..., Iterator[Any]]:
    """The comparisons of the files that would be written."""

    def findings(spec: Spec, given: Mapping[str, Any] | None, ask: Ask) -> Iterator[Any]:
        from codegen import pipeline
        from codegen.planning.ask import Ask
        from codegen.planning.error_bounds import is_transform

        kernel = verify_emitted.kernel(spec, given, ask)
        if spec.problem.format.whole:
            yield from verify_codes.codes(spec, given or {}, kernel)
        else:
            direct = pipeline.kernel_for(spec, Ask(ask.target)) if is_transform(kernel.plan) else None
            yield from compare(Trial(spec, kernel, direct, ask.accuracy), given)
        if backward:
            yield from verify_emitted.gradients(spec, ask)

    return findings


def compare(trial: Trial, given: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Whole numbers, where every product and sum is exact, then others within the rounding bound.

    A transform is also tried on standard normal weights, which its rms error is promised for.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    problem, shapes = trial.kernel.plan.problem, trial.spec.weight_shapes().items()
    stored = trial.kernel.plan.kernel_format
    most = stored.largest
    for steps in lengths(trial.spec):
        if trial.kernel.plan.weights == "baked" and given:  # the kernel has these alone
            yield _compare(trial, rng.standard_normal(_shape(problem, BATCH, steps)), given, "given weights")
            continue
        whole = {name: rng.integers(-4, 5, shape) * stored.spacing for name, shape in shapes}
        yield _compare(trial, rng.integers(-8, 9, _shape(problem, BATCH, steps)), whole, WHOLE)
        if given:
            yield _compare(trial, rng.standard_normal(_shape(problem, BATCH, steps)), given, "given weights")
        if trial.direct or not given:
            normal = {name: rng.standard_normal(shape).clip(-most, most) for name, shape in shapes}
            yield _compare(trial, rng.standard_normal(_shape(problem, _batch(trial, steps), steps)), normal, RANDOM)


def lengths(spec: Spec) -> list[int]:
    """The fixed length; for a free one the shortest that gives an output, some near it, and a long one."""
    problem = spec.problem
    if problem.steps is not None:
        return [problem.steps]
    shortest = bisect_left(range(1, problem.reach + 1), True, key=lambda steps: problem.out_steps(steps) > 0) + 1
    return sorted({shortest, shortest + 1, problem.reach + problem.stride, 4 * problem.reach + 61})


def _shape(problem: Problem, batch: int, steps: int) -> tuple[int, int, int]:
    return (batch, steps, problem.channels) if problem.channels_last else (batch, problem.channels, steps)


def _batch(trial: Trial, steps: int) -> int:
    """Samples enough for an rms error, where one is looked at."""
    from codegen.planning.error_bounds import OUTPUTS

    problem = trial.kernel.plan.problem
    return max(BATCH, -(-OUTPUTS // (problem.out_steps(steps) * problem.out_filters)) if trial.direct else BATCH)


def _compare(trial: Trial, x: np.ndarray, weights: Mapping[str, Any], data: str) -> Finding:
    import numpy as np

    from codegen.planning import error_bounds
    from codegen.planning.ask import MOST_NOISE
    from codegen.problem import reference

    plan, problem = trial.kernel.plan, trial.kernel.plan.problem
    typed = {name: np.asarray(value, problem.dtype) for name, value in weights.items()}
    taps, bias = trial.spec.problem_weights(typed)
    x = np.ascontiguousarray(x, problem.dtype)
    exact = reference.convolve(problem, x, taps, bias, dtype=problem.format.exact_in)
    nothing_rounds = data == WHOLE and not trial.direct and _stays_whole(problem, exact / plan.kernel_format.spacing)
    bound = np.zeros(exact.shape) if nothing_rounds else error_bounds.bound(plan, trial.accuracy, x, taps, bias)
    error = _error(trial.kernel, exact, x, taps, bias)
    unbounded = np.isinf(bound)
    bound = np.where(unbounded | np.isnan(bound), 0, bound)  # a NaN or an infinity must be the very one
    error = np.where(unbounded, 0, error)
    with np.errstate(over="ignore"):
        filled = error / np.maximum(bound, np.finfo(np.float64).tiny)
    worst = np.unravel_index(np.argmax(filled), error.shape)
    rms, most_rms = error_bounds.rms(error), None
    if trial.direct and data == RANDOM:
        most_rms = MOST_NOISE[trial.accuracy] * error_bounds.rms(_error(trial.direct, exact, x, taps, bias))
    ok = bool(np.all(error <= bound)) and (most_rms is None or rms <= most_rms)  # False for a NaN too
    steps = x.shape[1 if problem.channels_last else 2]
    shown = float(error[worst]), float(bound[worst])
    without = int(unbounded.sum())
    return Finding(trial.spec.name, steps, data, *shown, error.size - without, ok, rms, most_rms, without)


def _error(kernel: Any, exact: np.ndarray, x: np.ndarray, taps: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """|computed - exact| of each output; 0 for the same NaN or infinity, as an exponential beyond the dtype has."""
    import numpy as np

    y = np.full(exact.shape, np.nan, kernel.plan.problem.dtype)
    kernel.run(x, y, kernel.pack(taps), bias)
    with np.errstate(over="ignore", invalid="ignore"):
        nearest = exact.astype(y.dtype)
        same = (np.isnan(y) & np.isnan(nearest)) | (np.isinf(y) & (y == nearest))
        return np.where(same, 0, np.abs(y - exact)).astype(np.float64)


def _stays_whole(problem: Problem, exact: np.ndarray) -> bool:
    """Whether sums of small whole numbers fit the dtype's digits, and the activation keeps them whole exactly."""
    import numpy as np

    from codegen.functions import activations

    fits = (problem.terms + 1) * LARGEST_PRODUCT * problem.format.unit < 1
    whole = np.array_equal(exact, np.rint(exact))
    return fits and whole and not np.any(activations.error(problem.activation, exact, problem.dtype))

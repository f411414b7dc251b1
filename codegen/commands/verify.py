"""`gen-conv verify SPEC`: each layer compiled, run, and compared with the float64 reference."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from codegen.commands import reading
from codegen.errors import ToolchainError, UsageError, VerificationError
from codegen.terminal import Terminal

if TYPE_CHECKING:
    import numpy as np

    from codegen.loader import CompiledKernel
    from codegen.problem import ConvProblem
    from codegen.specs import Spec

__all__ = ["arguments", "run"]

BATCH = 2
WHOLE = "whole numbers"
INF = float("inf")
LARGEST_PRODUCT = 4 * 8  # of the whole weights and inputs below


@dataclass(frozen=True)
class Finding:
    """One comparison: the largest error, and the bound and error where the error fills most of its bound."""

    layer: str
    steps: int
    data: str
    error: float
    bound: float
    outputs: int
    ok: bool

    def plain(self) -> dict[str, Any]:
        """As JSON tells it, which has no word for NaN or infinity."""
        return {name: None if value != value or value in (INF, -INF) else value for name, value in asdict(self).items()}

    def __str__(self) -> str:
        verdict = "ok" if self.ok else "WRONG"
        return (
            f"{self.layer}  {self.steps} steps  {self.data}: "
            f"error {self.error:.3g}, bound {self.bound:.3g}, {self.outputs:,} outputs  {verdict}"
        )


def arguments(parser: argparse.ArgumentParser) -> None:
    reading.arguments(parser, target="native")


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    """Compare every layer, then raise VerificationError if any output left its bound."""
    from codegen import pipeline, toolchain
    from codegen.targets import runs_here, target_named

    target = target_named(options.target)
    if not runs_here(target):
        raise UsageError(f"this machine cannot run target `{target.name}`: `gen-conv doctor` lists those that it can")
    specs = reading.specs(options)
    arrays = reading.weights(options, specs)
    if toolchain.find() is None:
        raise ToolchainError("no C compiler was found, so there is nothing to verify: `gen-conv doctor` tells more")
    terminal.report["findings"] = []
    wrong = []
    for spec in specs:
        kernel = pipeline.kernel_for(spec, target.name)
        if kernel.path is None:
            raise ToolchainError(
                f"`{spec.name}` runs in NumPy, as no compiler made a kernel that works on whole numbers"
            )
        for finding in compare(spec, kernel, arrays.get(spec.name)):
            terminal.result(str(finding))
            terminal.report["findings"].append(finding.plain())
            wrong += [] if finding.ok else [finding]
    if wrong:
        raise VerificationError(
            f"{len(wrong)} comparisons left their bound: {', '.join(dict.fromkeys(each.layer for each in wrong))}"
        )
    return 0


def compare(spec: Spec, kernel: CompiledKernel, given: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Whole numbers, where every product and sum is exact, then random ones within the rounding bound."""
    import numpy as np

    rng = np.random.default_rng(0)
    problem = kernel.plan.problem
    for steps in lengths(spec):
        whole = {name: rng.integers(-4, 5, shape) for name, shape in spec.weight_shapes().items()}
        x = rng.integers(-8, 9, _shape(problem, steps))
        yield _compare(spec, kernel, x, whole, steps, WHOLE)
        weights = given or {name: rng.standard_normal(shape) for name, shape in spec.weight_shapes().items()}
        yield _compare(
            spec, kernel, rng.standard_normal(x.shape), weights, steps, "given weights" if given else "random"
        )


def lengths(spec: Spec) -> list[int]:
    """The fixed length; for a free one the shortest that gives an output, some near it, and a long one."""
    problem = spec.lower()
    if problem.steps is not None:
        return [problem.steps]
    shortest = next(steps for steps in range(1, problem.reach + 1) if problem.out_steps(steps))
    return sorted({shortest, shortest + 1, problem.reach + problem.stride, 4 * problem.reach + 61})


def _shape(problem: Any, steps: int) -> tuple[int, int, int]:
    return (BATCH, steps, problem.channels) if problem.channels_last else (BATCH, problem.channels, steps)


def _compare(
    spec: Spec, kernel: CompiledKernel, x: np.ndarray, weights: Mapping[str, Any], steps: int, data: str
) -> Finding:
    import numpy as np

    from codegen import reference

    problem = kernel.plan.problem
    taps, bias = spec.problem_weights({name: np.asarray(value, problem.dtype) for name, value in weights.items()})
    x = np.ascontiguousarray(x, problem.dtype)
    exact = reference.convolve(problem, x, taps, bias, dtype="longdouble" if problem.item_bytes == 8 else "float64")
    nothing_rounds = data == WHOLE and _stays_whole(problem, exact)
    bound = np.zeros(exact.shape) if nothing_rounds else reference.bound(problem, x, taps, bias)
    y = np.full(exact.shape, np.nan, problem.dtype)
    kernel.run(x, y, kernel.pack(taps), bias)
    error = np.abs(y - exact).astype(np.float64)
    worst = np.unravel_index(np.argmax(error / np.maximum(bound, np.finfo(np.float64).tiny)), error.shape)
    ok = bool(np.all(error <= bound))  # False for a NaN too
    return Finding(spec.name, steps, data, float(error.max()), float(bound[worst]), error.size, ok)


def _stays_whole(problem: ConvProblem, exact: np.ndarray) -> bool:
    """Whether sums of small whole numbers fit the dtype's digits, and the activation keeps them whole exactly."""
    import numpy as np

    from codegen import activations
    from codegen.dtypes import DTYPES

    fits = (problem.terms + 1) * LARGEST_PRODUCT < 1 / DTYPES[problem.dtype].unit
    whole = np.array_equal(exact, np.rint(exact))
    return fits and whole and not np.any(activations.error(problem.activation, exact, problem.dtype))

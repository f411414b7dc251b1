"""Trials: a random layer, its emitted kernel, and arrays to run it on; what came out is held to the reference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.emission.packing import packs
from codegen.emission.render import GeneratedSource, render
from codegen.planning import error_bounds, planner
from codegen.planning.ask import Ask
from codegen.planning.plan import Request
from codegen.problem import reference
from tests.support.cprogram import Call, Program, Toolchain
from tests.support.strategies import Data, Layer, data

if TYPE_CHECKING:
    from codegen.planning.ask import Accuracy, Weights
    from codegen.planning.plan import KernelPlan
    from codegen.problem.targets import Target

WEIGHTS: tuple[Weights, ...] = ("argument", "argument", "packed", "packed", "baked")
PER_PROGRAM = 300
SLICES = (4, 2, 7, 1)
INTEGER = ("linear", "relu")


@dataclass(frozen=True)
class Kernel:
    """A layer's emitted C. `baked` are the arrays in it, if its weights are; `accuracy` is the class of its plan."""

    layer: Layer
    source: GeneratedSource
    baked: Data | None
    accuracy: Accuracy = "exact"

    @classmethod
    def of(cls, layer: Layer, target: Target, name: str, weights: Weights = "argument", **changes: str) -> Kernel:
        """The planner's first."""
        return cls.planned(
            layer, planner.plan(layer.spec(name, **changes).lower(), Ask(target, weights)), name, "exact"
        )

    @classmethod
    def planned(cls, layer: Layer, plan: KernelPlan, name: str, accuracy: Accuracy) -> Kernel:
        """A plan of the layer; packed weights bring their pack function, where there is one."""
        if plan.weights != "baked":
            with_pack = plan.weights == "packed" and bool(packs(plan))
            return cls(layer, render(plan, name, with_pack=with_pack), None, accuracy)
        given = data(layer, len(name), whole=True)
        kernel, bias = (None if a is None else a.astype(plan.problem.dtype) for a in split(layer, given))
        assert kernel is not None
        return cls(layer, render(plan, name, weights=(kernel, bias)), given, accuracy)

    @property
    def rounds(self) -> bool:
        """Whether whole numbers do not come out exact: an activation's doing, or a transform's."""
        return not self.layer.is_exact or error_bounds.is_transform(self.source.plan)

    @cached_property
    def spec(self) -> Any:
        """The layer's own, made once for all trials."""
        return self.layer.spec()


def split(layer: Layer, given: Data) -> tuple[np.ndarray, np.ndarray | None]:
    """(kernel, bias) in the problem's shapes."""
    return layer.spec().problem_weights(given.weights)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Trial:
    """One kernel on the first sample of `given`."""

    kernel: Kernel
    given: Data
    whole: bool

    @property
    def steps(self) -> int:
        return self.given.x.shape[1 if self.kernel.layer.channels_last else 2]

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray | None]:
        """(kernel, bias) in the problem's shapes."""
        return self.kernel.spec.problem_weights(self.given.weights)  # type: ignore[no-any-return]

    def call(self, number: int) -> Call:
        plan, (kernel, bias) = self.kernel.source.plan, self.arrays
        problem = plan.problem
        outs = problem.out_steps(self.steps) * problem.out_filters
        slices = SLICES[(number + self.steps) % len(SLICES)] if plan.sliced else 0
        if plan.weights == "baked":
            return Call(number, self.given.x[0], None, None, self.steps, outs, slices)
        stored = plan.kernel_format.encode(kernel)
        packed = plan.pack(stored) if plan.weights == "packed" else stored
        return Call(number, self.given.x[0], packed, bias, self.steps, outs, slices)

    def check(self, y: np.ndarray) -> None:
        """Whole numbers through an exact activation: equal. Otherwise: within the bound. Raises AssertionError."""
        plan, (kernel, bias) = self.kernel.source.plan, self.arrays
        problem, x = plan.problem, self.given.x[:1]
        exact = self.whole and not self.kernel.rounds
        integer = exact and problem.activation.name in INTEGER and not self.kernel.layer.activation[1]
        wide = "longdouble" if problem.dtype == "float64" and not integer else "float64"  # exact on whole numbers
        expected = reference.convolve(problem, x, kernel, bias, dtype=wide)[0].ravel()
        assert not integer or np.abs(expected).max(initial=0) < 2**53
        allowed = 0 if exact else error_bounds.bound(plan, self.kernel.accuracy, x, kernel, bias)[0].ravel()
        wrong = ~(np.abs(y - expected) <= allowed)
        assert not wrong.any(), (
            f"{self.kernel.source.name} on {problem}, {plan.target.name}, "
            f"{plan.algorithm.name}, weights {plan.weights}, steps {self.steps}: "
            f"{wrong.sum()} of {y.size} outputs differ, first at {wrong.argmax()}: "
            f"got {y[wrong][:4]}, expected {expected[wrong][:4]}, "
            f"allowed {np.broadcast_to(allowed, y.shape)[wrong][:4]}"
        )


def kernels(layers: Sequence[Layer], target: Target, first: int = 0) -> list[Kernel]:
    """A kernel for each layer: every fifth in float64, every fifth with baked weights, two fifths with packed ones."""
    made = []
    for number, layer in enumerate(layers, first):
        dtype = "float64" if number % 5 == 3 else "float32"
        weights = WEIGHTS[number // 5 % 5]
        made.append(Kernel.of(layer, target, f"k{number}", weights, dtype=dtype))
    return made


def one_of_each(layers: Sequence[Layer], target: Target, seed: int, accuracy: Accuracy = "fast") -> list[Kernel]:
    """For each layer a random plan of every algorithm that serves it; weights packed or baked, half of them sliced."""
    return [Kernel.planned(*drawn, accuracy) for drawn in plans_of_each(layers, target, seed, accuracy)]


def plans_of_each(
    layers: Sequence[Layer], target: Target, seed: int, accuracy: Accuracy
) -> Iterator[tuple[Layer, KernelPlan, str]]:
    """The same before they are emitted: (layer, plan, name)."""
    rng = np.random.default_rng(seed)
    for number, layer in enumerate(layers):
        dtype, weights = ("float64" if number % 5 == 3 else "float32"), ("packed", "packed", "baked")[number % 3]
        problem = layer.spec(dtype=dtype).lower()
        served: dict[str, list[KernelPlan]] = {}
        for plan in planner.survey(Request(problem, Ask(target, weights, accuracy))).found:  # type: ignore[arg-type]
            served.setdefault(plan.algorithm.name, []).append(plan)
        for algorithm, plans in served.items():
            plan = plans[int(rng.integers(len(plans)))].asked(sliced=bool(rng.integers(2)))
            yield layer, plan, f"k{number}_{algorithm}"


def lengths(layer: Layer) -> list[int]:
    """The lengths to run a layer at: its own, and for a free one the awkward ones too."""
    if not layer.free:
        return [layer.steps]
    reach = layer.arguments["dilation_rate"] * (layer.arguments["kernel_size"] - 1) + 1
    return sorted({0, 1, 2, max(0, reach - 1), reach, layer.steps, layer.steps + 29})


def trials(kernel: Kernel, seed: int) -> Iterator[Trial]:
    """Whole numbers at every length, other numbers at one; baked weights stay what they are."""
    for whole, at in ((True, lengths(kernel.layer)), (False, [kernel.layer.steps])):
        for steps in at:
            given = data(kernel.layer, seed + steps, whole=whole, steps=steps)
            if kernel.baked:
                given = replace(kernel.baked, x=given.x)
            yield Trial(kernel, given, whole)


def run(program: Program, tried: Sequence[tuple[int, Trial]]) -> None:
    """Runs (kernel number, trial) pairs in one program and checks all; AssertionError names each wrong kernel."""
    outputs = program.run([trial.call(number) for number, trial in tried])
    wrong: dict[str, str] = {}
    for (_, trial), y in zip(tried, outputs, strict=True):
        try:
            trial.check(y)
        except AssertionError as error:
            wrong.setdefault(trial.kernel.source.name, str(error))
    assert not wrong, f"{len(wrong)} kernels are wrong:\n" + "\n".join(list(wrong.values())[:5])


def run_all(layers: Sequence[Layer], target: Target, tools: Toolchain, folder: Path, **options: Any) -> None:
    """Compiles and tries all layers, a few hundred to a program; `options` are those of Program."""
    for start in range(0, len(layers), PER_PROGRAM):
        try_all(kernels(layers[start : start + PER_PROGRAM], target, start), tools, folder, start, **options)


def try_all(made: Sequence[Kernel], tools: Toolchain, folder: Path, seed: int = 0, **options: Any) -> None:
    """Compiles `made` into one program and tries all."""
    with TemporaryDirectory(dir=folder) as place:
        program = Program([kernel.source for kernel in made], tools, Path(place), **options)
        run(program, [(i, trial) for i, kernel in enumerate(made) for trial in trials(kernel, seed + i)])

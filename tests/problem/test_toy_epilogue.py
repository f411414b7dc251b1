"""To add a stage to the epilogue: one record and its text. Toy ones, handed for a while, go all the way."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from codegen.emission import banner
from codegen.emission.render import GeneratedSource, render
from codegen.errors import PlanError, ShapeError
from codegen.functions import activations
from codegen.installed import texts
from codegen.machine import compilers, loader, wisdom
from codegen.numbers.formats import Format
from codegen.planning import error_bounds, planner
from codegen.planning.ask import Ask
from codegen.planning.plan import KernelPlan, Request
from codegen.problem import reference
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue, Operand, Stage
from codegen.problem.stages import Activated, Bias
from codegen.problem.targets import TARGETS, runs_here

Array = Any

# The toys: all of them.


@dataclass(frozen=True)
class Scale(Stage):
    """A factor for each filter."""

    name = "scale"
    operands = (Operand("scale", "filter", "factors", "scales", factor=True),)

    def told(self, total: str) -> str:
        return f"scale[f] * ({total})"

    def reference(self, sums: Array, operands: Sequence[Array], held: Format) -> Array:
        return sums * operands[0]

    def moved(self, sums: Array, y: Array, error: Array, operands: Sequence[Array], held: Format) -> Array:
        moved = error * np.abs(operands[0])
        return moved + held.unit * (np.abs(y) + moved) + held.least / 2


@dataclass(frozen=True)
class Residual(Stage):
    """What lies as y does is added, times a number that all outputs share."""

    name = "residual"
    operands = (
        Operand("residual", "output", "rest", "rests"),
        Operand("weight", "call", "weighing", "weights", factor=True),
    )

    def told(self, total: str) -> str:
        return f"weight * residual[t, f] + ({total})"

    def reference(self, sums: Array, operands: Sequence[Array], held: Format) -> Array:
        return sums + operands[0] * operands[1]

    def moved(self, sums: Array, y: Array, error: Array, operands: Sequence[Array], held: Format) -> Array:
        added = np.abs(operands[0] * operands[1])
        return error + held.unit * (2 * added + np.abs(y) + error) + held.least


TEXTS = {
    "epilogue/scale.c.j2": """\
/* scale: each filter has a factor of its own. */
{% for n in lanes %}
#define v{{ n }}_scale(x, factors) ((x) * (factors))
{% endfor %}
""",
    "epilogue/residual.c.j2": """\
/* residual: what another branch made is added. */
{% for n in lanes %}
#define v{{ n }}_residual(x, rest, weight) ((x) + (rest) * (weight))
{% endfor %}
""",
}

# What they do.

BRANCHED = Epilogue((Bias(), Scale(), Residual(), Activated(activations.get("relu"))))
SCALED = Epilogue((Scale(), Activated(activations.get("tanh"))))
PLAIN = Epilogue((Residual(), Scale()))
PROBLEMS = {
    "peeled": ConvProblem(50, 5, 11, 3, pad_left=1, pad_right=1, epilogue=BRANCHED),
    "free": ConvProblem(None, 5, 19, 3, stride=2, pad_left=4, pad_right=2, epilogue=BRANCHED),
    "long activation": ConvProblem(None, 4, 16, 3, pad_left=2, epilogue=SCALED),
    "no bias": ConvProblem(41, 3, 8, 2, dilation=3, pad_left=3, epilogue=PLAIN),
    "groups": ConvProblem(30, 6, 9, 3, groups=3, pad_left=2, epilogue=BRANCHED),
    "depthwise": ConvProblem(None, 13, 13, 3, groups=13, pad_left=2, epilogue=BRANCHED),
    "channels first": ConvProblem(60, 3, 7, 3, channels_last=False, pad_left=2, epilogue=BRANCHED),
    "channels first, free": ConvProblem(None, 2, 3, 3, channels_last=False, pad_left=1, pad_right=1, epilogue=PLAIN),
    "channels first, scaled": ConvProblem(300, 16, 24, 3, channels_last=False, epilogue=SCALED),
    "upsampled": ConvProblem(30, 4, 6, 5, up=2, pad_left=4, pad_right=4, epilogue=SCALED),
    "double": ConvProblem(30, 4, 6, 3, dtype="float64", pad_left=2, epilogue=BRANCHED),
    "wide": ConvProblem(200, 64, 64, 3, pad_left=1, pad_right=1, epilogue=SCALED),
}
needs_compiler = pytest.mark.skipif(compilers.find() is None, reason="needs a C compiler")


@pytest.fixture(autouse=True)
def toys() -> Iterator[None]:
    with texts(TEXTS):
        yield


def request(problem: ConvProblem, target: str = "scalar", weights: Any = "packed", accuracy: Any = "fast") -> Any:
    return Request(problem, Ask(TARGETS[target], weights, accuracy))


def written(plan: KernelPlan, **options: Any) -> GeneratedSource:
    return render(plan, "k", banner=(banner.formula(plan.problem),), **options)


def test_a_plan_is_made_and_told() -> None:
    problem = PROBLEMS["peeled"]
    plan = planner.answer(request(problem, weights="argument"))
    source = written(plan)
    assert "relu(weight * residual[t, f] + (scale[f] * (bias[f] + sum over" in source.code
    whole = source.functions[0]
    assert [(one.name, one.told) for one in whole.parameters][2:6] == [
        ("bias", "(11,)"),
        ("scale", "(11,)"),
        ("residual", "(50, 11): output steps, filters"),
        ("weight", "(1,)"),
    ]
    assert plan.weight_bytes == 4 * (3 * 5 * 11 + 11 + 11 + 1)
    assert "bias=" not in wisdom.asked(problem)
    assert wisdom.asked(problem).endswith(
        "scale=True,residual=True,activation=relu(negative_slope=0.0,max_value=None,threshold=0.0)"
    )


def test_weights_are_baked_and_data_are_arguments() -> None:
    problem, rng = PROBLEMS["peeled"], np.random.default_rng(1)
    plan = planner.answer(request(problem, weights="baked"))
    arrays = [rng.standard_normal(shape).astype("f") for shape in (problem.kernel_shape, (11,), (11,), (1,))]
    source = written(plan, weights=arrays)
    assert "static const float k_scale[11]" in source.code
    assert [one.name for one in source.functions[0].parameters] == ["x", "residual", "y"]


def test_an_algorithm_whose_sums_lie_elsewhere_says_so() -> None:
    refused = dict(planner.survey(request(replace(PROBLEMS["channels first"], channels=40, filters=40))).refused)
    assert refused["relayout"] == "its sums do not lie as those of y do, so that it cannot read `residual` with them"


def test_an_order_without_sense_is_refused() -> None:
    for stages, reason in (
        ((Scale(), Bias()), "`bias` is where sums begin, so it is first"),
        ((Activated(activations.get("softmax")), Scale()), "`activation` takes whole rows, so it is last"),
        ((Scale(), Scale()), "two stages `scale`"),
    ):
        with pytest.raises(PlanError, match=reason):
            Epilogue(stages)


def test_the_reference_and_its_bound_go_through_the_stages() -> None:
    problem = ConvProblem(3, 1, 2, 1, epilogue=PLAIN)
    x, kernel, rest = np.array([[[1.0], [2], [3]]]), np.array([[[2.0, -1]]]), np.arange(6.0).reshape(1, 3, 2)
    y = reference.convolve(problem, x, kernel, rest, np.array([0.5]), np.array([4.0, 1]))
    assert y.tolist() == [[[8.0, -0.5], [20.0, -0.5], [32.0, -0.5]]]
    bound = reference.bound(problem, x, kernel, rest, np.array([0.5]), np.array([4.0, 1]))
    plain = reference.bound(replace(problem, epilogue=Epilogue()), x, kernel)
    assert (bound[..., 0] > 4 * plain[..., 0]).all()
    assert (bound < 1e-5).all()
    with pytest.raises(ShapeError, match="reads 3 arrays, got 4"):
        reference.convolve(problem, x, kernel, rest, np.ones(1), np.ones(2), np.ones(2))


@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_every_algorithm_computes_it(target: str) -> None:
    """Each plan's kernel is proved by the self-test, then held to the bound; on whole numbers, to the bit."""
    if not runs_here(TARGETS[target]):
        pytest.skip(f"no {target} here")
    rng, tried = np.random.default_rng(2), set()
    for (name, problem), weights in product(PROBLEMS.items(), ("packed", "argument")):
        for plan in planner.best_of_each(request(problem, target, weights)):
            way = (plan.algorithm.name, *sorted(each.name for each in plan.innermost), name)
            if way in tried:
                continue
            tried.add(way)
            plan = plan.asked(sliced=len(tried) % 3 == 0)
            kernel = loader.load(written(plan), plan.target, threads=2)
            assert kernel.path, "it was not compiled"
            _right(kernel, rng)
    algorithms = {way[0] for way in tried}
    assert {"direct_filters", "direct_steps", "depthwise", "rolled", "relayout", "upsampled"} <= algorithms
    assert algorithms & {"winograd", "fft"}


def _right(kernel: loader.Kernel, rng: np.random.Generator) -> None:
    p = kernel.plan.problem
    steps = p.steps or 43
    shapes = [p.in_shape(3, steps), p.kernel_shape, *(p.operand_shape(one, 3, steps) for one in p.epilogue.operands)]
    for whole in (True, False):
        draw = rng.integers(-8, 9, 1000) if whole else rng.standard_normal(1000)
        x, taps, *operands = (rng.choice(draw, shape).astype(p.dtype) for shape in shapes)
        y = np.full(p.out_shape(3, steps), np.nan, p.dtype)
        kernel.check(x, y, kernel.pack(taps), *operands)
        kernel.run(x, y, kernel.pack(taps), *operands)
        exact = reference.convolve(p, x, taps, *operands, dtype=p.format.exact_in)
        allowed = error_bounds.bound(kernel.plan, "fast", x, taps, *operands)
        assert (np.abs(y - exact) <= allowed).all(), kernel.plan
        if whole and p.epilogue not in (SCALED,) and not error_bounds.is_transform(kernel.plan):
            assert np.array_equal(y, exact), kernel.plan
        again = np.zeros_like(y)
        kernel.bind(x, again, kernel.pack(taps), *operands)()
        assert np.array_equal(again, y)


@pytest.mark.compiles
@needs_compiler
def test_operands_are_looked_at_before_a_call() -> None:
    p = PROBLEMS["peeled"]
    plan = planner.answer(request(p))
    kernel = loader.load(written(plan), plan.target)
    x, y, taps = np.zeros((2, 50, 5), "f"), np.zeros((2, 50, 11), "f"), kernel.pack(np.zeros(p.kernel_shape, "f"))
    bias, scale, rest, weight = np.zeros(11, "f"), np.zeros(11, "f"), np.zeros_like(y), np.zeros(1, "f")
    kernel.check(x, y, taps, bias, scale, rest, weight)
    with pytest.raises(ShapeError, match=r"`residual`: got float32 \(50, 11\), expected contiguous float32 \(2, 5"):
        kernel.check(x, y, taps, bias, scale, rest[0], weight)
    with pytest.raises(ShapeError, match="`weight`: got nothing"):
        kernel.check(x, y, taps, bias, scale, rest)


@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize("text", ["scale", "residual"])
def test_a_stage_that_computes_another_thing_does_not_pass(text: str) -> None:
    name = f"epilogue/{text}.c.j2"
    wrong = TEXTS[name].replace("(x) * (factors)", "(factors)").replace("(rest) * (weight)", "(rest)")
    assert wrong != TEXTS[name]
    plan = planner.answer(request(PROBLEMS["peeled"]))
    assert loader.load(written(plan), plan.target).path
    with texts({name: wrong}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said once a process
        assert loader.load(written(plan), plan.target).path is None

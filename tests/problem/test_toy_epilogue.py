"""To add a stage to the epilogue: one record and its text. Toy ones, handed for a while, go all the way."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.emission import banner
from codegen.emission.render import GeneratedSource, render
from codegen.errors import PlanError, ShapeError
from codegen.functions import activations
from codegen.gradients import backward as back
from codegen.gradients import emit, libraries
from codegen.installed import texts
from codegen.machine import compilers, loader, wisdom
from codegen.numbers.formats import Format
from codegen.planning import error_bounds, planner
from codegen.planning.ask import Ask
from codegen.planning.plan import KernelPlan, Request
from codegen.problem import reference
from codegen.problem.chain import separable
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue, Operand, Stage
from codegen.problem.problem import Problem
from codegen.problem.stages import Activated, Bias
from codegen.problem.targets import TARGETS, runs_here
from tests.support import cprogram

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

    def slopes(self, sums: Array, operands: Sequence[Array], held: Format) -> tuple[Array, ...]:
        return operands[0], sums


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

    def slopes(self, sums: Array, operands: Sequence[Array], held: Format) -> tuple[Array, ...]:
        return np.ones(()), operands[1], operands[0]


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
    "epilogue/slopes/scale.c.j2": """\
/* scale's slopes by the sums and by its factors. */
{% for n in lanes %}
#define v{{ n }}_scale_slope(x, factors) ((void)(x), (factors))
#define v{{ n }}_scale_slope_scale(x, factors) ((void)(factors), (x))
{% endfor %}
""",
    "epilogue/slopes/residual.c.j2": """\
/* residual's slopes by the sums, by the other branch and by its weight. */
{% for n in lanes %}
#define v{{ n }}_residual_slope(x, rest, weight) ((void)(x), (void)(rest), (void)(weight), v{{ n }}_set1(1))
#define v{{ n }}_residual_slope_residual(x, rest, weight) ((void)(x), (void)(rest), (weight))
#define v{{ n }}_residual_slope_weight(x, rest, weight) ((void)(x), (void)(weight), (rest))
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


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_every_algorithm_computes_it(target: str, share: Callable[..., Any]) -> None:
    """A plan's kernel is proved by the self-test, then held to the bound; on whole numbers, to the bit.

    Of each algorithm a third of its problems with each commit.
    """
    if not runs_here(TARGETS[target]):
        pytest.skip(f"no {target} here")
    rng, ways = np.random.default_rng(2), dict[tuple[str, ...], dict[str, KernelPlan]]()
    for (name, problem), weights in product(PROBLEMS.items(), ("packed", "argument")):
        for plan in planner.best_of_each(request(problem, target, weights)):
            way = (plan.algorithm.name, *sorted(each.name for each in plan.innermost))
            ways.setdefault(way, {}).setdefault(name, plan)
    tried = [one for plans in ways.values() for one in share([*plans.values()], min(3, len(plans)))]
    for number, plan in enumerate(tried):
        plan = plan.asked(sliced=number % 3 == 0)
        kernel = loader.load(written(plan), plan.target, threads=2)
        assert kernel.path, "it was not compiled"
        _right(kernel, rng)
    algorithms = {plan.algorithm.name for plan in tried}
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


# The way back.

MIDDLE = Epilogue((Bias(), Activated(activations.get("tanh")), Scale(), Residual()))
ROWS = Epilogue((Bias(), Scale(), Activated(activations.get("softmax"))))
BACKWARD = {
    "filters": ConvProblem(70, 5, 19, 3, pad_left=1, pad_right=1, epilogue=BRANCHED),
    "one filter": ConvProblem(61, 3, 1, 2, epilogue=PLAIN),
    "time": ConvProblem(61, 3, 5, 3, channels_last=False, pad_left=2, epilogue=BRANCHED),
    "an activation between": ConvProblem(40, 2, 9, 3, dtype="float64", epilogue=MIDDLE),
    "rows": ConvProblem(20, 2, 6, 3, epilogue=ROWS),
    "chain": separable(ConvProblem(30, 4, 6, 3, pad_left=2, epilogue=BRANCHED), 2),
}


def drawn(p: Problem, seed: int) -> tuple[Array, ...]:
    """x, the kernel and the operands of three samples."""
    rng, steps = np.random.default_rng(seed), p.steps or 0
    shapes = [p.in_shape(3, steps), p.kernel_shape, *(p.operand_shape(one, 3, steps) for one in p.epilogue.operands)]
    return tuple(rng.standard_normal(shape) for shape in shapes)


def gradients(p: Problem, target: str, dy: Array, x: Array, kernel: Array, *operands: Array) -> tuple[Array, ...]:
    """Those of x, of the kernel and of the operands, by the kernels for the target."""
    way = back.way(p, p.steps or 0, Ask(TARGETS[target], accuracy="exact"))
    dx, dkernel, others = way.back(*(each.astype(p.dtype) for each in (x, kernel)), operands, dy.astype(p.dtype), None)
    return dx, dkernel.reshape(p.kernel_shape), *others


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_gradients_go_through_every_stage(target: str, share: Callable[..., Any]) -> None:
    """Each array moved by a little moves the loss by its gradient; the definition in NumPy says the same."""
    if not runs_here(TARGETS[target]):
        pytest.skip(f"no {target} here")
    for seed, (name, p) in share([*enumerate(BACKWARD.items())], 2):
        arrays = drawn(p, seed)
        x, kernel, *operands = arrays
        dy = np.random.default_rng(99).standard_normal(p.out_shape(3, p.steps or 0))
        held = tuple(each.astype(p.dtype) for each in operands)
        found = gradients(p, target, dy, x, kernel, *held)
        for number, (gradient, array) in enumerate(zip(found, arrays, strict=True)):
            assert gradient.dtype == p.dtype
            assert gradient.shape == array.shape
            step = 1e-6 * np.random.default_rng(number).choice((-1.0, 1.0), array.shape)
            moved = [(*arrays[:number], array + sign * step, *arrays[number + 1 :]) for sign in (1, -1)]
            up, down = ((dy * reference.convolve(p, *each)).sum() for each in moved)
            expected, size = (up - down) / 2, np.abs(gradient * step).sum()
            assert abs((gradient * step).sum() - expected) <= 2e-4 * size, (name, number)
        assert all(np.abs(gradient).max() > 0 for gradient in found)


@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize("text", ["scale", "residual"])
def test_a_slope_that_is_another_one_does_not_pass(text: str) -> None:
    """Nor does a gradient of NumPy's differ from that of C, which it stands in for."""
    name = f"epilogue/slopes/{text}.c.j2"
    wrong = (
        TEXTS[name]
        .replace("(factors), (x))", "(factors), (factors))")
        .replace("(weight), (rest))", "(weight), (weight))")
    )
    assert wrong != TEXTS[name]
    p = BACKWARD["filters"]
    x, kernel, *operands = drawn(p, 1)
    given = (
        np.random.default_rng(2).standard_normal(p.out_shape(3, 70)),
        x,
        kernel,
        *(one.astype("f") for one in operands),
    )
    right = gradients(p, "scalar", *given)
    back.way.cache_clear()
    libraries.Backward.cache_clear()
    with texts({name: wrong}), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said once a process
        assert libraries.Backward(p, Ask(TARGETS["scalar"], accuracy="exact"))._output_library is None
        for c, numpy in zip(right, gradients(p, "scalar", *given), strict=True):
            np.testing.assert_allclose(c, numpy, rtol=1e-4, atol=1e-4)


def test_backward_functions_take_the_operands() -> None:
    p = BACKWARD["filters"]
    source = emit.written(emit.of_problem(p, Ask(TARGETS["avx2"])), "k")
    declared = source.header.partition("void k_backward_output(")[2].partition(";")[0]
    assert [line.split(",")[0].split(")")[0].strip() for line in declared.strip().splitlines()] == [
        "const float *z",
        "const float *scale",
        "const float *residual",
        "const float *weight",
        "const float *dy",
        "float *dz",
        "float *dbias",
        "float *dscale",
        "float *dresidual",
        "float *dweight",
    ]
    assert (
        "what belongs to the bias and the scale and the weight is added to dbias and dscale and dweight" in source.code
    )


@pytest.mark.compiles
def test_an_activation_and_its_slope_stand_in_one_file(need: Callable[..., Any], tmp_path: Path) -> None:
    """Those whose texts share parts; without a warning, as the stages around them."""
    tools = need(cprogram.toolchain, TARGETS["avx2"], run=False)
    for number, name in enumerate(("gelu", "softplus", "squareplus", "elu")):
        stages = (Bias(), Activated(activations.get(name)), Scale(), Residual())
        p = ConvProblem(20, 2, 9, 3, channels_last=bool(number % 2), epilogue=Epilogue(stages))
        for file, text in emit.written(emit.of_problem(p, Ask(TARGETS["avx2"])), f"k{number}").files:
            (tmp_path / file).write_text(text)
    files = [one.name for one in sorted(tmp_path.glob("*.c"))]
    cprogram.compile_c((*tools.compiler, *cprogram.WARNINGS, "-fsyntax-only", *files), tmp_path)

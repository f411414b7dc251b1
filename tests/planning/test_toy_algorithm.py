"""To add an algorithm: one record, one writer, one template. A toy one, registered for a while, goes all the way."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.cli import main
from codegen.emission.cformat import times
from codegen.emission.ending import Cell, Ending, operand_names
from codegen.emission.expressions import Place, Variable
from codegen.emission.packing import packs
from codegen.emission.registry import WRITERS, registered
from codegen.emission.render import render
from codegen.emission.writer import Move, Packing, PackingOf, Writer
from codegen.errors import PlanError, UsageError
from codegen.machine import compilers, loader, measure, wisdom
from codegen.planning import planner
from codegen.planning.algorithms import direct_filters
from codegen.planning.algorithms.table import ALGORITHMS
from codegen.planning.ask import Ask
from codegen.planning.cost import Cost
from codegen.planning.plan import Algorithm, BestOfEach, KernelPlan, Key, Request
from codegen.problem import reference
from codegen.problem.chain import separable
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import TARGETS, native
from tests.support import carried, cprogram, strategies, trials
from tests.support.cprogram import Call, Program

# The toy: all of it.


@dataclass(frozen=True)
class Schedule:
    """`outs` outputs before the next filter."""

    outs: int


def why_not(request: Request) -> str | None:
    p = request.problem
    if p.steps is None or not p.channels_last or p.groups > 1:
        return "it is a toy: one group in channels_last, of known length"
    return None


def candidates(request: Request, best_of_each: BestOfEach) -> list[KernelPlan[Schedule]]:
    """Cheaper than any other, it says."""
    p, cost = request.problem, direct_filters.plans(request, 16)[0].cost.cycles / 2
    return [KernelPlan(p, request.ask, TOY, Schedule(outs), Cost(cost * outs)) for outs in (1, 2)]


def describe(plan: KernelPlan[Schedule]) -> str:
    return f"toy, {plan.schedule.outs} at a time"


def pack(plan: KernelPlan[Schedule], kernel: np.ndarray) -> np.ndarray:
    """Filter by filter."""
    return kernel.reshape(-1, plan.problem.filters).T.ravel()


def packed_numbers(plan: KernelPlan[Schedule]) -> int:
    return plan.problem.terms * plan.problem.filters


def key(schedule: Schedule) -> Key:
    return (schedule.outs,)


def turns(schedule: Schedule) -> tuple[int, ...]:
    return (schedule.outs,)


TOY = Algorithm("toy", why_not, candidates, describe, pack, packed_numbers, key, turns)

TEXTS = {
    "toy.c.j2": """\
/* One output: the taps that lie inside the input, all channels. */
static {{ c }} {{ name }}_sum(const {{ c }} *x, const {{ c }} *w, ptrdiff_t at)
{
    {{ c }} sum = 0;

    for (ptrdiff_t k = 0; k < {{ p.kernel_size }}; ++k)
        for (ptrdiff_t c = 0; c < {{ p.channels }} && at + {{ tap }} >= 0 && at + {{ tap }} < {{ p.steps }}; ++c)
            sum += w[{{ weight }}] * x[{{ p.channels }} * (at + {{ tap }}) + c];
    return sum;
}

{{ entry }}
{
    const ptrdiff_t chunks = {{ chunks }};

    for (ptrdiff_t chunk = {{ chunk_from }}; chunk < {{ chunk_to }}; ++chunk)
        for (ptrdiff_t f = 0; f < {{ p.filters }}; ++f)
            for (ptrdiff_t t = {{ first }}; t < {{ outs }} && t < {{ first }} + {{ size }}; ++t)
                y[{{ p.filters }} * t + f] = {{ value }};
}
"""
}


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    p, prefix, size = plan.problem, f"{name}_" if plan.weights == "baked" else "", plan.schedule.outs
    packed, outs = plan.weights != "argument", p.out_steps(p.steps or 0)
    value = (
        f"{name}_sum(x, {prefix}kernel + {times(p.terms if packed else 1, 'f')}, {times(p.stride, 't')} - {p.pad_left})"
    )
    ending = Ending.of(plan, 1, across=True, names=operand_names(plan, name))
    cell = Cell(((1, "f"),), ((p.filters, "t"), (1, "f")))
    row = f"({times(p.channels, 'k')} + c)"
    return {
        "tap": times(p.dilation, "k"),
        "weight": row if packed else times(p.filters, row),
        "chunks": -(-outs // size),
        "first": times(size, "chunk"),
        "size": size,
        "value": ending.apply(ending.total(value, cell), cell),
    }


def packing(plan: KernelPlan[Schedule], inner: PackingOf) -> Packing:
    f, i = Variable.counted("f", plan.problem.filters), Variable.counted("i", plan.problem.terms)
    return Packing((Move((f.loop, i.loop), Place.of((plan.problem.filters, i), (1, f))),))


WRITER = Writer("toy.c.j2", view, lanes=lambda plan: {1}, packing=packing)

# What it does.

PROBLEM = ConvProblem(50, 12, 20, 3, pad_left=1, pad_right=1)
REQUEST = Request(PROBLEM, Ask(native(), "packed", "fast"))
needs_compiler = pytest.mark.skipif(compilers.find() is None, reason="needs a C compiler")


@pytest.fixture
def toy() -> Iterator[None]:
    with registered(TOY, WRITER, TEXTS):
        yield


def names() -> set[str]:
    return {plan.algorithm.name for plan in planner.survey(REQUEST).found}


def test_it_comes_and_goes() -> None:
    before = planner.answer(REQUEST)
    with registered(TOY, WRITER, TEXTS):
        plan = planner.answer(REQUEST)
        assert plan.algorithm is TOY
        assert plan.schedule == Schedule(1)
        assert plan.key.startswith("toy-")
        assert dict(plan.rejected)["direct_filters"].startswith("estimated at")
        free = replace(REQUEST, problem=replace(PROBLEM, steps=None))
        assert dict(planner.answer(free).rejected)["toy"] == "it is a toy: one group in channels_last, of known length"
    assert planner.answer(REQUEST) == before
    assert "toy" not in {*names(), *(name for name, _ in before.rejected), *ALGORITHMS, *WRITERS}
    with pytest.raises(PlanError, match="no text for a plan of `toy`"):
        render(plan, "k")


def test_it_goes_after_an_error_too() -> None:
    with pytest.raises(AssertionError, match="still here"), registered(TOY, WRITER, TEXTS):
        raise AssertionError("still here" if "toy" in names() else "not there")
    assert "toy" not in names()


@pytest.mark.parametrize("name", ["", "Toy", "a b", "a-b", "x" * 33, "1a"])
def test_a_name_that_cannot_be_had(name: str) -> None:
    with (
        pytest.raises(UsageError, match="cannot be an algorithm's name"),
        registered(replace(TOY, name=name), WRITER, TEXTS),
    ):
        pass


def test_the_planner_outside_it_serves_no_more_than_it_says(toy: None) -> None:
    reasons = {
        "it serves one convolution, not a chain": separable(PROBLEM, 1),
        "no zeros between": replace(PROBLEM, up=2),
    }
    for reason, problem in reasons.items():
        assert reason in dict(planner.answer(replace(REQUEST, problem=problem)).rejected)["toy"]
    stored = planner.survey(replace(REQUEST, ask=replace(REQUEST.ask, numbers="float16"))).found
    assert "toy" not in {plan.algorithm.name for plan in stored}


def test_it_is_described(toy: None, tmp_path: Path) -> None:
    text = "conv1d stem { input_shape = (50, 12), filters = 20, kernel_size = 3, padding = same }"
    (tmp_path / "stem.conv").write_text(text)
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", stream)
        assert main.main(["show", str(tmp_path / "stem.conv"), "--json"]) == 0
    (shown,) = json.loads(stream.getvalue())["layers"]
    assert (shown["algorithm"], shown["plan"]) == ("toy", "toy, 1 at a time")
    assert main.main([str(tmp_path / "stem.conv"), "-o", str(tmp_path), "-q"]) == 0
    assert " * algorithm  toy, 1 at a time\n" in (tmp_path / "stem.c").read_text()


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_it_is_emitted_packed_and_right(toy: None, target: str, need: Callable[..., Any], tmp_path: Path) -> None:
    """Random layers by it, weights of every kind, whole and in slices; the packing of C is that of NumPy."""
    tools, made = need(cprogram.toolchain, TARGETS[target]), []
    for number, layer in enumerate(strategies.random_layers(60, 77)):
        weights = ("packed", "argument", "baked")[number % 3]
        found = planner.survey(Request(layer.spec().lower(), Ask(TARGETS[target], weights))).found  # type: ignore[arg-type]  # a word of Weights
        served = [plan for plan in found if plan.algorithm is TOY]
        for plan in served[number % 2 :][:1]:
            made.append(trials.Kernel.planned(layer, plan.asked(sliced=number % 5 == 0), f"k{number}", "exact"))
    assert len(made) >= 8
    trials.try_all(made, tools, tmp_path)
    packed = [one for one in made if packs(one.source.plan) and one.source.plan.weights == "packed"]
    assert packed
    program, calls, expected = Program([one.source for one in packed], tools, tmp_path), [], []
    for number, one in enumerate(packed):
        kernel, _ = trials.split(one.layer, strategies.data(one.layer, number, whole=True))
        expected.append(one.source.plan.pack(kernel))
        calls.append(Call(number, np.zeros(1), kernel, None, 0, expected[-1].size, pack=True))
    for y, wanted in zip(program.run(calls), expected, strict=True):
        assert np.array_equal(y, wanted)


@pytest.mark.compiles
@needs_compiler
def test_it_is_compiled_proved_and_known_again_by_its_text(toy: None) -> None:
    plan, rng = planner.answer(REQUEST), np.random.default_rng(1)
    x, kernel, bias = (rng.integers(-8, 9, shape).astype("f") for shape in ((2, 50, 12), (3, 12, 20), 20))
    running = loader.load_plan(plan, lambda plan: render(plan, "conv1d"))
    y = np.full((2, 50, 20), np.nan, "f")
    running.run(x, y, running.pack(kernel), bias)
    assert np.array_equal(y, reference.convolve(PROBLEM, x, kernel, bias))
    assert running.path
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TEXTS, "toy.c.j2", TEXTS["toy.c.j2"].replace("+ c]", "+ c + 0]"))
        assert loader.load_plan(plan, lambda plan: render(plan, "conv1d")).path != running.path


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize("activation", ["linear", "tanh"])
def test_it_goes_all_the_way(toy: None, activation: str, tmp_path: Path) -> None:
    text = f"conv1d toy {{ input_shape = (23, 5), filters = 6, kernel_size = 3, activation = {activation} }}"
    assert "float toy_sum(" in carried.through(text, tmp_path).code


@pytest.mark.compiles
@needs_compiler
def test_it_is_measured(tmp_path: Path) -> None:
    compiler = compilers.find()
    assert compiler
    with registered(TOY, WRITER, TEXTS):
        timed = {each.plan.algorithm.name: each for each in measure.measure(REQUEST)}
        assert {"toy", "direct_filters"} <= set(timed)
        assert all(each.seconds > 0 for each in timed.values())
        plan = timed["toy"].plan
        wisdom.remember(REQUEST, compiler, plan, timed["toy"].seconds, plan.describe(), tmp_path / "wisdom")
        assert measure.choice(REQUEST, "estimate", tmp_path / "wisdom") == plan.key
        assert planner.answer(REQUEST, plan.key).algorithm is TOY
    assert measure.choice(REQUEST, "estimate", tmp_path / "wisdom") is None
    assert planner.answer(REQUEST, plan.key).algorithm is not TOY

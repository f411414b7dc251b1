"""Plans' keys, which wisdom holds: the same on every day, whatever the code's names are, and others for other plans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, make_dataclass, replace
from typing import Any

import pytest

from codegen.functions import activations
from codegen.planning import planner
from codegen.planning.algorithms import (
    assembly,
    bilinear_schedule,
    by_length,
    direct_filters,
    direct_steps,
    dots,
    dots_channels,
    dots_stages,
    filter_blocks,
    integer,
    overlap_save_schedule,
    relayout,
    rolled,
    row_activation,
    separable,
    signal_as_channels,
    strides_as_channels,
    upsampled,
)
from codegen.planning.algorithms.output_phases import Part, Rows
from codegen.planning.algorithms.table import ALGORITHMS
from codegen.planning.algorithms.tiling import Panel, Segment, Span, Starts, Tile
from codegen.planning.ask import Ask, Weights
from codegen.planning.assembly.shape import shape
from codegen.planning.plan import KernelPlan, Key, Request
from codegen.problem import chain
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue
from codegen.problem.requantise import Requantise
from codegen.problem.stages import Bias, ending
from codegen.problem.targets import TARGETS

AVX2 = TARGETS["avx2"]
DENSE = ConvProblem(98, 40, 64, 3, pad_left=1, pad_right=1)
FIRST = replace(DENSE, channels_last=False)
WHOLE = replace(DENSE, dtype="int8", epilogue=Epilogue((Bias(), Requantise(0, -128, 127, "double"))))
PROBLEMS = {
    "direct_filters": DENSE,
    "direct_steps": FIRST,
    "depthwise": replace(DENSE, filters=40, groups=40),
    "winograd": DENSE,
    "fft": replace(DENSE, kernel_size=40),
    "overlap_save": replace(DENSE, channels=2, filters=2, groups=2, kernel_size=40),
    "signal_as_channels": replace(DENSE, channels=1, filters=1, kernel_size=33),
    "relayout": FIRST,
    "strides_as_channels": replace(FIRST, channels=2, kernel_size=8, stride=4),
    "upsampled": replace(DENSE, up=2),
    "separable": chain.separable(DENSE, 2),
    "row_activation": replace(DENSE, epilogue=ending(DENSE.bias, activations.get("softmax"))),
    "by_length": replace(DENSE, steps=None),
    "rolled": DENSE,
    "dots": WHOLE,
    "dots_channels": replace(WHOLE, filters=40, groups=40),
    "dots_phases": replace(WHOLE, up=2, kernel_size=4, pad_left=3, pad_right=3),
    "dots_stages": chain.Chain(
        (replace(WHOLE, filters=40, groups=40), replace(WHOLE, kernel_size=1, pad_left=0, pad_right=0)),
        ("depthwise", "pointwise"),
    ),
    "integer": WHOLE,
    "assembly": WHOLE,
}
SERVED = {"assembly": TARGETS["cortex-m4"]}  # the others are planned for AVX2
DERIVED = {"shapes"}  # of assembly's schedules: the problem decides it

PANEL = Panel(0, 2, 16, 17, 8, (0, 8))
FILTERS = direct_filters.Schedule(
    (filter_blocks.Block(PANEL, 6, (Tile(6, (Span(0, 3, 0, 6),), -40),), (Segment(1, 16, 0),)),),
    "fused",
    False,
    (1, 97),
    24,
    512,
)
BILINEAR = bilinear_schedule.Schedule("F(4,3)", 3, 1, 24, 6, (PANEL,), 4, 1008, 1040, 40, 2, True, False)
ROWS = Rows(2, 1, 3, 4, 5, (Part(0, 2, 1, -1, 3, -2),))
INTEGER = integer.Schedule((integer.Tile(2, 1), integer.Tile(1, 4)), 3)
KEYS: dict[str, tuple[Any, Key]] = {  # a change orphans what wisdom knows of the algorithm: on purpose only
    "direct_filters": (
        FILTERS,
        (
            (((0, 2, 16, 17, 8, (0, 8)), 6, ((6, ((0, 3, 0, 6),), -40),), ((1, 16, 0),)),),
            "fused",
            False,
            (1, 97),
            24,
            512,
        ),
    ),
    "direct_steps": (
        direct_steps.Schedule(4, 2, 8, Starts(3, 4, 6), "taps", None, 256),
        (4, 2, 8, "taps", (3, 4, 6), None, 256),
    ),
    "winograd": (
        BILINEAR,
        ("F(4,3)", 3, 1, 24, 6, ((0, 2, 16, 17, 8, (0, 8)),), 4, 1008, 1040, 40, 2, True, False),
    ),
    "overlap_save": (
        overlap_save_schedule.Schedule(128, 8, 8, 2, 4, 3, 5, 6, 48, 16),
        (128, 8, 8, 2, 4, 3, 5, 6, 48, 16),
    ),
    "signal_as_channels": (signal_as_channels.Schedule(16, 128), (16, 128)),
    "by_length": (by_length.Schedule((128, 512), (0, 1, 0)), ((128, 512), (0, 1, 0))),
    "relayout": (relayout.Schedule(True, 16, 7, 18, 9, 8, 4), (True, 16, 7, 18, 9, 8, 4)),
    "strides_as_channels": (strides_as_channels.Schedule(4, 25), (4, 25)),
    "upsampled": (
        upsampled.Schedule(ROWS, 64, (0, None)),
        ((2, 1, 3, 4, 5, ((0, 2, 1, -1, 3, -2),)), 64, (0, None)),
    ),
    "separable": (separable.Schedule(32, 34, False), (32, 34, False)),
    "row_activation": (row_activation.Schedule((8, 4, 1), True), ((8, 4, 1), True)),
    "rolled": (rolled.Schedule(8, False), (8, False)),
    "dots_channels": (dots_channels.Schedule(8), (8,)),
    "dots": (dots.Schedule(16, 6, 4, 102), (16, 6, 4, 102)),
    "dots_stages": (
        dots_stages.Schedule((dots_channels.Schedule(8), dots.Schedule(16, 6, 4, 102))),
        (("dots_channels", 8), ("dots", 16, 6, 4, 102)),
    ),
    "dots_phases": (dots.Schedule(16, 6, 4, 102), (16, 6, 4, 102)),
    "integer": (INTEGER, (((2, 1), (1, 4)), 3)),
    "assembly": (
        assembly.Schedule("dsp", (shape("dsp", WHOLE),), INTEGER),
        ("dsp", "dsp_pairs", (((2, 1), (1, 4)), 3)),
    ),
}
KEYS |= {"depthwise": KEYS["direct_filters"], "fft": KEYS["winograd"]}


def plans(name: str) -> list[KernelPlan]:
    weights: Weights = "baked" if PROBLEMS[name].format.whole else "packed"
    found = planner.survey(Request(PROBLEMS[name], Ask(SERVED.get(name, AVX2), weights, "wide"))).found
    return [plan for plan in found if plan.algorithm.name == name]


def test_every_algorithm_is_here() -> None:
    assert list(PROBLEMS) == list(ALGORITHMS)
    assert set(KEYS) == set(ALGORITHMS)


@pytest.mark.parametrize("name", KEYS)
def test_keys_are_what_they_were(name: str) -> None:
    schedule, key = KEYS[name]
    assert ALGORITHMS[name].key(schedule) == key


def test_a_plans_key_is_a_hash_of_its_own_and_its_parts() -> None:
    inner = replace(plans("direct_filters")[0], schedule=FILTERS)
    outer = replace(plans("row_activation")[0], schedule=KEYS["row_activation"][0], parts=(inner,))
    assert inner.key == "direct_filters-003f95e36736"
    assert outer.key == "row_activation-62aa643c5912"


def renamed(value: Any) -> Any:
    """The same under other names of the class and of its fields; the code's names still find each of them."""
    names = [each.name for each in fields(value)]
    places = {name: property(lambda self, i=i: getattr(self, f"other_{i}")) for i, name in enumerate(names)}
    other = make_dataclass("Other", [f"other_{i}" for i in range(len(names))], frozen=True, namespace=places)
    return other(*(getattr(value, name) for name in names))


@pytest.mark.parametrize("name", PROBLEMS)
def test_names_in_the_code_do_not_matter(name: str) -> None:
    """A renamed class or field leaves the key, which is of plain values alone."""

    def plain(value: object) -> bool:
        return all(map(plain, value)) if isinstance(value, tuple) else type(value) in (int, bool, str, type(None))

    for plan in plans(name)[:10]:
        other = renamed(plan.schedule)
        assert repr(other) != repr(plan.schedule)
        assert replace(plan, schedule=other).key == plan.key
        assert plain(plan.algorithm.key(plan.schedule))


def changed(value: Any) -> Iterator[Any]:
    """`value` with one number, flag or word changed, for each field of each dataclass in it."""
    if is_dataclass(value) and not isinstance(value, type):
        for each in (one for one in fields(value) if one.name not in DERIVED):
            yield from (replace(value, **{each.name: other}) for other in changed(getattr(value, each.name)))
    elif isinstance(value, tuple):
        for i, one in enumerate(value):
            yield from ((*value[:i], other, *value[i + 1 :]) for other in changed(one))
    elif isinstance(value, bool):
        yield not value
    else:
        yield f"{value}x" if isinstance(value, str) else 1 if value is None else value + 1


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_key_tells_all_of_the_schedule(name: str) -> None:
    found = plans(name)
    assert len({plan.key for plan in found}) == len({(plan.schedule, plan.parts) for plan in found})
    plan = found[0]
    others = [replace(plan, schedule=schedule).key for schedule in changed(plan.schedule)]
    assert len(others) >= len(fields(plan.schedule))
    assert len({plan.key, *others}) == len(others) + 1


@pytest.mark.parametrize("name", ["relayout", "upsampled", "separable", "row_activation"])
def test_a_key_tells_the_parts(name: str) -> None:
    plan = plans(name)[0]
    for i, part in enumerate(plan.parts):
        other = replace(part, schedule=next(changed(part.schedule)))
        parts = (*plan.parts[:i], other, *plan.parts[i + 1 :])
        assert replace(plan, parts=parts).key != plan.key

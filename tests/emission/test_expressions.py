"""Places as values: how they print, how far they go, and that a kernel's reach all of it and nothing beside."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from codegen.emission import relayout, render
from codegen.emission.expressions import Array, Place, Variable, block
from codegen.emission.microkernel import Spelling
from codegen.emission.packing import Pack, packs
from codegen.emission.relayout_side import Side
from codegen.emission.vectors import spelled
from codegen.errors import GenConvError
from codegen.language import reader
from codegen.planning import planner
from codegen.planning.algorithms import direct_filters
from codegen.planning.ask import Ask
from codegen.planning.plan import Request
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import TARGETS
from tests.support import strategies, trials

ROW, LANE = Variable.counted("i", 10), Variable.counted("j", 3)


@pytest.mark.parametrize(
    ("place", "text", "pointer", "least", "most"),
    [
        (Place.of(), "0", "x", 0, 0),
        (Place.of((1, ROW)), "i", "x + i", 0, 9),
        (Place.of((4, ROW), 3, (0, LANE), -3), "4 * i", "x + 4 * i", 0, 36),
        (Place.of((8, ROW), (-2, LANE), -5), "8 * i - 2 * j - 5", "x + 8 * i - 2 * j - 5", -9, 67),
        (Place.of((7, Variable.counted("k", 1)), 2), "2", "x + 2", 2, 2),
        (
            Place.of((1, Variable("(j < 2 ? 8 * j : 13)", 13))),
            "(j < 2 ? 8 * j : 13)",
            "x + (j < 2 ? 8 * j : 13)",
            0,
            13,
        ),
    ],
)
def test_prints_itself_and_knows_its_range(place: Place, text: str, pointer: str, least: int, most: int) -> None:
    assert (place.text, place.in_array("x")) == (text, pointer)
    assert (place.least, place.most) == (least, most)


def test_knows_what_holds_it() -> None:
    assert Place.of((1 << 28, Variable("i", 7)), (1 << 28) - 1).fits(32)
    assert not Place.of((1 << 28, Variable("i", 7)), 1 << 28).fits(32)
    assert Place.of((-1, Variable("i", 1 << 15))).fits(16)
    assert not Place.of((-1, Variable("i", 1 << 15)), -1).fits(16)


def test_a_square_of_a_panel_lies_inside_it() -> None:
    """Of 12 rows of 20 numbers the last square of 8 begins in row 4, number 12; one of 16 has too few rows."""
    side = Side("c", "steps", 8, 12, 20, surely=True)
    told = side.turned(lambda lanes: relayout.turn_function(f"turn_{lanes}", "float"), inwards=True)
    assert told == "turn_8(x + (steps * c + t), steps, rows + (20 * t + c), 20)"
    with pytest.raises(GenConvError, match=r"reaches from -80 to \d+ of 240 numbers"):
        replace(side, lanes=16).turned(lambda lanes: relayout.turn_function(f"turn_{lanes}", "float"), inwards=True)


def test_knows_whether_it_lies_inside_an_array() -> None:
    place = Place.of((4, ROW), (-1, LANE), 2)  # from 0 to 38
    assert place.inside(39) is place
    assert place.inside(42, range(4)) is place
    assert Place.of((4, ROW), -8).inside(37, range(8, 9)).least == -8  # the first that is read is 8 further on
    assert Place.of((4, ROW), -8).inside(0, range(0)).most == 28  # nothing is read
    for wrong, numbers, reach in ((place, 38, range(1)), (place, 41, range(4)), (Place.of((1, LANE), -1), 9, range(1))):
        with pytest.raises(GenConvError, match=f"of {numbers} numbers"):
            wrong.inside(numbers, reach)


def test_blocks_begin_where_they_are() -> None:
    assert block(1, 8, 0) == []
    assert Place.of(*block(3, 8, 16)) == Place.of((8, LANE))
    assert Place.of(*block(3, 8, 13)).text == "(j < 2 ? 8 * j : 13)"
    assert Place.of(*block(3, 8, 13)).most == 13


@pytest.mark.parametrize("wrong", ["filters", "outputs"])
def test_a_walk_beside_its_arrays_is_refused(wrong: str) -> None:
    """A plan whose block of filters, or whose last run of outputs, lies too far on."""
    (spec,) = reader.read("conv1d wrong {\n filters = 12\n kernel_size = 3\n input_shape = (40, 5)\n}\n")
    plan = planner.plan(spec.problem, Ask(TARGETS["avx2"]))
    assert isinstance(plan.schedule, direct_filters.Schedule)
    (one,) = plan.schedule.blocks
    panel, segment = one.panel, one.segments[-1]
    far = {
        "filters": replace(one, panel=replace(panel, first=panel.first + 1, last=panel.last + 1)),
        "outputs": replace(one, segments=(*one.segments[:-1], replace(segment, start=segment.start + 1))),
    }
    render.render(plan, "right")
    with pytest.raises(GenConvError, match=r"reaches from \d+ to \d+ of \d+ numbers"):
        render.render(replace(plan, schedule=replace(plan.schedule, blocks=(far[wrong],))), "wrong")


@pytest.mark.parametrize("field", ["sums_pitch", "pitch"])
def test_vectors_beside_a_workspace_are_refused(field: str) -> None:
    """A plan of blocks whose rows of sums, or of spectra, are too short for its vectors."""
    (spec,) = reader.read("depthwise_conv1d fir {\n kernel_size = 500\n input_shape = (5000, 2)\n}\n")
    found = planner.survey(Request(spec.problem, Ask(TARGETS["avx2"], "packed", "fast"))).found
    plan = next(one for one in found if one.algorithm.name == "overlap_save")
    render.render(plan, "right")
    with pytest.raises(GenConvError, match=r"reaches from \d+ to \d+ of -?\d+ numbers"):
        render.render(replace(plan, schedule=replace(plan.schedule, **{field: 1})), "wrong")


def test_an_array_hands_out_what_lies_in_it() -> None:
    four, row = Spelling(4, False, "float"), Array("row", 42)
    assert row.at((4, ROW), 2, taken=4) == "row + 4 * i + 2"
    assert row.number((4, ROW), 5) == "row[4 * i + 5]"
    assert row.load(four, (4, ROW), 2) == f"{spelled(4, '_load')}(row + 4 * i + 2)"
    assert row.store(four, "x", 38) == f"{spelled(4, '_store')}(row + 38, x);"
    for wrong in (
        lambda: row.at((4, ROW), 2, taken=5),
        lambda: row.number((4, ROW), 6),
        lambda: row.load(four, (4, ROW), 3),
        lambda: row.store(four, "x", 39),
        lambda: row.number(-1),
    ):
        with pytest.raises(GenConvError, match="of 42 numbers"):
            wrong()


def test_a_variables_loop_covers_it() -> None:
    assert LANE.loop == "for (ptrdiff_t j = 0; j < 3; ++j)"


@pytest.mark.long
@pytest.mark.parametrize("target", ["scalar", "avx2", "neon"])
def test_a_pack_function_reads_the_whole_kernel_and_nothing_beside(target: str, share: Callable[..., Any]) -> None:
    layers = [*strategies.random_layers(24, 11), *strategies.random_layers(24, 12, strategies.rewritten)]
    seen = 0
    for kernel in trials.one_of_each(share(layers, 3), TARGETS[target], seed=13):
        for pack in packs(kernel.source.plan) if kernel.source.plan.weights == "packed" else ():
            parts = [Pack("pack", "", part.plan, part.packing) for part in pack.packing.parts]
            for one in parts or [pack]:
                if one.packing.points:
                    the_points_are_all_made_of_the_whole_kernel(one)
                elif one.packing.tap_step:
                    continue  # a function of the file looks further
                else:
                    places = [move.place for move in one.packing.moves]
                    assert min(place.least for place in places) == 0
                    assert max(place.most for place in places) == math.prod(one.shape) - 1
                    assert all(place.fits(32) for place in places)
                seen += 1
    assert seen > 6


def the_points_are_all_made_of_the_whole_kernel(pack: Pack) -> None:
    points = pack.packing.points
    assert points is not None
    (tap, channel), panel, call = points.apart, points.panel, points.call
    read = (points.channels - 1) * channel + panel.offsets[-1] + panel.lanes - 1
    last = math.prod(pack.shape) - 1
    assert call.source.least == 0
    assert last <= call.source.most + (points.taps - 1) * tap + read < last + 1 + points.parts * points.taps * tap
    row = points.channels * panel.width
    assert call.target.least == 0
    assert call.target.most + (points.count - 1) * points.stride + row == pack.count


def test_parts_that_read_a_kernel_as_it_is_read_all_of_it_and_no_more() -> None:
    """Packed, the tile of one of them would have more numbers: 3 taps x 13 channels x 15 of 14 filters."""
    problem = ConvProblem(None, 13, 14, 3, dilation=3, pad_left=13, pad_right=3, channels_last=False)
    found = planner.survey(Request(problem, Ask(TARGETS["avx2"], "argument"))).found
    plans = [plan for plan in found if plan.algorithm.name == "by_length"]
    assert any(part.packed_numbers > plan.packed_numbers for plan in plans for part in plan.parts)
    for plan in plans:
        assert "    k_long(x, steps, kernel, " in render.render(plan, "k").code

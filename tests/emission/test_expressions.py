"""Places as values: how they print, how far they go, and that a kernel's reach all of it and nothing beside."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from codegen.emission.expressions import Place, Variable
from codegen.emission.packing import Pack, packs
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


def test_a_variables_loop_covers_it() -> None:
    assert LANE.loop == "for (ptrdiff_t j = 0; j < 3; ++j)"


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

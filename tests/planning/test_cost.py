"""What a plan takes: weighed by an objective, refused by limits with the limit's name and what is too much."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from codegen.errors import PlanError
from codegen.planning import planner
from codegen.planning.algorithms import cost
from codegen.planning.ask import Ask, Limits
from codegen.planning.cost import Cost
from codegen.planning.footprint import estimate
from codegen.planning.plan import Request
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import TARGETS
from codegen.specs import kinds

COST = Cost(cycles=1000.0, code_bytes=900, workspace_bytes=4000, stack_bytes=96)


def test_speed_weighs_cycles_alone_and_size_bytes_before_them() -> None:
    assert COST.weighed("speed") == 1000.0
    smaller, faster = Cost(9e9, 899, 4000, 96), Cost(999.0, 900, 4000, 96)
    assert smaller.weighed("size") < faster.weighed("size") < COST.weighed("size")
    assert faster.weighed("speed") < COST.weighed("speed") < smaller.weighed("speed")


def test_a_limit_refuses_by_name_and_bytes() -> None:
    assert COST.refused(Limits()) is None
    assert COST.refused(Limits(flash=900, ram=4096)) is None
    assert COST.refused(Limits(flash=512)) == "it takes 900 bytes of flash, 388 more than the 512 allowed"
    both = COST.refused(Limits(flash=899, ram=4095))
    assert both == (
        "it takes 900 bytes of flash, 1 more than the 899 allowed; "
        "it takes 4,096 bytes of RAM, 1 more than the 4,095 allowed"
    )
    assert (COST.beyond(Limits(flash=899, ram=4095)), COST.beyond(Limits(ram=10**6))) == (2, 0)


def test_no_limit_on_ram_holds_what_grows_with_the_input() -> None:
    free = Cost(10.0, workspace_bytes=64, step_bytes=8)
    assert free.refused(Limits(flash=0)) is None
    assert free.refused(Limits(ram=64)) == "each input step takes 8 bytes of RAM more, and the length is free"


FIRST = ConvProblem(3000, 80, 96, 3, pad_left=1, pad_right=1, channels_last=False)  # its fastest plans turn the input


@pytest.mark.parametrize(("filters", "vectors"), [(16, 1), (32, 2), (48, 3), (64, 4)])
def test_tiles_of_wide_vectors_have_several_of_them(filters: int, vectors: int) -> None:
    problem = ConvProblem(3600, 32, filters, 16, pad_left=0, pad_right=0)
    plan = planner.plan(problem, Ask(TARGETS["avx512"]))
    panels = [block.panel for block in plan.schedule.blocks]
    assert (plan.algorithm.name, max(len(panel.offsets) for panel in panels)) == ("direct_filters", vectors)
    assert all(panel.lanes == 16 for panel in panels)


STACK = 256  # bytes, of a plan without a workspace enough


def test_the_planner_takes_the_best_plan_that_fits() -> None:
    free = planner.plan(FIRST, Ask(TARGETS["avx2"]))
    assert free.algorithm.name == "relayout"
    most = free.workspace_bytes - 1
    plan = planner.plan(FIRST, Ask(TARGETS["avx2"], limits=Limits(ram=most)))
    assert plan.workspace_bytes <= most
    assert plan.cost.cycles >= free.cost.cycles
    none = planner.plan(FIRST, Ask(TARGETS["avx2"], limits=Limits(ram=STACK)))
    assert none.workspace_bytes == 0
    why = dict(none.rejected)["relayout"]
    found = planner.survey(Request(FIRST, Ask(TARGETS["avx2"]))).found
    least = min(estimate.told(each).cost.ram for each in found if each.algorithm.name == "relayout")
    assert why == f"it takes {least:,} bytes of RAM, {least - STACK:,} more than the {STACK} allowed"


def test_straight_line_code_of_more_values_than_registers_is_dearer() -> None:
    """256→256 K16 of 256 steps ran by FFT32 in 0.7 of the time that FFT64 took, and packs half as many numbers."""
    target = TARGETS["avx512"]
    assert [cost.spilling(target, values) for values in (8, 16, 32, 64)] == pytest.approx([1.0, 1.0, 1.6, 2.2])
    assert cost.spilling(TARGETS["avx2"], 128) == 1.0  # not measured there
    spec = kinds.Conv1DSpec(name="wide", input_shape=(256, 256), filters=256, kernel_size=16, padding="same")
    plan = planner.plan(spec.lower(), Ask(target, "packed", "fast"))
    assert plan.transforms[0][0] == "FFT32(17)"
    assert plan.packed_numbers == 47 * 256 * 256


def test_far_weights_of_many_times_the_kernel_must_be_worth_their_memory() -> None:
    """128→128 K11 d5 ran in 0.84 of the time by FFT32, whose weights are half of FFT64's."""
    spec = kinds.Conv1DSpec(
        name="far", input_shape=(4096, 128), filters=128, kernel_size=11, dilation_rate=5, padding="same"
    )
    plan = planner.plan(spec.lower(), Ask(TARGETS["avx512"], "packed", "fast"))
    assert plan.transforms[0][0] == "FFT32(22)"
    assert plan.packed_numbers * 11 == 47 * 11 * 128 * 128


def test_where_nothing_fits_the_error_tells_the_nearest() -> None:
    """glu's sums lie in the workspace, 30 outputs of 8 filters, and there is some stack."""
    sums = kinds.Conv1DSpec(name="gate", input_shape=(30, 4), filters=8, kernel_size=1, activation="glu").lower()
    with pytest.raises(PlanError) as caught:
        planner.plan(sums, Ask(limits=Limits(ram=900)))
    assert str(caught.value).startswith("no plan fits; of the nearest, ")
    taken, over = map(
        int, re.findall(r"takes ([\d,]+) bytes of RAM, (\d+) more than the 900 allowed;", plain(caught.value))[0]
    )
    assert 960 < taken == over + 900 < 960 + STACK
    found = planner.plan(sums, Ask(limits=Limits(ram=taken)))
    assert (found.workspace_bytes, found.cost.ram) == (960, taken)


def plain(error: Exception) -> str:
    """Its words, numbers without commas."""
    return re.sub(r"(?<=\d),(?=\d)", "", str(error))


def test_a_core_s_own_memory_is_a_limit() -> None:
    target = TARGETS["avx2"]
    small = replace(target, core=replace(target.core, budget=replace(target.core.budget, ram=STACK)))
    assert planner.plan(FIRST, Ask(small)).workspace_bytes == 0
    assert planner.plan(FIRST, Ask(small, limits=Limits(ram=10**9))).workspace_bytes == 0

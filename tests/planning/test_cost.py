"""What a plan takes: weighed by an objective, refused by limits with the limit's name and what is too much."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codegen.errors import PlanError
from codegen.planning import planner
from codegen.planning.ask import Ask, Limits
from codegen.planning.cost import Cost
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


def test_the_planner_takes_the_best_plan_that_fits() -> None:
    free = planner.plan(FIRST, Ask(TARGETS["avx2"]))
    assert free.algorithm.name == "relayout"
    most = free.workspace_bytes - 1
    plan = planner.plan(FIRST, Ask(TARGETS["avx2"], limits=Limits(ram=most)))
    assert plan.workspace_bytes <= most
    assert plan.cost.cycles >= free.cost.cycles
    none = planner.plan(FIRST, Ask(TARGETS["avx2"], limits=Limits(ram=0)))
    assert none.workspace_bytes == 0
    why = dict(none.rejected)["relayout"]
    found = planner.survey(Request(FIRST, Ask(TARGETS["avx2"]))).found
    least = min(each.workspace_bytes for each in found if each.algorithm.name == "relayout")
    assert why == f"it takes {least:,} bytes of RAM, {least:,} more than the 0 allowed"


def test_where_nothing_fits_the_error_tells_the_nearest() -> None:
    """glu's sums lie in the workspace: 30 outputs of 8 filters."""
    sums = kinds.Conv1DSpec(name="gate", input_shape=(30, 4), filters=8, kernel_size=1, activation="glu").lower()
    with pytest.raises(PlanError) as caught:
        planner.plan(sums, Ask(limits=Limits(ram=900)))
    assert str(caught.value).startswith("no plan fits; of the nearest, ")
    assert str(caught.value).endswith("it takes 960 bytes of RAM, 60 more than the 900 allowed")
    assert planner.plan(sums, Ask(limits=Limits(ram=960))).workspace_bytes == 960


def test_a_core_s_own_memory_is_a_limit() -> None:
    target = TARGETS["avx2"]
    small = replace(target, core=replace(target.core, budget=replace(target.core.budget, ram=0)))
    assert planner.plan(FIRST, Ask(small)).workspace_bytes == 0
    assert planner.plan(FIRST, Ask(small, limits=Limits(ram=10**9))).workspace_bytes == 0

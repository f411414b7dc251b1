"""What a plan takes: weighed by an objective, refused by limits with the limit's name and what is too much."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.planning.cost import Cost

COST = Cost(cycles=1000.0, code_bytes=900, workspace_bytes=4000, stack_bytes=96)


@dataclass(frozen=True)
class Most:
    flash: int | None = None
    ram: int | None = None


def test_speed_weighs_cycles_alone_and_size_bytes_before_them() -> None:
    assert COST.weighed("speed") == 1000.0
    smaller, faster = Cost(9e9, 899, 4000, 96), Cost(999.0, 900, 4000, 96)
    assert smaller.weighed("size") < faster.weighed("size") < COST.weighed("size")
    assert faster.weighed("speed") < COST.weighed("speed") < smaller.weighed("speed")


def test_a_limit_refuses_by_name_and_bytes() -> None:
    assert COST.refused(Most()) is None
    assert COST.refused(Most(flash=900, ram=4096)) is None
    assert COST.refused(Most(flash=512)) == "it takes 900 bytes of flash, 388 more than the 512 allowed"
    both = COST.refused(Most(flash=899, ram=4095))
    assert both == (
        "it takes 900 bytes of flash, 1 more than the 899 allowed; "
        "it takes 4,096 bytes of RAM, 1 more than the 4,095 allowed"
    )
    assert (COST.beyond(Most(flash=899, ram=4095)), COST.beyond(Most(ram=10**6))) == (2, 0)


def test_no_limit_on_ram_holds_what_grows_with_the_input() -> None:
    free = Cost(10.0, workspace_bytes=64, step_bytes=8)
    assert free.refused(Most(flash=0)) is None
    assert free.refused(Most(ram=64)) == "each input step takes 8 bytes of RAM more, and the length is free"

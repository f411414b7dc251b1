"""The walk of a transform over blocks of tiles: what is known of it before it runs as numbers, the rest as C."""

from __future__ import annotations

from typing import Any

from codegen.emission import lengths
from codegen.emission.bilinear_functions import BilinearFunctions
from codegen.emission.cformat import ceil_over
from codegen.emission.ending import operand_names
from codegen.emission.expressions import Part, Place, Variable
from codegen.emission.kernel_layouts import panel_block
from codegen.emission.microkernel import chunk_loop, count_loop, step_by
from codegen.planning.algorithms.bilinear_schedule import Schedule
from codegen.planning.plan import KernelPlan
from codegen.planning.transforms import Transform


def walk(plan: KernelPlan[Schedule], name: str, transform: Transform) -> dict[str, Any]:
    """The template's variables of the walk."""
    schedule, p = plan.schedule, plan.problem
    (panel,), advance, free, dilated = schedule.panels, transform.outputs * p.dilation, p.steps is None, p.dilation > 1
    outs = 0 if p.steps is None else p.out_steps(p.steps)
    phases, tiles = min(outs, p.dilation), -(-outs // p.dilation)
    chunks = -(-phases * -(-tiles // transform.outputs) // schedule.tiles)
    a_phase = ceil_over(ceil_over("outs", p.dilation), transform.outputs)
    now, in_loop = Variable.free("now"), free or chunks > 1 or plan.sliced
    first = Place.of((advance * schedule.tiles if in_loop else 0, Variable.free("chunk"))).text
    here: list[Part] = [(p.group_filters, Variable.counted("g", p.groups)), *panel_block(panel), panel.first]
    return {
        "left_told": free and p.centred,
        "dilated": dilated,
        "advance": advance,
        "phases": f"outs < {p.dilation} ? outs : {p.dilation}" if free else str(phases),
        "chunks_told": in_loop,
        "tiles": f"phases * ({a_phase})" if dilated else a_phase,
        "chunks": ceil_over("tiles", schedule.tiles) if free else str(chunks),
        "transformed_now": Place.of((1, now), schedule.parts - 1).text
        if free
        else str(schedule.tiles + schedule.parts - 1),
        "tiles_now": "now" if free else str(schedule.tiles),
        "groups": [count_loop("g", 0, p.groups)] * (p.groups > 1),
        "chunk_loop": [chunk_loop(plan)] * in_loop,
        "start_told": dilated and in_loop,
        "start": "start" if dilated and in_loop else first,
        "next_sample": step_by("at", p.dilation),
        "next": f"t = {BilinearFunctions.of(plan, name).next.call()}" if dilated else step_by("t", advance),
        "x": Place.of((p.group_channels, Variable.counted("g", p.groups))).in_array("x"),
        "first_sample": lengths.sample_of(p).text,
        "steps_now": "steps" if free else str(p.steps),
        "outs_now": "outs" if free else str(outs),
        "later": Place.of((1, Variable.free("at")), _later(schedule.written, p.dilation, advance)).text,
        "fetched": _fetched(plan, here) if schedule.written else [],
        "panels": [count_loop("j", 0, panel.count)] * (panel.count > 1),
        "vectors": _vectors(plan, name, here),
    }


def _vectors(plan: KernelPlan[Schedule], name: str, here: list[Part]) -> list[str]:
    """The calls that bring tile i's products to its outputs, for each vector of the filters from `here` on."""
    schedule, (panel,) = plan.schedule, plan.schedule.panels
    inverse, operands = BilinearFunctions.of(plan, name).inverse, operand_names(plan, name)
    i, j = Variable.counted("i", schedule.tiles), Variable.counted("j", panel.count)
    block = schedule.tiles * panel.width if schedule.by_points else 0
    calls = []
    for number, o in enumerate(panel.offsets):
        products = Place.of((block, j), (panel.width, i), number * panel.lanes)
        products.inside(schedule.out_stride, range(panel.lanes))
        filters = Place.of(*here, o).inside(plan.problem.filters, range(panel.lanes))
        calls.append(inverse.of(products.in_array("m"), *operands, "row", filters.text))
    return calls


def _fetched(plan: KernelPlan[Schedule], here: list[Part]) -> list[str]:
    """The places in y whose cache lines the output `later` writes."""
    output = plan.problem.filters, Variable.free("later")
    return [Place.of(output, *here, at).in_array("y") for at in _lines(plan)]


def _later(tiles: int, dilation: int, advance: int) -> int:
    """The outputs from a tile's to those of the one so many tiles on, where no phases end in between."""
    return tiles // dilation * advance + tiles % dilation


def _lines(plan: KernelPlan[Schedule]) -> list[int]:
    """Numbers of a panel's row, from its first on: one at least in each cache line, wherever these begin."""
    (panel,), line = plan.schedule.panels, plan.target.core.memory.line // plan.problem.item_bytes
    return list(dict.fromkeys([*range(0, panel.covered, line), panel.covered - 1]))

"""What `templates/bilinear.c.j2` prints: the codelets, the GEMM and the walk over blocks of tiles."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from codegen.emission import kernel_layouts, straight_line
from codegen.emission.bilinear_functions import BilinearFunctions
from codegen.emission.cformat import nest
from codegen.emission.ending import Cell, Ending, reads, weight_name
from codegen.emission.expressions import Place, Variable
from codegen.emission.microkernel import (
    Loop,
    Microkernel,
    Row,
    Spelling,
    Step,
    accumulator,
    count_loop,
    index,
    offset,
    starts,
    step_by,
    tile_function,
)
from codegen.emission.tile_walk import walk
from codegen.emission.vectors import spelled
from codegen.emission.writer import Writer
from codegen.errors.counting import counted
from codegen.planning.algorithms.bilinear_schedule import Schedule, tiles_that_run
from codegen.planning.plan import KernelPlan
from codegen.planning.transforms import Transform, named
from codegen.planning.transforms.expressions import Code


def lanes(plan: KernelPlan[Schedule]) -> set[int]:
    """The vector widths in use."""
    return {plan.schedule.lanes, plan.schedule.panels[0].lanes}


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    schedule, p = plan.schedule, plan.problem
    transform = named(schedule.transform, schedule.taps)
    (panel,) = schedule.panels
    gemms, calls = _products(plan, name)
    return walk(plan, name, transform) | {
        "t": transform,
        "schedule": schedule,
        "panel": panel,
        "forward": _over_channels(plan, transform.forward, schedule),
        "inverse": _inverse(plan, transform.inverse, schedule),
        "gemms": gemms,
        "calls": calls,
        "channels": p.group_channels,
        "products": _all_products(plan, name),
        "transformed": schedule.tiles + schedule.parts - 1,
        "functions": BilinearFunctions.of(plan, name),
        "v_numbers": transform.points * schedule.stride,
        "m_numbers": transform.points * schedule.out_stride,
        "operands_read": reads(plan, panel.lanes, ((1, "f"),)),
        "filter_vector": Spelling.of(plan, panel.lanes).type,
        "zeros_numbers": p.group_channels,
    }


def _all_products(plan: KernelPlan[Schedule], name: str) -> str:
    """The loops over the points r, and by points over the panels j, of group g's products."""
    schedule, p = plan.schedule, plan.problem
    transform, (panel,) = named(schedule.transform, schedule.taps), schedule.panels
    size, points = schedule.parts * p.group_channels * panel.width, len(transform.distinct)
    group, j = Variable.counted("g", p.groups), Variable.counted("j", panel.count)
    r = Variable.counted("r", transform.points)
    row = r if points == transform.points else Variable(_shared_row(transform), points - 1)
    across, down = (size, panel.count * size) if schedule.by_points else (points * size, size)
    kernel, total = weight_name(plan.ask, name), points * size * panel.count
    function, some = BilinearFunctions.of(plan, name).products, ["now"] if p.steps is None else []
    products = schedule.tiles * panel.width
    u_place = Place.of((total, group), (across, j), (down, row)).inside(p.groups * total, range(size))
    m_place = Place.of((schedule.out_stride, r), (products if schedule.by_points else 0, j))
    m_place.inside(transform.points * schedule.out_stride, range(products))
    u, v, m_at = u_place.in_array(kernel), Place.of((schedule.stride, r)).in_array("v"), m_place.in_array("m")
    heads = (r.loop, *(j.loop,) * (schedule.by_points and bool(j.most)))
    if not schedule.ahead:
        return nest(heads, f"{function.of(v, u, m_at, *some)};", 0)
    after = f"u + {size} == {kernel} + {p.groups * total} ? {kernel} : u + {size}"
    lines = f"const {p.format.c} *const u = {u};\n\n{function.of(v, 'u', after, m_at, *some)};"
    return nest((*heads[:-1], f"{heads[-1]} {{"), lines, 0) + "\n" + "    " * (len(heads) - 1) + "}"


def _shared_row(transform: Transform) -> str:
    """The row of weights of point r: its own, or that of a phase of one tap."""
    alone = transform.alone
    return f"(r < {alone} ? r : {alone} + (r - {alone}) / {transform.outputs})"


def _products(plan: KernelPlan[Schedule], name: str) -> tuple[list[Microkernel], list[str]]:
    """The GEMM's register tiles, and their calls for all tiles of a block, chunk by chunk of the channels."""
    schedule, channels, free = plan.schedule, plan.problem.group_channels, plan.problem.steps is None
    gemms, calls = list[Microkernel](), list[str]()
    sums = schedule.parts * channels
    bounds = [sums * i // schedule.chunks for i in range(schedule.chunks + 1)]
    for first, last in pairwise(bounds):
        at = 0
        u = [offset(one, first * schedule.width) for one in ("u", "next")[: 1 + schedule.ahead]]
        some = [str(last - first)] if schedule.chunks > 1 else []
        if free and first:
            calls.append("i = 0;")
        cases = list[str]()
        for count, size in tiles_that_run(schedule, plan.problem):
            gemm = _gemm(plan, name, size, more=first > 0)
            if gemm not in gemms:
                gemms.append(gemm)
            turn = 1 if free else size if count > 1 else 0
            v = offset("v", (turn * schedule.pitch, "i"), at * schedule.pitch + first)
            m = offset("m", (turn * schedule.width, "i"), at * schedule.width)
            call = f"{gemm.function.of(v, *u, m, *some)};"
            if not free:
                calls += nest([count_loop("i", 0, count)] * (count > 1), call, 0).split("\n")
                at += count * size
                continue
            if schedule.rows == 1:
                calls += [f"for (; i < tiles; {step_by('i', 1)})", f"    {call}"]
                continue
            if size == schedule.rows and schedule.tiles >= 2 * size:
                calls += [f"for (; i + {2 * size} <= tiles; {step_by('i', size)})", f"    {call}"]
            cases += [f"    case {size}:", f"        {call}", "        break;"]
        calls += [*_last_tiles(schedule.rows), *cases, *_NO_OTHER, "    }", "    i += now;", "}"] if cases else []
    return gemms, calls


_NO_OTHER = ("    default:", "        break; /* there are no other numbers */")


def _last_tiles(rows: int) -> tuple[str, ...]:
    """The heads of the loop over what is left for fewer than two register tiles of so many rows: one, or two halves."""
    now = f"left > {rows} ? (left + 1) / 2 : left"
    told = "/* tiles that are left: in one register tile, or two halves */"
    return (
        f"while (i < tiles) {{ {told}",
        f"    const ptrdiff_t left = tiles - i, now = {now};\n",
        "    switch (now) {",
    )


def _gemm(plan: KernelPlan[Schedule], name: str, rows: int, more: bool) -> Microkernel:
    """rows tiles x the panel's filters: the sum over channels of one point; `more` adds it to the sum of others."""
    schedule, p = plan.schedule, plan.problem
    (panel,) = schedule.panels
    spell, vectors = Spelling.of(plan, panel.lanes), range(len(panel.offsets))
    if schedule.paired:
        return _in_pairs(plan, name, rows, spell)
    chunked, sums = schedule.chunks > 1, schedule.parts * p.group_channels
    once = not chunked and sums == 1
    loads = tuple((f"w{i}", spell.load("w", (panel.width * (not once), "c"), i * panel.lanes)) for i in vectors)
    lines = tuple(
        Row(
            spell.broadcast(f"x[{index((not once, 'c'), r * schedule.pitch)}]"),
            tuple(spell.update(accumulator(r, i), "s", f"w{i}") for i in vectors),
        )
        for r in range(rows)
    )
    heads = () if once else (count_loop("c", 0, "channels" if chunked else sums),)
    words = f"{schedule.parts} tiles x " * (schedule.parts > 1) + counted(p.group_channels, "channel")
    words = "a chunk of the channels" if chunked else words
    lines_ = range(0, panel.width, plan.target.core.memory.line_floats)
    ahead = [offset("next", (panel.width, "c"), at) for at in lines_] if schedule.ahead else []
    loop = Loop(words, heads, (Step(loads, lines, tuple(ahead)),))

    def total(at: int, value: str) -> str:
        return spell.store("y", (at,), f"{spell.load('y', at)} + {value}" if more else value)

    stores = tuple(total(r * panel.width + i * panel.lanes, accumulator(r, i)) for r in range(rows) for i in vectors)
    begin = starts(rows, len(panel.offsets), [spell.broadcast("0")] * len(panel.offsets))
    shared, extra = tuple(f"w{i}" for i in vectors), ("channels",) * chunked
    comment = f"{counted(rows, 'tile')} x {counted(panel.width, 'filter')}, one point of the transform"
    comment += "; the next weights come into the second-level cache meanwhile" * schedule.ahead
    full_name = f"{name}_{'more' if more else 'gemm'}_{rows}x{panel.width}"
    function = tile_function(full_name, spell, *extra, ahead=schedule.ahead)
    return Microkernel(function, comment, spell.type, begin, shared, True, (loop,), stores)


def _in_pairs(plan: KernelPlan[Schedule], name: str, rows: int, spell: Spelling) -> Microkernel:
    """The same of filters that are one vector, two channels at a time: each row has two vectors of sums.

    Their lanes are filters with the even channel's sum and the odd one's side by side, which become one at the end.
    """
    schedule, p, lanes = plan.schedule, plan.problem, spell.lanes
    sums, both = schedule.parts * p.group_channels, [spell.load("w", (lanes, "c"), lanes * one) for one in (0, 1)]
    mixed = tuple(
        (f"w{i}", f"{spelled(lanes, word)}({', '.join(both)})") for i, word in enumerate(("_mixed", "_mixed_on"))
    )
    lines = tuple(
        Row(
            f"{spelled(lanes, '_pair')}({offset('x', (1, 'c'), r * schedule.pitch)})",
            tuple(spell.update(accumulator(r, i), "s", f"w{i}") for i in (0, 1)),
        )
        for r in range(rows)
    )
    words = f"{schedule.parts} tiles x " * (schedule.parts > 1) + counted(p.group_channels, "channel")
    loop = Loop(f"{words}, two at a time", (f"for (ptrdiff_t c = 0; c < {sums}; c += 2)",), (Step(mixed, lines),))

    def total(r: int) -> str:
        given = ", ".join(accumulator(r, i) for i in (0, 1))
        return " + ".join(f"{spelled(lanes, word)}({given})" for word in ("_lefts", "_rights"))

    stores = tuple(spell.store("y", (r * lanes,), total(r)) for r in range(rows))
    begin = starts(rows, 2, [spell.broadcast("0")] * 2)
    comment = f"{counted(rows, 'tile')} x {counted(lanes, 'filter')}, one point of the transform"
    function = tile_function(f"{name}_gemm_{rows}x{lanes}", spell)
    return Microkernel(function, comment, spell.type, begin, ("w0", "w1"), True, (loop,), stores)


def _over_channels(plan: KernelPlan[Schedule], code: Code, schedule: Schedule) -> tuple[str, ...]:
    """The rows' samples to the points, a vector of channels at a time; the last one may overlap its neighbour."""
    channels, lanes = plan.problem.group_channels, schedule.lanes
    lines = _forward(plan, code, schedule, channels > lanes)
    if channels == lanes:
        return lines
    variable, place = ("c", ()) if channels % lanes == 0 else ("from", (_last_overlaps(channels - lanes),))
    head = f"for (ptrdiff_t {variable} = 0; {variable} < {channels}; {step_by(variable, lanes)}) {{"
    return (head, *(f"    {line}" for line in (*place, *lines)), "}")


def _last_overlaps(last: int) -> str:
    return f"const ptrdiff_t c = from < {last} ? from : {last}; /* the last ones overlap */"


def _forward(plan: KernelPlan[Schedule], code: Code, schedule: Schedule, several: bool) -> tuple[str, ...]:
    """One vector of channels, from channel c on where there are several: the rows' samples to the points."""
    spell = Spelling.of(plan, schedule.lanes)
    at = (int(several), "c")
    loads = {f"x{i}": spell.load(f"row[{i}]", at) for i in range(code.inputs)}

    def store(point: int, value: str | None) -> tuple[str]:
        return (spell.store("v", (point * schedule.stride, at), value or spell.broadcast("0")),)

    return straight_line.lines(plan.problem.format, code, spell, loads, store)


def _inverse(plan: KernelPlan[Schedule], code: Code, schedule: Schedule) -> tuple[str, ...]:
    """One vector of filters: the points' products to the outputs."""
    (panel,) = schedule.panels
    spell = Spelling.of(plan, panel.lanes)
    loads = {f"x{i}": spell.load("m", i * schedule.out_stride) for i in range(code.inputs)}

    ending, later = Ending.of(plan, panel.lanes, across=True, held=True), plan.problem.epilogue.is_long
    nowhere = Cell((0,), (0,))  # what the epilogue reads is in vectors already

    def store(output: int, value: str | None) -> tuple[str]:
        total = ending.total(str(value), nowhere)
        if later:
            return (spell.store("sums", (output * spell.lanes,), total),)
        return (spell.store(f"row[{output}]", (0,), ending.apply(total, nowhere)),)

    lines = straight_line.lines(plan.problem.format, code, spell, loads, store)
    if not later:
        return lines
    outputs = len(code.results)
    last = spell.store("row[i]", (0,), ending.apply(spell.load("sums", (spell.lanes, "i")), nowhere))
    sums = f"{spell.c} sums[{outputs * spell.lanes}]; /* for the activation, a vector at a time */"
    return (sums, *lines, count_loop("i", 0, outputs), f"    {last}")


WRITER = Writer(template="bilinear.c.j2", view=view, lanes=lanes, packing=kernel_layouts.transformed)

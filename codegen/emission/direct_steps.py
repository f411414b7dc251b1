"""What `templates/direct_steps.c.j2` prints: tiles of filters by vectors along time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from codegen.emission import kernel_layouts, known_borders
from codegen.emission.border import Border
from codegen.emission.cformat import grouped
from codegen.emission.ending import Ending, Output, handed, weight_name
from codegen.emission.expressions import FAR, Part, Place, Variable, block
from codegen.emission.lengths import sample_of
from codegen.emission.microkernel import (
    Loop,
    Microkernel,
    Row,
    Spelling,
    Step,
    accumulator,
    count_loop,
    step_by,
    tile_function,
)
from codegen.emission.step_walk import Range, Walk, joins, walk
from codegen.emission.writer import Writer
from codegen.errors.counting import counted
from codegen.planning.algorithms.direct_steps import Schedule
from codegen.planning.plan import KernelPlan


def lanes(plan: KernelPlan[Schedule]) -> set[int]:
    """The vector widths in use."""
    return {plan.schedule.lanes, 1}  # 1: single steps at a border


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    schedule, p = plan.schedule, plan.problem
    build, found = _Tiles(plan, name), walk(plan, name)
    tile = build.tile() if found.tiles else None
    edges: tuple[Microkernel, ...] = ()
    border: Border | None = None
    if found.has_border:
        edges = build.edges(joined=schedule.lanes > 1 and joins(plan))
        border = Border.of(f"{name}_border", edges, schedule.lanes, p, build.tap_weights, build.names)
    return {
        "tile": tile,
        "edges": edges,
        "border": border,
        "walk": found,
        "groups_and_chunks": [count_loop("g", 0, p.groups)] * (p.groups > 1) + list(found.loop),
        "blocks": [count_loop("j", 0, len(schedule.starts))] * (len(schedule.starts) > 1),
        "statements": tuple(_statements(plan, name, found, tile, border, build)),
    }


def _statements(
    plan: KernelPlan[Schedule], name: str, found: Walk, tile: Microkernel | None, border: Border | None, build: _Tiles
) -> Iterator[str]:
    """What is done for a chunk of outputs of a block of filters."""
    schedule, p = plan.schedule, plan.problem
    starts, many = schedule.starts, p.groups > 1
    several = many or len(starts) > 1
    group, f = Variable.counted("g", p.groups), Variable("f", p.filters - schedule.rows)
    if several:
        first = Place.of((p.group_filters, group), *block(starts.count, starts.step, starts.last))
        yield f"const ptrdiff_t f = {first.inside(p.filters, range(schedule.rows)).text};"
    channels = (p.group_channels, Variable("steps * g", FAR)) if many else 0
    out: Part = (1, Variable("outs * f", FAR)) if several else 0
    if p.steps is not None:
        channels, out = (p.group_channels * p.steps, group), (int(build.outs), f)
    x, y = Place.of(channels).in_array("x"), Place.of(out).in_array("y")
    place = build.weights_at(group, f)
    weights = place.in_array(weight_name(plan.ask, name))

    def beside(*more: Part) -> tuple[str, ...]:
        """The operands for the outputs so much further on."""
        return handed(
            plan, name, Place.of((1, f)).in_array, lambda one: Place.of(*more).in_array(Place.of(out).in_array(one))
        )

    def at_border(found: Range, last: bool) -> Iterator[str]:
        assert border
        return _at_border(plan, name, border, found, last, (channels, place, out), beside)

    if found.before and border:
        yield from at_border(found.before, last=False)
    if found.tiles and tile:
        yield from _tile_calls(plan, found, tile, (x, weights, y), beside, build.names)
    if found.after and border:
        yield from at_border(found.after, last=True)


def _at_border(
    plan: KernelPlan[Schedule],
    name: str,
    border: Border,
    found: Range,
    last: bool,
    arrays: tuple[Part, Place, Part],
    beside: Callable[..., tuple[str, ...]],
) -> Iterator[str]:
    """The border's call: of a free length most chunks have none of its outputs.

    `arrays` are the places in x and in y, and in the weights between them; `beside` is as for the tiles.
    """
    (first, end), (channels, weights, out), free = found, arrays, plan.problem.steps is None
    x, y, w = Place.of(channels).in_array("x"), Place.of(out).in_array("y"), weight_name(plan.ask, name)
    if known := known_borders.of(plan, last):
        yield f"if ({known.when}) {{"
        for one in known.outputs:
            taps = Place.of(*weights.parts, one.first * border.tap_weights).in_array(w)
            there = Place.of(channels, *one.x).in_array("x"), taps, *beside(*one.y)
            written = Place.of(out, *one.y).in_array("y")
            yield f"    {border.one.function.of(*there, written, *border.handed, str(one.taps))};"
    if free:
        yield f"{'} else ' * bool(known)}if ({first.text} < {end.text})"
    yield "    " * free + border.call(x, weights.in_array(w), beside(), y, first.text, end.text)


def _tile_calls(
    plan: KernelPlan[Schedule],
    found: Walk,
    tile: Microkernel,
    arrays: tuple[str, str, str],
    beside: Callable[..., tuple[str, ...]],
    more: tuple[str, ...],
) -> Iterator[str]:
    """The loop over the tiles of a chunk; the last one overlaps its neighbour where it must.

    `arrays` are x, the weights and y, `beside` what the epilogue reads, for outputs so much further on.
    """
    schedule, p, (x, weights, y) = plan.schedule, plan.problem, arrays
    assert found.tiles
    (first, end), width = found.tiles, schedule.width

    def call(at: Place) -> str:
        found = sample_of(p, at)
        sample = found if found.known is not None else Variable.free(grouped(found.text)).place
        arguments = (sample.in_array(x), weights, *beside(*at.parts), at.in_array(y), *more)
        return f"{tile.function.of(*arguments)};"

    if found.once:
        yield call(first)
        return
    head = f"for (ptrdiff_t t = {first.text}; t < {end.text}; {step_by('t', width)})"
    if found.whole or width == 1:
        yield from (head, f"    {call(Variable.free('t').place)}")
        return
    last = Place.of(*end.parts, -width).text
    at = f"const ptrdiff_t at = {end.text} - t < {width} ? {last} : t; /* the last one overlaps */"
    yield from (f"{head} {{", f"    {at}", f"    {call(Variable.free('at').place)}", "}")


class _Tiles:
    """Builds the tile and its counted edges."""

    def __init__(self, plan: KernelPlan[Schedule], name: str) -> None:
        self.plan, self.problem, self.schedule, self.name = plan, plan.problem, plan.schedule, name
        self.free = self.problem.steps is None
        strides = (("steps", self.problem.group_channels > 1), ("outs", self.schedule.rows > 1))
        self.names = tuple(name for name, used in strides if used) if self.free else ()
        self.packed = plan.weights != "argument"
        self.steps = "steps" if self.free else str(self.problem.steps)
        outs = 0 if self.problem.steps is None else self.problem.out_steps(self.problem.steps)
        self.outs = "outs" if self.free else str(outs)
        self.tap_weights, self.channel_weights = self._apart()

    def _apart(self) -> tuple[int, int]:
        """How far the weights of taps, and of channels, are apart."""
        p, rows = self.problem, self.schedule.rows
        if not self.packed:
            return p.group_channels * p.filters, p.filters
        return (p.group_channels * rows, rows) if self.schedule.by_taps else (rows, p.kernel_size * rows)

    def tile(self) -> Microkernel:
        """All taps, a full tile."""
        schedule = self.schedule
        comment = f"{counted(schedule.rows, 'filter')} x {counted(schedule.width, 'output step')}"
        tag = f"{schedule.rows}x{schedule.width}"
        return self._microkernel(tag, comment, schedule.vectors, schedule.lanes, self._loops())

    def _loops(self) -> tuple[Loop, ...]:
        """The products of a full tile."""
        p, schedule = self.problem, self.schedule
        words = f"{counted(p.kernel_size, 'tap')} x {counted(p.group_channels, 'channel')}"
        channels = count_loop("c", 0, p.group_channels)
        if schedule.form == "straight":
            pairs = [(c, k) for c in range(p.group_channels) for k in range(p.kernel_size)]
            pairs = sorted(pairs, key=lambda one: one[::-1]) if schedule.by_taps else pairs
            return (Loop(words, (), tuple(self._whole_step(c, k) for c, k in pairs)),)
        if schedule.form == "channels":
            steps = tuple(self._whole_step(c, "k") for c in range(p.group_channels))
            return (Loop(words, (count_loop("k", 0, p.kernel_size),), steps),)
        if schedule.form == "taps":
            steps = tuple(self._whole_step("c", k) for k in range(p.kernel_size))
            if schedule.by_taps:
                told = f"{counted(p.group_channels, 'channel')} of tap"
                return tuple(Loop(f"{told} {k}", (channels,), (step,)) for k, step in enumerate(steps))
            apart = f", {counted(p.dilation, 'sample')} from tap to tap" if p.kernel_size > 1 else ""
            return (Loop(words + apart, (channels,), steps),)
        counts = {"c": p.group_channels, "k": p.kernel_size}
        channel, tap = (name if count > 1 else 0 for name, count in counts.items())
        heads = [count_loop(name, 0, count) for name, count in counts.items() if count > 1]
        return (Loop(words, self._ordered(heads), (self._whole_step(channel, tap),)),)

    def _ordered(self, heads: list[str]) -> tuple[str, ...]:
        """The heads of loops over channels and taps, the outer one first."""
        return tuple(reversed(heads) if self.schedule.by_taps else heads)

    def _whole_step(self, channel: int | str, tap: int | str) -> Step:
        return self._step(self.schedule.vectors, self.schedule.lanes, channel, tap)

    def edges(self, *, joined: bool) -> tuple[Microkernel, ...]:
        """One step, and where these are `joined` one vector of steps that have the same taps, counted at run time."""
        return tuple(self._edge(lanes) for lanes in (1, *[self.schedule.lanes] * joined))

    def weights_at(self, group: Variable, f: Variable) -> Place:
        """Where the weights of block j of a group lie; in Keras' shape those of filter f."""
        p, rows, starts = self.problem, self.schedule.rows, len(self.schedule.starts)
        if not self.packed:
            return Place.of((1, f)).inside(p.terms * p.filters, range((p.terms - 1) * p.filters + rows))
        turn = p.terms * rows
        place = Place.of((turn * starts, group), (turn, Variable.counted("j", starts)))
        return place.inside(turn * starts * p.groups, range(turn))

    def _edge(self, lanes: int) -> Microkernel:
        heads, step = [count_loop("k", 0, "taps")], self._step(1, lanes, 0, "k")
        if self.problem.group_channels > 1:
            heads = [count_loop("c", 0, self.problem.group_channels), *heads]
            step = self._step(1, lanes, "c", "k")
        comment = f"{counted(self.schedule.rows, 'filter')} x {counted(lanes, 'output step')} at a border"
        loop = Loop("the taps inside the input", self._ordered(heads), (step,))
        return self._microkernel(f"edge_{self.schedule.rows}x{lanes}", comment, 1, lanes, (loop,), counted=True)

    def _step(self, vectors: int, lanes: int, channel: int | str, tap: int | str) -> Step:
        p = self.problem
        row: list[int | tuple[int, str]] = []
        if isinstance(channel, str):
            row.append((1, f"{channel} * steps") if self.free else (p.steps or 0, channel))
        elif channel:
            row.append((channel, self.steps) if self.free else channel * (p.steps or 0))
        at = [*row, _term(p.dilation, tap)]
        spell = Spelling.of(self.plan, lanes)
        loads = tuple((f"x{i}", spell.strided(p.stride, "x", *at, i * lanes * p.stride)) for i in range(vectors))
        where = [_term(self.channel_weights, channel), _term(self.tap_weights, tap)]
        if self.tap_weights > self.channel_weights:
            where.reverse()
        rows = tuple(
            Row(
                spell.weight(*where, r),
                tuple(spell.update(accumulator(r, i), "s", f"x{i}") for i in range(vectors)),
            )
            for r in range(self.schedule.rows)
        )
        return Step(loads, rows)

    def _microkernel(
        self, tag: str, comment: str, vectors: int, lanes: int, loops: tuple[Loop, ...], counted: bool = False
    ) -> Microkernel:
        ending, rows = Ending.of(self.plan, lanes, across=False), range(self.schedule.rows)
        output = Output("y", tuple(map(self._y, rows)), tuple(i * lanes for i in range(vectors)))
        first = [ending.first(output.cell(ending, r, 0)) for r in rows]
        start = tuple(tuple((accumulator(r, i), first[r]) for i in range(vectors)) for r in rows)
        shared = tuple(f"x{i}" for i in range(vectors))
        extra = self.names + (("taps",) if counted else ())
        function = tile_function(f"{self.name}_{tag}", ending.spell, *extra, operands=ending.names)
        return Microkernel(function, comment, ending.spell.type, start, shared, True, loops, output.lines(ending))

    def _y(self, row: int) -> tuple[int | tuple[int, str], ...]:
        return ((row, "outs"),) if self.free else (row * int(self.outs),)


def _term(factor: int, variable: int | str) -> int | tuple[int, str]:
    return factor * variable if isinstance(variable, int) else (factor, variable)


WRITER = Writer(template="direct_steps.c.j2", view=view, lanes=lanes, packing=kernel_layouts.by_steps)

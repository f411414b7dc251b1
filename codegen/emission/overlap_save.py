"""What `templates/overlap_save.c.j2` prints: the codelets of both levels, the walk over rounds of blocks."""

from __future__ import annotations

from typing import Any

from codegen.emission import cformat, straight_line
from codegen.emission.block_walk import walk
from codegen.emission.ending import Cell, Ending, reads
from codegen.emission.expressions import Array, Part, Place, Variable
from codegen.emission.microkernel import Spelling
from codegen.emission.straight_line import Store
from codegen.emission.vectors import spelled
from codegen.emission.writer import Writer
from codegen.planning.algorithms.overlap_save_schedule import Schedule
from codegen.planning.plan import KernelPlan
from codegen.planning.transforms.complex_fourier import codelet, turns


def lanes(plan: KernelPlan[Schedule]) -> set[int]:
    """The vector widths in use."""
    schedule = plan.schedule
    return {schedule.lanes} | {schedule.width} & set(plan.target.lanes(plan.problem.dtype))


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    schedule, p = plan.schedule, plan.problem
    spell = Spelling.of(plan, schedule.lanes)
    return walk(plan, name) | {
        "schedule": schedule,
        "vector": spell.type,
        "operands_read": reads(plan, schedule.lanes, (0,)),
        "turns": cformat.table(turns(schedule.rows, schedule.across), p.format),
        "turn_count": 2 * schedule.size,
        "first": _first(plan, spell, name),
        "second": _second(plan, spell),
        "back": _back(plan, spell, name),
        "last": _last(plan, spell),
        "products": _products(schedule, spell),
    }


def _first(plan: KernelPlan[Schedule], spell: Spelling, name: str) -> tuple[str, ...]:
    """Samples j, across + j, … of a block, half of them new in the next one, to the bins of the first level, turned."""
    s = plan.schedule
    j, later = Variable.counted("j", s.across), s.width if s.held > 1 else 0  # the next block of a vector's own panel
    halves = Array("now", s.panel_numbers), Array("next", s.panel_numbers - later)

    def load(i: int, part: int) -> str:
        half, row = divmod(i, s.rows // 2)
        return halves[half].load(spell, (2 * s.column, j), row * s.panel_pitch + part * s.column)

    code = codelet(s.rows)
    loads = {f"x{2 * i + part}": load(i, part) for i in range(s.rows) for part in (0, 1)}
    wave = Array("wave", s.numbers[2])
    turn = Turn(spell, _turns(s, name), (2, j), 2 * s.across, wave, (2 * s.lanes, j), s.wave_pitch, s.lanes)
    return straight_line.lines(plan.problem.format, code, spell, loads, turn.store(code.results))


def _second(plan: KernelPlan[Schedule], spell: Spelling) -> tuple[str, ...]:
    """Row k of the first level's bins to `across` bins of the spectrum."""
    s = plan.schedule
    code, k = codelet(s.across), Variable.counted("k", s.rows)
    wave, spectra = Array("wave", s.numbers[2]), Array("spectra", s.spectrum - s.vectors_at_once * s.lanes + s.lanes)
    loads = {f"x{i}": wave.load(spell, (s.wave_pitch, k), i * s.lanes) for i in range(2 * s.across)}

    def store(i: int, value: str | None) -> tuple[str]:
        return (spectra.store(spell, str(value), (2 * s.across * s.pitch, k), i * s.pitch),)

    return straight_line.lines(plan.problem.format, code, spell, loads, store)


def _back(plan: KernelPlan[Schedule], spell: Spelling, name: str) -> tuple[str, ...]:
    """`across` sums of row k to samples of the second level, turned; imaginary parts stand for real ones from here."""
    s = plan.schedule
    code, k = codelet(s.across), Variable.counted("k", s.rows)
    sums, wave = Array("sums", s.numbers[1] - (s.columns - 1) * s.lanes), Array("wave", s.numbers[2])
    row = (2 * s.across * s.sums_pitch, k)
    loads = {f"x{i}": sums.load(spell, row, (i ^ 1) * s.sums_pitch) for i in range(2 * s.across)}
    turn = Turn(spell, _turns(s, name), (2 * s.across, k), 2, wave, (s.wave_pitch, k), 2 * s.lanes, s.lanes)
    return straight_line.lines(plan.problem.format, code, spell, loads, turn.store(code.results))


def _last(plan: KernelPlan[Schedule], spell: Spelling) -> tuple[str, ...]:
    """Samples j of the second level to the outputs j, across + j, … of the first half of each block."""
    s, p = plan.schedule, plan.problem
    code, later = codelet(s.rows, s.rows // 2), p.epilogue.is_long
    places = [(k * s.wave_pitch + part * s.lanes) for k in range(s.rows) for part in (0, 1)]
    j, i_ = Variable.counted("j", s.across), Variable.counted("i", s.rows // 2)
    wave, panel = Array("wave", s.numbers[2]), Array("panel", s.panel_numbers)
    loads = {f"x{i}": wave.load(spell, (2 * s.lanes, j), at) for i, at in enumerate(places)}
    row = (2 * s.column, j)
    ending, nowhere = Ending.of(plan, s.lanes, across=True, held=True), Cell((0,), (0,))  # its operands are vectors

    def store(i: int, value: str | None) -> tuple[str]:
        total = ending.total(str(value), nowhere)
        at = i // 2 * s.panel_pitch + (1 - i % 2) * s.column
        return (panel.store(spell, total if later else ending.apply(total, nowhere), row, at),)

    lines = straight_line.lines(p.format, code, spell, loads, store)
    if not later:
        return lines
    ends = []
    for part in (0, 1):
        at = (s.panel_pitch, i_), row, part * s.column
        ends.append(f"    {panel.store(spell, ending.apply(panel.load(spell, *at), nowhere), *at)}")
    return (*lines, f"{i_.loop} {{", *ends, "}")


def _turns(s: Schedule, name: str) -> Array:
    """The table of the first level's turns."""
    return Array(f"{name}_turns", 2 * s.size)


class Turn:
    """Stores of complex results: result k turned by entry (`turn`, k * `turn_step`) of the table, but for k = 0.

    To `array`, at (`place`, k * `step`), the imaginary part `apart` after the real one.
    """

    def __init__(
        self,
        spell: Spelling,
        table: Array,
        turn: Part,
        turn_step: int,
        array: Array,
        place: Part,
        step: int,
        apart: int,
    ) -> None:
        self.spell, self.table, self.turn, self.turn_step = spell, table, turn, turn_step
        self.array, self.place, self.step, self.apart = array, place, step, apart

    def store(self, results: tuple[str | None, ...]) -> Store:
        """The lines that keep a number, once both of its parts are known."""
        known: set[int] = set()

        def keep(i: int, value: str | None) -> tuple[str, ...]:
            known.add(i)
            k = i // 2
            if not {2 * k, 2 * k + 1} <= known:
                return ()
            return self._stored(k, str(results[2 * k]), str(results[2 * k + 1]))

        return keep

    def _stored(self, k: int, real: str, imaginary: str) -> tuple[str, ...]:
        spell, at = self.spell, k * self.step
        values, lines = (real, imaginary), list[str]()
        if k > 0:
            c, s = (spell.broadcast(self.table.number(self.turn, k * self.turn_step + part)) for part in (0, 1))
            lines = [f"const {spell.type} c{k} = {c}, s{k} = {s};"]
            values = self._product(f"c{k}", f"s{k}", real, imaginary)
        stores = (
            self.array.store(spell, value, self.place, at + part * self.apart) for part, value in enumerate(values)
        )
        return (*lines, *stores)

    def _product(self, c: str, s: str, real: str, imaginary: str) -> tuple[str, str]:
        if self.spell.plain:
            return f"{c} * {real} - {s} * {imaginary}", f"{c} * {imaginary} + {s} * {real}"
        fma = spelled(self.spell.lanes, "_fma")
        return f"{fma}({c}, {real}, -({s} * {imaginary}))", f"{fma}({c}, {imaginary}, {s} * {real})"


def _products(schedule: Schedule, spell: Spelling) -> dict[str, Any]:
    """The loops over sources and parts, their statements, and those that store the four sums."""
    s, wide = schedule, schedule.weight_lanes
    source, part_ = Variable.counted("s", s.sources), Variable.counted("p", s.parts)
    f, v = Variable.counted("f", s.bins), Variable.counted("v", s.columns)
    x: tuple[Part, ...] = (s.spectrum, source), (s.width, part_), (s.lanes, v)
    read, summed = s.numbers[0] - (s.size - 1) * 2 * s.pitch, s.numbers[1] - (s.size - 1) * 2 * s.sums_pitch
    kernel = Place.of((s.sources * s.parts * 2 * wide, f), (s.parts * 2 * wide, source), (2 * wide, part_))
    u = Array("u", 2 * wide)
    weight = [spell.broadcast(u.number(i)) if wide == 1 else u.load(spell, i * wide) for i in (0, 1)]
    lines = [f"const {spell.type} c = {weight[0]}, d = {weight[1]};"]
    stores = []
    for sums, pointer, minus in (("a", "near", "-"), ("b", "far", "")):
        real, imaginary = (Array(pointer, read).load(spell, *x, part * s.pitch) for part in (0, 1))
        lines.append(f"const {spell.type} {sums}x = {real}, {sums}y = {imaginary};")
        for part, own, other, sign in (("re", "x", "y", minus), ("im", "y", "x", "" if minus else "-")):
            lines += [spell.update(f"{sums}_{part}", w, f"{sums}{n}") for w, n in (("c", own), (f"{sign}d", other))]
        for part, apart in (("re", 0), ("im", s.sums_pitch)):
            stores.append(Array(f"to_{pointer}", summed).store(spell, f"{sums}_{part}", (s.lanes, v), apart))
    return {
        "heads": [one.loop for one in (source, part_) if one.most],
        "weights": kernel.inside(s.weights, range(2 * wide)).text,
        "lines": lines,
        "stores": stores,
        "zero": spell.broadcast("0"),
        "x": 2 * s.pitch,
        "y": 2 * s.sums_pitch,
    }


WRITER = Writer(template="overlap_save.c.j2", view=view, lanes=lanes)

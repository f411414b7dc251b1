"""What `templates/upsampled.c.j2` prints: chunks of rows, the parts' inner calls, and the way of the sums into y."""

from __future__ import annotations

from itertools import product
from typing import Any

from codegen.emission import kernel_layouts
from codegen.emission.cformat import floor_over, grouped, nest, times
from codegen.emission.cfunction import CFunction, numbers, panel_function, reads, static, writes
from codegen.emission.ending import Cell, Ending, copies, from_copies, weight_name
from codegen.emission.expressions import Array, Part, Place, Variable
from codegen.emission.inner import inner_functions
from codegen.emission.interface import stored
from codegen.emission.microkernel import Spelling, count_loop
from codegen.emission.writer import Writer
from codegen.planning.algorithms import output_phases
from codegen.planning.algorithms.upsampled import Schedule, room, writes_rows
from codegen.planning.plan import KernelPlan
from codegen.records import dataclass

INNER = ("phases",)  # what its inner functions compute, as their names end


def lanes(plan: KernelPlan[Schedule]) -> set[int]:
    """The vector widths in use beside the inner plans': single numbers, where no product is in an output."""
    return {1} if None in plan.schedule.inners and not plan.problem.epilogue.linear else set()


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    return InterleavedView(plan, name).view()


@dataclass(frozen=True)
class Functions:
    """The static functions of the kernel `name` of numbers `c`, the kernel's of `stored`."""

    name: str
    c: str
    stored: str

    @property
    def lay(self) -> CFunction:
        """A part's kernel in the order of its inner function."""
        counted = numbers("tap", "step", "phases", "taps")
        return static(f"{self.name}_lay", *reads(self.stored, "kernel"), *counted, *writes(self.stored, "to"))

    @property
    def panel(self) -> CFunction:
        """The samples of a chunk."""
        return panel_function(self.name, self.c)

    @property
    def put_run(self) -> CFunction:
        """Neighbouring numbers to y."""
        counted = numbers("count", "at", "end")
        return static(f"{self.name}_put", *reads(self.c, "from"), *counted, *writes(self.c, "y"))

    @property
    def put_phases(self) -> CFunction:
        """Phases of the sums to y."""
        counted = numbers("phases", "t", "now", "outs")
        return static(f"{self.name}_put", *reads(self.c, "sums"), *counted, *writes(self.c, "y"))


class InterleavedView:
    """Builds the view of one plan under one C name."""

    def __init__(self, plan: KernelPlan[Schedule], name: str) -> None:
        self.plan, self.name, self.problem, self.schedule = plan, name, plan.problem, plan.schedule
        self.functions = Functions(name, plan.problem.format.c, stored(plan))
        self.rows, self.free = plan.schedule.rows, plan.problem.steps is None
        self.runs = self.problem.channels_last and self.problem.groups == 1
        self.direct = writes_rows(self.problem, self.rows)
        self.lay = plan.weights == "argument"
        sizes = room(self.problem, self.schedule, plan.weights, plan.target.core)
        self.kernel, self.copied, self.panel, self.sums = (size // self.problem.item_bytes for size in sizes)
        count = max(1, len(self.problem.epilogue.of_filters))
        self.copies = copies(plan, name, self.sums, self.copied // count)
        self.first = self._first_of("from")

    def view(self) -> dict[str, Any]:
        p, rows, chunk = self.problem, self.rows, self.schedule.chunk
        whole = rows.over(p.out_steps(p.steps)) if p.steps is not None else 0
        put_heads, put_text = self._put()
        lay_heads, lay_text = self._lay()
        return {
            "schedule": self.schedule,
            "rows": rows,
            "runs": self.runs,
            "writes_rows": self.direct,
            "lay": self.lay,
            "lay_heads": lay_heads,
            "lay_text": lay_text,
            "functions": self.functions,
            "panel_function": self.functions.panel,
            "put_heads": put_heads,
            "put_text": put_text,
            "channels_of": "" if p.channels == 1 else f"{p.channels} * ",
            "row": rows.count * p.filters,
            "widest": max(part.phases for part in rows.parts) * p.filters,
            "samples": rows.samples(chunk),
            "panel_at": f" + {self.kernel}" if self.kernel else "",
            "sums_at": self.panel,
            "copies": self.copies,
            "chunks_now": self._rows_over("outs", chunk),
            "rows_now": self._rows_over("outs", 1),
            "row_total": whole,
            "chunks": -(-whole // chunk),
            "first_out": self.first.text,
            "first_out_at": self.first.scaled(p.filters).text,
            "whole_chunk": self._whole_chunk(),
            "at": Place.of((rows.stride, Variable.free("from")), rows.first).text,
            "count": self._read(rows.reach) if self.free else str(rows.samples(chunk)),
            "prepared": tuple(self._prepared()),
            "parts": tuple(line for number in range(len(rows.parts)) for line in self._part(number)),
        }

    def _rows_over(self, outs: str, rows: int) -> str:
        """C for how many times so many rows hold `outs` outputs, rounded up."""
        count = rows * self.rows.count
        return floor_over(Place.of((1, Variable.free(outs)), self.rows.shift + count - 1).text, count)

    def _first_of(self, row: str, phase: int = 0) -> Place:
        """The output of a phase in a row."""
        return Place.of((self.rows.count, Variable.free(row)), phase - self.rows.shift)

    def _read(self, reach: int) -> str:
        """The samples that the rows of a chunk read, of which one reaches over so many."""
        return Place.of((self.rows.stride, Variable.free("now")), reach - self.rows.stride).text

    def _whole_chunk(self) -> str:
        """C for whether all outputs of a chunk's rows are outputs of the layer."""
        rows = self.rows
        last = self._first_of(f"(from + {self._done})").text
        return f"{self.first.text} >= 0 && {last} <= outs" if rows.shift else f"{last} <= outs"

    @property
    def _done(self) -> str:
        """The rows that the inner functions compute in a chunk: of a known length all of them, in the last one too."""
        return "now" if self.free else str(self.schedule.chunk)

    def _lay(self) -> tuple[tuple[str, ...], str]:
        """The loops over a part's kernel in the inner one's order, and the move of one number."""
        p, rows = self.problem, self.rows
        tap = Variable.free(f"(tap + step * i + {times(rows.tap_step, 'k')})")  # from its arguments
        c = Variable.counted("c", p.group_channels)
        each = [variable.loop for variable in (c, self.group) if variable.most]
        heads = [count_loop("k", 0, "taps"), *each, count_loop("i", 0, "phases"), *self._filter_loop]
        numbers = p.group_channels * p.filters
        of_tap = Place.of((p.filters, c), *self.lane).inside(numbers)
        place = Place((*Place.of((numbers, tap)).terms, *of_tap.terms))
        return tuple(heads), f"*to++ = {self._if_there(tap.name, f'kernel[{place.text}]')};"

    @property
    def group(self) -> Variable:
        return Variable.counted("g", self.problem.groups)

    @property
    def lane(self) -> tuple[Part, Part]:
        """Filter f of group g."""
        return (self.problem.group_filters, self.group), (1, Variable.counted("f", self.problem.group_filters))

    @property
    def _filter_loop(self) -> list[str]:
        """The loop over the filters of a group, where there are several."""
        return [count_loop("f", 0, self.problem.group_filters)] * (self.problem.group_filters > 1)

    def _if_there(self, tap: str, value: str) -> str:
        """`value`, or zero where some phase has no such tap."""
        p, rows = self.problem, self.rows
        last = max(
            part.tap + max(0, part.step * (part.phases - 1)) + (part.taps - 1) * rows.tap_step for part in rows.parts
        )
        return value if last < p.kernel_size else f"{tap[1:-1]} < {p.kernel_size} ? {value} : 0"

    def _put(self) -> tuple[tuple[str, ...], str]:
        """The loops that bring phases of the sums, one by one, to their places in y."""
        p, count = self.problem, self.rows.count
        inside = f"for (ptrdiff_t i = t + r < 0; i < now - (t + r + {times(count, '(now - 1)')} >= outs); ++i)"
        group = [self.group.loop] * (p.groups > 1)
        phases = count_loop("r", 0, "phases")
        out, i = Variable.free(f"(t + r + {times(count, 'i')})"), Variable.free("i")
        from_phase = (p.group_filters, Variable.free("(phases * g + r)" if p.groups > 1 else "r"))
        if p.channels_last:
            sums = Place.of((1, Variable.free(f"{times(p.filters, 'phases')} * i")), from_phase, self.lane[1])
            y = Place.of((p.filters, out), *self.lane)
            return (phases, inside, *group, *self._filter_loop), f"y[{y.text}] = sums[{sums.text}];"
        row = self._row_of_sums(grouped(Place.of(from_phase, self.lane[1]).text))
        lane = Place.of(*self.lane)
        y = Place.of((int(lane.most > 0), Variable.free(f"outs * {grouped(lane.text)}")), (1, out))
        sums = Place.of((1, Variable.free(row)), (1, i))
        return (*group, *self._filter_loop, phases, inside), f"y[{y.text}] = sums[{sums.text}];"

    def _row_of_sums(self, number: str) -> str:
        """Where the sums of one filter and phase begin in channels_first: a chunk's rows behind those before."""
        return f"now * {number}" if self.free else times(self.schedule.chunk, number)

    def _prepared(self) -> list[str]:
        """The statements before the first chunk: the kernel laid out, what the epilogue reads for every phase."""
        lines, at, p = list[str](), 0, self.problem
        for part in self.rows.parts if self.lay else ():
            if part.taps:
                told = map(str, (part.tap, part.step, part.phases, part.taps))
                size = self._numbers(part)
                lines.append(f"{self.functions.lay.of('kernel', *told, self.laid.at(at, taken=size))};")
                at += size
        for copy, part in product(self.copies, self.rows.parts):
            i = Variable.counted("i", part.phases)
            heads = [*(one.loop for one in (self.group, i) if one.most), *self._filter_loop]
            turn = (part.phases * p.group_filters, self.group), (p.group_filters, i)
            to = Array(copy.name, self.rows.count * p.filters).number(*turn, self.lane[1], part.first * p.filters)
            lines += nest(heads, f"{to} = {Array(copy.source, p.filters).number(*self.lane)};", 0).split("\n")
        return lines

    def _part(self, number: int) -> list[str]:
        """The statements that compute a part of a chunk and bring it into y."""
        p, part, i = self.problem, self.rows.parts[number], self.schedule.inners[number]
        lines = self._still(part) if i is None else self._computed(number, part, i)
        if not self.runs:
            place = self._first_of("from", part.first).text
            return [*lines, f"{self.functions.put_phases.call(phases=str(part.phases), t=place)};"]
        put, end = self.functions.put_run, times(p.filters, "outs")
        if self.direct:
            count, at = times(self.rows.count * p.filters, "now"), self.first.scaled(p.filters).text
            return [*lines, "if (!whole)", f"    {put.of('sums', count, at, end, 'y')};"]
        size = part.phases * p.filters
        at = self._first_of("(from + i)", part.first).scaled(p.filters).text
        text = f"{put.of(self._row_of(size).in_array('sums'), str(size), at, end, 'y')};"
        return [*lines, *nest([count_loop("i", 0, "now")], text, 0).split("\n")]

    def _row_of(self, size: int, *within: Part) -> Place:
        """Row i of a chunk's sums, of so many numbers, or a place within it."""
        Place.of((size, Variable.counted("i", self.schedule.chunk))).inside(self.sums, range(size))
        return Place.of((size, Variable.free("i")), *within)  # also where a chunk is one row, as its loop stays

    def _computed(self, number: int, part: output_phases.Part, i: int) -> list[str]:
        """The inner function's call, in channels_first after a panel of its own samples."""
        p, rows, inner = self.problem, self.rows, self.plan.parts[i]
        ahead, reach = part.start - rows.first, (part.taps - 1) * rows.dilation + 1
        count = self._read(reach) if self.free else str(inner.problem.steps)
        lines = list[str]()
        x: str = Place.of(ahead * p.channels).in_array("in")
        if not p.channels_last:
            lines, x = [f"{self.functions.panel.call(at=Place.of(ahead).in_array('at'), count=count)};"], "panel"
        arguments = [x, *[count] * self.free, self._kernel_of(number)]
        arguments += [*from_copies(self.plan, self.name, part.first * p.filters), "to" if self.direct else "sums"]
        if inner.has_workspace:
            arguments.append(f"sums + {self.sums + self.copied}")
        return [*lines, f"{inner_functions(self.plan, self.name, INNER)[i].of(*arguments)};"]

    def _kernel_of(self, number: int) -> str:
        before = [i for i in self.schedule.inners[:number] if i is not None]
        if self.lay:
            return self.laid.at(sum(self._numbers(part) for part in self.rows.parts[:number]))
        kernel = Array(weight_name(self.plan.ask, self.name), self.plan.packed_numbers)
        return kernel.at(sum(self.plan.parts[i].packed_numbers for i in before))

    @property
    def laid(self) -> Array:
        """The kernel, part by part."""
        return Array("laid", sum(map(self._numbers, self.rows.parts)))

    def _numbers(self, part: output_phases.Part) -> int:
        return part.taps * part.phases * self.problem.group_channels * self.problem.filters

    def _still(self, part: output_phases.Part) -> list[str]:
        """The sums of phases without a product: what they begin with alone."""
        p, size = self.problem, part.phases * self.problem.filters
        spell = Spelling(1, True, p.format.c)
        ending = Ending(p.epilogue, spell, True, from_copies(self.plan, self.name, 0))
        cell = Cell(((int(size > 1), "j"), part.first * p.filters), (0,))
        value = ending.apply(ending.first(cell), cell)
        j, rows = Variable.counted("j", size), count_loop("i", 0, "now")
        lanes_ = [j.loop] * (size > 1)
        if p.channels_last:
            place = self._row_of(size, (1, j))
            return nest([rows, *lanes_], f"sums[{place.text}] = {value};", 0).split("\n")
        place = Place.of((int(size > 1), Variable.free(self._row_of_sums("j"))), (1, Variable.free("i")))
        return nest([*lanes_, rows], f"sums[{place.text}] = {value};", 0).split("\n")


WRITER = Writer(template="upsampled.c.j2", view=view, inner=INNER, lanes=lanes, packing=kernel_layouts.by_parts)

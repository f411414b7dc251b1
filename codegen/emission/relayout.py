"""What `templates/relayout.c.j2` prints: square blocks turned in registers, panels, the inner function's call."""

from __future__ import annotations

from typing import Any

from codegen.emission import kernel_layouts
from codegen.emission.cformat import CText, ceil_over
from codegen.emission.cfunction import CFunction, numbers, panel_function, reads, static, writes
from codegen.emission.expressions import Array, Place, Variable
from codegen.emission.inner import inner_functions
from codegen.emission.interface import weight_names
from codegen.emission.lengths import left_of
from codegen.emission.relayout_side import Side
from codegen.emission.vectors import spelled
from codegen.emission.writer import Writer
from codegen.planning.algorithms.relayout import Schedule, panel_bytes
from codegen.planning.plan import KernelPlan
from codegen.problem.problem import Problem
from codegen.records import dataclass

FROM = Variable.free("from")  # the first output of a chunk, or its first phase
REGISTER = 16  # bytes within which a shuffle is cheap on every target

INNER = ("channels_last",)  # what its inner functions compute, as their names end


def lanes(plan: KernelPlan[Schedule]) -> set[int]:
    """The vector widths in use, beside the inner plan's."""
    return {plan.schedule.lanes_in, plan.schedule.lanes_out, *_widths(plan)}


def _widths(plan: KernelPlan[Schedule]) -> set[int]:
    """The rows of the squares that are turned."""
    return {square.lanes for side in _sides(plan) for square in side.squares}


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    schedule, inner, p = plan.schedule, plan.inner, plan.problem
    sides, functions = _sides(plan), Functions(name, p.format.c, p.channels > 1, p.filters > 1)
    here, there = (
        panel_bytes(numbers, p, plan.target.core) // p.item_bytes
        for numbers in (schedule.rows * p.channels, schedule.outs_rows * p.filters)
    )
    free, outs, left = p.steps is None, str(p.out_steps(p.steps or 0)), _left(p)
    arguments = ["rows", *["count"] * free, *weight_names(plan, name), "sums"]
    if inner.has_workspace:
        arguments.append(f"rows + {here + there}")
    (function,) = inner_functions(plan, name, INNER)
    phases = min(p.stages[0].dilation, p.out_steps(p.steps)) if p.steps is not None else 0
    chunks = -(-(phases if schedule.phases else p.out_steps(p.steps or 0)) // schedule.outs)
    return {
        "schedule": schedule,
        "turns": tuple(Turn.of(side, p.item_bytes, spelled(side, "_pick")) for side in sorted(_widths(plan))),
        "word": {4: "int", 8: "long long"}[p.item_bytes],
        "sides": dict(zip(("in", "out"), sides, strict=True)),
        "single": is_single(plan),
        "padded": is_padded(plan),
        "chunks": ceil_over("outs", schedule.outs) if free else chunks,
        "here": here,
        "phases": phases,
        "dilation": p.stages[0].dilation,
        "from_sample": 0 if p.steps is None else -p.pads(p.steps)[0],
        "left_told": free and left.known is None,
        "at": Place.of((p.stride, FROM), *left.scaled(-1).parts).text,
        "count": Place.of((p.stride, Variable("now", schedule.outs)), p.reach - p.stride).text
        if free
        else str(schedule.length),
        "call": f"{function.of(*arguments)};",
        "functions": functions,
        **_moves(plan, functions, outs),
    }


def _moves(plan: KernelPlan[Schedule], functions: Functions, outs: str) -> dict[str, Any]:
    """The statements that move one number or a square, all of a side, and the runs of phases."""
    schedule, p, (into, out) = plan.schedule, plan.problem, _sides(plan)
    apart = p.stages[0].dilation
    return {
        "squares": {
            "in": [(side, side.turned(functions.turn, inwards=True)) for side in into.squares],
            "out": [(side, side.turned(functions.turn, inwards=False)) for side in out.squares],
        },
        "moved": {"in": into.moved(inwards=True), "out": out.moved(inwards=False)},
        "all_rows": functions.rows.of("x", *[str(p.steps)] * functions.channels, str(schedule.length), "rows"),
        "all_columns": functions.columns.of("sums", outs, "y", *[outs] * functions.filters),
        "runs": Runs.of(schedule.runs, apart, schedule.length * p.channels, "rows", _left(p)),
        "out_runs": Runs.of(schedule.outs_runs, apart, schedule.outs * p.filters, "sums", Place.of()),
    }


@dataclass(frozen=True)
class Runs:
    """The loop over runs of rows whose samples or outputs are so far apart; in it where one begins, and its rows."""

    heads: tuple[str, ...]
    apart: Place
    rows: str
    left: Place

    @classmethod
    def of(cls, count: int, apart: int, numbers: int, panel: str, left: Place) -> Runs:
        i = Variable.counted("i", count)
        own = Array(panel, count * numbers).at((numbers, i), taken=numbers)
        return cls((i.loop,) * (i.most > 0), Place.of((1, FROM), (apart, i)), own, left)

    @property
    def at(self) -> CText:
        """The first sample, or output."""
        return self.apart.text

    @property
    def sample(self) -> CText:
        """The first sample, counted from those that are padded."""
        return Place.of(*self.apart.parts, *self.left.scaled(-1).parts).text


def _left(p: Problem) -> Place:
    """The zeros before the input of the stage that walks over it."""
    return left_of(p.walk or p.stages[0])


def _sides(plan: KernelPlan[Schedule]) -> tuple[Side, Side]:
    """The panel of samples and that of outputs. No square fits into fewer of them than it has rows.

    What a free length has fewer of goes in narrower ones.
    """
    schedule, p = plan.schedule, plan.problem
    lanes_in, lanes_out = schedule.lanes_in, schedule.lanes_out
    if p.steps is not None:
        lanes_in = lanes_in if min(p.steps, schedule.length) >= lanes_in else 1
        lanes_out = lanes_out if min(p.out_steps(p.steps), schedule.outs) >= lanes_out else 1
    single, free = is_single(plan), p.steps is None

    def narrower(lanes: int) -> tuple[int, ...]:
        return tuple(width for width in plan.target.lanes(p.dtype) if free and 1 < width < lanes)

    return (
        Side("c", "steps", lanes_in, schedule.length, p.channels, single and not is_padded(plan), narrower(lanes_in)),
        Side("f", "outs", lanes_out, schedule.outs, p.filters, single, narrower(lanes_out)),
    )


def is_single(plan: KernelPlan[Schedule]) -> bool:
    """Whether one chunk is all of the work."""
    p, schedule = plan.problem, plan.schedule
    return p.steps is not None and not plan.sliced and not schedule.phases and p.out_steps(p.steps) <= schedule.outs


def is_padded(plan: KernelPlan[Schedule]) -> bool:
    """Whether a chunk may read where the input has no samples."""
    p = plan.problem
    return not is_single(plan) or p.pads(p.steps or 0)[0] > 0 or plan.schedule.length > (p.steps or 0)


def turn_function(name: str, c: str) -> CFunction:
    """The function that turns a square of numbers about its diagonal."""
    return static(name, *reads(c, "from"), *numbers("step"), *writes(c, "to"), *numbers("to_step"))


@dataclass(frozen=True)
class Functions:
    """The static functions of the kernel `name` of numbers `c`, of several channels, of several filters."""

    name: str
    c: str
    channels: bool
    filters: bool

    def turn(self, side: object) -> CFunction:
        """A square of so many numbers a side."""
        return turn_function(f"{self.name}_turn_{side}", self.c)

    @property
    def rows(self) -> CFunction:
        """Samples of each channel to rows of all channels."""
        counted = numbers(*["steps"] * self.channels, "count")
        return static(f"{self.name}_rows", *reads(self.c, "x"), *counted, *writes(self.c, "rows"))

    @property
    def columns(self) -> CFunction:
        """Rows of all filters to outputs of each filter."""
        to = (*writes(self.c, "y"), *numbers(*["outs"] * self.filters))
        return static(f"{self.name}_columns", *reads(self.c, "rows"), *numbers("count"), *to)

    @property
    def panel(self) -> CFunction:
        """Samples as rows, zeros where there are none."""
        return panel_function(self.name, self.c, "rows", alone=False)


@dataclass(frozen=True)
class Turn:
    """A square of `side` by `side` numbers turned about its diagonal: `lines` of C."""

    side: int
    lines: tuple[str, ...]

    @classmethod
    def of(cls, side: int, item_bytes: int, pick: str) -> Turn:
        """Numbers of `item_bytes` each, shuffled by the macro `pick`.

        Large blocks change places first: such a shuffle can be a load.
        """
        near, rows = min(side, REGISTER // item_bytes), [f"a{i}" for i in range(side)]
        step, to_step = Variable.free("step"), Variable.free("to_step")
        lines = [
            f"const {spelled(side)} {row} = {spelled(side, '_load')}({Place.of((i, step)).in_array('from')});"
            for i, row in enumerate(rows)
        ]
        letters = iter("bcde")
        apart = side // 2
        while apart >= near:
            rows = _shuffle(lines, pick, next(letters), rows, apart, _blocks(side, apart))
            apart //= 2
        rows = _shuffle(lines, pick, next(letters), rows, 1, _pairs(side, near))
        if near == 4:
            rows = _shuffle(lines, pick, next(letters), rows, 2, _blocks(side, 2))
            rows = [rows[i - i % 4 + (0, 2, 1, 3)[i % 4]] for i in range(side)]
        lines += [
            f"{spelled(side, '_store')}({Place.of((i, to_step)).in_array('to')}, {row});" for i, row in enumerate(rows)
        ]
        return cls(side, tuple(lines))


def _shuffle(
    lines: list[str], pick: str, letter: str, rows: list[str], apart: int, orders: tuple[list[int], list[int]]
) -> list[str]:
    """Adds to `lines` what makes of each two rows so far `apart` two new ones, whose names are returned."""
    side = len(rows)
    for i in range(side):
        if not i & apart:
            for to, order in zip((i, i + apart), orders, strict=True):
                picked = f"{pick}({rows[i]}, {rows[i + apart]}, {', '.join(map(str, order))})"
                lines.append(f"const {spelled(side)} {letter}{to} = {picked};")
    return [f"{letter}{i}" for i in range(side)]


def _blocks(side: int, size: int) -> tuple[list[int], list[int]]:
    """Blocks of `size` lanes from two vectors in turn: the even ones, the odd ones."""
    even = [at + i for at in range(0, side, 2 * size) for at in (at, side + at) for i in range(size)]
    return even, [at + size for at in even]


def _pairs(side: int, near: int) -> tuple[list[int], list[int]]:
    """In each run of `near` lanes, lane by lane from two vectors in turn: the lower half, the upper half."""
    lower = [at for start in range(0, side, near) for i in range(near // 2) for at in (start + i, side + start + i)]
    return lower, [at + near // 2 for at in lower]


WRITER = Writer(template="relayout.c.j2", view=view, inner=INNER, lanes=lanes, packing=kernel_layouts.as_inner)

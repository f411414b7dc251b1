"""What `templates/direct_steps.c.j2` prints: tiles of filters by vectors along time."""

from __future__ import annotations

from typing import Any

from codegen.emission import kernel_layouts
from codegen.emission.border import Border
from codegen.emission.cformat import times
from codegen.emission.microkernel import (
    Loop,
    Microkernel,
    Output,
    Row,
    Spelling,
    Step,
    accumulator,
    count_loop,
    index,
    offset,
)
from codegen.emission.writer import Writer
from codegen.planning.algorithms.direct_steps import Schedule
from codegen.planning.plan import KernelPlan


def lanes(plan: KernelPlan[Schedule]) -> set[int]:
    """The vector widths in use."""
    return {plan.schedule.lanes, 1}  # 1: single steps at a border


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    schedule, p = plan.schedule, plan.problem
    build = _Tiles(plan, name)
    starts, grouped = schedule.starts, p.groups > 1
    step = starts[1] - starts[0] if len(starts) > 1 else 0
    even = starts[-1] == step * (len(starts) - 1)
    block = (step, "j") if even else (1, f"(j < {len(starts) - 1} ? {step} * j : {starts[-1]})")
    heads = [count_loop("j", 0, len(starts))] if len(starts) > 1 else []
    weights: list[int | tuple[int, str]] = [(1, "f")]
    if build.packed:
        turn = p.terms * schedule.rows
        weights = [(turn * len(starts) if grouped else 0, "g"), (turn if heads else 0, "j")]
    prefix = f"{name}_" if plan.weights == "baked" else ""
    return {
        "tile": build.tile(),
        "edges": build.edges(),
        "schedule": schedule,
        "groups": [count_loop("g", 0, p.groups)] if grouped else [],
        "blocks": heads,
        "f": index((p.group_filters if grouped else 0, "g"), block),
        "x_block": offset("x", (p.group_channels if grouped else 0, f"g * {build.steps}")),
        "w": offset(f"{prefix}kernel", *weights),
        "b": f"{prefix}bias + f",
        "border": Border.of(f"{name}_border", build.edges(), schedule.lanes, p, build.tap_weights, build.names),
        "steps": build.steps,
        "outs_now": build.outs,
        "left_now": "left" if build.free else str(p.pad_left),
        "at_sample_now": f"{times(p.stride, 'at')} - {'left' if build.free else p.pad_left}".removesuffix(" - 0"),
        "interior": schedule.interior,
        "chunk": max(1, schedule.chunk // schedule.width) * schedule.width,
        "more": "".join(f", {word}" for word in build.names),
    }


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
        self.tap_weights = self.schedule.rows if self.packed else self.problem.group_channels * self.problem.filters

    def tile(self) -> Microkernel:
        """All taps, a full tile."""
        p, schedule = self.problem, self.schedule
        taps = range(p.kernel_size)
        channels = f"{p.group_channels} channel{'s' * (p.group_channels > 1)}"
        words = f"{p.kernel_size} tap{'s' * (p.kernel_size > 1)} x {channels}"
        if schedule.form == "straight":
            steps = tuple(
                self._step(schedule.vectors, schedule.lanes, c, k) for c in range(p.group_channels) for k in taps
            )
            loop = Loop(words, (), steps)
        elif schedule.form == "taps":
            steps = tuple(self._step(schedule.vectors, schedule.lanes, "c", k) for k in taps)
            loop = Loop(
                f"{words}, {p.dilation} samples from tap to tap", (count_loop("c", 0, p.group_channels),), steps
            )
        else:
            heads: tuple[str, ...] = (count_loop("k", 0, p.kernel_size),)
            channel: int | str = 0
            if p.group_channels > 1:
                heads, channel = (count_loop("c", 0, p.group_channels), *heads), "c"
            loop = Loop(words, heads, (self._step(schedule.vectors, schedule.lanes, channel, "k"),))
        comment = f"{schedule.rows} filter{'s' * (schedule.rows > 1)} x {schedule.width} output steps"
        return self._microkernel(f"{schedule.rows}x{schedule.width}", comment, schedule.vectors, schedule.lanes, loop)

    def edges(self) -> tuple[Microkernel, ...]:
        """One step, and one vector of steps, that have the same taps, counted at run time."""
        widths = (1,) if self.schedule.lanes == 1 else (1, self.schedule.lanes)
        return tuple(self._edge(lanes) for lanes in widths)

    def _edge(self, lanes: int) -> Microkernel:
        heads: tuple[str, ...] = (count_loop("k", 0, "taps"),)
        step = self._step(1, lanes, 0, "k")
        if self.problem.group_channels > 1:
            heads = (count_loop("c", 0, self.problem.group_channels), *heads)
            step = self._step(1, lanes, "c", "k")
        comment = f"{self.schedule.rows} filters x {lanes} output step{'s' * (lanes > 1)} at a border"
        loop = Loop("the taps inside the input", heads, (step,))
        return self._microkernel(f"edge_{self.schedule.rows}x{lanes}", comment, 1, lanes, loop, counted=True)

    def _step(self, vectors: int, lanes: int, channel: int | str, tap: int | str) -> Step:
        p = self.problem
        row: list[int | tuple[int, str]] = []
        if isinstance(channel, str):
            row.append((1, f"{channel} * {self.steps}"))
        elif channel:
            row.append((channel, self.steps) if self.free else channel * (p.steps or 0))
        at = [*row, _term(p.dilation, tap)]
        spell = Spelling.of(self.plan, lanes)
        loads = tuple((f"x{i}", spell.strided(p.stride, "x", *at, i * lanes * p.stride)) for i in range(vectors))
        if self.packed:
            where = [_term(p.kernel_size * self.schedule.rows, channel), _term(self.schedule.rows, tap)]
        else:
            where = [_term(p.group_channels * p.filters, tap), _term(p.filters, channel)]
        rows = tuple(
            Row(
                spell.weight(*where, r),
                tuple(spell.update(accumulator(r, i), "s", f"x{i}") for i in range(vectors)),
            )
            for r in range(self.schedule.rows)
        )
        return Step(loads, rows)

    def _microkernel(
        self, tag: str, comment: str, vectors: int, lanes: int, loop: Loop, counted: bool = False
    ) -> Microkernel:
        p, spell, rows = self.problem, Spelling.of(self.plan, lanes), range(self.schedule.rows)
        first = [spell.broadcast(f"b[{r}]" if p.bias else "0") for r in rows]
        start = tuple(tuple((accumulator(r, i), first[r]) for i in range(vectors)) for r in rows)
        output = Output("y", tuple(map(self._y, rows)), tuple(i * lanes for i in range(vectors)))
        shared = tuple(f"x{i}" for i in range(vectors))
        extra = self.names + (("taps",) if counted else ())
        return Microkernel(
            f"{self.name}_{tag}",
            comment,
            spell.type,
            start,
            shared,
            True,
            (loop,),
            output.lines(spell, p),
            extra,
            spell.stored,
        )

    def _y(self, row: int) -> tuple[int | tuple[int, str], ...]:
        return ((row, "outs"),) if self.free else (row * int(self.outs),)


def _term(factor: int, variable: int | str) -> int | tuple[int, str]:
    return factor * variable if isinstance(variable, int) else (factor, variable)


WRITER = Writer(template="direct_steps.c.j2", view=view, lanes=lanes, packing=kernel_layouts.by_steps)

"""What `templates/integer.c.j2` prints: a function for each stage, the window's copy, and the walk over the outputs."""

from __future__ import annotations

from typing import Any

from codegen.emission import lengths
from codegen.emission.cformat import ceil_over, floor_over
from codegen.emission.expressions import Place, Variable
from codegen.emission.integer_stage import Plan, function, prefixes, stage, told_outs, told_tap
from codegen.emission.integer_tables import tables
from codegen.emission.microkernel import index
from codegen.emission.writer import Writer
from codegen.planning.algorithms import integer


def view(plan: Plan, name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    return Walk(plan, name).view()


class Walk:
    """Builds the view of one plan under one C name."""

    def __init__(self, plan: Plan, name: str) -> None:
        self.plan, self.name, self.first = plan, name, plan.problem.stages[0]
        self.prefixes = prefixes(plan, name)

    def view(self) -> dict[str, Any]:
        p, tiles = self.plan.problem, self.plan.schedule.tiles
        parts = zip(p.stages, tiles, self.prefixes, strict=True)
        gathers = integer.gathers(self.first)
        return {
            "stages": [
                stage(one, tile, prefix, first=one is self.first, last=one is p.stages[-1])
                for one, tile, prefix in parts
            ],
            "gathers": gathers,
            "walks": gathers or len(p.stages) > 1,
            "in_place": not integer.gathers_all(self.first),
            "walk": self,
            "spare": self.plan.has_workspace and not integer.room(p, self.plan.schedule),
            "outs_told": p.steps is None,
            "left_told": self.first.centred and p.steps is None,
        }

    @property
    def steps(self) -> str:
        return lengths.steps_of(self.first).text

    @property
    def outs(self) -> str:
        return lengths.outs_of(self.first).text

    @property
    def first_output(self) -> str:
        return f"{self.outs} * slice / slices" if self.plan.sliced else "0"

    @property
    def end(self) -> str:
        return f"{self.outs} * (slice + 1) / slices" if self.plan.sliced else self.outs

    @property
    def window_numbers(self) -> int:
        return integer.taps(self.first) * self.first.channels if integer.gathers(self.first) else 0

    @property
    def zero(self) -> int:
        return self.first.zero

    @property
    def window_head(self) -> str:
        steps = "ptrdiff_t steps, " if self.first.steps is None else ""
        return f"static void {self.name}_window(const int8_t *x, {steps}ptrdiff_t at, int8_t *window)"

    @property
    def window_call(self) -> str:
        steps = "steps, " if self.first.steps is None else ""
        return f"{self.name}_window(x, {steps}at, window)"

    @property
    def taps(self) -> int:
        return integer.taps(self.first)

    @property
    def sample(self) -> str:
        """The input step of a window's tap."""
        p = self.first
        return Place.of((1, Variable.free("at")), (integer.tap_step(p) * p.dilation // p.up, self._tap)).text

    @property
    def read(self) -> str:
        p, step = self.first, Variable.free("step")
        if p.channels_last or p.channels == 1:
            return Place.of((p.channels, step), (1, self._channel)).text
        channel = Variable.free("steps * c") if p.steps is None else self._channel
        return Place.of((p.steps or 1, channel), (1, step)).text

    @property
    def written(self) -> str:
        return Place.of((self.first.channels, self._tap), (1, self._channel)).text

    @property
    def _tap(self) -> Variable:
        return Variable.counted("k", self.taps)

    @property
    def _channel(self) -> Variable:
        return Variable.counted("c", self.first.channels)

    @property
    def tap_loop(self) -> tuple[str, ...]:
        """The loop over the taps of a window, where there are several."""
        return (self._tap.loop,) * (self._tap.most > 0)

    @property
    def channel_loop(self) -> tuple[str, ...]:
        """That over the channels of a step."""
        return (self._channel.loop,) * (self._channel.most > 0)

    @property
    def far(self) -> str:
        """Samples from a step of the input, not behind x, to the first tap of an output; with zeros between steps."""
        return index((self.first.stride, "t"), self._behind * self.first.up - self.first.pad_left)

    @property
    def _behind(self) -> int:
        """The steps that lie before x, so that no sample is counted below 0."""
        return -(-self.first.pad_left // self.first.up)

    @property
    def at(self) -> str:
        """The input step of a window's first tap."""
        p = self.first
        if p.up == 1:
            return lengths.sample_of(p).text
        first = index((1, "far"), p.up - 1) if p.dilation == 1 else f"far + {self.name}_first[residue]"
        over = ceil_over("far", p.up) if p.dilation == 1 else floor_over(first, p.up)
        return f"{over} - {self._behind}" if self._behind else over

    @property
    def inside(self) -> str:
        """C for whether all of a window lies in x."""
        p = self.first
        before, after = p.pad_left > 0, p.pad_right > 0 or p.centred
        tests = ["at >= 0"] * before + [f"{index((1, 'at'), p.reach)} <= {self.steps}"] * (after or before)
        return " && ".join(tests)

    @property
    def fitting(self) -> str:
        """C for the outputs from `t` on whose windows lie in x."""
        p = self.first
        room = Place.of(*lengths.steps_of(p).parts, (-1, Variable.free("at")), -p.reach)
        return Place.of(*room.parts, 1).text if p.stride == 1 else f"{floor_over(room.text, p.stride)} + 1"

    @property
    def place(self) -> str:
        """Where in x the window begins."""
        return index((self.first.channels, "at"))

    @property
    def most(self) -> int:
        return self.plan.schedule.outs

    @property
    def calls(self) -> tuple[str, ...]:
        """The stages' calls for `now` outputs from `t` on."""
        p, found = self.plan.problem, []
        read = (
            "from"
            if integer.gathers(self.first)
            else Place.of((self.first.channels, Variable.free("at"))).in_array("x")
        )
        for number, prefix in enumerate(self.prefixes):
            last = number + 1 == len(self.prefixes)
            to = self.output("t") if last else f"between{number}"
            arguments = [read, *(["residue"] * (number == 0 and self.first.up > 1))]
            arguments += ["tap"] * (number == 0 and told_tap(self.first))
            arguments += ["now"] + ["outs"] * (last and told_outs(p.stages[-1]))
            found.append(f"{function(prefix)}({', '.join((*arguments, to))});")
            read = to
        return tuple(found)

    def output(self, t: str) -> str:
        p = self.plan.problem
        return Place.of((p.out_filters if p.channels_last else 1, Variable.free(t))).in_array("y")

    @property
    def whole_call(self) -> str:
        """The one call of a layer whose windows all lie in x."""
        p = self.first
        outs = "outs, " if told_outs(p) else ""
        if not self.plan.sliced:
            return f"{function(self.name)}(x, {self.outs}, {outs}y);"
        x = Place.of((p.stride * p.channels, Variable.free("first"))).in_array("x")
        return f"{function(self.name)}({x}, end - first, {outs}{self.output('first')});"

    @property
    def buffers(self) -> tuple[tuple[str, str], ...]:
        """What lies between the stages: its name and its place in the workspace, of bytes."""
        found, at = [], self.window_numbers
        for number, one in enumerate(self.plan.problem.stages[1:]):
            found.append((f"between{number}", Place.of(at).in_array("(int8_t *)workspace")))
            at += self.most * one.channels
        return tuple(found)

    @property
    def channels(self) -> int:
        return self.first.channels

    @property
    def far_tap(self) -> int:
        return self.first.dilation * self.first.channels

    @property
    def told_tap(self) -> bool:
        """Whether the distance of two taps is one thing in x and another in a window."""
        return told_tap(self.first)

    @property
    def up(self) -> int:
        return self.first.up


WRITER = Writer(template="integer.c.j2", view=view, tables=tables)

"""What the templates of `templates/causal/` print: the functions of the file, their loops, places and calls."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from codegen.emission import vectors
from codegen.emission.cfunction import CFunction, Parameter, numbers, reads, static, writes
from codegen.emission.ending import weight_name
from codegen.emission.expressions import Array, Part, Place, Variable
from codegen.emission.lengths import STEPS, product
from codegen.emission.microkernel import count_loop, step_by
from codegen.planning.causal import CausalPlan

__all__ = ["CausalView"]

T = Variable.free("t")


class CausalView:
    """Builds the view of one plan under one C name."""

    def __init__(self, plan: CausalPlan, name: str) -> None:
        self.plan, self.name, self.problem = plan, name, plan.problem
        self.lanes, self.kept, self.channels = plan.lanes, plan.kept, plan.problem.channels
        self.gathers = plan.lanes > 1 and bool(plan.problem.epilogue.later)
        self.grouped = self.gathers and self.channels > plan.lanes
        self.channel = Variable.counted("c", self.channels)
        self.past = Array("past", self.kept * self.channels)
        self.present = Array("present", self.kept * self.channels)
        self.before = Variable.counted("i", self.kept)

    def view(self) -> dict[str, Any]:
        plan = self.plan
        return {
            "p": self.problem,
            "name": self.name,
            "c": self.problem.format.c,
            "n": self.lanes,
            "keeps": self.kept > 0,
            "kept": self.kept,
            "apart_told": self.kept > 0 and self.channels > 1,
            "several": self.lanes > 1,
            "separates": self.lanes > 1 or plan.few,
            "fetches": plan.fetches,
            "gathers": self.gathers,
            "grouped": self.grouped,
            "ragged": self.channels % self.lanes > 0,
            "least": plan.least,
            "room": plan.room,
            "who": self._who,
            "last": self._last,
            "functions": self.functions,
            "sums": [
                {"lanes": n, "several": n > 1, "function": self.functions[f"sums{n}"]}
                for n in sorted({self.lanes, *[1] * (plan.few or self.lanes == 1)}, reverse=True)
            ],
            "taps": [{"number": tap, "x": Place.of(tap).in_array("x")} for tap in range(self.problem.kernel_size)],
            "lane_heads": self._lane_heads,
            "channel_heads": [self.channel.loop] * (self.channels > 1),
            "before_heads": [self.before.loop] * (self.before.most > 0),
            "calls": self._calls(),
            "row": self._row(),
            "one": self._one() if self.kept else None,
            "few": self._few() if plan.few else None,
        }

    @property
    def _who(self) -> str:
        """The channels that one call of `one` or `few` computes."""
        if self.grouped:
            return f"{self.lanes} channels from `first` on"
        return "all channels" if self.channels > 1 else "the channel"

    @property
    def _last(self) -> str:
        """C for the end of a group of channels."""
        end = Place.of((1, Variable("first", self.channels)), self.lanes).text
        return end if self.channels % self.lanes == 0 else f"{end} < {self.channels} ? {end} : {self.channels}"

    @property
    def _lane_heads(self) -> list[str]:
        """The loop over the channels of a call."""
        return [count_loop("c", "first", "last")] if self.grouped else [self.channel.loop] * (self.channels > 1)

    @property
    def _lane(self) -> Variable:
        """A channel among those of a call."""
        return Variable("c - first", self.lanes - 1) if self.grouped else self.channel

    @cached_property
    def functions(self) -> dict[str, CFunction]:
        """The functions of the file, by what they do."""
        plan, c = self.plan, self.problem.format.c
        taps, start = reads(c, "taps", alone=False), Parameter("start", c)
        x, keeps = reads(c, "x", alone=False), self.kept > 0
        found = {
            f"sums{n}": CFunction(f"{self.name}_sums{n}", (*x, *taps, start), vectors.spelled(n), "static inline")
            for n in (self.lanes, 1)
        }
        before, fetched = reads(c, "before") * keeps, numbers("next") * plan.fetches
        row = (*reads(c, "x"), *numbers("steps"), *before, *reads(c, "taps"), start, *writes(c, "y"), *fetched)
        found["row"] = static(f"{self.name}_row", *row)
        weights = [weight for weight in ("kernel", *["bias"] * self.problem.bias) if plan.ask.weights != "baked"]
        held = (*numbers("apart") * (self.channels > 1), *reads(c, *weights, alone=False))
        last = (*reads(c, "past", alone=False), *held, *writes(c, "y", "present", alone=False))
        first = numbers("first") * self.grouped
        found["one"] = static(f"{self.name}_one", *first, *x, *last)
        found["few"] = static(f"{self.name}_few", *first, *x, *numbers("steps"), *last)
        return found | {"whole": CFunction(self.name, self._parameters())}

    def _parameters(self) -> tuple[Parameter, ...]:
        """The arguments of the header's function."""
        c, channels, kept = self.problem.format.c, self.channels, self.kept
        held = [Parameter("kernel", f"const {c} *", f"({channels}, 1, {self.problem.kernel_size})")]
        if self.problem.bias:
            held.append(Parameter("bias", f"const {c} *", f"({channels})"))
        return (
            Parameter("x", f"const {c} *", f"({channels}, steps)"),
            Parameter("steps", "ptrdiff_t", "1 or more"),
            Parameter("past", f"const {c} *", f"({channels}, {kept}), or NULL for zeros"),
            *(held if self.plan.ask.weights != "baked" else ()),
            Parameter("y", f"{c} *", f"({channels}, steps)"),
            Parameter("present", f"{c} *", f"({channels}, {kept})"),
        )

    @property
    def _taps(self) -> str:
        """The taps of a channel."""
        size = self.problem.kernel_size
        kernel = Array(weight_name(self.plan.ask, self.name), size * self.channels)
        return kernel.at((size, self.channel), taken=size)

    @property
    def _start(self) -> str:
        """What the sums of a channel begin with."""
        bias = Array(weight_name(self.plan.ask, self.name, "bias"), self.channels)
        return bias.number((1, self.channel)) if self.problem.bias else "0"

    @property
    def _channel_of_steps(self) -> tuple[Part, ...]:
        """Where a channel begins in x and in y."""
        return product(STEPS.place, self.channel.place).parts

    @property
    def _channel_of_past(self) -> Part:
        """Where a channel begins in what was before: all of them at the same place, where that is silence."""
        return 1, Variable("apart * c", self.kept * self.channel.most)

    def _calls(self) -> dict[str, Any]:
        """The calls in the header's function, and the statement that keeps a channel's last steps."""
        given = {"x": Place.of(*self._channel_of_steps).in_array("x"), "taps": self._taps, "start": self._start}
        given["y"] = Place.of(*self._channel_of_steps).in_array("y")
        if self.kept:
            given["before"] = self.past.at(self._channel_of_past, taken=self.kept)
        if self.plan.fetches:
            given["next"] = f"c < {self.channels - 1} ? steps : 0" if self.channels > 1 else "0"
        step = f"for (ptrdiff_t first = 0; first < {self.channels}; {step_by('first', self.lanes)})"
        found: dict[str, Any] = {"row": self.functions["row"].call(**given), "group_heads": [step] * self.grouped}
        found |= {word: self.functions[word].call() for word in ("one", "few")}
        if self.kept:
            end = product(STEPS.place, Place.of((1, self.channel), 1))
            kept = Place.of(*end.parts, (1, self.before), -self.kept)
            found["keep"] = f"{self.present.number((self.kept, self.channel), (1, self.before))} = x[{kept.text}];"
        return found

    def _ended(self, lanes: int, value: str) -> str:
        """A vector of outputs: what the stages behind the sums make of these."""
        for stage in self.problem.epilogue.later:
            value = f"{vectors.spelled(lanes, f'_{stage.function}')}({value})"
        return value

    def _stored(self, to: str, value: str) -> str:
        """The statement that writes a vector."""
        return f"{vectors.spelled(self.lanes, '_store')}({to}, {value});"

    def _load(self, pointer: str) -> str:
        return f"{vectors.spelled(self.lanes, '_load')}({pointer})"

    def _sums(self, lanes: int, x: str, taps: str = "taps", start: str = "start") -> str:
        return self.functions[f"sums{lanes}"].of(x, taps, start)

    def _row(self) -> dict[str, Any]:
        """The loops of a channel, and their statements."""
        n, kept, window = self.lanes, self.kept, Array("window", self.plan.room)
        i = Variable("i", max(0, self.plan.least - n))
        rest, reached = Variable.counted("i", kept + n), Place.of((1, T), -kept)
        outs = self._ended(n, self._sums(n, window.at((1, i), taken=n + kept)))
        return {
            "heads": [i.loop_by(n)] * (i.most > 0),
            "laid": self._stored(window.at(kept, (1, i), taken=n), self._load(Place.of((1, i)).in_array("x"))),
            "opened": self._stored(Place.of((1, i)).in_array("y"), outs),
            "turn": f"for (; {'t < steps' if n == 1 else f't + {n} <= steps'}; {step_by('t', n)})",
            "turned": self._stored("y + t", self._ended(n, self._sums(n, reached.in_array("x")))),
            "read": Place.of((1, Variable.free("steps - t")), kept).text,
            "rest_head": rest.loop,
            "rest": f"window[i] = i < read ? x[{Place.of(*reached.parts, (1, rest)).text}] : 0;",
            "closed": self._stored("rest", self._ended(n, self._sums(n, window.at(taken=n + kept)))),
        }

    def _one(self) -> dict[str, Any]:
        """A step of each channel, of which the sum is made number by number."""
        x = Array("x", self.channels).number((1, self.channel))
        y = Array("y", self.channels).number((1, self.channel))
        following = [f"kept{tap}" for tap in range(1, self.kept)] + ["now"]
        place = (self.kept, self.channel)
        own = Array("sums", self.lanes).number((1, self._lane)) if self.gathers else ""
        sums = self._ended(self.lanes, self._load("sums"))
        first = Place.of((int(self.grouped), Variable.free("first"))).in_array("y")
        whole = self.channels % self.lanes == 0
        return {
            "before": self.past.at(self._channel_of_past, taken=self.kept),
            "taps": self._taps,
            "olds": ", ".join(f"kept{tap} = before[{tap}]" for tap in range(self.kept)),
            "start": self._start,
            "x": x,
            "put": f"{own} = sum;" if self.gathers else f"{y} = {self._ended(1, 'sum')};",
            "kept": [f"{self.present.number(place, tap)} = {now};" for tap, now in enumerate(following)],
            "ended": self._stored(first if whole else "sums", sums),
            "moved": f"{y} = {own};",
        }

    def _few(self) -> dict[str, Any]:
        """Fewer steps of each channel than `least`, laid behind those before."""
        most, n = self.plan.least - 1, self.lanes
        window, sums = Array("window", self.kept + most), Array("sums", n * most)
        past = self.past.number(self._channel_of_past, (1, self.before))
        t, i = Variable.counted("t", most), Variable.counted("i", most)
        own, y = sums.number((n, t), (1, self._lane)) if self.gathers else "", Place.of(*self._channel_of_steps, (1, t))
        sum_ = self._sums(1, window.at((1, t), taken=self.kept + 1), self._taps, self._start)
        at = sums.at((n, t), taken=n)
        return {
            "sums": sums.numbers,
            "window": window.numbers,
            "before": f"{window.number((1, self.before))} = {past};",
            "now": f"{window.number(self.kept, (1, i))} = x[{Place.of(*self._channel_of_steps, (1, i)).text}];",
            "put": f"{own} = {sum_};" if self.gathers else f"y[{y.text}] = {self._ended(1, sum_)};",
            "kept": f"{self.present.number((self.kept, self.channel), (1, self.before))}"
            f" = {window.number((1, Variable('steps', most)), (1, self.before))};",
            "ended": self._stored(at, self._ended(n, self._load(at))),
            "moved": f"y[{y.text}] = {own};",
        }

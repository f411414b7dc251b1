"""What `templates/rolled.c.j2` prints: the loops over the outputs, and inside of them those over the taps."""

from __future__ import annotations

from typing import Any

from codegen.emission import kernel_layouts, lengths
from codegen.emission.border import padded
from codegen.emission.cformat import braced, ceil_over, nest, times
from codegen.emission.ending import Cell, Ending, operand_names
from codegen.emission.interface import weight_names
from codegen.emission.microkernel import Spelling, count_loop, index, share, step_by
from codegen.emission.writer import Writer
from codegen.planning.algorithms.rolled import Schedule, tests_steps
from codegen.planning.plan import KernelPlan

Place = tuple[int, str]


def lanes(plan: KernelPlan[Schedule]) -> set[int]:
    """The vector width in use."""
    return {plan.schedule.lanes}


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    return RolledView(plan, name).view()


class RolledView:
    """Builds the view of one plan under one C name."""

    def __init__(self, plan: KernelPlan[Schedule], name: str) -> None:
        self.plan, self.problem, self.schedule = plan, plan.problem, plan.schedule
        self.names = weight_names(plan, name)
        self.ending = Ending.of(plan, plan.schedule.lanes, across=True, names=operand_names(plan, name))
        self.spell = Spelling.of(plan, plan.schedule.lanes)
        self.in_order = self._in_order()

    def view(self) -> dict[str, Any]:
        p = self.problem
        return {
            "left_told": p.centred and p.steps is None,
            "outs_told": p.steps is None,
            "outputs": self._outputs(),
            "declared": [*self._overlap(), *self._first_sample()],
            "sum": f"{self.spell.type} sum = {self.ending.first(self._cell())};",
            "taps": self._taps(),
            "store": self.spell.store("y", self._place_of_output(), self.ending.apply("sum", self._cell())),
        }

    def _in_order(self) -> bool:
        """Whether the numbers of all taps that an output reads stand side by side, none of them outside the input."""
        p = self.problem
        rows = p.channels_last and p.groups == 1 and p.dilation == p.up == 1
        return rows and not any(padded(p))

    def _filters(self) -> int:
        """Filters of the loop over them: those of a group, or all."""
        return self.problem.filters if self.schedule.alone else self.problem.group_filters

    def _outputs(self) -> list[str]:
        """The loops over the outputs, in the order in which they lie in y."""
        p, filters, wide = self.problem, self._filters(), self.schedule.lanes
        outs = lengths.outs_of(p)
        steps = [count_loop("t", *(share(outs) if self.plan.sliced else ("0", outs)))]
        groups = [count_loop("g", 0, p.groups)] if p.groups > 1 and not self.schedule.alone else []
        name = "from" if filters % wide else "f"
        over = [f"for (ptrdiff_t {name} = 0; {name} < {filters}; {step_by(name, wide)})"] if filters > wide else []
        return [*steps, *groups, *over] if p.channels_last else [*groups, *over, *steps]

    def _overlap(self) -> list[str]:
        """The first filter of a vector, where the last one overlaps its neighbour."""
        filters, wide = self._filters(), self.schedule.lanes
        if filters % wide == 0:
            return []
        return [f"const ptrdiff_t f = from < {filters - wide} ? from : {filters - wide}; /* the last one overlaps */"]

    def _filter(self) -> list[Place]:
        """The vector's first filter."""
        p, filters = self.problem, self._filters()
        group = p.group_filters if p.groups > 1 and not self.schedule.alone else 0
        return [(group, "g"), (int(filters > self.schedule.lanes), "f")]

    def _channel(self) -> list[Place]:
        """The first channel that the vector reads."""
        p = self.problem
        if self.schedule.alone:
            return self._filter()
        return [(p.group_channels if p.groups > 1 else 0, "g"), (int(p.group_channels > 1), "c")]

    def _cell(self) -> Cell:
        """Where the sums are."""
        return Cell(self._filter(), self._place_of_output())

    def _place_of_output(self) -> list[Place]:
        p, at = self.problem, self._filter()
        if p.channels_last:
            return [(p.filters, "t"), *at]
        return [(1, lengths.times_outs(p, _sum(index(*at)))), (1, "t")] if index(*at) != "0" else [(1, "t")]

    def _taps(self) -> str:
        """The loops over what is summed up, and the sum."""
        p = self.problem
        if self.in_order:
            count, sample = p.terms, lengths.sample_of(p, "t")
            x = index((p.channels, _sum(sample)), (int(count > 1), "i"))
            w = [(p.filters if count > 1 else 0, "i"), *self._filter()]
            return nest([count_loop("i", 0, count)] * (count > 1), self._product(x, w), 0)
        channels = [count_loop("c", 0, p.group_channels)] * (p.group_channels > 1)
        sample = "at" if self._steps_counted or not tests_steps(p) else "far / " + str(p.up)
        x = self._product(self._place_of_input(sample), self._weight())
        if not p.channels_last:
            return nest(channels, self._over_taps(x), 0)
        return self._over_taps(nest(channels, x, 0))

    @property
    def _steps_counted(self) -> bool:
        """Whether the loop is over the input's steps that taps find, with zeros between them."""
        return self.problem.up > 1 and not tests_steps(self.problem)

    def _place_of_input(self, sample: str) -> str:
        p = self.problem
        if p.channels_last:
            return index((p.channels, _sum(sample)), *self._channel())
        channel = index(*self._channel())
        if channel == "0":
            return sample
        row = (1, f"steps * {_sum(channel)}") if p.steps is None else (p.steps, _sum(channel))
        return index(row, (1, sample))

    def _weight(self) -> list[Place]:
        p = self.problem
        tap = (p.group_channels * p.filters if p.kernel_size > 1 else 0, "k")
        return [tap, (p.filters if p.group_channels > 1 else 0, "c"), *self._filter()]

    def _product(self, x: str, weight: list[Place]) -> str:
        """One product is added."""
        number = self.spell.load("x", (1, x)) if self.schedule.alone else self.spell.broadcast(f"x[{x}]")
        return self.spell.update("sum", number, self._loaded(weight))

    def _loaded(self, weight: list[Place]) -> str:
        """The kernel's numbers from a place on."""
        if self.spell.stored:
            return self.spell.widened(self.names[0], *weight)
        return self.spell.load(self.names[0], *weight)

    def _over_taps(self, text: str) -> str:
        """`text` for every tap that finds a step of the input."""
        p = self.problem
        if self._steps_counted:
            return self._over_steps(text)
        inside = nest([f"if ({' && '.join(self._tests())})"] * bool(self._tests()), text, 0)
        if p.kernel_size == 1:
            return inside
        return braced([count_loop("k", 0, p.kernel_size)], f"{self._told((p.dilation, 'k'))}\n\n{inside}", 0)

    def _tests(self) -> list[str]:
        """C for whether a tap's sample is a step of the input, as far as that is not known."""
        p, steps, (before, after) = self.problem, lengths.steps_of(self.problem), padded(self.problem)
        if tests_steps(p):
            return ["far >= 0", f"far % {p.up} == 0", f"far / {p.up} < {steps}"]
        return [test for test, needed in (("at >= 0", before), (f"at < {steps}", after)) if needed]

    def _told(self, *tap: Place) -> str:
        """The declaration of a tap's sample."""
        p, name = self.problem, "far" if tests_steps(self.problem) else "at"
        return f"const ptrdiff_t {name} = {index((1, lengths.sample_of(p, 't')), *tap)}; /* the sample of the tap */"

    def _over_steps(self, text: str) -> str:
        """`text` for every step of the input that a tap finds, of samples `up` apart."""
        p = self.problem
        at = f"ptrdiff_t at = origin > 0 ? {ceil_over('origin', p.up)} : 0"
        head = f"for ({at}; at < {lengths.steps_of(p)} && {times(p.up, 'at')} - origin < {p.kernel_size}; ++at)"
        if p.kernel_size == 1:
            return nest([head], text, 0)
        tap = f"const ptrdiff_t k = {times(p.up, 'at')} - origin;\n\n"
        return braced([head], tap + text, 0)

    def _first_sample(self) -> list[str]:
        """The sample of tap 0, where the sums know it before their loops."""
        p = self.problem
        if self._steps_counted:
            sample = lengths.sample_of(p, "t")
            return [f"const ptrdiff_t origin = {sample}; /* the sample of tap 0; {p.up} are a step of the input */"]
        return [self._told()] if p.kernel_size == 1 and not self.in_order else []


def _sum(text: str) -> str:
    """A sum in brackets, where it is more than a word."""
    return f"({text})" if " " in text else text


WRITER = Writer(template="rolled.c.j2", view=view, lanes=lanes, packing=kernel_layouts.as_it_is)

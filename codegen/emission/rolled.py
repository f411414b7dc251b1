"""What `templates/rolled.c.j2` prints: the loops over the outputs, and inside of them those over the taps."""

from __future__ import annotations

import math
from typing import Any

from codegen.emission import kernel_layouts, lengths
from codegen.emission.border import padded
from codegen.emission.cformat import braced, ceil_over, nest, times
from codegen.emission.ending import Cell, Ending, operand_names
from codegen.emission.expressions import FAR, Part, Place, Variable
from codegen.emission.interface import weight_names
from codegen.emission.microkernel import Spelling, count_loop, index, share, step_by
from codegen.emission.writer import Writer
from codegen.planning.algorithms.rolled import Schedule, tests_steps
from codegen.planning.plan import KernelPlan


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
            "store": self.spell.store("y", self._place_of_output().spelled, self.ending.apply("sum", self._cell())),
        }

    def _in_order(self) -> bool:
        """Whether the numbers of all taps that an output reads lie side by side, none of them outside the input."""
        p = self.problem
        rows = p.channels_last and p.groups == 1 and p.dilation == p.up == 1
        return rows and not any(padded(p))

    def _filters(self) -> int:
        """Filters of the loop over them: those of a group, or all."""
        return self.problem.filters if self.schedule.alone else self.problem.group_filters

    def _outputs(self) -> list[str]:
        """The loops over the outputs, in the order in which they lie in y."""
        p, filters, wide = self.problem, self._filters(), self.schedule.lanes
        outs = lengths.outs_of(p).text
        steps = [count_loop("t", *(share(outs) if self.plan.sliced else ("0", outs)))] * (self._output.most > 0)
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

    @property
    def _output(self) -> Variable:
        """The output step: where there is one alone, unless slices share it, it is 0."""
        p = self.problem
        return Variable("t", FAR if p.steps is None or self.plan.sliced else p.out_steps(p.steps) - 1)

    @property
    def _sample(self) -> int | tuple[int, str]:
        """The sample of an output's first tap."""
        if not self._output.most:
            return -self.problem.pads(self.problem.steps or 0)[0]
        return 1, lengths.sample_of(self.problem).text

    @property
    def _group(self) -> Variable:
        return Variable.counted("g", 1 if self.schedule.alone else self.problem.groups)

    def _filter(self) -> list[Part]:
        """The vector's first filter."""
        return [(self.problem.group_filters, self._group), (1, Variable("f", self._filters() - self.schedule.lanes))]

    def _channel(self) -> list[Part]:
        """The first channel that the vector reads."""
        p = self.problem
        if self.schedule.alone:
            return self._filter()
        return [(p.group_channels, self._group), (1, Variable.counted("c", p.group_channels))]

    def _cell(self) -> Cell:
        """Where the sums are."""
        first = Place.of(*self._filter()).inside(self.problem.filters, range(self.schedule.lanes))
        return Cell(first.spelled, self._place_of_output().spelled)

    def _place_of_output(self) -> Place:
        p, first = self.problem, Place.of(*self._filter())
        if p.channels_last:
            return Place.of((p.filters, self._output), *self._filter())
        return Place.of(*lengths.product(lengths.outs_of(p), first).parts, (1, self._output))

    def _taps(self) -> str:
        """The loops over what is summed up, and the sum."""
        p = self.problem
        if self.in_order:
            i, sample = Variable.counted("i", p.terms), _sum(index(self._sample))
            x: str = Place.of((p.channels, Variable(sample, self._output.most)), (1, i)).text
            return nest([i.loop] * (i.most > 0), self._product(x, [(p.filters, i), *self._filter()]), 0)
        channels = [count_loop("c", 0, p.group_channels)] * (p.group_channels > 1)
        sample = "at" if self._steps_counted or not tests_steps(p) else "far / " + str(p.up)
        return self._over_taps(nest(channels, self._product(self._place_of_input(sample), self._weight()), 0))

    @property
    def _steps_counted(self) -> bool:
        """Whether the loop is over the input's steps that taps find, with zeros between them."""
        return self.problem.up > 1 and not tests_steps(self.problem)

    def _place_of_input(self, sample: str) -> str:
        p = self.problem
        if p.channels_last:
            return Place.of((p.channels, Variable(_sum(sample), FAR)), *self._channel()).text
        channel = Place.of(*self._channel())
        if not channel.most:
            return sample
        row = f"steps * {_sum(channel.text)}" if p.steps is None else times(p.steps, _sum(channel.text))
        return Place.of((1, Variable(row, FAR)), (1, Variable(sample, FAR))).text

    def _weight(self) -> list[Part]:
        p = self.problem
        k, c = Variable.counted("k", p.kernel_size), Variable.counted("c", p.group_channels)
        return [(p.group_channels * p.filters, k), (p.filters, c), *self._filter()]

    def _product(self, x: str, weight: list[Part]) -> str:
        """One product is added."""
        number = self.spell.load("x", (1, x)) if self.schedule.alone else self.spell.broadcast(f"x[{x}]")
        return self.spell.update("sum", number, self._loaded(weight))

    def _loaded(self, weight: list[Part]) -> str:
        """The kernel's numbers from a place on."""
        numbers = math.prod(self.problem.kernel_shape)
        at = Place.of(*weight).inside(numbers, range(self.schedule.lanes)).spelled
        return (self.spell.widened if self.spell.stored else self.spell.load)(self.names[0], *at)

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
        p, steps, (before, after) = self.problem, lengths.steps_of(self.problem).text, padded(self.problem)
        if tests_steps(p):
            return ["far >= 0", f"far % {p.up} == 0", f"far / {p.up} < {steps}"]
        return [test for test, needed in (("at >= 0", before), (f"at < {steps}", after)) if needed]

    def _told(self, *tap: tuple[int, str]) -> str:
        """The declaration of a tap's sample."""
        name = "far" if tests_steps(self.problem) else "at"
        return f"const ptrdiff_t {name} = {index(self._sample, *tap)}; /* the sample of the tap */"

    def _over_steps(self, text: str) -> str:
        """`text` for every step of the input that a tap finds, of samples `up` apart."""
        p = self.problem
        at = f"ptrdiff_t at = origin > 0 ? {ceil_over('origin', p.up)} : 0"
        head = f"for ({at}; at < {lengths.steps_of(p).text} && {times(p.up, 'at')} - origin < {p.kernel_size}; ++at)"
        if p.kernel_size == 1:
            return nest([head], text, 0)
        tap = f"const ptrdiff_t k = {times(p.up, 'at')} - origin;\n\n"
        return braced([head], tap + text, 0)

    def _first_sample(self) -> list[str]:
        """The sample of tap 0, where the sums know it before their loops."""
        p = self.problem
        if self._steps_counted:
            told = f"the sample of tap 0; {p.up} are a step of the input"
            return [f"const ptrdiff_t origin = {index(self._sample)}; /* {told} */"]
        return [self._told()] if p.kernel_size == 1 and not self.in_order else []


def _sum(text: str) -> str:
    """A sum in brackets, where it is more than a word."""
    return f"({text})" if " " in text else text


WRITER = Writer(template="rolled.c.j2", view=view, lanes=lanes, packing=kernel_layouts.as_it_is)

"""The statements that take the loss' gradient back through the stages of an epilogue, from y to the sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from codegen.emission.vectors import spelled
from codegen.problem.epilogue import Epilogue, Operand
from codegen.records import dataclass

__all__ = ["At", "AtNumber", "AtVector", "back"]


class At(Protocol):
    """A place in the arrays, and how numbers are read, written and added up there."""

    @property
    def type(self) -> str: ...

    def load(self, array: str) -> str: ...

    def read(self, operand: Operand) -> str: ...

    def written(self, operand: Operand, value: str) -> str: ...

    def added(self, number: int, value: str) -> str:
        """The statement that adds to the sum of that number."""

    def result(self, value: str) -> Iterator[str]:
        """The statements that write dz, so that `held` is it."""

    @property
    def held(self) -> str: ...

    def named(self, word: str) -> str: ...

    def call(self, word: str, arguments: Sequence[str]) -> str: ...


@dataclass(frozen=True)
class AtVector:
    """A vector of `lanes` numbers, `place` in C from the arrays on; `sums` are its accumulators.

    `column` is its place among a row's filters; None where all of its numbers are of one filter.
    """

    lanes: int
    place: str
    column: int | None
    tag: str
    sums: tuple[str, ...]

    @property
    def type(self) -> str:
        return spelled(self.lanes)

    @property
    def held(self) -> str:
        return f"da{self.tag}"

    def load(self, array: str) -> str:
        return f"{spelled(self.lanes, '_load')}({array} + {self.place})"

    def read(self, operand: Operand) -> str:
        name = operand.within
        if operand.lies == "output":
            return self.load(name)
        if operand.lies == "filter" and self.column is not None:
            return f"{spelled(self.lanes, '_load')}({f'{name} + {self.column}' if self.column else name})"
        return f"{spelled(self.lanes, '_set1')}({name}[0])"

    def written(self, operand: Operand, value: str) -> str:
        return self._stored(f"d{operand.within}", value)

    def _stored(self, array: str, value: str) -> str:
        return f"{spelled(self.lanes, '_store')}({array} + {self.place}, {value});"

    def added(self, number: int, value: str) -> str:
        return f"{self.sums[number]} = {self.sums[number]} + {value};"

    def result(self, value: str) -> Iterator[str]:
        yield f"const {self.type} {self.held} = {value};"
        yield self._stored("dz", self.held)

    def named(self, word: str) -> str:
        return f"{word}{self.tag}"

    def call(self, word: str, arguments: Sequence[str]) -> str:
        return f"{spelled(self.lanes, f'_{word}')}({', '.join(arguments)})"


@dataclass(frozen=True)
class AtNumber:
    """An output of a filter, both in C, in arrays that begin with the filter's own; `sums` are variables."""

    type: str
    sums: tuple[str, ...]
    output: str
    filter: str

    @property
    def held(self) -> str:
        return self.load("dz")

    def load(self, array: str) -> str:
        return f"{array}s[{self.output}]"

    def read(self, operand: Operand) -> str:
        name = operand.name
        ways = {"output": self.load(name), "filter": f"{name}[{self.filter}]", "call": f"{name}[0]"}
        return ways[operand.lies]

    def written(self, operand: Operand, value: str) -> str:
        return f"{self.load(f'd{operand.name}')} = {value};"

    def added(self, number: int, value: str) -> str:
        return f"{self.sums[number]} += {value};"

    def result(self, value: str) -> Iterator[str]:
        yield f"{self.held} = {value};"

    def named(self, word: str) -> str:
        return f"{word}0"

    def call(self, word: str, arguments: Sequence[str]) -> str:
        return f"{spelled(1, f'_{word}')}({', '.join(arguments)})"


def back(epilogue: Epilogue, at: At) -> Iterator[str]:
    """The statements of one place: forward to what each stage was given, then back through their slopes."""
    sums = {operand.name: number for number, operand in enumerate(epilogue.weights)}
    values, value = list[str](), at.load("z")
    read = [tuple(map(at.read, stage.operands)) for stage in epilogue.later]
    for number, stage in enumerate(epilogue.later):
        is_last = number + 1 == len(epilogue.later)
        if stage.operands or not is_last:  # more than one reads it
            yield f"const {at.type} {at.named(f'z{number}_')} = {value};"
            value = at.named(f"z{number}_")
        values.append(value)
        value = at.call(stage.function, (value, *read[number]))
    gradient = at.load("dy")
    for number, stage in reversed(tuple(enumerate(epilogue.later))):
        given = (values[number], *read[number])
        by_sums, *words = stage.slope_words
        if stage.operands:
            yield f"const {at.type} {at.named(f'd{number}_')} = {gradient};"
            gradient = at.named(f"d{number}_")
        for operand, word in zip(stage.operands, words, strict=True):
            share = f"{gradient} * {at.call(word, given)}"
            yield at.added(sums[operand.name], share) if operand.is_weight else at.written(operand, share)
        gradient = f"{gradient} * {at.call(by_sums, given)}"
    if epilogue.later:
        yield from at.result(gradient)
        gradient = at.held
    if epilogue.first:
        (first,) = epilogue.first.operands
        yield at.added(sums[first.name], gradient)

"""Places in an array as values: sums of whole numbers times variables that know how far they go."""

from __future__ import annotations

from codegen.emission.cformat import CText, times
from codegen.emission.microkernel import Spelling, count_loop, index, offset, step_by
from codegen.errors import GenConvError
from codegen.records import dataclass

__all__ = ["FAR", "Array", "Part", "Place", "Variable", "block"]

FAR = 1 << 62  # as far as a variable goes that nothing but the running C bounds


@dataclass(frozen=True)
class Variable:
    """A C variable, or a choice in brackets, whose value is a whole number from 0 to `most`."""

    name: str
    most: int

    @classmethod
    def counted(cls, name: str, count: int) -> Variable:
        """The variable of a loop that turns `count` times."""
        return cls(name, count - 1)

    @classmethod
    def free(cls, name: str) -> Variable:
        """One that nothing but the running C bounds."""
        return cls(name, FAR)

    @property
    def place(self) -> Place:
        """Itself, as a sum."""
        return Place.of((1, self))

    @property
    def loop(self) -> str:
        """The head of the loop over all of its values."""
        return count_loop(self.name, 0, self.most + 1)

    def loop_by(self, step: int) -> str:
        """The same, so many values of it at once."""
        return f"for (ptrdiff_t {self.name} = 0; {self.name} < {self.most + step}; {step_by(self.name, step)})"

    def loop_with(self, step: str) -> str:
        """The same, a step taken beside its own."""
        return count_loop(self.name, 0, self.most + 1, step)


Part = int | tuple[int, Variable]


@dataclass(frozen=True)
class Place:
    """A sum of (factor, variable) terms and a constant, in C without zeros and factors of 1."""

    terms: tuple[tuple[int, Variable], ...]
    constant: int = 0

    @classmethod
    def of(cls, *parts: Part) -> Place:
        """The sum of the parts; a variable that is always 0 adds nothing."""
        terms = tuple(part for part in parts if not isinstance(part, int) and part[0] and part[1].most)
        return cls(terms, sum(part for part in parts if isinstance(part, int)))

    @property
    def parts(self) -> tuple[Part, ...]:
        """What it is the sum of."""
        return (*self.terms, self.constant)

    @property
    def known(self) -> int | None:
        """The number that it is, without variables."""
        return None if self.terms else self.constant

    def scaled(self, factor: int) -> Place:
        """The place times a factor."""
        return Place.of(*((factor * one, variable) for one, variable in self.terms), factor * self.constant)

    @property
    def least(self) -> int:
        return self.constant + sum(min(0, factor * variable.most) for factor, variable in self.terms)

    @property
    def most(self) -> int:
        return self.constant + sum(max(0, factor * variable.most) for factor, variable in self.terms)

    def fits(self, bits: int) -> bool:
        """Whether a signed integer of so many bits holds every value on the way: of an `int` 16 or 32."""
        limit = 1 << (bits - 1)
        return all(-limit <= one < limit for one in (self.least, self.most))

    def inside(self, numbers: int, reach: range = range(1)) -> Place:
        """Itself, as the first of an array's `numbers`, of which those so far on are read or written.

        Raises GenConvError where one of them may lie outside, for a value of the variables.
        """
        first, last = self.least + reach.start, self.most + reach.stop - 1
        if reach and not 0 <= first <= last < numbers:
            raise GenConvError(f"`{self.text}` reaches from {first} to {last} of {numbers} numbers")
        return self

    @property
    def spelled(self) -> tuple[int | tuple[int, str], ...]:
        """The sum by the variables' names."""
        return (self.constant, *((factor, variable.name) for factor, variable in self.terms))

    @property
    def text(self) -> CText:
        return CText(index(*self.spelled))

    def in_array(self, pointer: str) -> CText:
        """The pointer to the place."""
        return CText(offset(pointer, *self.spelled))

    def at_once(self, pointer: str) -> CText:
        """The same, a sum in brackets: no pointer on the way, which might lie beside the array."""
        return (
            CText(f"{pointer} + ({self.text})") if len(self.terms) + bool(self.constant) > 1 else self.in_array(pointer)
        )


@dataclass(frozen=True)
class Array:
    """What a C pointer leads to from number `first` on: so many numbers.

    Each method raises GenConvError for a place beside them.
    """

    pointer: str
    numbers: int
    first: int = 0

    def at(self, *parts: Part, taken: int = 1) -> CText:
        """The pointer to the first of `taken` numbers."""
        return self._place(parts, taken).in_array(self.pointer)

    def number(self, *parts: Part) -> CText:
        """One number."""
        return CText(f"{self.pointer}[{self._place(parts, 1).text}]")

    def load(self, spell: Spelling, *parts: Part) -> str:
        """A vector of neighbours."""
        return spell.load(self.pointer, *self._place(parts, spell.lanes).spelled)

    def store(self, spell: Spelling, value: str, *parts: Part) -> str:
        """The statement that writes a vector to neighbours."""
        return spell.store(self.pointer, self._place(parts, spell.lanes).spelled, value)

    def _place(self, parts: tuple[Part, ...], taken: int) -> Place:
        return Place.of(*Place.of(*parts).inside(self.numbers, range(taken)).parts, self.first)


def block(count: int, step: int, last: int) -> list[Part]:
    """Where block j begins of `count`, `step` apart from 0 on; the last one, at `last`, may overlap its neighbour."""
    if count == 1:
        return []
    if last == step * (count - 1):
        return [(step, Variable.counted("j", count))]
    return [(1, Variable(f"(j < {count - 1} ? {times(step, 'j')} : {last})", last))]

"""Places in an array as values: sums of whole numbers times variables that know how far they go."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.emission.cformat import CText
from codegen.emission.microkernel import count_loop, index, offset

__all__ = ["Place", "Variable"]


@dataclass(frozen=True)
class Variable:
    """A C variable, or a choice in brackets, whose value is a whole number from 0 to `most`."""

    name: str
    most: int

    @classmethod
    def counted(cls, name: str, count: int) -> Variable:
        """The variable of a loop that turns `count` times."""
        return cls(name, count - 1)

    @property
    def loop(self) -> str:
        """The head of the loop over all of its values."""
        return count_loop(self.name, 0, self.most + 1)


@dataclass(frozen=True)
class Place:
    """A sum of (factor, variable) terms and a constant, in C without zeros and factors of 1."""

    terms: tuple[tuple[int, Variable], ...]
    constant: int = 0

    @classmethod
    def of(cls, *parts: int | tuple[int, Variable]) -> Place:
        """The sum of the parts; a variable that is always 0 adds nothing."""
        terms = tuple(part for part in parts if not isinstance(part, int) and part[0] and part[1].most)
        return cls(terms, sum(part for part in parts if isinstance(part, int)))

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

    @property
    def text(self) -> CText:
        return CText(index(self.constant, *((factor, variable.name) for factor, variable in self.terms)))

    def in_array(self, pointer: str) -> CText:
        """The pointer to the place."""
        return CText(offset(pointer, self.constant, *((factor, variable.name) for factor, variable in self.terms)))

"""A C function as a value: its name, what it takes, how it is declared and called, which headers that needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["CFunction", "Parameter", "headers"]

HEADERS = {"ptrdiff_t": "stddef.h"} | {
    f"{sign}int{bits}_t": "stdint.h" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


@dataclass(frozen=True)
class Parameter:
    """One argument: its C type, as `const float *`, and for the header what it is in words, as its shape."""

    name: str
    type: str
    told: str = ""

    @property
    def declaration(self) -> str:
        """As it stands in a declarator."""
        return f"{self.type}{'' if self.type.endswith('*') else ' '}{self.name}"


@dataclass(frozen=True)
class CFunction:
    """`returns` is a C type, `linkage` what stands before it: nothing, `static` or `static inline`."""

    name: str
    parameters: tuple[Parameter, ...]
    returns: str = "void"
    linkage: str = ""

    @property
    def declarator(self) -> str:
        """All that stands before the body, or before the semicolon of a declaration."""
        declared = ", ".join(one.declaration for one in self.parameters)
        return f"{self.linkage}{' ' if self.linkage else ''}{self.returns} {self.name}({declared})"

    def call(self, *others: str) -> str:
        """A call with the arguments by their own names; `others` stand in the places of the last ones."""
        names = [one.name for one in self.parameters][: len(self.parameters) - len(others)]
        return f"{self.name}({', '.join((*names, *others))})"

    @property
    def types(self) -> tuple[str, ...]:
        """The C types that a declaration names, without their stars and qualifiers."""
        return (self.returns, *(one.type.removeprefix("const ").partition(" ")[0] for one in self.parameters))


def headers(functions: Iterable[CFunction]) -> tuple[str, ...]:
    """The standard headers that declare what the functions' declarations name."""
    return tuple(sorted({HEADERS[word] for one in functions for word in one.types if word in HEADERS}))

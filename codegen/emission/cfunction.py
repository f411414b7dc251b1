"""A C function as a value: its name, what it takes, how it is declared and called, which headers that needs."""

from __future__ import annotations

from collections.abc import Iterable

from codegen.errors import GenConvError
from codegen.records import dataclass

__all__ = ["CFunction", "Parameter", "headers", "numbers", "reads", "static", "writes"]

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
        """Its text in a declarator."""
        return f"{self.type}{'' if self.type.endswith('*') else ' '}{self.name}"


@dataclass(frozen=True)
class CFunction:
    """`returns` is a C type, `linkage` what stands before it: nothing, `static` or `static inline`.

    A declaration has all `parameters` in one line, or the first `in_line` of them and the others in the next.
    """

    name: str
    parameters: tuple[Parameter, ...]
    returns: str = "void"
    linkage: str = ""
    in_line: int | None = None

    @property
    def declarator(self) -> str:
        """All that comes before the body, or before the semicolon of a declaration."""
        declared = [one.declaration for one in self.parameters]
        lines = filter(None, (declared[: self.in_line], declared[self.in_line :] if self.in_line else []))
        listed = ",\n    ".join(", ".join(line) for line in lines)
        return f"{self.linkage}{' ' if self.linkage else ''}{self.returns} {self.name}({listed})"

    def call(self, *others: str, **named: str) -> str:
        """A call with the arguments by their own names; `others` stand in the places of the last ones.

        `named` stand in those of the parameters of these names. Raises GenConvError where there is no such parameter.
        """
        names = [one.name for one in self.parameters]
        if len(others) > len(names) or not named.keys() <= set(names):
            raise GenConvError(f"{self.name} takes {names}: a call gives {len(others)} last ones, {sorted(named)}")
        own = [named.get(name, name) for name in names[: len(names) - len(others)]]
        return f"{self.name}({', '.join((*own, *others))})"

    def of(self, *arguments: str) -> str:
        """A call with all arguments in their order. Raises GenConvError where they are fewer or more."""
        if len(arguments) != len(self.parameters):
            names = [one.name for one in self.parameters]
            raise GenConvError(f"{self.name} takes {names}: a call gives {len(arguments)} arguments")
        return self.call(*arguments)

    @property
    def types(self) -> tuple[str, ...]:
        """The C types that a declaration names, without their stars and qualifiers."""
        return (self.returns, *(one.type.removeprefix("const ").partition(" ")[0] for one in self.parameters))


def static(name: str, *parameters: Parameter, returns: str = "void", in_line: int | None = None) -> CFunction:
    """A function that its file alone knows."""
    return CFunction(name, parameters, returns, "static", in_line)


def numbers(*names: str) -> tuple[Parameter, ...]:
    """Whole numbers: counts and places."""
    return tuple(Parameter(name, "ptrdiff_t") for name in names)


def reads(c: str, *names: str, alone: bool = True) -> tuple[Parameter, ...]:
    """Arrays of `c` that are read; `alone`: no other pointer reaches what one of them does."""
    return tuple(Parameter(name, f"const {c} *{'restrict' * alone}") for name in names)


def writes(c: str, *names: str, alone: bool = True) -> tuple[Parameter, ...]:
    """Arrays of `c` that are written, as for `reads`."""
    return tuple(Parameter(name, f"{c} *{'restrict' * alone}") for name in names)


def panel_function(name: str, c: str, panel: str = "panel", *, alone: bool = True) -> CFunction:
    """The function of the kernel `name` that brings the samples of a chunk into `panel`."""
    counted = numbers("steps", "at", "count")
    return static(f"{name}_panel", *reads(c, "x", alone=alone), *counted, *writes(c, panel, alone=alone))


def headers(functions: Iterable[CFunction]) -> tuple[str, ...]:
    """The standard headers that declare what the functions' declarations name."""
    return tuple(sorted({HEADERS[word] for one in functions for word in one.types if word in HEADERS}))

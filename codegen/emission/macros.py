"""The macros of a header: in capitals, and for one release more in the spelling that they had before."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from codegen.emission import cformat
from codegen.numbers import formats
from codegen.records import dataclass
from codegen.specs import names

__all__ = ["Macro", "Meaning", "constant", "macros"]


@dataclass(frozen=True)
class Meaning:
    """What a macro stands for: a number, or C in its one `argument`; `told` is a comment."""

    value: int | str
    argument: str = ""
    told: str = ""

    @property
    def text(self) -> str:
        """The line behind `#define NAME`."""
        value = f"({self.argument}) ({self.value})" if self.argument else str(self.value)
        return f"{value} /* {self.told} */" if self.told else value


@dataclass(frozen=True)
class Macro:
    """`#define NAME` of a header; `old` is the spelling that still means the same, None for none."""

    name: str
    meaning: Meaning
    old: str | None

    @property
    def rest(self) -> str:
        """The line behind the name: where the macro has an argument, without a space between."""
        return self.meaning.text if self.meaning.argument else f" {self.meaning.text}"

    @property
    def numbers(self) -> tuple[str, ...]:
        """The names that are a number each: of a macro with an argument, none."""
        return () if self.meaning.argument else (self.name, *([self.old] if self.old else []))


def constant(numbers: Mapping[str, int | float]) -> dict[str, Meaning]:
    """What macros of these suffixes stand for: whole numbers, and float32."""
    single = formats.row("float32")
    return {
        word: Meaning(value if isinstance(value, int) else cformat.literal(value, single))
        for word, value in numbers.items()
    }


def macros(name: str, meanings: Mapping[str, Meaning], beside: Collection[str] = ()) -> tuple[Macro, ...]:
    """A macro for each suffix of the layer `name`; `beside` are the names of the layers whose headers stand beside it.

    Where the capitals are another layer's too, as STEM_OUT_STEPS of `stem` and of `stem_out`, the old spelling alone is
    defined.
    """
    taken = names.claimed(one for one in beside if one != name)
    found = []
    for suffix, meaning in meanings.items():
        old, new = f"{name}_{suffix}", names.macro(name, suffix)
        if new in taken:
            found.append(Macro(old, meaning, None))
        else:
            found.append(Macro(new, meaning, old if old != new else None))
    return tuple(found)

"""The macros of a header: in capitals, and for one release more in the spelling that they had before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from codegen.specs import names

__all__ = ["Macro", "macros"]


@dataclass(frozen=True)
class Macro:
    """`#define NAME` and the rest of the line; `old` is the spelling that still means the same, None for none."""

    name: str
    rest: str
    old: str | None


def macros(name: str, rests: Mapping[str, str], beside: Collection[str] = ()) -> tuple[Macro, ...]:
    """A macro for each suffix of the layer `name`; `beside` are the names of the layers whose headers stand beside it.

    Where the capitals are another layer's too, as STEM_OUT_STEPS of `stem` and of `stem_out`, the old spelling alone is
    defined.
    """
    taken = names.claimed(one for one in beside if one != name)
    found = []
    for suffix, rest in rests.items():
        old, new = f"{name}_{suffix}", names.macro(name, suffix)
        found.append(Macro(old, rest, None) if new in taken else Macro(new, rest, old if old != new else None))
    return tuple(found)

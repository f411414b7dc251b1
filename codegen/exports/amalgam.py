"""All that a run emits in one .c and one .h: what is easiest to copy into somebody's project."""

from __future__ import annotations

from collections.abc import Sequence

from codegen.emission import banner, cformat
from codegen.emission.cformat import CText
from codegen.emission.heads import templates
from codegen.emission.render import GeneratedSource
from codegen.errors import UsageError, counting
from codegen.records import dataclass

__all__ = ["amalgamated"]

LAYERS = 6  # whose names the head tells


@dataclass(frozen=True)
class Part:
    """The files of one source, without the .c's head: its header tells the same."""

    name: CText
    header: CText
    code: CText


@dataclass(frozen=True)
class View:
    """What the templates are given."""

    name: CText
    banner: tuple[CText, ...]
    parts: tuple[Part, ...]


def amalgamated(name: str, sources: Sequence[GeneratedSource]) -> tuple[tuple[str, str], ...]:
    """NAME.c and NAME.h of all sources, which must be emitted for it (`Ask.apart`), then their files in assembly.

    Raises UsageError where there is none, or several targets, or a layer that has this very name.
    """
    if not sources:
        raise UsageError(f"--amalgamate {name}: there is no layer to write")
    named = [source.name for source in sources]
    if name in named:
        raise UsageError(f"--amalgamate {name}: a layer has this name; choose another for the file")
    shown = ", ".join(named[:LAYERS]) + (f" and {len(named) - LAYERS} more" if named[LAYERS:] else "")
    facts = (("holds", f"{shown}; each has a head of its own in {name}.h"),)
    what = f"{counting.counted(len(named), 'source')} in one file,"
    head = banner.head(banner.Told(name, what, sources[0].plan.target, facts))
    view = View(cformat.identifier(name), tuple(map(cformat.comment, head)), tuple(map(_part, sources)))
    texts = [templates().get_template(f"exports/amalgam.{kind}.j2").render({"v": view}) for kind in "ch"]
    assembly = [file for source in sources for file in source.files[2:]]
    return ((f"{name}.c", texts[0]), (f"{name}.h", texts[1]), *assembly)


def _part(source: GeneratedSource) -> Part:
    return Part(CText(source.name), CText(source.header.strip("\n")), CText(source.code[source.head :].strip("\n")))

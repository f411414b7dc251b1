"""Origin: where a layer was copied from, in that library's words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from codegen.records import dataclass


@dataclass(frozen=True)
class Origin:
    """A layer of `library` ("keras" or "torch"): its class there, and its name or path, empty where it has none."""

    library: str
    kind: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.library} {self.kind} `{shown(self.name)}`" if self.name else f"{self.library} {self.kind}"


def shown(name: str) -> str:
    """A stranger's name, printable."""
    return name if name.isprintable() else ascii(name)[1:-1]


def counted(left_out: Mapping[str, str]) -> str:
    """The classes of what was no layer here, by path, with their numbers: `3 Dense, 1 Flatten`."""
    return ", ".join(f"{count} {kind}" for kind, count in Counter(left_out.values()).most_common())

"""What a picture of the benchmark shows: ratios and rates of one run, from its report or from its JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from codegen.bench.results import OWN, TABLES, Table
from codegen.records import dataclass

__all__ = ["Line", "Shown", "of"]

BUILD = re.compile(r"(?<=\d)[-+][^ ,]*")  # what follows a version's numbers
MOST_LETTERS = 92  # of a line


@dataclass(frozen=True)
class Line:
    """A case: by table the best peer's time over ours and the peer's name; `freedom` is our time over that of a length.

    `rate` are operations a second, `intensity` operations for each byte that must move.
    """

    name: str
    ratios: Mapping[Table, tuple[float, str]]
    rate: float
    intensity: float
    freedom: float | None = None


@dataclass(frozen=True)
class Shown:
    """A run. `told` is where and when it was made, and of which versions; rates are in FLOP/s, bandwidths in B/s."""

    target: str
    told: tuple[str, ...]
    peak: float
    bandwidths: tuple[tuple[str, float], ...]
    lines: tuple[Line, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        """Those that have a ratio."""
        return tuple(table for table in TABLES if any(table in line.ratios for line in self.lines))

    @property
    def free(self) -> bool:
        """Whether our layers were not told their length."""
        return any(line.freedom is not None for line in self.lines)


def of(document: Mapping[str, Any]) -> Shown:
    """That of a report's JSON: its table from C for rates, where there is one."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in document["rows"]:
        found.setdefault(row["label"], []).append(row)
    known = dict.fromkeys(word for name, word in document["versions"].items() if name not in OWN)
    versions = ", ".join(BUILD.sub("", word) for word in known)
    machine = ", ".join(filter(None, (document.get("cpu", ""), document.get("day", ""))))
    first = f"{machine}, {document['threads']} thread, least of {document['rounds']} rounds"
    told = (first, *wrap(versions, MOST_LETTERS, break_long_words=False))
    return Shown(
        document["target"],
        tuple(filter(None, told)),
        document["peak_gflops"] * 1e9 * document["threads"],
        tuple((one["level"], one["read"] * 1e9) for one in document["bandwidths"]),
        tuple(_line(label, rows) for label, rows in found.items()),
    )


def _line(label: str, rows: list[Mapping[str, Any]]) -> Line:
    ratios = {row["table"]: (row["ratio"], row["best"]) for row in rows if row["ratio"] is not None}
    last, name = rows[-1], rows[0]["layer"]
    seconds = next(entry["least"] for own, entry in last["entries"].items() if own in OWN)
    freedom = next((row["freedom"] for row in rows if row["freedom"] is not None), None)
    shown = name if len(label) == 1 or name in label else f"{name} {label}"
    return Line(
        label if name in label else shown, ratios, last["flops"] / seconds, last["flops"] / last["bytes"], freedom
    )

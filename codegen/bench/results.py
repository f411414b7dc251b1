"""What a run found: times, ratios to the best peer, shares of the peak; as a JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, field
from math import exp, log
from typing import Any, Literal

from codegen.bench.machine import Bandwidth
from codegen.bench.timing import Times
from codegen.records import dataclass

Table = Literal["python", "c"]
TABLES: tuple[Table, ...] = ("python", "c")
OURS = "gen-conv"
TOLD = "gen-conv, length given"  # of a free layer, our own kernel that is told the length
EXACT = "gen-conv, exact"  # in tables of training and int8, our own by direct sums of floats alone
OWN = (OURS, TOLD, EXACT)


@dataclass(frozen=True)
class Entry:
    """A contestant on one case: the variant that stood for it, its times, its rms error over the answer's rms."""

    variant: str
    times: Times
    error: float


@dataclass(frozen=True)
class Row:
    """One case in one table. `absent` says of a peer why it has no time."""

    label: str
    layer: str
    table: Table
    flops: int
    bytes: int
    entries: Mapping[str, Entry]
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def ours(self) -> float:
        """The least seconds of a call."""
        return self.entries[OURS].times.least

    @property
    def best(self) -> str | None:
        """The fastest peer; None where none has a time."""
        peers = [name for name in self.entries if name not in OWN]
        return min(peers, key=lambda name: self.entries[name].times.least, default=None)

    @property
    def ratio(self) -> float | None:
        """The best peer's time over ours: above 1 we are ahead."""
        return None if self.best is None else self.entries[self.best].times.least / self.ours

    @property
    def freedom(self) -> float | None:
        """Our time over that of our own kernel that is told the length; None where that was not timed."""
        return self.ours / self.entries[TOLD].times.least if TOLD in self.entries else None

    def share(self, peak: float) -> float:
        """Of `peak` (FLOP/s), the multiplications of the direct algorithm counted."""
        return self.flops / self.ours / peak


@dataclass(frozen=True)
class Report:
    """One run of at least one case. `peak` is one thread's FLOP/s; `missing` says how to install a peer.

    `cpu` and `day` are where and when it was made, for people.
    """

    target: str
    threads: int
    rounds: int
    peak: float
    bandwidths: tuple[Bandwidth, ...]
    versions: Mapping[str, str]
    missing: Mapping[str, str]
    rows: tuple[Row, ...]
    cpu: str = ""
    day: str = ""

    @property
    def roof(self) -> float:
        """FLOP/s of all threads together."""
        return self.peak * self.threads

    def table(self, name: Table) -> list[Row]:
        return [row for row in self.rows if row.table == name]

    def mean(self, name: Table) -> float | None:
        """The geometric mean of a table's ratios."""
        return geometric_mean(row.ratio for row in self.table(name) if row.ratio is not None)

    def overall(self) -> float | None:
        """The geometric mean over the cases: the best peer of either table over our best of either."""
        ratios = []
        for label in dict.fromkeys(row.label for row in self.rows):
            rows = [row for row in self.rows if row.label == label]
            peers = [row.entries[row.best].times.least for row in rows if row.best]
            ratios += [min(peers) / min(row.ours for row in rows)] if peers else []
        return geometric_mean(ratios)

    def document(self) -> dict[str, Any]:
        """As JSON tells it: seconds, bytes, FLOP; docs/bench.md has the fields."""
        return {
            "cpu": self.cpu,
            "day": self.day,
            "target": self.target,
            "threads": self.threads,
            "rounds": self.rounds,
            "peak_gflops": self.peak / 1e9,
            "bandwidths": [asdict(one) for one in self.bandwidths],
            "versions": dict(self.versions),
            "missing": dict(self.missing),
            "geometric_mean": {**{name: self.mean(name) for name in TABLES}, "overall": self.overall()},
            "rows": [_row(row, self.roof) for row in self.rows],
        }


def _row(row: Row, peak: float) -> dict[str, Any]:
    entries = {
        name: {"variant": entry.variant, "error": entry.error, **asdict(entry.times)}
        for name, entry in row.entries.items()
    }
    told = ("label", "layer", "table", "flops", "bytes", "best", "ratio", "freedom")
    facts = {name: getattr(row, name) for name in told}
    return {**facts, "share_of_peak": row.share(peak), "entries": entries, "absent": dict(row.absent)}


def geometric_mean(ratios: Iterable[float]) -> float | None:
    """None for no ratio at all."""
    logs = [log(ratio) for ratio in ratios]
    return exp(sum(logs) / len(logs)) if logs else None

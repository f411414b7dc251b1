"""What `gen-conv verify` finds: how far outputs are off, and where numbers are exact how many are others."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from codegen.records import dataclass

__all__ = ["INF", "Differing", "Finding", "finite"]

INF = float("inf")


@dataclass(frozen=True)
class Finding:
    """One comparison of `outputs`: the bound and the error where the error fills most of its bound.

    A transform's is also held to an rms error, `most_rms`, on standard normal data. `unbounded` further outputs were
    not compared: numbers near the dtype's largest, or in a transform's tile a NaN or an infinity, leave them no bound.
    """

    layer: str
    steps: int
    data: str
    error: float
    bound: float
    outputs: int
    ok: bool
    rms: float
    most_rms: float | None = None
    unbounded: int = 0

    def plain(self) -> dict[str, Any]:
        """As JSON tells it, which has no word for NaN or infinity."""
        return finite(asdict(self))

    def __str__(self) -> str:
        verdict = "ok" if self.ok else "WRONG"
        rms = "" if self.most_rms is None else f", rms {self.rms:.3g} of at most {self.most_rms:.3g}"
        others = f", {self.unbounded:,} more have no bound" if self.unbounded else ""
        return (
            f"{self.layer}  {self.steps} steps  {self.data}: "
            f"error {self.error:.3g}, bound {self.bound:.3g}{rms}, {self.outputs:,} outputs{others}  {verdict}"
        )


@dataclass(frozen=True)
class Differing:
    """Of `outputs` numbers that are exact in `data`, `wrong` differ from the definition's; `noun` is what they are."""

    layer: str
    steps: int
    data: str
    noun: str
    wrong: int
    outputs: int

    @property
    def ok(self) -> bool:
        return not self.wrong

    def plain(self) -> dict[str, Any]:
        """As JSON tells it."""
        unknown = dict.fromkeys(("error", "rms", "most_rms"))
        told = {"layer": self.layer, "steps": self.steps, "data": self.data, "outputs": self.outputs, "ok": self.ok}
        return {**told, **unknown, "bound": 0, "unbounded": 0, "wrong": self.wrong}

    def __str__(self) -> str:
        told = f"{self.wrong:,} of {self.outputs:,} {self.noun} differ"
        return f"{self.layer}  {self.steps} steps  {self.data}: {told}  {'ok' if self.ok else 'WRONG'}"


def finite(told: dict[str, Any]) -> dict[str, Any]:
    """The same for JSON, with None for NaN and infinity."""
    return {name: None if value != value or value in (INF, -INF) else value for name, value in told.items()}

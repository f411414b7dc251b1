"""What `gen-conv verify` finds where numbers are exact: how many of them are others."""

from __future__ import annotations

from typing import Any

from codegen.records import dataclass

__all__ = ["Differing"]


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

"""The static functions of `overlap_save`, as values: declared and called by these alone."""

from __future__ import annotations

from codegen.emission.cfunction import CFunction, numbers, reads, static, writes
from codegen.records import dataclass

__all__ = ["OverlapFunctions"]


@dataclass(frozen=True)
class OverlapFunctions:
    """Those of the kernel `name` of numbers `c`, whose epilogue reads `operands`.

    Outputs of several channels may lie `outs` apart; the `partial` last chunk of the groups overlaps the one before.
    """

    name: str
    c: str
    operands: tuple[str, ...]
    outs_apart: bool
    partial: bool

    @property
    def gather(self) -> CFunction:
        """Samples to a column of a panel."""
        return static(
            f"{self.name}_gather",
            *reads(self.c, "x", alone=False),
            *numbers("steps", "at"),
            *writes(self.c, "column"),
        )

    @property
    def scatter(self) -> CFunction:
        """Outputs of a column of a panel to y."""
        told = [word for word, used in (("outs", self.outs_apart), ("skip", self.partial)) if used]
        column = reads(self.c, "column", alone=False)
        return static(f"{self.name}_scatter", *column, *numbers("count", *told), *writes(self.c, "y"))

    @property
    def first(self) -> CFunction:
        """The first level of a transform."""
        return static(f"{self.name}_first", *reads(self.c, "now", "next", alone=False), *writes(self.c, "wave"))

    @property
    def second(self) -> CFunction:
        """The second level."""
        return static(f"{self.name}_second", *reads(self.c, "wave"), *writes(self.c, "spectra"))

    @property
    def products(self) -> CFunction:
        """Weights times spectra, summed."""
        arrays = (*reads(self.c, "spectra", "w"), *writes(self.c, "sums"))
        return static(f"{self.name}_products", *arrays, *numbers("columns"))

    @property
    def back(self) -> CFunction:
        """Sums to samples of the second level."""
        return static(f"{self.name}_back", *reads(self.c, "sums"), *writes(self.c, "wave"))

    @property
    def last(self) -> CFunction:
        """These to outputs."""
        return static(f"{self.name}_last", *reads(self.c, "wave", *self.operands), *writes(self.c, "panel"))

"""The static functions around the tiles of a kernel's gradient, as values: declared and called by these alone."""

from __future__ import annotations

from codegen.emission import relayout
from codegen.emission.cfunction import CFunction, numbers, reads, static, writes
from codegen.records import dataclass

__all__ = ["KernelFunctions"]


@dataclass(frozen=True)
class KernelFunctions:
    """Those of the gradient `name` of numbers `c`; where dz is `packed` a panel holds it."""

    name: str
    c: str
    packed: bool

    @property
    def first(self) -> CFunction:
        """The first output whose tap k lies inside the input."""
        return static(f"{self.name}_first", *numbers("k"), returns="ptrdiff_t")

    @property
    def end(self) -> CFunction:
        """The one behind the last."""
        return static(f"{self.name}_end", *numbers("k"), returns="ptrdiff_t")

    def one_tap(self, width: int) -> CFunction:
        """Tap k of all channels for panels of so many filters."""
        arrays = (*reads(self.c, "x", "dz", alone=False), *writes(self.c, "sums", alone=False))
        return static(f"{self.name}_tap_{width}", *arrays, *numbers("k", "from", "first", "end"), in_line=5)

    def all_taps(self, width: int) -> CFunction:
        """All taps and channels."""
        arrays = (*reads(self.c, "x", "dz", alone=False), *writes(self.c, "sums", alone=False))
        return static(f"{self.name}_taps_{width}", *arrays, *numbers("from", "to"))

    @property
    def turn(self) -> CFunction:
        """A square of numbers about its diagonal."""
        return relayout.turn_function(f"{self.name}_turn", self.c)

    @property
    def pack(self) -> CFunction:
        """Filters of some outputs to a panel."""
        counted = numbers("from", "to", "wide", "width")
        return static(f"{self.name}_pack", *reads(self.c, "dz"), *counted, *writes(self.c, "panel"))

    @property
    def sample(self) -> CFunction:
        """A sample's products to the sums."""
        panel = ("panel",) if self.packed else ()
        arrays = (*reads(self.c, "x", "dz", alone=False), *writes(self.c, "sums", *panel, alone=False))
        return static(f"{self.name}_sample", *arrays)

    @property
    def flush(self) -> CFunction:
        """The sums to the gradient."""
        arrays = (*reads(self.c, "sums", alone=False), *writes(self.c, "dkernel", alone=False))
        return static(f"{self.name}_flush", *arrays)

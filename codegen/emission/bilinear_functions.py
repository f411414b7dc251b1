"""The static functions of a bilinear transform over tiles, as values: declared and called by these alone."""

from __future__ import annotations

from codegen.emission.cfunction import CFunction, Parameter, numbers, reads, static, writes
from codegen.planning.algorithms.bilinear_schedule import Schedule
from codegen.planning.plan import KernelPlan
from codegen.records import dataclass

__all__ = ["BilinearFunctions"]


@dataclass(frozen=True)
class BilinearFunctions:
    """Those of the kernel `name` of numbers `c`, whose epilogue reads `operands`.

    Of a `free` length some tiles of a block may not be; where weights are fetched `ahead` a function is told the next.
    """

    name: str
    c: str
    operands: tuple[str, ...]
    free: bool
    ahead: bool

    @classmethod
    def of(cls, plan: KernelPlan[Schedule], name: str) -> BilinearFunctions:
        p = plan.problem
        operands = tuple(one.name for one in p.epilogue.operands)
        return cls(name, p.format.c, operands, p.steps is None, plan.schedule.ahead)

    @property
    def forward(self) -> CFunction:
        """The samples of a tile to its points."""
        x, zeros = reads(self.c, "x", alone=False), reads(self.c, "zeros", alone=False)
        return static(f"{self.name}_forward", *x, *numbers("at", "steps"), *zeros, *writes(self.c, "v"))

    @property
    def products(self) -> CFunction:
        """The products of one point for a block of tiles."""
        read = ("v", "u", "next") if self.ahead else ("v", "u")
        arrays = (*reads(self.c, *read, alone=False), *writes(self.c, "m", alone=False))
        return static(f"{self.name}_products", *arrays, *(numbers("tiles") if self.free else ()))

    @property
    def inverse(self) -> CFunction:
        """The products of a tile's points to its outputs, for a vector of filters from f on."""
        read = reads(self.c, "m", *self.operands)
        return static(f"{self.name}_inverse", *read, Parameter("row_at", f"{self.c} *const *"), *numbers("f"))

    @property
    def next(self) -> CFunction:
        """The first output of the tile behind that of output t."""
        return static(f"{self.name}_next", *numbers("t", "phases"), returns="ptrdiff_t")

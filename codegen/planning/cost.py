"""Cost: what a plan takes by the model's estimate. An objective weighs it, limits refuse it."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.planning.ask import Limits, Objective
from codegen.records import dataclass

__all__ = ["WEIGHTS", "Cost", "counts_bytes"]


@dataclass(frozen=True)
class Cost:
    """What a call for one sample takes: `cycles`, and bytes of `code`, of `workspace` and of `stack`.

    Of a free length the cycles are those of `algorithms.cost.steps_told` steps; each input step of it may need
    `step_bytes` of workspace beside `workspace_bytes`. `code_bytes` are const tables, too. What is not estimated is 0.
    """

    cycles: float
    code_bytes: int = 0
    workspace_bytes: int = 0
    stack_bytes: int = 0
    step_bytes: int = 0

    @property
    def ram(self) -> int:
        """Bytes of workspace and stack while it runs."""
        return self.workspace_bytes + self.stack_bytes

    def weighed(self, objective: Objective) -> float:
        """One figure to compare plans by, the least is the best: cycles for `speed`, bytes above all for `size`."""
        by = WEIGHTS[objective]
        return by.cycles * self.cycles + by.flash * self.code_bytes + by.ram * self.ram

    def refused(self, limits: Limits) -> str | None:
        """Which limit it passes and by how many bytes, None if it keeps to all."""
        return "; ".join(self._over(limits)) or None

    def _over(self, limits: Limits) -> Iterator[str]:
        for what, took, most in (("flash", self.code_bytes, limits.flash), ("RAM", self.ram, limits.ram)):
            if most is not None and took > most:
                yield f"it takes {took:,} bytes of {what}, {took - most:,} more than the {most:,} allowed"
        if limits.ram is not None and self.step_bytes:
            yield f"each input step takes {self.step_bytes:,} bytes of RAM more, and the length is free"

    def beyond(self, limits: Limits) -> int:
        """Bytes by which it passes the limits, all together."""
        pairs = ((self.code_bytes, limits.flash), (self.ram, limits.ram))
        return sum(max(0, took - most) for took, most in pairs if most is not None)


@dataclass(frozen=True)
class Weights:
    """What a cycle, a byte of flash and a byte of RAM count for."""

    cycles: float
    flash: float
    ram: float


WEIGHTS: dict[Objective, Weights] = {
    "speed": Weights(cycles=1.0, flash=0.0, ram=0.0),
    "size": Weights(cycles=2.0**-40, flash=1.0, ram=1.0),  # cycles decide between plans of the same bytes
}


def counts_bytes(objective: Objective) -> bool:
    """Whether an objective looks at bytes, so that every plan has to know its own."""
    by = WEIGHTS[objective]
    return by.flash > 0 or by.ram > 0

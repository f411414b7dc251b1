"""KernelPlan: how a problem is computed. Tiles, filter blocks and segments of the output, all in plain integers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from codegen.problem import ConvProblem
from codegen.targets import Target

Weights = Literal["argument", "packed", "baked"]
"""Where a kernel finds its weights: a C argument in Keras' shape; a C argument packed by `plan.pack`; a const table."""


Accuracy = Literal["exact", "fast"]
"""`exact`: direct algorithms only, reproducible sums, exact NaN and Inf. `fast`: also transforms whose rms error on
standard normal data is at most twice direct's."""


@dataclass(frozen=True)
class Request:
    """What is asked of the planner."""

    problem: ConvProblem
    target: Target
    weights: Weights = "argument"
    accuracy: Accuracy = "exact"


@dataclass(frozen=True)
class KernelPlan:
    """One way to compute `problem` on `target`.

    `schedule` is the algorithm's own frozen dataclass (tiles, blocks, segments), read by its template only.
    `cost` is the model's estimate in cycles for one sample (for a free length, of 1,024 steps).
    `sliced`: the kernel can also be run in slices of its work, by threads, with the same bits.
    `rejected` holds (algorithm, reason) for each algorithm that was not taken.
    """

    problem: ConvProblem
    target: Target
    algorithm: str
    weights: Weights
    schedule: object
    cost: float
    workspace_bytes: int = 0
    sliced: bool = False
    rejected: tuple[tuple[str, str], ...] = field(default=())

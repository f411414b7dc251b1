"""KernelPlan: how a problem is computed. Tiles, filter blocks and segments of the output, all in plain integers."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from math import prod
from numbers import Integral
from typing import Literal, cast, get_args

from codegen.errors import UsageError
from codegen.errors.quoting import exactly, plainly
from codegen.errors.suggest import expected
from codegen.numbers.storage import AS_COMPUTED, Half, half
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import Target

Weights = Literal["argument", "packed", "baked"]
"""Where a kernel finds its weights: a C argument in Keras' shape; a C argument packed by `plan.pack`; a const table."""


Accuracy = Literal["exact", "fast", "wide"]
"""`exact`: direct algorithms only, reproducible sums, a NaN or an infinity of x only where it belongs. `fast`: also
transforms whose rms error on standard normal data is at most twice direct's; `wide`: ten times."""

MOST_NOISE: dict[Accuracy, float] = {"exact": 1.0, "fast": 2.0, "wide": 10.0}  # rms errors, as multiples of direct's

Rigor = Literal["estimate", "measure"]
"""FFTW's words: take the planner's first, or time the best few and keep the fastest as wisdom."""


MOST_THREADS = 256


def accuracy_named(word: str) -> Accuracy:
    """The accuracy class of that name. Raises UsageError for another word."""
    if not isinstance(word, str) or word not in get_args(Accuracy):
        raise UsageError(f"unknown accuracy `{plainly(word)}`: {expected(word, get_args(Accuracy))}")
    return cast(Accuracy, word)


def rigor_named(word: str) -> Rigor:
    """The planning rigor of that name. Raises UsageError for another word."""
    if not isinstance(word, str) or word not in get_args(Rigor):
        raise UsageError(f"unknown rigor `{plainly(word)}`: {expected(word, get_args(Rigor))}")
    return cast(Rigor, word)


def threads_asked(count: int) -> int:
    """`count` if so many threads can share a call. Raises UsageError for another number."""
    if not isinstance(count, Integral) or isinstance(count, bool) or not 1 <= count <= MOST_THREADS:
        raise UsageError(f"`threads` must be a whole number from 1 to {MOST_THREADS}, got {exactly(count)}")
    return int(count)


@dataclass(frozen=True)
class Request:
    """What is asked of the planner."""

    problem: ConvProblem
    target: Target
    weights: Weights = "argument"
    accuracy: Accuracy = "exact"
    against: ConvProblem | None = (
        None  # the problem that was rewritten to this one: its direct sums are what is promised
    )
    storage: str = AS_COMPUTED  # of the weights: codegen.numbers.storage's words


@dataclass(frozen=True)
class KernelPlan:
    """One way to compute `problem` on `target`.

    `schedule` is the algorithm's own frozen dataclass (tiles, blocks, segments), read by its template only.
    `cost` is the model's estimate in cycles for one sample (of a free length: of `cost.steps_told` steps).
    `inner` is the plan of the problem that this one is rewritten to, a static function of the same file; `others` are
    those of further ones.
    A free length needs `workspace_bytes` + steps * `workspace_step_bytes` of memory; a fixed one has no step bytes.
    `sliced`: the kernel can also be run in slices of its work, by threads, with the same bits.
    `storage` says how the kernel array's numbers lie in memory: in the problem's dtype, or as numbers.storage's halves.
    `rejected` holds (algorithm, reason) for each algorithm that was not taken.
    """

    problem: ConvProblem
    target: Target
    algorithm: str
    weights: Weights
    schedule: object
    cost: float
    workspace_bytes: int = 0
    inner: KernelPlan | None = None
    sliced: bool = False
    storage: str = AS_COMPUTED
    workspace_step_bytes: int = 0
    others: tuple[KernelPlan, ...] = ()
    rejected: tuple[tuple[str, str], ...] = field(default=())

    @property
    def parts(self) -> tuple[KernelPlan, ...]:
        """The plans of all problems that this one is rewritten to."""
        return (self.inner, *self.others) if self.inner else ()

    @property
    def has_workspace(self) -> bool:
        return bool(self.workspace_bytes or self.workspace_step_bytes)

    def workspace(self, steps: int) -> int:
        """Bytes of workspace for an input of `steps` steps."""
        return self.workspace_bytes + steps * self.workspace_step_bytes

    @property
    def half(self) -> Half | None:
        """The format of 16 bits that the kernel array is stored in, None where it is stored as computed with."""
        return half(self.storage)

    @property
    def weight_bytes(self) -> int:
        """Bytes of kernel and bias as they are stored, before any packing."""
        p, each = self.problem, self.half.bytes if self.half else self.problem.item_bytes
        return prod(p.kernel_shape) * each + p.bias * p.filters * p.item_bytes

    @property
    def key(self) -> str:
        """The plan's name among those of its request, the same on any day: the algorithm, a hash of the schedule."""
        schedule = f"{self.schedule}{''.join(part.key for part in self.parts)}"
        return f"{self.algorithm}-{sha256(schedule.encode()).hexdigest()[:12]}"

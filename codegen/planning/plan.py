"""KernelPlan: how a problem is computed, all in plain integers. Algorithm: one way to compute, as one record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, replace
from hashlib import sha256
from math import prod
from typing import TYPE_CHECKING, Any, Generic, TypeAlias

from codegen.errors import PlanError
from codegen.numbers.formats import STORED, Format
from codegen.planning.ask import PLAIN, Accuracy, Ask, Weights
from codegen.planning.cost import Cost
from codegen.problem.problem import ConvProblem, Problem
from codegen.problem.targets import Target
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np
    from typing_extensions import TypeVar  # for the default, which that of `typing` has from Python 3.13 on

    from codegen.planning.serving import Serving
    from codegen.planning.transforms.normwise import Blockwise
    from codegen.planning.transforms.transform import Transform

    S = TypeVar("S", default=Any)
    P = TypeVar("P", bound=Problem, default=ConvProblem, covariant=True)
else:
    from typing import TypeVar

    S, P = TypeVar("S"), TypeVar("P")

Q = TypeVar("Q", bound=Problem)


@dataclass(frozen=True)
class Request(Generic[P]):
    """What is asked of the planner. Where the problem was rewritten, the direct sums of `against` are promised."""

    problem: P
    ask: Ask = PLAIN
    against: ConvProblem | None = None

    @property
    def target(self) -> Target:
        return self.ask.target

    @property
    def weights(self) -> Weights:
        return self.ask.weights

    @property
    def accuracy(self) -> Accuracy:
        return self.ask.accuracy

    def of_part(self, problem: Q, against: ConvProblem | None = None) -> Request[Q]:
        """What is asked for a problem that this one is rewritten to, whose sums are promised next to `against`."""
        return Request(problem, self.ask.of_part(), against)

    def likely(self, steps: int, *, longer: bool = False) -> Request[P]:
        """The same where the input of a free length has about so many steps, or is much longer."""
        free = self.problem.steps is None
        return replace(self, ask=replace(self.ask, likely=steps, longer=longer)) if free else self


AnyRequest: TypeAlias = "Request[Any]"
AnyAlgorithm: TypeAlias = "Algorithm[Any, Any]"
AnyPlan: TypeAlias = "KernelPlan[Any, Any]"
"""Those of a problem of whichever kind."""

Plain = int | str | bool | None | tuple["Plain", ...]
Key = tuple[Plain, ...]
"""What tells a schedule from others: numbers and words in a fixed order, no name of a class or of a field."""

BestOfEach = Callable[[Request], list["KernelPlan"]]
"""The cheapest plan of each algorithm for a request, cheapest first; none where no algorithm serves it."""


def _nothing(schedule: object) -> tuple[int, ...]:
    return ()


def _one(schedule: object) -> int:
    return 1


@dataclass(frozen=True)
class Transformed:
    """Sums by way of `transform`, over each of `parts` parts of the kernel, a sum over channels in `chunks` chunks."""

    transform: Transform
    parts: int
    chunks: int

    @property
    def key(self) -> Key:
        return self.transform.name, self.transform.taps, self.parts, self.chunks


@dataclass(frozen=True, repr=False)
class Algorithm(Generic[S, P]):
    """One way to compute: all that planning and the self-test ask of it.

    `S` is the type of its schedules, `P` that of its problems, whose kinds are `problems`.
    `why_not(request)` is why it cannot serve the request, None if it can; `problems` and the flags below refuse first.
    `candidates(request, best_of_each)` are its plans, the best guess first; an algorithm that rewrites the problem asks
    `best_of_each` for the plans of the other one. `describe`, `pack` and `packed_numbers` are the plan's, see there.
    `key(schedule)` is all of the schedule in plain values, of which the plan's key is made: it stays the same when a
    field or a class gets another name. `layout(schedule)` is what of it decides how the kernel is packed, `order(plan)`
    what decides the order of its sums, where these are not all. `pads`: zeros of the padding are multiplied, although
    the order is that of another plan, which leaves them out: with an infinite weight the bits differ.
    `grid(plan)` are the outputs after which the way in which an output is summed up repeats, where not all have one.
    `serving(plan, steps)` is which of several parts computes inputs of so many steps, with a packed kernel of its own.
    `turns(schedule)` are the outputs that a turn of each of its loops over the steps makes; `segments(schedule)` the
    output steps where runs of equal tiles begin and end; `inner_outputs(schedule)` the outputs that one output of the
    plan's inner ones is; `lengths(schedule)` the input steps from which on it computes otherwise; `leftovers(plan)`
    numbers of outputs that together run all code for the last ones of a free length.
    `footprint(plan)` are the bytes of its code, of its stack and of its tables, as they are estimated.
    """

    name: str
    why_not: Callable[[Request[P]], str | None]
    candidates: Callable[[Request[P], BestOfEach], list[KernelPlan[S, P]]]
    describe: Callable[[KernelPlan[S, P]], str]
    pack: Callable[[KernelPlan[S, P], np.ndarray], np.ndarray]
    packed_numbers: Callable[[KernelPlan[S, P]], int]
    key: Callable[[S], Key]
    turns: Callable[[S], tuple[int, ...]]
    problems: tuple[type[Problem], ...] = (ConvProblem,)
    segments: Callable[[S], tuple[int, ...]] = _nothing
    inner_outputs: Callable[[S], int] = _one
    lengths: Callable[[S], tuple[int, ...]] = _nothing
    leftovers: Callable[[KernelPlan[S, P]], tuple[int, ...]] = _nothing
    layout: Callable[[S], Key] | None = None
    order: Callable[[KernelPlan[S, P]], Key] | None = None
    grid: Callable[[KernelPlan[S, P]], int] | None = None
    serving: Callable[[KernelPlan[S, P], int], Serving] | None = None
    footprint: Callable[[KernelPlan[S, P]], tuple[int, int, int]] | None = None  # where it is not told by pieces
    transformed: Callable[[S], Transformed | Blockwise] | None = None  # where sums and weights go through a transform
    reads_stored: bool = False  # each weight is read where it lies, so that it can be stored as half the bytes
    serves_upsampling: bool = False  # zeros between the input's steps
    serves_outputs: bool = False  # stages that read a number for each output
    pads: bool = False
    over_lengths: bool = False  # weighs several lengths, so that its plans come before those that are told for one
    serves_rows: bool = False  # activations of all filters of an output step together
    whole: bool = False  # computes in whole numbers, and in no others
    aligns: int = 1  # bytes that the workspace is aligned to, where a number is smaller

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True)
class KernelPlan(Generic[S, P]):
    """One way to compute `problem`, as `ask` asks for it.

    `schedule` is the algorithm's own frozen dataclass (tiles, blocks, segments), read by its record and its text only.
    `cost` is the model's estimate: cycles for one sample, bytes of workspace.
    `parts` are the plans of the problems that this one is rewritten to, static functions of the same file.
    `least_outs` are the outputs that each call computes at least, where its caller knows them.
    `rejected` holds (algorithm, reason) for each algorithm that was not taken.
    """

    problem: P
    ask: Ask
    algorithm: Algorithm[S, P]
    schedule: S
    cost: Cost
    parts: tuple[KernelPlan, ...] = ()
    least_outs: int = 0
    rejected: tuple[tuple[str, str], ...] = field(default=())

    @property
    def target(self) -> Target:
        return self.ask.target

    @property
    def weights(self) -> Weights:
        return self.ask.weights

    @property
    def sliced(self) -> bool:
        """Whether the kernel can also be run in slices of its work, by threads, with the same bits."""
        return self.ask.sliced

    @property
    def storage(self) -> str:
        """How the kernel array's numbers lie in memory: in the problem's dtype, or as numbers.storage's halves."""
        return self.ask.numbers

    def asked(self, **changes: Any) -> KernelPlan[S, P]:
        """The same plan for an ask with these fields changed."""
        return replace(self, ask=replace(self.ask, **changes))

    @property
    def inner(self) -> KernelPlan:
        """The first of the parts. Raises PlanError for a plan that has none."""
        if not self.parts:
            raise PlanError(f"a plan of {self.algorithm.name} has no plan inside")
        return self.parts[0]

    @property
    def workspace_bytes(self) -> int:
        """Bytes of workspace that any length needs."""
        return self.cost.workspace_bytes

    @property
    def workspace_step_bytes(self) -> int:
        """Bytes of workspace that each input step needs beside; 0 where the length is known."""
        return self.cost.step_bytes

    @property
    def has_workspace(self) -> bool:
        return bool(self.workspace_bytes or self.workspace_step_bytes)

    def workspace(self, steps: int) -> int:
        """Bytes of workspace for an input of `steps` steps."""
        return self.workspace_bytes + steps * self.workspace_step_bytes

    @property
    def kernel_format(self) -> Format:
        """The format of the kernel array: the one that is computed in, or the one that its weights are stored as."""
        return STORED.get(self.storage) or self.problem.format

    @property
    def weight_bytes(self) -> int:
        """Bytes of all weights as they are stored, before any packing."""
        p = self.problem
        return prod(p.kernel_shape) * self.kernel_format.bytes + p.epilogue_bytes

    @property
    def layout(self) -> Key:
        """How the kernel is packed: plans of one problem that have the same layout pack it alike."""
        how = self.algorithm.layout or self.algorithm.key
        return (self.algorithm.name, how(self.schedule), *(part.layout for part in self.parts))

    @property
    def innermost(self) -> frozenset[AnyAlgorithm]:
        """The algorithms that do the sums."""
        return frozenset().union(*(part.innermost for part in self.parts)) or frozenset((self.algorithm,))

    @property
    def order(self) -> Key:
        """What decides the bits of an output: plans of one problem that have the same order make the same ones."""
        if self.algorithm.order:
            return self.algorithm.order(self)
        return (self.algorithm.name, self.algorithm.key(self.schedule), *(part.order for part in self.parts))

    @property
    def pads(self) -> bool:
        """Whether zeros of the padding are multiplied where others of the same `order` leave them out."""
        return self.algorithm.pads or any(part.pads for part in self.parts)

    @property
    def grid(self) -> int:
        """The outputs after which the way to compute an output repeats; 1 where all are computed alike."""
        of = self.algorithm.grid
        return of(self) if of else 1

    def cut_by(self, outs: int, whole: int | None) -> tuple[int, ...]:
        """What chunks of `outs` of `whole` outputs add to `order`: nothing where they hold all, or whole tiles."""
        return (outs,) if outs % self.grid and not (whole is not None and whole <= outs) else ()

    @property
    def outs(self) -> int | None:
        """The outputs of a sample; None for a free length."""
        steps = self.problem.steps
        return None if steps is None else self.problem.out_steps(steps)

    @property
    def transforms(self) -> tuple[Key, ...]:
        """What the sums go through, here and in the parts."""
        of = self.algorithm.transformed
        return (*((of(self.schedule).key,) if of else ()), *(key for part in self.parts for key in part.transforms))

    @property
    def way(self) -> tuple[AnyAlgorithm, frozenset[AnyAlgorithm]]:
        """The algorithm, and those that do its sums."""
        return self.algorithm, self.innermost

    @property
    def key(self) -> str:
        """The plan's name among those of its request, the same on any day: the algorithm, a hash of what is its own."""
        own = (self.algorithm.key(self.schedule), *(part.key for part in self.parts))
        return f"{self.algorithm.name}-{sha256(repr(own).encode()).hexdigest()[:12]}"

    def describe(self) -> str:
        """The plan in words and figures, for the banner and `gen-conv show`."""
        return self.algorithm.describe(self)

    def pack(self, kernel: np.ndarray) -> np.ndarray:
        """`kernel`, of the problem's shape, flat in the order in which the emitted loops read it."""
        return self.algorithm.pack(self, kernel)

    @property
    def packed_numbers(self) -> int:
        """How many numbers `pack` makes; no kernel is needed to count them."""
        return self.algorithm.packed_numbers(self)

"""Ask: all that is asked of a kernel beside its layer, as one value that goes from the door to the C."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import Literal, cast, get_args

from codegen.errors import UsageError
from codegen.errors.quoting import exactly, plainly
from codegen.errors.suggest import expected
from codegen.numbers.storage import AS_COMPUTED, checked
from codegen.problem.targets import TARGETS, Target
from codegen.records import dataclass

__all__ = [
    "LENGTHS",
    "MOST_NOISE",
    "MOST_THREADS",
    "PLAIN",
    "Accuracy",
    "Ask",
    "Limits",
    "Objective",
    "Rigor",
    "Stream",
    "Weights",
    "accuracy_named",
    "clock_named",
    "lengths_asked",
    "objective_named",
    "rigor_named",
    "threads_asked",
]

Weights = Literal["argument", "packed", "baked"]
"""Where a kernel finds its weights: a C argument in Keras' shape; a C argument packed by `plan.pack`; a const table."""

Accuracy = Literal["exact", "fast", "wide"]
"""`exact`: direct algorithms only, reproducible sums, a NaN or an infinity of x only where it belongs. `fast`: also
transforms whose rms error on standard normal data is at most twice direct's; `wide`: ten times."""

MOST_NOISE: dict[Accuracy, float] = {"exact": 1.0, "fast": 2.0, "wide": 10.0}  # rms errors, as multiples of direct's

Objective = Literal["speed", "size"]
"""What is to be little: the cycles of a call, or the bytes of code and memory."""

Rigor = Literal["estimate", "measure"]
"""FFTW's words: take the planner's first, or time the best few and keep the fastest as wisdom."""

Clock = Literal["count", "rate"]
"""When a stream's outputs come: each as soon as it is sure, and the rest at the flush; or at the rate of the input from
the first step on, behind zeros for those that had to wait."""

MOST_THREADS = 256
MOST_BLOCK = 1 << 20  # steps
LENGTHS = 4  # for which a layer without one keeps kernels of their own
MOST_LENGTHS = 64


@dataclass(frozen=True)
class Limits:
    """The most bytes that a kernel takes, None for any: `flash` for code and tables, `ram` for workspace and stack."""

    flash: int | None = None
    ram: int | None = None

    def __post_init__(self) -> None:
        for name, most in (("flash", self.flash), ("ram", self.ram)):
            if most is not None and (not isinstance(most, Integral) or isinstance(most, bool) or most < 0):
                raise UsageError(f"`{name}` must be a whole number of bytes, got {exactly(most)}")


@dataclass(frozen=True)
class Stream:
    """Input that comes in blocks: of any number of steps, most often of `block`, which buffers are made for.

    Raises UsageError for a number or a word that is none.
    """

    block: int = 64
    clock: Clock = "count"

    def __post_init__(self) -> None:
        clock_named(self.clock)
        if not isinstance(self.block, Integral) or isinstance(self.block, bool) or not 1 <= self.block <= MOST_BLOCK:
            raise UsageError(f"`block` must be a whole number from 1 to {MOST_BLOCK:,}, got {exactly(self.block)}")
        object.__setattr__(self, "block", int(self.block))


@dataclass(frozen=True)
class Ask:
    """What is asked beside the layer; whoever plans, emits or compiles hands it on whole.

    `weights` says where the kernel finds them and `numbers` how they lie there, in a word of numbers.storage; `sliced`
    that its work can also be done in slices, by threads. `limits` refuse plans, `objective` weighs them. `stream` is
    for input that comes in blocks, `annotate` for text that explains itself. `likely` are the input steps that a plan
    of a free length is made for, which may be `longer` all the same; without them it is made for several. `apart` gives
    each static name that layers share the layer's own name, so that their texts may be parts of one file. `terse` text
    is read by a compiler alone. So many `sharers` are kernels of one layer, whose budget of code is theirs together.
    Raises UsageError for an unknown word.
    """

    target: Target = TARGETS["scalar"]
    weights: Weights = "argument"
    accuracy: Accuracy = "exact"
    numbers: str = AS_COMPUTED
    objective: Objective = "speed"
    limits: Limits = Limits()
    sliced: bool = False
    stream: Stream | None = None
    annotate: bool = False
    likely: int | None = None
    longer: bool = False
    apart: bool = False
    terse: bool = False
    sharers: int = 1

    def __post_init__(self) -> None:
        accuracy_named(self.accuracy)
        checked(self.numbers)
        _word("weights", self.weights, get_args(Weights))
        objective_named(self.objective)

    def of_whole(self) -> Ask:
        """What is asked of whole numbers that this machine computes: its CPU's sums of products, a terse text."""
        return replace(self, target=self.target.dotting(), terse=True)

    def of_part(self) -> Ask:
        """What is asked of a plan inside another: known weights lie packed; slices, limits, blocks are the whole's."""
        weights: Weights = "argument" if self.weights == "argument" else "packed"
        return replace(self, weights=weights, sliced=False, limits=Limits(), stream=None)


def accuracy_named(word: str) -> Accuracy:
    """The accuracy class of that name. Raises UsageError for another word."""
    return cast(Accuracy, _word("accuracy", word, get_args(Accuracy)))


def objective_named(word: str) -> Objective:
    """The objective of that name. Raises UsageError for another word."""
    return cast(Objective, _word("optimize objective", word, get_args(Objective)))


def rigor_named(word: str) -> Rigor:
    """The planning rigor of that name. Raises UsageError for another word."""
    return cast(Rigor, _word("rigor", word, get_args(Rigor)))


def clock_named(word: str) -> Clock:
    """The clock of that name. Raises UsageError for another word."""
    return cast(Clock, _word("clock", word, get_args(Clock)))


def _word(what: str, word: str, words: tuple[str, ...]) -> str:
    if not isinstance(word, str) or word not in words:
        raise UsageError(f"unknown {what} `{plainly(word)}`: {expected(word, words)}")
    return word


def threads_asked(count: int, what: str = "threads") -> int:
    """`count` if so many threads can share a call, or do `what` else. Raises UsageError for another number."""
    if not isinstance(count, Integral) or isinstance(count, bool) or not 1 <= count <= MOST_THREADS:
        raise UsageError(f"`{what}` must be a whole number from 1 to {MOST_THREADS}, got {exactly(count)}")
    return int(count)


def lengths_asked(count: int) -> int:
    """`count` if a layer can keep kernels for so many lengths. Raises UsageError for another number."""
    if not isinstance(count, Integral) or not 0 <= count <= MOST_LENGTHS:
        told = f"`specialize` must be a whole number of lengths from 0 to {MOST_LENGTHS}, got {exactly(count)}"
        raise UsageError(told)
    return int(count)


PLAIN = Ask()  # scalar C whose weights are arguments

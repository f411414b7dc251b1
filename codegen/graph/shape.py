"""Shape: steps and channels of a value in a graph, for any number of input steps at once.

How many steps a value has follows from the input's by divisions that round, one after another; two such rules are the
same where they agree on PROBES, input lengths small and large with all remainders of the usual strides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import cached_property

from codegen.errors import SpecError
from codegen.records import dataclass

__all__ = ["PROBES", "Shape"]

PROBES = (*range(1, 33), *range(20_000, 20_064), *(10_007 * n for n in range(3, 19)))
"""The input lengths for which shapes are computed, where the input has any number of steps."""


@dataclass(frozen=True)
class Shape:
    """`lengths` are the steps for each of the input's lengths, all equal where these are known.

    `rate` is steps for one input step, of frames how many these are; 0 where there are as many whatever the input has.
    `frames` are how many frames of so many steps there are; None where the value is one sequence.
    """

    lengths: tuple[int, ...]
    channels: int
    rate: Fraction = Fraction(1)
    frames: tuple[int, ...] | None = None

    @classmethod
    def of(cls, steps: int | None, channels: int) -> Shape:
        """An input's: `steps` None for any number."""
        if steps is None:
            return cls(PROBES, channels)
        return cls((steps,) * len(PROBES), channels, Fraction(0))

    @cached_property
    def steps(self) -> int | None:
        """The steps where they are known; None where they follow from the input's.

        An input that is too short for any has none whatever is known.
        """
        found = set(self.lengths) - {0}
        return next(iter(found)) if len(found) == 1 else None

    @property
    def known_steps(self) -> int:
        """The same. Raises SpecError where they are not known."""
        if self.steps is None:
            hint = "give the model's input a number of steps, or cut it into frames(x, size, hop)"
            raise SpecError("E501", "the number of steps must be known here, and it is free", hint=hint)
        return self.steps

    def with_steps(self, rule: Callable[[int], int], rate: Fraction | None = None) -> Shape:
        """The same with each length led through `rule`. Raises SpecError where no length leaves a step."""
        lengths = tuple(map(rule, self.lengths))
        if max(lengths) < 1:
            most = max(self.lengths)
            hint = "give it more steps, or padding"
            raise SpecError("E501", f"no output is left of {most} step{'s' * (most != 1)}", hint=hint)
        if self.frames is not None:  # whose rate is that of the frames
            return replace(self, lengths=lengths)
        known = len(set(lengths) - {0}) == 1
        return replace(self, lengths=lengths, rate=Fraction(0) if known else self.rate if rate is None else rate)

    def with_channels(self, channels: int) -> Shape:
        """The same with another number of channels."""
        return replace(self, channels=channels)

    @property
    def is_one(self) -> bool:
        """Whether it has one step, whatever the input has: it goes with any number of them."""
        return self.steps == 1 and self.frames is None

    def alike(self, other: Shape) -> bool:
        """Whether both have as many steps, for all inputs."""
        return self.lengths == other.lengths and self.frames == other.frames

    def __str__(self) -> str:
        told = f"({'None' if self.steps is None else self.steps}, {self.channels})"
        return told if self.frames is None else f"frames of {told}"

"""The lengths that a layer without one meets: kernels for those that come often, with the bits of the free one.

They are made in the background, and no call waits for them; what is not seen to be faster there is dropped. As each
computes the same bits as the kernel that takes any length, nothing tells which of them answered but the time it took.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from math import prod
from time import perf_counter, thread_time
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from codegen import pipeline
from codegen.errors import UsageError
from codegen.layers.bound import Bound
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.layers.bound import Weights
    from codegen.layers.how import How
    from codegen.machine.loader import Kernel
    from codegen.specs.kinds import Spec

    Array = NDArray[Any]

__all__ = ["ForLength", "Lengths", "most_lengths"]

OFTEN = 32  # calls of a length that make a kernel for it worth its compilation
COUNTED = 256  # lengths that are counted at once
LARGEST_BYTES = 1 << 26  # of input and output: what is longer gains nothing from a length that is known
WORTH_A_PLACE = 0.97  # of the time that the kernel for any length takes
MADE = 4  # times as many kernels as are kept are made in a layer's life


@dataclass(frozen=True)
class ForLength:
    """A kernel for one length, and where in the free kernel's packed weights its own begin; None: it packs them."""

    kernel: Kernel
    place: int | None
    numbers: int

    def bound(self, free: Bound, kernel: Callable[[], Array]) -> Bound:
        """It with a part of what the free kernel has packed, or with `kernel()` packed anew."""
        if self.place is None:
            return Bound(self.kernel, self.kernel.pack(kernel()), free.bias)
        assert free.packed is not None  # of floats, whose weights are packed
        start = self.place - free.place
        return Bound(self.kernel, free.packed.reshape(-1)[start : start + self.numbers], free.bias)


def most_lengths(asked: int) -> int:
    """How many lengths a layer keeps kernels for: `asked`, or less by GENCONV_SPECIALIZE. Raises UsageError."""
    value = os.environ.get("GENCONV_SPECIALIZE", "").strip()
    if not value:
        return asked
    if value.isdecimal():
        return min(asked, int(value))
    raise UsageError(f"GENCONV_SPECIALIZE={value!r}: expected a whole number of lengths, 0 for none")


class Caller(Protocol):
    """What a layer has for those who make it another kernel."""

    _how: How

    @property
    def spec(self) -> Spec: ...

    def _bound(self, steps: int) -> tuple[Weights, Bound]: ...

    def _look_again(self) -> None: ...


class Lengths:
    """How often a layer met each length, and the kernels for at most `most` of them: the least recently used one goes.

    A length that was counted often enough is out of sight of this class, until another one is about to take a place.
    Threads may count at once: a count that is lost makes a kernel come later.
    """

    def __init__(self, layer: Caller, most: int) -> None:
        self._layer, self._most, self._made = weakref.ref(layer), most, 0
        self._met: dict[int, int] = {}
        self._kept: dict[int, ForLength] = {}  # in the order of their last use

    def kept(self, steps: int) -> ForLength | None:
        """The kernel for that length, if there is one by now."""
        return self._kept.get(steps)

    def settled(self, steps: int) -> bool:
        """Whether no call of that length need be counted now."""
        return steps in self._kept or self._met.get(steps, 0) >= OFTEN

    def met(self, steps: int) -> None:
        """Count a call of that length, and have a kernel made when there were enough."""
        found = self._kept.pop(steps, None)
        if found is not None:
            self._kept[steps] = found
            return
        if len(self._met) >= COUNTED:
            self._met.clear()
        count = self._met[steps] = self._met.get(steps, 0) + 1
        if count == OFTEN // 2 and len(self._kept) >= self._most:
            self._renew()  # from now on it shows which of the kept lengths are used
        if count == OFTEN and self._made < MADE * self._most:
            from codegen.machine import background

            self._made += 1
            background.submit(lambda: self._make(steps))

    def _make(self, steps: int) -> None:
        layer = self._layer()
        found = _faster(layer, steps) if layer is not None else None
        del layer
        if found is None:
            return
        while len(self._kept) >= self._most:
            gone, *_ = self._kept
            self._kept.pop(gone, None)
            self._met.pop(gone, None)
        self._kept[steps] = found
        self._renew()

    def _renew(self) -> None:
        """Have the layer look again which kernel serves which length."""
        layer = self._layer()
        if layer is not None:
            layer._look_again()


def _faster(layer: Caller, steps: int) -> ForLength | None:
    """A kernel for inputs of so many steps, if it was seen to be faster than the one for any length."""
    from codegen.machine import measure  # imported before, with the kernel for any length

    weights, free = layer._bound(steps)
    last, channels = layer.spec.channels_last, layer.spec.channels
    spec = layer.spec.build((steps, channels) if last else (channels, steps))
    problem = spec.problem
    shapes = problem.in_shape(1, steps), problem.out_shape(1, steps)
    if problem.item_bytes * sum(map(prod, shapes)) > LARGEST_BYTES:
        return None
    made = pipeline.at_length(spec, free.kernel)
    if made is None:
        return None
    found = ForLength(*made)
    bound = found.bound(free, lambda: spec.problem_weights(weights.arrays)[0])
    x, y = (np.zeros(shape, problem.dtype) for shape in shapes)
    several = layer._how.threads > 1
    ratio = measure.ratio(lambda: bound.run(x, y), lambda: free.run(x, y), perf_counter if several else thread_time)
    return found if ratio < WORTH_A_PLACE else None

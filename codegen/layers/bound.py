"""Weights: a layer's arrays of one moment. Bound: a kernel with these, as it packs them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from codegen import pipeline
from codegen.layers.how import How
from codegen.planning.serving import Serving
from codegen.records import dataclass
from codegen.specs.kinds import Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.machine.loader import Kernel

    Array = NDArray[Any]

__all__ = ["Bound", "Weights", "baked", "bound", "kept_weights"]

Run: TypeAlias = "Callable[[Array, Array], None]"  # of x and y


@dataclass(frozen=True, eq=False)
class Bound:
    """A kernel with the arrays as it packed them, which another plan's could not read; `run` calls it on x and y.

    Of a kernel that begins at another `place` of all packed numbers only the inputs that its part serves may come.
    """

    kernel: Kernel
    packed: Array | None  # None where the kernel holds the weights
    bias: Array | None
    place: int = 0
    run: Run = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "run", self.kernel.with_weights(self.packed, self.bias, place=self.place))


class Weights:
    """A layer's arrays of one moment, and the kernels bound to them once they are needed; replaced, never changed.

    `bound` takes what the layer does, by the place of its packed kernel; `at` has more kernels for some lengths. `easy`
    are the shapes of inputs that need no look any more: the shape of their outputs, and what runs. `named` are
    arrays that other processes have, too, by that name, so that their packed kernels are worth keeping.
    """

    __slots__ = ("arrays", "at", "bound", "easy", "named")

    def __init__(self, found: dict[str, Array], named: str | None = None) -> None:
        for array in found.values():
            array.flags.writeable = False
        self.arrays, self.named = found, named
        self.bound: dict[int, Bound] = {}
        self.at: dict[int, tuple[object, Bound]] = {}
        self.easy: dict[tuple[int, ...], tuple[tuple[int, ...], Run]] = {}

    def __reduce__(self) -> tuple[type[Weights], tuple[dict[str, Array]]]:
        """A copy has the arrays, read-only as these, and binds a kernel of its own once it needs one."""
        return Weights, (self.arrays,)


def bound(kernel: Kernel, weights: Weights, spec: Spec, part: Serving | None) -> Bound:
    """`kernel` with the weights as it packs them, for `part` alone if there are several."""
    taps, bias = spec.problem_weights(weights.arrays)
    from codegen.machine import kept

    if kernel.path is None:
        return Bound(kernel, kernel.pack(taps), bias)
    place, plan = (part.place, part.plan) if part else (0, kernel.plan)
    name = kept.named("packed", kernel.path.stem, str(place), weights.named) if weights.named else None
    dtype = kernel.plan.kernel_format.array
    packed = kept.array(name, (plan.packed_numbers,), dtype, lambda: kernel.pack(taps, part=part).reshape(-1))
    return Bound(kernel, packed, bias, place)


def baked(weights: Weights, spec: Spec, how: How) -> Bound:
    """A kernel that holds these weights itself, made once."""
    found = weights.bound.get(0)
    if found is None:
        made = pipeline.kernel_of(spec, weights.arrays, how.ask, how.threads)
        found = weights.bound[0] = Bound(made, None, None)
    return found


def kept_weights(found: dict[str, Array]) -> Weights:
    """These arrays, by what is in them: kept beside the kernels, and mapped from there."""
    from codegen.machine import kept

    named = _contents(found)
    for word, array in found.items():
        own = partial(np.asarray, array)
        found[word] = kept.array(kept.named("read", named, word), array.shape, array.dtype, own)
    return Weights(found, named)


def _contents(arrays: Mapping[str, Array]) -> str:
    """A hash of these arrays, their names and shapes."""
    made = hashlib.sha256()
    for name, array in arrays.items():
        made.update(f"{name} {array.shape} {array.dtype}\0".encode())
        made.update(array.tobytes())
    return made.hexdigest()

"""Held: a spec and weights in Keras' shapes, and the shapes that follow from them; nothing here is compiled.

A layer may be used by many threads at once, without a lock: what is made late is made once and then only replaced.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from codegen.errors import ShapeError, WeightsError, keras_messages
from codegen.errors.counting import counted
from codegen.errors.quoting import plainly
from codegen.layers.bound import Weights, kept_weights
from codegen.layers.origin import Origin
from codegen.layers.weights import by_layer
from codegen.numbers import arrays
from codegen.numbers.storage import AS_COMPUTED, stored
from codegen.specs.kinds import Spec
from codegen.specs.parameters import LARGEST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.problem.problem import Problem

    Array = NDArray[Any]

Shape = tuple[int | None, ...]


class Held:
    """A definition and its weights: read-only arrays, which `set_weights` replaces."""

    kind: ClassVar[type[Spec]]
    origin: Origin | None = None  # what it was copied from
    _fixed: ClassVar[tuple[str, ...]] = ()  # weights that never train

    def _hold(self, spec: Spec, storage: str = AS_COMPUTED) -> None:
        self._spec, self._storage = spec, storage
        self._once: dict[str, Any] = {}  # what is made when first needed; setdefault lets the first thread win
        self._initial: Weights | None = None
        self._weights: Weights | None = None  # what was set, which comes before the initial ones
        self._trainable = spec.trainable
        self._activity: tuple[float, ...] = ()  # the penalty of the last call's output

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Fix the channels from (batch, steps, channels), in the data format's order, as Keras does; steps stay free.

        A layer with an input_shape is built from the start. Raises ShapeError if it was built for other channels.
        """
        input_shape = _sizes(input_shape, "build")
        if len(input_shape) != 3:
            told = f"build: got shape {plainly(input_shape)}, expected {self._axes}, the batch as None"
            raise ShapeError(keras_messages.after(told, keras_messages.axes(self.name, input_shape)))
        channels = input_shape[2 if self._spec.channels_last else 1]
        if channels is None:
            raise ShapeError(f"build: got shape {input_shape}, whose channels are None; they must be known")
        if not self.built:
            free = (None, channels) if self._spec.channels_last else (channels, None)
            spec, steps = self._spec.build(free), input_shape[1 if self._spec.channels_last else 2]
            if steps is not None:
                self._outs(spec.problem, steps, input_shape[0])
            self._once.setdefault("spec", spec)
        if self.spec.channels != channels:
            expected = f"expected {self.spec.channels}; other channels need another layer"
            raise ShapeError(f"`{self.name}`: got {counted(channels, 'channel')}, {expected}")

    @property
    def built(self) -> bool:
        """Whether the input's channels are known."""
        return self.spec.channels is not None

    @property
    def spec(self) -> Spec:
        """The definition; with the input's channels once the layer is built."""
        return cast(Spec, self._once.get("spec", self._spec))

    @property
    def name(self) -> str:
        """The layer's name."""
        return self._spec.name

    @property
    def dtype(self) -> str:
        """float32 or float64."""
        return self._spec.dtype

    @property
    def storage(self) -> str:
        """How the kernel's weights are stored: float32 (the layer's own dtype), float16 or bfloat16."""
        return self._storage

    @property
    def kernel(self) -> Array:
        """The kernel in Keras' shape, read-only."""
        found = self._made().arrays
        if "kernel" not in found:
            raise AttributeError(f"`{self.name}` has no `kernel`; it has {', '.join(found)}")
        return found["kernel"]

    @property
    def bias(self) -> Array | None:
        """The bias (filters,), read-only; None without one."""
        return self._made().arrays.get("bias")

    @property
    def weights(self) -> list[Array]:
        """[kernel, bias], read-only; empty while the layer is not built."""
        return list(self._made().arrays.values()) if self.built else []

    def get_weights(self) -> list[Array]:
        """[kernel, bias] as copies."""
        return [array.copy() for array in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace [kernel, bias]; each is cast to the layer's dtype. Raises WeightsError where a shape differs."""
        names = list(self._demand_built().weight_shapes())
        try:
            weights = list(weights)
        except TypeError:
            got = f"`{self.name}`: weights: got {type(weights).__name__}"
            raise WeightsError(f"{got}, expected a list: {', '.join(names)}") from None
        if len(weights) != len(names):
            told = f"`{self.name}`: got {counted(len(weights), 'array')}, expected {len(names)}: {', '.join(names)}"
            raise WeightsError(
                keras_messages.after(told, keras_messages.weights_given(self.name, len(weights), len(names)))
            )
        given = dict(zip((f"{self.name}/{name}" for name in names), weights, strict=True))
        given = {name: arrays.found_in(array, f"array `{name}`", WeightsError) for name, array in given.items()}
        try:
            found = by_layer.for_specs(given, (self.spec,))[self.name]
        except WeightsError as wrong:
            raise WeightsError(self._also_told(wrong, given.values())) from None
        self._adopt(found)

    def _also_told(self, wrong: WeightsError, given: Iterable[Array]) -> str:
        """The error's text, and Keras' on the first array of another shape."""
        for expected, array in zip(self.spec.weight_shapes().values(), given, strict=True):
            if array.shape != expected:
                return keras_messages.after(str(wrong), keras_messages.weight_shape(self.name, expected, array.shape))
        return str(wrong)

    def save_weights(self, path: str | os.PathLike[str]) -> None:
        """Write them as LAYER/kernel, LAYER/bias to a .npz or .safetensors file, as `codegen.weights.save` does.

        Kernels are written as they are stored: with `storage` float16 or bfloat16 in half the bytes, and exactly.
        """
        by_layer.save(path, {self.name: self._made().arrays}, {self.name: self._storage})

    def load_weights(self, path: str | os.PathLike[str]) -> None:
        """Replace them by those of a file that holds these and no more. Raises WeightsError, with nothing changed."""
        self._adopt(by_layer.for_specs(path, (self._demand_built(),))[self.name], lasting=not isinstance(path, Mapping))

    def count_params(self) -> int:
        """The number of weights, bias included. Raises ShapeError while the layer is not built."""
        spec = self._demand_built(keras_messages.not_built(self.name))
        return sum(int(np.prod(shape)) for shape in spec.weight_shapes().values())

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Shape:
        """(batch, steps, filters) for (batch, steps, channels), in the data format's order; None stays None."""
        shape = _sizes(input_shape, "compute_output_shape")
        last = self._spec.channels_last
        if len(shape) != 3 or shape[2 if last else 1] is None:
            raise ShapeError(f"compute_output_shape: got {plainly(shape)}, expected {self._axes} with known channels")
        steps = shape[1 if last else 2]
        problem = self._problem(cast(int, shape[2 if last else 1]))
        outs = None if steps is None else self._outs(problem, steps, shape[0])
        return (shape[0], outs, problem.out_filters) if last else (shape[0], problem.out_filters, outs)

    @property
    def _axes(self) -> str:
        return "(batch, steps, channels)" if self._spec.channels_last else "(batch, channels, steps)"

    def _adopt(self, found: dict[str, Array], lasting: bool = False) -> Weights:
        """Take arrays that were made for this layer and checked, `lasting` ones from a file; what it now holds."""
        self._weights = weights = self._lasting(found) if lasting else self._held(found)
        return weights

    def _held(self, found: dict[str, Array], named: str | None = None) -> Weights:
        """The arrays as the kernel computes with them: all but the bias rounded to the storage. Raises WeightsError.

        `named` is what names the arrays in other processes, too.
        """
        return Weights(stored(found, self._storage, self.name), f"{named} {self._storage}" if named else None)

    def _lasting(self, found: dict[str, Array]) -> Weights:
        """The same of arrays that other processes will have, too: they are kept, and what is kept is mapped."""
        return kept_weights(self._held(found).arrays)

    def _demand_built(self, said: str = "") -> Spec:
        """The definition with its channels. Raises ShapeError, with what Keras `said` there, while it has none."""
        if not self.built:
            told = f"`{self.name}` does not know its input's channels: call it, or build((None, None, C))"
            raise ShapeError(keras_messages.after(told, said) if said else told)
        return self.spec

    def _made(self) -> Weights:
        """The weights that were set, else those that the initializers make."""
        weights = self._weights or self._initial
        if weights is None:
            spec = self._demand_built()
            weights = self._initial = self._once.setdefault("made", self._held(*by_layer.kept_initial(spec)))
        return weights

    def _problem(self, channels: int) -> Problem:
        """The problem for that many channels; the layer is left as it is."""
        if self.built:
            if channels != self.spec.channels:
                raise ShapeError(f"`{self.name}`: got {counted(channels, 'channel')}, expected {self.spec.channels}")
            return self.spec.problem
        free = (None, channels) if self._spec.channels_last else (channels, None)
        return self._spec.build(free).problem

    def _problem_for(self, x: Array) -> Problem:
        """The problem, built for x's channels on the first call; x's channels and steps are held to it."""
        last = self._spec.channels_last
        channels = x.shape[2 if last else 1]
        if not self.built:
            self.build(x.shape)
        spec = self.spec
        if channels != spec.channels:
            swapped = x.shape[1 if last else 2] == spec.channels
            hint = f"; the axes are {self._axes}: transpose x by (0, 2, 1)" if swapped else ""
            told = f"`{self.name}`: x has {counted(channels, 'channel')}, expected {spec.channels}{hint}"
            said = keras_messages.channels(self.name, -1 if last else 1, spec.channels, x.shape)
            raise ShapeError(keras_messages.after(told, said))
        return self.spec.problem

    def _outs(self, problem: Problem, steps: int, batch: int | None = None) -> int:
        """Output steps. Raises ShapeError for a length that a fixed layer does not take, or that leaves no output."""
        if problem.steps is not None and steps != problem.steps:
            free = (None, problem.channels) if problem.channels_last else (problem.channels, None)
            hint = f"input_shape = {free} takes any number"
            raise ShapeError(f"`{self.name}`: x has {steps} steps, expected {problem.steps}; {hint}")
        outs = problem.out_steps(steps)
        if outs < 1:
            padded = sum(problem.pads(steps))
            zeros = f" and {padded} zero{'s' * (padded > 1)} of padding" if padded else ""
            room = f"x has {steps} step{'s' * (steps > 1)}{zeros}, the kernel reaches over {problem.reach}"
            told = f"`{self.name}`: {room if steps else 'x has 0 steps'}: no output is left; give more steps"
            shape = (steps, problem.channels) if problem.channels_last else (problem.channels, steps)
            raise ShapeError(keras_messages.after(told, keras_messages.no_output((batch, *shape))))
        return outs

    def _out_shape(self, problem: Problem, shape: tuple[int, ...]) -> tuple[int, ...]:
        batch, steps = shape[0], shape[1 if problem.channels_last else 2]
        outs = self._outs(problem, steps, batch)
        return (batch, outs, problem.out_filters) if problem.channels_last else (batch, problem.out_filters, outs)


def _sizes(shape: Any, what: str) -> Shape:
    """A shape as plain whole numbers, None for a free one. Raises ShapeError for what is none."""
    try:
        found = tuple(shape)
        if all(size is None or (isinstance(size, Integral) and not isinstance(size, bool)) for size in found):
            sizes = tuple(None if size is None else int(size) for size in found)
            if all(size is None or 0 <= size <= LARGEST for size in sizes):
                return sizes
    except TypeError:
        pass
    expected = "a shape: whole numbers from 0 to 2**31, or None"
    raise ShapeError(f"{what}: got {plainly(shape)}, expected {expected}")

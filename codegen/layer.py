"""Layer: a spec, weights in Keras' shapes, and a kernel compiled for exactly that spec; the base of the kinds.

A layer may be called by many threads at once, without a lock: what is made late is made once and then only replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

import numpy as np

from codegen import arrays, pipeline
from codegen.arrays import READY, WRITABLE
from codegen.errors import ShapeError, WeightsError
from codegen.plan import accuracy_named, rigor_named, threads_asked
from codegen.specs import Spec
from codegen.targets import target_named
from codegen.weights import of_specs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.loader import Kernel
    from codegen.problem import ConvProblem

    Array = NDArray[Any]

Copy = Literal["auto", "never"]
Shape = tuple[int | None, ...]

NDARRAY, EMPTY = np.ndarray, np.empty  # looked up once: a call has little more than a microsecond for Python
EASY_SHAPES = 64  # input shapes whose output shape is remembered


class Weights:
    """A layer's arrays of one moment, and the kernel bound to them once it is needed; replaced, never changed.

    `bound` is that kernel with the arrays as it packed them: another plan's kernel could not read these.
    """

    __slots__ = ("arrays", "bound", "run")

    def __init__(self, found: dict[str, Array]) -> None:
        for array in found.values():
            array.flags.writeable = False
        self.arrays = found
        self.bound: tuple[Kernel, Array, Array | None] | None = None
        self.run: Callable[[Array, Array], None] | None = None


class Layer:
    """A convolution with weights. Its arrays are read-only; `set_weights` replaces them."""

    kind: ClassVar[type[Spec]]

    def _take(self, spec: Spec, target: str, accuracy: str, rigor: str, threads: int) -> None:
        target_named(target)  # an unknown word is told here, not at the first call
        self._threads = threads_asked(threads)
        self._accuracy, self._rigor = accuracy_named(accuracy), rigor_named(rigor)
        self._spec, self._target = spec, target
        self._dtype = np.dtype(spec.dtype)
        self._once: dict[str, Any] = {}  # what is made when first needed; setdefault lets the first thread win
        self._initial: Weights | None = None
        self._weights: Weights | None = None  # what was set, which comes before the initial ones
        self._easy: dict[tuple[int, ...], tuple[int, ...]] = {}

    def __call__(self, x: Any, *, out: Array | None = None, copy: Copy = "auto") -> Array:
        """y = activation(conv(x) + bias), batch first, in a new array or in `out`.

        x (batch, steps, channels), or (batch, channels, steps) for channels_first: NumPy, any buffer, DLPack, or nested
        lists; cast to the layer's dtype and made contiguous, which copy="never" refuses. y has x's order of axes. `out`
        must fit exactly and share no memory with x. Raises ShapeError.
        """
        weights = self._weights or self._initial
        if type(x) is NDARRAY and weights is not None and weights.run is not None:
            shape = self._easy.get(x.shape)
            if shape is not None and x.dtype is self._dtype and x.flags.num & READY == READY:
                if out is None:
                    out = EMPTY(shape, self._dtype)
                elif not self._fits(out, shape, x):
                    return self._checked(x, out, copy)
                weights.run(x, out)
                return out
        return self._checked(x, out, copy)

    def _fits(self, out: Any, shape: tuple[int, ...], x: Array) -> bool:
        """Whether `out` needs no closer look."""
        if type(out) is not NDARRAY or out.shape != shape or out.dtype is not self._dtype:
            return False
        return out.flags.num & WRITABLE == WRITABLE and not np.may_share_memory(out, x)

    def _checked(self, x: Any, out: Array | None, copy: Copy) -> Array:
        x = arrays.taken(x, self._dtype, copy, self._axes)
        problem = self._problem_for(x)
        shape = self._out_shape(problem, x.shape)
        y = np.empty(shape, self._dtype) if out is None else arrays.fitting(out, shape, self._dtype, x)
        if not y.size:
            return y
        self._bound().run(x, y)  # type: ignore[misc]  # _bound() leaves no None
        if len(self._easy) >= EASY_SHAPES:
            self._easy.clear()
        self._easy[x.shape] = shape
        return y

    def bind(self, x: Array, out: Array) -> Callable[[], None]:
        """A function of no arguments that computes `out` from what `x` then holds: the cheapest way to call.

        Both must fit exactly, as `out` must in a call; the weights are those of now. It has one workspace: threads that
        call at once bind each for itself. Raises ShapeError.
        """
        x = arrays.taken(x, self._dtype, "never", self._axes)
        shape = self._out_shape(self._problem_for(x), x.shape)
        out = arrays.fitting(out, shape, self._dtype, x)
        kernel, *packed = cast("tuple[Kernel, Array, Array | None]", self._bound().bound)
        return kernel.bind(x, out, *packed)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Fix the channels from (batch, steps, channels), in the data format's order, as Keras does; steps stay free.

        A spec with an input_shape is built from the start. Raises ShapeError where other channels were fixed before.
        """
        if len(input_shape) != 3:
            raise ShapeError(f"build: got shape {tuple(input_shape)}, expected {self._axes}, the batch as None")
        channels = input_shape[2 if self._spec.channels_last else 1]
        if channels is None:
            raise ShapeError(f"build: got shape {tuple(input_shape)}, whose channels are None; they must be known")
        if not self.built:
            free = (None, channels) if self._spec.channels_last else (channels, None)
            self._once.setdefault("spec", self._spec.build(free))
        if self.spec.channels != channels:
            expected = f"expected {self.spec.channels}; other channels need another layer"
            raise ShapeError(f"`{self.name}`: got {channels} channels, {expected}")

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
    def kernel(self) -> Array:
        """The kernel in Keras' shape, read-only."""
        return self._made().arrays["kernel"]

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
        if len(weights) != len(names):
            raise WeightsError(f"`{self.name}`: got {len(weights)} arrays, expected {len(names)}: {', '.join(names)}")
        arrays = {f"{self.name}/{name}": array for name, array in zip(names, weights, strict=True)}
        self._adopt(of_specs.for_specs(arrays, (self.spec,))[self.name])

    def count_params(self) -> int:
        """The number of weights, bias included. Raises ShapeError while the layer is not built."""
        return sum(int(np.prod(shape)) for shape in self._demand_built().weight_shapes().values())

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Shape:
        """(batch, steps, filters) for (batch, steps, channels), in the data format's order; None stays None."""
        shape = tuple(input_shape)
        last = self._spec.channels_last
        if len(shape) != 3 or shape[2 if last else 1] is None:
            raise ShapeError(f"compute_output_shape: got {shape}, expected {self._axes} with known channels")
        steps = shape[1 if last else 2]
        problem = self._problem(cast(int, shape[2 if last else 1]))
        outs = None if steps is None else self._outs(problem, steps)
        return (shape[0], outs, problem.filters) if last else (shape[0], problem.filters, outs)

    def __repr__(self) -> str:
        given = self.spec
        shape = given.input_shape or "not built"
        return f"<{type(self).__name__} {self.name}: input_shape={shape}, dtype={self.dtype}, target={self._target}>"

    @property
    def _axes(self) -> str:
        return "(batch, steps, channels)" if self._spec.channels_last else "(batch, channels, steps)"

    def _adopt(self, found: dict[str, Array]) -> None:
        """Take arrays that were made for this layer and checked."""
        self._weights = Weights(found)

    def _demand_built(self) -> Spec:
        if not self.built:
            raise ShapeError(f"`{self.name}` does not know its input's channels: call it, or build((None, None, C))")
        return self.spec

    def _made(self) -> Weights:
        """The weights that were set, else those that the initializers make."""
        weights = self._weights or self._initial
        if weights is None:
            spec = self._demand_built()
            weights = self._initial = self._once.setdefault("made", Weights(of_specs.initial((spec,))[spec.name]))
        return weights

    @property
    def _kernel(self) -> Kernel:
        """The compiled kernel, from the caches after the first time."""
        return pipeline.kernel_for(
            self.spec, self._target, accuracy=self._accuracy, rigor=self._rigor, threads=self._threads
        )

    def _bound(self) -> Weights:
        """The weights with `bound` and `run` set. Two threads may both do it; either's answer serves."""
        weights = self._made()
        if weights.run is None:
            kernel, bias = self.spec.problem_weights(weights.arrays)
            compiled = self._kernel
            packed = compiled.pack(kernel)
            weights.bound = compiled, packed, bias
            weights.run = compiled.with_weights(packed, bias)
        return weights

    def _problem(self, channels: int) -> ConvProblem:
        """The problem for that many channels; the layer is left as it is."""
        if self.built:
            if channels != self.spec.channels:
                raise ShapeError(f"`{self.name}`: got {channels} channels, expected {self.spec.channels}")
            return self._lowered()
        free = (None, channels) if self._spec.channels_last else (channels, None)
        return self._spec.build(free).lower()

    def _problem_for(self, x: Array) -> ConvProblem:
        """The problem, built for x's channels on the first call; x's channels and steps are held to it."""
        last = self._spec.channels_last
        channels = x.shape[2 if last else 1]
        if not self.built:
            self.build(x.shape)
        spec = self.spec
        if channels != spec.channels:
            swapped = x.shape[1 if last else 2] == spec.channels
            hint = f"; the axes are {self._axes}: transpose x by (0, 2, 1)" if swapped else ""
            raise ShapeError(f"`{self.name}`: x has {channels} channels, expected {spec.channels}{hint}")
        return self._lowered()

    def _lowered(self) -> ConvProblem:
        found = self._once.get("problem")
        return cast("ConvProblem", found or self._once.setdefault("problem", self.spec.lower()))

    def _outs(self, problem: ConvProblem, steps: int) -> int:
        """Output steps. Raises ShapeError for a length that a fixed layer does not take, or that leaves no output."""
        if problem.steps is not None and steps != problem.steps:
            free = (None, problem.channels) if problem.channels_last else (problem.channels, None)
            hint = f"input_shape = {free} takes any number"
            raise ShapeError(f"`{self.name}`: x has {steps} steps, expected {problem.steps}; {hint}")
        outs = problem.out_steps(steps)
        if outs < 1:
            padded = problem.pad_left + problem.pad_right
            zeros = f" and {padded} zeros of padding" if padded else ""
            reach = f"the kernel reaches over {problem.reach}"
            raise ShapeError(f"`{self.name}`: x has {steps} steps{zeros}, {reach}: no output is left; give more steps")
        return outs

    def _out_shape(self, problem: ConvProblem, shape: tuple[int, ...]) -> tuple[int, ...]:
        batch, steps = shape[0], shape[1 if problem.channels_last else 2]
        outs = self._outs(problem, steps)
        return (batch, outs, problem.filters) if problem.channels_last else (batch, problem.filters, outs)

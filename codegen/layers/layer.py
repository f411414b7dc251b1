"""Layer: a spec, weights and a kernel compiled for exactly that spec; the base of the kinds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from codegen import pipeline
from codegen.errors import ShapeError, SpecError
from codegen.layers import codes, penalties
from codegen.layers.bound import Bound, Weights, baked, bound
from codegen.layers.how import How
from codegen.layers.keras_methods import Face
from codegen.layers.lengths import Lengths, most_lengths
from codegen.numbers import arrays
from codegen.numbers.arrays import READY, WRITABLE
from codegen.numbers.storage import checked
from codegen.planning.ask import rigor_named
from codegen.specs.kinds import Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.gradients.backward import Gradients
    from codegen.layers.stream import Stream
    from codegen.machine.loader import Kernel
    from codegen.planning.plan import AnyRequest, KernelPlan

    Array = NDArray[Any]

Copy = Literal["auto", "never"]

NDARRAY, EMPTY = np.ndarray, np.empty  # looked up once: a call has little more than a microsecond for Python
EASY_SHAPES = 64  # input shapes whose output shape is remembered


class Layer(Face):
    """A convolution with weights, called on arrays."""

    def _take(self, spec: Spec, how: How) -> None:
        self._hold(spec, checked(how.storage, spec.dtype))
        self._how = how
        self._dtype = np.dtype(spec.dtype)
        self._lengths: Lengths | None = None  # of a layer that takes any, once its kernel is compiled
        self._ready: Kernel | None = None  # once it is compiled; other weights take the same one
        self._plain = spec.own_activation is None and spec.activity_regularizer is None  # a call ends with its kernel

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: what the layer holds, apart from what it changes later; no kernel goes with it."""
        return vars(self) | {"_once": dict(self._once), "_lengths": None, "_ready": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._dtype = np.dtype(self._spec.dtype)  # NumPy's own object of that type, which the short way asks for

    def __call__(self, x: Any, *, out: Array | None = None, copy: Copy = "auto") -> Array:
        """y = activation(conv(x) + bias), batch first, in a new array or in `out`.

        x (batch, steps, channels), or (batch, channels, steps) for channels_first: NumPy, any buffer, DLPack, or nested
        lists; cast to the layer's dtype and made contiguous, which copy="never" refuses. y has x's order of axes. `out`
        must fit exactly and share no memory with x. Raises ShapeError.
        """
        weights = self._weights or self._initial
        if type(x) is NDARRAY and weights is not None:
            easy = weights.easy.get(x.shape)
            if easy is not None and x.dtype is self._dtype and x.flags.num & READY == READY:
                shape, run = easy
                if out is None:
                    out = EMPTY(shape, self._dtype)
                elif not self._fits(out, shape, x):
                    return self._checked(x, out, copy)
                run(x, out)
                return out
        return self._checked(x, out, copy)

    def _fits(self, out: Any, shape: tuple[int, ...], x: Array) -> bool:
        """Whether `out` needs no closer look."""
        if type(out) is not NDARRAY or out.shape != shape or out.dtype is not self._dtype:
            return False
        return out.flags.num & WRITABLE == WRITABLE and not np.may_share_memory(out, x)

    def _checked(self, x: Any, out: Array | None, copy: Copy) -> Array:
        given, out = (x, out), arrays.memory_of(out)
        x = arrays.taken(x, self._dtype, copy, self._axes, self.name)
        problem = self._problem_for(x)
        shape = self._out_shape(problem, x.shape)
        y = np.empty(shape, self._dtype) if out is None else arrays.fitting(out, shape, self._dtype, x)
        if y.size:
            self._run(x, y)
        if not self._plain:
            self._finish(y)
        return arrays.as_given(*given, y)

    def _run(self, x: Array, y: Array) -> None:
        """The kernel on checked arrays. From when no call of that length is counted, these go the short way."""
        steps = x.shape[1 if self._spec.channels_last else 2]
        weights, free = self._bound(steps)
        lengths = self._lengths
        if lengths is not None:
            lengths.met(steps)
        bound = self._bound_for(weights, free, steps)
        bound.run(x, y)
        if self._plain and (lengths is None or lengths.settled(steps)):  # only what ends with its kernel
            if len(weights.easy) >= EASY_SHAPES:
                weights.easy.clear()
            weights.easy[x.shape] = y.shape, bound.run
            if lengths is not None and (lengths.kept(steps) is None) != (bound is free):
                weights.easy.clear()  # another one serves this length meanwhile

    def _bound_for(self, weights: Weights, free: Bound, steps: int) -> Bound:
        """The kernel for that length with the weights that it reads, or the one for any."""
        kept = self._lengths.kept(steps) if self._lengths is not None else None
        if kept is None:
            return free
        made = weights.at.get(steps)
        if made is None or made[0] is not kept:
            bound = kept.bound(free, lambda: self.spec.problem_weights(weights.arrays)[0])
            made = weights.at[steps] = kept, bound
        return made[1]

    def _look_again(self) -> None:
        """Forget which kernel serves which length."""
        for weights in (self._weights, self._initial):
            if weights is not None:
                weights.easy.clear()
                weights.at.clear()

    def _finish(self, y: Array) -> None:
        """An activation of the user's own, in place, and the penalty of the output."""
        self._activate(y)
        self._activity = penalties.of_output(self._spec, y)

    def _activate(self, y: Array) -> None:
        """An activation of the user's own, in place."""
        activate = self._spec.own_activation
        if activate is not None and y.size:
            found = arrays.cast(activate(y), self._dtype, f"`{self.name}`: what its activation made")
            if found.shape != y.shape:
                message = f"`{self.name}`: its activation made shape {found.shape}, expected {y.shape}"
                raise ShapeError(f"{message}; return an array of the shape that it is called with")
            y[...] = found

    def bind(self, x: Array, out: Array) -> Callable[[], None]:
        """A function of no arguments that computes `out` from the present `x`: the cheapest way to call.

        Both must fit exactly, as `out` must in a call. It keeps the present weights. It has one workspace, so each
        thread needs a bound function of its own. Raises ShapeError.
        """
        x = arrays.taken(x, self._dtype, "never", self._axes, self.name)
        shape = self._out_shape(self._problem_for(x), x.shape)
        out = arrays.fitting(out, shape, self._dtype, x)
        steps = x.shape[1 if self._spec.channels_last else 2]
        bound = self._bound_for(*self._bound(steps), steps)
        run = bound.kernel.bind(x, out, bound.packed, bound.bias, place=bound.place)
        if self._plain:
            return run

        def whole() -> None:
            run()
            self._finish(out)

        return whole

    def quantize(self, x: Any) -> Array:
        """The int8 codes of real numbers: clamp(round(x / input_scale) + input_zero_point), halves away from 0.

        x of any shape. Raises SpecError for a layer of floats.
        """
        return codes.quantized(self._spec, x)

    def dequantize(self, y: Any) -> Array:
        """The real numbers of output codes, float32: (y - output_zero_point) * output_scale."""
        return codes.dequantized(self._spec, y)

    def stream(self, block: int = 64, batch: int = 1, *, clock: str = "count", accuracy: str = "exact") -> Stream:
        """The layer on input that comes in blocks, with its present weights and for `batch` samples side by side.

        Blocks have any number of steps, usually `block`. All outputs together have the bits of the whole in the class
        exact. With accuracy fast or wide that needs blocks of a multiple of `block`, but for the last one. `clock` is
        "count" (each output as soon as it is final) or "rate" (at the rate of the input, after zeros). Raises
        ShapeError if the channels are unknown, PlanError if it cannot stream, ToolchainError if there is no compiler.
        """
        from codegen.layers.stream import stream

        return stream(self._demand_built(), self._made().arrays, self._how.ask, block, batch, clock, accuracy)

    def gradients(self, x: Any, dy: Any, *, z: Any = None) -> Gradients:
        """The gradients of a loss with respect to x and to each weight; `dy` is that with respect to the output.

        dy has the output's shape, and so has `z`, the output before the activation; without `z` the layer computes it.
        Each gradient has the shape of its array; sums run over the batch. An activation of your own needs a
        `gradient(z)`, which is dy/dz. Raises ShapeError; SpecError if that is missing.
        """
        from codegen.gradients.backward import backward

        x = arrays.taken(x, self._dtype, "auto", self._axes, self.name)
        problem = self._problem_for(x)
        shape, held = self._out_shape(problem, x.shape), self._made().arrays
        if self._spec.own_activation is not None:
            dy = arrays.cast(dy, self._dtype, "dy")  # of another shape it is refused below
            dy, z = dy * self._own_slope(x, shape, z) if dy.shape == shape else dy, None
        return backward(self.spec, held, x, dy, z, ask=self._how.training)

    def _own_slope(self, x: Array, shape: tuple[int, ...], z: Any) -> Array:
        """dy/dz of the user's own activation; z is what the kernel gives, computed if it is None."""
        own = self._spec.own_activation
        slope = getattr(own, "gradient", None)
        if slope is None:
            message = f"`{self.name}`: its activation {own!r} has no `gradient`, so training cannot follow it"
            raise SpecError("E232", message, hint="give it gradient(z), dy/dz as an array of z's shape")
        if z is None:
            z = np.empty(shape, self._dtype)
            self._bound(x.shape[1 if self._spec.channels_last else 2])[1].run(x, z)
        return arrays.cast(slope(z), self._dtype, f"`{self.name}`: its activation's gradient")

    def __repr__(self) -> str:
        given = self.spec
        shape = given.input_shape or "not built"
        told = f"input_shape={shape}, dtype={self.dtype}, target={self._how.target}"
        return f"<{type(self).__name__} {self.name}: {told}{f', from {self.origin}' if self.origin else ''}>"

    @property
    def plan(self) -> KernelPlan:
        """How the layer is computed: its kernel's plan, with `cost`, `describe()`, and in `rejected` why not others.

        Nothing is compiled for it but what rigor="measure" times. Raises ShapeError while the channels are not known.
        """
        return pipeline.kernel_plan(self._demand_built(), self._how.ask, rigor_named(self._how.rigor))

    def _repr_html_(self) -> str:
        """The layer as a notebook shows it: shapes, figures, plan."""
        from codegen.layers import notebook

        return notebook.of_layer(self, self.plan if self.built else None)

    def emit(
        self, folder: str | os.PathLike[str], *, baked: bool = True, force: bool = False, **options: Any
    ) -> list[Path]:
        """Write the layer's C into `folder`, with its weights as const tables, or as arguments if not `baked`.

        `options` are those of `codegen.generate`; the default of `storage` is the layer's. It does not touch files
        whose bytes are the same, and replaces files that gen-conv did not write only with `force`. Returns the paths.
        Raises UsageError, PlanError, with nothing written; ShapeError if the channels are unknown.
        """
        from codegen.layers import written

        return written.of_layers([self], folder, baked, force, options)

    def warm(self) -> None:
        """Make the kernel now, and bind the weights: the first call then only computes.

        Raises ShapeError while the channels are not known.
        """
        self._demand_built()
        plan = self._bound(0)[1].kernel.plan
        for steps in plan.algorithm.lengths(plan.schedule):
            self._bound(steps)

    @property
    def _kernel_key(self) -> tuple[AnyRequest, str | None, int]:
        """What `pipeline.compiled` takes for the layer's kernel. Raises ShapeError while the channels are not known."""
        how = self._how
        return *pipeline.chosen(self._demand_built(), how.ask, rigor_named(how.rigor)), how.threads

    @property
    def _kernel(self) -> Kernel:
        """The compiled kernel, which the layer keeps."""
        found = self._ready
        if found is None:
            found = self._ready = pipeline.compiled(*self._kernel_key)
        return found

    def _bound(self, steps: int) -> tuple[Weights, Bound]:
        """The weights, and the layer's kernel with what of them it reads for inputs of so many steps.

        Two threads may both bind it; either's answer serves.
        """
        weights = self._made()
        if self.spec.problem.format.whole:
            return weights, baked(weights, self.spec, self._how)
        kernel = self._kernel
        part = kernel.serving(steps)
        found = weights.bound.get(part.place if part else 0)
        if found is None:
            found = bound(kernel, weights, self.spec, part)
            weights.bound[found.place] = found
            self._count_lengths(kernel)
        return weights, found

    def _count_lengths(self, compiled: Kernel) -> None:
        """Begin to, where a kernel for one length may come to serve beside the compiled one for any."""
        if self._lengths is None and self.spec.steps is None and compiled.path is not None:
            most = most_lengths(self._how.specialize)
            self._lengths = Lengths(self, most) if most else None

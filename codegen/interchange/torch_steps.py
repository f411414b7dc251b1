"""A layer's part of a training step in PyTorch, for inputs of one shape: forward, and all gradients, by addresses.

Weights are other ones in each step. So each step packs them, by kernels that are chosen with their packing, and turns
them out of PyTorch's layout in one copy. A layer that ends with more than a bias, has several stages or threads, or
has no compiler has no such steps: it goes the long way (`torch_ops.Runner`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from codegen.gradients import input as input_gradients
from codegen.gradients.backward import LATELY
from codegen.gradients.libraries import Backward
from codegen.interchange.states import Turn, turns
from codegen.layers.layer import Layer
from codegen.machine.addressed_calls import GradientCall, KernelCall
from codegen.machine.gradient_library import GradientLibrary
from codegen.machine.loader import CompiledKernel
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Step", "Steps"]

MOST_PLACES = 16  # weights whose places are known, such as those of each group
MOST_SHAPES = 4  # of inputs, each with room for packed weights


@dataclass(frozen=True, eq=False)
class Parts:
    """What is compiled for a layer's steps on inputs of one shape, and where its kernels find their weights."""

    backward: Backward
    forward: CompiledKernel
    back: CompiledKernel
    kernel: GradientLibrary
    output: GradientLibrary | None  # None where there is no bias
    turns: tuple[Turn, Turn]


class Step:
    """A step for `batch` inputs. One thread at a time may run it."""

    def __init__(self, parts: Parts, batch: int) -> None:
        p, steps = parts.backward.problem, parts.backward.steps
        self._turns = parts.turns
        self._x, self._y, self._filters = p.in_shape(batch, steps), p.out_shape(batch, steps), p.filters
        self._forward = KernelCall(parts.forward, batch, steps)
        self._back = KernelCall(parts.back, batch, p.out_steps(steps))
        front, _ = input_gradients.zero_taps(p, steps)
        self._turned = self._inner(self._back.kernel, front)
        self._kernel = GradientCall(parts.kernel, batch, ("x", "dz", "dkernel"))
        self._bias = GradientCall(parts.output, batch, ("dy", "dbias")) if parts.output else None
        self._dkernel = np.empty(parts.kernel.plan.problem.kernel_shape, p.dtype)
        self._dkernel_at = self._dkernel.ctypes.data
        self._swapped = p.up > 1  # the kernel's gradient is that of the input's problem, which is turned
        self._found = self._inner(self._dkernel, front) if self._swapped else self._dkernel
        self._places: dict[int, tuple[Array, Array]] = {}

    def _inner(self, kernel: Array, front: int) -> Array:
        """The turned kernel's own taps by group, of four axes as the second turn has them."""
        shape = self._turns[1].shape
        return kernel[front : front + shape[0]].reshape(shape)

    def _of(self, weight: Any) -> tuple[Array, Array]:
        """The weight as the problem and as the input's problem have it, on its own memory."""
        place = weight.data_ptr()
        found = self._places.get(place)
        if found is None:
            if len(self._places) >= MOST_PLACES:
                self._places.clear()
            flat = weight.detach().numpy()
            found = self._places[place] = self._turns[0].of(flat), self._turns[1].of(flat)
        return found

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        """y; all are contiguous."""
        np.copyto(self._forward.kernel, self._of(weight)[0])
        self._forward.pack()
        y = x.new_empty(self._y)
        self._forward.run(x.data_ptr(), y.data_ptr(), bias.data_ptr() if bias is not None else 0)
        return y

    def backward(self, dy: Any, x: Any, weight: Any, needed: Sequence[bool]) -> tuple[Any, Any, Any]:
        """dx, dweight and dbias, None where they are not `needed`; all are contiguous."""
        dx = dweight = dbias = None
        dz = dy.data_ptr()
        if needed[0]:
            np.copyto(self._turned, self._of(weight)[1])
            self._back.pack()
            dx = x.new_empty(self._x)
            self._back.run(dz, dx.data_ptr())
        if needed[1]:
            dweight = torch.empty_like(weight)
            read = (dz, x.data_ptr()) if self._swapped else (x.data_ptr(), dz)
            self._kernel.run(*read, self._dkernel_at)
            np.copyto(self._turns[self._swapped].of(dweight.numpy()), self._found)
        if self._bias is not None and needed[2]:
            dbias = x.new_empty(self._filters)
            self._bias.run(dz, dbias.data_ptr())
        return dx, dweight, dbias


class Steps:
    """The steps of one layer, by the shapes of their inputs. A step that runs is in no list meanwhile."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer
        self._known: dict[tuple[int, ...], tuple[Parts, list[Step]] | None] = {}

    def serves(self, x: Any) -> bool:
        """Whether inputs of the shape of x have steps; the layer takes them."""
        shape = x.shape
        if shape not in self._known:
            if len(self._known) >= MOST_SHAPES:
                self._known.clear()
            parts = self._parts(shape)
            self._known[shape] = None if parts is None else (parts, [])
        return self._known[shape] is not None

    def forward(self, x: Any, weight: Any, bias: Any = None) -> Any:
        """y of an x that it `serves`; all are contiguous."""
        step = self._taken(x)
        y = step.forward(x, weight, bias)
        self._give(x, step)
        return y

    def backward(
        self, dy: Any, x: Any, weight: Any, bias: Any = None, *, needed: Sequence[bool] = (True, True, True)
    ) -> tuple[Any, Any, Any]:
        """dx, dweight and dbias, None where they are not `needed` or there is no bias."""
        step = self._taken(x)
        found = step.backward(dy.resolve_neg().contiguous(), x, weight, needed)
        self._give(x, step)
        return found

    def _taken(self, x: Any) -> Step:
        """A step that nothing runs."""
        known = self._known.get(x.shape)
        if known is None:
            self.serves(x)
            known = self._known[x.shape]
        assert known is not None
        parts, idle = known
        try:
            return idle.pop()
        except IndexError:
            return Step(parts, len(x))

    def _give(self, x: Any, step: Step) -> None:
        """The step may serve another call."""
        known = self._known.get(x.shape)
        if known is not None:
            known[1].append(step)

    def _parts(self, shape: Sequence[int]) -> Parts | None:
        layer, spec = self._layer, self._layer.spec
        if len(shape) != 3:
            return None
        steps = shape[1 if spec.channels_last else 2]
        short = spec.problem.epilogue.linear and len(spec.problem.stages) == 1 and layer._how.threads == 1
        if not short or spec.steps not in (None, steps) or shape != spec.problem.in_shape(shape[0], steps):
            return None
        if not shape[0] or not spec.problem.out_steps(steps):
            return None
        (backward,) = LATELY.way(spec.problem, steps, layer._how.ask).stages
        found = turns(spec, backward.problem, steps)
        if found is None:
            return None
        forward, back = backward.forward_kernel(shape[0]), backward.input_kernel(shape[0])
        kernel, output = backward.gradient_libraries
        if kernel is None or not isinstance(forward, CompiledKernel) or not isinstance(back, CompiledKernel):
            return None
        if output is None and backward.problem.epilogue.operands:
            return None
        return Parts(backward, forward, back, kernel, output, found)

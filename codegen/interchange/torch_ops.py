"""The operators of PyTorch that run layers: `genconv::conv1d` and its way back, for autograd, compile and export.

An operator is told its layer as a text, so that an exported graph holds all of it. This module imports torch, and so it
is imported late.
"""

from __future__ import annotations

import json
import operator
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import torch

from codegen.errors import ConversionError, ShapeError
from codegen.gradients.backward import backward
from codegen.installed import forgetful
from codegen.interchange import states
from codegen.interchange.torch_steps import Steps
from codegen.layers import kinds
from codegen.layers.layer import Layer
from codegen.specs.kinds import KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["CONV1D", "Conv1d", "Conv1dStep", "KerasRunner", "Runner", "runner", "told"]


MOST_HELD = 64  # sets of weights of one definition, as the layers of a network


def told(layer: Layer, dtype: str) -> str:
    """All of a built layer but its weights, as `runner` reads it, for that dtype.

    Raises ConversionError for an activation of the user's own.
    """
    spec = layer._demand_built()
    if spec.own_activation is not None:
        way = "convert the layer without it, and apply it to the module's output"
        raise ConversionError(f"`{layer.name}`: its activation {spec.own_activation!r} is NumPy's; {way}")
    plain = {"regularizer": None, "constraint": None, "initializer": "zeros"}  # the module's weights are its own
    config = {n: next((v for end, v in plain.items() if n.endswith(end)), v) for n, v in layer.get_config().items()}
    config["dtype"] = dtype
    given = {"kind": spec.kind, "config": config, "input_shape": spec.input_shape, "how": asdict(layer._how)}
    return json.dumps(given, sort_keys=True)


class Runner:
    """A layer for tensors. Weights come with each call, in PyTorch's layout, and are packed anew once they change.

    It keeps them packed for at most `most` sets of weights, which are told apart by where they lie.
    """

    def __init__(self, layer: Layer, most: int = 1) -> None:
        self.layer, self.most, self._steps = layer, most, Steps(layer)
        self.dtype = getattr(torch, layer.dtype)
        self._lock = Lock()
        self._held: OrderedDict[int, tuple[list[bytearray], Layer]] = OrderedDict()

    def out_shape(self, x: Any) -> tuple[Any, ...]:
        """The output's shape, also where x's sizes are symbols."""
        last, problem = self.layer.spec.channels_last, self.layer.spec.problem
        outs = problem.out_steps(x.shape[1 if last else 2])
        return (x.shape[0], outs, problem.out_filters) if last else (x.shape[0], problem.out_filters, outs)

    def steps(self, x: Any, weights: Sequence[Any]) -> Steps | None:
        """The short way of training for tensors as these, where there is one."""
        if not all(each.is_cpu and each.is_contiguous() for each in (x, *weights)):
            return None
        if x.dtype is not self.dtype or x.is_neg():
            return None
        return self._steps if self._steps.serves(x) else None

    def forward(self, x: Any, weights: Sequence[Any], changing: bool = False) -> Any:
        """y, with x's axes; by the short way where weights keep `changing`, as they do in training.

        Raises ShapeError for an x of another dtype, or that the layer does not take.
        """
        steps = self.steps(x, weights) if changing else None
        if steps is not None:
            return steps.forward(x, *weights)
        return torch.from_numpy(self._of(weights)(self._array(x)))

    def backward(self, dy: Any, x: Any, weights: Sequence[Any]) -> list[Any]:
        """dx, and then the gradient of each of `weights`."""
        steps = self.steps(x, weights)
        if steps is not None:
            return [one for one in steps.backward(dy, x, *weights) if one is not None]
        spec, ask = self.layer.spec, self.layer._how.ask
        found = backward(spec, self._arrays(weights), self._array(x), self._array(dy), ask=ask)
        return [torch.from_numpy(each) for each in (found.x, *states.laid_out(spec.kind, found.weights).values())]

    def _array(self, x: Any) -> Array:
        array: Array = x.detach().contiguous().numpy()
        if array.dtype is not self.layer._dtype:
            raise ShapeError(f"x: got {array.dtype}, expected {self.layer.dtype}; cast it, or the module by .to(dtype)")
        return array

    def _arrays(self, weights: Sequence[Any]) -> dict[str, Array]:
        """Weights in Keras' shapes, by Keras' names."""
        return states.taken_back(self.layer.spec, [each.detach().numpy() for each in weights])

    def _of(self, weights: Sequence[Any]) -> Layer:
        """The layer with these weights, whose numbers are compared each time: they may change without a trace."""
        place = weights[0].data_ptr()
        held = self._held.get(place)
        codes = [each.detach().contiguous().numpy() for each in weights]
        if held is not None and all(map(operator.eq, held[0], codes)):  # bytes with bytes, whatever the numbers are
            return held[1]
        with self._lock:
            layer = held[1] if held is not None else kinds.of(self.layer.spec, self.layer._how)
            layer._adopt({name: array.copy() for name, array in self._arrays(weights).items()})
            self._held[place] = [bytearray(each) for each in codes], layer
            while len(self._held) > self.most:
                self._held.popitem(last=False)
        return layer


class KerasRunner(Runner):
    """One whose weights come in Keras' own shapes, in the order of the layer's parameters."""

    def backward(self, dy: Any, x: Any, weights: Sequence[Any]) -> list[Any]:
        """dx, and then the gradient of each of `weights`."""
        given = self._arrays(weights), self._array(x), self._array(dy)
        found = backward(self.layer.spec, *given, ask=self.layer._how.ask)
        return [torch.from_numpy(each) for each in (found.x, *found.weights.values())]

    def _arrays(self, weights: Sequence[Any]) -> dict[str, Array]:
        names = self.layer.spec.weight_shapes()
        return dict(zip(names, (each.detach().numpy() for each in weights), strict=True))


@forgetful
@lru_cache(maxsize=1024)
def runner(text: str) -> Runner:
    """What runs the layer that `told` has written."""
    given = json.loads(text)
    cls = kinds.LAYERS[KINDS[given["kind"]]]
    shape = tuple(given["input_shape"])
    layer = cls.from_config({**given["config"], "input_shape": shape, **given["how"]})
    return Runner(layer, MOST_HELD)


class Conv1d(torch.autograd.Function):  # type: ignore[misc]  # torch is not read where types are checked
    """The operators' way without PyTorch's dispatcher: of a Runner, x, and weights."""

    @staticmethod
    def forward(ctx: Any, runs: Runner, x: Any, *weights: Any) -> Any:
        """y of x."""
        ctx.runs = runs
        ctx.save_for_backward(x, *weights)
        return runs.forward(x, weights)

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]  # torch is not read where types are checked
    def backward(ctx: Any, dy: Any) -> tuple[Any, ...]:
        """The gradients of what `forward` takes."""
        x, *weights = ctx.saved_tensors
        return (None, *ctx.runs.backward(dy, x, weights))


class Conv1dStep(torch.autograd.Function):  # type: ignore[misc]  # torch is not read where types are checked
    """The short way of training: of a layer's Steps, x, weight, and bias or None."""

    @staticmethod
    def forward(ctx: Any, steps: Steps, x: Any, weight: Any, bias: Any) -> Any:
        """y of x."""
        ctx.steps = steps
        ctx.save_for_backward(x, weight)
        return steps.forward(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, dy: Any) -> tuple[Any, ...]:
        """The gradients of what `forward` takes."""
        return (_once if torch.is_grad_enabled() else _stepped)(ctx, dy)


def _stepped(ctx: Any, dy: Any) -> tuple[Any, ...]:
    x, weight = ctx.saved_tensors
    return (None, *ctx.steps.backward(dy, x, weight, needed=ctx.needs_input_grad[1:]))


_once = torch.autograd.function.once_differentiable(_stepped)  # where a second derivative is asked for

CONV1D = torch.library.custom_op(
    "genconv::conv1d",
    lambda x, weights, layer, changing: runner(layer).forward(x, weights, changing),
    mutates_args=(),
    device_types="cpu",
    schema="(Tensor x, Tensor[] weights, str layer, bool changing) -> Tensor",
)
BACKWARD = torch.library.custom_op(
    "genconv::conv1d_backward",
    lambda dy, x, weights, layer: runner(layer).backward(dy, x, weights),
    mutates_args=(),
    device_types="cpu",
    schema="(Tensor dy, Tensor x, Tensor[] weights, str layer) -> Tensor[]",
)


@CONV1D.register_fake  # type: ignore[untyped-decorator]  # torch is not read where types are checked
def _(x: Any, weights: Sequence[Any], layer: str, changing: bool) -> Any:
    return x.new_empty(runner(layer).out_shape(x))


@BACKWARD.register_fake  # type: ignore[untyped-decorator]  # torch is not read where types are checked
def _(dy: Any, x: Any, weights: Sequence[Any], layer: str) -> list[Any]:
    return [x.new_empty(x.shape), *(each.new_empty(each.shape) for each in weights)]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    x, weights, ctx.layer, _ = inputs
    ctx.save_for_backward(x, *weights)


def _back(ctx: Any, dy: Any) -> tuple[Any, ...]:
    x, *weights = ctx.saved_tensors
    dx, *found = BACKWARD(dy, x, weights, ctx.layer)
    return dx, found, None, None


CONV1D.register_autograd(_back, setup_context=_keep)

"""The operators of PyTorch that run layers: `genconv::conv1d` and its way back, for autograd, compile and export.

An operator is told its layer as a text, so that an exported graph holds all of it. This module imports torch, and so it
is imported late.
"""

from __future__ import annotations

import json
import operator
from collections import OrderedDict
from collections.abc import Iterator, Sequence
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

__all__ = ["BACKWARD", "CONV1D", "KerasRunner", "Runner", "runner", "told"]


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
        self.layer, self.most, self.short = layer, most, Steps(layer)
        self.dtype = getattr(torch, layer.dtype)
        problem = layer.spec.problem
        self.linear = problem.epilogue.linear and len(problem.stages) == 1  # in x, and in the weights
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
        return self.short if self.short.serves(x) else None

    def forward(self, x: Any, weights: Sequence[Any], changing: bool = False) -> Any:
        """y, with x's axes; by the short way where weights keep `changing`, as they do in training.

        Raises ShapeError for an x of another dtype, or that the layer does not take.
        """
        steps = self.steps(x, weights) if changing else None
        if steps is not None:
            return steps.forward(x, *weights)
        return torch.from_numpy(self._of(weights)(self._array(x)))

    def backward(self, dy: Any, x: Any, weights: Sequence[Any], with_dx: bool = True) -> list[Any]:
        """dx where it is asked for, and then the gradient of each of `weights`."""
        steps = self.steps(x, weights)
        if steps is not None:
            needed = with_dx, True, len(weights) > 1
            return [one for one in steps.backward(dy, x, *weights, needed=needed) if one is not None]
        spec, ask = self.layer.spec, self.layer._how.ask
        found = backward(spec, self._arrays(weights), self._array(x), self._array(dy), ask=ask)
        of_weights = states.laid_out(spec.kind, found.weights).values()
        return [torch.from_numpy(each) for each in (*([found.x] if with_dx else ()), *of_weights)]

    def _array(self, x: Any) -> Array:
        if not isinstance(x, torch.Tensor):
            raise ShapeError(f"x: got {type(x).__name__}, expected a torch.Tensor")
        if x.dtype is not self.dtype:
            got = str(x.dtype).removeprefix("torch.")
            raise ShapeError(f"x: got {got}, expected {self.layer.dtype}; cast it, or the module by .to(dtype)")
        if not x.is_cpu or x.layout is not torch.strided:
            got = x.device if x.layout is torch.strided else str(x.layout).removeprefix("torch.")
            raise ShapeError(f"x: got a tensor on {got}, expected a dense one on the CPU")
        array: Array = x.detach().resolve_neg().contiguous().numpy()
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

    def backward(self, dy: Any, x: Any, weights: Sequence[Any], with_dx: bool = True) -> list[Any]:
        """dx where it is asked for, and then the gradient of each of `weights`."""
        given = self._arrays(weights), self._array(x), self._array(dy)
        found = backward(self.layer.spec, *given, ask=self.layer._how.ask)
        return [torch.from_numpy(each) for each in (*([found.x] if with_dx else ()), *found.weights.values())]

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


CONV1D = torch.library.custom_op(
    "genconv::conv1d",
    lambda x, weights, layer, changing: runner(layer).forward(x, weights, changing),
    mutates_args=(),
    device_types="cpu",
    schema="(Tensor x, Tensor[] weights, str layer, bool changing) -> Tensor",
)
BACKWARD = torch.library.custom_op(
    "genconv::conv1d_backward",
    lambda dy, x, weights, layer, with_dx=True: runner(layer).backward(dy, x, weights, with_dx),
    mutates_args=(),
    device_types="cpu",
    schema="(Tensor dy, Tensor x, Tensor[] weights, str layer, bool with_dx=True) -> Tensor[]",
)


@CONV1D.register_fake  # type: ignore[untyped-decorator]  # torch is not read where types are checked
def _(x: Any, weights: Sequence[Any], layer: str, changing: bool) -> Any:
    return x.new_empty(runner(layer).out_shape(x))


@BACKWARD.register_fake  # type: ignore[untyped-decorator]  # torch is not read where types are checked
def _(dy: Any, x: Any, weights: Sequence[Any], layer: str, with_dx: bool = True) -> list[Any]:
    return [each.new_empty(each.shape) for each in ((x, *weights) if with_dx else weights)]


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    x, weights, ctx.layer, _ = inputs
    ctx.save_for_backward(x, *weights)


def _back(ctx: Any, dy: Any) -> tuple[Any, ...]:
    x, *weights = ctx.saved_tensors
    with_dx = ctx.needs_input_grad[0]
    found = BACKWARD(dy, x, weights, ctx.layer, with_dx)
    return (found.pop(0) if with_dx else None), found, None, None


CONV1D.register_autograd(_back, setup_context=_keep)


@CONV1D.register_vmap  # type: ignore[untyped-decorator]  # torch is not read where types are checked
def _(info: Any, in_dims: Any, x: Any, weights: Sequence[Any], layer: str, changing: bool) -> tuple[Any, int]:
    of_x, of_weights, *_ = in_dims
    if of_x is not None and all(place is None for place in of_weights):
        many = x.movedim(of_x, 0)  # as one batch
        y = CONV1D(many.flatten(0, 1), weights, layer, changing)
        return y.unflatten(0, many.shape[:2]), 0
    calls = (CONV1D(one, own, layer, changing) for one, own in _each(info, in_dims[:2], x, weights))
    return torch.stack(list(calls)), 0


@BACKWARD.register_vmap  # type: ignore[untyped-decorator]  # torch is not read where types are checked
def _(info: Any, in_dims: Any, *given: Any) -> tuple[list[Any], list[int]]:
    calls = [BACKWARD(*one, *given[3:]) for one in _each(info, in_dims[:3], *given[:3])]
    found = [torch.stack(same) for same in zip(*calls, strict=True)]
    return found, [0] * len(found)


def _each(info: Any, in_dims: Any, *given: Any) -> Iterator[list[Any]]:
    """The arguments of each of the calls that `vmap` makes one of: tensors, or lists of them."""

    def taken(value: Any, place: Any, number: int) -> Any:
        if isinstance(value, (list, tuple)):
            return [taken(one, own, number) for one, own in zip(value, place, strict=True)]
        return value if place is None else value.select(place, number)

    for number in range(info.batch_size):
        yield [taken(value, place, number) for value, place in zip(given, in_dims, strict=True)]

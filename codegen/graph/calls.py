"""Call: a layer with weights as an op; what each kind means in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast

from codegen.errors.counting import counted
from codegen.functions import activations
from codegen.graph import recurrent
from codegen.graph.op import Op, misfit
from codegen.graph.shape import Shape
from codegen.records import dataclass
from codegen.specs.kinds import Spec
from codegen.specs.model_kinds import (
    GRU,
    LSTM,
    BatchNormalization,
    Dense,
    GroupNormalization,
    LayerNormalization,
    ModelSpec,
    PReLU,
    Recurrent,
    SimpleRNN,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["AnyLayer", "Call", "bound"]

AnyLayer: TypeAlias = "Spec | ModelSpec"


@dataclass(frozen=True)
class Call(Op):
    """`layer`, whose input's channels are known, on a value. Two calls of one layer share its weights.

    A recurrent layer begins with the values behind the first: its outputs before the first step, and its cells.
    """

    layer: AnyLayer

    word: ClassVar[str] = "call"

    def __post_init__(self) -> None:
        """Nothing: the layer was checked as it was made."""

    @property
    def waits(self) -> bool:
        """Whether it needs all of its input before its first output."""
        return isinstance(self.layer, ModelSpec) and self.layer.over_time

    def shape(self, *shapes: Shape) -> Shape:
        given, *states = shapes
        layer = self.layer
        if states:
            self._demand_states(given, states)
        if given.channels != layer.channels:
            message = f"`{layer.name}` reads {counted(layer.channels or 0, 'channel')}, and is given {given.channels}"
            raise misfit(message, "a layer that is called twice reads as many channels in both")
        if isinstance(layer, ModelSpec):
            if isinstance(layer, Recurrent) and given.frames is not None:
                raise misfit(f"`{layer.name}` of frames", "join them first: it goes from step to step of a sequence")
            made = given.with_channels(layer.out_channels)
            return made.with_steps(layer.out_steps, made.rate)
        if not layer.channels_last:
            raise misfit(f"`{layer.name}` is channels_first", "in a model all layers are channels_last")
        problem = layer.problem.at_length(None)
        rate = given.rate * Fraction(problem.up, problem.stride)
        return given.with_channels(problem.out_filters).with_steps(problem.out_steps, rate)

    def _demand_states(self, given: Shape, states: Sequence[Shape]) -> None:
        """Raises SpecError for states that are none of the layer's."""
        layer = self.layer
        if not isinstance(layer, Recurrent):
            raise misfit(f"`{layer.name}` of {1 + len(states)} values", "only a recurrent layer begins with states")
        if layer.initial_state or len(states) != len(layer.states):
            told = f"`{layer.name}` begins with {len(states)} states, and has {len(layer.states)}"
            raise misfit(told, "give h, of an lstm h and c; leave initial_state out")
        for state in states:
            there = all(one or not steps for one, steps in zip(state.lengths, given.lengths, strict=True))
            if not state.is_one or state.channels != layer.units or not there:
                told = f"`{layer.name}` begins with {state}, expected (1, {layer.units})"
                raise misfit(told, "a state is one step: that of last(x), a pool, or an input of (1, units)")

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        x, *states = inputs
        if states:
            assert isinstance(self.layer, Recurrent)
            weights = {
                **weights,
                **{name: row[0] for name, row in zip(self.layer.states, states, strict=True) if len(row)},
            }
        if isinstance(self.layer, ModelSpec):
            return REFERENCES[type(self.layer)](self.layer, x, weights)
        return _convolved(self.layer, x, weights)

    def told(self, names: Sequence[str]) -> str:
        return f"{self.layer.name}({', '.join(names)})"


def bound(layer: AnyLayer, channels: int) -> AnyLayer:
    """The layer for an input of so many channels and any number of steps. Raises as its construction does."""
    return layer.build((None, channels))


def _convolved(layer: Spec, x: Array, weights: Mapping[str, Array]) -> Array:
    from codegen.problem import reference

    batch = x if x.ndim == 3 else x[None]
    problem = cast("Any", layer.problem).at_length(None)
    kernel, bias = layer.problem_weights(weights)
    made = reference.convolve(problem, batch, kernel, *(() if bias is None else (bias,)), dtype=str(x.dtype))
    if layer.own_activation is not None:
        made = layer.own_activation(made)
    return made if x.ndim == 3 else made[0]


def _dense(layer: Dense, x: Array, weights: Mapping[str, Array]) -> Array:
    y = x @ weights["kernel"]
    return activations.reference(layer.activation, y + weights["bias"] if layer.use_bias else y)


def _scaled(layer: Any, y: Array, weights: Mapping[str, Array]) -> Array:
    y = y * weights["gamma"] if layer.scale else y
    return y + weights["beta"] if layer.center else y


def _batch(layer: BatchNormalization, x: Array, weights: Mapping[str, Array]) -> Array:
    import numpy as np

    y = (x - weights["moving_mean"]) / np.sqrt(weights["moving_variance"] + layer.epsilon)
    return _scaled(layer, y, weights)


def _each_step(layer: LayerNormalization, x: Array, weights: Mapping[str, Array]) -> Array:
    import numpy as np

    y = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + layer.epsilon)
    return _scaled(layer, y, weights)


def _grouped(layer: GroupNormalization, x: Array, weights: Mapping[str, Array]) -> Array:
    import numpy as np

    if not x.size:  # of no step there is no mean
        return x
    groups = x.reshape(*x.shape[:-1], layer.groups, -1)
    mean, variance = (f(axis=(-3, -1), keepdims=True) for f in (groups.mean, groups.var))
    return _scaled(layer, ((groups - mean) / np.sqrt(variance + layer.epsilon)).reshape(x.shape), weights)


def _prelu(layer: PReLU, x: Array, weights: Mapping[str, Array]) -> Array:
    import numpy as np

    return np.where(x < 0, weights["alpha"] * x, x)


REFERENCES: dict[type[ModelSpec], Callable[[Any, Array, Mapping[str, Array]], Array]] = {
    Dense: _dense,
    BatchNormalization: _batch,
    LayerNormalization: _each_step,
    GroupNormalization: _grouped,
    PReLU: _prelu,
    LSTM: recurrent.lstm,
    GRU: recurrent.gru,
    SimpleRNN: recurrent.simple,
}

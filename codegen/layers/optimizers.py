"""Optimizers: how gradients change a layer's weights; Keras' names, defaults and formulas, in the layer's dtype.

    optimizer = Adam(learning_rate=1e-3)
    loss = optimizer.minimize(layer, x, lambda y: (mse(y, clean), 2 * (y - clean) / y.size))

Sources: keras/src/optimizers/{base_optimizer,sgd,adam}.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import copy, deepcopy
from numbers import Real
from threading import RLock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from codegen.errors import SpecError
from codegen.errors.quoting import exactly
from codegen.layers import trainable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.layers.bound import Weights
    from codegen.layers.layer import Layer
    from codegen.layers.net import Net
    from codegen.layers.trainable import Trained

    Array = NDArray[Any]

__all__ = ["SGD", "Adam", "Optimizer"]

Rate = float | Callable[[int], float]
Slots = dict[str, "Array"]


class State:
    """What an optimizer remembers of one layer: the updates made, and of each weight its running arrays.

    `exact` are the arrays that were handed to the layer, which holds them as `held`: a layer that stores float16 rounds
    them, and a step that is smaller than its rounding must not be lost.
    """

    def __init__(self) -> None:
        self.iterations = 0
        self.slots: dict[str, Slots] = {}
        self.exact: dict[str, Array] = {}
        self.held: Weights | None = None

    def copied(self) -> State:
        """The same at this moment, apart from what the next update changes."""
        found = copy(self)
        found.slots = deepcopy(self.slots)
        return found

    def fits(self, layer: Trained) -> bool:
        """Whether the layer's weights have the names, shapes and types of those that it was made for."""
        theirs, ours = layer._made().arrays, self.held.arrays if self.held else {}
        return theirs.keys() == ours.keys() and all(
            (theirs[name].shape, theirs[name].dtype) == (array.shape, array.dtype) for name, array in ours.items()
        )

    def weights(self, layer: Trained) -> dict[str, Array]:
        """The layer's arrays, exact if nobody replaced them since the last update."""
        held = layer._made()
        return self.exact if held is self.held else held.arrays

    def adopt(self, layer: Trained, found: dict[str, Array]) -> None:
        """Hand the layer its new arrays."""
        self.exact, self.held = found, layer._adopt(found)


class Optimizer:
    """Base: `update` says how one weight changes; the rest is Keras' order of things.

    `learning_rate` is a number, or a callable of the number of updates made before. Gradients are clipped by one of
    `clipnorm` (of each weight), `global_clipnorm` (of all) and `clipvalue`, of which 0 is no limit; `weight_decay` then
    takes its share of each weight. An optimizer may serve many layers, each with a state of its own, and may be shared
    by threads.

    A copy, or what comes out of a pickle, goes on where the optimizer was: it knows a layer that was copied with it by
    its weights, any other by its name and shapes, as often as it held such a layer.
    """

    def __init__(
        self,
        learning_rate: Rate,
        *,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.weight_decay = None if weight_decay is None else _number("weight_decay", weight_decay)
        limits = {"clipnorm": clipnorm, "global_clipnorm": global_clipnorm, "clipvalue": clipvalue}
        given = {name: _number(name, value) for name, value in limits.items() if value is not None}
        if len(given) > 1:
            message = "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set"
            raise SpecError("E232", f"{message}, got {', '.join(given)}", hint="leave the others out")
        limit = next(iter(given.items()), None)
        self._clip = limit if limit and 0 < limit[1] < math.inf else None  # Keras: a limit of 0 is none
        self._states: WeakKeyDictionary[Trained, State] = WeakKeyDictionary()
        self._waiting: list[tuple[str, State]] = []  # in a copy: of layers by name, until each is met
        self._lock = RLock()  # a schedule may ask for the iterations

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            met = [(layer.name, state) for layer, state in self._states.items()]
            waiting = [(name, state.copied()) for name, state in [*met, *self._waiting]]
            return {name: value for name, value in vars(self).items() if name not in ("_states", "_lock")} | {
                "_waiting": waiting
            }

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._states, self._lock = WeakKeyDictionary(), RLock()

    @property
    def learning_rate(self) -> Rate:
        """The rate as it was given; may be set at any time."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Rate) -> None:
        self._learning_rate = value if callable(value) else _number("learning_rate", value)

    def iterations(self, layer: Trained) -> int:
        """The updates of that layer so far."""
        with self._lock:
            state = self._known(layer)
        return state.iterations if state else 0

    def minimize(self, trained: Layer | Net, x: Any, loss: Callable[[Any], tuple[float, Any]]) -> float:
        """One step down of a layer, or of a model: the loss with all penalties, as it was before the step.

        `loss(y)` is called on the output and returns (its value, its gradient with respect to y); of a model with
        several outputs both are mappings by name, as `x` is of several inputs.
        """
        y, back = trainable.forward(trained, x)
        value, dy = loss(y)
        value += math.fsum(trained.losses)
        self.apply(trained, back(dy))
        return float(value)

    def apply(self, trained: Layer | Net, gradients: Any) -> None:
        """Change the weights by gradients of a loss, as `gradients(x, dy)` returns them, or mappings by name.

        The gradients of the weights' own penalties are added here; the constraints follow. A layer that is not
        trainable stays as it is, and so do the means of a batch normalization. Raises ShapeError for a gradient of
        another shape, SpecError for a regularizer without a gradient.
        """
        parts = trainable.parts_of(trained, gradients)
        with self._lock:
            given: dict[tuple[int, str], Array] = {}
            for place, (part, own) in enumerate(parts):
                state = self._states.setdefault(part, self._known(part) or State())
                found = trainable.gradients_of(part, own, state.weights(part))
                given |= {(place, name): gradient for name, gradient in found.items()}
            given = self._clipped(given)
            for place, (part, _) in enumerate(parts):
                self._change(part, {name: gradient for (at, name), gradient in given.items() if at == place})

    def _change(self, part: Trained, given: Mapping[str, Array]) -> None:
        """One layer's weights by clipped gradients."""
        state = self._states[part]
        held = state.weights(part)
        rate = self._learning_rate(state.iterations) if callable(self._learning_rate) else self._learning_rate
        state.iterations += 1
        changed = dict(held)
        for name, gradient in given.items():
            weight, slots = held[name], state.slots.setdefault(name, {})
            number = weight.dtype.type
            if self.weight_decay is not None:
                weight = weight - weight * number(self.weight_decay) * number(rate)
            made = self.update(weight, gradient, slots, rate, state.iterations)
            changed[name] = trainable.constrained(part, name, made)
        state.adopt(part, changed)

    def _known(self, layer: Trained) -> State | None:
        """The layer's state, which it takes from those that wait in a copy."""
        if layer in self._states or not (self._waiting and layer.built):
            return self._states.get(layer)
        held = layer._made()
        same = [number for number, (_, state) in enumerate(self._waiting) if state.held is held]
        like = [
            number for number, (name, state) in enumerate(self._waiting) if name == layer.name and state.fits(layer)
        ]
        if not same and not like:
            return None
        _, self._states[layer] = self._waiting.pop((same or like)[0])
        return self._states[layer]

    def update(self, weight: Array, gradient: Array, slots: Slots, rate: float, step: int) -> Array:
        """The new array of one weight, in its dtype; `slots` are its running arrays, `step` counts from 1."""
        raise NotImplementedError(f"{type(self).__name__} has no update(weight, gradient, slots, rate, step) -> array")

    def _clipped(self, gradients: dict[tuple[int, str], Array]) -> dict[tuple[int, str], Array]:
        if self._clip is None:
            return gradients
        how, limit = self._clip
        if how == "clipvalue":
            return {name: np.clip(array, -limit, limit) for name, array in gradients.items()}
        norms = {name: float(np.sqrt(np.sum(array * array))) for name, array in gradients.items()}
        if how == "global_clipnorm":
            norms = dict.fromkeys(norms, math.hypot(*norms.values()))
        return {name: array * array.dtype.type(limit / max(norms[name], limit)) for name, array in gradients.items()}


class SGD(Optimizer):
    """w - rate·g; with momentum v ← momentum·v - rate·g, and w + v, or w + momentum·v - rate·g for Nesterov's."""

    def __init__(
        self, learning_rate: Rate = 0.01, momentum: float = 0.0, nesterov: bool = False, **options: float | None
    ) -> None:
        super().__init__(learning_rate, **options)
        self.momentum, self.nesterov = _number("momentum", momentum, most=1.0), _flag("nesterov", nesterov)

    def update(self, weight: Array, gradient: Array, slots: Slots, rate: float, step: int) -> Array:
        number = weight.dtype.type
        fall = gradient * number(rate)
        if not self.momentum:
            return np.asarray(weight - fall)
        velocity = slots["momentum"] = slots.get("momentum", np.zeros_like(weight)) * number(self.momentum) - fall
        return np.asarray(weight + (velocity * number(self.momentum) - fall if self.nesterov else velocity))


class Adam(Optimizer):
    """w - m·s/(√v + epsilon), s = rate·√(1 - beta_2^t)/(1 - beta_1^t), of the moments m and v (Kingma and Ba, 2014).

    `amsgrad` takes the largest v so far instead (Reddi et al., 2018).
    """

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: float | None,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta_1, self.beta_2 = _number("beta_1", beta_1, most=1.0), _number("beta_2", beta_2, most=1.0)
        self.epsilon, self.amsgrad = _number("epsilon", epsilon), _flag("amsgrad", amsgrad)

    def update(self, weight: Array, gradient: Array, slots: Slots, rate: float, step: int) -> Array:
        number = weight.dtype.type
        m, v = slots.get("momentum", np.zeros_like(weight)), slots.get("velocity", np.zeros_like(weight))
        m = slots["momentum"] = m + (gradient - m) * number(1 - self.beta_1)
        v = slots["velocity"] = v + (gradient * gradient - v) * number(1 - self.beta_2)
        if self.amsgrad:
            v = slots["velocity_hat"] = np.maximum(slots.get("velocity_hat", np.zeros_like(weight)), v)
        powers = number(self.beta_1) ** number(step), number(self.beta_2) ** number(step)
        alpha = number(rate) * np.sqrt(number(1) - powers[1]) / (number(1) - powers[0])
        return np.asarray(weight - m * alpha / (np.sqrt(v) + number(self.epsilon)))


def _number(name: str, value: object, most: float = math.inf) -> float:
    """A number of at least 0. Raises SpecError E232."""
    with suppress(OverflowError):  # of a whole number beyond all floats
        if isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) <= most:
            return float(value)
    limit = f"a number from 0 to {most:g}" if math.isfinite(most) else "a number of at least 0"
    raise SpecError("E232", f"optimizer: `{name}` is {exactly(value)}: expected {limit}")


def _flag(name: str, value: object) -> bool:
    """True or False. Raises SpecError E232."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise SpecError("E232", f"optimizer: `{name}` is {exactly(value)}: expected True or False")

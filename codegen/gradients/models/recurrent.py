"""The way back through recurrent layers, step by step from the last to the first (Werbos, 1990)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from codegen.functions import activations
from codegen.specs.model_kinds import GRU, LSTM, Recurrent, SimpleRNN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.gradients.models.pull import Pull

    Array: TypeAlias = NDArray[Any]

__all__ = ["gru", "lstm", "simple", "with_states"]

value, slope = activations.reference, activations.derivative


def lstm(layer: LSTM, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    """Gates i, f, c, o; kept of each step are its sums, and c and h before it."""
    (x,) = xs
    recurrent, units = weights["recurrent_kernel"], layer.units
    given = x @ weights["kernel"] + weights.get("bias", x.dtype.type(0))
    h, c = (_begun(weights, f"initial_{word}", x, units) for word in "hc")
    kept, found = [], []
    for t in range(x.shape[1]):
        z = given[:, t] + h @ recurrent
        zi, zf, zc, zo = np.split(z, 4, axis=-1)
        i, f, o = (value(layer.recurrent_activation, each) for each in (zi, zf, zo))
        new, before = value(layer.activation, zc), (h, c)
        c = f * c + i * new
        end = value(layer.activation, c)
        h = o * end
        kept.append((before, (zi, zf, zc, zo), (i, f, new, o), c, end))
        found.append(np.concatenate([h, c], axis=-1) if layer.return_cells else h)

    def pull(dy: Array) -> tuple[list[Array], Mapping[str, Array]]:
        dz, dh, dc = np.empty_like(given), np.zeros_like(h), np.zeros_like(c)
        for t in reversed(range(len(kept))):
            (_, c_before), z, (i, f, new, o), c_now, end = kept[t]
            outside = _at(layer, dy, t, len(kept))
            dh = dh + outside[:, :units]
            dc = dc + dh * o * slope(layer.activation, c_now)
            dc = dc + outside[:, units:] if layer.return_cells else dc
            gates = dc * new, dc * c_before, dc * i, dh * end
            of = (layer.recurrent_activation,) * 2 + (layer.activation, layer.recurrent_activation)
            dz[:, t] = np.concatenate([d * slope(a, each) for d, a, each in zip(gates, of, z, strict=True)], axis=-1)
            dh, dc = dz[:, t] @ recurrent.T, dc * f
        before = np.stack([one[0][0] for one in kept], axis=1) if kept else dz[..., :units]
        grown = _grown(x, dz) | {"recurrent_kernel": _products(before, dz)}
        return [dz @ weights["kernel"].T], _only(weights, grown | {"initial_h": dh, "initial_c": dc})

    return _rows(layer, found, x), pull


def gru(layer: GRU, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    """Gates z, r, h; with `reset_after` the recurrent kernel's part has sums of its own."""
    (x,) = xs
    run = _Gru(layer, x, weights)
    found = [run.step(t) for t in range(x.shape[1])]
    return _rows(layer, found, x), run.pull


def simple(layer: SimpleRNN, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    """Kept of each step are its sums, and h before it."""
    (x,) = xs
    recurrent, kept, found = weights["recurrent_kernel"], [], []
    given = x @ weights["kernel"] + weights.get("bias", x.dtype.type(0))
    h = _begun(weights, "initial_h", x, layer.units)
    for t in range(x.shape[1]):
        sums = given[:, t] + h @ recurrent
        kept.append((h, sums))
        h = value(layer.activation, sums)
        found.append(h)

    def pull(dy: Array) -> tuple[list[Array], Mapping[str, Array]]:
        dz, dh = np.empty_like(given), np.zeros_like(h)
        for t in reversed(range(len(kept))):
            dz[:, t] = (dh + _at(layer, dy, t, len(kept))) * slope(layer.activation, kept[t][1])
            dh = dz[:, t] @ recurrent.T
        before = np.stack([one for one, _ in kept], axis=1) if kept else dz
        grown = _grown(x, dz) | {"recurrent_kernel": _products(before, dz), "initial_h": dh}
        return [dz @ weights["kernel"].T], _only(weights, grown)

    return _rows(layer, found, x), pull


def with_states(
    run: Callable[..., tuple[Array, Pull]], layer: Recurrent, xs: Sequence[Array], weights: Mapping[str, Array]
) -> tuple[Array, Pull]:
    """A layer that begins with the values behind the first, each of one step."""
    x, *states = xs
    first = {name: state[:, 0] for name, state in zip(layer.states, states, strict=True)}
    y, back = run(layer, [x], {**weights, **first})

    def pull(dy: Array) -> tuple[list[Array], Mapping[str, Array]]:
        (dx,), grown = back(dy)
        return [dx, *(grown[name][:, None] for name in first)], {name: grown[name] for name in weights}

    return y, pull


class _Gru:
    """One run over a batch, and the way back over it."""

    def __init__(self, layer: GRU, x: Array, weights: Mapping[str, Array]) -> None:
        self.layer, self.x, self.weights = layer, x, weights
        self.u, self.two = layer.units, layer.reset_after and layer.use_bias
        bias = weights.get("bias", np.zeros(3 * self.u, x.dtype))
        self.inner = bias[1] if self.two else np.zeros_like(bias)
        self.given = x @ weights["kernel"] + (bias[0] if self.two else bias)
        self.h = _begun(weights, "initial_h", x, self.u)
        self.kept: list[tuple[Array, ...]] = []

    def step(self, t: int) -> Array:
        layer, u, recurrent = self.layer, self.u, self.weights["recurrent_kernel"]
        given, kept = self.given[:, t], self.h @ recurrent + self.inner
        sums = given[:, : 2 * u] + kept[:, : 2 * u]
        z, r = np.split(value(layer.recurrent_activation, sums), 2, axis=-1)
        last = r * kept[:, 2 * u :] if layer.reset_after else (r * self.h) @ recurrent[:, 2 * u :]
        argument = given[:, 2 * u :] + last
        new = value(layer.activation, argument)
        self.kept.append((self.h, sums, z, r, kept[:, 2 * u :], argument, new))
        self.h = z * self.h + (1 - z) * new
        return self.h

    def pull(self, dy: Array) -> tuple[list[Array], Mapping[str, Array]]:
        layer, u, recurrent = self.layer, self.u, self.weights["recurrent_kernel"]
        dgiven, dkept, dh = np.empty_like(self.given), np.empty_like(self.given), np.zeros_like(self.h)
        for t in reversed(range(len(self.kept))):
            h, sums, z, r, kept, argument, new = self.kept[t]
            dh = dh + _at(layer, dy, t, len(self.kept))
            da = dh * (1 - z) * slope(layer.activation, argument)
            back = da * r if layer.reset_after else da @ recurrent[:, 2 * u :].T
            dr = da * kept if layer.reset_after else back * h
            gates = np.concatenate([dh * (h - new), dr], axis=-1) * slope(layer.recurrent_activation, sums)
            dgiven[:, t], dkept[:, t] = (np.concatenate([gates, one], axis=-1) for one in (da, back))
            dh = dh * z + gates @ recurrent[:, : 2 * u].T
            dh = dh + (back @ recurrent[:, 2 * u :].T if layer.reset_after else back * r)
        return [dgiven @ self.weights["kernel"].T], self._grown(dgiven, dkept, dh)

    def _grown(self, dgiven: Array, dkept: Array, dh: Array) -> Mapping[str, Array]:
        """The gradients of the weights."""
        u, none = self.u, dgiven[..., : self.u]
        before, resets = ([one[place] for one in self.kept] for place in (0, 3))
        held = np.stack(before, axis=1) if before else none
        grown = _grown(self.x, dgiven)
        if self.layer.reset_after:
            grown["recurrent_kernel"] = _products(held, dkept)
        else:
            reset = held * np.stack(resets, axis=1) if resets else none
            parts = _products(held, dgiven[..., : 2 * u]), _products(reset, dgiven[..., 2 * u :])
            grown["recurrent_kernel"] = np.concatenate(parts, axis=-1)
        if self.two:
            grown["bias"] = np.stack([grown["bias"], dkept.sum(axis=(0, 1))])
        return _only(self.weights, grown | {"initial_h": dh})


def _begun(weights: Mapping[str, Array], name: str, x: Array, units: int) -> Array:
    """The first state of each sample."""
    first = weights.get(name, np.zeros(units, x.dtype))
    return np.broadcast_to(first, (len(x), units))


def _at(layer: Recurrent, dy: Array, t: int, steps: int) -> Array:
    """The gradient that comes from outside by the output of a step."""
    if layer.return_sequences:
        found: Array = dy[:, t]
        return found
    return dy[:, 0] if t == steps - 1 else np.zeros_like(dy[:, 0])


def _products(a: Array, b: Array) -> Array:
    """The sum over samples and steps of all products of their numbers."""
    made: Array = a.reshape(-1, a.shape[-1]).T @ b.reshape(-1, b.shape[-1])
    return made


def _grown(x: Array, dz: Array) -> dict[str, Array]:
    return {"kernel": _products(x, dz), "bias": dz.sum(axis=(0, 1))}


def _only(weights: Mapping[str, Array], grown: Mapping[str, Array]) -> dict[str, Array]:
    """The gradients of the weights there are; of first states that are weights over all samples."""
    alike = {name for name, array in weights.items() if name.startswith("initial") and array.ndim == 1}
    return {name: grown[name].sum(0) if name in alike else grown[name] for name in weights}


def _rows(layer: Recurrent, found: list[Array], x: Array) -> Array:
    if not found:
        return np.zeros((len(x), 0, layer.out_channels), x.dtype)
    return np.stack(found, axis=1) if layer.return_sequences else found[-1][:, None]

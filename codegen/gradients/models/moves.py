"""The way back through what moves numbers: channels, steps, frames, pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from codegen.graph import channels, steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.gradients.models.pull import Pull

    Array: TypeAlias = NDArray[Any]

__all__ = ["MOVES"]

NONE: Mapping[str, Any] = {}


def _sliced(op: channels.Slice, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    (x,) = xs

    def pull(dy: Array) -> tuple[list[Array], Mapping[str, Array]]:
        dx = np.zeros_like(x)
        dx[..., op.start : op.stop] = dy
        return [dx], NONE

    return op.reference(xs, weights), pull


def _concat(op: channels.Concat, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    cuts = np.cumsum([x.shape[-1] for x in xs])[:-1]
    return op.reference(xs, weights), lambda dy: (np.split(dy, cuts, axis=-1), NONE)


def _widened(op: channels.Widen, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    return op.reference(xs, weights), lambda dy: ([dy[..., : xs[0].shape[-1]]], NONE)


def _spread(op: channels.Spread, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    return op.reference(xs, weights), lambda dy: ([dy.sum(axis=-1, keepdims=True)], NONE)


def _reshaped(op: Any, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    return op.reference(xs, weights), lambda dy: ([dy.reshape(xs[0].shape)], NONE)


def _gathered(x: Array, rows: Array, axis: int) -> tuple[Array, Pull]:
    """Rows of x by their numbers, each as often as it is there; the way back adds up what was read twice."""
    y = np.take(x, rows, axis=axis)

    def pull(dy: Array) -> tuple[list[Array], Mapping[str, Array]]:
        dx = np.zeros_like(x)
        at: Any = (*(slice(None),) * axis, rows)
        np.add.at(dx, at, dy)
        return [dx], NONE

    return y, pull


def _padded(op: steps.Padded, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    (x,) = xs
    count = x.shape[-2]
    if op.mode == "constant":
        return op.reference(xs, weights), lambda dy: ([dy[..., op.left : op.left + count, :]], NONE)
    return _gathered(x, np.pad(np.arange(count), (op.left, op.right), mode=op.mode), x.ndim - 2)  # type: ignore[call-overload]  # a mode that it has


def _reversed(op: steps.Reverse, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    return op.reference(xs, weights), lambda dy: ([dy[..., ::-1, :]], NONE)


def _cropped(op: steps.Crop, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    (x,) = xs
    return _gathered(x, np.arange(op.left, max(op.left, x.shape[-2] - op.right)), x.ndim - 2)


def _last(op: steps.Last, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    (x,) = xs
    return _gathered(x, np.arange(x.shape[-2])[-1:], x.ndim - 2)


def _upsampled(op: steps.Upsample, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    (x,) = xs
    inner = (*x.shape[:-1], op.size, x.shape[-1])
    return op.reference(xs, weights), lambda dy: ([dy.reshape(inner).sum(axis=-2)], NONE)


def _frames(op: steps.Frames, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    (x,) = xs
    count = max(0, (x.shape[1] - op.size) // op.hop + 1)
    return _gathered(x, np.arange(count)[:, None] * op.hop + np.arange(op.size), 1)


def _joined(op: steps.Join, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    (x,) = xs
    made = x.reshape(x.shape[0], x.shape[1] * x.shape[2], x.shape[3])
    return made, lambda dy: ([dy.reshape(x.shape)], NONE)


def _windows(op: steps.Pool, x: Array) -> tuple[Array, Array]:
    """(the numbers of the steps that each output sees, which of them there are), (outputs, size) each."""
    count = x.shape[-2]
    seen = np.arange(op.out_steps(count))[:, None] * op.hop - op.pads(count)[0] + np.arange(op.size)
    return seen.clip(0, max(0, count - 1)), (seen >= 0) & (seen < count)


def _scattered(x: Array, seen: Array, shares: Sequence[Array], there: Array) -> Array:
    """dx of what each of a window's places gives back: the steps that one place sees are all different."""
    dx = np.zeros_like(x)
    for place, share in enumerate(shares):
        rows = np.flatnonzero(there[:, place])
        dx[..., seen[rows, place], :] += share[..., rows, :]
    return dx


def _max_pool(op: steps.MaxPool, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    """The gradient goes to the first of the largest."""
    (x,) = xs
    seen, there = _windows(op, x)
    values = np.where(there[..., None], x[..., seen, :], -np.inf)
    first = values.argmax(axis=-2)
    y = np.take_along_axis(values, first[..., None, :], axis=-2)[..., 0, :].astype(x.dtype)

    def pull(dy: Array) -> tuple[list[Array], Mapping[str, Array]]:
        return [_scattered(x, seen, [dy * (first == place) for place in range(op.size)], there)], NONE

    return y, pull


def _average_pool(op: steps.AveragePool, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    (x,) = xs
    seen, there = _windows(op, x)
    count = (np.full(len(seen), op.size) if op.count_padding else there.sum(axis=1)).astype(x.dtype)[:, None]
    y = np.where(there[..., None], x[..., seen, :], 0).sum(axis=-2) / count

    def pull(dy: Array) -> tuple[list[Array], Mapping[str, Array]]:
        return [_scattered(x, seen, [dy / count] * op.size, there)], NONE

    return y.astype(x.dtype), pull


def _mean(op: steps.GlobalAveragePool, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    (x,) = xs
    return op.reference(xs, weights), lambda dy: ([np.broadcast_to(dy / x.shape[-2], x.shape)], NONE)


def _sum(op: steps.GlobalSumPool, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    (x,) = xs
    return op.reference(xs, weights), lambda dy: ([np.broadcast_to(dy, x.shape)], NONE)


def _largest(op: steps.GlobalMaxPool, xs: Sequence[Array], weights: Mapping[str, Array]) -> tuple[Array, Pull]:
    """The gradient goes to the first of the largest."""
    (x,) = xs
    first = x.argmax(axis=-2)[..., None, :]

    def pull(dy: Array) -> tuple[list[Array], Mapping[str, Array]]:
        dx = np.zeros_like(x)
        np.put_along_axis(dx, first, dy, axis=-2)
        return [dx], NONE

    return op.reference(xs, weights), pull


MOVES: dict[type, Any] = {
    channels.Slice: _sliced,
    channels.Concat: _concat,
    channels.Widen: _widened,
    channels.Spread: _spread,
    channels.Flatten: _reshaped,
    channels.Reshape: _reshaped,
    steps.MaxPool: _max_pool,
    steps.AveragePool: _average_pool,
    steps.GlobalMaxPool: _largest,
    steps.GlobalAveragePool: _mean,
    steps.GlobalSumPool: _sum,
    steps.Last: _last,
    steps.Upsample: _upsampled,
    steps.Pad: _padded,
    steps.Reflect: _padded,
    steps.Replicate: _padded,
    steps.Wrap: _padded,
    steps.Reverse: _reversed,
    steps.Crop: _cropped,
    steps.Frames: _frames,
    steps.Join: _joined,
}

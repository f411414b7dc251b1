"""The ops without weights as stages, or as other places of what they read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from codegen.graph import channels, steps
from codegen.graph.op import Op
from codegen.graph.plans import program
from codegen.graph.plans.place import Count, Place
from codegen.graph.plans.stages import Framed, Gathered, Joined, Pooled, Summary
from codegen.graph.plans.walk import Walk
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue

__all__ = ["MOVES", "window"]


def _slice(run: Walk, at: int, op: channels.Slice) -> Place:
    return run.of(at).part(op.start, op.stop - op.start)


def _concat(run: Walk, at: int, op: channels.Concat) -> Place:
    y = run.places[at] if at in run.places else run.target(at)
    first = 0
    for source in run.graph.nodes[at].inputs:
        x = run.places[source]
        if x.buffer != y.buffer:
            others = tuple(run.places[one] for one in run.graph.nodes[at].inputs) if run.streams else ()
            part = y.part(first, x.channels)
            run.stages.append(replace(program.copied(x, part, run.told(at)), beside=others))
        first += x.channels
    return y


def _widen(run: Walk, at: int, op: channels.Widen) -> Place:
    x = run.of(at)
    if x.channels == op.channels:
        return x
    y = run.target(at)
    run.stages.append(program.copied(x, y.part(0, x.channels), run.told(at)))
    more = op.channels - x.channels
    zeros = program.copied(None, y.part(x.channels, more), "zeros behind them")
    run.stages.append(replace(zeros, beside=(x,)))
    return y


def _reshaped(run: Walk, at: int, op: Op) -> Place:
    x = run.in_rows(at)
    shape = run.graph.shapes[at]
    stride = shape.channels
    return replace(x, stride=stride, channels=stride, rows=run.count(shape.lengths))


def _crop(run: Walk, at: int, op: steps.Crop) -> Place:
    x = run.of(at)
    if run.streams and x.frames is None and (op.left or op.right):
        return _gathered(run, at, "crop", op.left, right=op.right)
    return replace(x, first=x.first + op.left * x.stride, rows=run.count(run.graph.shapes[at].lengths))


def _last(run: Walk, at: int, op: steps.Last) -> Place:
    x = run.of(at)
    if x.rows.known is not None:
        return replace(x, first=x.first + (x.rows.known - 1) * x.stride, rows=Count(1))
    return _gathered(run, at, "last", 0, 1)


def _gathered(run: Walk, at: int, word: Any, left: int, size: int = 1, right: int = 0) -> Place:
    y, told = run.target(at), run.told(at)
    run.stages.append(Gathered(y=y, x=run.of(at), word=word, left=left, right=right, size=size, told=told))
    return y


def _padded(run: Walk, at: int, op: steps.Padded) -> Place:
    if not (op.left or op.right):
        return run.of(at)
    return _gathered(run, at, op.word, op.left, right=op.right)


def _reversed(run: Walk, at: int, op: steps.Reverse) -> Place:
    return _gathered(run, at, "reverse", 0)


def _upsampled(run: Walk, at: int, op: steps.Upsample) -> Place:
    return run.of(at) if op.size == 1 else _gathered(run, at, "upsample", 0, op.size)


def window(op: steps.Pool, count: int) -> ConvProblem:
    """The windows of a pool as those of a kernel."""
    left, right = (0, 0) if op.padding == "same" else op.pads(1)
    if op.padding == "same":
        left, right = (op.size - 1) // 2, op.size - 1 - (op.size - 1) // 2
    centred = op.padding == "same" and op.size > 1
    return ConvProblem(None, count, count, op.size, op.hop, 1, count, left, right, centred=centred, epilogue=Epilogue())


def _pooled(run: Walk, at: int, op: steps.MaxPool | steps.AveragePool) -> Place:
    x = run.of(at)
    if op.size == op.hop == 1:
        return x
    y, over = run.target(at), window(op, x.channels)
    mean = isinstance(op, steps.AveragePool)
    word: Any = "average" if mean else "max"
    counts = isinstance(op, steps.AveragePool) and op.count_padding
    run.stages.append(Pooled(y=y, x=x, word=word, window=over, count_padding=counts, told=run.told(at)))
    return y


SUMMARIES: dict[type[Op], Any] = {
    steps.GlobalMaxPool: "max",
    steps.GlobalAveragePool: "average",
    steps.GlobalSumPool: "sum",
}


def _summary(run: Walk, at: int, op: Op) -> Place:
    y = run.target(at)
    run.stages.append(Summary(y=y, x=run.of(at), word=SUMMARIES[type(op)], told=run.told(at)))
    return y


def _frames(run: Walk, at: int, op: steps.Frames) -> Place:
    x, shape = run.of(at), run.graph.shapes[at]
    assert shape.frames is not None
    frames = replace(x, rows=Count(op.size), frames=run.count(shape.frames), frame_stride=op.hop * x.stride)
    if not run.streams:
        return frames
    y = run.dense(shape, run.buffer("own", shape))
    run.stages.append(program.by_frame(Framed, frames, y, run.told(at), size=op.size, hop=op.hop))
    return y


def _join(run: Walk, at: int, op: steps.Join) -> Place:
    x, shape = run.of(at), run.graph.shapes[at]
    if not x.flat:
        given = run.graph.shapes[run.graph.nodes[at].inputs[0]]
        y = run.dense(given, run.buffer("own", given))
        run.stages.append(program.copied(x, y, run.told(at)))
        x = y
    known = x.rows.known
    if run.streams and known != 1:
        assert known is not None
        y = run.dense(shape, run.buffer("own", shape))
        rows = replace(y, rows=x.rows, frames=x.frames, frame_stride=known * y.stride)
        run.stages.append(program.by_frame(Joined, x, rows, run.told(at), size=known, hop=known))
        return y
    return replace(x, stride=x.channels, rows=run.count(shape.lengths), frames=None, frame_stride=0)


MOVES: dict[type[Op], Callable[[Walk, int, Any], Place]] = {
    channels.Slice: _slice,
    channels.Concat: _concat,
    channels.Widen: _widen,
    channels.Flatten: _reshaped,
    channels.Reshape: _reshaped,
    steps.MaxPool: _pooled,
    steps.AveragePool: _pooled,
    **dict.fromkeys(SUMMARIES, _summary),
    steps.Last: _last,
    steps.Upsample: _upsampled,
    steps.Pad: _padded,
    steps.Reflect: _padded,
    steps.Replicate: _padded,
    steps.Wrap: _padded,
    steps.Reverse: _reversed,
    steps.Crop: _crop,
    steps.Frames: _frames,
    steps.Join: _join,
}

"""The stages that are no loop of a program: kernels, rows that move, windows, normalizations, recurrent layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from codegen.emission import cformat, lengths
from codegen.emission.expressions import Place, Variable
from codegen.emission.inner import kernel_places
from codegen.emission.interface import parameters
from codegen.emission.microkernel import count_loop
from codegen.emission.models.widths import Segment, along
from codegen.emission.models.written import Surroundings, Written
from codegen.emission.render import later, piece, within
from codegen.functions.activations import Activation
from codegen.graph.plans.stages import Convolved, Gathered, Normalized, Pooled, Summary
from codegen.problem.stages import Activated

__all__ = ["called", "convolved", "gathered", "given", "normalized", "of_one", "pooled", "summary"]


MOST_WRITTEN = 8  # rows of a window whose reads are written out


def convolved(stage: Convolved, around: Surroundings) -> Written:
    """The kernel of a plan; its arguments in their fixed order."""
    plan = stage.plan
    held = given(stage, around) | {"steps": around.rows(stage.x)}
    if stage.spare is not None:
        held["workspace"] = around.spare(stage.spare)
    activations = called(stage, around)

    def text(name: str) -> str:
        return around.words.renamed(within(plan, name, apart=around.apart), activations)

    arguments = tuple(held[one.name] for one in parameters(plan, "unnamed"))
    return Written((Convolved, plan), "sums", text, arguments, stage.x.frames)


def given(stage: Convolved, around: Surroundings) -> dict[str, str]:
    """What a kernel's parameters are given, by their names: x, y, the weights, what is added."""
    kernel, *others = stage.tables
    found = {"x": around.at(stage.x), "y": around.at(stage.y)}
    found |= {label: around.tables[kernel].at(at) for label, at in kernel_places(stage.plan)}
    operands = [*map(around.table, others), *map(around.at, stage.added)]
    names = (one.name for one in stage.plan.problem.epilogue.operands)
    return found | dict(zip(names, operands, strict=True))


def called(stage: Convolved, around: Surroundings) -> list[Activation]:
    """The activations behind its sums, each with a word of its own from now on."""
    found = [one.activation for one in later(stage.plan) if isinstance(one, Activated)]
    for activation in found:
        around.words.word(activation)
    return found


def of_one(stage: Any, around: Surroundings) -> dict[str, Any]:
    """What all their templates are given."""
    return {
        "c": around.c,
        "apart": around.apart,
        "dtype": around.plan.format,
        "told": cformat.comment(stage.told),
        "stride": stage.x.stride,
        "out_stride": stage.y.stride,
        "channels": stage.x.channels,
        "segments": along(stage.y.channels, around.lanes),
    }


def _moving(stage: Any, around: Surroundings) -> tuple[str, ...]:
    """The arguments x, steps, y, outs."""
    return around.at(stage.x), around.rows(stage.x), around.at(stage.y), around.rows(stage.y)


_FROM = {
    "pad": (),
    "crop": ("(void)steps;",),
    "last": ("(void)t;",),
    "upsample": ("(void)steps;",),
    "replicate": ("from = from < 0 ? 0 : from >= steps ? steps - 1 : from;",),
    "wrap": ("from %= steps;", "from = from < 0 ? from + steps : from;"),
    "reverse": (),
    "reflect": (
        "while (steps > 1 && (from < 0 || from >= steps))",
        "    from = from < 0 ? -from : 2 * (steps - 1) - from;",
        "from = steps > 1 ? from : 0;",
    ),
}


def gathered(stage: Gathered, around: Surroundings) -> Written:
    """Rows of x as rows of y."""
    at = {"last": "steps - 1", "upsample": f"t / {stage.size}", "crop": "t", "reverse": "steps - 1 - t"}
    early = around.early
    before = f"t - {stage.left}" if stage.left else "t"
    row = ("x", cformat.times(stage.x.stride, "from")) if stage.word == "pad" else ("row",)
    view = of_one(stage, around) | {
        "from": at.get(stage.word, before if early is None else "t - early"),
        "lines": _FROM[stage.word],
        "zeros": _copied(stage, around, lambda one: f"{one.spell('set1')}({cformat.literal(0.0, around.plan.format)})"),
        "copied": _copied(stage, around, lambda one: one.load(*row)),
        "still": stage.word in at,
        "early": early is not None,
    }
    left = stage.left if early is None else None
    view_key = (stage.word, left, stage.size, stage.x.stride, stage.y.stride, stage.x.channels)

    def text(name: str) -> str:
        return piece(f"model/{'padded' if stage.word == 'pad' else 'gathered'}.c.j2", view | {"name": name})

    arguments = (*_moving(stage, around), *([] if early is None else [early]))
    return Written((Gathered, view_key), stage.word, text, arguments, stage.x.frames)


def _copied(stage: Gathered, around: Surroundings, value: Callable[[Segment], str]) -> list[str]:
    """The statements that write a row, each segment of it of a value."""
    more = ["genconv_apart();"] * around.apart
    return [
        cformat.looped(one.heads, [one.store("y", value(one)), *more]) for one in along(stage.y.channels, around.lanes)
    ]


def pooled(stage: Pooled, around: Surroundings) -> Written:
    """The largest or the mean of windows of rows."""
    p, early = stage.window, around.early
    unpadded = early is None and not (p.centred or p.pad_left or p.pad_right)
    if unpadded and p.kernel_size <= MOST_WRITTEN:
        return _windows(stage, around)
    count = str(p.kernel_size) if stage.count_padding else "(to - from)"
    view = of_one(stage, around) | {
        "windows": True,
        "left": lengths.padding(p)[0] if early is None else 0,
        "early": early is not None,
        "low": "0" if early is None else "low",
        "hop": p.stride,
        "size": p.kernel_size,
        "mean": stage.word == "average",
        "sums": stage.word == "average",
        "count": count,
    }
    key = (Pooled, stage.word, p, stage.count_padding, stage.x.stride, stage.y.stride)

    def text(name: str) -> str:
        return piece("model/pooled.c.j2", view | {"name": name})

    arguments = (*_moving(stage, around), *([] if early is None else [early]))
    return Written(key, stage.word, text, arguments, stage.x.frames)


def _windows(stage: Pooled, around: Surroundings) -> Written:
    """The largest or the mean of windows that lie inside: their few rows are written out."""
    p, stride = stage.window, stage.x.stride
    view = of_one(stage, around) | {
        "later": [str(stride * row) for row in range(1, p.kernel_size)],
        "turn": stride * p.stride,
        "mean": stage.word == "average",
        "count": p.kernel_size,
    }

    def text(name: str) -> str:
        return piece("model/windows.c.j2", view | {"name": name})

    key = (_windows, stage.word, p, stride, stage.y.stride)
    x, _, *y = _moving(stage, around)
    return Written(key, stage.word, text, (x, *y), stage.x.frames)


def summary(stage: Summary, around: Surroundings) -> Written:
    """The largest, the mean or the sum of all rows."""
    view = of_one(stage, around) | {"windows": False, "mean": stage.word == "average", "count": "(to - from)"}
    view["sums"] = stage.word != "max"
    view |= {"early": False, "low": "0"}
    key = (Summary, stage.word, stage.x.channels, stage.x.stride, stage.y.stride)

    def text(name: str) -> str:
        return piece("model/pooled.c.j2", view | {"name": name})

    return Written(key, stage.word, text, _moving(stage, around), stage.x.frames)


def normalized(stage: Normalized, around: Surroundings) -> Written:
    """A normalization by what it sees itself."""
    names = [name for name, held in (("gamma", stage.scale), ("beta", stage.center)) if held]
    view = of_one(stage, around) | {
        "weights": names,
        "scale": stage.scale,
        "center": stage.center,
        "epsilon": stage.epsilon,
        "several": stage.x.channels > 1,
        "variance": cformat.floor_over("variance", stage.x.channels),
    }
    if stage.groups:
        view |= _grouped(stage.x.channels, stage.x.channels // stage.groups, stage.x.stride, stage.y.stride)
    sizes = (stage.x.channels, stage.x.stride, stage.y.stride)
    key = (Normalized, stage.epsilon, stage.scale, stage.center, stage.groups, sizes)

    def text(name: str) -> str:
        word = "grouped" if stage.groups else "normalized"
        return piece(f"model/{word}.c.j2", view | {"name": name})

    tables = (around.table(one) for one in stage.tables)
    arguments = (around.at(stage.x), *tables, around.at(stage.y), around.rows(stage.x))
    return Written(key, "normalized", text, arguments, stage.x.frames)


def _grouped(channels: int, width: int, stride: int, out_stride: int) -> dict[str, Any]:
    """The loops over the groups of `width` channels and over all numbers of one, and where these lie."""
    group = Segment(width, 0, channels, variable="g")
    channel = Variable.counted("c", width)
    t, g = Variable.free("t"), Variable(group.variable, channels - width)
    at = Place.of((1, g), (1, channel))
    return {
        "group": group,
        "heads": (count_loop("t", 0, "rows"), *[channel.loop] * (channel.most > 0)),
        "read": f"x[{Place.of((stride, t), *at.parts).text}]",
        "written": f"y[{Place.of((out_stride, t), *at.parts).text}]",
        "at": at.text,
        "numbers": "(double)rows" if width == 1 else f"(double)rows * {width}",
    }

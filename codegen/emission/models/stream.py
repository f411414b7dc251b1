"""A model's stream → text: a state, and the functions that take blocks; and the text that Python compiles."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codegen.emission import cformat, render, vectors
from codegen.emission.cfunction import CFunction
from codegen.emission.expressions import Place, Variable
from codegen.emission.heads import Head, templates
from codegen.emission.macros import Macro, Meaning, macros
from codegen.emission.microkernel import index
from codegen.emission.models import banner as banner_
from codegen.emission.models import counting
from codegen.emission.models import source as whole
from codegen.emission.models.arguments import argument_names
from codegen.emission.models.stream_face import Face, declared
from codegen.emission.models.stream_surroundings import StreamSurroundings
from codegen.emission.models.words import Words
from codegen.emission.render import GeneratedSource
from codegen.graph.graph import Graph
from codegen.graph.plans.place import LINE
from codegen.graph.plans.stages import Convolved, Stage
from codegen.graph.plans.streamed import Kept, StreamedModel, planned
from codegen.planning.ask import Ask

if TYPE_CHECKING:
    import numpy as np

    Weights = Mapping[str, Mapping[str, np.ndarray]]

__all__ = ["emitted", "jit_text", "parts", "source"]

PARTS = ("kernel_head.c", "model/stream.c", "model/stream.h")
WORDS = 8  # counts in a line of the cache
LIMIT = 1 << 28  # input steps after which all counts go back by periods


def emitted(
    graph: Graph, ask: Ask, arrays: Weights | None = None, *, beside: Collection[str] = ()
) -> GeneratedSource[StreamedModel]:
    """graph → plan of a stream → C text, in blocks as `ask.stream` says. Raises PlanError for what cannot stream.

    Weights that are not given are an argument, where there are any.
    """
    arrays = arrays if graph.has_weights else {}
    chosen = planned(graph, replace(ask, weights="packed" if arrays is None else "baked"))
    with vectors.apart(f"{graph.name}_" if ask.apart else ""):
        return source(chosen, graph.name, banner=banner_.of_stream(graph, chosen), weights=arrays, beside=beside)


def source(
    plan: StreamedModel,
    name: str,
    *,
    banner: Sequence[str] = (),
    weights: Weights | None = None,
    beside: Collection[str] = (),
) -> GeneratedSource[StreamedModel]:
    """The .c and .h of a stream under the C identifier `name`; `weights` by layer and parameter, to be baked."""
    name = cformat.identifier(name)
    for kernel in plan.kernels:
        cformat.typed(kernel)
    face = Face(plan, name, argument_names(plan, name))
    view = parts(plan, face, weights) | {"macros": _macros(plan, name, beside)}
    made = render.filled(plan, name, PARTS, view, banner=banner)
    return replace(made, functions=(face.reset, face.prewarm, face.process, face.flush, face.whole))


def parts(plan: StreamedModel, face: Face, weights: Weights | None) -> dict[str, Any]:
    """What the templates of a stream are given beside its macros; `weights` are to be baked."""
    name, lanes = face.name, whole.lanes_of(plan)
    words = Words(plan.target, plan.format, lanes)
    tables = whole.table_places(plan, name, baked=weights is not None)
    around = StreamSurroundings(plan, name, words, dict(face.arguments), tables, streamed=plan)
    texts, lines = _stages(around)
    body, used = vectors.finished("\n\n".join(texts))
    room, more = vectors.finished(_room(plan, name, around.lanes) if plan.rows_kept else "")
    own, used = words.declared(used | more)
    kept = [(number, one) for number, one in enumerate(plan.kept) if one is not None]
    rows = [(number, one) for number, one in kept if not one.state]
    return {
        "name": name,
        "c": plan.format.c,
        "head": "\n".join(part for part in (Head(plan.target, plan.format, lanes).text(used), own) if part.strip()),
        "functions": body,
        "room": room.strip("\n"),
        "tables": [] if weights is None else whole.baked(plan, name, weights),
        "lines": lines,
        "face": face,
        "declared": declared(face),
        "before": sorted(around.before | {one.clock for _, one in rows}),
        "after": sorted(around.after | {one.clock for _, one in rows}),
        "uses_scratch": around.uses_scratch,
        "unused": _unused(plan, face),
        "so_far": [counting.so_far(number, clock) for number, clock in enumerate(plan.clocks) if number],
        "in_all": [counting.in_all(number, clock) for number, clock in enumerate(plan.clocks) if number],
        "kept": [{"number": number, "at": f" + {one.at}" if one.at else ""} for number, one in kept],
        "rings": [_ring(plan, place, number, one) for place, (number, one) in enumerate(rows)],
        "calls": _calls(plan, face),
        **_figures(plan, face, len(rows)),
    }


def _figures(plan: StreamedModel, face: Face, rings: int) -> dict[str, Any]:
    """The numbers of a stream: of its state, its counts, its silence."""
    out, before = next(at for at, _ in plan.of_kind("output")), int(plan.late.zeros > 0)
    return {
        "count": len(plan.clocks),
        "rows": _full(1 + before + max(1, rings), WORDS) - 1 - before,
        "numbers": plan.kept_room,
        "scratch": _full(max(1, plan.scratch + sum(_heard(plan).values())), LINE),
        "counted": face.counted,
        "unflushed": [one.name for one in face.flush.parameters if one.name != "state"],
        "quiet_blocks": plan.silence > plan.block,
        "quiet": min(plan.block, plan.silence) * max(buffer.channels for _, buffer in plan.of_kind("input")),
        "silence": plan.silence,
        "late": plan.late,
        "fronts": [(face.arguments[at], buffer.channels) for at, buffer in plan.of_kind("output")],
        "block": plan.block,
        "out": plan.ticks[out],
        "limit": 2 * _turns(plan) * plan.period[0],
        "back": _turns(plan) * plan.period[0],
    }


def _room(plan: StreamedModel, name: str, widths: tuple[int, ...]) -> str:
    """The function that moves what is kept to the front, by the widest vectors that all of it is a multiple of."""
    if any(one.apart for one in plan.rows_kept):
        return render.piece("model/stream_planes.c.j2", {"name": name, "c": plan.format.c, "lanes": widths[0]})
    sizes = [one.history * one.width for one in plan.rows_kept]
    (turn, *_) = (width for width in widths if all(size % width == 0 for size in sizes))
    head = f"for (ptrdiff_t i = 0; i < history * width; {'++i' if turn == 1 else f'i += {turn}'})"
    return render.piece("model/stream_room.c.j2", {"name": name, "c": plan.format.c, "lanes": turn, "turn": head})


def _full(numbers: int, line: int) -> int:
    """So many, and what a line of the cache has room for: all that follows begins with one where the state does."""
    return -(-numbers // line) * line


def _turns(plan: StreamedModel) -> int:
    """The periods by which all counts go back."""
    return max(1, LIMIT // max(plan.period))


def _unused(plan: StreamedModel, face: Face) -> list[str]:
    """The arguments of the turn that it does not read."""
    found = ["last"] if face.counted and not plan.zeros else []
    return found + [one.name for one in face.weights if not plan.tables]


def _ring(plan: StreamedModel, place: int, number: int, kept: Kept) -> dict[str, Any]:
    """A kept value: its place among those in the state, and the figures of its rows."""
    return {
        "place": place,
        "number": number,
        "clock": kept.clock,
        "rows": kept.rows,
        "width": f"{kept.width}, {kept.apart}" if kept.apart else str(kept.width),
        "history": kept.history,
        "start": -kept.history,
        "more": index((1, f"n{kept.clock}"), (-1, f"m{kept.clock}"), plan.zeros.get(number, 0)),
        "back": _turns(plan) * plan.period[1 + kept.clock],
    }


def _calls(plan: StreamedModel, face: Face) -> dict[str, str]:
    """The calls between the functions."""
    moved = {face.arguments[at]: buffer.channels for at, buffer in plan.of_kind("input")}
    out = {face.arguments[at]: buffer.channels for at, buffer in plan.of_kind("output")}

    def turned(**given: str) -> str:
        return f"{face.turn.name}({', '.join(given.get(one.name, one.name) for one in face.turn.parameters)})"

    block = {name: f"{name} + {cformat.times(width, 'from')}" for name, width in moved.items()}
    block |= {name: f"{name} + {cformat.times(width, 'done')}" for name, width in out.items()}
    late = {name: f"{name} + {cformat.times(width, 'outs')}" for name, width in out.items()}
    given = [one.name for one in face.flush.parameters]
    heard = {name: Place.of(plan.scratch).in_array("state->scratch") for name in out}
    before = 0
    for (at, _), numbers in zip(plan.of_kind("output"), _heard(plan).values(), strict=True):
        heard[face.arguments[at]] = Place.of(plan.scratch + before).in_array("state->scratch")
        before += numbers
    quiet = dict.fromkeys(moved, f"{face.name}_quiet")
    quiet["n"] = "part" if plan.silence > plan.block else str(plan.silence)
    return {
        "silence": f"{face.process.name}({', '.join(_renamed(face.process, **quiet, **heard))})",
        "block": turned(**block, last="0", n="n_"),
        "late": turned(**dict.fromkeys(moved, "NULL"), **late, last="1", n="n_"),
        "rest": turned(**dict.fromkeys(moved, "NULL"), last="1", n="n_"),
        "process": f"{face.process.name}({', '.join(_renamed(face.process, n='steps'))})",
        "flush": f"{face.flush.name}({', '.join(late.get(one, one) for one in given)})",
    }


def _heard(plan: StreamedModel) -> dict[int, int]:
    """The numbers of each output that a block of silence has."""
    return {at: plan.most(plan.block) * buffer.channels for at, buffer in plan.of_kind("output")}


def _renamed(function: CFunction, **names: str) -> list[str]:
    return [names.get(one.name, one.name) for one in function.parameters]


def _stages(around: StreamSurroundings) -> tuple[list[str], list[dict[str, Any]]]:
    """The static functions, each once, and the calls, each where its rows are some."""
    texts, lines, known = list[str](), list[dict[str, Any]](), whole.Known(around.name)
    cleared = set[int]()
    if any(buffer.apart for buffer in around.model.buffers):
        view = {"name": around.name, "c": around.c, "lanes": around.lanes[0]}
        texts.append(render.piece("model/last.c.j2", view).strip("\n"))
    for stage in around.model.stages:
        around.now = stage
        name, written = known.of(stage, around, texts)
        clear = _clearing(stage, around, cleared)
        lines.append(
            {
                "told": cformat.comment(stage.told),
                "call": f"{name}({', '.join(written.arguments)});",
                "some": _some(around, frames=written.frames is not None),
                "behind": clear,
            }
        )
    return texts, lines


def _some(around: StreamSurroundings, *, frames: bool) -> str | None:
    """The head before a call: a loop over frames, or whether there are rows."""
    clock = around.frame_tick if frames else around.tick
    if not frames and not clock:  # the input's: a block has some
        return None
    around.after.add(clock)
    m, n = around.m(clock), f"n{clock}"
    return f"for (ptrdiff_t f = {m}; f < {n}; ++f)" if frames else f"if ({n} > {m})"


def _clearing(stage: Stage, around: StreamSurroundings, cleared: set[int]) -> str | None:
    """What writes the zeros behind the last row that a kernel reads, once for each value."""
    alone = isinstance(stage, Convolved) and stage.x.frames is None
    zeros = around.model.zeros.get(stage.reads[0].buffer, 0) if alone else 0
    if not zeros or stage.reads[0].buffer in cleared:
        return None
    place = stage.reads[0]
    cleared.add(place.buffer)
    clock, kept = around.model.ticks[place.buffer], around.model.kept[place.buffer]
    assert kept is not None
    around.after.add(clock)
    row = around.row(replace(place, first=0), Variable.free(f"n{clock}").place)
    return f"{around.name}_clear({row}, {zeros * kept.width});"


def _macros(plan: StreamedModel, name: str, beside: Collection[str]) -> tuple[Macro, ...]:
    found = {
        "LATENCY": Meaning(plan.latency, told="input steps that an output waits for beyond its own"),
        "BLOCK": Meaning(plan.block, told="steps that buffers are made for; a block may have any number"),
        "MAX_OUT": Meaning(plan.most_of("(ptrdiff_t)(n)"), "n"),
        "MAX_FLUSH": Meaning(plan.most_flushed),
        "SETTLED": Meaning(plan.silence, told="steps of silence that replace endless ones"),
        "STATE_NUMBERS": Meaning(plan.kept_numbers, told="of its values"),
    }
    if plan.late.zeros:
        found["DELAY"] = Meaning(plan.late.zeros, told="zeros in front of the outputs")
    if plan.ask.weights != "baked":
        found["WEIGHTS"] = Meaning(plan.weight_numbers, told="numbers")
    return tuple(replace(one, old=None) for one in macros(name, found, beside))


def jit_text(made: GeneratedSource[StreamedModel]) -> str:
    """One C translation unit for the JIT: the stream, and the exported entries of the fixed signatures."""
    face = Face(made.plan, made.name, argument_names(made.plan, made.name))
    view = {
        "name": made.name,
        "c": made.plan.format.c,
        "inputs": [(face.arguments[at], buffer.channels) for at, buffer in made.plan.of_kind("input")],
        "outputs": [(face.arguments[at], buffer.channels) for at, buffer in made.plan.of_kind("output")],
        "packed": bool(face.weights),
        "prewarm": face.prewarm.call(),
        "process": face.process.call(),
        "flush": face.flush.call(),
    }
    return (
        made.header
        + made.code[made.head :]
        + templates().get_template("model/stream_jit.c.j2").render(cformat.written(view))
    )

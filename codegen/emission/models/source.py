"""A model's plan → text: one function in one .c file, and its .h; and the text that Python compiles."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codegen.emission import cformat, render, vectors
from codegen.emission.cfunction import CFunction, Parameter
from codegen.emission.expressions import Array
from codegen.emission.heads import Head, templates
from codegen.emission.macros import Macro, Meaning, macros
from codegen.emission.microkernel import count_loop, index
from codegen.emission.models import kernels, lengths, loops, raised, recurrent, tiles
from codegen.emission.models.arguments import argument_names
from codegen.emission.models.words import Words
from codegen.emission.models.written import Surroundings, Written
from codegen.emission.render import GeneratedSource
from codegen.graph.plans import stages
from codegen.graph.plans.model_plan import ModelPlan
from codegen.graph.plans.place import Buffer
from codegen.graph.plans.tabled import Tabled
from codegen.graph.plans.tables import Table
from codegen.graph.plans.tile_stage import Tiled
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Known", "baked", "declared", "jit_text", "lanes_of", "source", "table_places"]

PARTS = ("kernel_head.c", "model/model.c", "model/model.h")
WRITERS: dict[type[stages.Stage], Callable[[Any, Surroundings], Written]] = {
    stages.Each: loops.each,
    stages.Framed: loops.each,
    stages.Joined: loops.each,
    stages.Convolved: kernels.convolved,
    stages.Raised: raised.raised,
    stages.Gathered: kernels.gathered,
    stages.Pooled: kernels.pooled,
    stages.Summary: kernels.summary,
    stages.Normalized: kernels.normalized,
    stages.Recurrent: recurrent.recurrent,
    Tiled: tiles.tiled,
}


@dataclass(frozen=True)
class Line:
    """A call of a stage's function, what it makes in words, and the loop over frames around it."""

    told: str
    call: str
    loop: str | None


def source(
    plan: ModelPlan,
    name: str,
    *,
    banner: Sequence[str] = (),
    weights: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    beside: Collection[str] = (),
) -> GeneratedSource[ModelPlan]:
    """The .c and .h of a plan under the C identifier `name`; `weights` by layer and parameter, to be baked."""
    name = cformat.identifier(name)
    for kernel in plan.kernels:
        cformat.typed(kernel)
    view = _view(plan, name, weights) | declared(plan, name, beside)
    made = render.filled(plan, name, PARTS, view, banner=banner)
    return replace(made, functions=(view["whole"],))


def declared(plan: ModelPlan, name: str, beside: Collection[str]) -> dict[str, Any]:
    """What the header's template is given."""
    arguments = argument_names(plan, name)
    return {
        "name": name,
        "macros": _macros(plan, name, beside),
        "rules": [vars(rule) for rule in lengths.made(plan)],
        "out_steps": _out_steps(plan, name, arguments),
        "whole": _whole(plan, name, arguments),
    }


def _view(plan: ModelPlan, name: str, weights: Mapping[str, Mapping[str, np.ndarray]] | None) -> dict[str, Any]:
    arguments = argument_names(plan, name)
    words = Words(plan.target, plan.format, lanes_of(plan))
    around = Surroundings(plan, name, words, arguments, table_places(plan, name, baked=weights is not None))
    texts, lines = _stages(around)
    body, used = vectors.finished("\n\n".join(texts))
    own, used = words.declared(used)
    head = Head(plan.target, plan.format, lanes_of(plan))
    return {
        "c": plan.format.c,
        "head": "\n".join(part for part in (head.text(used), own) if part.strip()),
        "functions": body,
        "tables": [] if weights is None else baked(plan, name, weights),
        "lines": [vars(line) for line in lines],
        "variables": lengths.statements(plan, name, around.lengths),
        "unused": _unused(plan, arguments),
        "has_workspace": plan.workspace.at(1) > 0,
    }


def _unused(plan: ModelPlan, arguments: Mapping[int, str]) -> list[str]:
    """The arguments that no stage reads."""
    read = {place.buffer for stage in plan.stages for place in stage.reads}
    found = [arguments[at] for at, _ in plan.of_kind("input") if at not in read]
    return found if plan.ask.weights == "baked" or plan.weight_numbers else [*found, "weights"]


def lanes_of(plan: Tabled) -> tuple[int, ...]:
    """The vector widths in use, widest first."""
    found = set(plan.target.dialect.lanes(plan.dtype)).union(*map(render.lanes_of, plan.kernels))
    return tuple(sorted(found, reverse=True))


class Known:
    """The static functions of a file: each is written once, and named after what it does."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._names: dict[Hashable, str] = {}
        self._counts: dict[str, int] = {}

    def of(self, stage: stages.Stage, around: Surroundings, texts: list[str]) -> tuple[str, Written]:
        """The name of a stage's function, and the stage as it is written; a new function's text goes to `texts`."""
        written = WRITERS[type(stage)](stage, around)
        if written.key not in self._names:
            count = self._counts[written.word] = self._counts.get(written.word, 0) + 1
            self._names[written.key] = f"{self.name}_{written.word}_{count}"
            texts.append(written.text(self._names[written.key]).strip("\n"))
        return self._names[written.key], written


def _stages(around: Surroundings) -> tuple[list[str], list[Line]]:
    """The static functions, each once, and the calls."""
    texts, lines, known = list[str](), list[Line](), Known(around.name)
    for stage in around.plan.stages:
        name, written = known.of(stage, around, texts)
        frames = written.frames
        loop = None if frames is None or frames.known == 1 else count_loop("f", 0, around.count(frames))
        call = f"{name}({', '.join(written.arguments)});"
        lines.append(Line(cformat.comment(stage.told), call, loop))
    return texts, lines


def table_places(plan: Tabled, name: str, *, baked: bool) -> dict[Table, Array]:
    """Where each table lies in C: in a const one, or as a part of the array of all."""
    if not baked:
        return {table: Array("weights", table.numbers, at) for table, at in plan.tables.items()}
    found: dict[Table, Array] = {}
    words = set[str]()
    for number, table in enumerate(plan.tables):
        word = cformat.identifier(f"{name}_{table.label}")
        found[table] = Array(f"{word}_{number}" if word in words else word, table.numbers)
        words.add(found[table].pointer)
    return found


def baked(plan: Tabled, name: str, weights: Mapping[str, Mapping[str, np.ndarray]]) -> list[tuple[Any, ...]]:
    """The const tables: (name, how many numbers, these in C)."""
    found = []
    for table, place in table_places(plan, name, baked=True).items():
        numbers = table.made(weights, plan.dtype).tolist()
        found.append((place.pointer, table.numbers, cformat.table(numbers, plan.format)))
    return found


def _whole(plan: ModelPlan, name: str, arguments: Mapping[int, str]) -> CFunction:
    """The function of a whole input."""
    c, found = plan.format.c, list[Parameter]()
    for at, buffer in plan.of_kind("input"):
        found.append(Parameter(arguments[at], f"const {c} *", _shape(plan, name, buffer)))
    if plan.free:
        found.append(Parameter("steps", "ptrdiff_t", "input steps, 0 or more"))
    if plan.ask.weights != "baked":
        found.append(Parameter("weights", f"const {c} *", f"{plan.weight_numbers:,} numbers, as Python packs them"))
    for at, buffer in plan.of_kind("output"):
        found.append(Parameter(arguments[at], f"{c} *", _shape(plan, name, buffer)))
    if plan.workspace.at(1) > 0:
        size = index((plan.format.bytes * plan.workspace.each, "steps"), plan.format.bytes * plan.workspace.numbers)
        told = f"{size} bytes, any content; aligned to {plan.format.bytes}, as a {c} is"
        found.append(Parameter("workspace", "void *", told))
    return CFunction(name, tuple(found))


def _shape(plan: ModelPlan, name: str, buffer: Buffer) -> str:
    rows = buffer.rows
    if rows is None:
        return ""
    steps = str(rows.known) if rows.known is not None else lengths.out_steps(plan, name, rows.number)
    return f"({steps}, {buffer.channels}): steps, channels"


def _out_steps(plan: ModelPlan, name: str, arguments: Mapping[int, str]) -> list[tuple[str, str]]:
    """(function, C) of the steps of each output that are not known."""
    found = [(at, buffer.rows) for at, buffer in plan.of_kind("output") if buffer.rows and buffer.rows.known is None]
    alone = len(list(plan.of_kind("output"))) == 1
    return [
        (
            f"{name}_out_steps" if alone else f"{name}_{arguments[at]}_steps",
            lengths.out_steps(plan, name, rows.number),
        )
        for at, rows in found
    ]


def _macros(plan: ModelPlan, name: str, beside: Collection[str]) -> tuple[Macro, ...]:
    size, each = (plan.format.bytes * count for count in (plan.workspace.numbers, plan.workspace.each))
    room = Meaning(index((each, "(ptrdiff_t)(steps)"), size), "steps") if plan.free else Meaning(size)
    found = _sizes(plan) | {"WORKSPACE_BYTES": room}
    if plan.ask.weights != "baked":
        found["WEIGHTS"] = Meaning(plan.weight_numbers, told="numbers")
    return tuple(replace(one, old=None) for one in macros(name, found, beside))


def _sizes(plan: ModelPlan) -> dict[str, Meaning]:
    """Steps where they are known, and channels, of a model with one input and one output."""
    ports = [[buffer for _, buffer in plan.of_kind(kind)] for kind in ("input", "output")]
    if [len(one) for one in ports] != [1, 1]:
        return {}
    found = {}
    for (port,), steps, channels in zip(ports, ("STEPS", "OUT_STEPS"), ("CHANNELS", "FILTERS"), strict=True):
        if port.rows is not None and port.rows.known is not None:
            found[steps] = Meaning(port.rows.known)
        found[channels] = Meaning(port.channels)
    return found


def jit_text(made: GeneratedSource[ModelPlan]) -> str:
    """One C translation unit for the JIT: the header, the model and the exported entry of the fixed signature."""
    plan, name = made.plan, made.name
    arguments = argument_names(plan, name)
    ports = {}
    for kind in ("input", "output"):
        ports[kind] = [(arguments[at], _numbers(plan, name, buffer)) for at, buffer in plan.of_kind(kind)]
    view = {
        "c": plan.format.c,
        "inputs": ports["input"],
        "outputs": ports["output"],
        "free": plan.free,
        "packed": plan.ask.weights != "baked",
        "has_workspace": plan.workspace.at(1) > 0,
        "whole": _whole(plan, name, arguments),
    }
    entry = templates().get_template("model/jit.c.j2").render(cformat.written(view))
    return made.header + made.code[made.head :] + entry


def _numbers(plan: ModelPlan, name: str, buffer: Buffer) -> str:
    rows = buffer.rows
    assert rows is not None
    if rows.known is not None:
        return str(rows.known * buffer.channels)
    return f"{buffer.channels} * {lengths.out_steps(plan, name, rows.number)}"

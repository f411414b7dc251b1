"""Plan → text: what the templates are given, and the files that come of it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic

from codegen.emission import cformat, lengths, vectors
from codegen.emission.cformat import CText, written
from codegen.emission.cfunction import CFunction, headers
from codegen.emission.ending import pointers
from codegen.emission.heads import Head, templates, values
from codegen.emission.inner import inner_names, kernel_places
from codegen.emission.interface import entry, meanings, out_steps, sliced, stored, whole
from codegen.emission.macros import Macro, Meaning, constant, macros
from codegen.emission.microkernel import offset
from codegen.emission.packing import Pack, function, numbered, packs, weight_function
from codegen.emission.weight_tables import instead, tables
from codegen.errors import PlanError
from codegen.planning.cost import counts_bytes
from codegen.planning.plan import AnyPlan, KernelPlan
from codegen.problem.epilogue import Stage
from codegen.problem.problem import Problem
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np
    from typing_extensions import TypeVar  # for the default, which that of `typing` has from Python 3.13 on

    Arrays = Sequence[np.ndarray | None]
    Made = TypeVar("Made", default=KernelPlan)
else:
    from typing import TypeVar

    Made = TypeVar("Made")


PARTS = ("kernel_head.c", "kernel.c", "kernel.h")  # the .c's head, the rest of it, the .h


@dataclass(frozen=True)
class GeneratedSource(Generic[Made]):
    """The C of one plan: `files` are ((file name, text), …), the .c, the .h, then what else belongs to it.

    `digest` is the sha256 of all their text.

    `functions` and `macros` are the header's, in its order; in the .c the definitions follow the first `head`
    characters, which are its banner and the header's include.
    """

    name: str
    plan: Made
    files: tuple[tuple[str, str], ...]
    functions: tuple[CFunction, ...] = ()
    macros: tuple[Macro, ...] = ()
    head: int = 0

    @property
    def digest(self) -> str:
        return hashlib.sha256("\0".join(part for file in self.files for part in file).encode()).hexdigest()

    @property
    def code(self) -> str:
        return self.files[0][1]

    @property
    def header(self) -> str:
        return self.files[1][1]


def render(
    plan: KernelPlan,
    name: str,
    *,
    banner: Sequence[str] = (),
    weights: Arrays | None = None,
    with_pack: bool = False,
    beside: Collection[str] = (),
    constants: Mapping[str, int | float] = MappingProxyType({}),
) -> GeneratedSource:
    """The .c and .h of `plan` under the C identifier `name`.

    `banner` are lines of plain text for the head of both files; `weights` the kernel and the epilogue's weights, in the
    problem's shapes, for plans whose weights are baked. With `with_pack` a plan whose weights are packed brings the
    function that packs them. `beside` are the names of all layers whose headers may be included together, `constants`
    further macros of the header by their suffix: whole numbers, and float32.
    """
    context = context_of(plan, name) | {"banner": tuple(map(cformat.comment, banner))}
    added = None
    if plan.weights == "baked":
        assert weights is not None
        context.update(tables(plan, name, weights))
        added = instead(plan, name, weights, banner)
    context["instead"] = added.instead if added else None
    body, names = vectors.finished(_body(plan, name, context))
    context |= {"body": CText(body), "head": _head(plan).text(names)}
    found = packs(plan) if plan.weights == "packed" and with_pack else ()
    if with_pack and plan.weights == "packed" and not found:
        raise PlanError(f"{plan.algorithm.name} has no pack function in C: bake the weights, or take another plan")
    context["packs_text"] = CText("\n\n".join(pack_text(each, context) for each in found))
    context["packs"] = tuple((each, function(each, name)) for each in found)
    functions = _functions(plan, name, found)
    context["headers"] = written(sorted({"stddef.h", *headers(functions)}))
    context["macros"] = _macros(plan, name, found, constants, beside)
    texts = [cformat.fold(templates().get_template(f"{part}.j2").render(context)) for part in PARTS]
    source = _source(plan, name, texts, functions, context["macros"])
    return replace(source, files=(*source.files, (added.file, added.text))) if added else source


def filled(
    plan: Made, name: str, parts: Sequence[str], view: dict[str, Any], *, banner: Sequence[str]
) -> GeneratedSource[Made]:
    """The .c and .h of a plan of another kind, by the templates `parts`: the .c's head, the rest of it, the .h.

    A view is as that of `fill`; the lines of `banner` are from outside and become comments.
    """
    view = view | {"banner": tuple(map(cformat.comment, banner))}
    return _source(plan, name, [fill(f"{part}.j2", view) for part in parts], (), tuple(view["macros"]))


def _source(
    plan: Made, name: str, texts: Sequence[str], functions: tuple[CFunction, ...], macros: tuple[Macro, ...]
) -> GeneratedSource[Made]:
    """The last step of all that is emitted: of the .c's head, the rest of it and the .h, two files."""
    head, code, header = texts
    files = ((f"{name}.c", head + code), (f"{name}.h", header))
    return GeneratedSource(name, plan, files, functions, macros, len(head))


def fill(template: str, view: dict[str, Any]) -> CText:
    """The file `template` of templates/ with `view` filled in, its long lines folded.

    A view's strings are C that our own code wrote of the numbers of its problem `p`. Raises GenConvError for a value
    that is not typed.
    """
    text, _ = vectors.finished(piece(template, view))
    return CText(cformat.fold(text))


def piece(template: str, view: dict[str, Any]) -> CText:
    """A part of a file in the same way, in which names of the vector spelling are marked (codegen.emission.vectors)."""
    cformat.typed(view.get("p"))
    return CText(templates().get_template(template).render(written(view)))


def later(plan: AnyPlan) -> tuple[Stage, ...]:
    """What follows the sums of the plan and of its parts, each once."""
    own = plan.problem.epilogue.later
    return tuple(dict.fromkeys((*own, *(stage for part in plan.parts for stage in later(part)))))


def _head(plan: KernelPlan) -> Head:
    """The text before the functions of the plan."""
    p, row = plan.problem, plan.kernel_format
    stages = () if p.format.whole else later(plan)  # an algorithm of whole numbers writes them itself
    coded, fast = row if row.coded else None, not counts_bytes(plan.ask.objective)
    return Head(plan.target, p.format, lanes_of(plan), coded, values(stages), fast)


def _body(plan: KernelPlan, name: str, context: dict[str, Any]) -> CText:
    """The functions of the plan; those of the plan that it is rewritten to come first, all static."""
    from codegen.emission.registry import writer

    how, inner = writer(plan), ""
    for part, inner_name in zip(plan.parts, inner_names(plan, name, how.words(plan)), strict=True):
        rewritten = replace(part.asked(sliced=plan.sliced and how.slices_inner), least_outs=how.least_outs(plan))
        inner += within(rewritten, inner_name, apart=context["apart"])
    body = templates().get_template(how.template).render(context | written(how.view(plan, name)))
    return CText(inner + body.strip("\n"))


def within(plan: KernelPlan, name: str, *, apart: bool = False, held: Mapping[str, Any] = MappingProxyType({})) -> str:
    """The functions of `plan` as static ones of another file, whose head has the vectors of `lanes_of(plan)`.

    `held` are the variables of const tables that the algorithm writes in its own way. `apart`: loops that copy or clear
    have genconv_apart in them, which that file defines.
    """
    from codegen.emission.registry import writer

    asked = plan.problem.steps is None and writer(plan).counts_outs
    context = context_of(plan, name) | {"counts": out_steps(name, "static") if asked else None, "apart": apart}
    context |= held
    context["entry"] = CText(replace(entry(plan, name), linkage="static").declarator)
    context["body"] = _body(plan, name, context)
    return templates().get_template("inner.c.j2").render(context)


def _functions(plan: KernelPlan, name: str, found: Sequence[Pack]) -> tuple[CFunction, ...]:
    """The functions of the header."""
    counts = (out_steps(name, "static inline"),) if plan.problem.steps is None else ()
    last = (sliced(plan, name),) if plan.sliced else ()
    return (*counts, whole(plan, name), *(function(each, name) for each in found), *last)


def _macros(
    plan: KernelPlan, name: str, found: Sequence[Pack], constants: Mapping[str, int | float], beside: Collection[str]
) -> tuple[Macro, ...]:
    """The macros of the header."""
    told = {pack.macro: Meaning(pack.count, told="of a packed kernel") for pack in found} | constant(constants)
    return macros(name, meanings(plan) | told, beside)


def pack_text(pack: Pack, context: dict[str, Any], linkage: str = "") -> str:
    """The text of one pack function; those of its parts, static ones, come first."""
    texts, calls = [], []
    for part in pack.packing.parts:
        one, name = Pack("pack", "", part.plan, part.packing), CText(f"{context['name']}_{part.word}")
        texts.append(pack_text(one, context | {"name": name}, "static"))
        calls.append(f"{function(one, name).call('kernel', offset('packed', part.at))};")
    looked_up = numbered(pack.plan.problem, pack.packing)
    points, weight = pack.packing.points, weight_function(context["name"], stored(pack.plan))
    more = {
        "function": replace(function(pack, context["name"]), linkage=linkage),
        "packing": pack.packing,
        "part_calls": written(calls),
        "points": points,
        "call": points.call.text(points.function(context["name"])) if points else None,
        "weight": weight,
        "moves": [(written(move.heads), written(move.text(weight))) for move in pack.packing.moves],
        "depth": 2 if pack.packing.groups else 1,
        "number_lines": written(looked_up[:-1]),
        "number_last": written("".join(looked_up[-1:])),
    }
    return "\n\n".join((*texts, templates().get_template("pack.c.j2").render(context | more).strip("\n")))


def jit_text(source: GeneratedSource) -> str:
    """One C translation unit for the JIT: the header, the kernel and the exported entry of the fixed signature."""
    p = source.plan.problem
    context = context_of(source.plan, source.name) | {"problem": p, "kernels": written(kernel_places(source.plan))}
    outs = out_steps(source.name).call() if p.steps is None else str(p.out_steps(p.steps))
    context["pointers"] = pointers(source.plan, outs)
    context["alone"] = p.steps is None and not source.plan.sliced
    context["packs"] = tuple(one for one in source.functions if one.name == f"{source.name}_pack")
    context["pack_parts"] = written(_part_packs(source) if context["packs"] else ())
    entry = templates().get_template("jit.c.j2").render(context)
    return source.header + source.code[source.head :] + entry


def _part_packs(source: GeneratedSource) -> tuple[str, ...]:
    """Calls of the functions that pack one part each, where parts serve by the length."""
    if not source.plan.algorithm.serving:
        return ()
    (whole,), w = packs(source.plan), stored(source.plan)
    parts = [(Pack("pack", "", part.plan, part.packing), f"{source.name}_{part.word}") for part in whole.packing.parts]
    return tuple(function(*part).call(f"(const {w} *)kernel", f"({w} *)packed") for part in parts)


def context_of(plan: KernelPlan, name: str) -> dict[str, Any]:
    """What every template of a kernel is given. Raises GenConvError for a plan or a name that may not reach C."""
    cformat.typed(plan)
    p = plan.problem
    return lengths_of(p) | {
        "p": p,
        "plan": plan,
        "name": cformat.identifier(name),
        "dtype": p.format,
        "c": CText(p.format.c),
        "w": CText(stored(plan)),
        "operands": written([operand.within for operand in p.epilogue.operands]),
        "hold": plan.target.vector_bytes > 0,
        "whole": whole(plan, name),
        "slices": sliced(plan, name),
        "counts": out_steps(name, "static inline"),
        "entry": CText(entry(plan, name).declarator),
        "chunk_from": CText("chunks * slice / slices" if plan.sliced else "0"),
        "chunk_to": CText("chunks * (slice + 1) / slices" if plan.sliced else "chunks"),
        "baked": plan.weights == "baked",
        "tables": (),
        "apart": False,
        "header_included": False,
    }


def lengths_of(p: Problem) -> dict[str, Any]:
    """What is known of the numbers of steps, and the C of what is not."""
    outs = p.out_steps(p.steps) if p.steps is not None else 0
    walk = p.walk or p.stages[0]  # of several that walk over the steps only the numbers are printed
    left, padding = lengths.padding(walk)
    return {
        "free": p.steps is None,
        "outs": outs,
        "out_steps": CText(lengths.out_steps(walk)),
        "room": CText(lengths.room(walk, padding)),
        "left": CText(left),
        "in_numbers": None if p.steps is None else p.steps * p.channels,
        "out_numbers": None if p.steps is None else outs * p.out_filters,
    }


def lanes_of(plan: KernelPlan) -> tuple[int, ...]:
    """The vector widths in use, widest first."""
    from codegen.emission.registry import writer

    found = set(writer(plan).lanes(plan)).union(*map(lanes_of, plan.parts))
    return tuple(sorted(found, reverse=True))

"""The C of a stream: a state, its ring of steps, and the functions that take blocks, around a plan for windows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from codegen.emission import cformat, lengths, render, vectors
from codegen.emission.cfunction import headers
from codegen.emission.ending import pointers
from codegen.emission.heads import Head, values
from codegen.emission.inner import kernel_places
from codegen.emission.interface import stored
from codegen.emission.packing import packs
from codegen.emission.render import GeneratedSource
from codegen.emission.stream_calls import calls, some
from codegen.emission.stream_interface import Interface, declared, stream_macros
from codegen.emission.weight_tables import tables
from codegen.errors import PlanError
from codegen.planning.streams import StreamPlan

if TYPE_CHECKING:
    from codegen.emission.render import Arrays

__all__ = ["jit_text", "source"]

PARTS = ("kernel_head.c", "stream/stream.c", "stream/stream.h")


def source(
    plan: StreamPlan,
    name: str,
    *,
    banner: Sequence[str] = (),
    weights: Arrays | None = None,
    beside: Collection[str] = (),
    with_pack: bool = True,
    constants: Mapping[str, int | float] = MappingProxyType({}),
) -> GeneratedSource[StreamPlan]:
    """The .c and .h of the stream under the C identifier `name`: as `render.render`, of a plan for windows."""
    cformat.typed(plan.inner)
    cformat.typed(plan.problem)
    name = cformat.identifier(name)
    found = packs(plan.inner) if plan.ask.weights == "packed" and with_pack else ()
    if plan.ask.weights == "packed" and with_pack and not found:
        raise PlanError(
            f"{plan.inner.algorithm.name} has no pack function in C: bake the weights, or take another plan"
        )
    face = Interface(plan, name)
    held = _held(plan, name, weights)
    included = {"header_included": True} if _intrinsics(plan) else {}
    body, names = vectors.finished(render.within(plan.inner, f"{name}_steps", held=held | included))
    texts = [render.pack_text(each, render.context_of(plan.inner, name)) for each in found]
    view = _view(plan, face) | {"inner": body, "tables": (), "packs_text": "\n\n".join(texts)}
    if held:
        view["tables"] = [(f"steps_{label}", *rest) for label, *rest in held["tables"]]
    elif weights is not None:
        view |= tables(plan.inner, name, weights)
    view |= {"head": _head(plan, names), "intrinsics": _intrinsics(plan)}
    view |= {"macros": stream_macros(plan, name, constants, beside)}
    made = render.filled(plan, name, PARTS, view, banner=banner)
    return replace(made, functions=face.all, macros=view["macros"])


def _held(plan: StreamPlan, name: str, weights: Arrays | None) -> dict[str, Any]:
    """The const tables of the inner function, of whole numbers; of others there are none, and it is handed them.

    Raises PlanError where there are no weights.
    """
    if not plan.problem.format.whole:
        return {}
    if weights is None:
        raise PlanError("int8 C has its weights as const tables: give --weights FILE, or `weights=`")
    return tables(plan.inner, f"{name}_steps", weights)


def jit_text(plan: StreamPlan, name: str, weights: Arrays | None = None) -> str:
    """One C translation unit for the JIT: the header, the stream and the exported entries of templates/stream/abi.h."""
    made, face, p = source(plan, name, weights=weights, with_pack=False), Interface(plan, name), plan.problem
    handed = plan.ask.weights != "baked"
    within = calls(plan, face)["inside"]
    view = {
        "p": p,
        "name": name,
        "c": p.format.c,
        "w": stored(plan.inner),
        "kernels": kernel_places(plan.inner) if handed else (),
        "pointers": pointers(plan.inner, name) if handed else (),
        "columns": plan.turned[1],
        "starts": [{"word": word, "call": one.call("state + sample")} for word, one in face.starts.items()],
        "blocks": [
            {"word": "process", "reads": True, "call": within.blocks.call()},
            {"word": "flush", "reads": False, "call": within.rest.call()},
        ],
    }
    return made.header + made.code[made.head :] + render.fill("stream/jit.c.j2", view)


def _head(plan: StreamPlan, names: frozenset[str]) -> cformat.CText:
    """The text before the functions, of which `names` are marked in the inner one's text."""
    lanes, row = render.lanes_of(plan.inner), plan.inner.kernel_format
    copied = (
        {f"v{lanes[0]}_load", f"v{lanes[0]}_store"}
        if lanes[:1] > (1,) and not plan.direct and _needed(plan)["copies"]
        else set()
    )
    functions = () if plan.problem.format.whole else values(render.later(plan.inner))
    coded = row if row.coded else None
    head = Head(plan.target, plan.problem.format, lanes, coded, functions, header_included=bool(_intrinsics(plan)))
    return head.text(names | copied)


def _intrinsics(plan: StreamPlan) -> tuple[cformat.CText, ...]:
    """The header that declares what the inner function's products of whole numbers need, before the pragmas, if any."""
    dots = plan.target.dialect.dots if plan.problem.format.whole and plan.walk.up > 1 else None
    return (cformat.CText(dots.header),) if dots else ()


def _view(plan: StreamPlan, face: Interface) -> dict[str, Any]:
    """What all templates of a stream are given, but its inner function's text."""
    p, walk, name = plan.problem, plan.walk, face.name
    turned_in, turned_out = plan.turned
    lanes = render.lanes_of(plan.inner)
    return (
        _lengths(plan)
        | {
            "name": name,
            "c": p.format.c,
            "p": p,
            "walk": walk,
            "lanes": lanes[0] if lanes else 1,
            "direct": plan.direct,
            "upsampled": walk.up > 1,
            "turned_in": turned_in,
            "turned_out": turned_out,
            "leads": plan.lead > 0,
            "delays": plan.delay > 0,
            "skips": plan.skip > 0,
            "flushes": plan.most_flushed > 0,
            **_needed(plan),
            **_pieces(plan),
            "history": plan.history,
            "ring": plan.ring,
            "rows": plan.rows,
            "reach": walk.reach,
            "stride": walk.stride,
            "state_numbers": plan.state_numbers,
            "scratch_numbers": plan.scratch_numbers,
            "cleared": plan.history * p.channels,
            **_silence(plan),
            "counts": [vars(count) for count in plan.counters],
            "functions": face,
            "declared": declared(plan, face),
            "headers": headers(face.all),
        }
        | calls(plan, face)
    )


def _silence(plan: StreamPlan) -> dict[str, Any]:
    """The codes that stand for 0 in x and in y, as an argument of what writes them; none of floats."""
    codes = [[str(code)] for code in plan.silence] if plan.problem.format.whole else [[], []]
    return {"whole": plan.problem.format.whole, "silent_in": codes[0], "silent_out": codes[1]}


def _pieces(plan: StreamPlan) -> dict[str, Any]:
    """How many steps are taken at a time, and what is promised of blocks."""
    return {
        "promised": plan.promised,
        "block": plan.blocks.block,
        "piece": plan.piece,
        "pieces": plan.cut and plan.piece < plan.ring,
    }


def _needed(plan: StreamPlan) -> dict[str, Any]:
    """Of what is only written where something calls it."""
    turned_in, turned_out = plan.turned
    zeros, through = plan.most_flushed > 0 or plan.lead > 0, some(plan)
    return {
        "some": through,
        "zeros": zeros,
        "clears": zeros or plan.history > 0 or plan.delay > 0,
        "copies": not turned_in or plan.history > 0 or bool(through and not turned_out),
    }


def _lengths(plan: StreamPlan) -> dict[str, str]:
    """The C of the whole's output steps."""
    _, padding = lengths.padding(plan.walk)
    return {"room": lengths.room(plan.walk, padding), "out_steps": lengths.out_steps(plan.walk)}

"""The text of plans of `dots_stages`: a static function of each stage with its own tables, and the calls of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codegen.emission import dots, dots_channels
from codegen.emission.cformat import CText, identifier, written
from codegen.emission.expressions import Place
from codegen.emission.heads import templates
from codegen.emission.interface import entry
from codegen.emission.writer import Writer
from codegen.planning.algorithms.dots_stages import Plan, between, room, stages

if TYPE_CHECKING:
    import numpy as np

    from codegen.planning.plan import AnyPlan

WRITERS: dict[str, Writer[Any, Any]] = {"dots": dots.WRITER, "dots_channels": dots_channels.WRITER}


def view(plan: Plan, name: str) -> dict[str, Any]:
    """The buffers between the stages, and the calls."""
    at, buffers, calls, read = room(plan), [], [], "x"
    parts = stages(plan)
    for number, (part, prefix) in enumerate(zip(parts, _prefixes(plan, name), strict=True), 1):
        last = number == len(parts)
        to = "y" if last else f"between_{number}"
        if not last:
            buffers.append((to, Place.of(at).in_array("(int8_t *)workspace")))
            at += between(part.problem)
        calls.append(f"{entry(part, prefix).of(read, to, 'workspace')};")
        read = to
    return {"buffers": tuple(buffers), "calls": tuple(calls)}


def _prefixes(plan: Plan, name: str) -> tuple[str, ...]:
    return tuple(f"{name}_{word}" for word in plan.problem.names)


def tables(plan: Plan, name: str, weights: Sequence[np.ndarray | None]) -> dict[str, Any]:
    """The const tables of all stages, under their names, and the stages' functions, which read them."""
    kernel, *operands = weights
    assert kernel is not None
    found: list[tuple[Any, ...]] = []
    texts: list[CText] = []
    parts = plan.problem.stage_weights(kernel, *operands)
    words = zip(stages(plan), plan.problem.names, _prefixes(plan, name), parts, strict=True)
    for part, word, prefix, (_, taps, given) in words:
        how = WRITERS[part.algorithm.name]
        assert how.tables is not None
        held = how.tables(part, prefix, [taps, *given])
        found += [(CText(f"{word}_{label}"), *rest) for label, *rest in held["tables"]]
        texts.append(
            _text(part, prefix, how.template, how.view(part, prefix) | held | {"header_included": bool(texts)})
        )
    return {"tables": tuple(found), "stage_texts": tuple(texts)}


def _text(part: AnyPlan, prefix: str, template: str, view: dict[str, Any]) -> CText:
    head = CText(replace(entry(part, prefix), linkage="static").declarator)
    given = written(view) | {"name": identifier(prefix), "entry": head, "plan": part, "p": part.problem}
    return CText(templates().get_template(template).render(given))


WRITER = Writer(template="dots_stages.c.j2", view=view, tables=tables)

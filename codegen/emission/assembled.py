"""The text of plans of `assembly`: the portable C, and NAME.S, which takes its place on the cores that it is for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codegen.emission import integer
from codegen.emission.integer_stage import prefixes
from codegen.emission.integer_tables import tables
from codegen.emission.writer import Arrays, Beside, Writer
from codegen.planning.algorithms import output_rows
from codegen.planning.algorithms.assembly import Plan, between, cut, portable, room, rows

if TYPE_CHECKING:
    from codegen.emission.cortex.assembly import Bands, Lengths


def view(plan: Plan, name: str) -> dict[str, Any]:
    """The variables of the portable C."""
    return integer.view(portable(plan), name)


def beside(plan: Plan, name: str, weights: Arrays, banner: Sequence[str]) -> Beside | None:
    """NAME.S; None where sums of a stage are too large for it, so that the C serves alone."""
    from codegen.emission.cortex.assembly import Part, written  # late: they need NumPy, as C without weights does not
    from codegen.emission.cortex.sums import of_layer

    kernel, *operands = weights
    parts, to = [], room(plan.schedule)
    stages = zip(
        prefixes(portable(plan), name), plan.schedule.shapes, plan.problem.stage_weights(kernel, *operands), strict=True
    )
    for prefix, over, (stage, taps, given) in stages:
        held = output_rows.weights(stage, taps, given) if stage.up > 1 else [taps, *given]
        word = _word(plan) or prefix.removeprefix(name)[1:]
        parts.append(Part(word, over, of_layer(over.problem, held), to))
        to += between(stage, plan.schedule.band)
    free = plan.problem.steps is None
    made = written(parts, name, banner, None if free else _bands(plan), _lengths(plan) if free else None)
    return Beside(f"{name}.S", made.text, made.guard) if made else None


def _word(plan: Plan) -> str:
    """How the name of a lone stage's function ends, where the layer's own one calls it."""
    if cut(plan.problem):
        return "rows"
    return "tiles" if plan.problem.steps is None and len(plan.problem.stages) == 1 else ""


def _lengths(plan: Plan) -> Lengths:
    """How the outputs of a free length are told."""
    from codegen.emission.cortex.assembly import Lengths

    p, band, first = plan.problem, plan.schedule.band, plan.problem.stages[0]
    centred, pads = first.centred and first.stride > 1, first.pad_left + first.pad_right
    return Lengths(
        room=(0 if centred else pads) - first.reach,
        left=first.pads(1)[0],
        pads=pads,
        centred=centred,
        stride=first.stride,
        least=band or plan.schedule.shapes[0].least,
        few=room(plan.schedule) + sum(between(stage, band) for stage in p.stages[:-1]),
        filters=p.out_filters,
        banded=band > 0,
        between=room(plan.schedule),
    )


def _bands(plan: Plan) -> Bands | None:
    """How the bands of a chain or of rows lie in the layer, None where one call makes all."""
    p, band, first = plan.problem, plan.schedule.band, rows(plan.problem.stages[0])
    if not band:
        return None
    from codegen.emission.cortex.assembly import Bands

    copied = ((band - 1) * first.filters + cut(p) * p.out_filters) if cut(p) else 0
    filters = first.filters if cut(p) else p.out_filters
    return Bands(band, first.known_outs - band, first.stride, first.pads(first.known_steps)[0], filters, copied)


WRITER = Writer(
    template="integer.c.j2",
    view=view,
    tables=lambda plan, name, weights: tables(portable(plan), name, weights),
    beside=beside,
)

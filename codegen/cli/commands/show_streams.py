"""`gen-conv show --stream`: what each layer is in blocks: when its outputs come, and what is kept between two."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codegen.planning.ask import Ask
    from codegen.planning.streams import StreamPlan
    from codegen.specs.kinds import Spec

__all__ = ["facts", "planned", "rows"]


def planned(spec: Spec, ask: Ask, baked: bool) -> StreamPlan:
    """The plan of the layer's stream. Raises PlanError for what cannot stream, with the way out."""
    from codegen import pipeline

    return pipeline.stream_plan(spec, replace(ask, weights="baked" if baked else ask.weights))


def facts(spec: Spec, plan: StreamPlan) -> dict[str, Any]:
    """The stream as JSON tells it; docs/json.md has the schema."""
    size = plan.problem.item_bytes
    return {
        "name": spec.name,
        "kind": spec.kind,
        "block": plan.blocks.block,
        "clock": plan.blocks.clock,
        "latency": plan.state.latency,
        "delay": plan.delay,
        "receptive_field": plan.problem.receptive_field,
        "history_bytes": plan.state_numbers * size,
        "scratch_bytes": plan.scratch_numbers * size,
        "macs_per_output_step": plan.problem.products,
        "plan": plan.describe(),
    }


def rows(plan: StreamPlan) -> list[tuple[str, str]]:
    """The stream in words."""
    from codegen.emission import stream_banner

    return [
        ("blocks", stream_banner.blocks(plan)),
        ("latency", stream_banner.latency(plan)),
        ("state", stream_banner.kept(plan)),
        ("work", f"{stream_banner.work(plan)}; {stream_banner.moved(plan)}"),
        ("algorithm", plan.describe()),
    ]

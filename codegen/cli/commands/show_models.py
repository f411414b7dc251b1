"""What `gen-conv show` tells of a model: each value with its shape, rate and work; the whole, and its stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

from codegen.errors import PlanError

if TYPE_CHECKING:
    from codegen.graph.graph import Graph
    from codegen.planning.ask import Ask

__all__ = ["drawn", "facts"]

BLOCK = 64  # steps of the blocks for which a stream is told


def facts(graph: Graph, ask: Ask) -> dict[str, Any]:
    """The model as JSON tells it, by the schema of docs/json.md; `no_c`, `no_stream` are why it has none."""
    found: dict[str, Any] = {"name": graph.name, "dtype": graph.dtype, "values": list(_values(graph))}
    return found | _whole(graph, ask) | _stream(graph, ask)


def _values(graph: Graph) -> Iterator[dict[str, Any]]:
    from codegen.graph.calls import Call

    seen = set[str]()
    for node, (name, told, shape) in zip(graph.nodes, graph.told(), strict=True):
        layer = node.op.layer if isinstance(node.op, Call) else None
        weights = 0 if layer is None else sum(map(prod, layer.weight_shapes().values()))
        again = layer is not None and layer.name in seen
        seen |= {layer.name} if layer is not None else set()
        yield {
            "name": name,
            "told": told,
            "shape": [shape.steps, shape.channels],
            "frames": shape.frames is not None,
            "rate": str(shape.rate) if shape.rate else None,
            "weights": 0 if again else weights,
            "macs_per_step": 0 if layer is None else _products(layer),
        }


def _products(layer: Any) -> int:
    """Multiply-adds of an output step."""
    if hasattr(layer, "problem"):
        products: int = layer.problem.at_length(None).products
        return products
    return sum(prod(shape) for name, shape in layer.weight_shapes().items() if name.endswith("kernel"))


def _whole(graph: Graph, ask: Ask) -> dict[str, Any]:
    from codegen.graph.plans import model_plan

    try:
        plan = model_plan.planned(graph, ask)
    except PlanError as wrong:
        return {"no_c": str(wrong)}
    item = plan.format.bytes
    return {
        "weight_bytes": plan.weight_numbers * item,
        "workspace_bytes": plan.workspace.numbers * item,
        "workspace_step_bytes": plan.workspace.each * item,
        "stages": len(plan.stages),
    }


def _stream(graph: Graph, ask: Ask) -> dict[str, Any]:
    from codegen.graph.plans import streamed
    from codegen.planning.ask import Stream

    try:
        plan = streamed.planned(graph, replace(ask, accuracy="exact", stream=ask.stream or Stream(BLOCK, "count")))
    except PlanError as wrong:
        return {"no_stream": str(wrong)}
    item = plan.format.bytes
    told = {"latency": plan.latency, "state_bytes": plan.kept_numbers * item, "scratch_bytes": plan.scratch * item}
    return {"stream": {"block": plan.block, **told}}


def drawn(found: dict[str, Any]) -> str:
    """The same for a person: a line a value, then the whole."""
    lines = [("value", "shape", "rate", "weights", "MACs a step", "made of")]
    for value in found["values"]:
        steps, channels = value["shape"]
        shape = f"{'frames of ' if value['frames'] else ''}({steps}, {channels})"
        macs, weights = (f"{value[key]:,}" if value[key] else "" for key in ("macs_per_step", "weights"))
        lines.append((value["name"], shape, value["rate"] or "", weights, macs, value["told"]))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = ["  " + "  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join([f"{found['name']} (a model, {found['dtype']})", *rows, *_totals(found)]) + "\n"


def _totals(found: dict[str, Any]) -> Iterator[str]:
    if "no_c" in found:
        yield f"  in C: none, as {found['no_c']}"
    else:
        each = found["workspace_step_bytes"]
        more = f" and {each:,} an input step" if each else ""
        room = f"{found['workspace_bytes']:,} bytes{more} of workspace"
        yield f"  in C: {found['stages']} stages, {found['weight_bytes']:,} bytes of weights, {room}"
    if "no_stream" in found:
        yield f"  in blocks: none, as {found['no_stream']}"
    else:
        told = found["stream"]
        kept = f"a state of {told['state_bytes']:,} bytes and {told['scratch_bytes']:,} of scratch"
        yield f"  in blocks of {told['block']}: latency {told['latency']} steps, {kept}"

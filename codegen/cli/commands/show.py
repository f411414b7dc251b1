"""`gen-conv show SPEC`: what each layer is, costs, and how it would be computed."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codegen.cli.commands import overview, planning, reading, show_streams
from codegen.cli.terminal import Terminal
from codegen.errors import UsageError

if TYPE_CHECKING:
    from codegen.graph.graph import Graph
    from codegen.planning.ask import Ask, Objective
    from codegen.planning.plan import KernelPlan, Request
    from codegen.specs.kinds import Spec

__all__ = ["arguments", "run"]

LEAST = {"speed": "the lowest estimate", "size": "the fewest bytes of code and memory"}  # by objective


def arguments(parser: argparse.ArgumentParser) -> None:
    reading.arguments(parser, target="scalar")
    planning.arguments(parser)
    planning.of_stream(parser)
    parser.add_argument("--why", action="store_true", help="show each layer's whole plan, and why it is no other")
    parser.add_argument("--rate", type=rate, metavar="HZ", help="show models in seconds, too: input steps a second")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="draw the graph of the only model there is")


def rate(text: str) -> float:
    """Steps a second: a number above 0."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1e12:
        raise argparse.ArgumentTypeError(f"`{text}` is no number of steps a second: expected one such as 48000")
    return found


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    """A line a layer and the totals; with --why all that is known of each."""
    from codegen import pipeline

    specs, graphs = reading.definitions(options)
    baked = reading.weights(options, reading.layers_of(specs, graphs))
    blocks = planning.stream_asked(options)
    _models(graphs, replace(planning.asked(options), stream=blocks), options.picture, terminal, options.rate)
    if not specs:
        return 0
    if blocks:
        return _streams(specs, set(baked), replace(planning.asked(options), stream=blocks), terminal)
    terminal.report["layers"] = []
    asks = planning.asks_for(options, specs, baked)
    known = planning.wisdom_for(options, specs, asks, terminal)
    told, plans = [], []
    for spec, ask in zip(specs, asks, strict=True):
        request = pipeline.request(spec, ask)
        plan = pipeline.answer(request, known)
        said_so = heard(request, plan, known)
        found = facts(spec, plan) | {"accuracy": request.accuracy, "wisdom": said_so, "packed_in_c": None}
        other = otherwise(request)
        found["otherwise"] = takes(other)
        rows = [*shape_rows(plan), *plan_rows(plan, request, said_so), other_row(other)] if options.why else []
        if options.packed:
            in_c = pipeline.packed_plan(spec, request.ask, known)
            found["packed_in_c"] = also = packed_in_c(in_c)
            if in_c.key != plan.key:
                more = "a layer in Python has the plan above, whose weights no function in C packs"
                rows.append(("packed in C", f"{also['plan']}; about {in_c.cost.cycles:,.0f} cycles: {more}"))
        terminal.report["layers"].append(found)
        plans.append(plan)
        told.append((f"{spec.name} ({spec.kind}, {plan.problem.dtype})", rows))
    if options.why:
        _draw_all(told, terminal)
    else:
        overview.draw(specs, plans, terminal)
    return 0


def _models(
    graphs: Sequence[Graph], ask: Ask, picture: Path | None, terminal: Terminal, rate: float | None = None
) -> None:
    """What each model is, its values and the whole; with `picture` the graph of the only one is drawn there."""
    if picture and len(graphs) != 1:
        names = ", ".join(graph.name for graph in graphs) or "none"
        raise UsageError(f"--picture draws one model, and the models here are: {names}")
    if not graphs:
        return
    from codegen.cli.commands import show_models
    from codegen.graph.plans.overview import overview

    found = [overview(graph, replace(ask, sliced=False)) for graph in graphs]
    terminal.report["models"] = list(map(show_models.facts, found))
    terminal.result("\n".join(show_models.drawn(one, rate) for one in found))
    if picture:
        show_models.draw(found[0], picture)


def _streams(specs: Sequence[Spec], baked: Collection[str], ask: Ask, terminal: Terminal) -> int:
    """What each layer is in blocks."""
    terminal.report["streams"] = []
    for number, spec in enumerate(specs):
        plan = show_streams.planned(spec, ask, spec.name in baked)
        terminal.report["streams"].append(show_streams.facts(spec, plan))
        if number:
            terminal.result("")
        _draw(f"{spec.name} (a stream of a {spec.kind}, {plan.problem.dtype})", show_streams.rows(plan), terminal)
    return 0


def heard(request: Request, plan: KernelPlan, known: Path | None) -> dict[str, Any] | None:
    """What wisdom says of the request, in `known` or else in the user's own, and whether `plan` follows it."""
    from codegen.machine import wisdom
    from codegen.planning import planner

    entry = wisdom.recall(request, None, known)
    if entry is None:
        return None
    offered = planner.survey(request).named(entry.key) is not None
    followed = offered and known is not None and plan.key == entry.key
    return {"plan": entry.words, "microseconds": entry.microseconds, "offered": offered, "followed": followed}


def facts(spec: Spec, plan: KernelPlan) -> dict[str, Any]:
    """The layer as JSON tells it; docs/json.md has the schema."""
    from codegen.emission import banner

    problem = plan.problem
    steps = problem.steps
    return {
        "name": spec.name,
        "kind": spec.kind,
        "dtype": problem.dtype,
        "input_shape": _shape(steps, problem.channels, problem.channels_last),
        "output_shape": _shape(_out(plan), problem.out_filters, problem.channels_last),
        "receptive_field": problem.receptive_field,
        "stride": problem.stride,
        "macs": None if steps is None else problem.macs(steps),
        "macs_per_output_step": problem.products,
        "weight_bytes": banner.weight_bytes(plan),
        "workspace_bytes": plan.workspace_bytes,
        "workspace_step_bytes": plan.workspace_step_bytes,
        "target": plan.target.name,
        "algorithm": plan.algorithm.name,
        "plan": plan.describe(),
        "weights": plan.weights,
        "storage": plan.storage,
        "cost_cycles": plan.cost.cycles,
        "objective": plan.ask.objective,
        "rejected": [{"algorithm": name, "reason": reason} for name, reason in plan.rejected],
    } | {name: count for name, count in takes(plan).items() if name in ("code_bytes", "stack_bytes")}


def takes(plan: KernelPlan) -> dict[str, Any]:
    """What a plan takes, as JSON tells it."""
    from codegen.planning.footprint import estimate

    return {
        "objective": plan.ask.objective,
        "plan": plan.describe(),
        "cost_cycles": plan.cost.cycles,
        "code_bytes": estimate.code_bytes(plan),
        "stack_bytes": estimate.stack_bytes(plan),
        "workspace_bytes": plan.workspace_bytes,
        "workspace_step_bytes": plan.workspace_step_bytes,
    }


def otherwise(request: Request) -> KernelPlan:
    """The plan of the other objective."""
    from codegen import pipeline

    objective: Objective = "speed" if request.ask.objective == "size" else "size"
    return pipeline.answer(replace(request, ask=replace(request.ask, objective=objective)))


def other_row(plan: KernelPlan) -> tuple[str, str]:
    """What `--optimize` with the other word would take."""
    from codegen.emission import banner

    took = f"{banner.code_and_stack(plan)}, {banner.workspace(plan)} of workspace"
    return f"optimize {plan.ask.objective}", f"{took}, about {plan.cost.cycles:,.0f} cycles: {plan.describe()}"


def packed_in_c(plan: KernelPlan) -> dict[str, Any]:
    """The plan that `gen-conv --packed` emits, whose weights NAME_pack lays out."""
    from codegen.emission import banner

    words = plan.describe()
    return {"plan": words, "cost_cycles": plan.cost.cycles, "weight_bytes": banner.weight_bytes(plan)}


def shape_rows(plan: KernelPlan) -> list[tuple[str, str]]:
    """What is computed, for a person: shapes as Keras tells them, without the batch."""
    from codegen.emission import banner

    problem = plan.problem
    each = problem.products
    macs = f"{each:,} an output step" if problem.steps is None else f"{problem.macs(problem.steps):,}"
    field = problem.receptive_field
    apart = f", {problem.stride} steps apart" if problem.stride > 1 else ""
    return [
        ("input", said(_shape(problem.steps, problem.channels, problem.channels_last))),
        ("output", said(_shape(_out(plan), problem.out_filters, problem.channels_last))),
        ("receptive field", f"{field} step{'s' * (field > 1)}{apart}"),
        ("MACs", macs),
        ("weights", f"{banner.weight_bytes(plan):,} bytes{_as_c(plan)}"),
        ("workspace", banner.workspace(plan)),
        ("code", f"{banner.code_and_stack(plan)} (estimated for gcc -O2)"),
    ]


def _as_c(plan: KernelPlan) -> str:
    """The text that const tables are."""
    from codegen.problem.conv_problem import C_BYTES

    if plan.weights != "baked":
        return ""
    numbers = plan.packed_numbers + plan.problem.epilogue_numbers
    return f", as const tables some {C_BYTES * numbers:,} bytes of C"


def plan_rows(plan: KernelPlan, request: Request, said_so: dict[str, Any] | None) -> list[tuple[str, str]]:
    """How it is computed, why so, and why not otherwise."""
    from codegen.planning import planner
    from codegen.planning.algorithms import cost

    count = len(planner.survey(request).found)
    plans = f"{count} plan{'s' * (count > 1)} for {request.weights} weights, accuracy {request.accuracy}"
    why = (
        f"wisdom names it, out of {plans}"
        if said_so and said_so["followed"]
        else f"{LEAST[request.ask.objective]} of {plans}"
    )
    unit = f"{cost.steps_told(plan.problem):,} steps" if plan.problem.steps is None else "a sample"
    return [
        ("plan", plan.describe()),
        ("cost", f"about {plan.cost.cycles:,.0f} cycles for {unit}"),
        ("why", why),
        ("wisdom", _wisdom(said_so)),
        *((f"not {name}", reason) for name, reason in plan.rejected),
    ]


def _wisdom(said_so: dict[str, Any] | None) -> str:
    if said_so is None:
        return "none of this layer"
    text = f"{said_so['plan']}: {said_so['microseconds']:,.3g} µs when it was timed"
    if said_so["followed"]:
        return text
    return f"{text}; {'--wisdom FILE follows it' if said_so['offered'] else 'no longer offered, so passed over'}"


def said(shape: list[int | None]) -> str:
    return f"({', '.join(map(str, shape))})"


def _out(plan: KernelPlan) -> int | None:
    return None if plan.problem.steps is None else plan.problem.out_steps(plan.problem.steps)


def _shape(steps: int | None, channels: int, channels_last: bool) -> list[int | None]:
    return [steps, channels] if channels_last else [channels, steps]


def _draw_all(told: list[tuple[str, list[tuple[str, str]]]], terminal: Terminal) -> None:
    for number, (title, rows) in enumerate(told):
        if number:
            terminal.result("")
        _draw(title, rows, terminal)


def _draw(title: str, rows: list[tuple[str, str]], terminal: Terminal) -> None:
    """A table on a terminal, aligned plain text in a pipe."""
    if terminal.json:
        return
    if not terminal.out.isatty():
        width = max(len(name) for name, _ in rows)
        terminal.result(f"{title}\n" + "".join(f"  {name:<{width}}  {value}\n" for name, value in rows))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title, style="bold"), title_justify="left", show_header=False)
    for name, value in rows:
        table.add_row(Text(name, style="cyan"), Text(value))
    Console(file=terminal.out).print(table)

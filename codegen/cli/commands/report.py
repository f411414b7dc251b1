"""`gen-conv report SPEC -o r.html`: all that is known of layers and models before they run, as one page."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codegen.cli.commands import planning, reading, show
from codegen.cli.terminal import Terminal
from codegen.errors import PlanError

if TYPE_CHECKING:
    from codegen.graph.graph import Graph
    from codegen.specs.kinds import Spec

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    reading.arguments(parser, target="scalar")
    planning.of_accuracy(parser)
    planning.of_storage(parser)
    planning.of_objective(parser)
    planning.of_limits(parser)
    parser.add_argument("-o", "--output", type=Path, default=Path("report.html"), metavar="FILE.html", help="the page")


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    """A part for each layer and for each model, in one file that loads nothing."""
    from codegen import __version__
    from codegen.machine import files
    from codegen.report import page

    specs, graphs = reading.definitions(options)
    baked = reading.weights(options, reading.layers_of(specs, graphs))
    parts = [*_models(graphs, baked, options), *_layers(specs, baked, options)]
    links = [(f"model-{graph.name}", graph.name) for graph in graphs]
    links += [(f"layer-{spec.name}", spec.name) for spec in specs]
    words = f"gen-conv {__version__}, for {options.target}, accuracy {options.accuracy}; weights "
    words += "as const tables" if baked else "as arguments"
    names = ", ".join("standard input" if path == "-" else Path(path).name for path in options.specs)
    files.prepare(options.output.parent)
    files.write_all([(options.output, page.page(names, words, links, parts).encode("utf-8"))])
    terminal.report["path"] = str(options.output)
    terminal.say(f"wrote {options.output}")
    return 0


def _models(
    graphs: Sequence[Graph], baked: Mapping[str, Mapping[str, Any]], options: argparse.Namespace
) -> Iterator[str]:
    from codegen import pipeline
    from codegen.graph.plans.overview import overview
    from codegen.report import parts

    ask = planning.asked(options)
    for graph in graphs:
        told = overview(graph, ask)
        try:
            files = pipeline.model_emitted(graph, ask, baked or None).files
        except PlanError:
            files = ()
        yield parts.of_model(told, files)


def _layers(
    specs: Sequence[Spec], baked: Mapping[str, Mapping[str, Any]], options: argparse.Namespace
) -> Iterator[str]:
    from codegen import pipeline
    from codegen.emission import banner
    from codegen.planning import planner
    from codegen.report import parts

    options.packed = False
    for spec, ask in zip(specs, planning.asks_for(options, specs, baked), strict=True):
        request = pipeline.request(spec, ask)
        plan = pipeline.answer(request, None)
        told = [*show.shape_rows(plan), *show.plan_rows(plan, request, None)[:3]]
        try:
            files = pipeline.emitted(spec, request.ask, baked.get(spec.name)).files
        except PlanError:  # such as a layer of int8 without its weights: all but its C is told
            files = ()
        yield parts.of_layer(spec.name, told, plan, planner.survey(request).found, banner.weight_bytes(plan), files)

"""`gen-conv warm SPEC`: the kernels of all layers compiled into the cache, several at a time."""

from __future__ import annotations

import argparse
from functools import partial

from codegen.cli.commands import planning, reading
from codegen.cli.terminal import Terminal
from codegen.errors import ToolchainError, UsageError

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    reading.files(parser, target="native")
    planning.of_accuracy(parser, default="fast")
    planning.of_storage(parser)
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads that share each call (default: 1)")
    parser.add_argument("--jobs", type=int, metavar="N", help="compilers at a time (default: one a core)")


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    """Compile what the cache has not; raises ToolchainError where nothing can be compiled or kept."""
    from codegen import pipeline
    from codegen.errors.counting import counted
    from codegen.layers import progress
    from codegen.layers.how import How
    from codegen.machine import cache, compilers, warming

    specs = reading.specs(options, tables=False)
    if compilers.find() is None:
        raise ToolchainError("no C compiler was found, so nothing can be compiled: `gen-conv doctor` has details")
    whole = next((spec.name for spec in specs if spec.problem.format.whole), None)
    if whole:
        raise UsageError(f"`{whole}`: kernels of int8 hold their weights: in Python, model.warm() makes them")
    how = How(options.target, options.accuracy, "estimate", options.threads, options.storage)
    kernels = dict.fromkeys((*pipeline.chosen(spec, how.ask), how.threads) for spec in specs)
    place = cache.describe()
    if place.problem:
        raise ToolchainError(f"nothing can be kept, as the cache cannot be used: {place.problem}")
    tasks = [partial(pipeline.compiled, *key) for key in kernels]
    wanted = False if terminal.quiet else None
    with progress.bar("compiling", len(tasks), wanted, terminal.err) as tell:
        warming.make_all(tasks, options.jobs, tell)
    terminal.report |= {"warmed": {"layers": len(specs), "kernels": len(tasks)}, "path": str(place.path)}
    terminal.result(f"{counted(len(specs), 'layer')}, {counted(len(tasks), 'kernel')} in {place.path}")
    return 0

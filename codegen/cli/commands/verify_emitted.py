"""`gen-conv verify --as-emitted`: the very files that would be written, compiled and called by their own functions."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codegen.cli.commands.found import Differing
from codegen.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from codegen.machine.emitted_kernel import EmittedKernel
    from codegen.planning.ask import Ask
    from codegen.specs.kinds import Spec

    Array = np.ndarray[Any, np.dtype[Any]]

__all__ = ["arguments", "gradients", "hold", "kernel"]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--as-emitted", action="store_true", help="compile the very files that would be written")
    parser.add_argument("--packed", action="store_true", help="with --as-emitted: kernels laid out by NAME_pack")
    parser.add_argument("--sliced", action="store_true", help="with --as-emitted: NAME_slice too, in several slices")
    parser.add_argument("--backward", action="store_true", help="with --as-emitted: NAME_backward, too")


def hold(options: argparse.Namespace) -> None:
    """Raises UsageError for options that are of emitted files alone, and for those that have none here."""
    for word in ("packed", "sliced", "backward"):
        if getattr(options, word) and not options.as_emitted:
            raise UsageError(f"--{word} says what is emitted: say --as-emitted, too")
    if options.as_emitted and options.stream:
        raise UsageError("--as-emitted is of whole inputs: `verify --stream` runs the emitted stream in blocks")


def kernel(spec: Spec, arrays: Mapping[str, Any] | None, ask: Ask) -> EmittedKernel:
    """The layer's files, compiled; its weights are tables of them where there are `arrays`."""
    from codegen import pipeline
    from codegen.machine import compilers
    from codegen.machine.emitted_kernel import EmittedKernel

    compiler = compilers.find()
    assert compiler is not None  # `verify` has looked
    if arrays is not None and ask.weights == "packed":
        raise UsageError("--packed is for kernels that are arguments: leave it out with --weights or --init")
    asked = ask if arrays is None else replace(ask, weights="baked")
    return EmittedKernel(pipeline.emitted(spec, asked, arrays), compiler)


def gradients(spec: Spec, ask: Ask) -> Iterator[Differing]:
    """NAME_backward on whole numbers, whose sums are exact: z, dx, dkernel; and dz, dbias within their stated error."""
    from codegen.gradients import emitted_way_back
    from codegen.machine import compilers

    compiler = compilers.find()
    assert compiler is not None
    for data, wrong, outputs in emitted_way_back.tried(spec, ask, compiler):
        yield Differing(spec.name, spec.problem.steps or 0, data, "numbers", wrong, outputs)

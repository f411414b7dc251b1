"""The C text of layers for input that comes in parts: streams, and ONNX' CausalConvWithState."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from codegen.cli.commands import planning, reading
from codegen.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from codegen.emission.render import GeneratedSource
    from codegen.planning.ask import Stream
    from codegen.planning.causal import CausalPlan
    from codegen.planning.streams import StreamPlan
    from codegen.specs.kinds import Spec

    Arrays = Mapping[str, Mapping[str, np.ndarray]]

__all__ = ["causal", "streamed"]


def streamed(
    specs: tuple[Spec, ...], arrays: Arrays, options: argparse.Namespace, blocks: Stream
) -> Iterator[GeneratedSource[StreamPlan]]:
    """The C text of each layer for input in blocks."""
    from codegen import pipeline

    ask = replace(planning.asked(options), stream=blocks)
    if options.packed and arrays:
        raise UsageError("--packed is for kernels that are arguments: leave it out with --weights or --init")
    names = [spec.name for spec in specs]
    for spec in specs:
        with reading.naming(options, spec.name):
            given = replace(ask, weights="baked") if spec.name in arrays else ask
            yield pipeline.streamed(spec, given, arrays.get(spec.name), beside=names)


def causal(
    specs: tuple[Spec, ...], arrays: Arrays, options: argparse.Namespace
) -> Iterator[GeneratedSource[CausalPlan]]:
    """The C text of each layer as ONNX' CausalConvWithState."""
    from codegen.emission import causal as emission

    ask, names = planning.asked(options), [spec.name for spec in specs]
    for spec in specs:
        with reading.naming(options, spec.name):
            given = replace(ask, weights="baked") if spec.name in arrays else ask
            held = spec.problem_weights(arrays[spec.name]) if spec.name in arrays else None
            yield emission.emitted(spec, given, held, beside=names)

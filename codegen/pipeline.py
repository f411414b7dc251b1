"""The table of contents: from a spec to C text, and from a spec to a running kernel."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from codegen import banner, planner, render
from codegen.plan import KernelPlan, Weights
from codegen.problem import ConvProblem
from codegen.render import GeneratedSource
from codegen.targets import target_named

if TYPE_CHECKING:
    import numpy as np

    from codegen.loader import Kernel
    from codegen.specs import Spec

JIT_NAME = "conv1d"  # of every kernel compiled here: layers that differ in their name alone share one cache entry


def plan(spec: Spec, target: str = "scalar", weights: Weights = "argument") -> KernelPlan:
    """spec → problem → plan."""
    return planner.plan(spec.lower(), target_named(target), weights)


def generate(spec: Spec, target: str = "scalar", weights: Mapping[str, np.ndarray] | None = None) -> GeneratedSource:
    """spec → problem → plan → C text.

    `weights` are the layer's arrays by parameter, in Keras' shapes, to be baked as const tables; without them they are
    arguments of the C function.
    """
    if weights is None:
        chosen = plan(spec, target, "argument")
        return render.render(chosen, spec.name, banner=banner.lines(spec, chosen))
    chosen = plan(spec, target, "baked")
    arrays = spec.problem_weights(weights)
    return render.render(chosen, spec.name, banner=banner.lines(spec, chosen), weights=arrays)


def kernel_for(spec: Spec, target: str = "native") -> Kernel:
    """spec → problem → plan → C text → machine code, cached in memory and on disk; weights are packed arguments."""
    return compiled(spec.lower(), target_named(target).name)


@lru_cache(maxsize=512)
def compiled(problem: ConvProblem, target: str) -> Kernel:
    """The running kernel of `problem` on the named target."""
    from codegen import loader

    chosen = planner.plan(problem, target_named(target), "packed")
    return loader.load(render.render(chosen, JIT_NAME), chosen.target)

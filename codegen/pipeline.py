"""The table of contents: from a spec to C text, and from a spec to a running kernel."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from codegen.emission import banner, render
from codegen.emission.packing import packs
from codegen.emission.render import GeneratedSource
from codegen.errors import PlanError
from codegen.installed import forgetful
from codegen.machine import wisdom
from codegen.numbers.storage import AS_COMPUTED, checked, stored
from codegen.planning import planner
from codegen.planning.plan import Accuracy, AnyRequest, KernelPlan, Request, Rigor, Weights
from codegen.problem.targets import target_named

if TYPE_CHECKING:
    import numpy as np

    from codegen.machine.loader import Kernel
    from codegen.specs.kinds import Spec

JIT_NAME = "conv1d"  # of every kernel compiled here: layers that differ in their name alone share one cache entry


def request(
    spec: Spec,
    target: str = "scalar",
    weights: Weights = "argument",
    accuracy: Accuracy = "exact",
    storage: str = AS_COMPUTED,
) -> AnyRequest:
    """spec → problem, and what is asked of the planner."""
    return Request(spec.lower(), target_named(target), weights, accuracy, storage=checked(storage, spec.dtype))


def plan(
    spec: Spec,
    target: str = "scalar",
    weights: Weights = "argument",
    accuracy: Accuracy = "exact",
    known: Path | None = None,
    storage: str = AS_COMPUTED,
) -> KernelPlan:
    """spec → problem → plan: the planner's first, or what the file `known` of wisdom says."""
    asked = request(spec, target, weights, accuracy, storage)
    entry = wisdom.recall(asked, None, known) if known else None
    return planner.answer(asked, entry.key if entry else None)


def packed_plan(
    spec: Spec,
    target: str = "scalar",
    accuracy: Accuracy = "exact",
    known: Path | None = None,
    storage: str = AS_COMPUTED,
) -> KernelPlan:
    """What `known` says, or the planner's first, of the plans whose weights a function in C can pack.

    Raises PlanError where there is none.
    """
    asked = request(spec, target, "packed", accuracy, storage)
    found, entry = planner.survey(asked), wisdom.recall(asked, None, known) if known else None
    named = found.named(entry.key) if entry else None
    for one in (named, *found.found):
        if one and packs(one):
            return planner.chosen(found, one)
    way = "leave --packed out, or bake the weights with --weights or --init"
    raise PlanError(f"`{spec.name}`: no function in C packs the weights of any of its {len(found.found)} plans; {way}")


def generate(
    spec: Spec,
    target: str = "scalar",
    weights: Mapping[str, np.ndarray] | None = None,
    *,
    accuracy: Accuracy = "exact",
    known: Path | None = None,
    packed: bool = False,
    sliced: bool = False,
    storage: str = AS_COMPUTED,
    beside: Collection[str] = (),
) -> GeneratedSource:
    """spec → problem → plan → C text.

    `weights` are the layer's arrays by parameter, in Keras' shapes, to be baked as const tables; without them they are
    arguments of the C function, `packed` ones of a layout that an emitted function makes of Keras'. `sliced` adds a
    function that does a slice of the work, for a caller's threads. `known` is a file of wisdom; without it the text
    depends on nothing but the arguments. `storage` float16 or bfloat16 halves the kernel's bytes. `beside`
    are the names of all layers whose headers may be included together: a macro that two would define is left out.
    Raises PlanError for an activation of the user's own, which has no C.
    """
    if spec.own_activation is not None:
        way = "name one of docs/activations.md, or emit the layer without it and apply it in your own C"
        raise PlanError(f"`{spec.name}`: the activation {spec.own_activation!r} is Python's and has no C; {way}")
    if weights is None:
        if packed:
            chosen = packed_plan(spec, target, accuracy, known, storage)
        else:
            chosen = plan(spec, target, "argument", accuracy, known, storage)
        chosen = replace(chosen, sliced=sliced)
        return render.render(chosen, spec.name, banner=banner.lines(spec, chosen), with_pack=packed, beside=beside)
    chosen = replace(plan(spec, target, "baked", accuracy, known, storage), sliced=sliced)
    arrays = spec.problem_weights(stored(weights, storage, spec.name))
    return render.render(chosen, spec.name, banner=banner.lines(spec, chosen), weights=arrays, beside=beside)


def kernel_for(
    spec: Spec,
    target: str = "native",
    *,
    accuracy: Accuracy = "fast",
    rigor: Rigor = "estimate",
    threads: int = 1,
    storage: str = AS_COMPUTED,
) -> Kernel:
    """spec → problem → plan → C text → machine code, cached in memory and on disk; weights are packed arguments.

    The plan is the one that the user's wisdom names; else the planner's first or, with rigor="measure", the fastest of
    a few, which then is wisdom. `threads` share each call, with the same bits.
    """
    from codegen.machine import measure

    asked = request(spec, target, "packed", accuracy, storage)
    return compiled(asked, measure.choice(asked, rigor), threads)


@forgetful
@lru_cache(maxsize=512)
def compiled(asked: Request, choice: str | None, threads: int = 1) -> Kernel:
    """The running kernel of the planner's first plan, or of the one whose key is `choice`."""
    from codegen.machine import loader

    chosen = planner.answer(asked, choice)
    return loader.load_plan(replace(chosen, sliced=threads > 1), _written, threads)


def _written(chosen: KernelPlan) -> GeneratedSource:
    return render.render(chosen, JIT_NAME)

"""The table of contents: from a spec to C text, and from a spec to a running kernel."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from codegen.emission import banner, render, vectors
from codegen.emission.packing import packs, packs_alone
from codegen.emission.render import GeneratedSource
from codegen.errors import PlanError
from codegen.installed import forgetful
from codegen.machine import wisdom
from codegen.numbers.storage import AS_COMPUTED, checked, stored
from codegen.planning import planner
from codegen.planning.ask import PLAIN, Accuracy, Ask, Objective, Rigor, Weights
from codegen.planning.plan import AnyRequest, KernelPlan, Request
from codegen.problem import sums
from codegen.problem.targets import target_named

if TYPE_CHECKING:
    import numpy as np

    from codegen.emission.board_facts import Measured
    from codegen.graph.graph import Graph
    from codegen.graph.plans.model_plan import ModelPlan
    from codegen.machine.loader import Kernel
    from codegen.machine.model_library import CompiledModel
    from codegen.machine.stream_library import StreamLibrary
    from codegen.planning.streams import StreamPlan
    from codegen.specs.kinds import Spec

JIT_NAME = "conv1d"  # of every kernel compiled here: layers that differ in their name alone share one cache entry


def request(spec: Spec, ask: Ask) -> AnyRequest:
    """spec → problem, and what is asked of the planner. Raises UsageError for weights that cannot lie as is asked."""
    checked(ask.numbers, spec.dtype)
    baked = spec.problem.format.whole  # their zero points are multiplied into the bias, and their sums proved
    return Request(spec.problem, replace(ask, weights="baked") if baked else ask)


def plan(spec: Spec, ask: Ask = PLAIN, known: Path | None = None) -> KernelPlan:
    """spec → problem → plan: the planner's first, or what the file `known` of wisdom says."""
    return answer(request(spec, ask), known)


def answer(asked: AnyRequest, known: Path | None = None) -> KernelPlan:
    """problem → plan: the planner's first, or what the file `known` of wisdom says."""
    entry = wisdom.recall(asked, None, known) if known else None
    return planner.answer(asked, entry.key if entry else None)


def packed_plan(spec: Spec, ask: Ask, known: Path | None = None) -> KernelPlan:
    """What `known` says, or the planner's first, of the plans whose weights a function in C can pack.

    Raises PlanError where there is none.
    """
    asked = request(spec, replace(ask, weights="packed"))
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
    optimize: Objective = "speed",
    beside: Collection[str] = (),
) -> GeneratedSource:
    """`emitted`, with what is asked word by word.

    `weights` are the layer's arrays by parameter, in Keras' shapes, to be baked as const tables; without them they are
    arguments of the C function, `packed` ones of a layout that an emitted function makes of Keras'. `sliced` adds a
    function that does a slice of the work, for a caller's threads. `storage` float16 or bfloat16 halves the kernel's
    bytes, `optimize` size takes the plan of the fewest bytes. Raises UsageError for a word that is none of these.
    """
    given: Weights = "baked" if weights is not None else "packed" if packed else "argument"
    ask = Ask(target_named(target), given, accuracy, storage, optimize, sliced=sliced)
    return emitted(spec, ask, weights, known=known, beside=beside)


def emitted(
    spec: Spec,
    ask: Ask,
    arrays: Mapping[str, np.ndarray] | None = None,
    *,
    known: Path | None = None,
    beside: Collection[str] = (),
    measured: Measured | None = None,
) -> GeneratedSource:
    """spec → problem → plan → C text.

    `arrays` are the layer's by parameter, in Keras' shapes, where they are asked to be baked. `known` is a file of
    wisdom; without it the text depends on nothing but the arguments. `beside` are the names of all layers whose headers
    may be included together: a macro that two would define is left out. The head tells what was `measured`. Raises
    PlanError for an activation of the user's own, which has no C.
    """
    if spec.own_activation is not None:
        way = "name one of docs/activations.md, or emit the layer without it and apply it in your own C"
        raise PlanError(f"`{spec.name}`: the activation {spec.own_activation!r} is Python's and has no C; {way}")
    whole = spec.problem.format.whole
    if whole and arrays is None:
        raise PlanError(f"`{spec.name}`: int8 C has its weights as const tables: give --weights FILE, or `weights=`")
    packed = ask.weights == "packed" and not whole
    chosen = (packed_plan if packed else plan)(spec, ask, known)
    baked = spec.problem_arrays(stored(arrays, ask.numbers, spec.name)) if arrays is not None else None
    head = banner.lines(spec, chosen, baked if whole else None, measured)
    with vectors.apart(f"{spec.name}_" if ask.apart else ""):
        return render.render(
            chosen, spec.name, banner=head, weights=baked, with_pack=packed, beside=beside, constants=spec.constants
        )


def tested(spec: Spec, forward: GeneratedSource, arrays: Mapping[str, np.ndarray] | None) -> GeneratedSource:
    """NAME_test.c and .h: golden vectors of the layer that `forward` is the C of. Raises PlanError for floats."""
    from codegen.emission import golden

    facts = (("computes", banner.formula(forward.plan.problem)),)
    what = f"golden vectors of a {spec.kind}"
    told = banner.Told(f"{spec.name}_test", what, forward.plan.target, facts, tuple(banner.parameters_told(spec)))
    return golden.source(forward, spec.problem_arrays(arrays) if arrays else (), banner.head(told))


def streamed(
    spec: Spec, ask: Ask, arrays: Mapping[str, np.ndarray] | None = None, *, beside: Collection[str] = ()
) -> GeneratedSource[StreamPlan]:
    """spec → problem → plan of a stream → C text, in blocks as `ask.stream` says: as `emitted`.

    Raises PlanError for a layer that cannot stream, with the reason and the way out.
    """
    from codegen.emission import stream_banner, streams

    chosen = stream_plan(spec, ask)
    baked = spec.problem_arrays(stored(arrays, ask.numbers, spec.name)) if arrays is not None else None
    head = stream_banner.lines(spec, chosen, baked)
    with vectors.apart(f"{spec.name}_" if ask.apart else ""):
        return streams.source(chosen, spec.name, banner=head, weights=baked, beside=beside, constants=spec.constants)


def stream_plan(spec: Spec, ask: Ask) -> StreamPlan:
    """spec → problem → plan of a stream. Raises PlanError for a layer that cannot stream, with the way out."""
    from codegen.planning import streams

    if spec.own_activation is not None:
        raise PlanError(f"`{spec.name}`: the activation {spec.own_activation!r} is Python's and has no C")
    checked(ask.numbers, spec.dtype)
    try:
        return streams.planned(spec.problem, ask)
    except PlanError as wrong:
        raise PlanError(f"`{spec.name}`: {wrong}") from None


def stream_for(spec: Spec, ask: Ask, arrays: Mapping[str, np.ndarray]) -> StreamLibrary:
    """spec → problem → plan of a stream → C text → machine code, cached in memory and on disk; weights are packed.

    Those of whole numbers, `arrays`, are tables of the text. Raises WeightsError where their sums could pass int32.
    """
    if spec.problem.format.whole:
        from codegen.machine import stream_library

        plan, held = stream_plan(spec, ask.of_whole()), spec.problem_arrays(arrays)
        sums.hold(spec.problem, held, spec.name)
        return stream_library.load_whole(plan, _written_stream(plan, held), held)
    return compiled_stream(stream_plan(spec, replace(ask, weights="packed")))


@forgetful
@lru_cache(maxsize=128)
def compiled_stream(plan: StreamPlan) -> StreamLibrary:
    """The running stream of a plan."""
    from codegen.machine import stream_library

    return stream_library.load(plan, _written_stream)


def kernel_for(spec: Spec, ask: Ask | None = None, rigor: Rigor = "estimate", threads: int = 1) -> Kernel:
    """spec → problem → plan → C text → machine code, cached in memory and on disk; weights are packed arguments.

    Without `ask` it is the fast kernel for this CPU. The plan is the one that the user's wisdom names; else the
    planner's first or, with rigor="measure", the fastest of a few, which then is wisdom. `threads` share each call,
    with the same bits.
    """
    return compiled(*chosen(spec, ask, rigor), threads)


def kernel_plan(spec: Spec, ask: Ask | None = None, rigor: Rigor = "estimate") -> KernelPlan:
    """The plan of what `kernel_for` compiles for these; nothing is compiled for it but what rigor="measure" times."""
    return planner.answer(*chosen(spec, ask, rigor))


def chosen(spec: Spec, ask: Ask | None = None, rigor: Rigor = "estimate") -> tuple[AnyRequest, str | None]:
    """What is asked of the planner, and the key of the plan to take, None for its first."""
    from codegen.machine import measure

    ask = ask or Ask(target_named("native"), accuracy="fast")
    asked = request(spec, replace(ask, weights="packed"))
    return asked, measure.choice(asked, rigor)


def kernel_of(spec: Spec, arrays: Mapping[str, np.ndarray], ask: Ask, threads: int = 1) -> Kernel:
    """spec and weights → problem → plan → C text → machine code, of a layer whose weights are tables of its text.

    `arrays` are the layer's by parameter, in Keras' shapes. Raises WeightsError where sums could pass int32.
    """
    from codegen.machine import whole_kernel

    plan = planner.answer(request(spec, ask.of_whole())).asked(sliced=threads > 1)
    held = spec.problem_arrays(arrays)
    sums.hold(plan.problem, held, spec.name)
    return whole_kernel.load(render.render(plan, JIT_NAME, weights=held), held, plan.target, threads)


@forgetful
@lru_cache(maxsize=512)
def compiled(asked: Request, choice: str | None, threads: int = 1) -> Kernel:
    """The running kernel of the planner's first plan, or of the one whose key is `choice`."""
    from codegen.machine import answers, loader

    plan = answers.answer(asked, choice)
    return loader.load_plan(plan.asked(sliced=threads > 1), _written, threads)


def model_emitted(
    graph: Graph,
    ask: Ask,
    arrays: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    *,
    beside: Collection[str] = (),
) -> GeneratedSource[ModelPlan]:
    """graph → plan → C text of one function. `arrays` are those of all layers, where they are to be baked.

    A model without weights has none as an argument. Raises PlanError for what has no C.
    """
    from codegen.emission.models import banner as models_banner
    from codegen.emission.models import in_blocks
    from codegen.graph.plans import model_plan

    arrays = arrays if graph.has_weights else {}
    chosen = model_plan.planned(graph, replace(ask, weights="packed" if arrays is None else "baked"))
    lines = models_banner.lines(graph, chosen)
    with vectors.apart(f"{graph.name}_" if ask.apart else ""):
        return in_blocks.source(chosen, graph.name, banner=lines, weights=arrays, beside=beside)


@forgetful
@lru_cache(maxsize=64)
def compiled_model(graph: Graph, ask: Ask, rigor: Rigor = "estimate") -> CompiledModel | None:
    """The running model, by plans that wisdom names or `measure` finds; None without a compiler. Raises PlanError."""
    from codegen.graph.plans import model_plan
    from codegen.machine import measure, model_library

    plan = model_plan.planned(graph, replace(ask, weights="packed"), partial(measure.choice, rigor=rigor))
    return model_library.load(graph, plan, _model_written)


def _model_written(chosen: ModelPlan) -> str:
    from codegen.emission.models import in_blocks, source

    return source.jit_text(in_blocks.source(chosen, JIT_NAME))


def at_length(spec: Spec, free: Kernel) -> tuple[Kernel, int | None, int] | None:
    """A kernel for the length that `spec` knows, with the bits of `free`, which takes any; None where there is none.

    With it comes where in the packed weights of `free` its own begin, None if it packs them, and how many there are.
    """
    from codegen.planning import known_length

    found = known_length.with_bits_of(free.plan, spec.problem)
    if found is None:
        return None
    kernel = compiled(Request(spec.problem, found.plan.ask), found.plan.key, getattr(free, "threads", 1))
    return (kernel, found.place, found.numbers) if kernel.path is not None else None


def _written_stream(chosen: StreamPlan, held: render.Arrays | None = None) -> str:
    from codegen.emission import streams

    return streams.jit_text(chosen, JIT_NAME, held)


def _written(chosen: KernelPlan) -> GeneratedSource:
    return render.render(chosen, JIT_NAME, with_pack=packs_alone(chosen))

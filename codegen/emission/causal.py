"""The C of ONNX' CausalConvWithState: NAME_causal.c and .h, in its own signature (x, past, y, present)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codegen.emission import banner, cformat, render, vectors
from codegen.emission.causal_view import CausalView
from codegen.emission.heads import Head, values
from codegen.emission.macros import Macro, Meaning, macros
from codegen.emission.render import GeneratedSource
from codegen.errors import PlanError
from codegen.errors.counting import separated
from codegen.planning.ask import Ask
from codegen.planning.causal import CausalPlan, planned

if TYPE_CHECKING:
    from codegen.emission.render import Arrays
    from codegen.specs.kinds import Spec

__all__ = ["emitted", "of_spec", "written"]

JIT_NAME = "conv1d"
PARTS = ("kernel_head.c", "causal/causal.c", "causal/causal.h")


def of_spec(spec: Spec, ask: Ask) -> CausalPlan:
    """spec → problem → plan. Raises PlanError for a layer that is no CausalConvWithState."""
    if spec.own_activation is not None:
        raise PlanError(f"`{spec.name}`: the activation {spec.own_activation!r} is Python's and has no C")
    try:
        return planned(spec.problem, ask)
    except PlanError as wrong:
        raise PlanError(f"`{spec.name}`: {wrong}") from None


def emitted(
    spec: Spec, ask: Ask, weights: Arrays | None = None, *, beside: Collection[str] = ()
) -> GeneratedSource[CausalPlan]:
    """spec → problem → plan → C text; `weights` are the problem's, to be baked. Raises PlanError as `of_spec` does.

    `beside` are the names of all layers whose headers may be included together.
    """
    plan = of_spec(spec, ask)
    with vectors.apart(f"{spec.name}_causal_" if ask.apart else ""):
        return _source(plan, spec.name, banner=_head(spec, plan), weights=weights, beside=beside)


def written(plan: CausalPlan) -> str:
    """One C translation unit for the JIT: header, function and the exported entry of templates/causal/abi.h."""
    made, p = _source(plan, JIT_NAME), plan.problem
    view = CausalView(plan, made.name).view() | {"biased": p.bias, "numbers": plan.kept * p.channels}
    return made.header + made.code[made.head :] + render.fill("causal/jit.c.j2", view)


def _source(
    plan: CausalPlan,
    layer: str,
    *,
    banner: Sequence[str] = (),
    weights: Arrays | None = None,
    beside: Collection[str] = (),
) -> GeneratedSource[CausalPlan]:
    """The .c and .h under LAYER_causal; `weights` are the kernel (taps, 1, channels) and the bias, to be baked."""
    name = cformat.identifier(f"{layer}_causal")
    view = CausalView(plan, name).view() | {"tables": _tables(plan, weights) if weights is not None else ()}
    _, names = vectors.finished(render.piece("causal/causal.c.j2", view | {"head": ""}))
    lanes = tuple(sorted({plan.lanes, 1}, reverse=True))
    top = Head(plan.target, plan.problem.format, lanes, None, values(plan.problem.epilogue.later)).text(names)
    view |= {"head": top, "macros": _macros(plan, layer, beside)}
    return render.filled(plan, name, PARTS, view, banner=banner)


def _head(spec: Spec, plan: CausalPlan) -> tuple[str, ...]:
    """The banner's lines."""
    p = plan.problem
    facts = (
        ("computes", f"{banner.formula(p)}; x, y as (channels, steps)"),
        ("algorithm", plan.describe()),
        ("work", f"{separated(p.kernel_size * p.channels, 'multiply-add')} a step"),
        ("memory", f"{plan.kept * p.channels * p.item_bytes:,} bytes of past"),
    )
    what = f"ONNX' CausalConvWithState of a {spec.kind}"
    told = tuple(banner.parameters_told(spec))
    return banner.head(banner.Told(f"{spec.name}_causal", what, plan.target, facts, told))


def _macros(plan: CausalPlan, layer: str, beside: Collection[str]) -> tuple[Macro, ...]:
    told = {
        "CAUSAL_CHANNELS": Meaning(plan.problem.channels),
        "CAUSAL_KEPT": Meaning(plan.kept, told="steps of each channel in past and present"),
    }
    return tuple(replace(one, old=None) for one in macros(layer, told, beside))


def _tables(plan: CausalPlan, weights: Arrays) -> tuple[Any, ...]:
    """The kernel and the bias as tables: (label, type, count, values)."""
    kernel, *held = weights
    assert kernel is not None
    p = plan.problem
    rows = kernel.reshape(p.kernel_size, p.channels).T.ravel()
    named = [("kernel", rows), *(("bias", each) for each in held if each is not None)]
    return tuple((label, p.format.c, len(one), cformat.table(one.tolist(), p.format)) for label, one in named)

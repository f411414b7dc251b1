"""The C of ONNX' CausalConvWithState: NAME_causal.c and .h, in its own signature (x, past, y, present)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codegen.emission import banner, cformat, render, vectors
from codegen.emission.cfunction import CFunction, Parameter, numbers, reads, static, writes
from codegen.emission.ending import weight_name
from codegen.emission.heads import Head, values
from codegen.emission.macros import Macro, Meaning, macros
from codegen.emission.microkernel import index, offset
from codegen.emission.render import GeneratedSource
from codegen.errors import PlanError
from codegen.errors.counting import counted, separated
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
    view = _view(plan, made.name) | {"biased": p.bias, "numbers": plan.kept * p.channels}
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
    view = _view(plan, name) | {"tables": _tables(plan, weights) if weights is not None else ()}
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


def _view(plan: CausalPlan, name: str) -> dict[str, Any]:
    """What the templates of templates/causal/ are given."""
    p, n, kept = plan.problem, plan.lanes, plan.kept
    functions = _functions(plan, name)
    sums = {one: functions[f"sums{one}"] for one in (n, 1) if one == n or kept}
    return {
        "p": p,
        "name": name,
        "c": p.format.c,
        "n": n,
        "channels": p.channels,
        "kept": kept,
        "keeps": kept > 0,
        "several": n > 1,
        "fetches": plan.fetches,
        "least": plan.least,
        "room": plan.room,
        "most_sums": plan.least * n,
        "taps": [{"number": tap, "x": offset("x", tap)} for tap in range(p.kernel_size)],
        "sums": [{"lanes": one, "several": one > 1, "function": function} for one, function in sums.items()],
        "olds": [_old(tap, kept) for tap in range(kept)],
        "first": f"t - {kept}" if kept else "t",
        **_calls(plan, functions),
    }


def _old(tap: int, kept: int) -> dict[str, Any]:
    """The step that a tap reads of those before, where it lies, and what comes in its place."""
    following = f"kept{tap + 1}" if tap + 1 < kept else "now"
    return {"number": tap, "before": f"before[{tap}]", "place": index((kept, "c"), tap), "next": following}


def _functions(plan: CausalPlan, name: str) -> dict[str, CFunction]:
    """The functions of the file."""
    p = plan.problem
    c, n, taps, start = p.format.c, plan.lanes, reads(p.format.c, "taps", alone=False), Parameter("start", p.format.c)
    x, baked = reads(c, "x", alone=False), plan.ask.weights == "baked"
    found = {
        f"sums{one}": CFunction(f"{name}_sums{one}", (*x, *taps, start), vectors.spelled(one), "static inline")
        for one in (n, 1)
    }
    before, fetched = reads(c, "before") * (plan.kept > 0), numbers("next") * plan.fetches
    row = (*reads(c, "x"), *numbers("steps"), *before, *reads(c, "taps"), start, *writes(c, "y"), *fetched)
    found["row"] = static(f"{name}_row", *row)
    held = () if baked else (*reads(c, "kernel", alone=False), *reads(c, "bias", alone=False) * p.bias)
    few = (*numbers("first"), *x, *numbers("steps"), *reads(c, "past", alone=False), *numbers("apart"), *held)
    found["few"] = static(f"{name}_few", *few, *writes(c, "y", "present", alone=False))
    found["one"] = static(f"{name}_one", *(one for one in found["few"].parameters if one.name != "steps"))
    found["whole"] = CFunction(name, _parameters(plan))
    return found


def _parameters(plan: CausalPlan) -> tuple[Parameter, ...]:
    """The arguments of the header's function."""
    p, kept = plan.problem, plan.kept
    c, (channels, taps) = p.format.c, (p.channels, p.kernel_size)
    held = [Parameter("kernel", f"const {c} *", f"({channels}, 1, {taps})")]
    if p.bias:
        held.append(Parameter("bias", f"const {c} *", f"({channels})"))
    return (
        Parameter("x", f"const {c} *", f"({channels}, steps)"),
        Parameter("steps", "ptrdiff_t", "1 or more"),
        Parameter("past", f"const {c} *", f"({channels}, {kept}), or NULL for zeros"),
        *(held if plan.ask.weights != "baked" else ()),
        Parameter("y", f"{c} *", f"({channels}, steps)"),
        Parameter("present", f"{c} *", f"({channels}, {kept})"),
    )


def _calls(plan: CausalPlan, functions: dict[str, CFunction]) -> dict[str, Any]:
    """The functions, and the calls between them."""
    p, n, kept, name = plan.problem, plan.lanes, plan.kept, functions["whole"].name
    taps = offset(weight_name(plan.ask, name), (p.kernel_size, "c"))
    start = f"{weight_name(plan.ask, name, 'bias')}[c]" if p.bias else "0"
    before = "past + apart * c"
    more = {"before": before} if kept else {}
    if plan.fetches:
        more["next"] = f"c < {p.channels - 1} ? steps : 0" if p.channels > 1 else "0"
    row = functions["row"].call(x="x + steps * c", taps=taps, start=start, y="y + steps * c", **more)
    return {
        "functions": functions,
        "row": functions["row"],
        "few": functions["few"] if kept else None,
        "whole": functions["whole"],
        "one": functions["one"],
        "count": counted(n, "channel"),
        "ragged": p.channels % n > 0,
        "last": f"first + {n} < {p.channels} ? first + {n} : {p.channels}" if p.channels % n else f"first + {n}",
        "ended": _ended(plan, functions[f"sums{n}"]),
        "calls": {
            "row": row,
            "few": functions["few"].call(first="c"),
            "one": functions["one"].call(first="c"),
            "taps": taps,
            "start": start,
            "sum": functions["sums1"].of("window + t", taps, start),
        },
    }


def _ended(plan: CausalPlan, several: CFunction) -> dict[str, str]:
    """Vectors of outputs: what the activation makes of sums, by where these come from."""
    n, kept = plan.lanes, plan.kept
    load = vectors.spelled(n, "_load")
    found = {
        "window": several.of("window + t", "taps", "start"),
        "rest": several.of("window", "taps", "start"),
        "x": several.of(f"x + t - {kept}" if kept else "x + t", "taps", "start"),
        "one": f"{load}(sums)",
        "sums": f"{load}(sums + {cformat.times(n, 't')})",
    }
    for stage in plan.problem.epilogue.later:
        activation = vectors.spelled(n, f"_{stage.function}")
        found = {word: f"{activation}({value})" for word, value in found.items()}
    return found


def _tables(plan: CausalPlan, weights: Arrays) -> tuple[Any, ...]:
    """The kernel and the bias as tables: (label, type, count, values)."""
    kernel, *held = weights
    assert kernel is not None
    p = plan.problem
    rows = kernel.reshape(p.kernel_size, p.channels).T.ravel()
    named = [("kernel", rows), *(("bias", each) for each in held if each is not None)]
    return tuple((label, p.format.c, len(one), cformat.table(one.tolist(), p.format)) for label, one in named)

"""NAME.c and NAME.h of a layer for several targets: one function that calls that of the best one the CPU has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from codegen.emission import cformat, render
from codegen.emission.cformat import CText, written
from codegen.emission.cfunction import CFunction, Parameter, headers
from codegen.emission.heads import templates
from codegen.emission.interface import aligned, meanings, whole
from codegen.emission.macros import Meaning, macros
from codegen.emission.microkernel import index
from codegen.emission.render import GeneratedSource
from codegen.planning.plan import KernelPlan
from codegen.records import dataclass

__all__ = ["best_first", "name_of", "source"]

WORKSPACE = "workspace"


@dataclass(frozen=True)
class Way:
    """One target's function: the macros that tell a machine which may have it, the CPU's features, the call."""

    name: CText
    machine: CText
    features: tuple[CText, ...]
    call: CText


MACHINES = {"x86_64": "defined(__x86_64__) || defined(__i386__)", "aarch64": "defined(__aarch64__)"}  # by their first


def name_of(layer: str, target: str) -> str:
    """What the layer's function for that target is called."""
    return f"{layer}_{target}"


def best_first(plans: Sequence[KernelPlan]) -> tuple[KernelPlan, ...]:
    """In the order in which they are tried: the widest vectors first, and last what runs anywhere."""
    return tuple(sorted(plans, key=lambda plan: -plan.target.vector_bytes))


def source(
    plans: Sequence[KernelPlan], name: str, *, banner: Sequence[str] = (), beside: Collection[str] = ()
) -> GeneratedSource:
    """The files of the function that chooses, `plans` being of one layer, the last of them for any machine."""
    plans = best_first(plans)
    any_machine = plans[-1]
    function = _function(plans, name)
    view = render.context_of(any_machine, name) | {
        "banner": tuple(map(cformat.comment, banner)),
        "whole": function,
        "packs": (),
        "headers": written(sorted({"stddef.h", *headers([function])})),
        "macros": macros(name, _meanings(plans), beside),
        "declarator": CText(function.declarator),
        "includes": tuple(CText(f"{name_of(name, plan.target.name)}.h") for plan in plans),
        "ways": tuple(_way(plan, name) for plan in plans[:-1]),
        "otherwise": _call(any_machine, name),
    }
    texts = [templates().get_template(f"{part}.j2").render(view) for part in ("dispatch.c", "kernel.h")]
    files = tuple(zip((f"{name}.c", f"{name}.h"), map(cformat.fold, texts), strict=True))
    return GeneratedSource(name, any_machine, files, (function,), tuple(view["macros"]))


def _workspace(plans: Sequence[KernelPlan]) -> tuple[int, int]:
    """(bytes a step, bytes beside): as many as the one that needs most, or more."""
    return max(plan.workspace_step_bytes for plan in plans), max(plan.workspace_bytes for plan in plans)


def _function(plans: Sequence[KernelPlan], name: str) -> CFunction:
    found = [one for one in whole(plans[-1], name).parameters if one.name != WORKSPACE]
    if any(plan.has_workspace for plan in plans):
        a_step, beside = _workspace(plans)
        most = index((a_step, "steps"), beside)
        found.append(Parameter(WORKSPACE, "void *", f"{most} bytes, any content; {aligned(plans[-1])}"))
    return CFunction(name, tuple(found))


def _meanings(plans: Sequence[KernelPlan]) -> Mapping[str, Meaning]:
    a_step, beside = _workspace(plans)
    most = Meaning(index((a_step, "(ptrdiff_t)(steps)"), beside), "steps") if a_step else Meaning(beside)
    return meanings(plans[-1]) | {"WORKSPACE_BYTES": most}


def _way(plan: KernelPlan, name: str) -> Way:
    dialect = plan.target.dialect
    features = () if dialect.baseline else tuple(map(CText, dialect.cpu))
    return Way(CText(plan.target.name), CText(MACHINES[dialect.machines[0]]), features, _call(plan, name))


def _call(plan: KernelPlan, name: str) -> CText:
    return CText(whole(plan, name_of(name, plan.target.name)).call())

"""One layer for several targets in one program: the files of each, and those of the function that chooses."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from codegen.emission import banner, dispatch
from codegen.emission.render import GeneratedSource
from codegen.errors import UsageError
from codegen.planning.ask import Ask
from codegen.problem.dialects import Dialect
from codegen.problem.targets import target_named
from codegen.specs.kinds import Spec

__all__ = ["chooser", "hold", "named"]

LAST = "scalar"


def hold(names: Sequence[str]) -> None:
    """Raises UsageError for targets that cannot be parts of one program."""
    if LAST not in names or len(set(names)) < len(names) or any(name.startswith("cortex") for name in names):
        told = f"got the targets {', '.join(names)}, expected different ones of hosts, {LAST} among them"
        raise UsageError(f"{told}: it is what runs where the CPU has none of the others")
    asking: dict[Dialect, str] = {}
    for name in names:
        other = asking.setdefault(target_named(name).dialect, name)
        if other != name:
            raise UsageError(f"a CPU that has `{name}` has `{other}`, so that one would never be called: leave one out")


def named(spec: Spec, ask: Ask) -> Spec:
    """The layer under the name that its function for that target has.

    Raises UsageError for what would give the functions different arguments.
    """
    if ask.weights == "packed" or ask.sliced or spec.problem.format.whole:
        wrong = f"`{spec.name}`: functions for several targets take the same arguments"
        raise UsageError(f"{wrong}: leave out --packed and --sliced, and give int8 layers one target")
    return replace(spec, name=dispatch.name_of(spec.name, ask.target.name))


def chooser(spec: Spec, sources: Sequence[GeneratedSource], beside: Collection[str] = ()) -> GeneratedSource:
    """The source of NAME itself, which calls one of `sources`: those of `named` for each target."""
    plans = dispatch.best_first([one.plan for one in sources])
    targets = ", ".join(plan.target.name for plan in plans)
    facts = (("computes", banner.formula(spec.problem)), ("targets", f"{targets}: the first that the CPU has"))
    told = banner.Told(spec.name, f"a {spec.kind} for several targets,", plans[-1].target, facts)
    return dispatch.source(plans, spec.name, banner=banner.head(told), beside=beside)

"""The head of a stream's file: what is computed, how, at what cost a step, and what is kept."""

from __future__ import annotations

from codegen.emission import banner, board_facts
from codegen.errors.counting import counted, separated
from codegen.planning.streams import StreamPlan
from codegen.specs.kinds import Spec

__all__ = ["kept", "lines"]


def lines(spec: Spec, plan: StreamPlan, weights: banner.Arrays | None = None) -> tuple[str, ...]:
    """The banner of a layer's stream. Of whole numbers the `weights` tell how large the sums become.

    Raises WeightsError where int32 does not hold them.
    """
    inner = plan.inner
    laid_out = [("kernel", spec.kernel_told)] if spec.kernel_told and plan.ask.weights != "baked" else []
    facts = (
        ("computes", banner.formula(plan.problem)),
        ("stream", f"{blocks(plan)}; {latency(plan)}"),
        ("algorithm", inner.describe()),
        *laid_out,
        ("work", f"{work(plan)}; {moved(plan)}"),
        *([("sums", banner.proved(plan.problem, weights, spec.name))] if weights and spec.problem.format.whole else []),
        *board_facts.rounding(plan.problem),
        ("memory", f"{banner.memory(inner.asked(weights=plan.ask.weights))}; {kept(plan)}"),
        ("size", banner.size(inner)),
    )
    told = banner.Told(spec.name, f"a stream of a {spec.kind}", plan.target, facts, tuple(banner.parameters_told(spec)))
    return banner.head(told)


def blocks(plan: StreamPlan) -> str:
    """The blocks and the clock in words."""
    late = f", behind {counted(plan.delay, 'zero')}" if plan.delay else ""
    clock = (
        f"outputs at the rate of the input{late}" if plan.blocks.clock == "rate" else "outputs as soon as they are sure"
    )
    if plan.promised:
        return f"blocks of multiples of {plan.blocks.block:,} steps, the last of any number; {clock}"
    return f"blocks of any number of steps, {plan.blocks.block:,} most often; {clock}"


def latency(plan: StreamPlan) -> str:
    """The latency and the reach in words."""
    return f"latency {counted(plan.state.latency, 'step')}, {counted(plan.problem.receptive_field, 'step')} are read"


def work(plan: StreamPlan) -> str:
    """Multiply-adds and activations of an output step."""
    p = plan.problem
    activations = sum(stage.out_filters for stage in p.stages if stage.epilogue.later)
    more = f" and {counted(activations, 'activation')}" if activations else ""
    return f"{separated(p.products, 'multiply-add')}{more} an output step"


def moved(plan: StreamPlan) -> str:
    """The bytes that a call moves beside: at most, of a block."""
    if plan.direct:
        return "no step is moved"
    return f"at most {2 * plan.problem.channels * plan.problem.item_bytes:,} bytes moved a step, in every call alike"


def kept(plan: StreamPlan) -> str:
    """The bytes of the state in words."""
    size = plan.problem.item_bytes
    scratch = f" and {plan.scratch_numbers * size:,} of scratch" if plan.scratch_numbers else ""
    return f"a state of {plan.state_numbers * size:,} bytes{scratch} beside its counters"

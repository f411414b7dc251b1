"""The head of a model's file: its nodes, the work of a call, the memory that it takes."""

from __future__ import annotations

from fractions import Fraction

from codegen.emission import banner
from codegen.errors.counting import counted, separated
from codegen.graph.graph import Graph
from codegen.graph.plans import footprint
from codegen.graph.plans.model_plan import ModelPlan
from codegen.graph.plans.stages import Convolved
from codegen.graph.plans.streamed import StreamedModel
from codegen.graph.work import activated, total, works

__all__ = ["lines", "of_stream"]

MOST_TOLD = 48  # values that a banner lists; of more the calls in the file tell


def lines(graph: Graph, plan: ModelPlan) -> tuple[str, ...]:
    """The banner of a model."""
    calls, steps = activated(graph.alive())
    through = f"{_about(steps, 'activation')} an input step" if steps else f"{separated(calls, 'activation')} a call"
    nodes = [(name, f"{told}  {shape}") for name, told, shape in graph.told()]
    facts = (
        ("computes", f"{counted(len(plan.stages), 'stage')} for {counted(len(nodes), 'value')}, {_order(plan)}"),
        ("work", f"{work(plan) if plan.blocks is None else _step(graph)}, {through}"),
        ("memory", f"{memory(plan)}, about {footprint.stack_bytes(plan):,} bytes of stack"),
    )
    return banner.head(banner.Told(graph.name, "a model", plan.target, facts, nodes if len(nodes) <= MOST_TOLD else ()))


def _order(plan: ModelPlan) -> str:
    if plan.blocks is None:
        return "one after the other"
    return f"one after the other on {plan.blocks.block} steps at a time: the bits of its stream"


def of_stream(graph: Graph, plan: StreamedModel) -> tuple[str, ...]:
    """The banner of a model's stream."""
    nodes = [(name, f"{told}  {shape}") for name, told, shape in graph.told()]
    item = plan.format.bytes
    state = f"a state of {plan.kept_numbers * item:,} bytes and {plan.scratch * item:,} of scratch"
    stack = f"about {footprint.stack_bytes(plan):,} bytes of stack"
    facts = (
        (
            "stream",
            f"blocks of any number of steps, {plan.block:,} most often; latency {counted(plan.latency, 'step')}",
        ),
        ("work", _cost(graph, plan)),
        ("memory", f"{_weights(plan)}, {state}, {stack}, nothing allocated"),
    )
    told = nodes if len(nodes) <= MOST_TOLD else ()
    return banner.head(banner.Told(graph.name, "a stream of a model", plan.target, facts, told))


def _cost(graph: Graph, plan: StreamedModel) -> str:
    """What a step of the input costs, and the most that a call does."""
    told = f"{_step(graph)} and {_about(activated(graph.alive())[1], 'activation')} an input step"
    return f"{told}; a block of {plan.block:,} at most {separated(plan.worst, 'multiply-add')}, {_moved(plan)}"


def _step(graph: Graph) -> str:
    """The multiply-adds of an input step."""
    return _about(total(works(graph.alive())).each, "multiply-add")


def _about(count: Fraction, noun: str) -> str:
    found = separated(round(count), noun)
    return found if count.denominator == 1 else f"about {found}"


def _moved(plan: StreamedModel) -> str:
    """What a call copies at most, where all rings end in it."""
    return f"and {plan.moved_numbers * plan.format.bytes:,} bytes moved"


def work(plan: ModelPlan) -> str:
    """The multiply-adds of a call, or of those layers an output step where the length is free."""
    kernels = [stage.plan.problem for stage in plan.stages if isinstance(stage, Convolved)]
    if plan.free:
        return f"{separated(sum(p.products for p in kernels), 'multiply-add')} of an output step of each layer"
    macs = sum(p.macs(p.steps or 0) for p in kernels)
    return f"{separated(macs, 'multiply-add')} a call, a frame where there are frames"


def memory(plan: ModelPlan) -> str:
    """Bytes of weights and workspace."""
    item = plan.format.bytes
    each = f" and {plan.workspace.each * item:,} an input step" if plan.workspace.each else ""
    room = f"{plan.workspace.numbers * item:,} bytes{each} of workspace"
    return f"{_weights(plan)}, {room}, nothing allocated"


def _weights(plan: ModelPlan | StreamedModel) -> str:
    """Their bytes, and where they are."""
    where = "const tables in the .c file" if plan.ask.weights == "baked" else "one argument, as packed"
    return f"{plan.weight_numbers * plan.format.bytes:,} bytes of weights ({where})"

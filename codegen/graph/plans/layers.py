"""The layers with weights as stages, convolutions and dense ones with what follows their sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from codegen.errors import PlanError
from codegen.functions import activations
from codegen.functions.activations import Activation
from codegen.graph.calls import Call
from codegen.graph.elementwise import Activate, Arithmetic
from codegen.graph.plans.place import Place, Size
from codegen.graph.plans.reads import started
from codegen.graph.plans.stages import Convolved, Normalized, Raised, Recurrent
from codegen.graph.plans.tables import Bias, Kernel, Ones, Own, Table
from codegen.graph.plans.walk import Walk
from codegen.numbers import formats
from codegen.planning import planner, streams
from codegen.planning.plan import AnyPlan, Request
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.problem import Problem
from codegen.problem.stages import ending
from codegen.specs import model_kinds
from codegen.specs.kinds import KINDS, Spec
from codegen.specs.model_kinds import (
    GRU,
    LSTM,
    BatchNormalization,
    Dense,
    GroupNormalization,
    LayerNormalization,
    SimpleRNN,
)

__all__ = ["LAYERS", "convolved", "of_rows"]


def planned(run: Walk, problem: Problem, x: Place) -> AnyPlan:
    """The plan of a problem for as many steps as x has; of a stream for windows of it that hold all they read."""
    if run.ask.stream is not None and x.frames is None:
        asked = Request(_windows(problem), run.ask.of_part())
        return planner.answer(asked.likely(problem.reach + run.ask.stream.block))
    request = Request(problem.at_length(x.rows.known), run.ask.of_part())
    return planner.answer(request, run.choose(request) if run.choose else None)


def _windows(problem: Problem) -> Problem:
    """The problem of a window of rows that are all there."""
    return problem.inside(None) if problem.up == 1 else streams.window(problem, started(problem))


def convolved(run: Walk, at: int, behind: Sequence[int] = ()) -> Place:
    """A convolution or a dense layer, its activation or the nodes `behind` its sums in the same kernel."""
    layer = _of_one_dtype(run, at)
    problem, norm, added = _problem(layer), None, list[Place]()
    if behind:
        norm, others, then = _endings(run, at, behind)
        added = [run.lined_up(one) for one in others]
        problem = problem.with_epilogue(ending(problem.bias or norm is not None, then, added=bool(added)))
    x = run.in_rows(at)
    plan = planned(run, problem, x)
    tables: tuple[Table, ...] = (Kernel(plan, layer, norm),)
    if plan.problem.bias:
        tables += (Bias(layer, plan.problem.filters, norm),)
    y = _place(run, behind[-1] if behind else at)
    told = run.told(at) if not behind else "; ".join(run.told(one) for one in (at, *behind))
    kind = Raised if run.streams and x.frames is None and problem.up > 1 else Convolved
    spare = run.room(Size(1)) if kind is Raised else run.spare(at, plan)
    run.stages.append(kind(y=y, x=x, plan=plan, of=problem, tables=tables, spare=spare, added=tuple(added), told=told))
    return y


def _endings(run: Walk, at: int, behind: Sequence[int]) -> tuple[BatchNormalization | None, list[int], Activation]:
    """What the nodes behind a call are: a normalization, the nodes whose values are added, an activation."""
    norm, others, then = None, list[int](), activations.LINEAR
    for one in behind:
        node = run.graph.nodes[one]
        if isinstance(node.op, Activate):
            then = node.op.activation
        elif isinstance(node.op, Arithmetic):
            others += [source for source in node.inputs if source not in (at, *behind)]
        elif isinstance(node.op, Call) and isinstance(node.op.layer, BatchNormalization):
            norm = node.op.layer
    return norm, others, then


def _place(run: Walk, at: int) -> Place:
    """Where a kernel writes a node's value: its rows lie one behind the other."""
    y = run.target(at)
    if y.flat:
        return y
    shape = run.graph.shapes[at]
    return run.dense(shape, run.buffer("own", shape))


def _of_one_dtype(run: Walk, at: int) -> Any:
    """The layer. Raises PlanError for one that computes in another dtype than the model."""
    layer = _layer(run, at)
    if formats.row(layer.dtype).whole:
        way = "emit the layers alone, and call their functions one after the other"
        raise PlanError(f"`{layer.name}` is {layer.dtype}, and models are computed in floats: {way}")
    if layer.dtype != run.graph.dtype:
        raise PlanError(f"`{layer.name}` is {layer.dtype}, and the model {run.graph.dtype}: a model has one dtype in C")
    return layer


def _problem(layer: Any) -> Problem:
    if isinstance(layer, Spec):
        if layer.own_activation is not None:
            raise PlanError(f"`{layer.name}`: the activation {layer.own_activation!r} is Python's and has no C")
        problem: Problem = layer.problem.at_length(None)
        return problem
    return _pointwise(layer.known_channels, layer.units, layer.use_bias, layer.activation, layer.dtype)


def _pointwise(channels: int, filters: int, bias: bool, activation: Activation, dtype: str) -> ConvProblem:
    """One tap on each step."""
    return ConvProblem(None, channels, filters, 1, dtype=dtype, epilogue=ending(bias, activation))


def of_rows(run: Walk, at: int, activation: Activation) -> Place:
    """An activation of whole rows: behind sums that are the input."""
    x = run.in_rows(at)
    problem = _pointwise(x.channels, x.channels, False, activation, run.graph.dtype)
    problem = replace(problem, groups=x.channels)
    plan = planned(run, problem, x)
    y, spare = _place(run, at), run.spare(at, plan)
    run.stages.append(Convolved(y=y, x=x, plan=plan, of=problem, tables=(Ones(plan),), spare=spare, told=run.told(at)))
    return y


def _layer(run: Walk, at: int) -> Any:
    call = run.graph.nodes[at].op
    assert isinstance(call, Call)
    return call.layer


def _normalized(run: Walk, at: int) -> Place:
    layer: LayerNormalization | GroupNormalization = _layer(run, at)
    x, y = run.of(at), run.target(at)
    tables = tuple(Own(layer, name) for name in layer.weight_shapes())
    groups = layer.groups if isinstance(layer, GroupNormalization) else None
    spare = None if groups is None else run.room(Size(2 * x.channels))
    run.stages.append(
        Normalized(
            y=y,
            x=x,
            tables=tables,
            spare=spare,
            told=run.told(at),
            epsilon=layer.epsilon,
            scale=layer.scale,
            center=layer.center,
            groups=groups,
        )
    )
    return y


def _recurrent(run: Walk, at: int) -> Place:
    """The kernel's part of all steps in one go, then step by step what depends on the one before."""
    layer: model_kinds.Recurrent = _of_one_dtype(run, at)
    x, wide = run.in_rows(at), layer.gates * layer.units
    two = isinstance(layer, GRU) and layer.reset_after and layer.use_bias
    problem = _pointwise(x.channels, wide, layer.use_bias, activations.LINEAR, layer.dtype)
    plan = planned(run, problem, x)
    tables: tuple[Table, ...] = (Kernel(plan, layer),)
    if layer.use_bias:
        tables += (Bias(layer, wide, row=0 if two else None),)
    given = run.graph.shapes[run.graph.nodes[at].inputs[0]].with_channels(wide)
    z = run.dense(given, run.buffer("own", given))
    told = f"the kernel of {layer.name} on each step"
    run.stages.append(Convolved(y=z, x=x, plan=plan, tables=tables, spare=run.spare(at, plan), told=told, of=problem))
    own: tuple[Table, ...] = (Own(layer, "recurrent_kernel"),)
    own += tuple(Own(layer, name) for name in layer.weight_shapes() if name.startswith("initial"))
    own += (Bias(layer, wide, row=1),) * two
    y, kept = run.target(at), run.room(Size(wide + 3 * layer.units))
    first = tuple(run.lined_up(one) for one in run.graph.nodes[at].inputs[1:])
    run.stages.append(Recurrent(y=y, x=z, layer=layer, tables=own, spare=kept, first=first, told=run.told(at)))
    return y


LAYERS: dict[type, Callable[[Any, int], Place]] = {
    **dict.fromkeys(KINDS.values(), convolved),
    Dense: convolved,
    LayerNormalization: _normalized,
    GroupNormalization: _normalized,
    LSTM: _recurrent,
    GRU: _recurrent,
    SimpleRNN: _recurrent,
}

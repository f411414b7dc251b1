"""The backward functions of a layer as C: NAME_backward.c and .h, for training on a device. docs/training.md."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from codegen.emission import banner, cformat, render, vectors
from codegen.emission.cfunction import CFunction, Parameter, reads, static, writes
from codegen.emission.expressions import Array, Part, Place, Variable
from codegen.emission.heads import Head, slopes
from codegen.emission.interface import entry
from codegen.emission.macros import Macro, Meaning, macros
from codegen.emission.render import GeneratedSource
from codegen.errors import UsageError
from codegen.functions.activations import Activation
from codegen.gradients import input as input_gradients
from codegen.gradients import kernel_text, output_rows, plan
from codegen.gradients.output_plan import OutputGradientPlan, output_plan
from codegen.planning import planner
from codegen.planning.ask import PLAIN, Ask
from codegen.planning.plan import KernelPlan
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import Target
from codegen.records import dataclass
from codegen.specs.kinds import Conv1DSpec, DepthwiseConv1DSpec, Spec

__all__ = ["BackwardPlan", "emitted", "of_problem", "planned", "written"]

PARTS = ("kernel_head.c", "gradients/backward.c", "gradients/backward.h")


@dataclass(frozen=True)
class BackwardPlan:
    """The plans of a layer of known length; `forward` is for its z, which a layer with an activation does not tell."""

    problem: ConvProblem
    target: Target
    forward: KernelPlan | None
    input: KernelPlan
    kernel: plan.KernelGradientPlan
    output: OutputGradientPlan

    @property
    def turned_numbers(self) -> int:
        """Numbers of the turned kernel in the workspace, up to a cache line."""
        p = self.input.problem
        return -(-p.kernel_size * p.group_channels * p.filters // 16) * 16

    @property
    def input_bytes(self) -> int:
        return self.turned_numbers * self.problem.item_bytes + self.input.workspace_bytes

    @property
    def workspace_bytes(self) -> int:
        """What any of the functions needs: they do not run at the same time on one workspace."""
        forward = self.forward.workspace_bytes if self.forward else 0
        return max(forward, self.input_bytes, self.kernel.workspace_bytes)


def planned(spec: Spec, ask: Ask = PLAIN) -> BackwardPlan:
    """spec → problem → plans. Raises UsageError for a layer that has no such functions."""
    problem = _served(spec)
    if problem.steps is None:
        shape = (98, problem.channels) if problem.channels_last else (problem.channels, 98)
        raise UsageError(
            f"`{spec.name}`: the backward functions are made for one number of steps, and input_shape leaves it free; "
            f"say it, as in input_shape = {shape}"
        )
    return of_problem(problem, ask)


def of_problem(problem: ConvProblem, ask: Ask) -> BackwardPlan:
    """The plans for a problem of known length, no stage of which takes whole rows."""
    linear = problem.with_epilogue(problem.epilogue.start)
    return BackwardPlan(
        problem,
        ask.target,
        None if problem.epilogue.linear else planner.plan(linear, ask),
        planner.plan(input_gradients.input_problem(problem, problem.known_steps), ask),
        plan.plan(problem, ask.target),
        output_plan(problem, ask.target),
    )


def emitted(spec: Spec, ask: Ask = PLAIN, *, beside: Collection[str] = ()) -> GeneratedSource[BackwardPlan]:
    """spec → problem → plans → C text: as `pipeline.emitted`, of the way back. Raises UsageError as `planned` does.

    `beside` are the names of all layers whose headers may be included together.
    """
    parts = planned(spec, ask)
    told = banner.Told(f"{spec.name}_backward", f"the gradients of a {spec.kind},", parts.target, _facts(parts))
    with vectors.apart(f"{spec.name}_backward_" if ask.apart else ""):
        return written(parts, spec.name, banner.head(told), beside)


def written(
    parts: BackwardPlan, layer: str, head: Sequence[str] = (), beside: Collection[str] = ()
) -> GeneratedSource[BackwardPlan]:
    """The text of the plans under LAYER_backward; `head` are lines for the head of both files."""
    name = f"{layer}_backward"
    context = _context(parts, cformat.identifier(name))
    context["macros"] = _macros(layer, parts, context, beside)
    return render.filled(parts, name, PARTS, context, banner=head)


def _served(spec: Spec) -> ConvProblem:
    """The spec's problem. Raises UsageError for a kind or an activation whose gradients are known in Python alone."""
    problem = spec.problem
    if problem.format.whole:
        raise UsageError(
            f"`{spec.name}`: a layer of {spec.dtype} has no gradients: train it in float32, then quantise it"
        )
    way = f"`{spec.name}`: the backward functions of a {{}} are not emitted; in Python, layer.gradients has them"
    if not isinstance(spec, Conv1DSpec | DepthwiseConv1DSpec) or not isinstance(problem, ConvProblem):
        raise UsageError(way.format(spec.kind))
    if not isinstance(spec.activation, Activation) or problem.epilogue.rowwise:
        raise UsageError(way.format(f"{spec.kind} with activation = {spec.activation}"))
    return problem


def _context(parts: BackwardPlan, name: str) -> dict[str, Any]:
    """What both files share, and the texts of the three functions."""
    p, output = parts.problem, output_rows.view(parts.output, name)
    kernel = kernel_text.view(parts.kernel, f"{name}_kernel")
    front, back = input_gradients.zero_taps(p, p.known_steps)
    inner = parts.input.problem
    functions = Functions.of(parts, name)
    begun = tuple(one.name for one in p.epilogue.start.operands)
    behind = Place.of(parts.turned_numbers).in_array("turned")
    return output | {
        "parts": parts,
        "sample": functions.output,
        "functions": functions,
        **_texts(parts, name, output | {"sample": functions.output}, kernel),
        "has_output": bool(p.epilogue.stages),
        "forward_call": _inner_call(parts.forward, f"{name}_linear", "x", "kernel", *begun, "z", space="workspace"),
        "kernel_plan": parts.kernel,
        "of_kernel": kernel["functions"],
        "turn": static(f"{name}_turn", *reads(p.format.c, "kernel"), *writes(p.format.c, "turned")),
        "input_call": _inner_call(parts.input, f"{name}_of_turned", "dz", "turned", "dx", space=behind),
        "front_numbers": front * inner.group_channels * inner.filters,
        **_turn(p, front),
        "back_from": (front + p.kernel_size) * inner.group_channels * inner.filters,
        "back_to": (front + p.kernel_size + back) * inner.group_channels * inner.filters,
    }


@dataclass(frozen=True)
class Functions:
    """The functions of the header."""

    z: CFunction
    output: CFunction
    input: CFunction
    kernel: CFunction

    @classmethod
    def of(cls, parts: BackwardPlan, name: str) -> Functions:
        p = parts.problem
        steps, outs = p.known_steps, p.known_outs
        shapes = dict.fromkeys(("x", "dx"), _shape(p, steps, p.channels, "steps, channels"))
        shapes |= dict.fromkeys(("z", "dz", "dy"), _shape(p, outs, p.filters, "steps, filters"))
        kernel = "({}, {}, {}): taps, channels of a group, filters".format(*p.kernel_shape)
        shapes |= dict.fromkeys(("kernel", "dkernel"), kernel)
        for one in p.epilogue.operands:
            told = f"({one.numbers(p.filters)},)" if one.is_weight else shapes["z"]
            shapes |= dict.fromkeys((one.name, f"d{one.name}"), told)

        def function(word: str, reads: Sequence[str], written: str) -> CFunction:
            found = [Parameter(one, f"const {p.format.c} *", shapes[one]) for one in reads]
            found += [Parameter(written, f"{p.format.c} *", shapes[written]), Parameter("workspace", "void *")]
            return CFunction(f"{name}_{word}", tuple(found))

        output = output_rows.sample(parts.output, f"{name}_output")
        parameters = tuple(replace(one, told=shapes[one.name]) for one in output.parameters)
        return cls(
            function("z", ("x", "kernel", *(one.name for one in p.epilogue.start.operands)), "z"),
            replace(output, parameters=parameters),
            function("input", ("dz", "kernel"), "dx"),
            function("kernel", ("x", "dz"), "dkernel"),
        )


def _texts(parts: BackwardPlan, name: str, output: dict[str, Any], kernel: dict[str, Any]) -> dict[str, str]:
    """The functions of the .c, and the head that they need."""
    p, whole = parts.problem, [one for one in (parts.forward, parts.input) if one]
    texts = {
        "output_text": render.piece("gradients/output.c.j2", output),
        "forward_text": render.within(parts.forward, f"{name}_linear") if parts.forward else "",
        "input_text": render.within(parts.input, f"{name}_of_turned"),
        "kernel_text": kernel_text.text(kernel),
    }
    told = {label: vectors.finished(text) for label, text in texts.items()}
    names = {*chain.from_iterable(names for _, names in told.values())}
    widths = {*output["lanes"], *kernel["lanes"]}.union(*map(render.lanes_of, whole))
    declared = slopes(p.epilogue.later)
    head = Head(parts.target, p.format, tuple(sorted(widths, reverse=True)), functions=declared)
    return {label: text for label, (text, _) in told.items()} | {"head": head.text(names)}


def _macros(name: str, parts: BackwardPlan, context: dict[str, Any], beside: Collection[str]) -> tuple[Macro, ...]:
    """The macros of the header."""
    p = parts.problem
    numbers = {"STEPS": p.known_steps, "OUT_STEPS": context["outs"], "CHANNELS": p.channels, "FILTERS": p.filters}
    numbers["KERNEL_NUMBERS"] = context["kernel_numbers"]
    meanings = {f"backward_{word}": Meaning(number) for word, number in numbers.items()}
    told = "that these functions need, any content"
    meanings["backward_WORKSPACE_BYTES"] = Meaning(parts.workspace_bytes, told=told)
    return macros(name, meanings, beside)


def _turn(p: ConvProblem, front: int) -> dict[str, Any]:
    """The loops over a kernel, and the move of one number to its place in the turned one."""
    counts = {"k": p.kernel_size, "f": p.group_filters, "g": p.groups, "c": p.group_channels}
    k, f, g, c = loops = tuple(Variable.counted(name, count) for name, count in counts.items())
    last, size = front + p.kernel_size - 1, p.group_filters * p.channels
    tap: Part = (size, Variable(f"({last} - k)", last)) if k.most else size * last
    to = Place.of(tap, (p.channels, f), (p.group_channels, g), (1, c))
    of = Place.of((p.group_channels * p.filters, k), (p.filters, c), (p.group_filters, g), (1, f))
    turned, kernel = Array("turned", size * (last + 1)), Array("kernel", size * p.kernel_size)
    text = f"{turned.number(*to.parts)} = {kernel.number(*of.parts)};"
    return {"turn_heads": tuple(loop.loop for loop in loops if loop.most), "turn_text": text}


def _inner_call(plan: KernelPlan | None, name: str, *arguments: str, space: str) -> str:
    """The call of a plan's static function, with the workspace that it may need; nothing without a plan."""
    if plan is None:
        return ""
    spare = (space,) if plan.has_workspace else ()
    return entry(plan, name).of(*arguments, *spare)


def _shape(p: ConvProblem, steps: int, lanes: int, words: str) -> str:
    """The shape of one sample in words."""
    first, second = words.split(", ")
    return f"({steps}, {lanes}): {words}" if p.channels_last else f"({lanes}, {steps}): {second}, {first}"


def _facts(parts: BackwardPlan) -> tuple[tuple[str, str], ...]:
    """What the head of both files tells."""
    p = parts.problem
    return (
        ("forward", banner.formula(p)),
        ("input", parts.input.describe()),
        ("kernel", plan.describe(parts.kernel)),
        ("work", f"{2 * p.macs(p.known_steps):,} multiply-adds a sample"),
        ("memory", f"{parts.workspace_bytes:,} bytes of workspace, nothing allocated; all numbers are {p.format.c}s"),
    )

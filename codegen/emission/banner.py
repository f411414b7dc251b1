"""The head of an emitted file: what is computed, how, at what cost, and how to build it. No date, no path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from codegen import __version__
from codegen.emission import board_facts
from codegen.emission.board_facts import Measured
from codegen.errors import counting
from codegen.functions.activations import Activation
from codegen.numbers.formats import Format
from codegen.planning.plan import KernelPlan
from codegen.problem import sums
from codegen.problem.problem import Chain, ConvProblem, Problem
from codegen.problem.targets import Target
from codegen.records import dataclass
from codegen.specs.kinds import Spec
from codegen.specs.parameters import parameters

if TYPE_CHECKING:
    import numpy as np

    Arrays = Sequence[np.ndarray | None]

ALWAYS = ("input_shape", "filters", "kernel_size", "strides", "padding", "activation")
TRAINING_ONLY = ("initializer", "regularizer", "constraint", "trainable")
BUILD = "cc -std=c99 -O2 -ffp-contract=off"


@dataclass(frozen=True)
class Told:
    """What a banner tells of the file NAME.c: `what` it holds, the spec's `parameters`, and a `facts` line each."""

    name: str
    what: str
    target: Target
    facts: Sequence[tuple[str, str]]
    parameters: Sequence[tuple[str, str]] = ()


def head(told: Told) -> tuple[str, ...]:
    """The banner's lines: plain text, one fact a line."""
    build = f"{' '.join((BUILD, *told.target.flags))} -c {told.name}.c"
    paragraphs = (
        [
            f"{told.name}: {told.what} written by gen-conv {__version__}.",
            "This file belongs to whoever generated it, to use under any licence or none.",
        ],
        [f"    {name} = {value}" for name, value in told.parameters],
        [f"{word:<10} {fact}" for word, fact in (*told.facts, ("build", build))],
    )
    return tuple(line for paragraph in paragraphs if paragraph for line in ("", *paragraph))[1:]


def lines(
    spec: Spec, plan: KernelPlan, weights: Arrays | None = None, measured: Measured | None = None
) -> tuple[str, ...]:
    """The banner of a layer's own file. Of whole numbers the `weights` tell how large the sums become.

    What was `measured` of the file stands in the place of estimates. Raises WeightsError where int32 is too small.
    """
    laid_out = [("kernel", spec.kernel_told)] if spec.kernel_told and plan.weights != "baked" else []
    facts = (
        ("computes", formula(plan.problem)),
        ("algorithm", plan.describe()),
        *laid_out,
        ("work", work(plan.problem)),
        *([("sums", proved(plan.problem, weights, spec.name))] if weights else []),
        *board_facts.rounding(plan.problem),
        ("memory", memory(plan)),
        ("size", size(plan, measured)),
        *board_facts.facts(plan, measured),
    )
    return head(Told(spec.name, f"a {spec.kind}", plan.target, facts, tuple(parameters_told(spec))))


def proved(problem: Problem, weights: Arrays, layer: str) -> str:
    """How large the sums can become for any input, in words. Raises WeightsError where int32 does not hold them."""
    most = sums.hold(problem, weights, layer)
    return f"{most:,} at most for any input, as the weights prove; int32 holds {sums.MOST:,}"


def parameters_told(spec: Spec) -> Iterator[tuple[str, str]]:
    """The parameters that decide what is computed: the main ones, and those that differ from their default."""
    for name, known in parameters(type(spec)).items():
        if name == "name" or name.endswith(TRAINING_ONLY) or name.endswith("regularizer"):
            continue
        value = getattr(spec, name)
        if isinstance(value, Activation) and value.is_plain:
            value = value.name  # its options are the defaults
        if name in ALWAYS or value != known.default:
            yield name, str(value)


def formula(problem: Problem) -> str:
    """The problem as one line of mathematics; of a chain the stages, each of what the one before it makes."""
    if isinstance(problem, Chain):
        return _stage_by_stage(problem)
    return _equation(problem, _sum(problem))


def _stage_by_stage(chain: Chain) -> str:
    """One sum over two kernels where the chain is one; else each stage's equation, whose result has its name."""
    if chain.mixes_channels:
        return _equation(chain.stages[-1], _mixed(chain.stages[0], *chain.kernel_names))
    read, made, names = "x", [], (*chain.names[:-1], "y")
    for stage, kernel, name in zip(chain.stages, chain.kernel_names, names, strict=True):
        made.append(_equation(stage, _sum(stage, kernel, read), name))
        read = name
    return "; ".join(made)


def _sum(p: ConvProblem, kernel: str = "kernel", x: str = "x") -> str:
    """The products of the kernel and the input, summed; a quotient is a whole number, as in C."""
    alone = p.group_channels == 1
    group = "0" if p.groups == 1 else "f" if p.group_filters == 1 else f"f / {p.group_filters}"
    channel = group if alone else "c" if p.groups == 1 else f"{p.group_channels}*({group}) + c"
    over = "k" if alone else "k, c"
    if p.up > 1:
        over = f"{'' if alone else 'c, and '}the k whose sample is a multiple of {p.up},"
    read = f"{x}[{_step(p)}, {channel}]"
    read = f"({read} {'-' if p.zero > 0 else '+'} {abs(p.zero)})" if p.zero else read
    return f"sum over {over} of {kernel}[k, {0 if alone else 'c'}, f] * {read}"


def _mixed(each: ConvProblem, kernel: str, mixing: str) -> str:
    """The same of a kernel that filters each channel by itself, and one that mixes what it makes."""
    several = each.group_filters > 1
    first = f"(sum over k of {kernel}[k, c, {'m' if several else 0}] * x[{_step(each)}, c])"
    place, over = (f"{each.group_filters}*c + m", "c, m") if several else ("c", "c")
    return f"sum over {over} of {mixing}[{place}, f] * {first}"


def _step(p: ConvProblem) -> str:
    """The input step of tap k of output t."""
    at = "t" if p.stride == 1 else f"{p.stride}*t"
    at += " + k" if p.dilation == 1 else f" + {p.dilation}*k"
    if p.centred:
        at += " - left"
    elif p.pad_left:
        at += f" - {p.pad_left}"
    return at if p.up == 1 else f"({at}) / {p.up}"


def _equation(p: ConvProblem, total: str, y: str = "y") -> str:
    """An output of the stage, `y`, as its epilogue makes it of the sum."""
    for stage in p.epilogue.stages:
        total = stage.told(total)
    return f"{y}[t, {':' if p.epilogue.rowwise else 'f'}] = {total}"


def work(p: Problem) -> str:
    """Multiply-adds of one sample, or of one output step where the length is free."""
    if p.steps is None:
        return f"{counting.separated(p.products, 'multiply-add')} an output step"
    return f"{counting.separated(p.macs(p.steps), 'multiply-add')} a call"


def memory(plan: KernelPlan) -> str:
    """Bytes of weights and workspace, and where the weights are."""
    where = {"baked": "const tables in the .c file", "packed": "arguments, as packed"}.get(plan.weights, "arguments")
    if plan.kernel_format.coded:
        where += f"; the kernel's are {plan.kernel_format.name}, {_rounding(plan.kernel_format)}"
    weights = counting.separated(weight_bytes(plan), "byte")
    return f"{weights} of weights ({where}), {workspace(plan)} of workspace, nothing allocated"


def size(plan: KernelPlan, measured: Measured | None = None) -> str:
    """Bytes of code, tables left out, and of stack: as they were measured, or two digits of the estimates."""
    least = ", the fewest of all plans" if plan.ask.objective == "size" else ""
    if measured is not None:
        return f"{measured.code:,} bytes of code, {measured.stack:,} of stack by {measured.compiler}{least}"
    return f"{code_and_stack(plan)} (estimated for gcc -O2){least}"


def code_and_stack(plan: KernelPlan) -> str:
    """The same without saying for what."""
    from codegen.planning.footprint import estimate

    code, stack = (counting.about(count) for count in (estimate.code_bytes(plan), estimate.stack_bytes(plan)))
    return f"about {code} bytes of code, about {stack} of stack"


def _rounding(row: Format) -> str:
    """How far a weight may be moved by being stored so."""
    return f"rounded by 1 part in {1 / row.unit:,.0f} at most" if row.unit else f"rounded by {row.tiny:g} at most"


def weight_bytes(plan: KernelPlan) -> int:
    """Bytes of all weights as the C reads them: a transform's are many times those of Keras' shape."""
    if plan.weights == "argument":
        return plan.weight_bytes
    p = plan.problem
    return plan.packed_numbers * plan.kernel_format.bytes + p.epilogue_bytes


def workspace(plan: KernelPlan) -> str:
    """The workspace in words: its bytes, and what each input step adds where the length is free."""
    each = f" and {plan.workspace_step_bytes:,} an input step" if plan.workspace_step_bytes else ""
    return f"{counting.separated(plan.workspace_bytes, 'byte')}{each}"

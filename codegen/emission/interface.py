"""The C interface of a plan's function: its arguments in their fixed order, its declarator, its workspace."""

from __future__ import annotations

from codegen.emission.cfunction import CFunction, Parameter
from codegen.emission.ending import operand_names, weight_name
from codegen.emission.macros import Meaning
from codegen.emission.microkernel import index
from codegen.planning.plan import AnyPlan
from codegen.problem.problem import Problem


def parameters(plan: AnyPlan, name: str) -> tuple[Parameter, ...]:
    """The arguments of the public function `name`, in their fixed order."""
    p, c = plan.problem, plan.problem.format.c
    steps = "steps" if p.steps is None else str(p.steps)
    found = [Parameter("x", f"const {c} *", _shape(p, steps, p.channels, "steps", "channels"))]
    if p.steps is None:
        found.append(Parameter("steps", "ptrdiff_t", "input steps, 0 or more"))
    if plan.weights != "baked":
        for label, part in kernels(plan):
            shape = kernel_shape(part) if plan.weights == "argument" else "as packed"
            shape += f"; {plan.storage} codes" if plan.kernel_format.coded else ""
            found.append(Parameter(label, f"const {stored(plan)} *", shape))
    outs = out_steps(name).call() if p.steps is None else str(p.out_steps(p.steps))
    for operand in p.epilogue.operands:
        if operand.lies == "output":
            shape = _shape(p, outs, p.filters, "output steps", "filters")
            found.append(Parameter(operand.name, f"const {c} *", shape))
        elif plan.weights != "baked":
            found.append(Parameter(operand.name, f"const {c} *", f"({operand.numbers(p.filters)},)"))
    found.append(Parameter("y", f"{c} *", _shape(p, outs, p.out_filters, "output steps", "filters")))
    if plan.has_workspace:
        one = not plan.workspace_step_bytes and plan.workspace_bytes == 1
        told = f"{workspace_size(plan)} {'byte' if one else 'bytes'}, any content; {aligned(plan)}"
        found.append(Parameter("workspace", "void *", told))
    return tuple(found)


def alignment(plan: AnyPlan) -> int:
    """Bytes that the workspace's address is a multiple of."""
    p: Problem = plan.problem
    return max(p.item_bytes, plan.algorithm.aligns)


def aligned(plan: AnyPlan) -> str:
    """How the workspace lies, in words."""
    p, bytes_ = plan.problem, alignment(plan)
    if bytes_ == 1:
        return "of any alignment"
    return f"aligned to {bytes_}" + (f", as a {p.format.c} is" if bytes_ == p.item_bytes else "")


def kernels(plan: AnyPlan) -> tuple[tuple[str, AnyPlan], ...]:
    """The kernels of the plan in the order of its arguments: the name of each, and the plan that reads it."""
    names = plan.problem.kernel_names
    if len(names) == 1:
        return ((names[0], plan),)
    if not plan.parts:  # one text reads them all
        return tuple((name, plan) for name in names)
    if plan.inner.problem.kernel_names == names:
        return kernels(plan.inner)
    return tuple(zip(names, plan.parts, strict=True))


def kernel_shape(plan: AnyPlan) -> str:
    """The shape of a kernel in words."""
    p = plan.problem
    return f"({p.kernel_size}, {p.group_channels}, {p.filters}): taps, channels of a group, filters"


def weight_names(plan: AnyPlan, name: str) -> tuple[str, ...]:
    """The C names of the kernels and the operands inside of the function `name`: arguments, or tables of the file."""
    return (*(weight_name(plan.ask, name, label) for label, _ in kernels(plan)), *operand_names(plan, name))


def workspace_size(plan: AnyPlan, steps: str = "steps") -> str:
    """The bytes of workspace in C: a number, or an expression in the number of steps."""
    return index((plan.workspace_step_bytes, steps), plan.workspace_bytes)


def stored(plan: AnyPlan) -> str:
    """The C type of the kernel array's numbers."""
    return plan.kernel_format.c


def whole(plan: AnyPlan, name: str) -> CFunction:
    """The function that does all of the work."""
    return CFunction(name, parameters(plan, name))


def sliced(plan: AnyPlan, name: str) -> CFunction:
    """The one that does a slice of it."""
    more = (Parameter("slice", "ptrdiff_t"), Parameter("slices", "ptrdiff_t"))
    return CFunction(f"{name}_slice", (*parameters(plan, name), *more))


def entry(plan: AnyPlan, name: str) -> CFunction:
    """The function that the algorithm's template writes: all of the work, or one slice of it."""
    return sliced(plan, name) if plan.sliced else whole(plan, name)


def out_steps(name: str, linkage: str = "") -> CFunction:
    """The function that tells the output steps of a free length."""
    return CFunction(f"{name}_out_steps", (Parameter("steps", "ptrdiff_t"),), "ptrdiff_t", linkage)


def _shape(p: Problem, length: str, lanes: int, rows: str, columns: str) -> str:
    if p.channels_last:
        return f"({length}, {lanes}): {rows}, {columns}"
    return f"({lanes}, {length}): {columns}, {rows}"


def meanings(plan: AnyPlan) -> dict[str, Meaning]:
    """The header's macros by their suffix, but for the counts of packed weights."""
    p = plan.problem
    found = {} if p.steps is None else {"STEPS": Meaning(p.steps), "OUT_STEPS": Meaning(p.out_steps(p.steps))}
    found |= {"CHANNELS": Meaning(p.channels), "FILTERS": Meaning(p.filters)}
    if p.out_filters != p.filters:
        found["OUT_FILTERS"] = Meaning(p.out_filters)
    if plan.workspace_step_bytes:
        found["WORKSPACE_BYTES"] = Meaning(workspace_size(plan, "(ptrdiff_t)(steps)"), "steps")
    else:
        found["WORKSPACE_BYTES"] = Meaning(plan.workspace_bytes)
    if p.format.whole:
        found["WORKSPACE_ALIGN"] = Meaning(alignment(plan))
    return found

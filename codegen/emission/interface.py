"""The C interface of a plan's function: its arguments in their fixed order, its declarator, its workspace."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.emission.microkernel import index
from codegen.planning.plan import KernelPlan
from codegen.problem.conv_problem import ConvProblem


@dataclass(frozen=True)
class Parameter:
    """One argument of the public function: its C declaration and, for the header, its shape in words."""

    name: str
    declaration: str
    shape: str


def parameters(plan: KernelPlan, name: str) -> tuple[Parameter, ...]:
    """The arguments of the public function `name`, in their fixed order."""
    p, c = plan.problem, plan.problem.format.c
    steps = "steps" if p.steps is None else str(p.steps)
    found = [Parameter("x", f"const {c} *x", _shape(p, steps, p.channels, "steps", "channels"))]
    if p.steps is None:
        found.append(Parameter("steps", "ptrdiff_t steps", "input steps, 0 or more"))
    if plan.weights != "baked":
        for label, part in kernels(plan):
            shape = kernel_shape(part) if plan.weights == "argument" else "as packed"
            shape += f"; {plan.storage} codes" if plan.kernel_format.coded else ""
            found.append(Parameter(label, f"const {stored(plan)} *{label}", shape))
        if p.bias:
            found.append(Parameter("bias", f"const {c} *bias", f"({p.filters},)"))
    outs = f"{name}_out_steps(steps)" if p.steps is None else str(p.out_steps(p.steps))
    found.append(Parameter("y", f"{c} *y", _shape(p, outs, p.out_filters, "output steps", "filters")))
    if plan.has_workspace:
        found.append(
            Parameter(
                "workspace",
                "void *workspace",
                f"{workspace_size(plan)} bytes, any content; aligned to {p.item_bytes}, as a {c} is",
            )
        )
    return tuple(found)


def kernels(plan: KernelPlan) -> tuple[tuple[str, KernelPlan], ...]:
    """The kernels of the plan in the order of its arguments: the name of each, and the plan that reads it."""
    if not plan.problem.depth_multiplier:
        return (("kernel", plan),)
    if plan.inner is not None and plan.inner.problem.depth_multiplier:
        return kernels(plan.inner)
    each, across = plan.parts
    return ("depthwise_kernel", each), ("pointwise_kernel", across)


def kernel_shape(plan: KernelPlan) -> str:
    """The shape of a kernel in words."""
    p = plan.problem
    return f"({p.kernel_size}, {p.group_channels}, {p.filters}): taps, channels of a group, filters"


def weight_names(plan: KernelPlan, name: str) -> tuple[str, ...]:
    """The C names of the kernels and the bias inside of the function `name`: arguments, or tables of the file."""
    prefix = f"{name}_" if plan.weights == "baked" else ""
    labels = [*(label for label, _ in kernels(plan)), *["bias"] * plan.problem.bias]
    return tuple(prefix + label for label in labels)


def workspace_size(plan: KernelPlan, steps: str = "steps") -> str:
    """The bytes of workspace in C: a number, or an expression in the number of steps."""
    return index((plan.workspace_step_bytes, steps), plan.workspace_bytes)


def stored(plan: KernelPlan) -> str:
    """The C type of the kernel array's numbers."""
    return plan.kernel_format.c


def entry(plan: KernelPlan, name: str) -> str:
    """The declarator of the function that the algorithm's template writes: all of the work, or one slice of it."""
    arguments = ", ".join(parameter.declaration for parameter in parameters(plan, name))
    if plan.sliced:
        return f"void {name}_slice({arguments}, ptrdiff_t slice, ptrdiff_t slices)"
    return f"void {name}({arguments})"


def _shape(p: ConvProblem, length: str, lanes: int, rows: str, columns: str) -> str:
    if p.channels_last:
        return f"({length}, {lanes}): {rows}, {columns}"
    return f"({lanes}, {length}): {columns}, {rows}"


def workspace_macro(plan: KernelPlan) -> str:
    """What follows NAME_WORKSPACE_BYTES in its definition."""
    if not plan.workspace_step_bytes:
        return f" {plan.workspace_bytes}"
    return f"(steps) ({workspace_size(plan, '(ptrdiff_t)(steps)')})"

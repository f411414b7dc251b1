"""What `templates/gradients/output.c.j2` prints: dz = dy * f'(z), and its sums, the bias' gradient, in one pass."""

from __future__ import annotations

from typing import Any

from codegen.emission.cformat import times
from codegen.emission.microkernel import index
from codegen.functions.activations import LINEAR
from codegen.gradients.plan import OutputGradientPlan

__all__ = ["view"]

CHUNK = 256  # rows whose sums are added up before they are added to the bias' gradient: sums of sums round less


def _filters(plan: OutputGradientPlan) -> dict[str, Any]:
    """The first filter of row block j, and in the block the first that is not its neighbour's too."""
    at, last, rest = times(plan.width, "j"), plan.problem.filters - plan.width, plan.problem.filters % plan.width
    if not rest:
        return {"overlaps": False, "first_filter": at, "first_new": "0"}
    return {"overlaps": True, "first_filter": f"{at} < {last} ? {at} : {last}", "first_new": f"{at} - f"}


def view(plan: OutputGradientPlan, name: str) -> dict[str, Any]:
    """The template's variables."""
    p, dtype = plan.problem, plan.problem.format
    assert p.steps is not None
    outs, curved = p.out_steps(p.steps), p.activation != LINEAR
    whole, step = outs // plan.width, plan.width if plan.along_time else p.filters
    return {
        "p": p,
        "plan": plan,
        "name": name,
        "declarator": f"static void {name}_output_sample",
        "c": dtype.c,
        "dtype": dtype,
        "target": plan.target,
        "lanes": tuple(sorted({plan.lanes, 1}, reverse=True)),
        "lane": plan.lanes,
        "vectors": [(f"a{v}", index((step, "t"), v * plan.lanes), v * plan.lanes) for v in range(plan.vectors)],
        "width": plan.width,
        "step": step,
        "curved": curved,
        "act": p.activation.name,
        "activation": p.activation,
        "bias": p.bias,
        "outs": outs,
        "numbers": outs * p.filters,
        "whole": whole,
        "rows": whole if plan.along_time else outs,
        "chunk": CHUNK,
        "tail": whole * plan.width,
        "panels": -(-p.filters // plan.width),
        **_filters(plan),
        "bias_numbers": plan.bias_numbers,
        "kernel_numbers": p.kernel_size * p.group_channels * p.filters,
    }

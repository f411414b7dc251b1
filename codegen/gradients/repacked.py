"""Plans of kernels whose weights are others in each call, as in training: packing counts beside the sums."""

from __future__ import annotations

from codegen.planning import planner
from codegen.planning.plan import AnyPlan, AnyRequest

__all__ = ["call_cycles", "choice", "packing_cycles"]

SAMPLES = 4  # of a call: a usual batch, or a part of one
MOVED = 0.5  # cycles for each packed number, which is read and written
UNROLLED = 32  # taps up to which each point is a sum over all of them
DOUBLE = 8  # bytes: points are sums of doubles
WORTH = 0.8  # of what direct sums take by the estimates, which are higher than they should be for small layers
TOUCHED = 0.4  # cycles for each byte of packed kernel and workspace, which drives out what a step's other kernels read


def choice(asked: AnyRequest, samples: int = SAMPLES) -> str:
    """The key of the plan that takes least for a call of so many samples, with what it packs and touches before it.

    Raises PlanError.
    """
    found = planner.survey(asked).found
    direct = [plan for plan in found if not plan.transforms]
    best, plain = (min(plans, key=lambda one: call_cycles(one, samples), default=found[0]) for plans in (found, direct))
    little = not plain.transforms and call_cycles(best, samples) > WORTH * call_cycles(plain, samples)
    return (plain if little else best).key


def call_cycles(plan: AnyPlan, samples: int = SAMPLES) -> float:
    """Cycles of a call of so many samples, with its packing and what both touch."""
    return samples * plan.cost.cycles + packing_cycles(plan) + _touching_cycles(plan)


def _touching_cycles(plan: AnyPlan) -> float:
    """Cycles for memory that is near in a loop of one kernel, and no longer where others run between its calls.

    Measured with layer H: by FFT16 its gradients took 9 us more than by direct sums in a step, 7 us less in a loop.
    """
    touched: int = plan.packed_numbers * plan.problem.item_bytes + plan.workspace_bytes
    return TOUCHED * touched


def packing_cycles(plan: AnyPlan) -> float:
    """Cycles to pack the kernel once: each number is moved, or a point that is summed over the taps.

    A sum takes half of the multiplications that the target's vectors could do. Measured with gcc on a Xeon of 2.8 GHz:
    128→128 K16 by FFT64 4.0 cycles a number, 256→256 K3 1.4.
    """
    lanes = max(1, plan.target.vector_bytes // DOUBLE)
    taps = min(plan.problem.kernel_size, UNROLLED) if plan.transforms else 0
    return plan.packed_numbers * (MOVED + 2 * taps / lanes)

"""The roofline of a layer by its core's own figures: operations a cycle over operations a byte (Williams et al., 2009).

All in it is an estimate: the peak and the memory levels are those of the core's row, the dots the planner's cycles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil, floor, inf, log10

from codegen.planning.algorithms.cost import steps_told
from codegen.planning.plan import AnyPlan
from codegen.problem.cores import by_size
from codegen.problem.targets import Target
from codegen.report import svg

__all__ = ["drawn", "peak"]

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640.0, 340.0, 70.0, 30.0, 20.0, 56.0
OTHERS = 12  # plans that are drawn beside


def peak(target: Target, item: int) -> float:
    """Floating-point operations a cycle at most."""
    wide = max(1, target.vector_bytes // item)
    return 2 * wide * by_size(target.core.pipeline.multiply_adds, target.vector_bytes)


def work(plan: AnyPlan) -> tuple[float, float]:
    """(operations a byte, operations a cycle): input, weights and output are moved once."""
    p = plan.problem
    steps = steps_told(p)
    operations = 2 * p.macs(steps)
    moved = (steps * p.channels + p.out_steps(steps) * p.out_filters + plan.packed_numbers) * p.item_bytes
    return operations / moved, operations / max(1.0, plan.cost.cycles)


class _Axes:
    """Both axes are logarithmic."""

    def __init__(self, points: Sequence[tuple[float, float]], highest: float) -> None:
        across, up = zip(*points, strict=True)
        self.x = floor(log10(min(across))), ceil(log10(max(across)) + 0.3)
        self.y = log10(min(*up, highest / 8) / 2), log10(max(*up, highest) * 2)

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = (log10(x) - self.x[0]) / (self.x[1] - self.x[0])
        up = (log10(y) - self.y[0]) / (self.y[1] - self.y[0])
        return LEFT + across * (WIDTH - LEFT - RIGHT), TOP + (1 - up) * (HEIGHT - TOP - BOTTOM)


def drawn(plan: AnyPlan, others: Sequence[AnyPlan]) -> str:
    """The plan as a dot under its roofs, other plans of the same layer as faint ones."""
    found = [work(one) for one in others if one.key != plan.key][:OTHERS]
    highest, mine = peak(plan.target, plan.problem.item_bytes), work(plan)
    axes = _Axes([mine, *found], highest)
    body = [*_grid(axes), *_roofs(axes, plan.target, highest)]
    named = [one for one in others if one.key != plan.key]
    for one, (x, y) in zip(named, found, strict=False):
        body.append(svg.dot(*axes.at(x, y), colour="rule", title=f"{one.describe()}: {y:.2f} a cycle"))
    x, y = axes.at(*mine)
    share = f"{plan.algorithm.name}: {mine[1]:.1f} a cycle, {100 * mine[1] / highest:.0f} % of the peak"
    end = x > WIDTH * 0.6
    body.append(svg.dot(x, y, colour="green", title=plan.describe(), radius=6))
    body.append(svg.text(x + (-10 if end else 10), y + 20, share, anchor="end" if end else "start", bold=True))
    return svg.document(WIDTH, HEIGHT, "Roofline", body)


def _grid(axes: _Axes) -> Iterator[str]:
    base = HEIGHT - BOTTOM
    for power in range(int(axes.x[0]), int(axes.x[1]) + 1):
        x, _ = axes.at(10.0**power, 10 ** axes.y[0])
        yield svg.line(x, TOP, x, base)
        yield svg.text(x, base + 16, f"{10.0**power:g}", anchor="middle", size=10, colour="faint")
    for rate in (digit * 10.0**power for power in range(-4, 5) for digit in (1, 2, 5)):
        if axes.y[0] <= log10(rate) <= axes.y[1]:
            _, y = axes.at(10 ** axes.x[0], rate)
            yield svg.line(LEFT, y, WIDTH - RIGHT, y)
            yield svg.text(LEFT - 6, y + 4, f"{rate:g}", anchor="end", size=10, colour="faint")
    yield svg.text((LEFT + WIDTH) / 2, HEIGHT - 14, "operations for each byte that must move", anchor="middle")
    yield svg.text(18, (TOP + base) / 2, "operations a cycle", anchor="middle", turned=True)


def _roofs(axes: _Axes, target: Target, highest: float) -> Iterator[str]:
    """The peak, and a slope for each level of memory from which bytes take time."""
    left, right = 10 ** axes.x[0], 10 ** axes.x[1]
    yield svg.line(*axes.at(left, highest), *axes.at(right, highest), colour="red")
    x, y = axes.at(right, highest)
    yield svg.text(x - 4, y - 6, f"peak of {target.name}: {highest:g}", anchor="end", colour="red", size=10)
    slow = [(size, cycles) for size, cycles in target.core.memory.levels if cycles]
    for place, (size, cycles) in enumerate(slow):
        first, last = max(left, 10 ** axes.y[0] * cycles), min(right, highest * cycles)
        if first < last:
            yield svg.line(*axes.at(first, first / cycles), *axes.at(last, last / cycles), colour="amber", dash="4 3")
            named = first * (last / first) ** (0.2 + 0.22 * (place % 3))
            x, y = axes.at(named, named / cycles)
            yield svg.text(x + 8, y + 12, _level(size), size=9, colour="faint")


def _level(size: float) -> str:
    if size == inf:
        return "memory"
    return f"up to {size / (1 << 20):g} MiB" if size >= 1 << 20 else f"up to {size / (1 << 10):g} KiB"

"""Helium, four filters at a time: 2 positions of each, 8 sums in the even registers, loads and products in turn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from codegen.emission.cortex.helium import EVEN, GUARD, GUARD_FLOAT, SAVED, Step, bounds, scaling
from codegen.emission.cortex.rows import Rows, frame, octets, told, words
from codegen.emission.cortex.scaling import Scaling
from codegen.emission.cortex.sums import Sums
from codegen.planning.assembly.shape import FARTHEST, LANES, Shape
from codegen.planning.assembly.shape import FILTERS as OF
from codegen.records import dataclass

FILTERS = OF["helium_quads"]
FRAME = ("x", "y", "rows", "weights", "weights_end", "block", "left", "row", "phase", "groups")


@dataclass(frozen=True)
class View(Rows):
    """What cortex/helium_quads.S.j2 prints."""

    position_numbers: tuple[int, ...]
    pitch_bytes: int
    near: bool
    group_weight_bytes: int
    uneven: bool
    sums_told: str
    turns: int
    body: tuple[Step, ...]
    rest: tuple[Step, ...]
    bounded: bool
    lowest: int
    highest: int


def view(sums: Sums, over: Shape, name: str) -> View | None:
    """The view of a layer; None where its sums do not fit."""
    how = scaling(sums)
    if how is None:
        return None
    walk, p, count, steps = over.walk, sums.problem, over.positions, over.steps
    turns, rest = divmod(steps, over.each)
    uneven = p.group_filters % FILTERS != 0
    tile = 16 + 64 * steps + 16 * len(how.each[0]) + 4 * uneven
    bounded, lowest, highest = bounds(how)
    fields = told(sums, over, name)
    return View(
        **fields,
        scaling=how,
        guard=GUARD_FLOAT if how.float else GUARD,
        slots=frame(FRAME, walk, SAVED),
        positions=count,
        position_numbers=tuple(range(count)),
        pitch_bytes=walk.pitch,
        near=max(walk.pitch, fields["position_bytes"]) <= FARTHEST,
        group_weight_bytes=tile * -(-p.group_filters // FILTERS),
        uneven=uneven,
        sums_told=", ".join(EVEN[: FILTERS * count]),
        turns=turns,
        body=tuple(_steps(over.each, count)),
        rest=tuple(_steps(rest, count)),
        bounded=bounded,
        lowest=lowest,
        highest=highest,
        aligned=16,
        data=tuple(_data(sums, how, steps)),
    )


def _steps(count: int, positions: int) -> Iterator[Step]:
    """`count` steps of 16 numbers: what the next one begins with is loaded between the products of this one."""
    for i in range(count):
        x, ahead = (("q0", "q1"), ("q4", "q5"))[:: 1 if i % 2 == 0 else -1]
        last = i == count - 1
        if i == 0:
            yield from (Step("q0", "r1"), Step("q2", "r5"))
            yield from [Step("q1", "r3")] * (positions == 2)
        loads = [Step("q3", "r5"), Step("q2", "r5"), None, Step("q3", "r5"), None, None]
        if not last:
            loads[2], loads[5] = Step(ahead[0], "r1"), Step("q2", "r5")
            loads[4] = Step(ahead[1], "r3") if positions == 2 else None
        yield from _products(loads, x, positions)


def _products(loads: list[Step | None], x: tuple[str, str], positions: int) -> Iterator[Step]:
    """The products of a step, a load after each but the last ones: no weights are overwritten that are still needed."""
    order = ((0, 0), None, (1, 0), None, (0, 1), None, (1, 1), None, (0, 2), None, (1, 2), None, (0, 3), (1, 3))
    queue = iter(loads)
    for one in order:
        if one is None:
            load = next(queue)
            if load:
                yield load
        elif one[0] < positions:
            position, which = one
            yield Step(sum=EVEN[FILTERS * position + which], x=x[position], weights=("q2", "q3")[which % 2])


def _data(sums: Sums, how: Scaling, steps: int) -> Iterator[str]:
    """Tile by tile: four biases, 16 weights of each of four filters in turn, the parameters of all four."""
    p, folded, most = sums.problem, sums.folded, sums.problem.group_filters - FILTERS
    starts = [min(start, most) for start in range(0, p.group_filters, FILTERS)]
    for group in range(p.groups):
        for i, start in enumerate(starts):
            a = group * p.group_filters + start
            yield from words(folded[a : a + FILTERS].tolist())
            packed = np.zeros((steps * LANES, FILTERS), np.int8)
            packed[: p.kernel_size * p.group_channels] = sums.weights[:, :, a : a + FILTERS].reshape(-1, FILTERS)
            yield from octets(packed.reshape(steps, LANES, FILTERS).transpose(0, 2, 1).ravel().tolist())
            for column in zip(*how.each[a : a + FILTERS], strict=True):
                yield from words(column)
            if p.group_filters % FILTERS:
                yield from words([starts[i + 1] - start if i + 1 < len(starts) else 0])

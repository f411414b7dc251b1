"""The steps of a recurrent layer, of what its kernel made of its input."""

from __future__ import annotations

from typing import Any

from codegen.emission.models.kernels import of_one
from codegen.emission.models.widths import Segment, along, blocks
from codegen.emission.models.written import Surroundings, Written
from codegen.emission.render import piece
from codegen.graph.plans.stages import Recurrent

__all__ = ["recurrent"]

KEPT = ("h", "cell")  # what a layer keeps of a step, the second of four gates


def recurrent(stage: Recurrent, around: Surroundings) -> Written:
    """The steps of a recurrent layer."""
    layer, after = stage.layer, bool(getattr(stage.layer, "reset_after", True))
    kept = KEPT[: 1 + (layer.gates == 4)]
    initial = ["initial_h", "initial_c"][: len(kept)] if layer.initial_state or stage.first else []
    two = layer.gates == 3 and after and layer.use_bias
    view = of_one(stage, around) | {
        "weights": ["recurrent_kernel", *initial, *["inner_bias"] * two],
        "after": after,
        "starts": "inner_bias" if two else None,
        "sequences": layer.return_sequences,
        "cells": getattr(layer, "return_cells", False),
        "gate": around.words.word(layer.curves[-1]),
        "activation": around.words.word(layer.activation),
        "streams": around.fresh is not None,
    }
    view |= _columns(layer.units, layer.gates, after, around.lanes)
    ends = kept[: 1 + view["cells"]]
    view |= _moves(layer.units, kept, initial, ends, streams=around.fresh is not None)
    sizes = (layer.units, after, two, bool(initial), layer.return_sequences, view["cells"], stage.y.stride)
    key = (Recurrent, layer.kind, *sizes, layer.curves)

    def text(name: str) -> str:
        return piece(f"model/{layer.kind}.c.j2", view | {"name": name})

    first, *others = (around.table(one) for one in stage.tables)
    tables = first, *(around.at(one) for one in stage.first), *others
    assert stage.spare is not None
    last = around.spare(stage.spare), *([] if around.fresh is None else [around.fresh])
    arguments = (around.at(stage.x), *tables, around.at(stage.y), around.rows(stage.x), *last)
    return Written(key, layer.kind, text, arguments)


def _columns(units: int, gates: int, after: bool, lanes: tuple[int, ...]) -> dict[str, Any]:
    """The sums of a recurrent layer's gates, side by side; those of a GRU's last come later where not `after`."""
    wide = gates * units
    return {
        "units": units,
        "twice": 2 * units,
        "thrice": 3 * units,
        "wide": wide,
        "unit": Segment(1, 0, units, variable="k"),
        "reset": f"*const reset = room + {units}, ",
        "segments": along(units, lanes),
        "blocks": blocks(0, wide if after else 2 * units, lanes),
        "last_blocks": blocks(2 * units, wide, lanes),
    }


def _moves(
    units: int, kept: tuple[str, ...], initial: list[str], ends: tuple[str, ...], *, streams: bool
) -> dict[str, Any]:
    """What the layer begins with, where a stream begins anew, and its last numbers as outputs, where it has steps."""
    each = Segment(1, 0, units, variable="j")
    first = [f"{one}[{each.number}]" for one in initial] or ["0"] * len(kept)
    return {
        "fresh": _only("fresh", units) if streams else each.heads,
        "begun": "\n".join(f"{name}[{each.number}] = {value};" for name, value in zip(kept, first, strict=True)),
        "some": _only("steps > 0", units),
        "ended": "\n".join(
            f"y[{f'{at * units} + ' if at else ''}{each.number}] = {name}[{each.number}];"
            for at, name in enumerate(ends)
        ),
    }


def _only(condition: str, units: int) -> tuple[str, ...]:
    """The head of a loop over the units that turns under a condition alone."""
    if units == 1:
        return (f"if ({condition})",)
    return (f"for (ptrdiff_t j = 0; {condition} && j < {units}; ++j)",)

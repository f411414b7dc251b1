"""What `templates/gradients/kernel.c.j2` and `sums.c.j2` print: the tiles of a plan, and places in its arrays."""

from __future__ import annotations

from typing import Any

from codegen.emission import render
from codegen.emission.cformat import ceil_over, floor_over
from codegen.emission.expressions import Place
from codegen.emission.relayout import Turn
from codegen.gradients.kernel_loops import TAP
from codegen.gradients.kernel_tiles import ChannelTiles, KernelTiles, RowTiles
from codegen.gradients.plan import Across, KernelGradientPlan

__all__ = ["text", "view"]

TILES: dict[Across, type[KernelTiles]] = {"filters": KernelTiles, "channels": ChannelTiles, "outputs": RowTiles}


def view(plan: KernelGradientPlan, name: str) -> dict[str, Any]:
    """The template's variables."""
    p, tiles = plan.problem, TILES[plan.across](plan, name)
    dtype, vectors = p.format, plan.target.vector_bytes > 0
    return (
        _places(tiles)
        | _turn(plan, name)
        | {
            "p": p,
            "plan": plan,
            "name": name,
            "c": dtype.c,
            "dtype": dtype,
            "target": plan.target,
            "hold": vectors,
            "plain": not vectors,
            "lanes": tiles.lanes,
            "along": plan.across == "outputs",
            "lane": plan.lanes,
            "blocks": tiles.blocks(),
            "functions": tiles.functions,
            "edges": tiles.edges,
            "chunks": [f"for (ptrdiff_t from = 0; from < {tiles.outs}; from += {plan.chunk})"] * tiles.chunked,
            "outs": tiles.outs,
        }
    )


def _turn(plan: KernelGradientPlan, name: str) -> dict[str, Any]:
    """The square that packs dz of channels_first, where vectors do."""
    if not plan.packed or plan.problem.channels_last or plan.lanes == 1:
        return {"turn": None}
    turn = Turn.of(plan.lanes, plan.problem.item_bytes, f"{name}_pick")
    return {"turn": turn, "turn_lines": turn.lines, "word": plan.problem.format.word}


def _places(tiles: KernelTiles) -> dict[str, Any]:
    """Where numbers lie: steps from one sample, tap, group, filter to the next, in x, in dz and in the sums."""
    p = tiles.problem
    left = p.pads(p.known_steps)[0]
    tap_at = Place.of(*TAP.scaled(p.dilation).parts, -left)
    return {
        "left": left,
        "in_numbers": tiles.in_numbers,
        "out_numbers": tiles.out_numbers,
        "x_at": tiles.places.x(TAP),
        "sums_at": tiles.places.sums(TAP).text,
        "tap_at": tap_at.text,
        "dz_time": p.filters,
        "flush": None if tiles.plan.direct else tiles.flush(),
        "kernel_numbers": tiles.kernel_numbers,
        "first_tap": ceil_over("-at", p.stride),
        "end_tap": floor_over("room", p.stride) + " + 1",
        "room": Place.of(p.known_steps - 1, *tap_at.scaled(-1).parts).text,
    }


def text(view: dict[str, Any]) -> str:
    """The functions of a view, in which names of the vector spelling are marked."""
    return render.piece("gradients/kernel.c.j2", view) + render.piece("gradients/sums.c.j2", view)

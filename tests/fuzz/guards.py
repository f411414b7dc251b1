"""Random graphs in C between pages that may not be touched, whole and in blocks.

    python -m tests.fuzz.guards [--count 500] [--seed 1] [--sanitize]

Each of the two has the numbers of its definition in float64, of whole numbers the bits. A workspace and a state hold
any bytes before. In blocks: any split has the same bits, those of the graph as one function; a state that is copied in
mid-stream goes on with them; a NaN is gone after a reset; endless silence is as many steps of it as the header tells.
With --sanitize under AddressSanitizer and UBSan. Batches run in processes of their own, as what writes beside its
arrays ends its process.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from codegen.graph import reference
from codegen.problem.targets import TARGETS, runs_here
from tests.fuzz.batches import Batches, sanitized
from tests.support import graphs
from tests.support.c_models import Streaming, Whole, library
from tests.support.cprogram import SANITIZE
from tests.support.stream_layers import Array

BATCH = 12  # graphs to a library
NEAR, ROUNDINGS = 1e-5, 30  # in parts of the largest output; times what NumPy is off in the model's own type
SILENT = 4_000  # the most steps of silence that are gone through
WORDS = ("scalar", "sse2", "avx2", "avx512", "neon")


def right(found: Array, wide: Array, narrow: Array, *, exact: bool) -> bool:
    """Whether an output is what the definition has."""
    if found.shape != wide.shape:
        return False
    size = np.abs(wide).max(initial=0)
    off, rounds = (np.abs(one - wide).max(initial=0) for one in (found, narrow))
    return bool(off == 0 if exact and size < graphs.LARGEST else off <= NEAR * size + ROUNDINGS * rounds)


def defined(one: Whole | Streaming, given: dict[str, Array]) -> list[dict[str, Array]]:
    """The outputs of one sample in float64, and in the model's own type."""
    batch = {name: x[None] for name, x in given.items()}
    with np.errstate(all="ignore"):
        types = ("float64", one.graph.dtype)
        made = [reference.run(one.graph, batch, one.weights, dtype) for dtype in types]
    return [{name: y[0] for name, y in found.items()} for found in made]


def whole_trial(one: Whole, rng: np.random.Generator) -> str | None:
    """What is wrong with a graph as one function; None if nothing is, or its input is too short for a definition."""
    steps = int(rng.integers(1, 60))
    given = {name: x[0] for name, x in graphs.inputs(one.graph, steps, steps, exact=one.exact).items()}
    found, again = one(given, steps, 0xFF), one(given, steps, 0x3E)
    if any(a.tobytes() != b.tobytes() for a, b in zip(found, again, strict=True)):
        return f"of {steps} steps it reads what was in its workspace"
    try:
        wide, narrow = defined(one, given)
    except ValueError:  # the largest of no step
        return None
    for (name, _), y in zip(one.graph.outputs, found, strict=True):
        if not right(y, wide[name], narrow[name], exact=one.exact):
            return f"`{name}` of {steps} steps is not what the definition has"
    return None


def stream_trial(one: Streaming, rng: np.random.Generator) -> str | None:
    """What is wrong with a graph in blocks; None if nothing is."""
    steps = int(rng.integers(1, 200))
    x = next(iter(graphs.inputs(one.graph, steps, steps, exact=one.exact).values()))[0]
    wide, narrow = (found["y"] for found in defined(one, {"x": x}))
    wanted = one.stream(x, [steps])
    late = len(wanted) - len(wide)  # zeros, at the rate of the input
    if not 0 <= late <= one.plan.late.zeros or wanted[:late].any():
        return f"{len(wanted)} outputs of {steps} steps, {len(wide)} by the definition"
    if not right(wanted[late:], wide, narrow, exact=one.exact):
        return f"{steps} steps in one block are not what the definition has"
    if one.whole(x, len(wanted)).tobytes() != wanted.tobytes():
        return f"{steps} steps have other bits by the function of the whole"
    if one.once({"x": x}, steps, 0x7F)[0].tobytes() != wanted[late:].tobytes():
        return f"{steps} steps have other bits as one function than in blocks"
    for cuts in (range(steps), *(np.sort(rng.integers(0, steps + 1, int(rng.integers(1, 12)))) for _ in range(3))):
        sizes = np.diff([0, *cuts, steps]).tolist()
        if one.stream(x, sizes).tobytes() != wanted.tobytes():
            return f"blocks of {sizes} steps have other bits than the whole"
    return _kept(one, x, wanted, int(rng.integers(0, steps + 1))) or _silent(one, x)


def _kept(one: Streaming, x: Array, wanted: Array, cut: int) -> str | None:
    state = one.state()
    first = one.block(state, x[:cut])
    kept = one.place(state)
    one.block(state, np.full_like(x, np.nan))  # what becomes of the one is nothing to the other
    again = np.concatenate([first, one.block(kept, x[cut:]), one.flush(kept)])
    if again.tobytes() != wanted.tobytes():
        return f"a state copied after {cut} of {len(x)} steps goes on with other bits"
    one.call("_reset", state)
    clean = np.concatenate([one.block(state, x), one.flush(state)])
    return None if clean.tobytes() == wanted.tobytes() else f"a NaN is left after a reset, {len(x)} steps"


def _silent(one: Streaming, x: Array) -> str | None:
    silence = one.plan.silence
    if silence > SILENT:
        return None
    state, other = one.state(), one.state()
    one.prewarm(state)
    one.block(other, np.zeros((silence, x.shape[1]), x.dtype))
    found, expected = one.block(state, x), one.block(other, x)
    return None if found.tobytes() == expected.tobytes() else f"endless silence is not {silence} steps of it"


def work(count: int, seed: int) -> None:
    """Try a batch; print each graph before, and what is wrong after."""
    rng = np.random.default_rng(seed)
    here = [word for word in WORDS if runs_here(TARGETS[word])]
    target, flags = str(rng.choice(here)), SANITIZE if sanitized() else ()
    trials: tuple[Any, ...] = (whole_trial, stream_trial)
    with TemporaryDirectory() as folder:
        for pair in library(rng, count, Path(folder), target, flags):
            for one, trial in zip(pair, trials, strict=True):
                told = f"{target}, batch {seed}, {one.plan.ask.weights}, {one.plan.ask.stream}: {one.graph.name}"
                print("trying", told, flush=True)
                wrong = trial(one, rng)
                if wrong:
                    print(f"{wrong}: {told}", flush=True)


BATCHES = Batches("tests.fuzz.guards", "graphs", BATCH, 500, trials=2)


def run(count: int, seed: int, sanitize: bool = False) -> tuple[int, list[str]]:
    """(tried, findings): `count` random graphs as one function, and as many others in blocks."""
    return BATCHES.run(count, seed, sanitize)


if __name__ == "__main__":
    BATCHES.main(__doc__, work)

"""Streams of random layers between pages that may not be touched: any split has the bits of the whole.

    python -m tests.fuzz.streams [--count 2000] [--seed 1] [--sanitize]

Kinds, strides, dilations, groups, formats, targets and clocks are random, weights baked, packed or arguments. Of each
layer: blocks of random lengths, of single steps, a state that is copied in mid-stream, NaN and a reset, endless
silence. With --sanitize under AddressSanitizer and UBSan. Batches run in processes of their own, as a layer that
writes beside its arrays ends its process.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from codegen.problem.targets import TARGETS, runs_here
from tests.fuzz.batches import Batches, sanitized
from tests.support.cprogram import SANITIZE
from tests.support.stream_layers import FLAGS, Drawn, guarded, library

BATCH = 25  # layers to a library
WORDS = ("scalar", "sse2", "avx2", "avx512", "neon")


def trial(one: Drawn, rng: np.random.Generator) -> str | None:
    """What is wrong with a layer's stream; None if nothing is."""
    steps, p = int(rng.integers(1, 3 * one.plan.ring + 2 * one.plan.problem.reach + 40)), one.plan.problem
    while one.plan.delay and not p.out_steps(steps):
        steps += 1  # at the rate of the input, too few for an output give zeros alone: as many as there are steps
    x = rng.standard_normal((steps, p.channels)).astype(one.spec.dtype)
    wanted, room = one.whole(x), one.room(0)
    if one.stream(x, [steps]).tobytes() != wanted.tobytes():
        return f"{steps} steps in one block have other bits than the whole"
    for _ in range(3):
        cuts = np.sort(rng.integers(0, steps + 1, int(rng.integers(1, 12))))
        blocks = np.diff([0, *cuts, steps]).tolist()
        if one.stream(x, blocks).tobytes() != wanted.tobytes():
            return f"blocks of {blocks} steps have other bits than the whole"
    if one.stream(x, [1] * steps).tobytes() != wanted.tobytes():
        return f"{steps} steps alone have other bits than the whole"
    state, cut = one.state(), int(rng.integers(0, steps + 1))
    one.call("_reset", state)
    first = one.block(state, x[:cut])
    kept = one.place(state)
    one.block(state, np.full_like(x, np.nan))  # what becomes of the one is nothing to the other
    again = np.concatenate([first, one.block(kept, x[cut:]), one.flush(kept)])
    if again.tobytes() != wanted.tobytes():
        return f"a state copied after {cut} of {steps} steps goes on with other bits"
    one.call("_reset", state)
    clean = np.concatenate([one.block(state, x), one.flush(state)])
    if clean.tobytes() != wanted.tobytes():
        return f"a NaN is left after a reset, {steps} steps"
    one.call("_prewarm", state)
    one.call("_reset", kept)
    one.block(kept, np.zeros((one.plan.state.settled, p.channels), x.dtype))
    if one.block(state, x).tobytes() != one.block(kept, x).tobytes():
        return f"endless silence is not {one.plan.state.settled} steps of it"
    return None if room.size == 0 or (room == 777).all() else "outputs of nothing are written"


def work(count: int, seed: int) -> None:
    """Try a batch; print each layer before, and what is wrong after."""
    rng = np.random.default_rng(seed)
    here = tuple(word for word in WORDS if runs_here(TARGETS[word]))
    with TemporaryDirectory() as folder:
        flags = (*FLAGS, *(SANITIZE if sanitized() else ()))
        for one in library(rng, count, Path(folder), targets=here, flags=flags, place=guarded):
            told = f"{one.plan.target.name}, {one.plan.ask.weights}, {one.plan.blocks}: {one.spec}"
            print("trying", told, flush=True)
            wrong = trial(one, rng)
            if wrong:
                print(f"{wrong}: {told}", flush=True)


BATCHES = Batches("tests.fuzz.streams", "layers", BATCH, 2000)


def run(count: int, seed: int, sanitize: bool = False) -> tuple[int, list[str]]:
    """(tried, findings): the streams of `count` random layers."""
    return BATCHES.run(count, seed, sanitize)


if __name__ == "__main__":
    BATCHES.main(__doc__, work)

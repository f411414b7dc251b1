"""A recording of gigabytes through a FIR filter, from file to file: time, memory, and the bits of the whole.

    python bench/long_recording.py --gigabytes 20 --folder /scratch

Input and output are files of float32, (steps, 8), in the folder; the input is sparse but for 60 stretches. Both are
removed at the end. docs/fir.md shows what came of it.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

import codegen

CHANNELS, TAPS, STRETCHES, STRETCH = 8, 64, 60, 50_000


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=4)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    steps = int(options.gigabytes * 1e9) // (4 * CHANNELS)
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        shape, rng = (steps, CHANNELS), np.random.default_rng(0)
        x = np.memmap(Path(place) / "x", "float32", "w+", shape=shape)
        starts = np.sort(rng.integers(0, steps - STRETCH, STRETCHES))
        for start in starts:
            x[start : start + STRETCH] = rng.standard_normal((STRETCH, CHANNELS), dtype="float32")
        x = np.memmap(Path(place) / "x", "float32", "r", shape=shape)
        y = np.memmap(Path(place) / "y", "float32", "w+", shape=shape)
        layer = codegen.DepthwiseConv1D(TAPS, padding="causal", use_bias=False, accuracy="exact")
        layer.build((None, None, CHANNELS))
        wall, busy = time.perf_counter(), time.process_time()
        codegen.map_blocks(layer, x, out=y, progress=None)
        wall, busy = time.perf_counter() - wall, time.process_time() - busy
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        same = all(_same(layer, x, y, int(start)) for start in starts)
    print(f"{options.gigabytes:g} GB in {wall:.0f} s, {busy:.0f} s of CPU time, at most {most:.0f} MB resident")
    print(f"the bits of one call, in all {STRETCHES} stretches: {same}")


def _same(layer: codegen.DepthwiseConv1D, x: np.ndarray, y: np.ndarray, start: int) -> bool:
    """Whether a stretch has the bits of one call on it and on the taps before it."""
    first = max(0, start - TAPS)
    whole = layer(np.array(x[None, first : start + STRETCH]))[0, start - first :]
    return bool(whole.tobytes() == np.array(y[start : start + STRETCH]).tobytes())


if __name__ == "__main__":
    main()

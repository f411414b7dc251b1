"""From a layer's definition to its first result: medians over fresh processes, with an empty cache and with a warm one.

    python bench/first_result.py [--rounds N] [SPEC.conv ...]

Without arguments: all of bench/shapes. `import` is what `import codegen` and the modules behind a layer cost; `layer`
is reading the definition and making weights; `first call` is planning, compiling or finding the kernel, and running.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
STEPS = 4096  # of a free length
PROCESS = """
import json, sys, time
ticks = [time.perf_counter()]
def tick():
    ticks.append(time.perf_counter())
import numpy as np
import codegen
from codegen import pipeline
from codegen.layers import kinds, model
from codegen.machine import loader, measure
tick()
(layer,) = codegen.load(sys.argv[1]).values()
shape = layer.spec.input_shape
layer.weights
x = np.ones((1, *(int(sys.argv[2]) if n is None else n for n in shape)), layer.dtype)
tick()
layer(x)
tick()
kernel = pipeline.kernel_for(layer.spec)
seconds = [after - before for before, after in zip(ticks, ticks[1:])]
print(json.dumps([kernel.plan.algorithm.name, *seconds]))
"""


def once(spec: Path, cache: Path) -> tuple[str, list[float]]:
    """(algorithm, milliseconds of: import, layer, first call) in a fresh process."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "GENCONV_CACHE_DIR": str(cache), "PYTHONPATH": path}
    command = [sys.executable, "-c", PROCESS, str(spec), str(STEPS)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    algorithm, *seconds = json.loads(done.stdout)
    return algorithm, [1e3 * each for each in seconds]


def row(spec: Path, rounds: int) -> str:
    """A line of the table: medians of `rounds` processes with an empty cache each, and of as many with a warm one."""
    with tempfile.TemporaryDirectory() as folder:
        cold = [once(spec, Path(folder) / str(number)) for number in range(rounds)]
        warm = [once(spec, Path(folder) / "0") for _ in range(rounds)]
    cells = [f"{spec.stem:12}{cold[0][0]:16}{median(times[0] for _, times in warm):8.1f}"]
    for found in (cold, warm):
        cells += [f"{median(times[part] for _, times in found):12.1f}" for part in (1, 2)]
        cells.append(f"{median(sum(times) for _, times in found):12.1f}")
    return "".join(cells)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("specs", nargs="*", type=Path, help="files of one layer each; all of bench/shapes without any")
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes a median is of (default: %(default)s)")
    asked = parser.parse_args()
    print(f"milliseconds, medians of {asked.rounds} processes")
    parts = "".join(f"{part:>12}" for part in ("layer", "first call", "with import"))
    print(f"{'':36}{'cold':-^36}{'warm':-^36}\n{'':12}{'':16}{'import':>8}{parts}{parts}")
    for spec in asked.specs or sorted((ROOT / "bench" / "shapes").glob("*.conv")):
        print(row(spec, asked.rounds), flush=True)


if __name__ == "__main__":
    main()

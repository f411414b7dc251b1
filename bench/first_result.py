"""From a definition to its first results: medians over fresh processes, with an empty cache and with a warm one.

    python bench/first_result.py [--rounds N] [--warm-up] [SPEC.conv ...]

Without arguments: all of bench/shapes, and examples/hannun.conv for a network of 33 layers. `import` is what
`import codegen` and the modules behind a layer cost; `layers` is reading the definition and making weights; `first
calls` is planning, compiling or finding the kernels, packing and running each layer once; with --warm-up its kernels
are made by `Model.warm()` before. `CPU s` is what this process and its compilers took beyond the imports; `MB` is the
resident memory beyond the imports, beside that of the weights.
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
STEPS = 1024  # of a free length
PROCESS = """
import json, resource, sys, time
ticks = [time.perf_counter()]
def tick():
    ticks.append(time.perf_counter())
def cpu():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 1e6
import numpy as np
import codegen
from codegen import pipeline
from codegen.layers import kinds, model
from codegen.machine import loader, measure
tick()
before = cpu(), resident()
layers = codegen.load(sys.argv[1])
weights = sum(array.nbytes for layer in layers.values() for array in layer.weights) / 1e6
tick()
if sys.argv[3] == "True":
    layers.warm(progress=False)
for layer in layers.values():
    shape = (int(sys.argv[2]) if n is None else n for n in layer.spec.input_shape)
    layer(np.ones((1, *shape), layer.dtype))
tick()
seconds = [after - before for before, after in zip(ticks, ticks[1:])]
print(json.dumps([*seconds, cpu() - before[0], resident() - before[1], weights]))
"""
HEADINGS = "layers", "first calls", "with import", "CPU s", "MB", "weights"


def once(spec: Path, cache: Path, warm_up: bool) -> list[float]:
    """Milliseconds of import, layers, first calls; CPU seconds; megabytes, resident and of weights."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "GENCONV_CACHE_DIR": str(cache), "PYTHONPATH": path}
    command = [sys.executable, "-c", PROCESS, str(spec), str(STEPS), str(warm_up)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    found: list[float] = json.loads(done.stdout)
    return [1e3 * each for each in found[:3]] + found[3:]


def row(spec: Path, rounds: int, warm_up: bool) -> str:
    """A line of the table: medians of `rounds` processes with an empty cache each, and of as many with a warm one."""
    with tempfile.TemporaryDirectory() as folder:
        cold = [once(spec, Path(folder) / str(number), warm_up) for number in range(rounds)]
        warm = [once(spec, Path(folder) / "0", warm_up) for _ in range(rounds)]
    cells = [f"{spec.stem:14}{median(found[0] for found in warm):8.1f}"]
    for found in (cold, warm):
        values = ((one[1], one[2], sum(one[:3]), *one[3:]) for one in found)
        middle = [median(column) for column in zip(*values, strict=True)]
        cells += [f"{value:12.1f}" for value in middle[:3]] + [f"{middle[3]:8.2f}"]
    return "".join([*cells, *(f"{value:8.1f}" for value in middle[4:])])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("specs", nargs="*", type=Path, help="any .conv files; bench/shapes and hannun without any")
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes a median is of (default: %(default)s)")
    parser.add_argument("--warm-up", action="store_true", help="make the kernels by Model.warm() before the calls")
    asked = parser.parse_args()
    print(f"milliseconds but where another unit stands, medians of {asked.rounds} processes")
    times = "".join(f"{heading:>12}" for heading in HEADINGS[:3]) + f"{HEADINGS[3]:>8}"
    memory = "".join(f"{heading:>8}" for heading in HEADINGS[4:])
    print(f"{'':22}{'cold':-^44}{'warm':-^44}\n{'':14}{'import':>8}{times}{times}{memory}")
    shapes = sorted((ROOT / "bench" / "shapes").glob("*.conv"))
    for spec in asked.specs or (*shapes, ROOT / "examples" / "hannun.conv"):
        print(row(spec, asked.rounds, asked.warm_up), flush=True)


if __name__ == "__main__":
    main()

"""The worst call of a stream in executed instructions, which other programs on the machine do not change.

    python bench/worst_call.py SPEC [--block N] [--calls N] [--target NAME]

The stream of a model is emitted, compiled and run in QEMU's user mode (the package qemu-user) with
drivers/instructions.c beside it, which counts the instructions of each call behind a prewarm. Told are also the calls
after which the moves of the state's values begin anew: where more were counted, no later call has more.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from math import lcm
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import codegen
from codegen.cli import main as command
from codegen.graph.plans import streamed
from codegen.layers.how import How
from codegen.layers.net import Net
from codegen.machine import compilers
from codegen.planning.ask import Stream
from codegen.problem.targets import target_named

DRIVERS = Path(__file__).parent / "drivers"
PROGRAM = """#include <stdlib.h>
#include <unistd.h>
#include "{name}.h"
static {name}_state state;
static float in[{numbers}], out[{most} + 1];

int main(int count, char **words)
{{
    unsigned seed = 1;

    {name}_prewarm(&state);
    for (int calls = count > 1 ? atoi(words[1]) : 1; calls > 0; --calls) {{
        for (int i = 0; i < {numbers}; ++i)
            in[i] = (float)(int)(seed = seed * 1664525u + 1013904223u) / 4294967296.0f;
        getppid();
        {name}_process(&state, in, {block}, out);
        getppid();
    }}
    return 0;
}}
"""


def period(net: Net, block: int, target: str) -> int:
    """The calls after which each kept value's rows lie where they lay: its room ends after so many blocks."""
    ask = replace(How(target=target, accuracy="exact").ask, stream=Stream(block))
    plan = streamed.planned(net.graph.alive(), ask)
    rings = [one for one in plan.kept if one is not None and not one.state]
    return lcm(*(max(1, (one.rows - one.history) // block) for one in rings))


def counted(net: Net, words: list[str], block: int, calls: int, target: str) -> list[int]:
    """The instructions of each call."""
    compiler, (_, at) = compilers.find(), net.graph.inputs[0]
    assert compiler is not None
    numbers = block * net.graph.shapes[at].channels
    most = numbers + sum(block * net.graph.shapes[one].channels for _, one in net.graph.outputs) * 64
    with TemporaryDirectory() as name:
        folder = Path(name)
        assert command.main([*words, "--stream", "--block", str(block), "--target", target, "-q", "-o", name]) == 0
        text = PROGRAM.format(name=net.name, numbers=numbers, most=most, block=block)
        (folder / "main.c").write_text(text)
        flags = [*compiler.command, "-O2", "-ffp-contract=off", *target_named(target).flags, "-I."]
        files = ["main.c", f"{net.name}.c", "-lm", "-o", "program"]
        subprocess.run([*flags, *files], cwd=folder, check=True)
        plugin = [str(DRIVERS / "instructions.c"), "-o", "instructions.so"]
        subprocess.run([*compiler.command, "-O2", "-fPIC", "-shared", *plugin], cwd=folder, check=True)
        run = ["qemu-x86_64", "-cpu", "max", "-plugin", "./instructions.so", "./program", str(calls)]
        subprocess.run(run, cwd=folder, check=True, env=os.environ | {"COUNTS": "counts"})
        return [int(line) for line in (folder / "counts").read_text().split()][1::2]


def main() -> int:
    reader = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    reader.add_argument("spec")
    reader.add_argument("--block", type=int, default=64)
    reader.add_argument("--calls", type=int, default=100)
    reader.add_argument("--target", default="avx2")
    asked = reader.parse_args()
    if not shutil.which("qemu-x86_64"):
        print("worst_call.py: needs qemu-x86_64, which the package qemu-user has", file=sys.stderr)
        return 1
    net = next(iter(codegen.load(asked.spec, seed=1).nets.values()))
    words = [asked.spec, "--init", "--seed", "1"]
    found = counted(net, words, asked.block, asked.calls, asked.target)
    usual, again = median(found), period(net, asked.block, asked.target)
    print(
        f"{net.name}, {len(found):,} calls of {asked.block} steps for {asked.target}; moves begin anew after {again:,}"
    )
    print(f"instructions of a call: median {usual:,.0f}, least {min(found):,}, worst {max(found):,}")
    print(f"the worst is {max(found) / usual:.3f} times the median, the first behind a prewarm {found[0] / usual:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

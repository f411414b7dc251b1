"""How near the row of a target's core (codegen/problem/core_rows.py) comes to this machine, and what would come nearer.

    python bench/fit_core.py [--target T] [--rounds N] [--fit] [SHAPE ...]

Micro-kernels and plans of the layers A to S are timed in cycles, by the process' own clock. Printed are the machine,
the compiler and the date; the row; for each plan the estimate over the measurement; with --fit, for each figure that
plans feel, the value that would meet them best. A figure is worth changing where `gen-conv bench` gets no slower.
"""

from __future__ import annotations

import argparse
import time

from codegen.bench import case, core_fit, timing
from codegen.bench.machine import Machine, caches
from codegen.machine import compilers
from codegen.problem.targets import target_named

SHAPES = tuple("ACEFGHIJKLMOQRS")  # those that take milliseconds


def machine() -> str:
    """The processor as the system tells it, its caches, the compiler, the day."""
    told = {}
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            told.setdefault(name.strip(), value.strip())
    sizes = ", ".join(f"{name} {size >> 10} KiB" for name, size in caches().items())
    family = f"family {told.get('cpu family')} model {told.get('model')} stepping {told.get('stepping')}"
    compiler, day = compilers.find(), time.strftime("%Y-%m-%d")
    return f"{told.get('model name')} ({family}; {sizes}), {compiler.version if compiler else None}, {day}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="*", metavar="SHAPE", help="as `gen-conv bench` has them")
    parser.add_argument("--target", default="native")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--fit", action="store_true", help="try other values for the figures: minutes")
    options = parser.parse_args()
    target, clock = target_named(options.target), timing.CLOCKS["cpu"]
    print(machine())
    print(f"target {target.name}, core {target.core.name}: {target.core.source}")
    for name, value in core_fit.figures(target.core).items():
        print(f"    {name:22} {value}")
    probes = core_fit.Probes(target)
    for name, cycles in probes.cycles(options.rounds, clock).items():
        print(f"    probe {name:16} {cycles:.2f} cycles each")
    peak = Machine(target)
    times = timing.alternate({"fma": peak.contestant, "clock": probes.contestants["clock"]}, options.rounds, clock)
    cycle = times["clock"].least / (core_fit.TURNS * core_fit.EACH_TURN)
    print(
        f"    probe multiply_adds    {peak.flops / 2 / peak.lanes / (times['fma'].least / cycle):.2f} vectors a cycle"
    )
    seen = []
    for one in core_fit.observe(case.cases(options.shapes or SHAPES, batch=1), target, options.rounds, clock):
        seen.append(one)
        ratio = core_fit.estimate(one, target.core) / one.cycles
        print(
            f"    {one.label:2} {one.plan.key:34} {one.cycles:14,.0f} cycles, estimated {ratio:.2f} times", flush=True
        )
    print(core_fit.summary(seen, target.core))
    if options.fit:
        fitted, _ = core_fit.fit(
            seen, target.core, lambda f: print(f"    {f.name:22} {f.value:g} -> {f.best:g}", flush=True)
        )
        print(core_fit.summary(seen, fitted))


if __name__ == "__main__":
    main()

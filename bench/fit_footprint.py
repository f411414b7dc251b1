"""Fits what each piece of a plan takes, in bytes of code and of stack, to what gcc makes of random layers.

    python bench/fit_footprint.py TARGET [LAYERS [PREFIX]]    PREFIX: of a cross compiler, as aarch64-linux-gnu-
    python bench/fit_footprint.py --check TARGET [LAYERS [PREFIX]]

Prints the rows of codegen/planning/footprint/rates.py, the compiler, and how near the estimates come on as many other
layers; with --check how near those of the rows of today come. Needs SciPy, and the tests beside this folder, which draw
the layers. Some minutes for 300 layers.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.optimize import least_squares, nnls

sys.path.insert(0, str(Path(__file__).parents[1]))
from codegen.emission.render import render
from codegen.planning import planner
from codegen.planning.ask import Ask, Objective, Weights
from codegen.planning.footprint import estimate
from codegen.planning.footprint.pieces import Pieces
from codegen.planning.plan import KernelPlan, Request
from codegen.problem.targets import TARGETS
from tests.support import strategies

MAKERS = (strategies.layer, strategies.layer, strategies.rewritten, strategies.separable, strategies.transposed)
FLAGS = ("-std=c99", "-O2", "-ffp-contract=off", "-fno-asynchronous-unwind-tables", "-fcallgraph-info=su")
WEIGHTS: tuple[Weights, ...] = ("argument", "packed")
NEAR, TOLERANCE = 1.5, 64  # the factor, and bytes of stack, within which an estimate is counted as right
HELD, SMOOTH = 0.02, 48  # how much large rates are held down; bytes of stack that no fit is asked to tell apart
CHECKED = 2_000_000  # the seed of layers to which no rate is fitted
NAMES = ("base", *(field.name for field in fields(Pieces)))


def plans(target: str, count: int, seed: int) -> Iterator[KernelPlan]:
    """The fastest of each layer, and every third time that of the fewest bytes."""
    for number in range(count):
        (layer,) = strategies.random_layers(1, seed + number, MAKERS[number % len(MAKERS)])
        spec = layer.spec("k", dtype="float64" if number % 7 == 6 else "float32")
        for objective in ("speed", "size") if number % 3 == 0 else ("speed",):
            wanted: Objective = objective
            ask = Ask(TARGETS[target], WEIGHTS[number % 2], objective=wanted)
            yield planner.answer(Request(spec.problem, ask))


def measured(plan: KernelPlan, prefix: str, folder: Path) -> tuple[int, int]:
    """Bytes of code and constants, and of stack."""
    for name, text in render(plan, "k").files:
        (folder / name).write_text(text)
    subprocess.run([f"{prefix}gcc", *FLAGS, *plan.target.flags, "-c", "k.c", "-o", "k.o"], cwd=folder, check=True)
    told = subprocess.run([f"{prefix}size", "-A", "k.o"], cwd=folder, capture_output=True, text=True, check=True).stdout
    code = sum(int(size) for size in re.findall(r"^\.(?:text|rodata)\S*\s+(\d+)", told, re.M))
    return code, deepest((folder / "k.ci").read_text())


def deepest(graph: str) -> int:
    """Bytes of stack of the deepest chain of calls from the public function on."""
    own = {name: int(size) for name, size in re.findall(r'node: \{ title: "([^"]+)" label: "[^"]*?(\d+) bytes', graph)}
    calls = re.findall(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', graph)

    @lru_cache
    def below(name: str) -> int:
        return own.get(name, 0) + max((below(to) for at, to in calls if at == name and to != name), default=0)

    return below("k")


def fit(counted: np.ndarray[Any, Any], found: np.ndarray[Any, Any], smooth: float) -> np.ndarray[Any, Any]:
    """Rates of at least 0, by least squares of the logarithms, large ones held down a little."""
    weighed = counted / (found + smooth)[:, None]
    mean, held = weighed.mean(0), HELD * np.sqrt(len(found))
    first = nnls(np.vstack([weighed, 1e-3 * np.eye(len(mean))]), np.r_[np.ones(len(found)), np.zeros(len(mean))])[0]

    def wrong(root: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        told = counted @ root**2 + smooth
        return np.r_[np.log(told / (found + smooth)), held * root**2 * mean]

    def slopes(root: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        told = counted @ root**2 + smooth
        return np.vstack([counted / told[:, None] * (2 * root), np.diag(held * mean * 2 * root)])

    roots = least_squares(wrong, np.sqrt(np.maximum(first, 0.05)), slopes, loss="soft_l1", f_scale=0.3, max_nfev=300).x
    return np.asarray(roots**2)


def within(told: np.ndarray[Any, Any], found: np.ndarray[Any, Any], most: float) -> float:
    """The share that is right."""
    told, least = np.maximum(told, 1), np.maximum(found, 1)
    return float(np.mean((np.maximum(told / least, least / told) <= NEAR) | (np.abs(told - found) <= most)))


def check(target: str, count: str = "300", prefix: str = "") -> None:
    """Measure, and compare with the estimates of today."""
    with TemporaryDirectory() as folder:
        rows = [
            (estimate.code_bytes(plan), estimate.stack_bytes(plan), *measured(plan, prefix, Path(folder)))
            for plan in plans(target, int(count), CHECKED)
        ]
    code, stack, code_found, stack_found = np.array(rows, float).T
    found = within(code, code_found, 0), within(stack, stack_found, TOLERANCE)
    print(f"{target}: {len(rows)} plans, code {found[0]:.0%}, stack {found[1]:.0%} within a factor of {NEAR}")
    print(
        f"  {np.mean(stack_found <= 2 * stack + TOLERANCE):.0%} took at most twice the stack and {TOLERANCE} bytes more"
    )


def main(target: str, count: str = "300", prefix: str = "") -> None:
    """Measure, fit, print."""
    tables = []
    with TemporaryDirectory() as folder:
        for seed in (1_000, 1_000_000):
            rows = [
                (estimate.pieces(plan), measured(plan, prefix, Path(folder)))
                for plan in plans(target, int(count), seed)
            ]
            tables.append(
                (np.array([[1.0, *pieces.values] for pieces, _ in rows]), np.array([size for _, size in rows], float))
            )
    compiler = subprocess.run([f"{prefix}gcc", "--version"], capture_output=True, text=True, check=True).stdout
    print(f"{target}: {compiler.splitlines()[0]}, {' '.join(FLAGS[:3])}, {count} layers")
    (counted, sizes), (others, made) = tables
    for what, column, smooth, most in (("code", 0, 1e-9, 0), ("stack", 1, SMOOTH, TOLERANCE)):
        rates = fit(counted, sizes[:, column], smooth)
        told = ", ".join(f"{name}={rate:.2f}" for name, rate in zip(NAMES, rates, strict=True) if rate > 0.005)
        print(f"{what}: {told}")
        print(f"  of the others {within(others @ rates, made[:, column], most):.1%} within a factor of {NEAR}")


if __name__ == "__main__":
    check(*sys.argv[2:]) if sys.argv[1:2] == ["--check"] else main(*sys.argv[1:])

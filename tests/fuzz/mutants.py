"""Kernels of one wrong token: does the self-test of a fresh kernel refuse those that change an output?

    python -m tests.fuzz.mutants --count 500 --seed 0

Each mutant is compiled and run twice, in children of their own: once by a thorough oracle that knows the plan's
problem alone, once by the self-test. A mutant that no finite input tells from the original is as good as it.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from codegen.emission.render import jit_text, render
from codegen.errors import ToolchainError
from codegen.machine import compilers, self_test
from codegen.machine._abi import ffi
from codegen.machine.loader import CompiledKernel
from codegen.machine.self_test_outputs import turns
from codegen.planning import error_bounds, planner
from codegen.planning.algorithms.table import ALGORITHMS
from codegen.planning.ask import Accuracy, Ask, Weights
from codegen.planning.plan import KernelPlan, Request
from codegen.problem import reference
from codegen.problem.targets import TARGETS, Target, runs_here
from tests.fuzz.mutation import Mutant, mutants
from tests.support import cprogram, precompiled, strategies
from tests.support.strategies import Layer

Array = np.ndarray[Any, Any]
TARGETED = ("avx2", "scalar", "avx512", "sse2")
LENGTHS = ("short", "long", "free")
FAMILIES: dict[str, Callable[..., Layer]] = {
    "direct_filters": strategies.layer,
    "direct_steps": strategies.layer,
    "upsampled": strategies.transposed,
    "separable": strategies.separable,
    "row_activation": strategies.rowwise,
}  # others: strategies.rewritten
PER_CASE = 2  # mutants of a kernel
DRAWS = 400  # layers until one is served by the algorithm at that length
SECONDS = 20  # of CPU time of a child: a hang
FLAGS = ("-std=c99", *cprogram.LIGHT, "-ffp-contract=off", "-w", *compilers.SHARED)
CANARY, MARGIN = 0x5A, 1 << 16  # of bytes beside y
LONGEST = 12_000  # steps at which a free length is tried


@dataclass(frozen=True)
class Case:
    """A kernel to mutate."""

    plan: KernelPlan
    accuracy: Accuracy
    length: str

    def __str__(self) -> str:
        p = self.plan.problem
        sliced = ", sliced" * self.plan.sliced
        stored = f"{self.plan.storage}, {self.plan.weights} weights{sliced}"
        return f"{self.plan.algorithm.name}, {self.plan.target.name}, {self.length}, {stored}: {p}"


@dataclass(frozen=True)
class Question:
    """A batch, weights, and what the outputs are, each within `allowed`."""

    x: Array
    kernel: Array
    bias: Array | None
    expected: Array
    allowed: Array


@dataclass
class Tally:
    """What became of the mutants; `ends` by (algorithm, what the oracle saw, what the self-test said)."""

    ends: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        return self.ends.total()


def cases(seed: int) -> Iterator[Case]:
    """Kernels without end, the same on every machine; 132 of them have each algorithm, target and length together."""
    for number in count():
        algorithm, target, length = (
            words[number % len(words)] for words in (sorted(strategies.FLOATING), TARGETED, LENGTHS)
        )
        case = _case(algorithm, target, length, np.random.default_rng((seed, number)))
        if case:
            yield case


def _case(algorithm: str, target: str, length: str, rng: np.random.Generator) -> Case | None:
    """A random kernel of these, None where the algorithm serves no such length."""
    make = FAMILIES.get(algorithm, strategies.rewritten)
    for _ in range(DRAWS):
        layer = make(lambda options: options[int(rng.integers(len(options)))])
        reach = layer.arguments["dilation_rate"] * (layer.arguments["kernel_size"] - 1) + 1
        steps = reach + int(rng.integers(16) if length == "short" else rng.integers(600, 1600))
        weights: Weights = "argument" if rng.integers(4) == 0 else "packed"
        dtype = "float64" if rng.integers(6) == 0 else "float32"
        storage = "float16" if rng.integers(8) == 0 and dtype == "float32" else "float32"
        problem = replace(layer, free=length == "free", steps=steps).spec(dtype=dtype).lower()
        accuracy: Accuracy = "exact" if rng.integers(4) == 0 else "fast"
        asked = Request(problem, Ask(TARGETS[target], weights, accuracy, numbers=storage))
        if planner.why_not(ALGORITHMS[algorithm], asked):
            continue
        served = [plan for plan in planner.survey(asked).found if plan.algorithm.name == algorithm]
        if served:
            plan = served[int(rng.integers(min(4, len(served))))]
            return Case(plan.asked(sliced=bool(rng.integers(4) == 0)), accuracy, length)
    return None


def questions(case: Case, rng: np.random.Generator) -> list[Question]:
    """What the oracle asks: many lengths, numbers of several sizes, weights that are whole and such as are not."""
    p = case.plan.problem
    return [
        _question(case, steps, normal, rng)
        for steps in (_lengths(case.plan, rng) if p.steps is None else [p.steps])
        for normal in (True, False)
    ]


def _lengths(plan: KernelPlan, rng: np.random.Generator) -> list[int]:
    p, turn = plan.problem, turns(plan)[-1]
    reach = p.receptive_field
    longest = min(LONGEST, -(-(3 * turn * p.stride + p.reach) // p.up) + 11)
    found = {1, 2, 3, reach - 1, reach, reach + 1, longest, *rng.integers(1, reach + 70, 8).tolist()}
    found.update(rng.integers(reach, longest + reach + 1, 3).tolist())
    return sorted(steps for steps in found if steps > 0)


def _question(case: Case, steps: int, normal: bool, rng: np.random.Generator) -> Question:
    p, plan = case.plan.problem, case.plan
    x = rng.standard_normal(p.in_shape(4, steps)) * np.array([1, 30, 0.02, 1]).reshape(4, 1, 1)
    x[3] = np.rint(4 * x[3])
    kernel = rng.standard_normal(p.kernel_shape) * 2 / np.sqrt(p.terms)
    bias = rng.standard_normal(p.filters) if p.bias else None
    if not normal:
        x, kernel = np.rint(x * 4), rng.integers(-4, 5, p.kernel_shape)
        bias = rng.integers(-9, 10, p.filters) if p.bias else None
    x, kernel = x.astype(p.dtype), kernel.astype(p.dtype)
    bias = None if bias is None else bias.astype(p.dtype)
    kernel = plan.kernel_format.decode(plan.kernel_format.encode(kernel))
    with np.errstate(all="ignore"):
        expected = reference.convolve(p, x, kernel, bias)
        allowed = error_bounds.bound(plan, case.accuracy, x, kernel, bias)
    return Question(x, kernel, bias, expected, allowed * (4 if p.dtype == "float64" else 1))


def changes_an_output(kernel: CompiledKernel, asked: list[Question]) -> bool:
    """The oracle: whether any output leaves its bound, or anything is written beside y."""
    for threads in (1, 3) if kernel.plan.sliced else (1,):
        running = CompiledKernel(kernel.plan, kernel.path, kernel._library, threads)
        for question in asked:
            size = question.expected.size * question.x.itemsize
            memory = np.full(size + 2 * MARGIN, CANARY, np.uint8)
            y = memory[MARGIN : MARGIN + size].view(question.x.dtype).reshape(question.expected.shape)
            y[...] = np.nan
            running.run(question.x, y, kernel.pack(question.kernel), question.bias)
            with np.errstate(all="ignore"):
                right = (np.abs(y - question.expected) <= question.allowed) | (y == question.expected)
            beside = np.concatenate([memory[:MARGIN], memory[-MARGIN:]])
            if not right.all() or (beside != CANARY).any():
                return True
    return False


def refuses(kernel: CompiledKernel) -> bool:
    """Whether the self-test refuses the kernel."""
    try:
        self_test.prove(kernel, _compiler())
    except ToolchainError:
        return True
    return False


def _compiler() -> compilers.Compiler:
    found = compilers.find()
    assert found
    return found


def in_a_child(ask: Callable[[], bool]) -> str:
    """`yes` or `no`, or how the child that was to answer ended: `crashed` or `hung`."""
    end, start = os.pipe()
    child = os.fork()
    if not child:
        os.close(end)
        faulthandler.disable()
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what a heap says that was written to
        try:
            os.write(start, b"yes" if ask() else b"no")
        finally:
            os._exit(0)
    os.close(start)
    with os.fdopen(end, "rb") as answers:
        answer = answers.read().decode()
    status = os.waitpid(child, 0)[1]
    if answer:
        return answer
    return "hung" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF else "crashed"


def built(text: str, case: Case, folder: Path, name: str) -> CompiledKernel | None:
    """The kernel, None where the text is no C. Opened here and never closed: a child inherits it."""
    source, library = folder / f"{name}.c", folder / f"{name}.so"
    source.write_text(text, "utf-8")
    return CompiledKernel(case.plan, library, ffi.dlopen(str(library))) if compiles(source, case.plan.target) else None


def compiles(source: Path, target: Target) -> bool:
    """Whether the text is C; the library lies beside it then."""
    words = (*_compiler().command, *FLAGS, *target.flags)
    words = (*words, *precompiled.words(words, [source.read_text("utf-8")]))
    command = [*words, "-o", str(source.with_suffix(".so")), str(source), "-lm"]
    return not subprocess.run(command, capture_output=True, check=False).returncode


def tried(case: Case, folder: Path, seed: int) -> Iterator[tuple[Mutant | None, str, str]]:
    """(mutant, what the oracle saw, what the self-test said) of some mutants of a kernel; first, of itself."""
    rng = np.random.default_rng(seed)
    text, asked = jit_text(render(case.plan, "conv1d")), questions(case, rng)
    made, stream = 0, mutants(text, rng)
    mutant: Mutant | None = None
    while made <= PER_CASE:
        kernel = built(mutant.text if mutant else text, case, folder, f"k{seed}_{made}")
        if kernel:
            seen = in_a_child(partial(changes_an_output, kernel, asked))
            yield mutant, seen, in_a_child(partial(refuses, kernel))
            made += 1
        mutant = next(stream)


def search(wanted: int, seed: int, each: Callable[[str], None] = lambda line: None) -> Tally:
    """Tries `wanted` mutants. Findings: those that change an output and are accepted; right kernels that are not."""
    tally = Tally()
    with TemporaryDirectory() as folder:
        for number, case in enumerate(cases(seed)):
            if tally.tried >= wanted:
                break
            if not runs_here(case.plan.target):
                continue
            for mutant, seen, said in tried(case, Path(folder), seed * 100_000 + number):
                told = f"{case}\n    {mutant.what if mutant else 'as it is'}: oracle {seen}, self-test {said}"
                if mutant:
                    tally.ends[case.plan.algorithm.name, seen, said] += 1
                if (seen != "no") != (said != "no") and (not mutant or said == "no"):
                    tally.findings.append(told)
                each(told)
    return tally


def run(count: int, seed: int) -> tuple[int, list[str]]:
    """(mutants tried, those that changed an output and were accepted)."""
    tally = search(count, seed)
    return tally.tried, tally.findings


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--count", type=int, default=500)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--verbose", action="store_true")
    options = words.parse_args()
    tally = search(options.count, options.seed, print if options.verbose else lambda line: None)
    print(*tally.findings, sep="\n")
    for algorithm in (*ALGORITHMS, None):
        ends = Counter[tuple[str, str]]()
        for (name, seen, said), times in tally.ends.items():
            ends[seen, said] += times * (algorithm in (name, None))
        changed = sum(times for (seen, _), times in ends.items() if seen != "no")
        accepted = sum(times for (seen, said), times in ends.items() if seen != "no" and said == "no")
        shown = ", ".join(f"{seen}/{said} {times}" for (seen, said), times in sorted(ends.items()))
        print(
            f"{algorithm or 'all'}: {ends.total()} mutants, {changed} changed an output, {accepted} accepted ({shown})"
        )


if __name__ == "__main__":
    main()

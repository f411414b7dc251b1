"""One wrong token in layers of int8 and in models: does the self-test of a fresh library refuse what changes an output?

    python -m tests.fuzz.other_mutants --count 200 --seed 0 [--only int8|models]

As tests/fuzz/mutants.py does with kernels of floats: an oracle in a child of its own, then the self-test in another.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from codegen.emission.models import source
from codegen.emission.render import jit_text, render
from codegen.errors import GenConvError, ToolchainError
from codegen.graph import reference as of_graphs
from codegen.graph.plans import model_plan
from codegen.machine import model_library, whole_kernel
from codegen.machine._abi import ffi
from codegen.machine.loader import CompiledKernel
from codegen.machine.model_library import CompiledModel
from codegen.pipeline import request
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.problem import reference
from codegen.problem.targets import TARGETS, Target, runs_here
from tests.fuzz.mutants import CANARY, MARGIN, Tally, _compiler, compiles, in_a_child
from tests.fuzz.mutation import Mutant, mutants
from tests.support import graphs, int8_layers

Rng = np.random.Generator
Array = np.ndarray[Any, Any]
TARGETED = ("scalar", "avx2", "sse2", "avx512")
PER_SUBJECT = 4  # mutants of a text
STEPS = (1, 2, 5, 23, 64)  # at which a model for any number is tried
NEAR, ROUNDINGS = 1e-5, 30  # of the largest output; times what NumPy is off in the model's own type


@dataclass(frozen=True)
class Subject:
    """A C text to mutate, what opens its library, the oracle (does an output change?), and the self-test."""

    kind: str
    told: str
    text: str
    target: Target
    opened: Callable[[Path, Any], Any]
    changes: Callable[[Any], bool]
    proves: Callable[[Any], None]


def int8(rng: Rng, target: str) -> Subject:
    """A random layer of int8."""
    spec, arrays = int8_layers.drawn(rng, "k")
    plan = planner.answer(request(spec, Ask(TARGETS[target])))
    held = spec.problem_arrays(arrays)

    def opened(path: Path, library: Any) -> CompiledKernel:
        return CompiledKernel(plan, path, library)

    def proves(kernel: CompiledKernel) -> None:
        whole_kernel.prove(kernel, held)

    c = jit_text(render(plan, "conv1d", weights=held))
    return Subject("int8", f"{target} {spec}", c, plan.target, opened, partial(_other_codes, held), proves)


def _other_codes(held: tuple[Array | None, ...], kernel: CompiledKernel) -> bool:
    """Whether an output is another code than the definition's, at any of many lengths, or a byte beside is written."""
    p, rng = kernel.plan.problem, np.random.default_rng(99)
    lengths = {*whole_kernel.lengths(p), *range(1, p.reach + 40), 150, 400} if p.steps is None else {p.steps}
    kept, *operands = held
    assert kept is not None
    for steps in sorted(lengths):
        x = rng.integers(-128, 128, p.in_shape(6, steps)).astype(np.int8)
        x[4], x[5] = 127, -128
        expected = reference.convolve(p, x, kept, *operands, dtype="int64")
        memory = np.full(expected.size + 2 * MARGIN, CANARY, np.uint8)
        y = memory[MARGIN : MARGIN + expected.size].view(np.int8).reshape(expected.shape)
        kernel.run(x, y, None, *[None] * len(operands))
        if (y != expected).any() or (np.concatenate([memory[:MARGIN], memory[-MARGIN:]]) != CANARY).any():
            return True
    return False


def model(rng: Rng, target: str) -> Subject:
    """A random graph."""
    seed = int(rng.integers(1 << 30))
    graph = graphs.graph(seed, count=8)
    plan = model_plan.planned(graph, Ask(TARGETS[target], "packed", "exact"))

    def opened(path: Path, library: Any) -> CompiledModel:
        return CompiledModel(plan, path, library)

    def proves(made: CompiledModel) -> None:
        model_library.prove(graph, made, _compiler())

    c = source.jit_text(source.source(plan, "conv1d"))
    return Subject("models", f"{target} graph {seed}", c, plan.target, opened, partial(_off, graph), proves)


def _off(graph: Any, made: CompiledModel) -> bool:
    """Whether an output is farther off than roundings are, or a byte beside one is written."""
    for seed, steps in enumerate(STEPS if graph.steps is None else STEPS[:3]):
        weights, given = graphs.weights(graph, seed), graphs.inputs(graph, seed, steps)
        try:
            with np.errstate(all="ignore"):
                wide = of_graphs.run(graph, given, weights)
                narrow = of_graphs.run(graph, given, weights, graph.dtype)
        except ValueError:  # NumPy has nothing to look at: a value within has no steps
            continue
        memories, outputs = [], []
        for name, _ in graph.outputs:
            size = wide[name].size * np.dtype(graph.dtype).itemsize
            memories.append(np.full(size + 2 * MARGIN, CANARY, np.uint8))
            outputs.append(memories[-1][MARGIN : MARGIN + size].view(graph.dtype).reshape(wide[name].shape))
        made.run([given[name] for name, _ in graph.inputs], outputs, made.pack(weights))
        if any((np.concatenate([one[:MARGIN], one[-MARGIN:]]) != CANARY).any() for one in memories):
            return True
        for (name, _), y in zip(graph.outputs, outputs, strict=True):
            size, rounds = np.abs(wide[name]).max(initial=0), np.abs(narrow[name] - wide[name]).max(initial=0)
            if not (np.abs(y - wide[name]) <= NEAR * size + ROUNDINGS * rounds).all():
                return True
    return False


SUBJECTS: dict[str, Callable[[Rng, str], Subject]] = {"int8": int8, "models": model}


def built(subject: Subject, text: str, folder: Path, name: str) -> Any:
    """What the text's library does, None where the text is no C."""
    place, library = folder / f"{name}.c", folder / f"{name}.so"
    place.write_text(text, "utf-8")
    return subject.opened(library, ffi.dlopen(str(library))) if compiles(place, subject.target) else None


def refuses(subject: Subject, made: Any) -> bool:
    """Whether the self-test refuses it."""
    try:
        subject.proves(made)
    except ToolchainError:
        return True
    return False


def search(
    wanted: int, seed: int, kinds: tuple[str, ...] = tuple(SUBJECTS), each: Callable[[str], None] = lambda line: None
) -> Tally:
    """Tries `wanted` mutants. Findings: those that change an output and are accepted; right texts that are not."""
    tally, number = Tally(), 0
    with TemporaryDirectory() as folder:
        while tally.tried < wanted:
            number += 1
            rng = np.random.default_rng((seed, number))
            kind, target = kinds[number % len(kinds)], TARGETED[number // len(kinds) % len(TARGETED)]
            if not runs_here(TARGETS[target]):
                continue
            try:
                subject = SUBJECTS[kind](rng, target)
            except GenConvError:
                continue  # no legal layer, or sums that could pass int32
            _try(subject, rng, Path(folder), number, tally, each)
    return tally


def _try(subject: Subject, rng: Rng, folder: Path, number: int, tally: Tally, each: Callable[[str], None]) -> None:
    """The text as it is, then some mutants of it."""
    stream, mutant, made = mutants(subject.text, rng), None, 0
    while made <= PER_SUBJECT:
        text = mutant.text if isinstance(mutant, Mutant) else subject.text
        running = built(subject, text, folder, f"k{number}_{made}")
        if running is not None:
            seen = in_a_child(partial(subject.changes, running))
            said = in_a_child(partial(refuses, subject, running))
            what = mutant.what if mutant else "as it is"
            told = f"{subject.told}\n    {what}: oracle {seen}, self-test {said}"
            if mutant:
                tally.ends[subject.kind, seen, said] += 1
            if (seen != "no") != (said != "no") and (not mutant or said == "no"):
                tally.findings.append(told)
            each(told)
            made += 1
        mutant = next(stream)


def run(count: int, seed: int) -> tuple[int, list[str]]:
    """(mutants tried, those that changed an output and were accepted)."""
    tally = search(count, seed)
    return tally.tried, tally.findings


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--count", type=int, default=200)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--only", choices=tuple(SUBJECTS))
    options = words.parse_args()
    kinds = (options.only,) if options.only else tuple(SUBJECTS)
    tally = search(options.count, options.seed, kinds)
    print(*tally.findings, sep="\n")
    for kind in kinds:
        ends = Counter({(seen, said): n for (of, seen, said), n in tally.ends.items() if of == kind})
        changed = sum(n for (seen, _), n in ends.items() if seen != "no")
        accepted = sum(n for (seen, said), n in ends.items() if seen != "no" and said == "no")
        print(f"{kind}: {ends.total()} mutants, {changed} changed an output, {accepted} accepted ({dict(ends)})")


if __name__ == "__main__":
    main()

"""Bytes of code and stack: what is counted stands in the C, and a compiler makes about as many bytes of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.emission import banner
from codegen.emission.render import render
from codegen.errors import UsageError
from codegen.language import reader
from codegen.planning import planner
from codegen.planning.algorithms.table import ALGORITHMS
from codegen.planning.ask import Ask, Objective
from codegen.planning.footprint import estimate
from codegen.planning.footprint.pieces import Pieces
from codegen.planning.plan import KernelPlan, Request
from codegen.problem.targets import TARGETS
from tests.support import cprogram

ROOT = Path(__file__).parents[2]
EXAMPLES = ("wake_word", "ecg_bandpass", "keywords", "motion", "upsampler", "voice_activity", "wavenet")
OWN = """\
conv1d wake { input_shape = (49, 40), filters = 32, kernel_size = 9, strides = 2, activation = relu }
conv1d beats { input_shape = (256, 2), filters = 12, kernel_size = 7, padding = same, activation = elu }
conv1d_transpose eight_four { input_shape = (None, 8), filters = 4, kernel_size = 4, strides = 2, padding = same }
for d in (1, 4, 16) {
    conv1d tcn[d] {
        input_shape = (None, 24), filters = 24, kernel_size = 3, dilation_rate = d, padding = causal, activation = relu
    }
}
"""
SCALAR, AVX2 = TARGETS["scalar"], TARGETS["avx2"]


def specs() -> list[Any]:
    """At most four layers of each example, and those above."""
    found = list(reader.read(OWN, "own"))
    for name in EXAMPLES:
        found += reader.read((ROOT / "examples" / f"{name}.conv").read_text("utf-8"), name)[:4]
    return found


def plan(spec: Any, target: str = "scalar", objective: Objective = "speed") -> KernelPlan:
    return planner.answer(Request(spec.problem, Ask(TARGETS[target], objective=objective)))


def test_every_algorithm_is_counted() -> None:
    told = {name for name, algorithm in ALGORITHMS.items() if algorithm.footprint}
    assert told == {"assembly"}
    assert set(estimate.PIECES) | told == set(ALGORITHMS)


def test_pieces_add_up() -> None:
    one, two = Pieces(updates=3, loops=1, constants=8), Pieces(updates=4, array_bytes=64, constants=4)
    assert one + two == Pieces(updates=7, loops=1, array_bytes=64, constants=8)  # of arrays and constants the most
    assert one.scaled(0.5) == Pieces(updates=1.5, loops=0.5, constants=4)
    assert Pieces(updates=10, constants=2).dot(one) == 46


@pytest.mark.long
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_products_are_counted_as_they_stand_in_the_text(target: str) -> None:
    counted = 0
    for spec in specs():
        asked = Ask(TARGETS[target])
        for one in planner.survey(Request(spec.problem, asked)).found:
            if one.algorithm.name not in ("direct_filters", "depthwise", "rolled") or spec.problem.steps is None:
                continue
            pieces, code = estimate.pieces(one), render(one, spec.name).code
            body = code[code.index("(") :]
            products = re.findall(r"\b(?:a\d+_\d+|sum) (?:\+= |= v\d+_fma\()", body)
            assert pieces.updates + pieces.single_updates == len(products), one.describe()
            counted += 1
    assert counted > 15


def test_a_call_goes_through_one_of_the_plans_of_a_free_length() -> None:
    """The stack is that of the deepest part, not of all of them; the code is of all."""
    (spec,) = reader.read("conv1d any_length {\n filters = 64\n kernel_size = 3\n input_shape = (None, 64)\n}\n")
    plan = planner.answer(Request(spec.problem, Ask(TARGETS["avx2"], "packed", "fast")))
    assert plan.algorithm.name == "by_length"
    stacks = [estimate.stack_bytes(part) for part in plan.parts]
    assert len(stacks) > 1
    assert max(stacks) <= estimate.stack_bytes(plan) < sum(stacks)
    assert estimate.code_bytes(plan) > max(estimate.code_bytes(part) for part in plan.parts)


def test_an_estimate_grows_with_what_is_unrolled() -> None:
    by_taps = [
        reader.read(f"conv1d a {{ input_shape = (64, 4), filters = 4, kernel_size = {k} }}", "a")[0] for k in (1, 3, 5)
    ]
    sizes = [estimate.code_bytes(plan(spec)) for spec in by_taps]
    assert sizes == sorted(set(sizes))
    small = [estimate.code_bytes(plan(spec, objective="size")) for spec in by_taps]
    assert max(small) < min(sizes)


def test_code_bytes_of_a_cost_count_const_tables_too() -> None:
    (spec,) = reader.read("conv1d a { input_shape = (64, 4), filters = 4, kernel_size = 3 }", "a")
    handed, baked = (
        planner.answer(Request(spec.problem, Ask(SCALAR, weights, objective="size")))
        for weights in ("argument", "baked")
    )
    assert handed.cost.code_bytes == estimate.code_bytes(handed)
    assert baked.cost.code_bytes == estimate.code_bytes(baked) + 4 * (3 * 4 * 4 + 4)
    assert handed.cost.stack_bytes == estimate.stack_bytes(handed) > 0


@pytest.mark.long
@pytest.mark.parametrize("target", ["scalar", "sse2", "avx2", "avx512", "neon"])
def test_size_takes_no_more_bytes_than_speed(target: str) -> None:
    """Of code, stack and workspace together; no workspace of more than a few KB where rows need none."""
    for spec in specs():
        fast, small = (plan(spec, target, objective) for objective in ("speed", "size"))
        sums = [one.cost.code_bytes + one.cost.ram for one in (fast, small)]
        assert sums[1] <= sums[0], spec.name
        assert small.cost.code_bytes <= fast.cost.code_bytes, spec.name
        assert small.workspace_bytes <= 16 << 10, spec.name
    (up,) = (spec for spec in specs() if spec.name == "eight_four")
    assert [plan(up, target, objective).workspace_bytes for objective in ("speed", "size")] == [49_728, 0]


def test_another_word_is_no_objective() -> None:
    with pytest.raises(UsageError, match="unknown optimize objective `sped`: "):
        Ask(objective="sped")  # type: ignore[arg-type]  # the test


def test_the_banner_tells_both_in_one_line() -> None:
    spec = specs()[0]
    for objective, end in (("speed", ""), ("size", ", the fewest of all plans")):
        one = plan(spec, objective=objective)
        lines = [line for line in banner.lines(spec, one) if line.startswith("size ")]
        figures = re.fullmatch(
            rf"size +about ([\d,]+) bytes of code, about (\d+) of stack \(estimated for gcc -O2\){end}", lines[0]
        )
        assert figures, lines
        code = int(figures[1].replace(",", ""))
        assert abs(code / estimate.code_bytes(one) - 1) <= 0.05


def gcc() -> str:
    """Raises Missing where there is none that tells of the stack."""
    found = shutil.which("gcc")
    if (
        not found
        or "Free Software Foundation"
        not in subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    ):
        raise cprogram.Missing("needs gcc, whose bytes are estimated")
    return found


@pytest.mark.in_turn(4)
@pytest.mark.compiles
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_estimates_beside_gcc(target: str, need: Callable[..., Any], tmp_path: Path) -> None:
    """All kernels in one file, its symbols measured: code within a factor of 2, mostly 1.5; size never above speed."""
    made = []
    for number, spec in enumerate(specs()):
        for objective in ("speed", "size"):
            made.append((f"k{number}_{objective}", plan(spec, target, objective)))
    measured, stack = _compiled(need(gcc), made, tmp_path)
    ratios = np.array([estimate.code_bytes(one) / measured[name] for name, one in made])
    assert np.mean(np.maximum(ratios, 1 / ratios) <= 1.5) >= 0.8
    assert 1 / 3 < ratios.min() < ratios.max() < 3
    estimates = np.array([estimate.stack_bytes(one) for _, one in made])
    found = np.array([stack[name] for name, _ in made])
    near = (np.abs(estimates - found) <= 64) | (np.maximum(estimates / found, found / estimates) <= 1.5)
    assert near.mean() >= 0.7
    shares = [measured[f"k{number}_size"] / measured[f"k{number}_speed"] for number in range(len(made) // 2)]
    assert len(shares) >= 20
    assert max(shares) <= 1
    assert np.exp(np.mean(np.log(shares))) < 0.5


@pytest.mark.compiles
def test_estimates_of_long_filters_beside_gcc(need: Callable[..., Any], tmp_path: Path) -> None:
    """Codelets of 16 points in vectors, most of whose numbers gcc keeps on the stack."""
    (spec,) = reader.read("depthwise_conv1d fir { kernel_size = 300, input_shape = (5000, 4) }", "fir")
    found = planner.survey(Request(spec.problem, Ask(AVX2, "packed", "fast"))).found
    one = next(each for each in found if each.algorithm.name == "overlap_save" and each.schedule.across == 16)
    measured, stack = _compiled(need(gcc), [("k0_speed", one)], tmp_path)
    for told, made in (
        (estimate.code_bytes(one), measured["k0_speed"]),
        (estimate.stack_bytes(one), stack["k0_speed"]),
    ):
        assert 2 / 3 < told / made < 3 / 2


def _compiled(compiler: str, made: list[tuple[str, KernelPlan]], folder: Path) -> tuple[dict[str, int], dict[str, int]]:
    """By kernel: bytes of all its functions, and of stack in the deepest of them, as `nm` and gcc tell."""
    texts = []
    for number, (name, one) in enumerate(made):
        source = render(one, name)
        (folder / f"{name}.h").write_text(source.header)
        texts.append(cprogram.private(source.code, number))
    (folder / "all.c").write_text("\n".join(texts))
    words = [compiler, "-std=gnu99", "-O2", "-ffp-contract=off", "-w", "-fstack-usage", *made[0][1].target.flags]
    cprogram.compile_c([*words, "-c", "all.c", "-o", "all.o"], folder)
    symbols = subprocess.run(["nm", "-S", "all.o"], cwd=folder, capture_output=True, text=True, check=True).stdout
    code, stack = {name: 0 for name, _ in made}, {name: 0 for name, _ in made}
    for bytes_, symbol in re.findall(r"^\w+ (\w+) [tT] (\w+)", symbols, re.M):
        activation = re.match(r"v\d+n(\d+)_", symbol)  # not inlined, of the kernel of that number
        owner = re.match(r"k\d+_(?:speed|size)", symbol)
        code[made[int(activation[1])][0] if activation else owner[0] if owner else ""] += int(bytes_, 16)
    for name, bytes_ in re.findall(r":(k\d+_(?:speed|size))[\w.]*\t(\d+)\t", (folder / "all.su").read_text()):
        stack[name] = max(stack[name], int(bytes_))
    return code, stack

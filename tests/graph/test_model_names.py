"""Inputs and outputs of a model in C: any name that the language takes, and no warning of gcc in what is made of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegen import pipeline
from codegen.emission.models import stream
from codegen.emission.models.arguments import PARAMETERS, VARIABLES, argument_names
from codegen.graph.builder import Builder
from codegen.graph.graph import Graph
from codegen.graph.plans import model_plan
from codegen.planning.ask import Ask, Stream
from codegen.problem.targets import TARGETS
from codegen.specs.kinds import Conv1DSpec
from tests.support import cprogram, graphs

ASK = Ask(TARGETS["scalar"])
OURS = (*PARAMETERS, *VARIABLES, "m0", "n0", "n1", "s1", "kept1")
FREE = ("x", "audio", "name", "position", "i")


def graph(name: str, x: str, y: str) -> Graph:
    """A model whose output's number of steps is read by no other stage; in a stream a value is kept."""
    b = Builder(name)
    h = b.call(Conv1DSpec(name="c1", filters=2, kernel_size=3, padding="same"), b.input(x, None, 2))
    b.output(y, b.function("max_pool", h, size=2))
    return b.graph()


@pytest.mark.long
def test_free_names_stay_and_those_of_the_file_make_way() -> None:
    for word in (*OURS, *FREE, "net", "net_turn", "close", "v1"):
        plan = model_plan.planned(graph("net", word, "y"), ASK)
        assert list(argument_names(plan, "net").values()) == [word if word in FREE else "x_0_", "y"], word


@pytest.mark.compiles
def test_none_of_them_meets_another(need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path) -> None:
    """As an input's and as an output's, in the function of a whole input and in a stream."""
    gcc, files = need(cprogram.program, "gcc", "gcc"), []
    for number, word in share([*enumerate((*OURS, *FREE))], 3):
        whole = graph(f"whole_{number}", *((word, "y") if number % 2 else ("x0", word)))
        block = graph(f"block_{number}", *((word, "y0") if number % 2 else ("x0", word)))
        sources = pipeline.model_emitted(whole, ASK), stream.emitted(block, Ask(ASK.target, stream=Stream()))
        for name, text in (file for source in sources for file in source.files):
            (tmp_path / name).write_text(text)
            files += [name] if name.endswith(".c") else []
    cprogram.compile_c((gcc, *cprogram.WARNINGS, "-O1", "-ffp-contract=off", "-fsyntax-only", *files), folder=tmp_path)


def test_a_models_own_names_make_way() -> None:
    plan = model_plan.planned(graph("x", "x_steps_1", "x"), ASK)
    assert list(argument_names(plan, "x").values()) == ["x_0_", "y_0_"]


def test_a_tile_names_no_value_that_it_does_not_read() -> None:
    """A part of a value in memory is read where it lies, not in a register of the whole."""
    given = graphs.streaming(386394959, count=8, dtype="float64")
    code = stream.emitted(given, Ask(TARGETS["avx2"], stream=Stream())).code
    blocks = [one for one in re.split(r"[{}]", code) if "const v" in one and "_tile_" not in one]
    assert len(blocks) > 5
    for block in blocks:
        for name in re.findall(r"const v\d+ (t\d+) =", block):
            assert len(re.findall(rf"\b{name}\b", block)) > 1, block

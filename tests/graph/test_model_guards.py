"""The C of models is safe: between guard pages, without an allocation, a call of the system or of the C library."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import codegen
from codegen import pipeline
from codegen.emission.models import stream
from codegen.planning.ask import Ask, Stream
from tests.fuzz import guards
from tests.graph.test_model_streams import NET
from tests.graph.test_stream_kinds import DECODER, FRAMES
from tests.support.cprogram import compile_c, program

pytestmark = pytest.mark.compiles
DRIVER = Path(__file__).resolve().parents[1] / "support" / "trapped.c"
TEXTS = {"net": NET, "decoder": DECODER, "framed": FRAMES}


def nets() -> dict[str, Any]:
    return {
        name: next(iter(codegen.load(text.replace("model net", f"model {name}"), seed=1).nets.values()))
        for name, text in TEXTS.items()
    }


def test_random_graphs_between_guard_pages(need: Callable[..., Any], share: Callable[..., Any]) -> None:
    """More: python -m tests.fuzz.guards; every other commit under AddressSanitizer and UBSan, as the release script."""
    need(program, "gcc", "gcc")
    for sanitize in share((False, True), 2):
        count = 1 if sanitize else 3
        assert guards.run(count, seed=11, sanitize=sanitize) == (count, [])


def test_a_stream_asks_for_nothing(need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path) -> None:
    """Its objects name nothing outside of them, at -O3, and it runs where a call of the system is the end."""
    gcc, nm = need(program, "gcc", "gcc"), need(program, "nm", "binutils")
    found = {name: nets()[name] for name in share(sorted(TEXTS), 3)}
    for name, net in found.items():
        source = stream.emitted(net.graph, Ask(stream=Stream(16, "count")), net.weights)
        for file, text in source.files:
            (tmp_path / file).write_text(text)
        compile_c([gcc, "-std=c99", "-O3", "-ffp-contract=off", "-c", f"{name}.c", "-o", f"{name}.o"], tmp_path)
        told = subprocess.run([nm, "-P", str(tmp_path / f"{name}.o")], capture_output=True, text=True, check=True)
        symbols = {tuple(line.split()[:2]) for line in told.stdout.splitlines()}
        words = ("", "_reset", "_prewarm", "_process", "_flush")
        assert {symbol for symbol, kind in symbols if kind == "T"} == {f"{name}{word}" for word in words}
        assert not {symbol for symbol, kind in symbols if kind not in "Ttr"}, name
    if sys.platform != "linux":
        return
    (tmp_path / "trapped.c").write_text(DRIVER.read_text())
    includes = "\n".join(f'#include "{name}.h"' for name in found)
    each = " ".join(f"f({name})" for name in found)
    (tmp_path / "models.h").write_text(f"{includes}\n#define X 4000\n#define Y 20000\n#define EACH(f) {each}\n")
    compile_c([gcc, "-O1", "-w", "trapped.c", *(f"{name}.o" for name in found), "-o", "trapped"], tmp_path)
    assert subprocess.run([tmp_path / "trapped"], timeout=120).returncode == 0


def test_a_whole_model_allocates_nothing(need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path) -> None:
    """Of the C library its object may name what compilers make of loops."""
    gcc, nm = need(program, "gcc", "gcc"), need(program, "nm", "binutils")
    for name, net in share(sorted(nets().items()), 3):
        source = pipeline.model_emitted(net.graph, Ask(), net.weights)
        for file, text in source.files:
            (tmp_path / file).write_text(text)
        compile_c([gcc, "-std=c99", "-O2", "-ffp-contract=off", "-c", f"{name}.c", "-o", f"{name}.o"], tmp_path)
        told = subprocess.run([nm, "-P", "-u", str(tmp_path / f"{name}.o")], capture_output=True, text=True, check=True)
        assert {line.split()[0] for line in told.stdout.splitlines()} <= {"memcpy", "memset", "memmove"}, name

"""examples/audio_callback.c: what a host calls has the bits of the layers in Python, whatever its block is."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.cli import main
from tests.support.cprogram import LIGHT, WARNINGS, compile_c, program

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = 3000


@pytest.mark.compiles
def test_the_callback_has_the_bits_of_the_layers_for_any_block(need: Callable[..., Any], tmp_path: Path) -> None:
    gcc, spec = need(program, "gcc", "gcc"), str(ROOT / "examples/wavenet.conv")
    assert main.main([spec, "--stream", "--block", "16", "--init", "-o", str(tmp_path), "-q"]) == 0
    sources = sorted(path.name for path in tmp_path.glob("*.c"))
    assert len(sources) == 11
    (tmp_path / "host.c").write_text((ROOT / "examples/audio_callback.c").read_text())
    flags = [*LIGHT, "-ffp-contract=off", *WARNINGS, "-Wno-conversion"]
    compile_c([gcc, *flags, "-I.", "host.c", *sources, "-lm", "-o", "amp"], tmp_path)

    def told(block: int) -> str:
        words = [str(tmp_path / "amp"), str(block), str(SAMPLES)]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[0]

    x = ((np.arange(SAMPLES) * 7919 % 2001 - 1000).astype("float32") / np.float32(1000)).reshape(1, -1, 1)
    model = codegen.load(spec, target="scalar", accuracy="exact")
    for name in model:
        x = model[name].stream(block=16)(x)
    number = 1469598103934665603
    for byte in x.tobytes():
        number = (number ^ byte) * 1099511628211 % 2**64
    assert {told(block) for block in (1, 17, 1000)} == {f"outputs {number:016x}"}

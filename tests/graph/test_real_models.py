"""Real models from their original files, in Python and as C programs, whole, in blocks, and from silence."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.machine import compilers

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT / "tests" / "data" / "real"
needs_compiler = pytest.mark.skipif(compilers.find() is None, reason="needs a C compiler")


@pytest.fixture(scope="module")
def real_models() -> Any:
    found = importlib.util.spec_from_file_location("real_models", ROOT / "bench" / "real_models.py")
    assert found is not None
    assert found.loader is not None
    made = sys.modules["real_models"] = importlib.util.module_from_spec(found)
    found.loader.exec_module(made)
    return made


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize("word", ["wavenet_condition_dsp", "lstm"])
def test_each_way_has_what_was_recorded(real_models: Any, word: str) -> None:
    """All of them, A1, A2 and a voice detector too: python bench/real_models.py FOLDER."""
    with np.load(REAL / "nam_expected.npz") as held:
        x, zero, silent = (held[key] for key in ("x", f"{word}_zero", f"{word}_silence"))
    model = real_models.Real(word, REAL / f"nam_{word}.nam", f"nam_{word}", x, zero, silent)
    errors = real_models.errors(model)
    ways = {"whole", "stream", "from silence"}
    assert errors.keys() == {f"{tongue} {way}" for tongue in ("Python", "C") for way in ways}
    assert max(errors.values()) <= real_models.MOST, errors

"""Keras' own test cases on this project's classes; those that cannot pass stand in keras_cases.toml, each with why.

A case that is listed and passes fails here, as one does that is not listed and fails. Needs the `live` extra.
"""

from __future__ import annotations

import re
import tomllib
import unittest
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx scipy")
pytest.importorskip("keras", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx scipy")
pytest.importorskip("scipy", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx scipy")

from tests.support import keras_cases

pytestmark = pytest.mark.live
TABLE = tomllib.loads((Path(__file__).parents[1] / "data" / "keras_cases.toml").read_text("utf-8"))
CASES = dict(keras_cases.cases())
VERSIONS = f"the table is of Keras {TABLE['keras']}, this is Keras {keras_cases.keras.__version__}"


def entries(name: str) -> list[dict[str, Any]]:
    """The table's entries that say why the case cannot pass."""
    return [entry for entry in TABLE["cannot"] if any(fnmatchcase(name, pattern) for pattern in entry["cases"])]


def outcome(case: unittest.TestCase | ImportError) -> str:
    """`passes`, `skips` for a case that skips itself, or how it fails."""
    if isinstance(case, ImportError):
        return repr(case)
    result = unittest.TestResult()
    case.run(result)
    told = "\n".join(text for _, text in result.errors + result.failures).rstrip()
    skips = result.skipped or told.rpartition("\n")[2].startswith(pytest.skip.Exception.__name__)
    return "skips" if skips else told or "passes"


def judged(name: str) -> tuple[str, str | None]:
    """(passes, skips or cannot; what is wrong about that)."""
    found, listed = outcome(CASES[name]), entries(name)
    if found == "skips":
        return found, None
    if found == "passes":
        return found, f"{name} passes: take it off the list" if listed else None
    if listed and re.search(listed[0]["shows"], found):
        return "cannot", None
    return "cannot", f"{name} {'fails otherwise than listed' if listed else 'is not listed and fails'}:\n{found}"


@pytest.mark.compiles
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file", TABLE["counts"])
def test_the_cases_of_a_file(file: str) -> None:
    found = [judged(name) for name in CASES if name.split("::")[0] == file]
    wrong = [told for _, told in found if told]
    assert not wrong, "\n\n".join([VERSIONS, *wrong])
    assert Counter(word for word, _ in found) == Counter(TABLE["counts"][file]), VERSIONS


def test_the_table_is_about_cases_that_there_are() -> None:
    """Every file is counted, every pattern names a case, and no case is named twice."""
    assert {name.split("::")[0] for name in CASES} == set(TABLE["counts"])
    for entry in TABLE["cannot"]:
        for pattern in entry["cases"]:
            assert any(fnmatchcase(name, pattern) for name in CASES), pattern
    assert all(len(entries(name)) <= 1 for name in CASES)

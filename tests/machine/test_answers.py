"""Plans on disk: what was asked before is not searched again, and no file is more than an answer."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codegen import installed
from codegen.functions import activations
from codegen.machine import answers, cache
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.plan import AnyPlan, Request
from codegen.problem.chain import separable
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.stages import ending
from codegen.problem.targets import TARGETS

PLAIN = ConvProblem(64, 16, 16, 3, pad_left=1, pad_right=1)
PROBLEMS = (
    PLAIN,
    replace(PLAIN, steps=None),
    replace(PLAIN, channels_last=False),
    ConvProblem(64, 16, 16, 9, pad_left=4, pad_right=4, dtype="float64"),
    ConvProblem(64, 2, 8, 8, stride=4, channels_last=False),
    ConvProblem(64, 16, 16, 4, groups=16),
    ConvProblem(None, 2, 2, 400, groups=2),
    ConvProblem(64, 16, 16, 3, up=2),
    separable(ConvProblem(64, 16, 16, 3), 2),
    ConvProblem(64, 16, 16, 3, epilogue=ending(activation=activations.get("softmax"))),
)
ASK = Ask(TARGETS["avx2"], "packed", "fast")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, in a process that trusts the package's files."""
    monkeypatch.setenv("GENCONV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(installed, "fingerprint", lambda: "as it is")
    with cache.folder() as place:
        return place.path


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the planner is asked."""
    found: list[Any] = []
    answer = planner.answer

    def counted(asked: Any, choice: str | None = None) -> AnyPlan:
        found.append(asked)
        return answer(asked, choice)

    monkeypatch.setattr(planner, "answer", counted)
    return found


def test_each_plan_is_read_as_it_was_written(searched: list[Any]) -> None:
    for problem in PROBLEMS:
        asked = Request(problem, ASK)
        first = answers.answer(asked)
        again = answers.answer(asked)
        assert again == first
        assert again.rejected == first.rejected
        assert again.algorithm is first.algorithm
        assert [part.algorithm for part in again.parts] == [part.algorithm for part in first.parts]
    assert len(searched) == len(PROBLEMS)


def test_what_differs_is_searched_again(searched: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Request(PLAIN, ASK)
    other = planner.survey(asked).found[1].key
    assert answers.answer(asked).key != answers.answer(asked, other).key
    assert answers.answer(asked, other).key == other
    assert answers.answer(replace(asked, ask=replace(ASK, accuracy="exact"))).ask.accuracy == "exact"
    monkeypatch.setattr(installed, "fingerprint", lambda: "edited")
    answers.answer(asked)
    assert len(searched) == 4
    monkeypatch.setattr(installed, "fingerprint", lambda: None)
    answers.answer(asked)
    answers.answer(asked)
    assert len(searched) == 6


def sealed(path: Path, data: bytes) -> bytes:
    """The bytes of an answer that whoever writes as this user could lay there."""
    return hashlib.sha256(path.stem.encode() + data).digest() + data


class Hostile:
    """Runs a command where it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch was_here",)


def test_no_file_is_more_than_an_answer(
    folder: Path, searched: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = Request(PLAIN, ASK)
    expected = answers.answer(asked)
    (path,) = folder.glob("*.plan")
    whole = path.read_bytes()
    written = io.BytesIO()
    answers._Writing(written, 5).dump(answers.answer(Request(PROBLEMS[1], ASK)))
    faults = [
        whole[:-1],
        whole[:10],
        b"",
        whole[:-1] + b"x",
        whole + b" " * answers.MOST_BYTES,
        sealed(path, pickle.dumps(Hostile())),
        sealed(path, b"cos\nsystem\n(S'touch was_here'\ntR."),
        sealed(path, b"ccodegen.machine.cache\nfetch\n."),
        sealed(path, b"ccodegen.machine.cache\nos.system\n."),
        sealed(path, written.getvalue()),  # another request's
        sealed(path, b"\x80\x05]" + b"(" * 5000),
    ]
    del searched[:]
    for count, data in enumerate(faults, 1):
        path.write_bytes(data)
        assert answers.answer(asked) == expected
        assert len(searched) == count, data[:60]
        assert path.read_bytes() == whole
    assert not (tmp_path / "was_here").exists()
    if os.name == "posix":
        path.chmod(0o666)
        answers.answer(asked)
        assert len(searched) == len(faults) + 1

"""Kernels made several at a time: each once, no more at once than asked, and the first failure ends it."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import codegen
from codegen.cli import main
from codegen.errors import ShapeError, ToolchainError, UsageError
from codegen.layers.model import Model
from codegen.machine import compilers, warming

NET = """\
defaults { padding = same }
conv1d first  { input_shape = (None, 2), filters = 2, kernel_size = 3 }
conv1d second { input_shape = (None, 2), filters = 2, kernel_size = 3 }
conv1d third  { input_shape = (50, 2), filters = 3, kernel_size = 2 }
"""


def test_each_task_runs_once_and_no_more_at_a_time_than_asked() -> None:
    running, most, ran, told = 0, 0, list[int](), list[int]()
    lock, both = threading.Lock(), threading.Barrier(2, timeout=60)

    def task(number: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            ran.append(number)
        both.wait()  # passes only if two run at the same time
        with lock:
            running -= 1

    warming.make_all([partial(task, number) for number in range(8)], 2, told.append)
    assert (sorted(ran), most) == (list(range(8)), 2)
    assert told == sorted(told)
    assert told[-1] == 8
    warming.make_all([])


def test_the_first_failure_ends_what_has_not_begun() -> None:
    ran = list[int]()

    def task(number: int) -> None:
        ran.append(number)
        if number == 1:
            raise ToolchainError("no room")
        time.sleep(0.005 * (number > 1))  # so that the failure is seen before all are begun

    with pytest.raises(ToolchainError, match="no room"):
        warming.make_all([partial(task, number) for number in range(1000)], 1)
    assert ran[:2] == [0, 1]
    assert len(ran) < 1000


@pytest.mark.parametrize("jobs", [0, -1, 257, 1.5, True, "2"])
def test_a_number_of_jobs_is_one(jobs: object) -> None:
    with pytest.raises(UsageError, match="`jobs` must be a whole number from 1 to 256"):
        warming.make_all([], jobs)  # type: ignore[arg-type]


@pytest.mark.compiles
def test_a_warm_model_compiles_nothing_more_and_each_kernel_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = list[str]()
    shared = compilers.Compiler.shared

    def counted(compiler: compilers.Compiler, text: str, target: object) -> bytes:
        compiled.append(text)
        return shared(compiler, text, target)  # type: ignore[arg-type]

    monkeypatch.setattr(compilers.Compiler, "shared", counted)
    model = codegen.load(NET, seed=1)
    model.warm(jobs=2)
    assert len(compiled) == len(set(compiled)) == 2  # first and second differ in their name alone
    x = np.random.default_rng(0).normal(size=(1, 50, 2)).astype("float32")
    monkeypatch.setattr(compilers.Compiler, "shared", lambda *_: pytest.fail("something was compiled"))
    found = [layer(x) for layer in model.values()]
    cold = codegen.load(NET, seed=1)
    for y, layer in zip(found, cold.values(), strict=True):
        assert np.array_equal(y, layer(x))
    model.third.warm()


def test_a_layer_without_channels_is_named() -> None:
    with pytest.raises(ShapeError, match="`late` does not know its input's channels"):
        Model({"late": codegen.Conv1D(2, 3, name="late")}).warm()


@pytest.mark.compiles
def test_the_command_fills_the_cache(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.conv").write_text(NET)
    assert main.main(["warm", str(tmp_path / "net.conv"), "--jobs", "2"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("3 layers, 2 kernels in ")
    assert len(list(Path(out.split(" in ", 1)[1].strip()).glob("*.so"))) == 2
    assert main.main(["warm", str(tmp_path / "net.conv"), "--weights", "w.npz"]) == 2

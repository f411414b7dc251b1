"""Kernels for lengths that a layer meets often: in the background, at most a few, and no bit tells of them."""

from __future__ import annotations

import os
import pickle
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.errors import UsageError
from codegen.layers import lengths
from codegen.layers.layer import Layer
from codegen.machine import background, measure

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every kernel for one length counts as faster."""
    monkeypatch.delenv("GENCONV_SPECIALIZE")
    monkeypatch.setattr(measure, "ratio", lambda *_: 0.5)
    yield
    assert background.wait(60)


def layer_of(**options: Any) -> Layer:
    layer = codegen.Conv1D(3, 5, padding="same", target="scalar", **options)
    layer.build((None, None, 2))
    return layer


def samples(steps: int) -> np.ndarray:
    return RNG.standard_normal((1, steps, 2)).astype("f")


def often(layer: Layer, x: np.ndarray, calls: int = lengths.OFTEN) -> list[bytes]:
    answers = [layer(x).tobytes() for _ in range(calls)]
    assert background.wait(60)
    return [*answers, layer(x).tobytes(), layer(x).tobytes()]


def kept(layer: Layer) -> list[int]:
    return list(layer._lengths._kept) if layer._lengths is not None else []


@pytest.mark.compiles
def test_a_length_that_comes_often_has_a_kernel_with_the_same_bits() -> None:
    layer, x = layer_of(), samples(40)
    assert len(set(often(layer, x, lengths.OFTEN - 1))) == 1
    assert background.wait(60)
    assert kept(layer) == [40]  # the two calls after the first wait were enough
    answers = often(layer, x)
    plain = layer_of(specialize=0)
    plain.set_weights(layer.get_weights())
    assert {*answers, plain(x).tobytes()} == {answers[0]}
    found = layer._lengths._kept[40].kernel  # type: ignore[union-attr]  # it is there
    assert found.plan.problem.steps == 40
    bound = layer._weights.at[40][1] if layer._weights else layer._initial.at[40][1]  # type: ignore[union-attr]
    assert bound.kernel is found, "the short way has it, too"
    out = np.empty((1, 40, 3), "f")
    layer.bind(x, out)()
    assert out.tobytes() == answers[0]
    layer.set_weights([array * 2 for array in layer.weights])
    plain.set_weights(layer.get_weights())
    assert layer(x).tobytes() == plain(x).tobytes() != answers[0]
    assert layer(samples(41)).shape == (1, 41, 3)


@pytest.mark.compiles
def test_so_many_lengths_are_kept_and_the_least_recently_used_goes() -> None:
    layer, inputs = layer_of(specialize=2), {steps: samples(steps) for steps in (8, 9, 10, 11)}
    for steps in (8, 9):
        often(layer, inputs[steps])
    assert kept(layer) == [8, 9]
    often(layer, inputs[10], lengths.OFTEN // 2)  # here it is seen that 9 is no longer used
    layer(inputs[8])
    often(layer, inputs[10], lengths.OFTEN // 2)
    assert kept(layer) == [8, 10]
    for steps in (9, 11, 8, 9, 10, 11, 8, 9, 10, 11):
        often(layer, inputs[steps])
        assert len(kept(layer)) <= 2
    assert layer._lengths._made == 2 * lengths.MADE  # type: ignore[union-attr]


def test_it_is_off_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lengths.most_lengths(4) == 4
    for value, most in (("0", 0), ("2", 2), (" 9 ", 4)):
        monkeypatch.setenv("GENCONV_SPECIALIZE", value)
        assert lengths.most_lengths(4) == most
    for value in ("many", "-1", "4.0"):
        monkeypatch.setenv("GENCONV_SPECIALIZE", value)
        with pytest.raises(UsageError, match=f"GENCONV_SPECIALIZE='{value}': expected a whole number"):
            lengths.most_lengths(4)
    for wrong in (-1, 65, 1.5, "4"):
        with pytest.raises(UsageError, match="`specialize` must be a whole number of lengths from 0 to 64, got"):
            layer_of(specialize=wrong)


@pytest.mark.compiles
def test_what_is_not_seen_to_be_faster_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "ratio", lambda *_: 1.0)
    layer = layer_of()
    assert len(set(often(layer, samples(30)))) == 1
    assert kept(layer) == []
    for options in ({"specialize": 0}, {"input_shape": (30, 2)}):
        layer = layer_of(**options)
        often(layer, samples(30))
        assert layer._lengths is None


@pytest.mark.compiles
def test_many_threads_call_and_one_sets_weights() -> None:
    """Each answer is that of one set of weights, whichever kernel it came from."""
    layer, inputs = layer_of(specialize=2), [samples(steps) for steps in (7, 19, 33)]
    kernel, bias = layer.get_weights()
    sets = [[kernel * number, bias + number] for number in range(3)]
    plain, expected = layer_of(specialize=0), []
    for one in sets:
        plain.set_weights(one)
        expected.append([plain(x).tobytes() for x in inputs])
    wrong: list[int] = []

    def call() -> None:
        for i in range(300):
            number = i % len(inputs)
            if layer(inputs[number]).tobytes() not in [one[number] for one in expected]:
                wrong.append(number)

    layer.set_weights(sets[0])
    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(60):
        layer.set_weights(sets[i % 3])
    for thread in threads:
        thread.join()
    assert not wrong
    assert background.wait(60)
    assert 1 <= len(kept(layer)) <= 2


@pytest.mark.compiles
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_copy_and_a_child_begin_anew() -> None:
    layer, x = layer_of(), samples(21)
    answers = often(layer, x)
    copy = pickle.loads(pickle.dumps(layer))
    assert copy._lengths is None
    assert often(copy, x) == answers
    assert kept(copy) == [21]
    background.submit(lambda: time.sleep(0.3))
    child = os.fork()
    if not child:
        good = layer(x).tobytes() == answers[0] and len(set(often(layer, samples(22)))) == 1 and 22 in kept(layer)
        os._exit(0 if good else 1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.compiles
def test_the_end_of_python_waits_for_no_compiler(tmp_path: Path) -> None:
    """A compiler that would take a minute is ended, and nothing is said."""
    slow = tmp_path / "cc"
    slow.write_text(f'#!/bin/sh\n[ -e {tmp_path}/slow ] && {{ touch {tmp_path}/begun; sleep 60; }}\nexec gcc "$@"\n')
    slow.chmod(slow.stat().st_mode | stat.S_IXUSR)
    code = f"""
import codegen, numpy as np, pathlib, time
layer, x = codegen.Conv1D(3, 5), np.ones((1, 40, 2), "f")
layer(x)
pathlib.Path("{tmp_path}/slow").touch()
for _ in range(40):
    layer(x)
while not pathlib.Path("{tmp_path}/begun").exists():
    time.sleep(0.01)
print(len(layer(x)))
"""
    environment = {**os.environ, "GENCONV_CC": str(slow), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
    assert not list((Path(os.environ["GENCONV_CACHE_DIR"]) / "kernels").glob("*.tmp"))

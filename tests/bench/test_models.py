"""The benchmark of models: answers are held to float64, peers' graphs to the same; what is recorded is told."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

from codegen.bench.contest import Settings
from codegen.bench.models import causal, contest, layers
from codegen.bench.models.case import CASES, ModelCase
from codegen.bench.results import OURS
from codegen.cli import main
from codegen.errors import VerificationError
from codegen.graph.shape import Shape
from codegen.graph.steps import MaxPool
from codegen.layers.how import How

SMALL = (
    ModelCase("lite", "bench/nets/a2.conv", 16, True, "lite", {"by hand": "1 ns"}),
    ModelCase("cnn", "bench/nets/cnn.conv", 256),
    ModelCase("ecg", "examples/arrhythmia.conv", 512, scale=1e-3),
)


@pytest.mark.compiles
def test_models_beside_their_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The graphs of the peers that are installed give the same outputs."""
    words = {"pytorch": ("PyTorch", "torch"), "litert": ("LiteRT", "ai_edge_litert")}
    words |= {"onnxruntime": ("ONNX Runtime", "onnxruntime")}
    chosen = tuple(word for word, (_, module) in words.items() if importlib.util.find_spec(module) is not None)
    report = contest.run(Settings(rounds=1, peers=chosen), cases=SMALL)
    lite, cnn, ecg = report.rows
    assert lite.absent == {"by hand": "1 ns"}
    assert (lite.best, lite.flops) == (None, 2 * 16 * 1722), "21 layers of 6 taps, 2 of 15, 3 channels"
    assert cnn.flops == 2 * 3_236_352
    assert set(cnn.entries) == {OURS, *(words[word][0] for word in chosen)}, cnn.absent
    assert all(0 < entry.error < 1e-5 for row in (cnn, ecg) for entry in row.entries.values())
    assert set(ecg.entries) == set(cnn.entries), ecg.absent
    monkeypatch.setattr(contest, "MOST_WRONG", 0.0)
    with pytest.raises(VerificationError, match="lite: our own is off by"):
        contest.run(Settings(rounds=1, peers=()), cases=SMALL[:1])


@pytest.mark.compiles
def test_a_bound_stream_takes_block_after_block() -> None:
    net = SMALL[0].net(How("native"))
    x = np.random.default_rng(0).standard_normal((1, 48, 1)).astype("f")
    stream, y = net.stream(16), np.zeros((1, 16, 1), "f")
    given = np.zeros((1, 16, 1), "f")
    call, found = stream.bind(given, y), []
    for at in range(0, 48, 16):
        given[...] = x[:, at : at + 16]
        assert call() == 16
        found.append(y.copy())
    assert np.array_equal(np.concatenate(found, axis=1), net.stream(16)(x))
    assert OURS in contest.run(Settings(rounds=1, peers=()), cases=SMALL[:1]).rows[0].entries


@pytest.mark.compiles
def test_a_causal_convolution_beside_its_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its row has a time of ours, those of both graphs of ONNX Runtime where that is, and that of a copy."""
    there = ("onnxruntime",) if importlib.util.find_spec("onnxruntime") is not None else ()
    case = causal.CausalCase("causal/9", 9, channels=24)
    (row,) = contest.run(Settings(rounds=1, peers=there), cases=(case,)).rows
    assert set(row.entries) == {OURS, *(["ONNX Runtime"] if there else [])}
    assert all(0 < entry.error < 1e-5 for entry in row.entries.values())
    assert row.flops == 2 * 4 * 24 * 9
    assert "a copy of x to y takes" in row.absent["memcpy"]
    monkeypatch.setattr(causal, "MOST_WRONG", 0.0)
    with pytest.raises(VerificationError, match="causal/9, gen-conv: off by"):
        contest.run(Settings(rounds=1, peers=()), cases=(case,))


def test_a_pool_pads_as_the_graph_does() -> None:
    for size, strides, padding, steps, wanted in ((3, 2, "same", 8, (0, 1)), (3, 1, "causal", 8, (2, 0))):
        op: Any = MaxPool(size=size, strides=strides, padding=padding)
        assert layers.pads(op, Shape.of(steps, 1)) == wanted


def test_models_are_timed_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["bench", "Q", "--models"]) == 2
    assert "leave shapes and other tables out" in capsys.readouterr().err
    labels = [case.label for case in (*CASES, *causal.CASES)]
    assert len(set(labels)) == len(labels)

"""The models among the examples: each is a text that is soon read, has C, and is what the definition says."""

from __future__ import annotations

import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.errors import PlanError
from codegen.graph import reference
from codegen.graph.plans import streamed
from codegen.layers.net import Net
from codegen.machine import compilers, model_library
from codegen.planning.ask import Ask, Stream

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
REAL = Path(__file__).resolve().parents[1] / "data" / "real"
LATENCIES = {"amp": 0, "tcn": 0, "tc_resnet8": None, "voice_detector": 511, "vocoder": 0, "arrhythmia": 10_208}
needs_compiler = pytest.mark.skipif(compilers.find() is None, reason="needs a C compiler")


def net_of(name: str) -> Net:
    found: Net = next(iter(codegen.load(EXAMPLES / f"{name}.conv", seed=1, accuracy="exact").nets.values()))
    return found


@pytest.mark.long
@pytest.mark.parametrize("name", LATENCIES)
def test_examples_of_models(name: str) -> None:
    assert len((EXAMPLES / f"{name}.conv").read_text("utf-8").splitlines()) < 60
    net = net_of(name)
    made = pipeline.model_emitted(net.graph, Ask())
    assert f"void {net.name}(" in made.code
    latency = LATENCIES[name]
    ask = Ask(weights="packed", stream=Stream(64, "count"))
    if latency is None:
        with pytest.raises(PlanError, match="has a number of steps"):
            streamed.planned(net.graph, ask)
    else:
        assert streamed.planned(net.graph, ask).latency == latency


@pytest.mark.compiles
@needs_compiler
def test_the_voice_detector_hears_speech() -> None:
    """All of silero's over a second of speech, as a stream in blocks of any size: it is sure of most of it."""
    weights: dict[str, Any] = {}
    for file in ("silero_encoder_weights", "silero_decoder_weights"):
        with np.load(REAL / f"{file}.npz") as arrays:
            weights |= {name: arrays[name].astype("f") for name in arrays.files if "bias_" not in name}
    with wave.open(str(REAL / "speech_16k.wav")) as speech:
        x = np.frombuffer(speech.readframes(speech.getnframes()), "<i2").astype("f")[None, :, None] / 32768
    net = codegen.load(EXAMPLES / "voice_detector.conv", weights).voice_detector
    expected = reference.run(net.graph, {"x": x}, net.weights)["probability"].ravel()
    stream = net.stream(block=512)
    assert stream.latency == 511
    found = []
    for sizes in ((512,), (160, 1, 3_000, 700)):
        cuts = np.cumsum([0, *sizes * (x.shape[1] // sum(sizes) + 1)])
        blocks = [stream(x[:, a:b]) for a, b in pairwise(cuts)]
        found.append(np.concatenate([*blocks, stream.flush()], axis=1).ravel())
    assert np.array_equal(*found)
    assert found[0].shape == expected.shape == ((x.shape[1] + 64 - 576) // 512 + 1,)
    assert np.abs(found[0] - expected).max() < 1e-5
    assert np.median(expected) > 0.9


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize(
    ("name", "steps"), [("tc_resnet8", 98), ("tcn", 40), pytest.param("vocoder", 90, marks=pytest.mark.long)]
)
def test_they_compute_what_they_say(name: str, steps: int) -> None:
    """Within 1e-5 of the outputs' rms; what streams has the bits of the whole."""
    net, random = net_of(name), np.random.default_rng(0)
    given = model_library.drawn_inputs(net.graph, random, steps, 1)
    (expected,) = reference.run(net.graph, given, net.weights).values()
    found = net(*given.values())
    assert np.abs(found - expected).max() <= 1e-5 * np.sqrt((expected**2).mean())
    if net.graph.steps is None:
        stream = net.stream()
        parts = [stream(*(x[:, at : at + 33] for x in given.values())) for at in range(0, steps, 33)]
        assert np.array_equal(np.concatenate([*parts, stream.flush()], axis=1), found)

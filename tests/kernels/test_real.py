"""Real layers on real recordings: voice activity over speech and a band-pass over an ECG, in Python and in C."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.cli import main
from codegen.language import reader
from codegen.problem import reference
from codegen.problem.targets import TARGETS
from tests.support import cprogram

pytestmark = pytest.mark.compiles

ROOT = Path(__file__).parents[2]
REAL = ROOT / "tests/data/real"
LAYERS = ("stft", "encoder0", "encoder1", "encoder2", "encoder3")
STAGES = ("stft", "magnitude", *LAYERS[1:])
CLOSE = 2e-4  # of each output's rms, in float32 from the samples on


def samples() -> np.ndarray:
    """1 s of speech at 16 kHz, (1, samples, 1), as float32."""
    found = np.frombuffer((REAL / "speech_16k.wav").read_bytes()[44:], "<i2")
    assert found.size == 16_000
    return (found / np.float32(32768)).astype(np.float32).reshape(1, -1, 1)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return samples()


def chain(x: np.ndarray, layers: Mapping[str, Callable[[np.ndarray], np.ndarray]]) -> dict[str, np.ndarray]:
    """Every stage's output for (1, samples, 1)."""
    out = {"stft": layers["stft"](x)}
    re, im = np.split(out["stft"], 2, axis=-1)
    x = out["magnitude"] = np.sqrt(re * re + im * im)
    for name in LAYERS[1:]:
        x = out[name] = layers[name](x)
    return out


def hold(found: Mapping[str, np.ndarray], limit: float) -> dict[str, float]:
    """Each stage's largest error in units of its rms, but at the end. Raises AssertionError beyond `limit`."""
    with np.load(REAL / "silero_encoder_expected.npz") as expected:
        errors = {}
        for stage in STAGES:
            known = expected[stage].astype(np.float64)
            ours = found[stage].reshape(-1, known.shape[1])[: len(known)].astype(np.float64)
            assert ours.shape == known.shape
            errors[stage] = float(np.abs(ours - known).max() / np.sqrt((known**2).mean()))
    assert max(errors.values()) <= limit, errors
    return errors


def test_reference_agrees_with_the_expected_outputs(speech: np.ndarray) -> None:
    """In float64: all that remains is that the expected outputs are stored in float32."""
    specs = {spec.name: spec for spec in reader.read((ROOT / "examples/voice_activity.conv").read_text())}
    with np.load(REAL / "silero_encoder_weights.npz") as file:
        weights = {name: file[name].astype(np.float64) for name in file}

    def layer(name: str) -> Callable[[np.ndarray], np.ndarray]:
        arrays = (weights[f"{name}/kernel"], weights.get(f"{name}/bias"))
        return lambda x: reference.convolve(specs[name].lower(), x, *arrays)

    errors = hold(chain(speech.astype(np.float64), {name: layer(name) for name in LAYERS}), limit=1e-5)
    assert max(errors.values()) > 0


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("target", ["native", "scalar"])
def test_voice_activity_in_python(target: str, speech: np.ndarray) -> None:
    model = codegen.load(
        ROOT / "examples/voice_activity.conv", weights=REAL / "silero_encoder_weights.npz", target=target
    )
    assert tuple(model) == LAYERS
    found = chain(speech, model)
    assert all(y.dtype == np.float32 for y in found.values())
    assert found["encoder3"].shape == (1, 31, 128)
    hold(found, CLOSE)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_voice_activity_in_c(target: str, speech: np.ndarray, need: Callable[..., Any], tmp_path: Path) -> None:
    """A program made of the files that `gen-conv --weights` writes."""
    tools = need(cprogram.toolchain, TARGETS[target])
    weights = str(REAL / "silero_encoder_weights.npz")
    spec = str(ROOT / "examples/voice_activity.conv")
    assert main.main([spec, "--weights", weights, "--target", target, "-o", str(tmp_path), "-q"]) == 0
    files = [f"{name}.c" for name in LAYERS]
    flags = ("-std=c99", "-O2", "-ffp-contract=off", f"-I{tmp_path}")
    program = str(REAL / "voice_activity.c")
    cprogram.compile_c((*tools.compiler, *flags, program, *files, "-lm", "-o", "voice"), folder=tmp_path)
    (tmp_path / "speech.f32").write_bytes(speech.tobytes())
    subprocess.run([tmp_path / "voice", "speech.f32", "out.f32"], cwd=tmp_path, check=True, timeout=60)
    flat, found, at = np.fromfile(tmp_path / "out.f32", np.float32), {}, 0
    shapes = zip(STAGES, (124, 124, 124, 62, 31, 31), (258, 129, 128, 64, 64, 128), strict=True)
    for stage, steps, filters in shapes:
        found[stage] = flat[at : at + steps * filters].reshape(steps, filters)
        at += steps * filters
    assert at == flat.size
    hold(found, CLOSE)


def ecg() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.load(REAL / "ecg_fir.npz") as file:
        return file["x"], file["kernel"], file["y_same"].astype(np.float64)


def test_ecg_bandpass_in_python() -> None:
    x, kernel, expected = ecg()
    model = codegen.load(ROOT / "examples/ecg_bandpass.conv", weights={"bandpass/kernel": kernel})
    error = np.abs(model["bandpass"](x[None])[0] - expected).max() / np.sqrt((expected**2).mean())
    assert error <= CLOSE


@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_ecg_bandpass_in_c(target: str, need: Callable[..., Any], tmp_path: Path) -> None:
    tools = need(cprogram.toolchain, TARGETS[target])
    x, kernel, expected = ecg()
    np.savez(tmp_path / "weights.npz", **{"bandpass/kernel": kernel})
    words = [str(ROOT / "examples/ecg_bandpass.conv"), "--weights", str(tmp_path / "weights.npz")]
    assert main.main([*words, "--target", target, "-o", str(tmp_path), "-q"]) == 0
    (tmp_path / "main.c").write_text(
        """
        #include "bandpass.h"
        #include <stdio.h>
        static float x[bandpass_STEPS * bandpass_CHANNELS], y[bandpass_OUT_STEPS * bandpass_FILTERS];
        int main(void)
        {
            if (fread(x, sizeof x, 1, stdin) != 1) return 2;
            bandpass(x, y);
            return fwrite(y, sizeof y, 1, stdout) != 1;
        }
        """
    )
    flags = ("-std=c99", "-O2", "-ffp-contract=off")
    cprogram.compile_c((*tools.compiler, *flags, "main.c", "bandpass.c", "-o", "ecg"), folder=tmp_path)
    out = subprocess.run([tmp_path / "ecg"], input=x.tobytes(), capture_output=True, check=True, timeout=60).stdout
    error = np.abs(np.frombuffer(out, np.float32) - expected.ravel()).max() / np.sqrt((expected**2).mean())
    assert error <= CLOSE

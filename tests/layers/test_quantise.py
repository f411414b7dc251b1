"""`gen-conv quantize`: floats and samples of their input to int8, within the steps of its codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.cli import main
from codegen.errors import UsageError
from codegen.language import reader
from codegen.layers.quantise import ranges
from codegen.problem import reference

CHAIN = """\
conv1d stem { input_shape = (40, 6), filters = 8, kernel_size = 3, padding = same, activation = relu }
separable_conv1d mixed { input_shape = (40, 8), filters = 5, kernel_size = 4, activation = tanh }
conv1d_transpose up { input_shape = (None, 5), filters = 3, kernel_size = 4, strides = 2, activation = silu }
"""


Quantize = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def quantized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Quantize:
    """The command in an empty folder, on samples and with weights that are drawn: exit code and JSON document."""
    monkeypatch.chdir(tmp_path)

    def go(samples: Any, *words: str, text: str = CHAIN) -> tuple[int, dict[str, Any]]:
        Path("f.conv").write_text(text)
        if isinstance(samples, dict):
            np.savez("x.npz", **samples)
        else:
            np.save("x.npy", samples)
        x = "x.npz" if isinstance(samples, dict) else "x.npy"
        given = ["quantize", "f.conv", "--init", "--seed", "4", "--calibrate", x, "-o", "q.conv", "--json"]
        code = main.main([*given, *words])
        return code, json.loads(capsys.readouterr().out)

    return go


def test_a_chain_stays_near_its_floats(quantized: Quantize) -> None:
    """The outputs of int8 lie within a few of their own steps, and neighbours share a `let`."""
    x = np.random.default_rng(5).standard_normal((12, 40, 6))
    code, told = quantized(x, "--rounding", "fp32")
    assert code == 0
    assert [one["layer"] for one in told["quantized"]] == ["stem", "mixed", "up"]
    assert all(one["alone"] > 28 and one["chained"] > 22 for one in told["quantized"])
    text = Path("q.conv").read_text()
    assert "input_scale    = stem_out_scale" in text
    assert text.count("let stem_out_scale") == 1
    specs = reader.read(text, "q.conv")
    assert {spec.rounding for spec in specs} == {"fp32"}
    assert specs[0].output_zero_point == -128  # relu's outputs begin at 0
    assert (specs[1].output_scale, specs[1].output_zero_point) == (1 / 128, 0)  # tanh's, as TensorFlow Lite has them
    model = codegen.load(Path("f.conv"), seed=4)
    held = np.load("q.npz")
    y, exact = x, x
    for spec in specs:
        arrays = {name: held[f"{spec.name}/{name}"] for name in spec.weight_shapes()}
        kernel, *operands = spec.problem_arrays(arrays)
        assert kernel is not None
        assert spec.input_scale
        codes = np.clip(np.rint(y / spec.input_scale) + (spec.input_zero_point or 0), -128, 127)
        found = reference.convolve(spec.problem, codes, kernel, *operands, dtype="int64")
        y = (found - (spec.output_zero_point or 0)) * (spec.output_scale or 0)
        floats = model[spec.name].spec
        kernel, bias = floats.problem_weights(
            dict(zip(floats.weight_shapes(), model[spec.name].get_weights(), strict=True))
        )
        exact = reference.convolve(floats.problem, exact, kernel, bias)
        assert np.abs(y - exact).max() < 12 * (spec.output_scale or 0)
        assert np.abs(arrays[next(iter(arrays))]).max() == 127


def test_ranges() -> None:
    numbers = np.concatenate([np.linspace(-1, 3, 1001), [900.0]])
    assert ranges.named("minmax").grid(numbers).zero_point == -128
    narrow = ranges.named("percentile=99.8").grid(numbers)
    assert narrow.scale == pytest.approx(4 / 255, rel=0.01)
    assert narrow.zero_point == -65  # -1 is 64 steps below it, and -128 a code, too
    assert ranges.grid(0.5, 0.5).zero_point == -128  # 0.0 has a code, too
    assert ranges.grid(0.0, 0.0).scale > 0
    for word in ("percentile", "percentile=20", "percentile=nan", "mean"):
        with pytest.raises(UsageError, match="no range"):
            ranges.named(word)


def test_inputs_by_layer_and_what_is_refused(quantized: Quantize) -> None:
    rng = np.random.default_rng(6)
    apart = CHAIN.replace("(40, 8)", "(41, 9)")
    x = {"stem/input": rng.standard_normal((2, 40, 6)), "mixed/input": rng.standard_normal((3, 41, 9))}
    code, told = quantized(x, text=apart)
    assert code == 0
    assert "let mixed_in_scale" in Path("q.conv").read_text()
    assert told["quantized"][1]["alone"] == told["quantized"][1]["chained"]
    for samples, words, expected in [
        (x["stem/input"], (), "`q.conv` is there already"),
        (x["stem/input"], ("--force",), "`mixed` reads 41 steps of 9 channels, `stem` before it gives 40 steps of 8"),
        (x["stem/input"][:, :9], ("--force",), "expected (samples, 40, 6)"),
        (x["stem/input"] * np.nan, ("--force",), "no finite numbers"),
        ({"other/input": x["stem/input"]}, ("--force",), "the input of no layer"),
    ]:
        code, told = quantized(samples, *words, text=apart)
        assert code == 2
        assert expected in told["errors"][0]["message"]
    code, told = quantized(x["stem/input"], "--force", text=CHAIN.replace("relu", "softmax"))
    assert "softmax takes all filters of a step together" in told["errors"][0]["message"]

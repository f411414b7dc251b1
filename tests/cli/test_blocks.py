"""`show --stream` and `verify --stream`: what is told of layers in blocks, and that wrong bits are found."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from codegen.cli import main
from codegen.cli.commands.found import Finding
from codegen.cli.commands.verify_streams import Splits
from codegen.language import reader
from codegen.layers.stream import Stream
from tests.support.int8_layers import weights

ROOT = Path(__file__).resolve().parents[2]
TEXT = """\
conv1d voice { input_shape = (None, 3), filters = 4, kernel_size = 5, dilation_rate = 2, padding = same }
conv1d down { input_shape = (6, None), data_format = channels_first, filters = 2, kernel_size = 4, strides = 2 }
"""


@pytest.fixture
def layers(tmp_path: Path) -> str:
    (tmp_path / "layers.conv").write_text(TEXT)
    return str(tmp_path / "layers.conv")


def told(out: str) -> dict[str, list[dict[str, object]]]:
    """The JSON document, held against the schema of docs/json.md."""
    text = re.search(r"```json\n(.*?)```", (ROOT / "docs/json.md").read_text("utf-8"), re.S)
    assert text
    found: dict[str, list[dict[str, object]]] = json.loads(out)
    jsonschema.Draft202012Validator(json.loads(text[1])).validate(found)
    return found


def test_latency_and_state_are_told(layers: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["show", layers, "--stream", "--block", "16", "--clock", "rate"]) == 0
    out = capsys.readouterr().out
    assert "outputs at the rate of the input, behind 4 zeros" in out
    assert "latency 4 steps, 9 steps are read" in out
    assert f"a state of {(8 + 16) * 3 * 4} bytes beside its counters" in out
    assert main.main(["show", layers, "--stream", "--json"]) == 0
    first, second = told(capsys.readouterr().out)["streams"]
    assert (first["latency"], first["delay"], first["block"], first["clock"]) == (4, 0, 64, "count")
    assert (second["latency"], second["receptive_field"]) == (3, 4)


@pytest.mark.compiles
def test_random_splits_are_compared(
    layers: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["verify", layers, "--stream", "--block", "8", "--target", "scalar", "--json"]
    assert main.main(words) == 0
    findings = told(capsys.readouterr().out)["findings"]
    assert [(found["data"], found["wrong"], found["ok"]) for found in findings] == [("blocks", 0, True)] * 8
    kept = Stream.__call__

    def forgetful(self: Stream, x: object) -> object:
        y = kept(self, x)
        return y + 1e-3 if y.shape[1] == 1 else y  # a step alone is another one

    monkeypatch.setattr(Stream, "__call__", forgetful)
    assert main.main(words) == 3
    assert any(found["wrong"] and not found["ok"] for found in told(capsys.readouterr().out)["findings"])


@pytest.mark.compiles
def test_codes_of_any_splits_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of int8, with its weights: one code that is one off is wrong."""
    grid = "dtype = int8, input_scale = 0.05, input_zero_point = 3, output_scale = 0.1, output_zero_point = -5"
    (tmp_path / "q.conv").write_text(f"conv1d q {{ input_shape = (None, 3), filters = 4, kernel_size = 5, {grid} }}")
    (spec,) = reader.read((tmp_path / "q.conv").read_text())
    arrays = {f"q/{name}": array for name, array in weights(spec, np.random.default_rng(4)).items()}
    np.savez(tmp_path / "q.npz", **arrays)  # type: ignore[arg-type]  # its stubs take the names for options
    words = ["verify", str(tmp_path / "q.conv"), "--stream", "--block", "8", "--target", "scalar", "--json"]
    assert main.main(words) == 2
    assert "give --weights FILE" in capsys.readouterr().out
    words += ["--weights", str(tmp_path / "q.npz")]
    assert main.main(words) == 0
    findings = told(capsys.readouterr().out)["findings"]
    assert [(one["data"], one["wrong"], one["bound"], one["ok"]) for one in findings] == [("blocks", 0, 0, True)] * 4
    kept = Stream.__call__
    monkeypatch.setattr(Stream, "__call__", lambda self, x: kept(self, x) ^ (x.shape[1] == 1))
    assert main.main(words) == 3
    assert any(one["wrong"] and not one["ok"] for one in told(capsys.readouterr().out)["findings"])


def test_json_has_no_word_for_infinity() -> None:
    """A finding without a bound, of a layer, of a model or of a stream, is null in JSON as every reader knows it."""
    far = float("inf")
    findings = Finding("net", 3, "random", far, 1.0, 6, ok=False, rms=far), Splits("net", 3, 8, 0, 6, far, 1.0)
    for one in findings:
        told = json.loads(json.dumps(one.plain(), allow_nan=False))
        assert (told["error"], told["rms"], told["bound"], told["ok"]) == (None, None, 1.0, False)

"""`gen-conv verify --as-emitted`: the files that would be written, compiled and called as a program would."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from codegen import pipeline
from codegen.cli import main
from codegen.emission.render import GeneratedSource
from codegen.machine import compilers
from codegen.machine.emitted_kernel import EmittedKernel
from codegen.specs.kinds import Conv1DSpec
from tests.cli.test_cli import document

LAYERS = """
conv1d one { input_shape = (64, 4), filters = 8, kernel_size = 3, activation = gelu }
conv1d two { input_shape = (None, 4), filters = 8, kernel_size = 5, padding = same }
"""
CHAIN = "separable_conv1d five { input_shape = (70, 4), filters = 6, kernel_size = 3, activation = elu }"


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("net.conv").write_text(LAYERS)
    Path("chain.conv").write_text(CHAIN)
    return "net.conv"


@pytest.mark.compiles
def test_arguments_packed_kernels_slices_and_tables(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--as-emitted", "--target", "scalar"]
    assert main.main(["verify", "chain.conv", *words, "--sliced"]) == 0
    assert main.main(["verify", "chain.conv", *words, "--packed", "--accuracy", "fast"]) == 0
    assert main.main(["verify", spec, *words, "--packed", "--storage", "bfloat16"]) == 0
    assert len(re.findall("outputs  ok", capsys.readouterr().out)) == 4 + 10
    assert main.main(["verify", spec, *words, "--init", "--seed", "1"]) == 0
    assert re.findall(r"(\w+)  \d+ steps  ([\w ]+):", capsys.readouterr().out)[0] == ("one", "given weights")


@pytest.mark.compiles
def test_the_way_back(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("one.conv").write_text(LAYERS.strip().splitlines()[0])
    words = ["verify", "one.conv", "--as-emitted", "--backward", "--target", "scalar"]
    assert main.main([*words, "--json"]) == 0
    assert document(capsys.readouterr().out)["findings"][-1]["data"] == "dz and dbias"
    assert main.main(words) == 0
    told = re.findall(r"64 steps  (z|dx|dkernel|dz and dbias): 0 of (\d+) numbers differ  ok", capsys.readouterr().out)
    assert told == [("z", "992"), ("dx", "512"), ("dkernel", "96"), ("dz and dbias", "992")]


@pytest.mark.compiles
def test_files_that_are_wrong_are_found(spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = pipeline.emitted

    def wrong(*given: object, **named: object) -> GeneratedSource:
        source = right(*given, **named)  # type: ignore[arg-type]
        name, code = source.files[0]
        changed = code[: source.head] + code[source.head :].replace("x[", "1 + x[", 1)
        assert changed != code
        object.__setattr__(source, "files", ((name, changed), *source.files[1:]))
        return source

    monkeypatch.setattr(pipeline, "emitted", wrong)
    assert main.main(["verify", "net.conv", "--as-emitted", "--target", "scalar"]) == 3


@pytest.mark.compiles
def test_an_emitted_kernel_has_the_values_of_its_weights() -> None:
    spec = Conv1DSpec(name="one", input_shape=(5, 2), filters=3, kernel_size=2, use_bias=True)
    compiler = compilers.find()
    assert compiler
    kernel = EmittedKernel(pipeline.generate(spec, packed=True), compiler)
    x, y = np.arange(10, dtype="float32").reshape(1, 5, 2), np.zeros((1, 4, 3), "float32")
    taps = np.ones((2, 2, 3), "float32")
    kernel.run(x, y, kernel.pack(taps), np.array([0, 1, 2], "float32"))
    assert y[0, 0].tolist() == [6, 7, 8]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--packed"], "say --as-emitted, too"),
        (["--backward"], "say --as-emitted, too"),
        (["--as-emitted", "--stream"], "runs the emitted stream in blocks"),
    ],
)
def test_what_does_not_go_together(spec: str, words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["verify", spec, *words]) == 2
    assert told in capsys.readouterr().err

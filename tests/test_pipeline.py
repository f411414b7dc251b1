"""The pipeline: each step once, from the text of a definition to the text of its C."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from codegen import pipeline
from codegen.cli import main
from codegen.emission import banner
from codegen.gradients import emit
from codegen.layers import kinds
from codegen.planning.ask import Ask
from codegen.planning.plan import AnyRequest
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import TARGETS
from codegen.specs.base import Spec

TEXT = """
conv1d stem { filters = 4, kernel_size = 3, input_shape = (20, 2), activation = relu }
separable_conv1d mix { filters = 4, kernel_size = 3, input_shape = (20, 2) }
conv1d_transpose up { filters = 4, kernel_size = 3, strides = 2, input_shape = (20, 2) }
"""


@pytest.fixture
def lowered(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often each spec has been lowered, by its id: those that were are kept until the test ends."""
    counts: Counter[int] = Counter()
    kept: list[Spec] = []
    own = Spec.convolution

    def convolution(self: Spec) -> ConvProblem:
        kept.append(self)
        counts[id(self)] += 1
        return own(self)

    monkeypatch.setattr(Spec, "convolution", convolution)
    return counts


@pytest.mark.parametrize("options", [[], ["--init", "--seed", "3"], ["--packed"], ["show"], ["show", "--why"]])
def test_a_command_asks_once_for_each_layer(
    options: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    own = pipeline.request

    def request(spec: Spec, ask: Ask) -> AnyRequest:
        asked.append(spec.name)
        return own(spec, ask)

    monkeypatch.setattr(pipeline, "request", request)
    spec = tmp_path / "net.conv"
    spec.write_text(TEXT)
    words = [*options, str(spec)] if "show" in options else [str(spec), "-o", str(tmp_path), *options]
    assert main.main(words) == 0, capsys.readouterr().err
    assert asked == ["stem", "mix", "up"]


@pytest.mark.parametrize("options", [[], ["--init", "--seed", "3"], ["--packed"], ["--emit", "c,backward"]])
def test_one_emission_lowers_each_layer_once(
    options: list[str], lowered: Counter[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TEXT.splitlines()[1] if "--emit" in options else TEXT
    spec = tmp_path / "net.conv"
    spec.write_text(text)
    assert main.main([str(spec), "-o", str(tmp_path), *options]) == 0, capsys.readouterr().err
    made = 2 if "--seed" in options else 1  # a seed makes other specs of those that were read
    assert len(lowered) == made * text.count("{")
    assert set(lowered.values()) == {1}


def test_a_layer_lowers_once_for_all_that_it_does(lowered: Counter[int]) -> None:
    layer = kinds.Conv1D(4, 3, input_shape=(20, 2))
    layer.set_weights([np.ones((3, 2, 4), np.float32), np.ones(4, np.float32)])
    assert layer.compute_output_shape((None, 20, 2)) == (None, 18, 4)
    pipeline.plan(layer.spec)
    pipeline.generate(layer.spec, weights=dict(zip(("kernel", "bias"), layer.get_weights(), strict=True)))
    assert [*lowered.values()] == [1]


def test_forward_and_backward_go_through_the_same_steps() -> None:
    """Each has a plan, two files, a digest and the banner's lines; the same ask makes both."""
    spec = kinds.Conv1D(4, 3, input_shape=(20, 2), activation="relu", name="stem").spec
    ask = Ask(TARGETS["avx2"])
    forward, backward = pipeline.emitted(spec, ask), emit.emitted(spec, ask)
    assert (forward.name, backward.name) == ("stem", "stem_backward")
    assert (forward.plan.problem, forward.plan.target) == (backward.plan.problem, backward.plan.target)
    for source, what in ((forward, "a conv1d"), (backward, "the gradients of a conv1d,")):
        assert [name for name, _ in source.files] == [f"{source.name}.c", f"{source.name}.h"]
        head = source.code[: source.head].splitlines()
        assert head[1].startswith(f" * {source.name}: {what} written by gen-conv ")
        assert head[2] == " * This file belongs to whoever generated it, to use under any licence or none."
        assert head[-3].startswith(f" * build      {banner.BUILD} -mavx2 -mfma -c {source.name}.c")
        assert head[-1] == f'#include "{source.name}.h"'
    assert forward.digest != backward.digest

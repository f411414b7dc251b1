"""The pipeline: each step once, from the text of a definition to the text of its C."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from codegen import pipeline
from codegen.cli import main
from codegen.layers import kinds
from codegen.problem.conv_problem import ConvProblem
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

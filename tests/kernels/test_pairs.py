"""Products of a transform for filters that are one vector: two channels at a time, where loads take longer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.language.reader import read
from codegen.machine import compilers
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.plan import KernelPlan
from codegen.problem import reference
from codegen.problem.targets import TARGETS, runs_here

needs_compiler = pytest.mark.skipif(compilers.find() is None, reason="needs a C compiler")
LAYER = "conv1d one {{ input_shape = ({steps}, {channels}), filters = {filters}, kernel_size = 3, padding = same }}"


def plans(target: str = "avx512", steps: int = 98, channels: int = 40, filters: int = 16) -> list[KernelPlan[Any]]:
    """Those by a transform, best first."""
    (spec,) = read(LAYER.format(steps=steps, channels=channels, filters=filters), "pairs")
    found = planner.survey(pipeline.request(spec, Ask(TARGETS[target], "packed", "fast"))).found
    return [one for one in found if one.algorithm.name == "winograd"]


def test_filters_of_one_vector_are_summed_in_pairs_of_channels() -> None:
    """Fourteen rows of two vectors of sums at most. Of more filters a load feeds two products as it is."""
    (first, *_) = plans()
    assert (first.schedule.paired, first.schedule.rows) == (True, 14)
    assert first.order[-1] == first.algorithm.key(first.schedule)[-1] == "paired"
    assert not plans(filters=32)[0].schedule.paired
    for others in (plans(channels=41), plans("avx2"), plans("neon")):
        assert others
        assert not any(one.schedule.paired for one in others)


def test_weights_are_packed_as_they_were() -> None:
    """Two channels' weights are mixed in registers: the kernel's numbers lie as those of any plan of the transform."""
    (first, *others), kernel = plans(), np.random.default_rng(0).standard_normal((3, 40, 16)).astype("float32")
    alike = [one for one in others if one.layout == first.layout and not one.schedule.paired]
    assert alike
    assert np.array_equal(first.pack(kernel), alike[0].pack(kernel))


@pytest.mark.compiles
@needs_compiler
def test_pairs_of_channels_make_the_same_sums() -> None:
    """Of a known length, and of any, with all heights of tiles: next to float64."""
    if not runs_here(TARGETS["avx512"]):
        pytest.skip("this CPU runs no avx512")
    rng = np.random.default_rng(1)
    for known in (98, None):
        layer = codegen.Conv1D(16, 3, padding="same", input_shape=(known, 40), target="avx512", use_bias=False)
        for steps in (98,) if known else (1, 3, 50, 98, 131):
            x = rng.standard_normal((1, steps, 40)).astype("float32")
            y = layer(x)
            kernel = layer.get_weights()[0].astype("float64")
            exact = reference.convolve(layer.spec.problem.at_length(steps), x.astype("float64"), kernel, None)
            assert np.abs(y - exact).max() < 2e-5 * np.sqrt(np.square(exact).mean())

"""Streams of int8 on a microcontroller: their portable C in QEMU, block by block, with the codes of the whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from codegen import pipeline
from codegen.language import reader
from codegen.machine import board_figures
from codegen.planning.ask import Ask, Stream
from codegen.problem.targets import TARGETS
from tests.support.firmware import Case, run
from tests.support.int8_layers import weights

GRID = "dtype = int8, input_scale = 0.05, input_zero_point = 3, output_scale = 0.1, output_zero_point = -5"
STEPS = 60
CUTS = (1, 0, 7, 16, 20, 16)  # of all steps
TEXT = f"""
conv1d same {{ input_shape = ({STEPS}, 8), filters = 5, kernel_size = 7, padding = same, {GRID} }}
conv1d looked_up {{ input_shape = ({STEPS}, 6), filters = 9, kernel_size = 4, padding = causal, dilation_rate = 3,
    activation = tanh, sum_scale = 0.03, sum_zero_point = 2, {GRID} }}
depthwise_conv1d each {{ input_shape = ({STEPS}, 10), kernel_size = 9, padding = same, rounding = single, {GRID} }}
separable_conv1d both {{ input_shape = ({STEPS}, 6), filters = 5, kernel_size = 3, strides = 2, padding = causal,
    depthwise_scale = 0.2, depthwise_zero_point = 1, {GRID} }}
conv1d_transpose up {{ input_shape = ({STEPS}, 4), filters = 3, kernel_size = 5, strides = 2, rounding = fp32, {GRID} }}
"""
DRIVER = """
#include "{name}.h"

void {name}_blocks(const int8_t *x, int8_t *y)
{{
    static const ptrdiff_t cuts[] = {{ {cuts} }};
    static {name}_state state;
    ptrdiff_t outs = 0;

    {name}_reset(&state);
    for (int i = 0; i < {count}; ++i) {{
        outs += {name}_process(&state, x, cuts[i], y + {filters} * outs);
        x += {channels} * cuts[i];
    }}
    {name}_flush(&state, y + {filters} * outs);
}}
"""


def in_blocks(core: str) -> list[Case]:
    """A call of each layer that hands its stream the steps in blocks, to compare with the definition of the whole."""
    rng, found = np.random.default_rng(7), []
    fixed = reader.read(TEXT, "fixed")
    for spec, free in zip(fixed, reader.read(TEXT.replace(f"({STEPS},", "(none,"), "free"), strict=True):
        arrays, ask = weights(spec, rng), Ask(TARGETS[core], "baked")
        whole = board_figures.case(pipeline.emitted(spec, ask, arrays), spec.problem_arrays(arrays))
        files = pipeline.streamed(free, replace(ask, stream=Stream(16)), arrays).files
        p, cuts = spec.problem, ", ".join(map(str, CUTS))
        driver = DRIVER.format(name=spec.name, cuts=cuts, count=len(CUTS), filters=p.out_filters, channels=p.channels)
        name = f"{spec.name}_blocks"
        found.append(Case(name, (*files, (f"{name}.c", driver)), 0, whole.x, whole.outputs, whole.y))
    return found


@pytest.mark.compiles
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4"])
def test_codes_in_blocks_are_those_of_the_whole(core: str, need: Callable[..., Any]) -> None:
    cases = in_blocks(core)
    assert sum(CUTS) == STEPS
    found = need(run, core, cases)
    assert {name: (one.wrong, one.outside) for name, one in found.items()} == {case.name: (0, 0) for case in cases}

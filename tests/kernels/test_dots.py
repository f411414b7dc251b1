"""int8 in vectors: each instruction set, with sums of four products and without, has the codes of the definition."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen import pipeline
from codegen.language import reader
from codegen.problem.targets import TARGETS, cpu_flags
from codegen.specs.kinds import Spec
from tests.support import cprogram

GRID = "dtype = int8, input_scale = 0.05, input_zero_point = {}, output_scale = {}, output_zero_point = {}"
BETWEEN = "depthwise_scale = 0.6, depthwise_zero_point = -7"
TABLE = "activation = tanh, sum_scale = 0.05, sum_zero_point = -20"
LAYERS = (
    "conv1d {} {{ input_shape = (31, 10), filters = 37, kernel_size = 3, padding = same, activation = relu, {} }}",
    "conv1d {} {{ input_shape = (40, 3), filters = 70, kernel_size = 5, strides = 2, padding = same, {} }}",
    "conv1d {} {{ input_shape = (None, 7), filters = 16, kernel_size = 3, dilation_rate = 4, padding = causal, {} }}",
    "conv1d {} {{ input_shape = (50, 12), filters = 42, kernel_size = 2, groups = 2, {} }}",
    "conv1d {} {{ input_shape = (6, 23), filters = 18, kernel_size = 3, data_format = channels_first, {} }}",
    "conv1d {} {{ input_shape = (6, None), filters = 9, kernel_size = 4, data_format = channels_first, {} }}",
    "conv1d {} {{ input_shape = (300, 5), filters = 4, kernel_size = 90, strides = 3, padding = same, TABLE, {} }}",
    "conv1d {} {{ input_shape = (3, 64), filters = 33, kernel_size = 1, activation = relu6, {} }}",
    "depthwise_conv1d {} {{ input_shape = (33, 70), kernel_size = 5, padding = same, {} }}",
    "depthwise_conv1d {} {{ input_shape = (None, 33), kernel_size = 4, padding = (6, 0), TABLE, {} }}",
    "depthwise_conv1d {} {{ input_shape = (None, 8), kernel_size = 7, depth_multiplier = 3, strides = 2, {} }}",
    "separable_conv1d {} {{ input_shape = (21, 40), filters = 19, kernel_size = 5, BETWEEN, TABLE, {} }}",
    "separable_conv1d {} {{ input_shape = (35, 33), filters = 20, kernel_size = 3, strides = 2, BETWEEN, {} }}",
    "conv1d_transpose {} {{ input_shape = (19, 6), filters = 5, kernel_size = 7, strides = 3, padding = same, {} }}",
    "conv1d_transpose {} {{ input_shape = (13, 17), filters = 9, kernel_size = 8, strides = 4, TABLE, {} }}",
    "conv1d {} {{ input_shape = (None, 6), filters = 9, kernel_size = 5, strides = 3, padding = same, {} }}",
    "depthwise_conv1d {} {{ input_shape = (None, 70), kernel_size = 6, strides = 2, padding = same, {} }}",
    "conv1d_transpose {} {{ input_shape = (None, 6), filters = 5, kernel_size = 7, strides = 3, padding = same, {} }}",
    "conv1d_transpose {} {{ input_shape = (6, 9), filters = 1, kernel_size = 4, strides = 2, "
    "data_format = channels_first, padding = same, {} }}",
)
WAYS = {  # target, more flags of the compiler, the CPU's flag that these need
    "sse2": ("sse2", (), ""),
    "avx2": ("avx2", (), ""),
    "avx512": ("avx512", (), ""),
    "avx512 with VNNI": ("avx512", ("-mavx512vnni",), "avx512_vnni"),
    "neon": ("neon", (), ""),
    "neon with dot products": ("neon", ("-march=armv8.2-a+dotprod",), ""),
}


def layers() -> list[tuple[Spec, dict[str, Any]]]:
    """Each layer twice with weights, in another rounding each time; factors below 1, and above it."""
    rng, found = np.random.default_rng(11), []
    for number, text in enumerate(LAYERS * 2):
        grid = GRID.format(rng.integers(-128, 128), 10.0 ** rng.uniform(-1.5, 1), rng.integers(-60, 60))
        rounding = ("double", "fp32", "single")[(number + number // len(LAYERS)) % 3]
        text = (
            text.format(f"k{number}", f"{grid}, rounding = {rounding}")
            .replace("TABLE", TABLE)
            .replace("BETWEEN", BETWEEN)
        )
        (spec,) = reader.read(text)
        arrays = {}
        for name, shape in spec.weight_shapes().items():
            kind = spec.weight_dtype(name)
            drawn = rng.uniform(0.001, 0.02, shape) if kind == "float32" else rng.integers(-127, 128, shape)
            arrays[name] = drawn.astype(kind)
        if number >= len(LAYERS):
            for scale in (name for name in arrays if name.endswith("kernel_scale")):
                arrays[scale] *= np.float32(40)
        found.append((spec, arrays))
    return found


@pytest.mark.in_turn(5)
@pytest.mark.compiles
@pytest.mark.parametrize("way", WAYS)
def test_golden_vectors(way: str, need: Callable[..., Any], tmp_path: Path) -> None:
    """Borders, partial vectors, strides, dilations, groups, layouts, free lengths, tables: not one code differs."""
    name, flags, cpu = WAYS[way]
    tools = need(cprogram.toolchain, TARGETS[name])
    if cpu and cpu not in cpu_flags():
        pytest.skip(f"needs a CPU with {cpu}")
    heads, calls, algorithms = [], [], []
    for spec, arrays in layers():
        made = pipeline.generate(spec, name, arrays)
        algorithms.append(made.plan.algorithm.name)
        for file, text in (*made.files, *pipeline.tested(spec, made, arrays).files):
            (tmp_path / file).write_text(text)
        work = ", work" if made.plan.has_workspace else ""
        heads += [f'#include "{spec.name}.c"', f'#include "{spec.name}_test.c"']
        calls.append(f'    if ({spec.name}_self_test(y{work}))\n        printf("{spec.name} ");')
    opened = "static signed char y[1 << 16], work[1 << 18];\n\nint main(void)\n{\n"
    lines = ["#include <stdio.h>", *heads, opened, *calls, "    return 0;\n}\n"]
    (tmp_path / "main.c").write_text("\n".join(lines))
    command = [*tools.compiler, *flags, "-std=c99", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*command, "main.c", "-o", "main"], cwd=tmp_path, check=True)  # the intrinsics' header is read once
    done = subprocess.run([*tools.runner, "./main"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout == ""
    assert algorithms.count("dots") >= 14
    assert algorithms.count("dots_channels") == 6
    assert algorithms.count("dots_phases") == 6
    assert algorithms.count("dots_stages") >= 2

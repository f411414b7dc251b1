"""int8 in portable C where an int has 16 bits: self-tests by avr-gcc in simavr, in each rounding and kind of layer."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen import pipeline
from codegen.language import reader
from tests.support.cprogram import program

LAYERS = """
defaults { dtype = int8, input_scale = 0.05, input_zero_point = -3, output_scale = 0.1, output_zero_point = 4 }
conv1d twice { input_shape = (20, 3), filters = 4, kernel_size = 3, padding = same, activation = relu }
conv1d floats { input_shape = (20, 3), filters = 5, kernel_size = 3, dilation_rate = 2, rounding = fp32 }
depthwise_conv1d once { input_shape = (20, 4), kernel_size = 5, padding = same, rounding = single }
conv1d_transpose up { input_shape = (7, 4), filters = 3, kernel_size = 5, strides = 2, activation = tanh,
    sum_scale = 0.02, sum_zero_point = 1 }
separable_conv1d both { input_shape = (12, 4), filters = 3, kernel_size = 5, depthwise_scale = 0.2,
    depthwise_zero_point = 1 }
"""
MAIN = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
{heads}
static int8_t y[128];
static uint8_t work[256];

static void put(char c)
{{
    while (!(UCSR0A & (1 << UDRE0))) {{
    }}
    UDR0 = c;
}}

int main(void)
{{
    UCSR0B = 1 << TXEN0;
{calls}
    put('\\n');
    cli();
    sleep_enable();
    sleep_cpu(); /* without interrupts: the simulator ends */
}}
"""


@pytest.mark.compiles
def test_self_tests_pass(need: Callable[..., Any], tmp_path: Path) -> None:
    """A letter for each layer, + where its codes are right."""
    compiler = need(program, "avr-gcc", "gcc-avr avr-libc")
    simulator = need(program, "simavr", "simavr")
    rng, heads, calls = np.random.default_rng(0), [], []
    for spec in reader.read(LAYERS, "avr.conv"):
        arrays: dict[str, Any] = {}
        for name, shape in spec.weight_shapes().items():
            if name.endswith("scale"):
                arrays[name] = rng.uniform(0.001, 0.01, shape).astype(np.float32)
            elif name == "bias":
                arrays[name] = rng.integers(-900, 900, shape).astype(np.int32)
            else:
                arrays[name] = rng.integers(-127, 128, shape).astype(np.int8)
        made = pipeline.generate(spec, "scalar", arrays)
        for file, text in (*made.files, *pipeline.tested(spec, made, arrays).files):
            (tmp_path / file).write_text(text)
        heads.append(f'#include "{spec.name}_test.h"')
        work = ", work" if made.plan.has_workspace else ""
        calls.append(f"    put({spec.name}_self_test(y{work}) ? '-' : '+');")
    (tmp_path / "main.c").write_text(MAIN.format(heads="\n".join(heads), calls="\n".join(calls)))
    files = sorted(path.name for path in tmp_path.glob("*.c"))
    command = [compiler, "-mmcu=atmega2560", "-std=c99", "-Os", "-Wall", "-Wextra", "-Werror", *files, "-o", "main.elf"]
    subprocess.run(command, cwd=tmp_path, check=True)
    run = [simulator, "-m", "atmega2560", "-f", "16000000", "main.elf"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "+++++" in done.stdout + done.stderr

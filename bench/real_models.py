"""Real models from their original files, in Python and as C programs, whole and in blocks, beside recorded outputs.

    python bench/real_models.py FOLDER

FOLDER holds the .nam files of NAM Core's examples, and what silero's voice detector is made of, with outputs that were
computed in float64. `gen-conv import` writes each model as .conv and .safetensors, `gen-conv` its C; a program of a few
lines reads samples and writes outputs. Printed is the largest error in parts of the outputs' rms, of each way.
"""

from __future__ import annotations

import subprocess
import sys
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import codegen
from codegen.cli import main as command
from codegen.machine import compilers
from codegen.problem.targets import native

ROOT = Path(__file__).resolve().parents[1]
MOST = 1e-5  # of the outputs' rms
BLOCK = 64
Array = np.ndarray[Any, Any]
DRIVER = """#include <stdio.h>
#include <stdlib.h>
#include "whole/{name}.h"
ptrdiff_t blocks(const float *x, ptrdiff_t steps, float *y, int warm);

int main(int argc, char **argv)
{{
    const ptrdiff_t n = atol(argv[2]);
    float *x = malloc(sizeof *x * (size_t)n), *y = malloc(sizeof *y * (size_t)(n + 64));
    void *room = malloc((size_t)({upper}_WORKSPACE_BYTES(n)) + 64);
    ptrdiff_t outs;
    FILE *file = fopen(argv[1], "rb");

    if (argc < 5 || !file || fread(x, sizeof *x, (size_t)n, file) != (size_t)n)
        return 1;
    fclose(file);
    if (argv[3][0] == 'w') {{
        {name}(x, n, y, room);
        outs = {name}_out_steps(n);
    }} else {{
        outs = blocks(x, n, y, argv[3][0] == 's');
    }}
    file = fopen(argv[4], "wb");
    fwrite(y, sizeof *y, (size_t)outs, file);
    return fclose(file);
}}
"""
BLOCKS = """#include "blocks/{name}.h"
ptrdiff_t blocks(const float *x, ptrdiff_t steps, float *y, int warm);
static {name}_state state;

ptrdiff_t blocks(const float *x, ptrdiff_t steps, float *y, int warm)
{{
    ptrdiff_t outs = 0, part;

    (warm ? {name}_prewarm : {name}_reset)(&state);
    for (ptrdiff_t at = 0, turn = 0; at < steps; at += part, ++turn) {{
        part = 1 + turn * 29 % 97;
        part = part < steps - at ? part : steps - at;
        outs += {name}_process(&state, x + at, part, y + outs);
    }}
    return outs + {name}_flush(&state, y + outs);
}}
"""


@dataclass(frozen=True)
class Real:
    """A model: its file, its name in it, an input, and its outputs from zeros and, if there is, from silence."""

    told: str
    file: Path
    name: str
    x: Array
    zero: Array
    silence: Array | None = None
    weights: dict[str, Array] | None = None


def real(folder: Path) -> Iterator[Real]:
    """Those whose files are there."""
    small, a1, a2 = (dict(np.load(folder / f"nam_{word}_expected.npz")) for word in ("small", "a1_standard", "a2"))
    yield Real(
        "NAM A1 standard", folder / "wavenet_standard.nam", "wavenet_standard", a1["x"], a1["zero"], a1["silence"]
    )
    for size in ("full", "lite"):
        yield Real(f"NAM A2 {size}", folder / "A2.nam", size, a2["x"], a2[f"{size}_zero"], a2[size])
    for word in ("wavenet", "wavenet_condition_dsp", "lstm"):
        file, zero, silent = folder / f"nam_{word}.nam", small[f"{word}_zero"], small[f"{word}_silence"]
        yield Real(f"NAM {word}", file, f"nam_{word}", small["x"], zero, silent)
    weights = {}
    for word in ("encoder", "decoder"):
        with np.load(folder / f"silero_{word}_weights.npz") as held:
            weights |= {name: held[name].astype("f") for name in held.files if "bias_" not in name}
    with wave.open(str(folder / "speech_16k.wav")) as speech:
        x = np.frombuffer(speech.readframes(speech.getnframes()), "<i2").astype("f") / 32768
    expected = np.load(folder / "silero_vad_expected.npz")["probability"]
    detector = ROOT / "examples" / "voice_detector.conv"
    yield Real("voice detector", detector, "voice_detector", x, expected, None, weights)


def off(found: Array, expected: Array) -> float:
    """The largest error in parts of the rms of the outputs that are expected: the first ones."""
    if len(found) < len(expected):
        return float("inf")
    rms = float(np.sqrt(np.mean(expected**2)))
    return float(np.abs(found[: len(expected)] - expected).max() / rms)


def in_python(one: Real) -> dict[str, float]:
    """The errors of a call, and of a stream in blocks of many sizes."""
    model = codegen.read(one.file) if one.weights is None else codegen.load(one.file, one.weights)
    net, x = model.nets[one.name], one.x[None, :, None]
    stream = net.stream(block=BLOCK)
    cuts = np.cumsum([0, *[1 + turn * 29 % 97 for turn in range(len(one.x))]])
    cuts = np.append(cuts[cuts < len(one.x)], len(one.x))

    def streamed() -> Array:
        parts = [stream(x[:, a:b]) for a, b in pairwise(cuts)]
        return np.concatenate([*parts, stream.flush()], axis=1).ravel()

    found = {"Python whole": off(net(x).ravel(), one.zero), "Python stream": off(streamed(), one.zero)}
    if one.silence is not None:
        stream.prewarm()
        found["Python from silence"] = off(streamed(), one.silence)
    return found


def in_c(one: Real, folder: Path) -> dict[str, float]:
    """The errors of a C program that is made of what the command writes."""
    spec, held = one.file, folder / "weights.npz"
    if one.weights is None:
        assert command.main(["import", str(one.file), "-o", str(folder / "model.conv"), "-q", "--force"]) == 0
        spec, held = folder / "model.conv", folder / "model.safetensors"
    else:
        np.savez(held, **one.weights)  # type: ignore[arg-type]  # names of arrays
    words = [str(spec), "--weights", str(held), "--target", native().name, "-q"]
    assert command.main([*words, "-o", str(folder / "whole")]) == 0
    assert command.main([*words, "--stream", "--block", str(BLOCK), "-o", str(folder / "blocks")]) == 0
    names = {"name": one.name, "upper": one.name.upper()}
    (folder / "main.c").write_text(DRIVER.format(**names))
    (folder / "blocks.c").write_text(BLOCKS.format(**names))
    compiler = compilers.find()
    assert compiler is not None
    # the two files have the same names in C: each is compiled into a library of its own
    apart = [f"-D{one.name}={one.name}_in_blocks"]
    flags = [*compiler.command, "-O2", "-ffp-contract=off", *native().flags, "-I."]
    for more, files, out in (
        ([], ["main.c", f"whole/{one.name}.c"], "w"),
        (apart, ["blocks.c", f"blocks/{one.name}.c"], "b"),
    ):
        for number, file in enumerate(files):
            subprocess.run([*flags, *more, "-c", file, "-o", f"{out}{number}.o"], cwd=folder, check=True)
    objects = ["w0.o", "w1.o", "b0.o", "b1.o"]
    subprocess.run([*flags, *objects, "-lm", "-o", "program"], cwd=folder, check=True)
    one.x.astype("f").tofile(folder / "x")

    def run(word: str) -> Array:
        words = [str(folder / "program"), str(folder / "x"), str(len(one.x)), word, str(folder / "y")]
        subprocess.run(words, check=True)
        return np.fromfile(folder / "y", "f")

    found = {"C whole": off(run("w"), one.zero), "C stream": off(run("b"), one.zero)}
    if one.silence is not None:
        found["C from silence"] = off(run("s"), one.silence)
    return found


def errors(one: Real) -> dict[str, float]:
    """The error of each way."""
    with TemporaryDirectory() as folder:
        return in_python(one) | in_c(one, Path(folder))


def main() -> int:
    worst = 0.0
    for one in real(Path(sys.argv[1])):
        found = errors(one)
        worst = max(worst, *found.values())
        print(f"{one.told}:", ", ".join(f"{way} {error:.1e}" for way, error in found.items()), flush=True)
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main())

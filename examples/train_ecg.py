"""Learn a denoiser on a real electrocardiogram, then emit it as C and try that C.

    pip install gen-conv PyWavelets
    python train_ecg.py                 # trains for about a second, writes denoiser.c and denoiser.h into build/

One filter of 31 taps learns to take mains hum and white noise off a recording (PyWavelets' `data.ecg()`, 1,024 samples
at 360 Hz). It trains on the first three quarters and is judged on the last, which it never sees. A regularizer keeps
its taps small; a constraint bounds its norm, which is what it lets through of white noise.
"""

from __future__ import annotations

import argparse
import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

import codegen
from codegen import pipeline
from codegen.functions.constraints import MaxNorm
from codegen.functions.initializers import GlorotUniform
from codegen.functions.regularizers import L2
from codegen.layers.optimizers import Adam
from codegen.problem import reference

RATE = 360  # samples a second
WINDOW = 256  # samples that the C function takes
BATCH = 16
console = Console()


def recording() -> np.ndarray:
    """The ECG, of mean 0 and variance 1, float32."""
    try:
        import pywt
    except ImportError:
        raise SystemExit("the recording comes with PyWavelets, which is not here: pip install PyWavelets") from None
    ecg = pywt.data.ecg().astype("float32")
    return (ecg - ecg.mean()) / ecg.std()


def noisy(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Windows (batch, steps, 1) with 50 Hz hum of any phase and white noise on them."""
    seconds = np.arange(clean.shape[1])[None, :, None] / RATE
    hum = 0.5 * np.sin(2 * np.pi * (50 * seconds + rng.random((len(clean), 1, 1))))
    return (clean + hum + 0.3 * rng.normal(size=clean.shape)).astype("float32")


def mean_square(y: np.ndarray, clean: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss, and its gradient with respect to y."""
    error = y - clean
    return float(np.mean(error * error)), 2 * error / error.size


def train(layer: codegen.Conv1D, ecg: np.ndarray, steps: int, rng: np.random.Generator) -> None:
    """Show the layer windows of the recording, each time under new noise."""
    optimizer = Adam(learning_rate=0.005)
    columns = (TextColumn("training"), BarColumn(), TextColumn("loss {task.fields[loss]:.4f}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("train", total=steps, loss=float("nan"))
        for _ in range(steps):
            starts = rng.integers(0, len(ecg) - WINDOW + 1, BATCH)
            clean = np.stack([ecg[start : start + WINDOW] for start in starts])[:, :, None]
            loss = optimizer.minimize(layer, noisy(clean, rng), lambda y, clean=clean: mean_square(y, clean))
            progress.update(task, advance=1, loss=loss)


def emit(layer: codegen.Conv1D, folder: Path) -> Path:
    """Write the layer as C with its weights inside; the path of the .c file."""
    weights = dict(zip(layer.spec.weight_shapes(), layer.weights, strict=True))
    source = pipeline.generate(layer.spec, "scalar", weights)
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in source.files:
        (folder / name).write_text(text, "utf-8")
    return folder / source.files[0][0]


def run_c(path: Path, name: str, x: np.ndarray) -> np.ndarray | None:
    """What the emitted C makes of windows x, compiled by this machine's cc; None without one."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    library = path.with_suffix(".so")
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run([compiler, *flags, "-o", library, path], check=True)
    function = getattr(ctypes.CDLL(str(library.resolve())), name)
    y = np.empty_like(x)
    for one, out in zip(x, y, strict=True):
        function(one.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p))
    return y


def verified(layer: codegen.Conv1D, path: Path, x: np.ndarray) -> str:
    """What to say of the C on disk: each output is held to the rounding bound around the exact one."""
    y = run_c(path, layer.name, x)
    if y is None:
        return "not tried, as there is no cc"
    problem = layer.spec.lower()
    exact = reference.convolve(problem, x, layer.kernel, layer.bias, dtype="float64")
    worst = float(np.max(np.abs(y - exact) / reference.bound(problem, x, layer.kernel, layer.bias)))
    if worst > 1:
        raise SystemExit(f"{path} is wrong: an output is off by {worst:.1f} times its bound")
    return f"compiled and run, every output within {100 * worst:.0f} % of its rounding bound"


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Train, judge, emit, verify; returns the mean squared errors on the unseen quarter."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=600, help="batches to learn from (default: %(default)s)")
    parser.add_argument("-o", "--output", type=Path, default=Path("build"), help="folder (default: %(default)s)")
    asked = parser.parse_args(arguments)
    ecg, rng = recording(), np.random.default_rng(7)
    seen, unseen = np.split(ecg, [3 * len(ecg) // 4])
    layer = codegen.Conv1D(
        1,
        31,
        padding="same",
        kernel_initializer=GlorotUniform(seed=1),
        kernel_regularizer=L2(1e-3),
        kernel_constraint=MaxNorm(0.5, axis=(0, 1)),
        input_shape=(WINDOW, 1),
        name="denoiser",
    )
    clean = np.repeat(unseen[None, :, None], 64, axis=0)
    x = noisy(clean, rng)
    errors = {"noisy": mean_square(x, clean)[0], "start": mean_square(layer(x), clean)[0]}
    train(layer, seen, asked.steps, rng)
    errors["end"] = mean_square(layer(x), clean)[0]
    told = ", ".join(f"{name} {error:.4f}" for name, error in errors.items())
    console.print(f"mean squared error on the unseen quarter: {told}", soft_wrap=True)
    console.print(f"the filter's norm: {np.linalg.norm(layer.kernel):.3f} of 0.5; its penalty: {layer.losses[0]:.1e}")
    path = emit(layer, asked.output)
    console.print(f"wrote {path}: {verified(layer, path, x)}", soft_wrap=True)
    return errors


if __name__ == "__main__":
    main(sys.argv[1:])

"""Train a whole model, batch by batch, then write it as one C function.

    pip install gen-conv
    python train_model.py               # trains for some seconds, writes waves.c and waves.h into build/

A residual network tells sines, squares and sawteeth of any frequency and phase apart, 64 samples under noise. All
gradients are those of `net.gradients`: convolutions by compiled kernels, the rest in NumPy. Batch normalizations keep
the means that they have seen, here those of the inputs' making: 0 and 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

import codegen
from codegen.optimizers import Adam

WAVES = """
defaults { padding = same, kernel_initializer = he_normal }
conv1d stem { filters = 16, kernel_size = 7, strides = 2 }
batch_normalization norm {}
for i in range(2) {
    conv1d a[i] { filters = 16, kernel_size = 5 }
    conv1d b[i] { filters = 16, kernel_size = 5 }
}
dense kinds { units = 3, activation = log_softmax }

model waves {
    input x = (64, 1)
    h = relu(norm(stem(x)))
    for i in range(2) {
        h = relu(b[i](relu(a[i](h))) + h)
    }
    output y = kinds(global_average_pool(h))
}
"""


def windows(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(count, 64, 1) samples of waves under noise, and which of the three each is."""
    kinds = rng.integers(0, 3, count)
    turns = rng.uniform(0.02, 0.12, (count, 1)) * np.arange(64) + rng.random((count, 1))
    sine = np.sin(2 * np.pi * turns)
    shapes = np.stack([sine, np.sign(sine), 2 * (turns % 1) - 1])
    x = shapes[kinds, np.arange(count)] + 0.3 * rng.standard_normal((count, 64))
    return x[:, :, None].astype("float32"), kinds


def likelihood(kinds: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean of -log p of the right kinds, and its gradient with respect to y, the logarithms (count, 1, 3)."""
    wanted = np.eye(3, dtype=y.dtype)[kinds][:, None]
    return -float((y * wanted).sum()) / len(y), -wanted / len(y)


def right(net: codegen.layers.net.Net, x: np.ndarray, kinds: np.ndarray) -> float:
    """How many of the windows are told right, of 1."""
    return float(np.mean(net(x)[:, 0].argmax(axis=-1) == kinds))


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Train, judge on windows that were never seen, write the C; what share was right before and after."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=8, help="passes over the windows (default: %(default)s)")
    parser.add_argument("-o", "--output", type=Path, default=Path("build"), help="folder (default: %(default)s)")
    asked = parser.parse_args(arguments)
    rng = np.random.default_rng(7)
    model = codegen.load(WAVES, seed=1)
    net, optimizer = model["waves"], Adam(learning_rate=0.003, global_clipnorm=1.0)
    (x, kinds), unseen = windows(1024, rng), windows(512, rng)
    shares = {"start": right(net, *unseen)}
    for epoch in range(asked.epochs):
        losses = []
        for rows in np.split(rng.permutation(len(x)), len(x) // 64):
            losses.append(optimizer.minimize(net, x[rows], lambda y, rows=rows: likelihood(kinds[rows], y)))
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, {right(net, *unseen):.0%} of unseen windows right")
    shares["end"] = right(net, *unseen)
    files = model.emit(asked.output, target="scalar")
    print(f"wrote {', '.join(map(str, files))}")
    return shares


if __name__ == "__main__":
    main(sys.argv[1:])

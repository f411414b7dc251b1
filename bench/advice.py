"""What each advice of docs/performance.md gains on this machine: both ways in turns, in one process.

    python bench/advice.py [--rounds N] [--clock cpu] [ADVICE ...]

Printed is a row an advice: the microseconds of a call, the least of all rounds, without it and with it, and their
ratio. Both ways must compute the same; `threads` are timed by the wall, whatever the clock.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import codegen
import codegen.initializers
from codegen import pipeline
from codegen.bench.case import aligned
from codegen.bench.contestant import Contestant, from_python
from codegen.bench.timing import CLOCKS, WALL, alternate
from codegen.planning.ask import Ask, Weights
from codegen.problem.targets import target_named

Array = np.ndarray[Any, np.dtype[Any]]
Call = Callable[[], Any]
NUMPYS = 16  # bytes past a cache line, where NumPy's own large arrays start


@dataclass(frozen=True)
class Ways:
    """A call without the advice and one with it; what each computes; `wall`: more than this thread works."""

    without: Call
    given: Call
    results: Callable[[], tuple[Array, Array]]
    wall: bool = False


def data(*shape: int) -> Array:
    """Standard normal numbers in float32 that start at a cache line."""
    return aligned(np.random.default_rng(1).standard_normal(shape, np.float32))


def built(*shape: int | None, filters: int = 64, kernel_size: int = 3, **options: Any) -> Any:
    """A layer for inputs of that shape with its first weights, which are the same in every layer of the same sizes."""
    options = {"padding": "same", "kernel_initializer": codegen.initializers.GlorotUniform(seed=1)} | options
    layer = codegen.Conv1D(filters, kernel_size, input_shape=shape, **options)
    layer.build((1, *shape))
    return layer


def into(layer: Any, x: Array, out: Array | None = None) -> tuple[Call, Array]:
    """A call that writes into `out`, and `out`."""
    y = np.zeros(layer.compute_output_shape(x.shape), np.float32) if out is None else out
    return lambda: layer(x, out=y), y


def pair(first: tuple[Call, Array], second: tuple[Call, Array], **more: Any) -> Ways:
    return Ways(first[0], second[0], lambda: (first[1], second[1]), **more)


def length() -> Ways:
    x = data(1, 8, 64)
    return pair(into(built(None, 64), x), into(built(8, 64), x))


def out() -> Ways:
    """Of 66 MB: such an array is new memory for each call, smaller ones the allocator gives again."""
    layer, x = built(160000, 1, filters=512, kernel_size=10, strides=5, padding="valid"), data(1, 160000, 1)
    given, y = into(layer, x)
    return Ways(lambda: layer(x), given, lambda: (layer(x), y))


def bind() -> Ways:
    layer, x = built(64, 16, filters=16), data(1, 64, 16)
    y = np.zeros((1, 64, 16), np.float32)
    return pair(into(layer, x), (layer.bind(x, y), y))


def batch() -> Ways:
    layer, x = built(64, 16, filters=16), data(32, 64, 16)
    single = np.zeros((32, 64, 16), np.float32)

    def one_by_one() -> None:
        for i in range(32):
            layer(x[i : i + 1], out=single[i : i + 1])

    return pair((one_by_one, single), into(layer, x))


def accuracy() -> Ways:
    x = data(1, 4096, 128)
    exact, fast = (
        built(4096, 128, filters=128, kernel_size=11, dilation_rate=5, accuracy=word) for word in ("exact", "fast")
    )
    return pair(into(exact, x), into(fast, x))


def dtype() -> Ways:
    layer, x = built(1024, 64), data(1, 1024, 64)
    return pair(into(layer, x.astype(np.float64)), into(layer, x))


def layout() -> Ways:
    x = data(1, 64, 1024)
    first, y = into(built(64, 1024, data_format="channels_first"), x)
    last, z = into(built(1024, 64), aligned(x.swapaxes(1, 2)))
    return Ways(first, last, lambda: (y, z.swapaxes(1, 2)))


def start() -> Ways:
    """`out` where NumPy would have it, and at the start of a cache line."""
    layer, x = built(16000, 1, filters=512, kernel_size=10, strides=5, padding="valid"), data(1, 16000, 1)
    shape = layer.compute_output_shape(x.shape)
    size = int(np.prod(shape))
    late = aligned(np.zeros(size + NUMPYS // 4, np.float32))[NUMPYS // 4 :]
    return pair(into(layer, x, late.reshape(shape)), into(layer, x, aligned(np.zeros(shape, np.float32))))


def packed() -> Ways:
    """Weights in Keras' order, which direct sums alone read, and packed ones, as tables in C are too."""
    layer, x = built(4096, 128, filters=128, kernel_size=11, dilation_rate=5), data(1, 4096, 128)
    words: tuple[Weights, ...] = ("argument", "packed")
    return pair(*(_kernel(layer, x, word) for word in words))


def _kernel(layer: Any, x: Array, word: Weights) -> tuple[Call, Array]:
    """The kernel as a C program has it, weights as `word` says, and its output."""
    kernel, bias = layer.get_weights()
    asked = pipeline.request(layer.spec, Ask(target_named("native"), word, "fast"))
    found, y = pipeline.compiled(asked, None), np.zeros(layer.compute_output_shape(x.shape), np.float32)
    return found.bind(x, y, found.pack(kernel), bias), y


def threads() -> Ways:
    x = data(1, 3000, 80)
    return pair(*(into(built(3000, 80, filters=384, threads=count), x) for count in (1, 2)), wall=True)


ADVICE: dict[str, Callable[[], Ways]] = {
    way.__name__: way for way in (length, out, bind, batch, accuracy, dtype, layout, packed, start, threads)
}


def measured(ways: Ways, rounds: int, clock: str) -> tuple[float, float]:
    """Least seconds of a call without the advice, and with it. Raises ValueError where they do not compute the same."""
    ways.without(), ways.given()
    y, z = ways.results()
    if not np.allclose(y, z, rtol=1e-3, atol=1e-4):
        raise ValueError("the two ways compute different numbers")
    calls = {"without": ways.without, "given": ways.given}
    contestants = {name: Contestant(name, from_python(call), lambda: y, True) for name, call in calls.items()}
    times = alternate(contestants, rounds, WALL if ways.wall else CLOCKS[clock])
    return times["without"].least, times["given"].least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("advice", nargs="*", metavar="ADVICE", help=" ".join(ADVICE))
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="wall")
    options = parser.parse_args()
    print(f"{time.strftime('%Y-%m-%d')}, load {os.getloadavg()[0]:.0f}, {os.cpu_count()} cores, {codegen.__version__}")
    for name in options.advice or ADVICE:
        without, given = measured(ADVICE[name](), options.rounds, options.clock)
        print(f"{name:10} {1e6 * without:10.2f} {1e6 * given:10.2f} {without / given:6.2f}", flush=True)


if __name__ == "__main__":
    main()

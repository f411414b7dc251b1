"""A case: one layer with a batch, random arrays, and the answer in float64 that every contestant is held to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.bench import exact
from codegen.errors import ShapeError, UsageError
from codegen.errors.source import MOST_BYTES
from codegen.functions.activations import LINEAR
from codegen.installed import folder
from codegen.language import reader
from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.problem.conv_problem import ConvProblem
    from codegen.specs.kinds import Spec

Array = np.ndarray[Any, np.dtype[Any]]

BATCHES = {"S": 32}  # the language knows no batch
FREE_STEPS = 1024
FREE_LENGTHS = (1, 16, 64, 256, 1024, 16384)
ALIGNED = 64  # bytes: what frameworks allocate, and we are given here too


@dataclass(frozen=True)
class Case:
    """`label` is the shape's letter or the layer's name; `spec` is linear, of float32 and of fixed length.

    `free`: our layer is not told the length, as the peers are not; the arrays have that of `spec`.
    """

    label: str
    spec: Spec
    batch: int = 1
    free: bool = False
    problem: ConvProblem = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "problem", self.spec.problem)

    @property
    def told(self) -> Spec:
        """The layer as ours is told it."""
        if not self.free:
            return self.spec
        channels = self.problem.channels
        return replace(self.spec, input_shape=(None, channels) if self.spec.channels_last else (channels, None))

    @property
    def steps(self) -> int:
        return self.problem.known_steps

    @property
    def outs(self) -> int:
        return self.problem.out_steps(self.steps)

    @property
    def flops(self) -> int:
        """Of the direct algorithm, taps in the padding counted: two for each multiplication."""
        return 2 * self.batch * self.problem.macs(self.steps)

    @property
    def bytes(self) -> int:
        """That must move at least: the input, the weights and the output, each once."""
        p = self.problem
        weights = p.terms * p.filters + p.filters * p.bias
        return 4 * (self.batch * (self.steps * p.channels + self.outs * p.filters) + weights)

    @property
    def in_shape(self) -> tuple[int, int, int]:
        return self._shape(self.steps, self.problem.channels)

    @property
    def out_shape(self) -> tuple[int, int, int]:
        return self._shape(self.outs, self.problem.filters)

    @cached_property
    def x(self) -> Array:
        return aligned(self._random(0, self.in_shape))

    @cached_property
    def kernel(self) -> Array:
        """(kernel_size, channels/groups, filters), scaled so that outputs are near 1."""
        p = self.problem
        return aligned(self._random(1, p.kernel_shape) / np.float32(p.terms**0.5))

    @cached_property
    def bias(self) -> Array | None:
        return aligned(self._random(2, (self.problem.filters,))) if self.problem.bias else None

    @cached_property
    def exact(self) -> Array:
        """The float64 reference, in the case's own layout."""
        return exact.answer(self.problem, self.x, self.kernel, self.bias)

    def rows(self) -> Array:
        """The input as (batch, steps, channels)."""
        return self.x if self.problem.channels_last else aligned(self.x.swapaxes(1, 2))

    def columns(self) -> Array:
        """The input as (batch, channels, steps), the order of PyTorch and ONNX."""
        return aligned(self.x.swapaxes(1, 2)) if self.problem.channels_last else self.x

    def filters_first(self) -> Array:
        """The kernel as (filters, channels/groups, kernel_size), the order of PyTorch and ONNX."""
        return aligned(self.kernel.transpose(2, 1, 0))

    def error(self, y: Array, *, channels_last: bool) -> float:
        """rms of the difference from `exact`, over the rms of `exact`; infinite for NaN. Raises ShapeError."""
        y = y if channels_last == self.problem.channels_last else y.swapaxes(1, 2)
        if y.shape != self.out_shape:
            raise ShapeError(f"{self.label}: got an output {y.shape}, expected {self.out_shape}")
        difference = float(np.sqrt(np.mean((y - self.exact) ** 2) / np.mean(self.exact**2)))
        return difference if difference == difference else float("inf")

    def _shape(self, steps: int, lanes: int) -> tuple[int, int, int]:
        return (self.batch, steps, lanes) if self.problem.channels_last else (self.batch, lanes, steps)

    def _random(self, stream: int, shape: tuple[int, ...]) -> Array:
        return np.random.default_rng((2024, stream)).standard_normal(shape, np.float32)


def aligned(array: Array) -> Array:
    """A C-contiguous copy in float32 that starts at a cache line."""
    memory = np.empty(array.size * 4 + ALIGNED, np.uint8)
    start = -memory.ctypes.data % ALIGNED
    copy = memory[start : start + array.size * 4].view(np.float32).reshape(array.shape)
    copy[...] = array
    return copy


def shape_files() -> dict[str, Path]:
    """The letters A to S and the .conv file of each."""
    return {path.stem: path for path in sorted(folder("bench/shapes").glob("*.conv"))}


def cases(
    words: Iterable[str],
    *,
    data_format: str | None = None,
    batch: int | None = None,
    steps: Sequence[int] = (),
    free: bool = False,
) -> Iterator[Case]:
    """The cases that `words` name: letters, .conv files, FILE:LAYER for one layer of a file; all letters for none.

    Each is timed at its own number of input steps, or at each of `steps`; with `free` without having been told it.
    Raises UsageError for another word and for a length that leaves no output, SpecErrors for what is wrong in a file.
    """
    shapes = shape_files()
    texts: dict[str, bytes] = {}  # each file is read once: a pipe gives its text only once
    for word in list(words) or list(shapes):
        if word.upper() in shapes:
            label, path, layer = word.upper(), str(shapes[word.upper()]), ""
        else:
            path, _, layer = word.partition(".conv:")
            label, path = "", path + ".conv" if layer else path
        if path not in texts:
            texts[path] = _text(path, shapes)
        for spec in _layers(path, texts[path], layer):
            size, bare = batch or BATCHES.get(label, 1), plain(spec, data_format)
            if not steps:
                yield Case(label or spec.name, bare, size, free)
            for each in steps:
                yield Case(f"{label or spec.name}@{each}", _of_steps(bare, each), size, free)


def free_lengths(data_format: str | None = None) -> Iterator[Case]:
    """The layers of bench/free.conv at each of FREE_LENGTHS, our layer not told which, in both orders of axes."""
    for order in (data_format,) if data_format else ("channels_last", "channels_first"):
        yield from cases([str(folder("bench/free.conv"))], data_format=order, steps=FREE_LENGTHS, free=True)


def _of_steps(spec: Spec, steps: int) -> Spec:
    """The layer for inputs of `steps` steps. Raises UsageError where these leave no output."""
    channels = spec.lower().channels
    spec = replace(spec, input_shape=(None, channels) if spec.channels_last else (channels, None))
    if spec.lower().out_steps(steps) < 1:
        raise UsageError(f"`{spec.name}`: {steps} steps leave no output: it reaches over {spec.lower().reach}")
    return replace(spec, input_shape=(steps, channels) if spec.channels_last else (channels, steps))


def _text(path: str, shapes: Iterable[str]) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(MOST_BYTES)
    except (OSError, ValueError):
        known = " ".join(shapes)
        raise UsageError(f"`{path}` is neither a shape ({known}) nor a .conv file that can be read") from None


def _layers(path: str, text: bytes, layer: str) -> list[Spec]:
    found = [spec for spec in reader.read(text, path) if layer in ("", spec.name)]
    if not found:
        raise UsageError(f"`{path}` has no layer `{layer}`: `gen-conv show {path}` lists them")
    return found


def plain(spec: Spec, data_format: str | None) -> Spec:
    """The bare convolution: no activation, float32, a fixed length, the wanted data format."""
    spec = replace(spec, activation=LINEAR, dtype="float32")
    if spec.input_shape is None:
        raise UsageError(f"`{spec.name}` has no input_shape, so there is nothing to time")
    steps, channels = spec.input_shape if spec.channels_last else spec.input_shape[::-1]
    data_format = data_format or spec.data_format
    shape = (steps or FREE_STEPS, channels)
    return replace(spec, data_format=data_format, input_shape=shape if data_format == "channels_last" else shape[::-1])

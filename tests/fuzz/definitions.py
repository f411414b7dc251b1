"""Layers of any size at random, as arguments of their specs: most numbers small, some at the edge of what is legal."""

from __future__ import annotations

from typing import Any

import numpy as np

from codegen.errors import GenConvError
from codegen.specs.kinds import KINDS, Spec

SMALL = tuple(range(1, 10))
POWERS = tuple(2**k + d for k in range(3, 32) for d in (-1, 0, 1) if 2**k + d < 2**31)
PRIMES = (11, 13, 31, 61, 127, 251, 509, 1021, 4093, 16381, 65521, 1000003, 16777213, 2147483647)
LARGE = (*POWERS, *PRIMES, 1000, 10**6, 4 * 10**8)
ACTIVATIONS = ("linear", "linear", "linear", "relu", "gelu", "softmax", "glu", "sparsemax")


class Draw:
    """What a seeded generator picks."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def of(self, options: Any) -> Any:
        return options[int(self._generator.integers(len(options)))]

    def chance(self, share: float) -> bool:
        return bool(self._generator.random() < share)

    def size(self, share: float = 0.25) -> int:
        """A size: with so much of a chance a large one."""
        return int(self.of(LARGE) if self.chance(share) else self.of(SMALL))


def arguments(draw: Draw) -> dict[str, Any]:
    """A layer's kind and the arguments of its spec, legal or not."""
    kind = draw.of(tuple(KINDS))
    channels, steps = draw.size(), None if draw.chance(0.4) else draw.size(0.6)
    first = draw.chance(0.3)
    taps, dilation = draw.size(), draw.size(0.15)
    given: dict[str, Any] = {
        "kind": kind,
        "input_shape": (channels, steps) if first else (steps, channels),
        "data_format": "channels_first" if first else "channels_last",
        "kernel_size": taps,
        "strides": draw.size(),
        "dilation_rate": dilation,
        "padding": draw.of(("valid", "same", "causal", (draw.size() - 1, draw.size() - 1))),
        "activation": draw.of(ACTIVATIONS),
        "use_bias": draw.chance(0.7),
        "dtype": draw.of(("float32", "float32", "float64")),
    }
    if kind == "conv1d_transpose" and draw.chance(0.3):
        given["output_padding"] = draw.size() - 1
    if kind == "depthwise_conv1d" or kind == "separable_conv1d":
        given["depth_multiplier"] = draw.size(0.1)
    if kind != "depthwise_conv1d":
        given["filters"] = draw.size()
    if kind == "conv1d" and draw.chance(0.3):
        groups = draw.size()
        given["groups"], given["filters"] = groups, min(groups * given["filters"], 2**31)
        channels = min(channels * groups, 2**31)
        given["input_shape"] = (channels, steps) if first else (steps, channels)
    return given


def whole(given: dict[str, Any], draw: Draw) -> dict[str, Any]:
    """The same layer of int8."""
    grid = {
        f"{end}_{word}": value for end in ("input", "output") for word, value in (("scale", 0.1), ("zero_point", 3))
    }
    between = {"depthwise_scale": 0.2, "depthwise_zero_point": -5} if given["kind"] == "separable_conv1d" else {}
    ends = draw.of(({"activation": "relu"}, {"activation": "tanh", "sum_scale": 0.1, "sum_zero_point": 1}))
    return given | grid | between | ends | {"dtype": "int8", "rounding": draw.of(("double", "single", "fp32"))}


def spec(given: dict[str, Any]) -> Spec | None:
    """The spec of such arguments; None where they are not legal, which construction says."""
    try:
        return KINDS[given["kind"]](name="layer", **{name: value for name, value in given.items() if name != "kind"})
    except GenConvError:
        return None


def text(given: dict[str, Any]) -> str:
    """The same as a .conv file."""
    lines = "".join(f"    {name} = {value}\n" for name, value in given.items() if name != "kind")
    return f"{given['kind']} layer {{\n{lines}}}\n"

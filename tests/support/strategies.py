"""Layers and data at random, described once, drawn by Hypothesis (which shrinks) or by a seeded NumPy generator.

`layer(pick)` asks `pick(options)` for one of several options, simplest first; everything that a layer can be is said
there once. Add each new feature there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from codegen.planning.algorithms.table import ALGORITHMS

Pick = Callable[[Sequence[Any]], Any]

FLOATING = frozenset(name for name, algorithm in ALGORITHMS.items() if not algorithm.whole)
"""The algorithms of layers of floats, which is what is drawn here."""

EXACT = (("linear", {}), ("linear", {}), ("relu", {}), ("relu6", {}), ("leaky_relu", {"negative_slope": 0.25}))
"""Activations that are exact on small whole numbers."""
CURVED = (
    ("elu", {}),
    ("elu", {"alpha": 0.5}),
    ("tanh", {}),
    ("sigmoid", {}),
    ("silu", {}),
    ("gelu", {}),
    ("gelu", {"approximate": True}),
    ("softplus", {}),
    ("hard_sigmoid", {}),
    ("hard_swish", {}),
    ("leaky_relu", {}),
    ("relu", {"negative_slope": 0.1, "max_value": 3.5, "threshold": 0.5}),
    ("celu", {"alpha": 0.5}),
    ("selu", {}),
    ("log_sigmoid", {}),
    ("softsign", {}),
    ("mish", {}),
    ("squareplus", {}),
    ("tanh_shrink", {}),
    ("hard_tanh", {}),
    ("soft_shrink", {}),
    ("hard_shrink", {"threshold": 0.3}),
    ("threshold", {"threshold": 0.5, "default_value": -2.0}),
    ("sparse_plus", {}),
    ("sparse_sigmoid", {}),
)
ROWS = ("softmax", "log_softmax", "sparsemax", "glu")
"""Those of all filters of an output step together."""


@dataclass(frozen=True)
class Layer:
    """A layer in Keras' words. `steps` is the length to run at; `free` whether the layer is told it beforehand."""

    kind: str
    channels: int
    steps: int
    arguments: dict[str, Any]
    activation: tuple[str, dict[str, Any]] = ("linear", {})
    free: bool = False
    origin: str = "random"

    @property
    def channels_last(self) -> bool:
        return bool(self.arguments.get("data_format", "channels_last") == "channels_last")

    @property
    def filters(self) -> int:
        return int(self.channels * self.multiplier if self.kind == "depthwise_conv1d" else self.arguments["filters"])

    @property
    def is_exact(self) -> bool:
        """Whether whole numbers come out exact in float32."""
        return self.activation in EXACT

    @property
    def multiplier(self) -> int:
        return int(self.arguments.get("depth_multiplier", 1))

    @property
    def kernel_shape(self) -> tuple[int, int, int]:
        """As Keras shapes it."""
        taps = self.arguments["kernel_size"]
        if self.kind in ("depthwise_conv1d", "separable_conv1d"):
            return taps, self.channels, self.multiplier
        if self.kind == "conv1d_transpose":
            return taps, self.arguments["filters"], self.channels
        return taps, self.channels // self.arguments.get("groups", 1), self.arguments["filters"]

    def input_shape(self, steps: int | None) -> tuple[int | None, int | None]:
        return (steps, self.channels) if self.channels_last else (self.channels, steps)

    def spec(self, name: str = "layer", **changes: Any) -> Any:
        """The specs.KINDS instance that says the same."""
        from codegen.functions.registry import Call
        from codegen.specs.kinds import KINDS

        word, options = self.activation
        given = {
            "name": name,
            "input_shape": self.input_shape(None if self.free else self.steps),
            "activation": Call(word, (), tuple(options.items())),
        }
        return KINDS[self.kind](**(given | self.arguments | changes))


@dataclass(frozen=True)
class Data:
    """Arrays for one layer; `kernel` in Keras' shape, that of the first stage where there is a `pointwise` one."""

    x: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray | None
    pointwise: np.ndarray | None = None
    weights: dict[str, np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        named = {"kernel": self.kernel}
        if self.pointwise is not None:
            named = {"depthwise_kernel": self.kernel, "pointwise_kernel": self.pointwise}
        named |= {} if self.bias is None else {"bias": self.bias}
        object.__setattr__(self, "weights", named)


def layer(pick: Pick, *, keras: bool = False, small: bool = False, curved: bool = True) -> Layer:
    """Any layer. `keras`: only what Keras' own layers compute; `small`: few products; `curved`: all activations."""
    kind = pick(("conv1d", "conv1d", "depthwise_conv1d"))
    depthwise = kind == "depthwise_conv1d"
    taps = pick((1, 2, 3, 3, 4, 5, 7) if small else (1, 2, 3, 3, 4, 5, 6, 7, 9, 11, 16, 25))
    stride = pick((1, 1, 1, 2, 3, 4, 5))
    dilation = 1 if keras and stride > 1 else pick((1, 1, 2, 3, 5) if small else (1, 1, 2, 3, 5, 16))
    words = ["valid", "same"] + ([] if keras and depthwise else ["causal"]) + ([] if keras else ["explicit"])
    padding = pick(words)
    reach = dilation * (taps - 1) + 1
    if padding == "explicit":
        padding = (pick(range(reach + 3)), pick(range(reach + 3)))
    arguments: dict[str, Any] = {
        "kernel_size": taps,
        "strides": stride,
        "dilation_rate": dilation,
        "padding": padding,
        "data_format": pick(("channels_last", "channels_last", "channels_first")),
        "use_bias": pick((True, True, False)),
    }
    most = 9 if small else 33
    if depthwise:
        channels = pick(range(1, most + 1))
        arguments["depth_multiplier"] = pick((1, 1, 2, 3))
    else:
        groups = pick((1, 1, 1, 2, 3, 4))
        arguments["groups"] = groups
        channels = groups * pick(range(1, most // groups + 1))
        filters = range(1, most // groups + 1)
        arguments["filters"] = groups * pick(filters if small else (*filters, 70 // groups))
    needed = reach if padding == "valid" else 1 if isinstance(padding, str) else max(1, reach - sum(padding))
    steps = needed + pick(range(14) if small else (*range(40), 64, 97, 640))
    activation = pick(EXACT + CURVED if curved else EXACT)
    return Layer(kind, channels, steps, arguments, activation, free=pick((False, True)))


def separable(pick: Pick, *, keras: bool = False, curved: bool = True) -> Layer:
    """A separable convolution, of few taps so that no sum of whole numbers passes 2**24."""
    taps, strides, dilation = pick((1, 2, 3, 3, 5, 7, 9)), pick((1, 1, 1, 2, 3)), pick((1, 1, 2, 5))
    reach = dilation * (taps - 1) + 1
    explicit = (pick(range(reach + 3)), pick(range(reach + 3)))
    padding = pick(("valid", "same", "same") if keras else ("valid", "same", "causal", explicit))
    arguments: dict[str, Any] = {
        "filters": pick((1, 2, 3, 4, 7, 8, 12, 17, 32)),
        "kernel_size": taps,
        "strides": strides,
        "dilation_rate": 1 if keras and strides > 1 else dilation,
        "padding": padding,
        "data_format": pick(("channels_last", "channels_last", "channels_first")),
        "use_bias": pick((True, True, False)),
        "depth_multiplier": pick((1, 1, 1, 2, 3)),
    }
    steps = reach + pick((*range(20), 64, 230, 900))
    activation = pick(EXACT + CURVED if curved else EXACT)
    return Layer(
        "separable_conv1d", pick((1, 2, 3, 4, 8, 13, 16, 33)), steps, arguments, activation, pick((False, True))
    )


def transposed(pick: Pick, *, keras: bool = False, curved: bool = True) -> Layer:
    """A transposed convolution that leaves an output, of few taps so that no sum of whole numbers passes 2**24."""
    taps, strides = pick((1, 2, 3, 3, 4, 5, 6, 8, 16)), pick((1, 2, 2, 3, 4, 8))
    dilation = 1 if keras and strides > 1 else pick((1, 1, 1, 2, 3))
    reach = dilation * (taps - 1) + 1
    cropped = (pick(range(reach)), pick(range(reach)))
    arguments: dict[str, Any] = {
        "filters": pick((1, 2, 3, 4, 7, 8, 12, 17)),
        "kernel_size": taps,
        "strides": strides,
        "dilation_rate": dilation,
        "padding": pick(("valid", "same") if keras else ("valid", "same", "same", cropped)),
        "output_padding": pick((None, None, pick(range(strides)))),
        "data_format": pick(("channels_last", "channels_last", "channels_first")),
        "use_bias": pick((True, True, False)),
    }
    steps = 2 * reach // strides + 2 + pick((*range(20), 64, 230))
    activation = pick(EXACT + CURVED if curved else EXACT)
    return Layer(
        "conv1d_transpose", pick((1, 2, 3, 4, 8, 13, 16, 33)), steps, arguments, activation, pick((False, True))
    )


def rowwise(pick: Pick, *, curved: bool = True) -> Layer:
    """A layer of any kind that ends in an activation of a whole row; an even number of filters for glu."""
    drawn = pick((partial(layer, small=True), partial(layer, small=True), separable, transposed))(pick, curved=False)
    arguments, name = dict(drawn.arguments), pick(ROWS if curved else ("sparsemax",))
    if "filters" in arguments:
        arguments["filters"] += arguments["filters"] % 2 * arguments.get("groups", 1)
    elif drawn.filters % 2:
        arguments["depth_multiplier"] = 2
    return replace(drawn, arguments=arguments, activation=(name, {}))


WAYS = {  # (taps, strides, dilations, groups, least channels) that each family of algorithms is made for
    "tiles": ((2, 3, 4, 5, 6, 2, 3, 4, 5, 6, 7, 9, 12, 16, 25, 40, 70), (1,), (1, 1, 2, 7), (1, 1, 1, 2, 3), 4),
    "signal": ((8, 9, 16, 31, 33, 64, 101), (1,), (1,), (1,), 1),
    "strides": ((4, 5, 6, 7, 8, 9, 16, 25), (2, 3, 4), (1,), (1,), 2),
    "depthwise": ((1, 2, 3, 4, 5, 7, 9), (1, 1, 2, 3), (1, 1, 2, 4), (1,), 2),
}


def rewritten(pick: Pick, *, free: bool = True, curved: bool = True) -> Layer:
    """A layer that another algorithm than a plain direct one may serve, by one of WAYS; `free`: some of free length."""
    way = pick(("tiles", "tiles", "tiles", "signal", "strides", "strides", "depthwise"))
    taps, strides, dilations, groups, least = (
        pick(options) if i < 4 else options for i, options in enumerate(WAYS[way])
    )
    reach = dilations * (taps - 1) + 1
    padding = pick(("valid", "same", "causal", (pick(range(reach + 3)), pick(range(reach + 3)))))
    arguments: dict[str, Any] = {
        "kernel_size": taps,
        "strides": strides,
        "dilation_rate": dilations,
        "padding": padding,
        "data_format": pick(("channels_last", "channels_last", "channels_first")),
        "use_bias": pick((True, True, False)),
    }
    channels = 1 if way == "signal" else groups * pick(range(least, 34 // groups))
    if way != "depthwise":
        arguments |= {"groups": groups, "filters": 1 if way == "signal" else groups * pick(range(4, 40 // groups))}
    steps = reach + pick((*range(40), 97, 640, 4200) if way == "signal" else (*range(40), 64, 97, 230))
    activation = pick(EXACT + CURVED if curved else EXACT)
    kind = "depthwise_conv1d" if way == "depthwise" else "conv1d"
    length_told = not free or (way == "strides" and pick((True, True, False)))
    return Layer(kind, channels, steps, arguments, activation, free=not length_told and pick((False, True)))


def wide(pick: Pick, *, curved: bool = True) -> Layer:
    """A depthwise layer of so many channels that it is walked in strips, or with both halves of a line in a tile."""
    taps, dilation, strides = pick((2, 3, 4, 4, 5, 7, 9, 12, 17, 31)), pick((1, 1, 1, 3)), pick((1, 1, 1, 2))
    reach = dilation * (taps - 1) + 1
    arguments = {
        "kernel_size": taps,
        "strides": strides,
        "dilation_rate": dilation,
        "padding": pick(("valid", "same", "causal")),
        "use_bias": pick((True, True, False)),
    }
    channels = pick((130, 136, 257, 264, 384, 512, 520, 1024, 1031, 1536))
    steps = reach + pick((*range(20), 40, 141))
    activation = pick(EXACT + CURVED[:4] if curved else EXACT)
    return Layer("depthwise_conv1d", channels, steps, arguments, activation, free=pick((False, False, True)))


def random_layers(count: int, seed: int, make: Callable[..., Layer] = layer, **options: bool) -> Iterator[Layer]:
    """The same `count` layers on every machine; `make` is `layer` or one of its kin."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield make(lambda options: options[int(rng.integers(len(options)))], **options)


def data(layer: Layer, seed: int, *, whole: bool, batch: int = 1, steps: int | None = None) -> Data:
    """Arrays of float64 whose values float32 (and, where not `whole`, float16) holds exactly.

    Whole: |x| <= 8, |kernel| <= 8, |bias| <= 64, so that no sum of any layer above passes 2**24.
    """
    rng = np.random.default_rng(seed)
    shape = (batch, *layer.input_shape(layer.steps if steps is None else steps))

    def draw(shape: Any, scale: int) -> np.ndarray:
        if whole:
            return rng.integers(-scale, scale + 1, shape).astype(np.float64)
        return (rng.standard_normal(shape) * scale / 4).astype(np.float16).astype(np.float64)

    bias = draw(layer.filters, 64 if whole else 4) if layer.arguments.get("use_bias", True) else None
    x, kernel = draw(shape, 8 if whole else 4), draw(layer.kernel_shape, 8 if whole else 2)
    mixing = (1, layer.channels * layer.multiplier, layer.filters)
    return Data(x, kernel, bias, draw(mixing, 8 if whole else 2) if layer.kind == "separable_conv1d" else None)


@st.composite
def layers(draw: st.DrawFn, **options: bool) -> Layer:
    """`layer` as a Hypothesis strategy."""
    return layer(lambda options: draw(st.sampled_from(list(options))), **options)


seeds = st.integers(0, 2**32 - 1)

"""Random graphs: any of the ops on any of the values, in floats or in whole numbers that stay exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from codegen.errors import SpecError
from codegen.graph.builder import Builder, Value
from codegen.graph.graph import Graph
from codegen.specs.kinds import Conv1DSpec, Conv1DTransposeSpec, DepthwiseConv1DSpec, SeparableConv1DSpec
from codegen.specs.model_kinds import (
    GRU,
    LSTM,
    BatchNormalization,
    Dense,
    GroupNormalization,
    LayerNormalization,
    PReLU,
    SimpleRNN,
)

Array = np.ndarray[Any, Any]
ACTIVATIONS = ("relu", "tanh", "sigmoid", "gelu", "softplus", "elu", "leaky_relu", "hard_sigmoid", "silu", "relu6")
LARGEST = 1 << 22  # of whole numbers, whose sums are then exact in float32


@dataclass
class Drawing:
    """A graph that grows by random ops; `exact`: by those alone that keep whole numbers whole."""

    random: np.random.Generator
    builder: Builder
    exact: bool
    layers: int = 0

    def pick(self, *of: Any) -> Any:
        return of[int(self.random.integers(len(of)))]

    def number(self, first: int, last: int) -> int:
        return int(self.random.integers(first, last + 1))

    def name(self, word: str) -> str:
        self.layers += 1
        return f"{word}_{self.layers}"

    def call(self, layer: Any, x: Value) -> Value:
        """A layer of the graph's own dtype on a value."""
        return self.builder.call(replace(layer, dtype=self.builder.dtype), x)

    def convolution(self, x: Value) -> Value:
        kind = self.pick(Conv1DSpec, Conv1DSpec, DepthwiseConv1DSpec, SeparableConv1DSpec, Conv1DTransposeSpec)
        size, stride = self.number(1, 5), self.pick(1, 1, 1, 2, 3)
        options: dict[str, Any] = {"kernel_size": size, "strides": stride, "use_bias": self.pick(True, False)}
        if kind is DepthwiseConv1DSpec:
            options["depth_multiplier"] = self.number(1, 2)
        else:
            options["filters"] = self.number(1, 18)
        paddings = ("valid", "same") if kind is Conv1DTransposeSpec else ("valid", "same", "causal")
        options["padding"] = self.pick(*paddings)
        if kind is Conv1DSpec and stride == 1:
            options["dilation_rate"] = self.number(1, 4)
        if not self.exact:
            options["activation"] = self.pick(None, None, *ACTIVATIONS)
        return self.call(kind(name=self.name("conv"), **options), x)

    def dense(self, x: Value) -> Value:
        activation = None if self.exact else self.pick(None, "softmax", "tanh")
        return self.call(Dense(name=self.name("dense"), units=self.number(1, 20), activation=activation), x)

    def normalization(self, x: Value) -> Value:
        channels = x.shape.channels
        groups = self.pick(*(n for n in (1, 2, 3, channels) if channels % n == 0))
        options = {"center": self.pick(True, False), "scale": self.pick(True, False), "epsilon": 1e-2}
        kinds: list[Callable[[], Any]] = [
            lambda: BatchNormalization(name=self.name("norm"), **options),
            lambda: LayerNormalization(name=self.name("norm"), **options),
            lambda: GroupNormalization(name=self.name("norm"), groups=groups, **options),
            lambda: PReLU(name=self.name("slopes"), shared=self.pick(True, False)),
        ]
        return self.call(self.pick(*kinds)(), x)

    def recurrent(self, x: Value) -> Value:
        options = {
            "units": self.number(1, 19),
            "return_sequences": self.pick(True, True, False),
            "use_bias": self.pick(True, False),
            "initial_state": self.pick(True, False),
        }
        if self.pick(True, False):
            return self.call(LSTM(name=self.name("lstm"), **options), x)
        if self.layers % 3 == 0:
            return self.call(SimpleRNN(name=self.name("cells"), **options), x)
        return self.call(GRU(name=self.name("gru"), reset_after=self.pick(True, False), **options), x)

    def arithmetic(self, x: Value, others: list[Value]) -> Value:
        b, sign = self.builder, self.pick("+", "-", "max", "min", *(() if self.exact else ("*",)))
        alike = [y for y in others if y.shape.alike(x.shape) or y.shape.is_one or x.shape.is_one]
        y = self.pick(*(alike or [x]))
        count = min(x.shape.channels, y.shape.channels)
        return b.arithmetic(sign, x[-count:], y[:count])

    def number_by_number(self, x: Value) -> Value:
        b = self.builder
        if self.exact:
            return self.pick(
                lambda: x * 2, lambda: 3 - x, lambda: b.function("abs", x), lambda: b.function("relu", x)
            )()
        ways = [
            lambda: b.function(self.pick(*ACTIVATIONS), x),
            lambda: b.activation("leaky_relu", x, negative_slope=self.pick(0.1, 0.3)),
            lambda: b.function("sqrt", b.function("abs", x)),
            lambda: b.function("log", b.function("abs", x) + 0.5),
            lambda: b.function(self.pick("exp", "sin", "cos"), b.function("tanh", x)),
            lambda: 1 / (x * x + 1),
            lambda: b.function("glu", x[: x.shape.channels // 2 * 2]) if x.shape.channels > 1 else x,
            lambda: b.function(self.pick("softmax", "log_softmax"), x),
        ]
        return self.pick(*ways)()

    def channels(self, x: Value, others: list[Value]) -> Value:
        b, count = self.builder, x.shape.channels
        alike = [y for y in others if y.shape.alike(x.shape)]
        start = self.number(0, count - 1)
        ways = [
            lambda: x[start : self.number(start + 1, count)],
            lambda: b.function("concat", x, self.pick(*(alike or [x])), x * 2),
            lambda: b.function("widen", x, channels=count + self.number(0, 5)),
            lambda: b.function("repeat", x[start : start + 1], channels=self.number(1, 9)),
        ]
        return self.pick(*ways)()

    def steps(self, x: Value) -> Value:
        b, size = self.builder, self.number(1, 4)
        pads = {"left": self.number(0, 3), "right": self.number(0, 3)}
        pool = {"size": size, "strides": self.pick(None, 1, 2), "padding": self.pick("valid", "same")}
        ways = [
            lambda: b.function("max_pool", x, **pool),
            lambda: b.function("global_max_pool", x),
            lambda: b.function("last", x),
            lambda: b.function("upsample", x, size=size),
            lambda: b.function(self.pick("pad", "reflect", "replicate", "wrap"), x, **pads),
            lambda: b.function("reverse", x),
            lambda: b.function("crop", x, **pads),
            lambda: b.function("flatten", x) if x.shape.steps and x.shape.steps < 9 else x,
        ]
        if not self.exact:
            ways.append(lambda: b.function("average_pool", x, count_padding=self.pick(True, False), **pool))
            ways.append(lambda: b.function("global_average_pool", x))
        return self.pick(*ways)()

    def framed(self, x: Value) -> Value:
        if x.shape.frames is not None or x.shape.is_one:
            return x
        b = self.builder
        frames = b.function("frames", x, size=self.number(3, 8), hop=self.number(1, 9))
        made = self.pick(
            self.convolution, self.number_by_number, lambda y: b.function("reflect", y, left=2), self.steps
        )(frames)
        return b.function("join", self.pick(lambda y: y, lambda y: b.function("flatten", y))(made))

    def grown(self, count: int) -> None:
        """So many ops, each of a value that is there."""
        b = self.builder
        values = [Value(b, at) for at in range(len(b.nodes))]
        ops: list[Any] = [self.convolution, self.convolution, self.number_by_number, self.number_by_number, self.steps]
        ops += [self.framed, self.dense]
        ops += [] if self.exact else [self.normalization, self.recurrent]
        more = [self.arithmetic, self.channels]
        while len(values) < count:
            x = self.pick(*values[-3:], *values)
            op = self.pick(*ops, *more, *more)
            before = len(b.nodes), len(b.shapes)
            try:
                made = op(x, values) if op in more else op(x)
            except SpecError:
                del b.nodes[before[0] :], b.shapes[before[1] :]
                continue
            if made.shape.frames is None and made.shape.channels <= 64:
                values.append(made)
        for number, value in enumerate(values[-3:]):
            b.output(f"y{number}", value)


def graph(seed: int, *, exact: bool = False, count: int = 14, dtype: str = "float32") -> Graph:
    """The random graph of a seed, of one input of any number of steps or of a known one, or of two."""
    random = np.random.default_rng(seed)
    drawing = Drawing(random, Builder(f"random_{seed}", dtype), exact)
    steps = None if random.integers(2) else int(random.integers(9, 40))
    for word in ("x", "c")[: 1 + int(random.integers(4) == 0)]:
        drawing.builder.input(word, steps, drawing.number(1, 9))
    drawing.grown(count)
    return drawing.builder.graph().alive()


def streaming(seed: int, *, exact: bool = False, count: int = 12, dtype: str = "float32") -> Graph:
    """A random graph that streams: ops that look ahead, that thin the steps out or repeat them, on several ways.

    Every third has causal layers of one rate and what lies between them alone, of which groups are computed together.
    """
    random = np.random.default_rng(seed)
    drawing = Drawing(random, Builder(f"stream_{seed}", dtype), exact)
    b, drawn = drawing.builder, _together if np.random.default_rng([seed, 1]).integers(3) == 0 else _streaming
    values = [b.input("x", None, drawing.number(1, 6))]
    while len(values) < count:
        x = drawing.pick(*values[-3:], *values)
        before = len(b.nodes), len(b.shapes)
        try:
            values.append(drawn(drawing, x, values))
        except SpecError:
            del b.nodes[before[0] :], b.shapes[before[1] :]
    alike = [[y for y in values[1:] if y.shape.alike(x.shape)] for x in values]
    ends = max(alike, key=len)[-6:]
    b.output("y", b.function("concat", *ends) if len(ends) > 1 else ends[0])
    return b.graph().alive()


def _together(drawing: Drawing, x: Value, values: list[Value]) -> Value:
    """A layer that looks back, a dense one, or what lies between such."""
    b = drawing.builder
    activation = None if drawing.exact else drawing.pick(None, None, "tanh", "relu", "sigmoid")
    options: dict[str, Any] = {"activation": activation, "use_bias": drawing.pick(True, False)}
    size, apart, filters = drawing.number(1, 4), drawing.number(1, 5), drawing.pick(1, 2, 3, 4, 8, 12, 16, 17)
    taps: dict[str, Any] = {"kernel_size": size, "dilation_rate": apart, "padding": "causal"}
    ways = [
        *[lambda: drawing.call(Conv1DSpec(name=drawing.name("conv"), filters=filters, **taps, **options), x)] * 2,
        *[lambda: drawing.call(Dense(name=drawing.name("dense"), units=filters, **options), x)] * 2,
        lambda: drawing.arithmetic(x, values),
        lambda: drawing.arithmetic(x, values),
        lambda: b.function(drawing.pick("relu", "abs"), x),
        lambda: x[: drawing.number(1, x.shape.channels)],
    ]
    made: Value = drawing.pick(*ways)()
    return made


def _streaming(drawing: Drawing, x: Value, values: list[Value]) -> Value:
    b = drawing.builder
    size, stride = drawing.number(1, 5), drawing.pick(1, 1, 1, 1, 2, 3)
    kind = drawing.pick(Conv1DSpec, Conv1DSpec, DepthwiseConv1DSpec, SeparableConv1DSpec, Conv1DTransposeSpec)
    padding = drawing.pick("causal", "causal", "same", "valid") if stride == 1 else drawing.pick("causal", "valid")
    padding = drawing.pick("same", "valid") if kind is Conv1DTransposeSpec else padding
    options: dict[str, Any] = {"kernel_size": size, "strides": stride, "padding": padding}
    options |= {} if kind is DepthwiseConv1DSpec else {"filters": drawing.number(1, 17)}
    options |= {"dilation_rate": drawing.number(1, 9)} if stride == 1 and kind is Conv1DSpec else {}
    pool = {"size": drawing.number(2, 4), "strides": drawing.pick(None, 1, 2)}
    pool |= {"padding": drawing.pick("valid", "valid", "causal", (1, 0), (0, 1), (1, 1))}
    ways = [
        *[lambda: drawing.call(kind(name=drawing.name("conv"), **options), x)] * 5,
        lambda: drawing.number_by_number(x),
        lambda: drawing.arithmetic(x, values),
        lambda: drawing.arithmetic(x, values),
        lambda: drawing.channels(x, values),
        lambda: b.function("max_pool", x, **pool),
        lambda: b.function("upsample", x, size=drawing.number(1, 3)),
        lambda: b.function(drawing.pick("pad", "replicate", "crop"), x, left=drawing.number(0, 3), right=size - 1),
        lambda: drawing.framed(x),
    ]
    if not drawing.exact:
        layer = drawing.pick(LSTM, GRU)
        cells = {"units": drawing.number(1, 9), "return_sequences": True, "initial_state": drawing.pick(True, False)}
        ways.append(lambda: drawing.call(layer(name=drawing.name("cells"), **cells), x))
        ways.append(lambda: drawing.call(LayerNormalization(name=drawing.name("norm")), x))
        ways.append(lambda: b.function("average_pool", x, **pool))
    made: Value = drawing.pick(*ways)()
    return made


def weights(found: Graph, seed: int, *, exact: bool = False) -> dict[str, dict[str, Array]]:
    """Arrays for the layers of a graph: of the size that keeps sums as large as what is summed, or small and whole."""
    random, held = np.random.default_rng(seed), {}
    for layer in found.layers.values():
        shapes = layer.weight_shapes().items()
        held[layer.name] = {name: _array(random, name, shape, exact).astype(layer.dtype) for name, shape in shapes}
    return held


def _array(random: np.random.Generator, name: str, shape: tuple[int, ...], exact: bool) -> Array:
    if exact:
        return random.integers(-2, 3, shape)
    made = random.standard_normal(shape) / np.sqrt(max(1, np.prod(shape[:-1])))
    return np.abs(made) + 0.5 if "variance" in name else made


def inputs(found: Graph, seed: int, steps: int, *, exact: bool = False, batch: int = 2) -> dict[str, Array]:
    """Arrays for the inputs, of so many steps where these have any number."""
    random, held = np.random.default_rng(seed), {}
    for name, at in found.inputs:
        shape = found.shapes[at]
        size = (batch, shape.steps if shape.steps is not None else steps, shape.channels)
        held[name] = (random.integers(-3, 4, size) if exact else random.standard_normal(size)).astype(found.dtype)
    return held

"""The activations of .nam files. Source: NAM/activations.cpp, NAM/activations.h."""

from __future__ import annotations

from collections.abc import Callable

from codegen.errors.quoting import exactly
from codegen.graph.builder import Value
from codegen.interchange.sketch import Sketch
from codegen.interchange.stranger import Item
from codegen.records import dataclass
from codegen.specs.model_kinds import PReLU

__all__ = ["Curve", "curve"]

PLAIN = {
    "Tanh": "tanh",
    "Hardtanh": "hard_tanh",
    "ReLU": "relu",
    "Sigmoid": "sigmoid",
    "SiLU": "silu",
    "Hardswish": "hard_silu",
    "Softsign": "softsign",
}
LEAK = 0.01  # of LeakyReLU, PReLU and LeakyHardtanh, where the file does not say


@dataclass(frozen=True)
class Curve:
    """An activation of the file; `draw(sketch, name, value)` puts it behind a value."""

    draw: Callable[[Sketch, str, Value], Value]


def curve(item: Item) -> Curve:
    """What a name, or an object with a `type`, means. Raises ConversionError."""
    told = item if isinstance(item.value, str) else item["type"]
    word = told.word()
    if word in PLAIN:
        return _named(PLAIN[word])
    options = item if isinstance(item.value, dict) else Item({}, item.place)
    if word in OTHERS:
        return OTHERS[word](options)
    known = ", ".join((*PLAIN, *OTHERS))
    raise told.wrong(f"unknown activation {exactly(word)}, expected one of {known}")


def _named(name: str, **options: float) -> Curve:
    return Curve(lambda sketch, label, value: sketch.builder.activation(name, value, **options))


def _number(options: Item, name: str, default: float) -> float:
    found = options.get(name)
    return default if found is None else found.number()


def _leaky(options: Item) -> Curve:
    return _named("leaky_relu", negative_slope=_number(options, "negative_slope", LEAK))


def _prelu(options: Item) -> Curve:
    """One slope is LeakyReLU; a list has one for each channel."""
    slopes = options.get("negative_slopes") if "negative_slope" not in options else None
    if slopes is None:
        return _leaky(options)
    alpha = slopes.numbers().astype("float32")
    if alpha.ndim != 1:
        raise slopes.wrong("expected a list of numbers")

    def draw(sketch: Sketch, name: str, value: Value) -> Value:
        if len(alpha) not in (1, value.shape.channels):
            raise slopes.wrong(f"got {len(alpha)} slopes, expected one for each of {value.shape.channels} channels")
        return sketch.layer(PReLU, name, value, {"alpha": alpha}, shared=len(alpha) == 1)

    return Curve(draw)


def _leaky_hard_tanh(options: Item) -> Curve:
    """x between two numbers, with a slope of its own beyond each."""
    low, high = _number(options, "min_val", -1.0), _number(options, "max_val", 1.0)
    below, above = _number(options, "min_slope", LEAK), _number(options, "max_slope", LEAK)
    if low > high:
        raise options.wrong(f"min_val is {low}, max_val {high}: expected the smaller first")

    def draw(sketch: Sketch, name: str, value: Value) -> Value:
        b = sketch.builder
        made = b.arithmetic("min", b.arithmetic("max", value, low), high)
        if below:
            made = made + b.arithmetic("min", value - low, 0.0) * below
        if above:
            made = made + b.activation("relu", value - high) * above
        return made

    return Curve(draw)


def _fast_tanh(options: Item) -> Curve:
    def draw(sketch: Sketch, name: str, value: Value) -> Value:
        sketch.note("Fasttanh, an approximation of tanh, is tanh here: they differ by 9e-4 at most")
        return sketch.builder.activation("tanh", value)

    return Curve(draw)


OTHERS: dict[str, Callable[[Item], Curve]] = {
    "LeakyReLU": _leaky,
    "PReLU": _prelu,
    "LeakyHardtanh": _leaky_hard_tanh,
    "LeakyHardTanh": _leaky_hard_tanh,
    "Fasttanh": _fast_tanh,
}

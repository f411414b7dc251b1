"""WaveNet: arrays of gated layers, with or without FiLM, and what follows them. Source: NAM/wavenet/model.cpp."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from codegen.graph.builder import Value
from codegen.interchange.nam.activations import curve
from codegen.interchange.nam.cursor import Cursor
from codegen.interchange.nam.layer_config import FILMS, Layer, LayerArray, layer_array
from codegen.interchange.sketch import Sketch
from codegen.interchange.stranger import Item
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["wavenet"]

Inner = Callable[[Item, Value, str], Value]
ALONE = (
    "layer1x1 is not active: NAM Core hands the layer's input on as it is, and so do we; its trainer adds the output"
)
BLENDED = "layer1x1_post_film follows layers that are not blended: NAM Core leaves it out there, and so do we"


def wavenet(sketch: Sketch, config: Item, weights: Cursor, x: Value, prefix: str, inner: Inner) -> Value:
    """The model's output for the value `x`; `inner` draws a whole .nam, which makes the condition.

    Raises ConversionError, SpecError.
    """
    conditions = config.get("condition_dsp")
    condition = inner(conditions, x, f"{prefix}condition_") if conditions else x
    if conditions:
        sketch.builder.named(condition, f"{prefix}condition")
    stack = Stack(sketch, weights, prefix, condition)
    h, skip = x, None
    for number, item in enumerate(config["layers"]):
        array = layer_array(item)
        stack.demand(item, array, h, skip)
        h, skip = stack.array(number, array, h, skip)
    if skip is None:
        raise config["layers"].wrong("is empty, expected a layer array or more")
    head = config.get("head")
    last = _post_head(stack, head, skip.shape.channels) if head else None
    skip = skip * weights.number("head_scale")
    return last(skip) if last else skip


@dataclass(frozen=True)
class Convolution:
    """A causal convolution whose weights were taken, to be drawn where it belongs."""

    name: str
    kernel: Array
    bias: Array | None
    groups: int
    dilation: int

    def __call__(self, sketch: Sketch, value: Value) -> Value:
        options = {"groups": self.groups, "dilation_rate": self.dilation}
        padding = "causal" if len(self.kernel) > 1 else "valid"
        return sketch.conv(self.name, value, self.kernel, self.bias, padding=padding, **options)


class Stack:
    """The layer arrays of one WaveNet; all see the same `condition`."""

    def __init__(self, sketch: Sketch, weights: Cursor, prefix: str, condition: Value) -> None:
        self.sketch, self.weights, self.prefix, self.condition = sketch, weights, prefix, condition

    def demand(self, item: Item, array: LayerArray, h: Value, skip: Value | None) -> None:
        """Raises ConversionError where an array's sizes are not those of what it is given."""
        given = {"input_size": h.shape.channels, "condition_size": self.condition.shape.channels}
        for name, channels in given.items():
            size = getattr(array, name)
            if size != channels:
                raise item[name].wrong(f"is {size}, and it is given {channels} channels")
        if skip is not None and array.skip_channels != skip.shape.channels:
            told = f"sums {array.skip_channels} channels for its head, the array before gives {skip.shape.channels}"
            raise item.wrong(told)

    def array(self, number: int, array: LayerArray, h: Value, skip: Value | None) -> tuple[Value, Value]:
        """(what goes to the next array, what goes to its head)."""
        h = self.taken(f"widen_{number}", 1, array.input_size, array.channels, bias=False)(self.sketch, h)
        self.named(h, "h")
        for i, layer in enumerate(array.layers):
            h, share = self._layer(f"{number}_{i}", array, layer, h)
            skip = share if skip is None else skip + share
            self.named(skip, "skip")
        assert skip is not None  # layer_array raises for an array without layers
        head = array.head
        sizes = (head.kernel_size, array.skip_channels, head.out_channels)
        made = self.taken(f"head_{number}", *sizes, bias=head.bias, dilation=head.dilation)(self.sketch, skip)
        self.named(made, "skip")
        return h, made

    def _layer(self, at: str, array: LayerArray, layer: Layer, h: Value) -> tuple[Value, Value]:
        """(the residual, the head's share)."""
        convolutions, films = self._taken(at, array, layer), self._films(at, array, layer)

        def film(name: str, value: Value) -> Value:
            return self._modulated(films.get(name), value)

        def run(name: str, value: Value) -> Value:
            return convolutions[name](self.sketch, value)

        z = film("conv_post", run("dil", film("conv_pre", h)))
        mixed = film("input_mixin_post", run("mix", film("input_mixin_pre", self.condition)))
        z = film("activation_post", self._activated(at, array, layer, film("activation_pre", z + mixed)))
        self.named(z, "z")
        residual, share = h, z
        if array.layer1x1.active:
            made = run("res", z)
            residual = h + (film("layer1x1_post", made) if layer.gating == "blended" else made)
            self.named(residual, "h")
        if array.head1x1.active:
            share = film("head1x1_post", run("share", z))
        return residual, share

    def _taken(self, at: str, array: LayerArray, layer: Layer) -> dict[str, Convolution]:
        """The layer's convolutions, in the order of their weights."""
        inside, channels = array.bottleneck, array.channels
        wide = inside if layer.gating == "none" else 2 * inside
        first = (layer.kernel_size, channels, wide)
        found = {
            "dil": self.taken(f"dil_{at}", *first, bias=True, groups=array.groups, dilation=layer.dilation),
            "mix": self.taken(f"mix_{at}", 1, array.condition_size, wide, bias=False, groups=array.mixin_groups),
        }
        if array.layer1x1.active:
            found["res"] = self.taken(f"res_{at}", 1, inside, channels, bias=True, groups=array.layer1x1.groups)
        else:
            self.sketch.note(ALONE)
        if array.head1x1.active:
            head = array.head1x1
            found["share"] = self.taken(f"share_{at}", 1, inside, head.out_channels, bias=True, groups=head.groups)
        return found

    def _films(self, at: str, array: LayerArray, layer: Layer) -> dict[str, tuple[Convolution, bool]]:
        """The layer's FiLMs, each with whether it shifts, in the order of their weights."""
        wide = array.bottleneck if layer.gating == "none" else 2 * array.bottleneck
        modulated = {
            "conv_pre": array.channels,
            "input_mixin_pre": array.condition_size,
            "activation_post": array.bottleneck,
            "layer1x1_post": array.channels,
            "head1x1_post": array.head1x1.out_channels,
        }
        found = {}
        for name in FILMS:
            film = array.films.get(name)
            if film and not (name == "head1x1_post" and not array.head1x1.active):
                filters = modulated.get(name, wide) * (2 if film.shift else 1)
                sizes = (1, array.condition_size, filters)
                found[name] = self.taken(f"{name}_{at}", *sizes, bias=True, groups=film.groups), film.shift
        if "layer1x1_post" in found and layer.gating != "blended":
            self.sketch.note(BLENDED)
        return found

    def _modulated(self, film: tuple[Convolution, bool] | None, value: Value) -> Value:
        """The value scaled by what a FiLM makes of the condition, and moved by the rest of it."""
        if film is None:
            return value
        made = film[0](self.sketch, self.condition)
        if not film[1]:
            return value * made
        self.named(made, "film")
        return value * made[: value.shape.channels] + made[value.shape.channels :]

    def _activated(self, at: str, array: LayerArray, layer: Layer, z: Value) -> Value:
        if layer.gate is None:
            return layer.activation.draw(self.sketch, f"{self.prefix}slope_{at}", z)
        self.named(z, "z")
        first, second = z[: array.bottleneck], z[array.bottleneck :]
        made = layer.activation.draw(self.sketch, f"{self.prefix}slope_{at}", first)
        gate = layer.gate.draw(self.sketch, f"{self.prefix}gate_slope_{at}", second)
        if layer.gating == "gated":
            return made * gate
        self.named(gate, "gate")
        return gate * made + (1 - gate) * first

    def taken(
        self, name: str, taps: int, channels: int, filters: int, *, bias: bool, groups: int = 1, dilation: int = 1
    ) -> Convolution:
        """A convolution with the next weights. Raises ConversionError."""
        name = f"{self.prefix}{name}"
        kernel = self.weights.kernel(f"`{name}`", taps, channels, filters, groups)
        held = self.weights.take(f"the bias of `{name}`", filters) if bias else None
        return Convolution(name, kernel, held, groups, dilation)

    def named(self, value: Value, name: str) -> None:
        """Calls a value so in the text that is written of it."""
        self.sketch.builder.named(value, f"{self.prefix}{name}")


def _post_head(stack: Stack, item: Item, channels: int) -> Callable[[Value], Value]:
    """What follows all arrays: convolutions, each behind an activation; its weights are taken now."""
    activation = curve(item["activation"])
    sizes = [one.whole() for one in item["kernel_sizes"]]
    if not sizes:
        raise item["kernel_sizes"].wrong("is empty, expected a size or more")
    if (given := item.get("in_channels")) and given.whole() != channels:
        raise given.wrong(f"is {given.value}, and the last array gives {channels} channels")
    found = []
    for i, size in enumerate(sizes):
        filters = item["out_channels" if i == len(sizes) - 1 else "channels"].whole()
        found.append(stack.taken(f"post_{i}", size, channels, filters, bias=True))
        channels = filters

    def drawn(value: Value) -> Value:
        for i, convolution in enumerate(found):
            value = activation.draw(stack.sketch, f"{stack.prefix}post_slope_{i}", value)
            value = convolution(stack.sketch, value)
        return value

    return drawn

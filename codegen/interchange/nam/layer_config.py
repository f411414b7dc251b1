"""The config of a WaveNet's layer array, with old keys and new ones. Source: NAM/wavenet/model.cpp."""

from __future__ import annotations

from collections.abc import Mapping

from codegen.interchange.nam.activations import Curve, curve
from codegen.interchange.stranger import Item
from codegen.records import dataclass

__all__ = ["Film", "Layer", "LayerArray", "layer_array"]

MOST_LAYERS = 512  # of an array
GATINGS = ("none", "gated", "blended")
FILMS = (
    "conv_pre",
    "conv_post",
    "input_mixin_pre",
    "input_mixin_post",
    "activation_pre",
    "activation_post",
    "layer1x1_post",
    "head1x1_post",
)
"""In the order of their weights."""


@dataclass(frozen=True)
class Film:
    """A 1x1 convolution of the condition that scales a value, and with `shift` moves it."""

    shift: bool
    groups: int


@dataclass(frozen=True)
class Pointwise:
    """A 1x1 convolution that may be there."""

    active: bool
    groups: int
    out_channels: int


@dataclass(frozen=True)
class Head:
    """The causal convolution behind an array's sum."""

    out_channels: int
    kernel_size: int
    bias: bool
    dilation: int


@dataclass(frozen=True)
class Layer:
    """One layer of an array."""

    kernel_size: int
    dilation: int
    gating: str
    activation: Curve
    gate: Curve | None


@dataclass(frozen=True)
class LayerArray:
    """What all layers of an array share, the `layers`, and the head behind their sum."""

    input_size: int
    condition_size: int
    channels: int
    bottleneck: int
    groups: int
    mixin_groups: int
    layer1x1: Pointwise
    head1x1: Pointwise
    films: Mapping[str, Film]
    layers: tuple[Layer, ...]
    head: Head

    @property
    def skip_channels(self) -> int:
        """Channels of what each layer gives to the head."""
        return self.head1x1.out_channels if self.head1x1.active else self.bottleneck


def layer_array(item: Item) -> LayerArray:
    """The array that is written there. Raises ConversionError."""
    channels = item["channels"].whole()
    films = {name: film for name in FILMS if (film := _film(item.get(f"{name}_film")))}
    found = LayerArray(
        input_size=item["input_size"].whole(),
        condition_size=item["condition_size"].whole(),
        channels=channels,
        bottleneck=_whole(item, "bottleneck", channels),
        groups=_whole(item, "groups_input", 1),
        mixin_groups=_whole(item, "groups_input_mixin", 1),
        layer1x1=_pointwise(item.get("layer1x1"), True, channels),
        head1x1=_pointwise(item.get("head1x1"), False, channels),
        films=films,
        layers=_layers(item),
        head=_head(item),
    )
    if "layer1x1_post" in films and not found.layer1x1.active:
        raise item.wrong("layer1x1_post_film is active, and layer1x1 is not")
    return found


def _whole(item: Item, name: str, default: int) -> int:
    found = item.get(name)
    return default if found is None else found.whole()


def _film(item: Item | None) -> Film | None:
    """None for one that is absent, false or not active."""
    if item is None or item.value is False:
        return None
    active, shift = item.get("active"), item.get("shift")
    if active and not active.flag():
        return None
    return Film(shift.flag() if shift else True, _whole(item, "groups", 1))


def _pointwise(item: Item | None, active: bool, channels: int) -> Pointwise:
    if item is None:
        return Pointwise(active, 1, channels)
    return Pointwise(item["active"].flag(), _whole(item, "groups", 1), _whole(item, "out_channels", channels))


def _head(item: Item) -> Head:
    """`head`, or the older head_size and head_bias."""
    head = item.get("head")
    if head is None:
        return Head(item["head_size"].whole(), 1, item["head_bias"].flag(), 1)
    return Head(
        head["out_channels"].whole(), head["kernel_size"].whole(), head["bias"].flag(), _whole(head, "head_dilation", 1)
    )


def _layers(item: Item) -> tuple[Layer, ...]:
    dilations = [one.whole() for one in item["dilations"]]
    count = len(dilations)
    if not 1 <= count <= MOST_LAYERS:
        raise item["dilations"].wrong(f"has {count} numbers, expected 1 to {MOST_LAYERS}")
    if "kernel_size" in item and "kernel_sizes" in item:
        raise item.wrong("has kernel_size and kernel_sizes, expected one of them")
    sizes = _each(item["kernel_sizes"] if "kernel_sizes" in item else item["kernel_size"], count)
    curves = [curve(one) for one in _each(item["activation"], count)]
    gatings = _gatings(item, count)
    gates = _each(item.get("secondary_activation") or Item("Sigmoid", item.place), count)
    return tuple(
        Layer(size.whole(), dilation, gating, activation, None if gating == "none" else curve(gate))
        for size, dilation, gating, activation, gate in zip(sizes, dilations, gatings, curves, gates, strict=True)
    )


def _each(item: Item, count: int) -> list[Item]:
    """One for each layer: the list's, or the same for all."""
    if not item.is_list:
        return [item] * count
    found = list(item)
    if len(found) != count:
        raise item.wrong(f"has {len(found)} entries, expected {count}, as dilations has")
    return found


def _gatings(item: Item, count: int) -> list[str]:
    """`gating_mode`, or the older `gated`."""
    if "gating_mode" not in item:
        gated = item.get("gated")
        return [GATINGS[gated is not None and gated.flag()]] * count
    found = _each(item["gating_mode"], count)
    for one in found:
        if one.value not in GATINGS:
            raise one.wrong(f"expected {', '.join(GATINGS)}, got {one.word()!r}"[:200])
    return [one.word() for one in found]

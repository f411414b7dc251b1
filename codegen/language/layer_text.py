"""Layers as blocks of the language; those that differ in their number alone, or in whole numbers too, in a loop."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from codegen.functions.activations import Activation
from codegen.records import dataclass
from codegen.specs.parameters import parameters

if TYPE_CHECKING:
    from codegen.graph.calls import AnyLayer

__all__ = ["Family", "blocks", "families", "told"]

Fields = dict[str, object]
NUMBERED = re.compile(r"(.*[A-Za-z0-9])_(0|[1-9][0-9]{0,3})")
LEFT_OUT = ("name", "input_shape")
LEAST = 3  # members of a family: two are as short side by side


@dataclass(frozen=True)
class Family:
    """Layers `stem`_0, `stem`_1, …, of one kind: `fields` are those of all, `varying` differ."""

    stem: str
    names: tuple[str, ...]
    kind: str
    fields: tuple[tuple[str, str], ...]
    varying: tuple[tuple[str, tuple[int, ...]], ...]

    def let(self, field: str) -> str:
        """The name of the tuple of a varying field."""
        return f"{field}_of_{self.stem}"


def families(layers: Mapping[str, AnyLayer]) -> list[Family]:
    """Those of LEAST layers or more."""
    stems: dict[str, list[int]] = {}
    for name in layers:
        if match := NUMBERED.fullmatch(name):
            stems.setdefault(match[1], []).append(int(match[2]))
    found = []
    for stem, numbers in stems.items():
        names = tuple(f"{stem}_{i}" for i in range(len(numbers)))
        if len(names) >= LEAST and set(numbers) == set(range(len(numbers))):
            family = _family(stem, names, [layers[name] for name in names])
            found += [] if family is None else [family]
    return found


def _family(stem: str, names: tuple[str, ...], layers: Sequence[AnyLayer]) -> Family | None:
    first = layers[0]
    if any(type(layer) is not type(first) for layer in layers):
        return None
    told = {name for layer in layers for name in _fields(layer)}
    fields = {name: [getattr(layer, name) for layer in layers] for name in parameters(type(first)) if name in told}
    varying = {name: values for name, values in fields.items() if any(value != values[0] for value in values)}
    if not all(type(value) is int for values in varying.values() for value in values):
        return None
    shared = tuple((name, _shown(values[0])) for name, values in fields.items() if name not in varying)
    return Family(stem, names, first.kind, shared, tuple((name, tuple(values)) for name, values in varying.items()))


def blocks(layers: Mapping[str, AnyLayer], known: Sequence[Family]) -> str:
    """The text that defines all layers: those of families in a loop for each number of members."""
    first = {family.names[0]: family for family in known}
    inside = {name for family in known for name in family.names}
    counts: dict[int, list[Family]] = {}
    for name in layers:
        if name in first:
            counts.setdefault(len(first[name].names), []).append(first[name])
    lines, drawn = [], set()
    for name, layer in layers.items():
        if name not in inside:
            lines.append(_block(layer.kind, name, told(layer).items()))
        elif name in first and (count := len(first[name].names)) not in drawn:
            drawn.add(count)
            lines += _loop(count, counts[count])
    return "\n".join(lines)


def told(layer: AnyLayer) -> dict[str, str]:
    """The text of what differs from the default, by name; of the input's shape none."""
    return {field: _shown(value) for field, value in _fields(layer).items()}


def _loop(count: int, members: Iterable[Family]) -> list[str]:
    lets, lines = [], [f"for i in range({count}) {{"]
    for family in members:
        fields = list(family.fields)
        for name, values in family.varying:
            if values == tuple(2**i for i in range(count)):
                fields.append((name, "2**i"))
                continue
            lets.append(f"let {family.let(name)} = ({', '.join(map(str, values))})")
            fields.append((name, f"{family.let(name)}[i]"))
        lines.append(f"    {_block(family.kind, f'{family.stem}[i]', fields)}")
    return [*lets, *lines, "}"]


def _block(kind: str, name: str, fields: Iterable[tuple[str, str]]) -> str:
    told = ", ".join(f"{field} = {value}" for field, value in fields)
    return f"{kind} {name} {{ {told} }}" if told else f"{kind} {name} {{ }}"


def _fields(layer: AnyLayer) -> Fields:
    """What differs from the default, by name."""
    made = {}
    for name, known in parameters(type(layer)).items():
        value = getattr(layer, name)
        if name not in LEFT_OUT and value != _default(layer, name, known.default):
            made[name] = value
    return made


def _default(layer: AnyLayer, name: str, default: object) -> object:
    """The default as the check makes it."""
    known = parameters(type(layer))[name]
    return default if known.required else known.check(name, default)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_shown, value))})"
    if isinstance(value, Activation):
        return value.name if value.is_plain else str(value)
    return str(value)

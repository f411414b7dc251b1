"""ONNX' messages: a model's nodes, constants and inputs, from the bytes of its file. Source: onnx/onnx.proto."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import ConversionError
from codegen.errors.quoting import NAME, plainly
from codegen.interchange.onnx_graph import wire
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["Branch", "Model", "Node", "Port", "model"]

MOST_NODES = 1 << 14
MOST_AXES = 8
MOST_DEEP = 4  # branches in branches
FLOATS = {1: "<f4", 10: "<f2", 11: "<f8"}
TYPES = {**FLOATS, 2: "u1", 3: "i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "?", 12: "<u4", 13: "<u8"}
BFLOAT16 = 16
LISTED = {1: 4, 10: 5, 16: 5, 2: 5, 3: 5, 4: 5, 5: 5, 6: 5, 9: 5, 7: 7, 11: 10, 12: 11, 13: 11}  # type → its list


@dataclass(frozen=True)
class Port:
    """An input or output of the graph: its sizes, None for one that is free; None for sizes that are not told."""

    name: str
    sizes: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Node:
    """One operation; an input that is left out is an empty name."""

    kind: str
    domain: str
    name: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def captured(self) -> Iterator[str]:
        """What the branches in it read."""
        for value in self.attributes.values():
            if isinstance(value, Branch):
                yield from value.reads


@dataclass(frozen=True)
class Branch:
    """A graph in an attribute of If: it reads what stands before the node, and makes its outputs."""

    nodes: Sequence[Node]
    constants: Mapping[str, Array]
    outputs: Sequence[str]

    @property
    def reads(self) -> Iterator[str]:
        """The names that its nodes read."""
        for node in self.nodes:
            yield from node.inputs
            yield from node.captured


@dataclass(frozen=True)
class Model:
    """What a file holds."""

    name: str
    nodes: Sequence[Node]
    constants: Mapping[str, Array]
    inputs: Sequence[Port]
    outputs: Sequence[Port]


def model(data: bytes, place: str) -> Model:
    """The model of a file. Raises ConversionError."""
    outer = wire.fields(memoryview(data), place)
    graphs = _messages(outer, 7)
    if not graphs:
        raise ConversionError(f"{place}: holds no graph: it is damaged, or no ONNX")
    graph = wire.fields(graphs[-1], f"{place}: its graph")
    if 15 in graph:
        raise ConversionError(f"{place}: has sparse constants, which are not read; export it without")
    constants = dict(_tensor(one) for one in _messages(graph, 5))
    nodes = [_node(one) for one in _messages(graph, 1)]
    if not 1 <= len(nodes) <= MOST_NODES:
        raise ConversionError(f"{place}: has {len(nodes):,} nodes, expected 1 to {MOST_NODES:,}")
    inputs = [port for one in _messages(graph, 11) if (port := _port(one)).name not in constants]
    return Model(wire.text(graph.get(2, ())), nodes, constants, inputs, [_port(one) for one in _messages(graph, 12)])


def _messages(found: wire.Fields, number: int) -> list[memoryview]:
    return [one for one in found.get(number, ()) if isinstance(one, memoryview)]


def _texts(found: wire.Fields, number: int) -> list[str]:
    return [wire.text([one]) for one in found.get(number, ())]


def _node(data: memoryview, deep: int = 0) -> Node:
    found = wire.fields(data, "a node")
    attributes = dict(_attribute(one, deep) for one in _messages(found, 5))
    kind, domain, name = (wire.text(found.get(number, ())) for number in (4, 7, 3))
    outputs = _texts(found, 2)
    if not outputs:
        raise ConversionError(f"the node `{plainly(name or kind, NAME)}` has no output")
    return Node(kind, domain, name or next(filter(None, outputs), kind), _texts(found, 1), outputs, attributes)


def _branch(data: memoryview, deep: int) -> Branch:
    """The graph of an attribute. Raises ConversionError where graphs lie too deep in each other."""
    if deep >= MOST_DEEP:
        raise ConversionError(f"has branches more than {MOST_DEEP} deep in each other")
    graph = wire.fields(data, "a branch")
    nodes = [_node(one, deep + 1) for one in _messages(graph, 1)]
    if len(nodes) > MOST_NODES:
        raise ConversionError(f"has {len(nodes):,} nodes in a branch, at most {MOST_NODES:,} are read")
    constants = dict(_tensor(one) for one in _messages(graph, 5))
    return Branch(nodes, constants, [_port(one).name for one in _messages(graph, 12)])


def _attribute(data: memoryview, deep: int = 0) -> tuple[str, Any]:
    """(name, value): a number, a text, an array, a branch, or a list."""
    found = wire.fields(data, "an attribute")
    name, kind = wire.text(found.get(1, ())), wire.whole(found.get(20, ()))
    if kind == 1:
        return name, wire.floats(found.get(2, ()))[-1] if 2 in found else 0.0
    if kind == 2:
        return name, wire.whole(found.get(3, ()))
    if kind == 3:
        return name, wire.text(found.get(4, ()))
    if kind == 4 and (tensors := _messages(found, 5)):
        return name, _tensor(tensors[-1])[1]
    if kind == 5 and (graphs := _messages(found, 6)):
        return name, _branch(graphs[-1], deep)
    lists: dict[int, Any] = {6: wire.floats(found.get(7, ())), 7: wire.wholes(found.get(8, ())), 8: _texts(found, 9)}
    return name, lists.get(kind)


def _port(data: memoryview) -> Port:
    found = wire.fields(data, "an input")
    name = wire.text(found.get(1, ()))
    for number in (2, 1, 2):  # the type, its tensor, that one's shape
        inner = _messages(found, number)
        if not inner:
            return Port(name, None)
        found = wire.fields(inner[-1], "an input's type")
    sizes = []
    for one in _messages(found, 1):
        size = wire.whole(wire.fields(one, "a size").get(1, ()))
        sizes.append(size if size > 0 else None)
    return Port(name, tuple(sizes))


def _tensor(data: memoryview) -> tuple[str, Array]:
    """(name, numbers), which lie in the file. Raises ConversionError."""
    import numpy as np

    found = wire.fields(data, "a constant")
    name = wire.text(found.get(8, ()))
    shown = f"the constant `{plainly(name, NAME)}`"
    if 13 in found or wire.whole(found.get(14, ())):
        raise ConversionError(f"{shown} is in another file, which is not read; save the model as one file")
    kind, shape = wire.whole(found.get(2, ())), wire.wholes(found.get(1, ()))
    if kind not in (*TYPES, BFLOAT16):
        raise ConversionError(f"{shown} is of ONNX' type {kind}, expected numbers")
    if len(shape) > MOST_AXES or any(size < 0 for size in shape):
        raise ConversionError(f"{shown} has the shape {plainly(shape)}")
    raw = _messages(found, 9)
    flat: Array
    if raw:
        dtype = np.dtype("<u2" if kind == BFLOAT16 else TYPES[kind])
        if len(raw[-1]) != prod(shape) * dtype.itemsize:
            raise ConversionError(f"{shown} has {len(raw[-1])} bytes for the shape {plainly(shape)} of {dtype}")
        flat = np.frombuffer(raw[-1], dtype)
    else:
        flat = _listed(kind, found.get(LISTED[kind], []), shown)
    if kind == BFLOAT16:
        flat = (flat.astype("<u4") << 16).view("<f4")
    if flat.size != prod(shape):
        raise ConversionError(f"{shown} has {flat.size} numbers for the shape {plainly(shape)}")
    return name, flat.reshape(shape)


def _listed(kind: int, found: list[int | memoryview], shown: str) -> Array:
    """Numbers that are given one by one; those of 16 bits as their codes."""
    import numpy as np

    if kind in (1, 11):
        width, dtype = (4, "<f4") if kind == 1 else (8, "<f8")
        if any(isinstance(one, int) or len(one) % width for one in found):
            raise ConversionError(f"{shown} is damaged")
        return np.frombuffer(b"".join(bytes(one) for one in found if not isinstance(one, int)), dtype)
    numbers = wire.wholes(found)
    if kind in (10, BFLOAT16):
        codes = np.asarray([number & 0xFFFF for number in numbers], "<u2")
        return codes.view("<f2") if kind == 10 else codes
    return np.asarray(numbers, "i8").astype(TYPES[kind])

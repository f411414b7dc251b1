"""Sketch: a model's graph as an importer draws it, with the weights of its layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from codegen.functions import activations
from codegen.graph.builder import Builder, Value
from codegen.graph.functions import ARITHMETIC, FUNCTIONS, UNARY
from codegen.graph.graph import Graph
from codegen.interchange.cells import without_cells
from codegen.interchange.naming import Names
from codegen.records import dataclass
from codegen.specs.kinds import Conv1DSpec, Spec
from codegen.specs.model_kinds import ModelSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Imported", "Sketch", "layer_names"]

WORDS = ("model", "input", "output", "let", "for", "in", "defaults", "range")


@dataclass(frozen=True)
class Imported:
    """What a file or a live model holds: graphs by name, the weights of all their layers, what a reader should know.

    `chain` are the layers of a file that has no graph but one after the other.
    """

    graphs: Mapping[str, Graph]
    weights: Mapping[str, Mapping[str, Array]]
    origin: str
    notes: tuple[str, ...] = ()
    chain: tuple[Spec, ...] = ()


def layer_names() -> Names:
    """Names for layers, none of them a word or a function of models."""
    called = [word for row in (*activations.ROWS, *activations.ROWWISE) for word in (row.name, *row.aliases)]
    return Names((*WORDS, *FUNCTIONS, *UNARY, *ARITHMETIC, *called))


class Sketch:
    """A graph that grows, as Builder's; its layers take their weights as they are called.

    `names` are shared by the models of one file, and what layers are called begins with `prefix`. Arrays are in Keras'
    shapes.
    """

    def __init__(self, name: str, names: Names | None = None, *, prefix: str = "", dtype: str = "float32") -> None:
        self.builder = Builder(name, dtype)
        self.names = names or layer_names()
        self.prefix = prefix
        self.weights: dict[str, dict[str, Array]] = {}
        self.notes: list[str] = []

    def note(self, told: str) -> None:
        """Keeps something that whoever uses the model should know, once."""
        if told not in self.notes:
            self.notes.append(told)

    def layer(
        self,
        kind: type[Spec | ModelSpec],
        name: str,
        value: Value,
        arrays: Mapping[str, Array],
        states: Any = (),  # values: fields may be a dict of anything
        **fields: Any,
    ) -> Value:
        """A new layer of that kind on a value, named like `name`, that begins with `states`.

        Raises SpecError as its making and its call do.
        """
        spec = kind(name=self.names.fresh(self.prefix + name), dtype=self.builder.dtype, **fields)
        made = self.builder.call(spec, value, *states)
        self.weights[spec.name] = dict(arrays)
        return made

    def holds(self, name: str, arrays: Mapping[str, Array]) -> bool:
        """Whether a layer that is there has these weights."""
        import numpy as np

        held = self.weights[name]
        return list(held) == list(arrays) and all(np.array_equal(held[word], arrays[word]) for word in held)

    def conv(self, name: str, value: Value, kernel: Array, bias: Array | None = None, **fields: Any) -> Value:
        """A Conv1D with a kernel of (taps, channels/groups, filters)."""
        arrays = {"kernel": kernel} if bias is None else {"kernel": kernel, "bias": bias}
        sizes = {"filters": kernel.shape[2], "kernel_size": kernel.shape[0], "use_bias": bias is not None}
        return self.layer(Conv1DSpec, name, value, arrays, **sizes, **fields)

    def graph(self) -> Graph:
        """The graph, without what no output needs; the weights of layers that went are left out with them."""
        made = without_cells(self.builder.graph().alive())
        self.weights = {name: self.weights[name] for name in made.layers}
        return made

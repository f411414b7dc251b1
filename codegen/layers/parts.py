"""The parts of a model: its layers with weights, those that are no convolutions among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from codegen.errors import WeightsError
from codegen.errors.counting import counted
from codegen.graph.calls import AnyLayer
from codegen.graph.graph import Graph
from codegen.layers import kinds
from codegen.layers.bound import Weights
from codegen.layers.how import How
from codegen.layers.layer import Layer
from codegen.layers.weights import by_layer
from codegen.specs.kinds import Spec
from codegen.specs.model_kinds import ModelSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["Part", "adopt", "agreeing", "held", "part_of"]


class Part:
    """The weights of a layer that is no convolution, in Keras' shapes: read-only arrays, which others may replace.

    An optimizer changes them unless they are not `trainable`.
    """

    built = True

    def __init__(self, spec: ModelSpec) -> None:
        self.spec, self.trainable = spec, True
        self._weights: Weights | None = None

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.spec.name

    @property
    def _fixed(self) -> tuple[str, ...]:
        """The weights that never train."""
        return self.spec.fixed

    @property
    def arrays(self) -> dict[str, Array]:
        """Those that were set, else what the initializers make."""
        return self._made().arrays

    def _made(self) -> Weights:
        if self._weights is None:
            self._adopt(by_layer.initial((self.spec,))[self.spec.name])
        assert self._weights is not None
        return self._weights

    def _adopt(self, found: dict[str, Array], lasting: bool = False) -> Weights:
        """Takes arrays of the right shapes; what it now holds."""
        self._weights = weights = Weights(dict(found))
        return weights


def part_of(layer: AnyLayer, how: How) -> Layer | Part:
    """What holds the weights of a layer."""
    return kinds.of(layer, how) if isinstance(layer, Spec) else Part(layer)


def held(part: Layer | Part) -> dict[str, Array]:
    """The arrays of a part by parameter."""
    return part._made().arrays


def adopt(part: Layer | Part, found: dict[str, Array], lasting: bool = False) -> None:
    """Gives a part arrays of the right shapes, `lasting` ones from a file."""
    part._adopt(found, lasting)


def agreeing(graphs: Mapping[str, Graph]) -> dict[str, AnyLayer]:
    """The layers of all graphs by name. Raises WeightsError where two give one layer other channels."""
    found: dict[str, AnyLayer] = {}
    for graph in graphs.values():
        for name, layer in graph.layers.items():
            known = found.setdefault(name, layer)
            if known != layer:
                told = f"{counted(known.channels or 0, 'channel')} in one model and {layer.channels} in another"
                raise WeightsError(f"`{name}` reads {told}, and has one set of weights; write two layers")
    return found

"""Net: a model's graph with weights, called on arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import pipeline
from codegen.errors import PlanError, ShapeError, WeightsError
from codegen.graph.calls import AnyLayer, Call
from codegen.graph.graph import Graph, Input
from codegen.graph.plans import model_plan
from codegen.layers import kinds
from codegen.layers.how import AS_USUAL, How
from codegen.layers.layer import Layer
from codegen.layers.weights import by_layer
from codegen.numbers import arrays
from codegen.numbers.storage import AS_COMPUTED
from codegen.specs.kinds import Spec
from codegen.specs.model_kinds import ModelSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.layers.net_stream import NetStream
    from codegen.machine.model_library import CompiledModel

    Array = NDArray[Any]

__all__ = ["Net", "Part"]


class Part:
    """The weights of a layer that is no convolution, in Keras' shapes; read-only arrays, which `adopt` replaces."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self._arrays: dict[str, Array] | None = None

    @property
    def arrays(self) -> dict[str, Array]:
        """Those that were set, else what the initializers make."""
        if self._arrays is None:
            self.adopt(by_layer.initial((self.spec,))[self.spec.name])
        assert self._arrays is not None
        return self._arrays

    def adopt(self, found: Mapping[str, Array]) -> None:
        """Takes arrays of the right shapes."""
        for array in found.values():
            array.flags.writeable = False
        self._arrays = dict(found)


class Net:
    """A model that is called on (batch, steps, channels); it runs as one compiled function.

    `graph` is what it computes. Several inputs are given in their order or by name; several outputs come as a dict.
    """

    def __init__(self, graph: Graph, parts: Mapping[str, Layer | Part], how: How = AS_USUAL) -> None:
        self.graph, self._parts, self._how = graph, dict(parts), how
        self._held: tuple[list[Array], Array] | None = None  # the weights, and the same packed

    @classmethod
    def of(cls, graph: Graph, weights: Mapping[str, Any] | None = None, how: How = AS_USUAL) -> Net:
        """The net of a graph; `weights` hold LAYER/parameter for each, else the initializers make them."""
        net = cls(graph, {name: part_of(layer, how) for name, layer in graph.layers.items()}, how)
        if weights is not None:
            net.load_weights(weights)
        return net

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def parts(self) -> dict[str, Layer | Part]:
        """The layers with weights, by name, in the order of their first calls."""
        return dict(self._parts)

    @property
    def weights(self) -> dict[str, dict[str, Array]]:
        """All arrays by layer and parameter, in Keras' shapes, read-only."""
        return {name: held(part) for name, part in self._parts.items()}

    def load_weights(self, source: Any) -> None:
        """Replaces all weights by those of a file or of a mapping of LAYER/parameter. Raises WeightsError."""
        found = by_layer.for_specs(source, self.graph.layers.values())
        for name, made in found.items():
            adopt(self._parts[name], made)

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """The output of a batch, (batch, steps, channels) in and out; a dict by name where there are several.

        Raises ShapeError for what does not fit.
        """
        given = self._given(inputs, named)
        batches = {len(x) for x in given.values()}
        if len(batches) != 1:
            raise ShapeError(f"`{self.name}`: got inputs of {sorted(batches)} samples, expected as many of each")
        if (compiled := self._compiled) is not None:
            found = self._computed(compiled, list(given.values()))
            return next(iter(found.values())) if len(found) == 1 else found
        rows = [self._sample({name: x[i] for name, x in given.items()}) for i in range(batches.pop())]
        found = {name: np.stack([row[at] for row in rows]) for name, at in self.graph.outputs}
        return next(iter(found.values())) if len(found) == 1 else found

    @cached_property
    def _compiled(self) -> CompiledModel | None:
        """The model in machine code; None where nothing can compile it, and for what has no C."""
        try:
            return pipeline.compiled_model(self.graph, replace(self._how.ask, numbers=AS_COMPUTED))
        except PlanError:
            return None

    def _packed(self, compiled: CompiledModel) -> Array:
        """All weights as the compiled model reads them, packed anew where one was replaced."""
        arrays = [array for part in self._parts.values() for array in held(part).values()]
        known, packed = self._held or ([], None)
        if packed is None or len(known) != len(arrays) or any(a is not b for a, b in zip(known, arrays, strict=True)):
            packed = compiled.pack(self.weights)
            self._held = arrays, packed
        return packed

    def _computed(self, compiled: CompiledModel, inputs: list[Array]) -> dict[str, Array]:
        free = [x.shape[1] for x, (_, at) in zip(inputs, self.graph.inputs, strict=True) if self._is_free(at)]
        if len(set(free)) > 1:
            raise ShapeError(f"`{self.name}`: got inputs of {sorted(set(free))} steps, expected as many of each")
        steps = compiled.plan.out_steps(free[0] if free else 0)
        found = {}
        for (name, at), outs in zip(self.graph.outputs, steps, strict=True):
            found[name] = np.empty((len(inputs[0]), outs, self.graph.shapes[at].channels), self.graph.dtype)
        compiled.run([np.ascontiguousarray(x) for x in inputs], list(found.values()), self._packed(compiled))
        return found

    def _is_free(self, at: int) -> bool:
        return self.graph.shapes[at].steps is None

    def stream(self, block: int = 64, batch: int = 1) -> NetStream:
        """The model on input in blocks of any number of steps, most often `block`; `batch` samples side by side.

        It is `exact`: its outputs have the same bits in any blocks. Raises PlanError for a model that cannot stream,
        with the reason, ToolchainError where there is no compiler.
        """
        from codegen.layers.net_stream import stream

        return stream(self.graph, self.weights, self._how.ask, block, batch)

    def pack(self, target: str = "scalar", accuracy: str = "exact") -> Array:
        """The one array of all weights that the C of `gen-conv SPEC`, without weights, is handed for such options.

        Raises PlanError for a model that has no C.
        """
        how = replace(self._how, target=target, accuracy=accuracy, storage=AS_COMPUTED)
        plan = model_plan.planned(self.graph, how.ask)
        made = np.empty(plan.weight_numbers, self.graph.dtype)
        plan.packed(self.weights, made)
        return made

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: without what is compiled, which is made again."""
        return {name: value for name, value in vars(self).items() if name not in ("_compiled", "_held")} | {
            "_held": None
        }

    def _given(self, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Array]:
        names, graph = [name for name, _ in self.graph.inputs], self.graph
        given = {**dict(zip(names, inputs, strict=False)), **named}
        if len(inputs) + len(named) != len(names) or set(given) != set(names):
            got = f"{len(inputs)} by place and {', '.join(named) or 'none'} by name"
            raise ShapeError(f"`{self.name}`: got inputs {got}, expected {', '.join(names)}")
        found = {}
        for name, at in graph.inputs:
            shape = graph.shapes[at]
            x = arrays.taken(given[name], np.dtype(graph.dtype), "auto", "(batch, steps, channels)", self.name)
            if x.shape[2] != shape.channels or (shape.steps is not None and x.shape[1] != shape.steps):
                expected = f"(batch, {'steps' if shape.steps is None else shape.steps}, {shape.channels})"
                raise ShapeError(f"`{self.name}`: `{name}` has shape {x.shape}, expected {expected}")
            found[name] = x
        return found

    def _sample(self, inputs: Mapping[str, Array]) -> list[Array]:
        """What each node makes of one sample."""
        found: list[Array] = []
        for node in self.graph.nodes:
            if isinstance(node.op, Input):
                found.append(inputs[node.name])
                continue
            values = [found[at] for at in node.inputs]
            if isinstance(node.op, Call) and isinstance(part := self._parts[node.op.layer.name], Layer):
                found.append(_called(part, *values))
                continue
            known = held(self._parts[node.op.layer.name]) if isinstance(node.op, Call) else {}
            found.append(node.op.reference(values, known))
        return found

    def _repr_html_(self) -> str:
        """The model for a notebook: its graph as a picture, or a table of its values where there are too many."""
        from codegen.layers import notebook

        return notebook.of_net(self.graph, self._how.ask)

    def __repr__(self) -> str:
        lines = [f"  {name} = {told}  {shape}" for name, told, shape in self.graph.told()]
        return "\n".join([f"<model {self.name}", *lines]) + ">"


def _called(part: Layer, x: Array) -> Array:
    """A layer on (steps, channels), or on frames of them; one that is channels_first, too."""
    batch = x if x.ndim == 3 else x[None]
    made: Array = part(batch) if part.spec.channels_last else part(batch.swapaxes(1, 2)).swapaxes(1, 2)
    return made if x.ndim == 3 else made[0]


def part_of(layer: AnyLayer, how: How) -> Layer | Part:
    """What holds the weights of a layer."""
    return kinds.of(layer, how) if isinstance(layer, Spec) else Part(layer)


def held(part: Layer | Part) -> dict[str, Array]:
    """The arrays of a part by parameter."""
    return part.arrays if isinstance(part, Part) else part._made().arrays


def adopt(part: Layer | Part, found: dict[str, Array], lasting: bool = False) -> None:
    """Gives a part arrays of the right shapes, `lasting` ones from a file."""
    if isinstance(part, Part):
        part.adopt(found)
    else:
        part._adopt(found, lasting)


def agreeing(graphs: Mapping[str, Graph]) -> dict[str, AnyLayer]:
    """The layers of all graphs by name. Raises WeightsError where two give one layer other channels."""
    found: dict[str, AnyLayer] = {}
    for graph in graphs.values():
        for name, layer in graph.layers.items():
            known = found.setdefault(name, layer)
            if known != layer:
                told = f"{known.channels} channels in one model and {layer.channels} in another"
                raise WeightsError(f"`{name}` reads {told}, and has one set of weights; write two layers")
    return found

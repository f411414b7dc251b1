"""How a model is called: its arguments held to its shapes, the compiled function, or the graph step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen import pipeline
from codegen.errors import PlanError, ShapeError
from codegen.graph.calls import Call
from codegen.graph.graph import Graph, Input
from codegen.layers.how import AS_USUAL, How
from codegen.layers.layer import Layer
from codegen.layers.net_figures import NetFigures
from codegen.layers.parts import Part, held
from codegen.numbers import arrays
from codegen.numbers.storage import AS_COMPUTED
from codegen.planning.ask import rigor_named

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.machine.model_library import CompiledModel

    Array = NDArray[Any]

__all__ = ["NetCalls"]


class NetCalls(NetFigures):
    """A graph and its parts, called on arrays."""

    def __init__(self, graph: Graph, parts: Mapping[str, Layer | Part], how: How = AS_USUAL) -> None:
        self.graph, self._parts, self._how = graph, dict(parts), how
        self._held: tuple[list[Array], Array] | None = None  # the weights, and the same packed

    @property
    def name(self) -> str:
        """The model block's name."""
        return self.graph.name

    @property
    def weights(self) -> dict[str, dict[str, Array]]:
        """All arrays by layer and parameter, in Keras' shapes, read-only."""
        return {name: held(part) for name, part in self._parts.items()}

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """The output of a batch, (batch, steps, channels) in and out; a dict by name where there are several.

        A tensor of PyTorch is answered with tensors, which have no gradient. Raises ShapeError for what does not fit.
        """
        given = self._given(inputs, named)
        if (compiled := self._compiled) is not None:
            found = {name: np.empty(shape, self.graph.dtype) for name, shape in self._shapes(compiled, given).items()}
            rows = [np.ascontiguousarray(x) for x in given.values()]
            compiled.run(rows, list(found.values()), self._packed(compiled), self._how.threads)
        else:
            found = self._step_by_step(given)
        x = next(iter((*inputs, *named.values())), None)
        found = {name: arrays.as_given(x, None, y) for name, y in found.items()}
        return next(iter(found.values())) if len(found) == 1 else found

    @cached_property
    def _compiled(self) -> CompiledModel | None:
        """The model in machine code; None where nothing can compile it, and for what has no C."""
        try:
            how = self._how
            return pipeline.compiled_model(self.graph, replace(how.ask, numbers=AS_COMPUTED), rigor_named(how.rigor))
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

    def _shapes(self, compiled: CompiledModel, given: Mapping[str, Array]) -> dict[str, tuple[int, ...]]:
        """The shapes of the outputs for checked inputs. Raises ShapeError for such as do not go together."""
        free = {given[name].shape[1] for name, at in self.graph.inputs if self.graph.shapes[at].steps is None}
        if len(free) > 1:
            raise ShapeError(f"`{self.name}`: got inputs of {sorted(free)} steps, expected as many of each")
        batch = len(next(iter(given.values())))
        outs = compiled.plan.out_steps(free.pop() if free else 0)
        channels = [self.graph.shapes[at].channels for _, at in self.graph.outputs]
        return {name: (batch, *of) for (name, _), *of in zip(self.graph.outputs, outs, channels, strict=True)}

    def bind(self, x: Any, out: Any) -> Callable[[], None]:
        """A function of no arguments that computes `out` from what `x` then holds: the cheapest way to call.

        Arrays, or mappings of them by name where there are several; each must fit exactly, as a call makes it, and the
        weights are those of now. It runs in one thread, with a workspace of its own. Raises ShapeError.
        """
        given = self._given((), x if isinstance(x, Mapping) else {self.graph.inputs[0][0]: x}, "never")
        made = out if isinstance(out, Mapping) else {self.graph.outputs[0][0]: out}
        compiled = self._compiled
        if compiled is None:
            shapes = {name: y.shape for name, y in self._step_by_step(given).items()}
        else:
            shapes = self._shapes(compiled, given)
        if made.keys() != shapes.keys():
            raise ShapeError(f"`{self.name}`: got outputs {', '.join(made)}, expected {', '.join(shapes)}")
        for name, shape in shapes.items():
            for one in given.values():
                arrays.fitting(made[name], shape, np.dtype(self.graph.dtype), one)
        if compiled is not None:
            return compiled.bind(list(given.values()), [made[name] for name in shapes], self._packed(compiled))

        def call() -> None:
            for name, y in self._step_by_step(given).items():
                made[name][...] = y

        return call

    def warm(self) -> None:
        """Make the function now, and pack the weights: the first call then only computes."""
        if (compiled := self._compiled) is not None:
            self._packed(compiled)

    def _given(self, inputs: tuple[Any, ...], named: Mapping[str, Any], copy: str = "auto") -> dict[str, Array]:
        """The inputs by name, in their order, as arrays that fit. Raises ShapeError."""
        names, graph = [name for name, _ in self.graph.inputs], self.graph
        given = {**dict(zip(names, inputs, strict=False)), **named}
        if len(inputs) + len(named) != len(names) or set(given) != set(names):
            got = f"{len(inputs)} by place and {', '.join(named) or 'none'} by name"
            raise ShapeError(f"`{self.name}`: got inputs {got}, expected {', '.join(names)}")
        found = {}
        for name, at in graph.inputs:
            shape = graph.shapes[at]
            x = arrays.taken(given[name], np.dtype(graph.dtype), copy, "(batch, steps, channels)", self.name)
            if x.shape[2] != shape.channels or (shape.steps is not None and x.shape[1] != shape.steps):
                expected = f"(batch, {'steps' if shape.steps is None else shape.steps}, {shape.channels})"
                turned = x.shape[1] == shape.channels and shape.steps in (None, x.shape[2])
                way = "; turn it by x.swapaxes(1, 2)" if turned else ""
                raise ShapeError(f"`{self.name}`: `{name}` has shape {x.shape}, expected {expected}{way}")
            found[name] = x
        batches = {len(x) for x in found.values()}
        if len(batches) > 1:
            raise ShapeError(f"`{self.name}`: got inputs of {sorted(batches)} samples, expected as many of each")
        return found

    def _step_by_step(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs by name, layer by layer."""
        batch = len(next(iter(given.values())))
        rows = [self._sample({name: x[i] for name, x in given.items()}) for i in range(batch)]
        return {name: np.stack([row[at] for row in rows]) for name, at in self.graph.outputs}

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


def _called(part: Layer, x: Array) -> Array:
    """A layer on (steps, channels), or on frames of them; one that is channels_first, too."""
    batch = x if x.ndim == 3 else x[None]
    made: Array = part(batch) if part.spec.channels_last else part(batch.swapaxes(1, 2)).swapaxes(1, 2)
    return made if x.ndim == 3 else made[0]

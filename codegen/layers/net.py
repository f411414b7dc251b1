"""Net: a model's graph with weights, called on arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.graph.graph import Graph
from codegen.graph.plans import model_plan, streamed
from codegen.graph.plans.tabled import Tabled
from codegen.layers.how import AS_USUAL, How
from codegen.layers.layer import Layer
from codegen.layers.net_calls import NetCalls
from codegen.layers.parts import Part, adopt, part_of
from codegen.layers.weights import by_layer
from codegen.numbers.storage import AS_COMPUTED
from codegen.planning.ask import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from codegen.gradients.models.tape import ModelGradients
    from codegen.layers.net_stream import NetStream

    Array = NDArray[Any]

__all__ = ["Net"]


class Net(NetCalls):
    """A model that is called on (batch, steps, channels); it runs as one compiled function.

    `graph` is what it computes. Several inputs are given in their order or by name; several outputs come as a dict.
    """

    @classmethod
    def of(cls, graph: Graph, weights: Mapping[str, Any] | None = None, how: How = AS_USUAL) -> Net:
        """The net of a graph; `weights` holds each LAYER/parameter. Without it the initializers make them."""
        net = cls(graph, {name: part_of(layer, how) for name, layer in graph.layers.items()}, how)
        if weights is not None:
            net.load_weights(weights)
        return net

    @property
    def parts(self) -> dict[str, Layer | Part]:
        """The layers with weights, by name, in the order of their first calls."""
        return dict(self._parts)

    def load_weights(self, source: Any) -> None:
        """Replaces all weights by those of a file or of a mapping of LAYER/parameter. Raises WeightsError."""
        found = by_layer.for_specs(source, self.graph.layers.values())
        for name, made in found.items():
            adopt(self._parts[name], made)

    def stream(self, block: int = 64, batch: int = 1, clock: str = "count") -> NetStream:
        """The model on input in blocks of any number of steps, usually `block`; `batch` samples side by side.

        The clock `count` gives an output as soon as it is final, `rate` gives outputs at the input's rate, after zeros.
        The stream is `exact`: its outputs have the same bits for blocks of any size. Raises PlanError with the reason
        for a model that cannot stream, ToolchainError if there is no compiler.
        """
        from codegen.layers.net_stream import stream

        return stream(self.graph, self.weights, self._how.ask, block, batch, clock)

    def gradients(self, x: Any, dy: Any) -> ModelGradients:
        """The gradients of a loss with respect to the inputs and all weights; `dy` is that with respect to the output.

        Arrays, or mappings by name if there are several. Batch normalizations use their moving means and variances, and
        do not change them. Sums run over the batch. Raises ShapeError; SpecError for an operation without gradients.
        """
        return self.forward(x)[1](dy)

    def forward(self, x: Any) -> tuple[Any, Callable[[Any], ModelGradients]]:
        """The output, and a function from its gradient to all `gradients`, both from one pass over the model."""
        from codegen.gradients.models import tape

        given = self._given((), x if isinstance(x, Mapping) else {self.graph.inputs[0][0]: x})
        made = tape.forward(self.graph, given, self.weights, replace(self._how.ask, numbers=AS_COMPUTED))
        names = [name for name, _ in self.graph.outputs]

        def back(dy: Any) -> ModelGradients:
            return made.back(dy if isinstance(dy, Mapping) else {names[0]: dy})

        return dict(made.outputs) if len(names) > 1 else made.outputs[names[0]], back

    @property
    def losses(self) -> list[float]:
        """The penalties of the weights that have a regularizer, of all trainable convolutions."""
        layers = [part for part in self._parts.values() if isinstance(part, Layer)]
        return [loss for layer in layers for loss in layer.losses]

    def pack(self, target: str = "scalar", accuracy: str = "exact", block: int | None = None) -> Array:
        """The one array of all weights that the C of `gen-conv SPEC` takes, if it has no weights as tables.

        With `block` it is the array for `--stream --block`. Raises PlanError for a model without C or without a stream.
        """
        asked = replace(self._how, target=target, accuracy=accuracy, storage=AS_COMPUTED).ask
        plan: Tabled
        if block is None:
            plan = model_plan.planned(self.graph, asked)
        else:
            plan = streamed.planned(self.graph, replace(asked, stream=Stream(block)))
        made = np.empty(plan.weight_numbers, self.graph.dtype)
        plan.packed(self.weights, made)
        return made

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: without what is compiled, which is made again."""
        return {name: value for name, value in vars(self).items() if name not in ("_compiled", "_held")} | {
            "_held": None
        }

    def _repr_html_(self) -> str:
        """The model for a notebook: its graph as a picture, or a table of its values where there are too many."""
        from codegen.layers import notebook

        return notebook.of_net(self.graph, self._how.ask)

    def __repr__(self) -> str:
        lines = [f"  {name} = {told}  {shape}" for name, told, shape in self.graph.told()]
        return "\n".join([f"<model {self.name}", *lines]) + ">"

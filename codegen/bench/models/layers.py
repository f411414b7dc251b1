"""A layer of a model as peers take it: the kernel (filters, channels, taps), zeros on both sides, an activation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from codegen.graph.calls import Call
from codegen.records import dataclass
from codegen.specs.kinds import Spec
from codegen.specs.model_kinds import Dense

if TYPE_CHECKING:
    from codegen.bench.case import Array
    from codegen.graph.graph import Graph
    from codegen.graph.shape import Shape
    from codegen.graph.steps import Pool

__all__ = ["Convolution", "Unserved", "convolution", "pads"]


class Unserved(Exception):
    """A peer's graph has no such operation."""

    def __init__(self, word: str) -> None:
        super().__init__(f"`{word}` is not written for it")


@dataclass(frozen=True)
class Convolution:
    """A convolution of known length, a dense layer as one of one tap."""

    kernel: Array
    bias: Array | None
    pads: tuple[int, int]
    stride: int
    dilation: int
    groups: int
    activation: str


def convolution(graph: Graph, at: int, weights: Mapping[str, Mapping[str, Array]]) -> Convolution:
    """That of a node that calls a layer. Raises Unserved for other layers."""
    import numpy as np

    call = graph.nodes[at].op
    assert isinstance(call, Call)
    layer: Any = call.layer
    held = weights[layer.name]
    if isinstance(layer, Dense):
        kernel = np.ascontiguousarray(held["kernel"].T[:, :, None])
        return Convolution(kernel, held.get("bias"), (0, 0), 1, 1, 1, layer.activation.name)
    stages = layer.problem.at_length(None).stages if isinstance(layer, Spec) else ()
    if len(stages) != 1 or stages[0].up > 1:
        raise Unserved(layer.kind)
    (problem,) = stages
    kernel, bias = layer.problem_weights(held)
    kernel = np.ascontiguousarray(kernel.reshape(problem.kernel_shape).transpose(2, 1, 0))
    both = problem.pads(_steps(graph.shapes[graph.nodes[at].inputs[0]]))
    return Convolution(kernel, bias, both, problem.stride, problem.dilation, problem.groups, layer.activation.name)


def pads(op: Pool, given: Shape) -> tuple[int, int]:
    """The steps that a pool pads before and behind."""
    size, stride, steps = op.size, op.strides or op.size, _steps(given)
    if isinstance(op.padding, tuple):
        return op.padding
    total = {"valid": 0, "causal": size - 1}.get(op.padding, max(0, (-(-steps // stride) - 1) * stride + size - steps))
    return (total, 0) if op.padding == "causal" else (total // 2, total - total // 2)


def _steps(shape: Shape) -> int:
    return shape.known_steps

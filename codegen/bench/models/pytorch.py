"""PyTorch, eager: a model's graph as calls of torch.nn.functional on (batch, channels, steps)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from codegen.bench.contestant import Contestant, from_python
from codegen.bench.models.layers import Convolution, Unserved, convolution, pads
from codegen.bench.peers.pytorch import NAME, PACKAGE, version
from codegen.graph import channels, elementwise, steps
from codegen.graph.calls import Call
from codegen.graph.graph import Input
from codegen.specs.model_kinds import BatchNormalization

if TYPE_CHECKING:
    from codegen.bench.case import Array
    from codegen.graph.graph import Graph

__all__ = ["NAME", "PACKAGE", "contestant", "version"]

Weights = Mapping[str, Mapping[str, "Array"]]
Function = Callable[..., Any]


def contestant(graph: Graph, weights: Weights, x: Array, threads: int) -> Contestant:
    """Raises Unserved for an op that it has not."""
    import torch

    torch.set_num_threads(threads)
    graph = graph.alive()
    functions = [_function(graph, at, weights) for at in range(len(graph.nodes))]
    inputs = [node.inputs for node in graph.nodes]
    given, end = torch.from_numpy(x.transpose(0, 2, 1).copy()), graph.outputs[0][1]
    y: Any = None

    def call() -> None:
        nonlocal y
        values: list[Any] = []
        for function, of in zip(functions, inputs, strict=True):
            values.append(function(*(values[one] for one in of)) if of else given)
        y = values[end]

    def output() -> Any:
        return y.numpy().transpose(0, 2, 1)

    return Contestant("eager", from_python(call), output, channels_last=True, context=torch.inference_mode)


def _function(graph: Graph, at: int, weights: Weights) -> Function:
    """What a node does to its inputs."""
    import torch
    from torch.nn import functional

    op, shape = graph.nodes[at].op, graph.shapes[at]
    if isinstance(op, Input):
        return lambda: None
    if isinstance(op, Call) and isinstance(op.layer, BatchNormalization):
        mean, variance, gamma, beta = (torch.tensor(one) for one in normalization(op.layer, weights))
        epsilon = op.layer.epsilon
        return lambda x: functional.batch_norm(x, mean, variance, gamma, beta, eps=epsilon)
    if isinstance(op, Call):
        return _convolved(convolution(graph, at, weights))
    if isinstance(op, elementwise.Activate):
        return _activation(op.activation.name)
    if isinstance(op, elementwise.Arithmetic) and op.number is None and op.operator in _OPERATORS:
        found: Function = getattr(torch, _OPERATORS[op.operator])
        return found
    if isinstance(op, steps.MaxPool):
        left, right = pads(op, graph.shapes[graph.nodes[at].inputs[0]])
        size, stride = op.size, op.strides or op.size
        return lambda x: functional.max_pool1d(
            functional.pad(x, (left, right), value=float("-inf")) if left or right else x, size, stride
        )
    if isinstance(op, steps.GlobalAveragePool):
        return lambda x: x.mean(2, keepdim=True)
    if isinstance(op, channels.Widen):
        more = shape.channels - graph.shapes[graph.nodes[at].inputs[0]].channels
        return lambda x: functional.pad(x, (0, 0, 0, more)) if more else x
    raise Unserved(op.word)


def normalization(layer: BatchNormalization, weights: Weights) -> list[Array]:
    import numpy as np

    held = weights[layer.name]
    one = np.ones(layer.known_channels, np.float32)
    return [held["moving_mean"], held["moving_variance"], held.get("gamma", one), held.get("beta", 0 * one)]


def _convolved(one: Convolution) -> Function:
    import torch
    from torch.nn import functional

    kernel, bias = torch.from_numpy(one.kernel), None if one.bias is None else torch.tensor(one.bias)
    then, (left, right) = _activation(one.activation), one.pads
    if left == right:
        return lambda x: then(torch.conv1d(x, kernel, bias, one.stride, left, one.dilation, one.groups))
    return lambda x: then(
        torch.conv1d(functional.pad(x, (left, right)), kernel, bias, one.stride, 0, one.dilation, one.groups)
    )


def _activation(name: str) -> Function:
    import torch

    if name == "linear":
        return lambda x: x
    if name == "softmax":
        return lambda x: torch.softmax(x, 1)
    if name not in ("relu", "tanh", "sigmoid"):
        raise Unserved(name)
    found: Function = getattr(torch, name)
    return found


_OPERATORS = {"+": "add", "-": "sub", "*": "mul", "/": "div", "max": "maximum", "min": "minimum"}

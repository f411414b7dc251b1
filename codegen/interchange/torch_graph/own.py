"""This project's own operator in a graph of PyTorch: a layer that `accelerate` or `to_torch` put there."""

from __future__ import annotations

from codegen.interchange import states
from codegen.interchange.tensors import Tensor
from codegen.interchange.torch_graph.call import Call
from codegen.interchange.torch_graph.layers import FIRST
from codegen.specs.parameters import parameters

LAST = "ntc"
TAKEN = ("name", "input_shape", "data_format", "dtype", "trainable")
"""What the graph knows by itself."""
OF_TRAINING = ("initializer", "regularizer", "constraint")


def layer(call: Call) -> Tensor:
    """genconv::conv1d(x, weights, layer, …): the layer again, with these weights."""
    from codegen.interchange.torch_ops import runner  # late: it imports torch, which is there by now

    spec = runner(call.get(2, "layer")).layer.spec
    fields = {
        name: getattr(spec, name)
        for name in parameters(type(spec))
        if name not in TAKEN and not name.endswith(OF_TRAINING)
    }
    x = call.drawing.ordered(call.x, LAST if spec.channels_last else FIRST)
    return call.drawing.layer(type(spec), call.name, x, states.taken_back(spec, call.get(1, "weights")), **fields)

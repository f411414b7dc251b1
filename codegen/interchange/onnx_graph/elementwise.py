"""ONNX' operations on each number by itself, and softmax. Source: onnx/defs/math/defs.cc."""

from __future__ import annotations

from typing import Any

from codegen.errors import ConversionError
from codegen.interchange.onnx_graph.call import Call, Draw, demand_told
from codegen.interchange.tensors import Tensor

__all__ = ["ELEMENTWISE"]

SIXTH = 1 / 6
NEAR = 1e-6
SELU = 1.0507009873554805, 1.6732632423543772  # gamma and alpha


def _between(operator: str) -> Draw:
    def draw(call: Call) -> Tensor:
        found = [one for one in call.inputs if one is not None]
        if len(found) == 1 and isinstance(found[0], Tensor):
            return found[0]
        value = found[0]
        demand_told(*(one for one in found if not isinstance(one, Tensor)))
        for other in found[1:]:
            value = call.drawing.binary(operator, value, other, call.name)
        assert isinstance(value, Tensor)
        return value

    return draw


def _activation(name: str, **options: tuple[str, float]) -> Draw:
    """One of the table; each option with its attribute and ONNX' default."""

    def draw(call: Call) -> Tensor:
        given: dict[str, Any] = {ours: call.number(theirs, default) for ours, (theirs, default) in options.items()}
        return call.drawing.activation(name, call.tensor(), **given)

    return draw


def _softmax(name: str) -> Draw:
    return lambda call: call.drawing.activation(name, call.tensor(), call.axis(-1))


def _hard_sigmoid(call: Call) -> Tensor:
    alpha, beta = call.number("alpha", 0.2), call.number("beta", 0.5)
    if abs(alpha - SIXTH) < NEAR and beta == 0.5:
        return call.drawing.activation("hard_sigmoid", call.tensor())
    x = call.drawing.binary("+", call.drawing.binary("*", call.tensor(), alpha), beta)
    return call.drawing.binary("min", call.drawing.binary("max", x, 0.0), 1.0)


def _selu(call: Call) -> Tensor:
    gamma, alpha = call.number("gamma", SELU[0]), call.number("alpha", SELU[1])
    if abs(gamma - SELU[0]) < NEAR and abs(alpha - SELU[1]) < NEAR:
        return call.drawing.activation("selu", call.tensor())
    return call.drawing.binary("*", call.drawing.activation("elu", call.tensor(), alpha=alpha), gamma)


def _gelu(call: Call) -> Tensor:
    return call.drawing.activation("gelu", call.tensor(), approximate=call.text("approximate", "none") == "tanh")


def _clipped(call: Call) -> Tensor:
    x = call.tensor()
    for at, (word, operator) in enumerate((("min", "max"), ("max", "min")), 1):
        bound = call.maybe(at, word)
        if bound is not None:
            x = call.drawing.binary(operator, x, bound)
        elif word in call.node.attributes:
            x = call.drawing.binary(operator, x, call.number(word, 0.0))
    return x


def _power(call: Call) -> Tensor:
    x, exponent = call.tensor(), call.constant(1, "an exponent")
    if exponent.size != 1:
        raise ConversionError(f"to the power of an array of shape {exponent.shape}, expected one number")
    return x.of(call.drawing.sketch.builder.power(x.value, float(exponent.reshape(()))))


def _unary(word: str) -> Draw:
    return lambda call: call.drawing.call(word, call.tensor())


def _same(call: Call) -> Tensor:
    return call.tensor()


def _dropout(call: Call) -> Tensor:
    training = call.maybe(2, "a mode")
    if training is not None and training.any():
        raise ConversionError("is that of training; export the model for inference")
    return call.tensor()


ELEMENTWISE: dict[str, Draw] = {
    "Add": _between("+"),
    "Sum": _between("+"),
    "Sub": _between("-"),
    "Mul": _between("*"),
    "Div": _between("/"),
    "Max": _between("max"),
    "Min": _between("min"),
    "Pow": _power,
    "Neg": lambda call: call.drawing.binary("*", call.tensor(), -1.0),
    "Reciprocal": lambda call: call.drawing.binary("/", 1.0, call.tensor()),
    "Sqrt": _unary("sqrt"),
    "Abs": _unary("abs"),
    "Exp": _unary("exp"),
    "Log": _unary("log"),
    "Sin": _unary("sin"),
    "Cos": _unary("cos"),
    "Clip": _clipped,
    "Relu": _activation("relu"),
    "LeakyRelu": _activation("leaky_relu", negative_slope=("alpha", 0.01)),
    "Elu": _activation("elu", alpha=("alpha", 1.0)),
    "Celu": _activation("celu", alpha=("alpha", 1.0)),
    "Selu": _selu,
    "Sigmoid": _activation("sigmoid"),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _activation("hard_silu"),
    "Tanh": _activation("tanh"),
    "Softplus": _activation("softplus"),
    "Softsign": _activation("softsign"),
    "Mish": _activation("mish"),
    "Swish": _activation("silu"),
    "Gelu": _gelu,
    "Softmax": _softmax("softmax"),
    "LogSoftmax": _softmax("log_softmax"),
    "Identity": _same,
    "Dropout": _dropout,
    "Cast": _same,
}

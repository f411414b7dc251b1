"""PyTorch's functions on each number by itself, and softmax. Source: native_functions.yaml."""

from __future__ import annotations

from typing import Any

from codegen.errors import ConversionError
from codegen.interchange.tensors import Tensor
from codegen.interchange.torch_graph.call import Call, Draw

__all__ = ["ELEMENTWISE"]


def _between(operator: str, *, turned: bool = False) -> Draw:
    def draw(call: Call) -> Tensor:
        one, other = call.get(0, "input", call.kwargs.get("self")), call.get(1, "other")
        alpha = call.get(2, "alpha", 1)
        if alpha != 1:
            other = call.drawing.binary("*", other, alpha) if isinstance(other, Tensor) else other * alpha
        one, other = (other, one) if turned else (one, other)
        return call.drawing.binary(operator, one, other, call.name)

    return draw


def _curve(name: str, **options: tuple[int, str, float]) -> Draw:
    """An activation of the table; each option with its place, its name and its default there."""

    def draw(call: Call) -> Tensor:
        given: dict[str, Any] = {ours: float(call.get(*theirs)) for ours, theirs in options.items()}
        return call.drawing.activation(name, call.x, **given)

    return draw


def _gelu(call: Call) -> Tensor:
    return call.drawing.activation("gelu", call.x, approximate=call.get(1, "approximate", "none") == "tanh")


def _softmax(name: str, default: int | None = None) -> Draw:
    return lambda call: call.drawing.activation(name, call.x, call.whole(1, "dim", default))


def _clamped(call: Call) -> Tensor:
    x, least, most = call.x, call.get(1, "min"), call.get(2, "max")
    x = x if least is None else call.drawing.binary("max", x, least)
    return x if most is None else call.drawing.binary("min", x, most)


def _hard_tanh(call: Call) -> Tensor:
    x = call.drawing.binary("max", call.x, call.get(1, "min_val", -1.0))
    return call.drawing.binary("min", x, call.get(2, "max_val", 1.0))


def _softplus(call: Call) -> Tensor:
    beta = float(call.get(1, "beta", 1.0))
    return call.drawing.binary("/", call.drawing.activation("softplus", call.drawing.binary("*", call.x, beta)), beta)


def _power(call: Call) -> Tensor:
    exponent = call.get(1, "exponent")
    if not isinstance(exponent, (int, float)):
        raise ConversionError("to the power of what is no number")
    return call.x.of(call.drawing.sketch.builder.power(call.x.value, exponent))


def _unary(word: str) -> Draw:
    return lambda call: call.drawing.call(word, call.x)


ELEMENTWISE: dict[str, Draw] = {
    "add": _between("+"),
    "sub": _between("-"),
    "rsub": _between("-", turned=True),
    "mul": _between("*"),
    "div": _between("/"),
    "truediv": _between("/"),
    "maximum": _between("max"),
    "minimum": _between("min"),
    "neg": lambda call: call.drawing.binary("*", call.x, -1.0),
    "reciprocal": lambda call: call.drawing.binary("/", 1.0, call.x),
    "square": lambda call: call.drawing.binary("*", call.x, call.x),
    "pow": _power,
    "sqrt": _unary("sqrt"),
    "rsqrt": lambda call: call.drawing.binary("/", 1.0, call.drawing.call("sqrt", call.x)),
    "abs": _unary("abs"),
    "exp": _unary("exp"),
    "log": _unary("log"),
    "sin": _unary("sin"),
    "cos": _unary("cos"),
    "clamp": _clamped,
    "clamp_min": lambda call: call.drawing.binary("max", call.x, call.get(1, "min")),
    "clamp_max": lambda call: call.drawing.binary("min", call.x, call.get(1, "max")),
    "hardtanh": _hard_tanh,
    **{name: _curve(name) for name in ("relu", "relu6", "selu", "silu", "mish", "sigmoid", "tanh", "softsign")},
    "logsigmoid": _curve("log_sigmoid"),
    "log_sigmoid": _curve("log_sigmoid"),
    "hardsigmoid": _curve("hard_sigmoid"),
    "hardswish": _curve("hard_silu"),
    "leaky_relu": _curve("leaky_relu", negative_slope=(1, "negative_slope", 0.01)),
    "elu": _curve("elu", alpha=(1, "alpha", 1.0)),
    "celu": _curve("celu", alpha=(1, "alpha", 1.0)),
    "softshrink": _curve("soft_shrink", threshold=(1, "lambd", 0.5)),
    "hardshrink": _curve("hard_shrink", threshold=(1, "lambd", 0.5)),
    "softplus": _softplus,
    "gelu": _gelu,
    "softmax": _softmax("softmax"),
    "log_softmax": _softmax("log_softmax"),
    "glu": _softmax("glu", -1),
}

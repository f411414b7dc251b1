"""ONNX' LSTM, GRU and RNN: gates in another order, the batch or the steps first. Source: onnx/defs/rnn/defs.cc."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import ConversionError
from codegen.errors.quoting import exactly
from codegen.interchange.onnx_graph.call import Call, Draw
from codegen.interchange.tensors import Tensor
from codegen.specs.model_kinds import GRU, LSTM, ModelSpec, SimpleRNN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["RECURRENT"]

LSTM_GATES = (0, 2, 3, 1)  # i, f, c, o of their i, o, f, c
GRU_GATES = (0, 1, 2)
CURVES = {"Tanh": "tanh", "Relu": "relu", "Sigmoid": "sigmoid"}  # of a RNN
DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
ZEROS = "starts from zeros in each call: its first state is no input here"


def _lstm(call: Call) -> list[Tensor | None]:
    wide, both = _weights(call, LSTM_GATES)
    for arrays in both:
        if "bias" in arrays:
            arrays["bias"] = arrays["bias"].sum(axis=0)
    call.demand("input_forget", 0)
    _demand_curves(call, ["Sigmoid", "Tanh", "Tanh"] * len(both))
    if call.maybe(7, "peepholes") is not None:
        raise ConversionError("has peepholes, expected none")
    first = _first(call, (5, 6), "hc", wide, len(both))
    held = [arrays | states for arrays, states in zip(both, first, strict=True)]
    return _drawn(call, LSTM, held, {"units": wide, "initial_state": bool(first[0])})


def _gru(call: Call) -> list[Tensor | None]:
    wide, both = _weights(call, GRU_GATES)
    _demand_curves(call, ["Sigmoid", "Tanh"] * len(both))
    after = bool(call.whole("linear_before_reset", 0))
    for arrays in both:
        if "bias" in arrays and not after:
            arrays["bias"] = arrays["bias"].sum(axis=0)
    first = _first(call, (5,), "h", wide, len(both))
    held = [arrays | states for arrays, states in zip(both, first, strict=True)]
    return _drawn(call, GRU, held, {"units": wide, "reset_after": after, "initial_state": bool(first[0])})


def _rnn(call: Call) -> list[Tensor | None]:
    wide, both = _weights(call, (0,))
    for arrays in both:
        if "bias" in arrays:
            arrays["bias"] = arrays["bias"].sum(axis=0)
    curves = call.node.attributes.get("activations", ["Tanh"] * len(both))
    if curves not in ([word] * len(both) for word in CURVES):
        raise ConversionError(f"has activations = {curves}, expected {' or '.join(CURVES)}")
    first = _first(call, (5,), "h", wide, len(both))
    held = [arrays | states for arrays, states in zip(both, first, strict=True)]
    fields = {"units": wide, "activation": CURVES[curves[0]], "initial_state": bool(first[0])}
    return _drawn(call, SimpleRNN, held, fields)


def _weights(call: Call, gates: tuple[int, ...]) -> tuple[int, list[dict[str, Array]]]:
    """(units, arrays of each direction) in Keras' layout; the bias as (2, gates * units): the input's, the state's."""
    import numpy as np

    count = len(_directions(call))
    if "clip" in call.node.attributes:
        raise ConversionError("has clip, expected none")
    given, recurrent = call.weights(1, "weights", 3), call.weights(2, "recurrent weights", 3)
    wide = recurrent.shape[2]
    if given.shape[:2] != (count, len(gates) * wide) or recurrent.shape[:2] != (count, len(gates) * wide):
        raise ConversionError(f"has weights of shapes {given.shape} and {recurrent.shape}, which do not go together")
    order = np.concatenate([np.arange(gate * wide, (gate + 1) * wide) for gate in gates])
    found = [{"kernel": given[at][order].T, "recurrent_kernel": recurrent[at][order].T} for at in range(count)]
    if call.maybe(3, "bias") is not None:
        bias = call.weights(3, "bias", 2)
        if bias.shape != (count, 2 * len(gates) * wide):
            raise ConversionError(f"has a bias of shape {bias.shape}, expected ({count}, {2 * len(gates) * wide})")
        for at, arrays in enumerate(found):
            arrays["bias"] = bias[at].reshape(2, -1)[:, order]
    return wide, found


def _directions(call: Call) -> tuple[bool, ...]:
    """For each direction whether it goes backwards."""
    word = call.text("direction", "forward")
    if word not in DIRECTIONS:
        raise ConversionError(f"has direction = {exactly(word)}, expected forward, reverse or bidirectional")
    return DIRECTIONS[word]


def _demand_curves(call: Call, usual: list[str]) -> None:
    found = call.node.attributes.get("activations", usual)
    if found != usual:
        raise ConversionError(f"has activations = {found}, expected {usual}")


def _first(call: Call, places: tuple[int, ...], words: str, wide: int, count: int) -> list[dict[str, Array]]:
    """The first state of each direction where it is a constant that is not zero; one that is an input is zeros."""
    import numpy as np

    found = {}
    for at, word in zip(places, words, strict=True):
        given = call.inputs[at] if at < len(call.inputs) else None
        if isinstance(given, Tensor):
            raise ConversionError("computes its first state, expected constants")
        if given is not None:
            state = call.weights(at, "a first state")
            if state.size != count * wide:
                raise ConversionError(f"has a first state of shape {state.shape}, expected ({count}, 1, {wide})")
            found[word] = state.reshape(count, wide)
    if not any(array.any() for array in found.values()):
        return [{} for _ in range(count)]
    zeros = np.zeros((count, wide), call.drawing.sketch.builder.dtype)
    return [{f"initial_{word}": found.get(word, zeros)[at] for word in words} for at in range(count)]


def _drawn(
    call: Call, kind: type[ModelSpec], both: list[dict[str, Array]], fields: dict[str, Any]
) -> list[Tensor | None]:
    """Y, Y_h, and None for Y_c, and for the Y_h of two directions."""
    if call.maybe(4, "lengths") is not None:
        raise ConversionError("has lengths of its sequences, expected none")
    last, sequence = call.whole("layout", 0), _sequence(call)
    fields |= {"return_sequences": True, "use_bias": "bias" in both[0]}
    values, ends, builder = [], [], call.drawing.sketch.builder
    for arrays, back in zip(both, _directions(call), strict=True):
        name = call.name if len(both) == 1 else f"{call.name}/{'reverse' if back else 'forward'}"

        def draw(x: Tensor, name: str = name, arrays: dict[str, Array] = arrays) -> Tensor:
            return call.drawing.layer(kind, name, x, arrays, **fields)

        own, made = call.drawing.backwards(sequence, draw) if back else (draw(sequence),) * 2
        values.append(made.value)
        ends.append(own.value)
    if len(both) == 2:
        return [Tensor(builder.function("concat", *values), "ntdc" if last else f"td{sequence.axes[1]}c"), None]
    axes = "nt1c" if last else f"t1{sequence.axes[1]}c"
    states = [Tensor(values[0], axes)]
    if len(call.node.outputs) > 1:
        states.append(Tensor(builder.function("last", ends[0]), axes.replace("t", "")))
    return list(states)


def _sequence(call: Call) -> Tensor:
    """The input, its steps where the layout has them; a batch that is a sequence of frames as these."""
    x, last = call.tensor(), call.whole("layout", 0)
    if call.framed and x.axes[0] == "n" and not last and x.steps == 1 and "c" in x.axes:
        return Tensor(call.drawing.sketch.builder.function("join", x.value), "t1c")
    return call.drawing.ordered(x, "ntc" if last else "tnc")


RECURRENT: dict[str, Draw] = {"LSTM": _lstm, "GRU": _gru, "RNN": _rnn}

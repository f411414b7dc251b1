"""ONNX' LSTM, GRU and RNN: gates in another order, the batch or the steps first. Source: onnx/defs/rnn/defs.cc."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import ConversionError
from codegen.errors.quoting import exactly
from codegen.interchange.begun import First, begun
from codegen.interchange.onnx_graph.call import Call, Draw
from codegen.interchange.tensors import Tensor
from codegen.specs.model_kinds import GRU, LSTM, Recurrent, SimpleRNN

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["RECURRENT"]

LSTM_GATES = (0, 2, 3, 1)  # i, f, c, o of their i, o, f, c
GRU_GATES = (0, 1, 2)
CURVES = {"Tanh": "tanh", "Relu": "relu", "Sigmoid": "sigmoid"}  # of a RNN
DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
ZEROS = "starts from zeros in each call: its first state is no input here, unless states are asked for"


def _lstm(call: Call) -> list[Tensor | None]:
    wide, both = _weights(call, LSTM_GATES)
    for arrays in both:
        if "bias" in arrays:
            arrays["bias"] = arrays["bias"].sum(axis=0)
    call.demand("input_forget", 0)
    _demand_curves(call, ["Sigmoid", "Tanh", "Tanh"] * len(both))
    if call.maybe(7, "peepholes") is not None:
        raise ConversionError("has peepholes, expected none")
    return _drawn(call, LSTM, both, _first(call, (5, 6), wide, len(both)), {"units": wide})


def _gru(call: Call) -> list[Tensor | None]:
    wide, both = _weights(call, GRU_GATES)
    _demand_curves(call, ["Sigmoid", "Tanh"] * len(both))
    after = bool(call.whole("linear_before_reset", 0))
    for arrays in both:
        if "bias" in arrays and not after:
            arrays["bias"] = arrays["bias"].sum(axis=0)
    first = _first(call, (5,), wide, len(both))
    return _drawn(call, GRU, both, first, {"units": wide, "reset_after": after})


def _rnn(call: Call) -> list[Tensor | None]:
    wide, both = _weights(call, (0,))
    for arrays in both:
        if "bias" in arrays:
            arrays["bias"] = arrays["bias"].sum(axis=0)
    curves = call.node.attributes.get("activations", ["Tanh"] * len(both))
    if curves not in ([word] * len(both) for word in CURVES):
        raise ConversionError(f"has activations = {curves}, expected {' or '.join(CURVES)}")
    fields = {"units": wide, "activation": CURVES[curves[0]]}
    return _drawn(call, SimpleRNN, both, _first(call, (5,), wide, len(both)), fields)


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


def _first(call: Call, places: tuple[int, ...], wide: int, count: int) -> list[list[First]]:
    """The first states of each direction: values, constants, zeros. One that is an input of the graph is zeros."""
    found: list[list[First]] = [[] for _ in range(count)]
    for at in places:
        given = call.inputs[at] if at < len(call.inputs) else None
        if isinstance(given, Tensor):
            if count > 1:
                raise ConversionError("computes the first states of both directions, expected constants")
            found[0].append(given)
            continue
        state = None if given is None else call.weights(at, "a first state")
        if state is not None and (state.ndim < 2 or state.size != count * wide):
            raise ConversionError(f"has a first state of shape {state.shape}, expected ({count}, 1, {wide})")
        for direction, one in enumerate(found):
            one.append(None if state is None else state.reshape(count, wide)[direction])
    return found


def _drawn(
    call: Call,
    kind: type[Recurrent],
    both: list[dict[str, Array]],
    first: list[list[First]],
    fields: dict[str, Any],
) -> list[Tensor | None]:
    """Y, Y_h and Y_c; None for the states of two directions."""
    if call.maybe(4, "lengths") is not None:
        raise ConversionError("has lengths of its sequences, expected none")
    last, sequence = call.whole("layout", 0), _sequence(call)
    fields |= {"return_sequences": True, "use_bias": "bias" in both[0]}
    values, builder, cells = [], call.drawing.sketch.builder, None
    for arrays, back, states in zip(both, _directions(call), first, strict=True):
        name = call.name if len(both) == 1 else f"{call.name}/{'reverse' if back else 'forward'}"
        x = call.drawing.call("reverse", sequence) if back else sequence
        own, cells = begun(call.drawing, kind, name, x, arrays, states, **fields)
        values.append((call.drawing.call("reverse", own) if back else own, own))
    if len(both) == 2:
        joined = builder.function("concat", *(made.value for made, _ in values))
        return [Tensor(joined, "ntdc" if last else f"td{sequence.axes[1]}c"), None, None]
    axes = "nt1c" if last else f"t1{sequence.axes[1]}c"
    ends = [end for end in (values[0][1], cells) if end is not None]
    found: list[Tensor | None] = [Tensor(values[0][0].value, axes)]
    wanted = call.node.outputs[1:]
    for end, output in zip(ends, wanted, strict=False):
        found.append(Tensor(builder.function("last", end.value), axes.replace("t", "")) if output else None)
    return found


def _sequence(call: Call) -> Tensor:
    """The input, its steps where the layout has them; a batch that is a sequence of frames as these."""
    x, last = call.tensor(), call.whole("layout", 0)
    if call.framed and x.axes[0] == "n" and not last and x.steps == 1 and "c" in x.axes:
        return Tensor(call.drawing.sketch.builder.function("join", x.value), "t1c")
    return call.drawing.ordered(x, "ntc" if last else "tnc")


RECURRENT: dict[str, Draw] = {"LSTM": _lstm, "GRU": _gru, "RNN": _rnn}

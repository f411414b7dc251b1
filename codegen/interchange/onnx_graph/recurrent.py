"""ONNX' LSTM and GRU: gates in another order, the batch or the steps first. Source: onnx/defs/rnn/defs.cc."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import ConversionError
from codegen.interchange.onnx_graph.call import Call, Draw
from codegen.interchange.tensors import Tensor
from codegen.specs.model_kinds import GRU, LSTM, ModelSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["RECURRENT"]

LSTM_GATES = (0, 2, 3, 1)  # i, f, c, o of their i, o, f, c
GRU_GATES = (0, 1, 2)
ZEROS = "starts from zeros in each call: its first state is no input here"


def _lstm(call: Call) -> list[Tensor | None]:
    wide, arrays = _weights(call, LSTM_GATES)
    if "bias" in arrays:
        arrays["bias"] = arrays["bias"].sum(axis=0)
    call.demand("input_forget", 0)
    _demand_curves(call, ["Sigmoid", "Tanh", "Tanh"])
    if call.maybe(7, "peepholes") is not None:
        raise ConversionError("has peepholes, expected none")
    first = _first(call, (5, 6), "hc", wide)
    return _drawn(call, LSTM, {**arrays, **first}, {"units": wide, "initial_state": bool(first)})


def _gru(call: Call) -> list[Tensor | None]:
    wide, arrays = _weights(call, GRU_GATES)
    _demand_curves(call, ["Sigmoid", "Tanh"])
    after = bool(call.whole("linear_before_reset", 0))
    if "bias" in arrays and not after:
        arrays["bias"] = arrays["bias"].sum(axis=0)
    first = _first(call, (5,), "h", wide)
    return _drawn(call, GRU, {**arrays, **first}, {"units": wide, "reset_after": after, "initial_state": bool(first)})


def _weights(call: Call, gates: tuple[int, ...]) -> tuple[int, dict[str, Array]]:
    """(units, arrays) in Keras' layout; the bias as (2, gates * units): the input's and the state's."""
    import numpy as np

    if call.text("direction", "forward") != "forward":
        raise ConversionError("goes backwards, or both ways, expected direction = forward")
    if "clip" in call.node.attributes:
        raise ConversionError("has clip, expected none")
    given, recurrent = call.weights(1, "weights", 3), call.weights(2, "recurrent weights", 3)
    wide = recurrent.shape[2]
    if given.shape[:2] != (1, len(gates) * wide) or recurrent.shape[:2] != (1, len(gates) * wide):
        raise ConversionError(f"has weights of shapes {given.shape} and {recurrent.shape}, which do not go together")
    order = np.concatenate([np.arange(gate * wide, (gate + 1) * wide) for gate in gates])
    arrays = {"kernel": given[0][order].T, "recurrent_kernel": recurrent[0][order].T}
    if call.maybe(3, "bias") is not None:
        bias = call.weights(3, "bias", 2)
        if bias.shape != (1, 2 * len(gates) * wide):
            raise ConversionError(f"has a bias of shape {bias.shape}, expected (1, {2 * len(gates) * wide})")
        arrays["bias"] = bias.reshape(2, -1)[:, order]
    return wide, arrays


def _demand_curves(call: Call, usual: list[str]) -> None:
    found = call.node.attributes.get("activations", usual)
    if found != usual:
        raise ConversionError(f"has activations = {found}, expected {usual}")


def _first(call: Call, places: tuple[int, ...], words: str, wide: int) -> dict[str, Array]:
    """The first state where it is a constant that is not zero; one that is an input of the model is zeros."""
    found = {}
    for at, word in zip(places, words, strict=True):
        given = call.inputs[at] if at < len(call.inputs) else None
        if isinstance(given, Tensor):
            raise ConversionError("computes its first state, expected constants")
        if given is not None:
            found[f"initial_{word}"] = call.weights(at, "a first state").reshape(-1)
    if not any(array.any() for array in found.values()):
        return {}
    import numpy as np

    dtype = call.drawing.sketch.builder.dtype
    return {f"initial_{word}": found.get(f"initial_{word}", np.zeros(wide, dtype)) for word in words}


def _drawn(call: Call, kind: type[ModelSpec], arrays: dict[str, Array], fields: dict[str, Any]) -> list[Tensor | None]:
    """Y, Y_h, and None for Y_c."""
    x = call.tensor()
    if call.maybe(4, "lengths") is not None:
        raise ConversionError("has lengths of its sequences, expected none")
    last = call.whole("layout", 0)
    if call.framed and x.axes[0] == "n" and not last and x.steps == 1 and "c" in x.axes:
        sequence = Tensor(call.drawing.sketch.builder.function("join", x.value), "t1c")
    else:
        wanted = "ntc" if last else "tnc"
        sequence = call.drawing.ordered(x, wanted)
    fields |= {"return_sequences": True, "use_bias": "bias" in arrays}
    made = call.drawing.layer(kind, call.name, sequence, arrays, **fields)
    axes = "nt1c" if last else f"t1{sequence.axes[1]}c"
    states = [Tensor(made.value, axes)]
    if len(call.node.outputs) > 1:
        value = call.drawing.sketch.builder.function("last", made.value)
        states.append(Tensor(value, axes.replace("t", "")))
    return list(states)


RECURRENT: dict[str, Draw] = {"LSTM": _lstm, "GRU": _gru}

"""ONNX files: the operator's own cases, a voice detector, small graphs by NumPy, damaged and hostile bytes."""

from __future__ import annotations

import wave
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import codegen
from codegen.cli import main
from codegen.errors import ConversionError
from codegen.graph import reference
from tests.support import onnx_bytes as ob

REAL = Path(__file__).resolve().parent.parent / "data" / "real"
RNG = np.random.default_rng(5)
CASES = np.load(REAL / "onnx_causal_conv_with_state.npz")
NAMES = sorted({key.partition("/")[0] for key in CASES.files})


def only(model: codegen.Model) -> Any:
    (net,) = model.nets.values()
    return net


def run(net: Any, x: Any) -> Any:
    """The outputs for an input as (batch, steps, channels)."""
    found = reference.run(net.graph, {"x": x}, net.weights)
    return next(iter(found.values())) if len(found) == 1 else found


def read(folder: Path, data: bytes, **options: Any) -> Any:
    path = folder / "net.onnx"
    path.write_bytes(data)
    return codegen.read(path, **options)


# CausalConvWithState


def causal(case: str, domain: str) -> bytes:
    """The case's model: weights are constants, the past is an input where it has one."""
    held = {key: CASES[f"{case}/{key}"] for key in ("weight", "bias") if f"{case}/{key}" in CASES.files}
    inputs: dict[str, Sequence[int | str | None]] = {"input": ["batch", CASES[f"{case}/weight"].shape[0], "L"]}
    words = ["input", "weight", "bias" if "bias" in held else "-"]
    if f"{case}/past_state" in CASES.files:
        inputs["past_state"] = ["batch", *CASES[f"{case}/past_state"].shape[1:]]
        words.append("past_state")
    made = ob.node(
        "CausalConvWithState",
        " ".join(words),
        "output present_state",
        "mix",
        domain,
        activation=str(CASES[f"{case}/activation"]),
    )
    return ob.model([made], inputs, ["output", "present_state"], held)


@pytest.mark.parametrize("case", NAMES)
def test_causal_convolutions_with_state(case: str, tmp_path: Path) -> None:
    """The past is the rows before the input; the state behind it is the last rows of both."""
    model = read(tmp_path, causal(case, "com.microsoft" if case == "basic" else ""))
    x, past = CASES[f"{case}/input"], CASES.get(f"{case}/past_state")
    rows = x if past is None else np.concatenate([past, x], axis=2)
    made = run(only(model), rows.swapaxes(1, 2))[:, -x.shape[2] :].swapaxes(1, 2)
    rough = 2e-3 if x.dtype == np.float16 else 1e-6
    np.testing.assert_allclose(made, CASES[f"{case}/output"], rtol=rough, atol=rough)
    told = "keeps its past rows as a stream's state, which is zeros at first, and no input here"
    assert model.notes == (() if past is None else (f"mix {told}",))
    assert len(NAMES) == 13


# A voice detector


def voice_weights() -> dict[str, Any]:
    found = {}
    for file in ("silero_encoder_weights", "silero_decoder_weights"):
        with np.load(REAL / f"{file}.npz") as arrays:
            found |= {key: arrays[key].astype("float32") for key in arrays.files}
    return found


def regated(array: Any, order: Sequence[int]) -> Any:
    """(…, 4 * units) with the gates in another order."""
    return np.concatenate([np.split(array, 4, axis=-1)[gate] for gate in order], axis=-1)


def voice_detector(w: Mapping[str, Any]) -> bytes:
    """The nodes of silero_vad_16k_sequence.onnx: the batch is a sequence of chunks, padded by computed constants."""
    c = {"basis": w["stft/kernel"].transpose(2, 1, 0), "one": np.array([1]), "two": np.array([2.0], "f4")}
    c |= {"low": np.array([0]), "mid": np.array([129]), "high": np.array([2**63 - 1]), "time": np.array([2])}
    c |= {"sides": np.array([128, 128]), "axes": np.array([2]), "pair": np.array([-1, 2]), "last": np.array([-1])}
    c |= {"far": np.array([-(2**63) + 1]), "w": regated(w["lstm/kernel"], (0, 3, 1, 2)).T[None]}
    c |= {"r": regated(w["lstm/recurrent_kernel"], (0, 3, 1, 2)).T[None]}
    c |= {"b": np.concatenate([regated(w["lstm/bias"], (0, 3, 1, 2)), np.zeros(512, "f4")])[None]}
    c |= {"out": w["out/kernel"].transpose(2, 1, 0), "out_b": w["out/bias"]}
    nodes = [
        ob.node("ConstantOfShape", "axes", "zeros", value=np.array([0])),
        ob.node("Concat", "sides zeros", "p0", axis=0),
        ob.node("Reshape", "p0 pair", "p1"),
        ob.node("Slice", "p1 last far low last", "p2"),
        ob.node("Transpose", "p2", "p3", perm=[1, 0]),
        ob.node("Reshape", "p3 last", "p4"),
        ob.node("Cast", "p4", "pads", to=7),
        ob.node("Pad", "input pads", "padded", mode="reflect"),
        ob.node("Unsqueeze", "padded one", "mono"),
        ob.node("Conv", "mono basis", "spectrum", "stft", strides=[128]),
        *(
            node
            for word, start, end in (("re", "low", "mid"), ("im", "mid", "high"))
            for node in (
                ob.node("Slice", f"spectrum {start} {end} one one", word),
                ob.node("Slice", f"{word} one high time one", f"{word}_t"),
                ob.node("Pow", f"{word}_t two", f"{word}_2"),
            )
        ),
        ob.node("Add", "re_2 im_2", "power"),
        ob.node("Sqrt", "power", "z0"),
    ]
    for i, stride in enumerate((1, 2, 2, 1)):
        c |= {f"k{i}": w[f"encoder{i}/kernel"].transpose(2, 1, 0), f"kb{i}": w[f"encoder{i}/bias"]}
        made = ob.node("Conv", f"z{i} k{i} kb{i}", f"c{i}", f"encoder.{i}", pads=[1, 1], strides=[stride])
        nodes += [made, ob.node("Relu", f"c{i}", f"z{i + 1}")]
    nodes += [
        ob.node("Transpose", "z4", "seq", perm=[0, 2, 1]),
        ob.node("LSTM", "seq w r b - h c", "lstm hn cn", "memory", hidden_size=128),
        ob.node("Squeeze", "lstm one", "flat"),
        ob.node("Relu", "flat", "kept"),
        ob.node("Transpose", "kept", "turned", perm=[1, 2, 0]),
        ob.node("Conv", "turned out out_b", "logit", "out"),
        ob.node("Sigmoid", "logit", "p"),
        ob.node("Reshape", "p last", "probability"),
    ]
    inputs = {"input": ["n", 576], "h": [1, 1, 128], "c": [1, 1, 128]}
    return ob.model(nodes, inputs, ["probability", "hn", "cn"], {n: np.ascontiguousarray(a) for n, a in c.items()})


def probabilities(w: Mapping[str, Any], chunks: Any) -> list[float]:
    """The same in NumPy, in float64, chunk by chunk."""
    w = {name: array.astype("float64") for name, array in w.items()}

    def conv(x: Any, name: str, stride: int, zeros: int = 1) -> Any:
        kernel = w[f"{name}/kernel"]
        windows = sliding_window_view(np.pad(x, [(zeros, zeros), (0, 0)]), len(kernel), axis=0)[::stride]
        return np.einsum("tck,kcf->tf", windows, kernel) + w.get(f"{name}/bias", 0)

    def squashed(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    h = c = np.zeros(128)
    found = []
    for chunk in chunks:
        s = conv(np.pad(chunk, (128, 128), mode="reflect")[:, None], "stft", 128, 0)[1:]
        z = np.sqrt(s[:, :129] ** 2 + s[:, 129:] ** 2)
        for i, stride in enumerate((1, 2, 2, 1)):
            z = np.maximum(conv(z, f"encoder{i}", stride), 0)
        gates = np.split(z[0] @ w["lstm/kernel"] + h @ w["lstm/recurrent_kernel"] + w["lstm/bias"], 4)
        c = squashed(gates[1]) * c + squashed(gates[0]) * np.tanh(gates[2])
        h = squashed(gates[3]) * np.tanh(c)
        found.append(float(squashed(np.maximum(h, 0) @ w["out/kernel"][0] + w["out/bias"])[0]))
    return found


@pytest.mark.long
def test_a_voice_detector(tmp_path: Path) -> None:
    weights = voice_weights()
    with wave.open(str(REAL / "speech_16k.wav")) as file:
        sound = np.frombuffer(file.readframes(16_000), "<i2") / 32768
    padded = np.concatenate([np.zeros(64), sound])
    chunks = np.stack([padded[at : at + 576] for at in range(0, len(padded) - 576, 512)])
    model = read(tmp_path, voice_detector(weights))
    made = run(only(model), chunks.reshape(1, -1, 1))
    expected = probabilities(weights, chunks)
    assert np.ptp(expected) > 0.9  # speech, and none
    np.testing.assert_allclose(made.ravel(), expected, rtol=0, atol=1e-9)
    assert "frames(x, size=576, hop=576)" in model.to_conv()
    again = codegen.load(model.to_conv(), weights=flat(only(model)))["net"]
    assert np.array_equal(run(again, chunks.reshape(1, -1, 1)), made)


def flat(net: Any) -> dict[str, Any]:
    return {f"{layer}/{word}": array for layer, arrays in net.weights.items() for word, array in arrays.items()}


# Small graphs


def small(*shape: int) -> Any:
    return RNG.normal(size=shape).astype("float32")


A = {"w": small(6, 4, 3), "b": small(6), "m": small(4, 5), "v": small(5), "s": np.array([0.5], "f4")}
DEPTHWISE, TWO_D, FLAT, TALL = small(4, 1, 3), small(6, 4, 1, 3), small(3, 4 * 9), small(4, 2, 3)
ONE, ROOT, HALF = np.array(1.0, "f4"), np.array(2**0.5, "f4"), np.array(0.5, "f4")
EACH = np.array([[1.0], [2.0], [0.5], [-1.0]], "f4")
ERF = np.vectorize(__import__("math").erf)


def correlated(x: Any, w: Any, stride: int = 1, dilation: int = 1) -> Any:
    """x (batch, channels, steps) with w (filters, channels, taps)."""
    windows = sliding_window_view(x, dilation * (w.shape[2] - 1) + 1, axis=2)[:, :, ::stride, ::dilation]
    return np.einsum("bctk,fck->bft", windows, w)


def normalized(x: Any) -> Any:
    """Along the last axis."""
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


Small = tuple[list[bytes], Sequence[int | str | None], dict[str, Any], Callable[[Any], Any]]
SMALL: dict[str, Small] = {  # name -> nodes, the input's sizes, constants, what they mean on an array of those sizes
    "strided": (
        [ob.node("Conv", "x w b", "y", strides=[2], dilations=[2], pads=[3, 1])],
        [None, 4, "L"],
        {"w": A["w"], "b": A["b"]},
        lambda x: correlated(np.pad(x, [(0, 0), (0, 0), (3, 1)]), A["w"], 2, 2) + A["b"][:, None],
    ),
    "depthwise": (
        [ob.node("Conv", "x w", "y", group=4)],
        [1, 4, 9],
        {"w": DEPTHWISE},
        lambda x: np.concatenate([correlated(x[:, i : i + 1], DEPTHWISE[i : i + 1]) for i in range(4)], axis=1),
    ),
    "each step several times, before opset 11": (
        [
            ob.node("Resize", "x doubled", "u", mode="nearest"),
            ob.node("Upsample", "u tripled", "y", mode="nearest"),
        ],
        [1, 4, "L"],
        {"doubled": np.array([1, 1, 2], "f4"), "tripled": np.array([1, 1, 3], "f4")},
        lambda x: x.repeat(6, axis=2),
    ),
    "two axes, one of 1": (
        [
            ob.node("Transpose", "x", "t", perm=[0, 2, 1]),
            ob.node("Unsqueeze", "t at", "u"),
            ob.node("Conv", "u w", "c", pads=[0, 1, 0, 1], strides=[1, 1]),
            ob.node("Squeeze", "c at", "d"),
            ob.node("Transpose", "d", "y", perm=[0, 2, 1]),
        ],
        [None, 9, 4],
        {"w": TWO_D, "at": np.array([2])},
        lambda x: correlated(np.pad(x, [(0, 0), (1, 1), (0, 0)]).swapaxes(1, 2), TWO_D[:, :, 0]).swapaxes(1, 2),
    ),
    "a matrix and a bias": (
        [ob.node("MatMul", "x m", "p", "dense"), ob.node("Add", "v p", "y")],
        [None, "L", 4],
        {"m": A["m"], "v": A["v"]},
        lambda x: x @ A["m"] + A["v"],
    ),
    "flattened by channels": (
        [ob.node("Relu", "x", "r"), ob.node("Flatten", "r", "f"), ob.node("Gemm", "f w", "y", transB=1, alpha=2.0)],
        [1, 4, 9],
        {"w": FLAT},
        lambda x: 2 * np.maximum(x, 0).reshape(len(x), -1) @ FLAT.T,
    ),
    "gelu written out": (
        [
            ob.node("Div", "x root", "a"),
            ob.node("Erf", "a", "e"),
            ob.node("Add", "e one", "o"),
            ob.node("Mul", "x o", "g"),
            ob.node("Mul", "g half", "y"),
        ],
        [1, 4, 9],
        {"root": ROOT, "one": ONE, "half": HALF},
        lambda x: x * 0.5 * (1 + ERF(x / 2**0.5)),
    ),
    "groups written out, constants last": (
        [
            ob.node("Reshape", "x apart", "g"),
            ob.node("InstanceNormalization", "g ones zeros", "n"),
            ob.node("Constant", "", "back", value=np.array([0, 4, 9])),
            ob.node("Reshape", "n back", "r"),
            ob.node("Mul", "r each", "y"),
        ],
        [None, 4, 9],
        {"apart": np.array([0, 2, -1]), "ones": np.ones(2, "f4"), "zeros": np.zeros(2, "f4"), "each": EACH},
        lambda x: normalized(x.reshape(len(x), 2, -1)).reshape(x.shape) * EACH,
    ),
    "each step written out": (
        [
            ob.node("ReduceMean", "x", "m", axes=[-1]),
            ob.node("Sub", "x m", "d"),
            ob.node("Constant", "", "two", value=np.array(2.0, "f4")),
            ob.node("Pow", "d two", "s"),
            ob.node("ReduceMean", "s", "v", axes=[-1]),
            ob.node("Add", "v eps", "w"),
            ob.node("Sqrt", "w", "q"),
            ob.node("Div", "d q", "z"),
            ob.node("Add", "z b", "y"),
        ],
        [None, "L", 4],
        {"eps": np.array(1e-5, "f4"), "b": EACH.reshape(-1)},
        lambda x: normalized(x) + EACH.reshape(-1),
    ),
    "gated": (
        [
            ob.node("Split", "x", "a b", axis=1),
            ob.node("Sigmoid", "b", "g"),
            ob.node("Mul", "a g", "h"),
            ob.node("Concat", "h a", "y", axis=1),
        ],
        [None, 4, "L"],
        {},
        lambda x: np.concatenate([x[:, :2] / (1 + np.exp(-x[:, 2:])), x[:, :2]], axis=1),
    ),
    "a gate of all channels": (
        [
            ob.node("GlobalAveragePool", "x", "g"),
            ob.node("HardSigmoid", "g", "s"),
            ob.node("Mul", "x s", "m"),
            ob.node("Mul", "m each", "y"),
        ],
        [None, 4, "L"],
        {"each": EACH},
        lambda x: x * np.clip(0.2 * x.mean(axis=2, keepdims=True) + 0.5, 0, 1) * EACH,
    ),
    "transposed by groups": (
        [ob.node("ConvTranspose", "x w", "y", group=2, strides=[2], pads=[1, 0])],
        [None, 4, "L"],
        {"w": TALL},
        lambda x: upsampled(x, TALL)[:, :, 1:],
    ),
    "a branch for its length": (
        [
            ob.node("Shape", "x", "s"),
            ob.node("Gather", "s two", "n"),
            ob.node("Equal", "n nine", "is"),
            ob.node(
                "If",
                "is",
                "y",
                "choice",
                then_branch=ob.branch([ob.node("Mul", "x k", "v"), ob.node("Tanh", "v", "a")], ["a"], {"k": EACH}),
                else_branch=ob.branch([ob.node("Sigmoid", "x", "a")], ["a"]),
            ),
        ],
        [1, 4, 9],
        {"two": np.array(2), "nine": np.array(9)},
        lambda x: np.tanh(x * EACH),
    ),
    "channels in another order": (
        [ob.node("Gather", "x order", "y", axis=1)],
        [None, 4, "L"],
        {"order": np.array([3, 0, 1, -2])},
        lambda x: x[:, [3, 0, 1, 2]],
    ),
    "each second step, channels backwards": (
        [ob.node("Slice", "x from to axes by", "y")],
        [None, 4, "L"],
        {word: np.array(each) for word, each in {"from": [1, -1], "to": [2**62, -(2**62)], "axes": [2, 1]}.items()}
        | {"by": np.array([2, -1])},
        lambda x: x[:, ::-1, 1::2],
    ),
    "two nodes of one name": (
        [ob.node("Mul", "x twice", "a", "scale"), ob.node("Mul", "a each", "y", "scale")],
        [None, 4, "L"],
        {"twice": 2 * EACH, "each": EACH},
        lambda x: 2 * x * EACH**2,
    ),
    "divided by the norm of a matrix": (
        [
            ob.node("MatMul", "m v", "s"),
            ob.node("ReduceSum", "s", "n", keepdims=0),
            ob.node("Div", "w n", "d"),
            ob.node("Conv", "x d", "y"),
        ],
        [None, 4, "L"],
        A,
        lambda x: correlated(x, A["w"] / (A["m"] @ A["v"]).sum()),
    ),
    "pools": (
        [
            ob.node("MaxPool", "x", "p", kernel_shape=[3], strides=[2]),
            ob.node("AveragePool", "p", "y", kernel_shape=[2], pads=[1, 0], count_include_pad=1),
        ],
        [None, 4, "L"],
        {},
        lambda x: sliding_window_view(
            np.pad(sliding_window_view(x, 3, axis=2)[:, :, ::2].max(-1), [(0, 0), (0, 0), (1, 0)]), 2, axis=2
        ).mean(-1),
    ),
}


def upsampled(x: Any, w: Any) -> Any:
    """A transposed convolution of 2 groups and a stride of 2, uncropped."""
    made = np.zeros((len(x), 2 * w.shape[1], 2 * (x.shape[2] - 1) + w.shape[2]))
    for c in range(4):
        for t in range(x.shape[2]):
            place = (c // 2) * w.shape[1]
            made[:, place : place + w.shape[1], 2 * t : 2 * t + 3] += x[:, c, t][:, None, None] * w[c]
    return made


@pytest.mark.parametrize("name", SMALL)
def test_small_graphs(name: str, tmp_path: Path) -> None:
    nodes, sizes, constants, meaning = SMALL[name]
    net = only(read(tmp_path, ob.model(nodes, {"x": sizes}, ["y"], constants)))
    x = RNG.normal(size=(2, 4, 9) if sizes[1] == 4 else (2, 9, 4))
    expected = meaning(x)
    first = sizes[1] == 4
    made = run(net, x.swapaxes(1, 2) if first else x)
    made = made.swapaxes(1, 2) if first and made.shape[1] > 1 else made
    np.testing.assert_allclose(made.reshape(expected.shape), expected, rtol=1e-6, atol=1e-7)


def test_gates_of_a_gru_and_a_first_state(tmp_path: Path) -> None:
    w, r, b, h = small(1, 9, 4), small(1, 9, 3), small(1, 18), small(1, 1, 3)
    for after in (0, 1):
        made = ob.node("GRU", "x w r b - h", "y last", hidden_size=3, linear_before_reset=after, layout=1)
        net = only(read(tmp_path, ob.model([made], {"x": [1, 5, 4]}, ["y"], {"w": w, "r": r, "b": b, "h": h})))
        x = RNG.normal(size=(1, 5, 4))
        state, found = h[0, 0].astype("f8"), []
        (wz, wr, wh), (rz, rr, rh) = w[0].reshape(3, 3, 4), r[0].reshape(3, 3, 3)
        bz, br, bh, cz, cr, ch = b[0].reshape(6, 3)
        for row in x[0]:
            z = 1 / (1 + np.exp(-(wz @ row + rz @ state + bz + cz)))
            gate = 1 / (1 + np.exp(-(wr @ row + rr @ state + br + cr)))
            inner = gate * (rh @ state + ch) if after else rh @ (gate * state) + ch
            state = (1 - z) * np.tanh(wh @ row + inner + bh) + z * state
            found.append(state)
        np.testing.assert_allclose(run(net, x)[0], found, rtol=1e-6, atol=1e-6)


def test_states_of_two_layers_that_are_inputs(tmp_path: Path) -> None:
    """Zeros and no outputs, as a stream has them; with `states` inputs and outputs, an array of a layer a step."""
    nodes = [
        ob.node("Slice", "h zero one zero", "h0"),
        ob.node("Slice", "h one two zero", "h1"),
        ob.node("GRU", "x w r - - h0", "a end0", "first", hidden_size=3),
        ob.node("Squeeze", "a one", "b"),
        ob.node("GRU", "b v r - - h1", "c end1", "second", hidden_size=3),
        ob.node("Squeeze", "c one", "y"),
        ob.node("Concat", "end0 end1", "end", axis=0),
    ]
    held = {"w": small(1, 9, 4), "v": small(1, 9, 3), "r": small(1, 9, 3)}
    places = {word: np.array([at]) for at, word in enumerate(("zero", "one", "two"))}
    data = ob.model(nodes, {"x": ["L", 1, 4], "h": [2, 1, 3]}, ["y", "end"], held | places)
    x, h = RNG.normal(size=(1, 5, 4)), RNG.normal(size=(1, 2, 3))
    model = read(tmp_path, data)
    assert [net.graph.outputs[0][0] for net in model.nets.values()] == ["y"]
    assert len(model.notes) == 2
    given = only(read(tmp_path, data, states=True))
    from_zeros = reference.run(given.graph, {"x": x, "h": 0 * h}, given.weights)
    np.testing.assert_allclose(from_zeros["y"], run(only(model), x), rtol=1e-12)
    whole = reference.run(given.graph, {"x": x, "h": h}, given.weights)
    assert np.abs(whole["y"] - from_zeros["y"]).max() > 0.01
    first = reference.run(given.graph, {"x": x[:, :2], "h": h}, given.weights)
    rest = reference.run(given.graph, {"x": x[:, 2:], "h": first["end"]}, given.weights)
    np.testing.assert_allclose(rest["y"], whole["y"][:, 2:], rtol=1e-12)
    np.testing.assert_allclose(rest["end"], whole["end"], rtol=1e-12)
    with pytest.raises(codegen.UsageError, match=r"only an \.onnx file has some as inputs"):
        codegen.read(REAL / "nam_lstm.nam", states=True)


@pytest.mark.parametrize("length", [None, 9])
def test_channels_along_two_axes(length: int | None, tmp_path: Path) -> None:
    """They are refused with a way out, whatever is known of the length."""
    nodes = [ob.node("Reshape", "x shape", "a"), ob.node("Gather", "a at", "y", axis=1)]
    held = {"shape": np.array([0, 2, 2, -1]), "at": np.array(0)}
    with pytest.raises(ConversionError, match=r"the shape \[2, 2, -1\]; .* cut channels into parts by chunk or split"):
        read(tmp_path, ob.model(nodes, {"x": [1, 4, length]}, ["y"], held))


def test_ways_that_fit_together_for_some_lengths(tmp_path: Path) -> None:
    """A U-Net of any length is refused with lengths that it takes; `steps` gives it one."""
    nodes = [
        ob.node("MaxPool", "x", "p", kernel_shape=[2], strides=[2]),
        ob.node("ConvTranspose", "p w", "u", strides=[2]),
        ob.node("Concat", "x u", "y", axis=1),
    ]
    net = ob.model(nodes, {"x": [1, 4, "L"]}, ["y"], {"w": small(4, 3, 2)})
    told = (
        "31 and 30 steps, where the input has 31; they are as many for 28, 30 or 32 steps: give the input such a number"
    )
    with pytest.raises(ConversionError, match=told):
        read(tmp_path, net)
    assert run(only(read(tmp_path, net, steps=10)), RNG.normal(size=(1, 10, 4))).shape == (1, 10, 7)
    assert main.main(["import", str(tmp_path / "net.onnx"), "--steps", "10", "-o", str(tmp_path / "u.conv")]) == 0
    assert "input x = (10, 4)" in (tmp_path / "u.conv").read_text()
    for steps in (0, True, "10"):
        with pytest.raises(codegen.UsageError, match="expected a whole number from 1"):
            read(tmp_path, net, steps=steps)


# Damaged, hostile, unknown


def test_what_is_not_known_is_told_at_once(tmp_path: Path) -> None:
    nodes = [
        ob.node("Conv", "x w", "a", "stem"),
        ob.node("Einsum", "a a", "b", "mix"),
        ob.node("LSTM", "b w", "c", "both", direction="bidirectional"),
        ob.node("Warp", "c", "y", "/body/warp"),
    ]
    data = ob.model(nodes, {"x": [None, 4, None]}, ["y"], {"w": A["w"]})
    with pytest.raises(ConversionError) as caught:
        read(tmp_path, data)
    lines = str(caught.value).splitlines()
    assert lines[0].endswith("net.onnx: 2 parts cannot be read:")
    way = "is not known here; replace it before the export, or leave it out with skip"
    assert lines[1:] == [f"  `mix`: Einsum {way}=['mix']", f"  `/body/warp`: Warp {way}=['/body/warp']"]
    model = read(tmp_path, data, skip=["Einsum", "both", "/body/warp"])
    assert model.notes == ("mix, Einsum, is left out", "both, LSTM, is left out", "/body/warp, Warp, is left out")
    x = RNG.normal(size=(1, 4, 9))
    np.testing.assert_allclose(
        run(only(model), x.swapaxes(1, 2)).swapaxes(1, 2), correlated(x, A["w"]), rtol=1e-6, atol=1e-6
    )


def test_lines_from_where_steps_begin_are_refused(tmp_path: Path) -> None:
    """As a Resize of opset 10 draws them."""
    data = plain(ob.node("Resize", "x twice", "y", mode="linear"), twice=np.array([1, 1, 2], "f4"))
    with pytest.raises(ConversionError, match="Resize interpolates by asymmetric, expected half_pixel"):
        read(tmp_path, data)


def plain(*nodes: bytes, extra: bytes = b"", **constants: Any) -> bytes:
    return ob.model(nodes or [ob.node("Relu", "x", "y")], {"x": [1, 4, 9]}, ["y"], constants, extra)


def outside() -> bytes:
    held = ob.number(1, 4) + ob.number(2, 1) + ob.inside(8, "w") + ob.inside(13, ob.inside(1, "location"))
    return ob.inside(5, held + ob.number(14, 1))


def claimed(*sizes: int, data: bytes = b"") -> bytes:
    held = b"".join(ob.number(1, size) for size in sizes) + ob.number(2, 1) + ob.inside(8, "w") + ob.inside(9, data)
    return ob.inside(5, held)


def shape(*sizes: int) -> Any:
    return np.array(sizes, "int64")


def steps(*nodes: bytes, **constants: Any) -> bytes:
    return ob.model(nodes, {"x": [1, 4, 9]}, ["y"], constants)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "more axes than there are": (steps(ob.node("Expand", "x s", "y"), s=np.ones(1 << 16, "i8")), "over 65,536 axes"),
    "steps without end": (
        steps(ob.node("GlobalMaxPool", "x", "m"), ob.node("Expand", "m s", "y"), s=shape(1, 4, 2**40)),
        "expected known numbers of steps or channels",
    ),
    "a power of nothing": (steps(ob.node("Pow", "x b", "y"), b=np.float32(np.nan)), "to the power of nan"),
    "a range without end": (
        steps(ob.node("Range", "a b c", "r"), ob.node("Mul", "x r", "y"), a=shape(0), b=shape(2**62), c=shape(1)),
        "makes a constant that is too large",
    ),
    "constants times constants": (
        steps(
            ob.node("Pow", "a b", "r"),
            ob.node("Mul", "x r", "y"),
            a=np.ones((60_000, 1), "f4"),
            b=np.ones(60_000, "f4"),
        ),
        "of constants that are too large",
    ),
    "steps behind steps": (steps(ob.node("Concat", "x " * 4_000, "y", axis=2)), "joins 4,000 values, at most 512"),
    "channels that double": (
        steps(
            *(ob.node("Concat", f"{at or 'x'} {at or 'x'}", str(at + 1), axis=1) for at in range(40)),
            ob.node("Relu", "40", "y"),
        ),
        "channels",
    ),
    "nothing": (b"", "holds no graph"),
    "no protobuf": (b"\xff" * 64, "is damaged or truncated, or no ONNX"),
    "text": (b"a model of words", "is damaged or truncated, or no ONNX"),
    "truncated": (plain()[:-5], "is damaged or truncated, or no ONNX"),
    "endless number": (b"\x08" + b"\x80" * 32, "is damaged or truncated"),
    "a length beyond the file": (b"\x3a\xff\xff\xff\xff\x0f", "is damaged or truncated"),
    "another file": (plain(extra=outside()), "the constant `w` is in another file, which is not read"),
    "numbers that are not there": (plain(extra=claimed(2**40)), "`w` has 0 bytes for the shape [1099511627776]"),
    "negative sizes": (plain(extra=claimed(-4)), "the constant `w` has the shape [-4]"),
    "many axes": (plain(extra=claimed(*[1] * 40, data=bytes(4))), "the constant `w` has the shape [1, 1"),
    "a node that makes nothing": (
        ob.model(
            [ob.node("Relu", "x", "y"), ob.node("Constant", "", "", "lost", value=np.zeros(1, "f4"))],
            {"x": [1, 4, 9]},
            ["y"],
        ),
        "the node `lost` has no output",
    ),
    "a product of nothing": (
        ob.model([ob.node("MatMul", "", "y", "m")], {"x": [1, 4, 9]}, ["y"]),
        "`m`: MatMul has no input",
    ),
    "axes beyond numbers": (
        ob.model(
            [ob.node("Unsqueeze", "k far", "u"), ob.node("Add", "x u", "y")],
            {"x": [1, 4, 9]},
            ["y"],
            {"k": np.zeros(1, "f4"), "far": np.array([2**62])},
        ),
        "of constants that do not fit",
    ),
    "sparse": (plain(extra=ob.inside(15, b"")), "has sparse constants"),
    "a constant without end": (
        plain(ob.node("ConstantOfShape", "s", "c"), ob.node("Add", "x c", "y"), s=shape(2**20, 2**20)),
        "makes a constant of the shape [1048576, 1048576]",
    ),
    "a pair without end": (
        plain(ob.node("Add", "a b", "c"), ob.node("Add", "x c", "y"), a=small(3000, 1), b=small(1, 3000)),
        "of constants that are too large",
    ),
    "an expansion without end": (
        plain(ob.node("Expand", "a s", "c"), ob.node("Add", "x c", "y"), a=small(1), s=shape(2**30, 2**30)),
        "makes a constant of the shape [1073741824, 1073741824]",
    ),
    "a circle": (plain(ob.node("Add", "x z", "y"), ob.node("Relu", "y", "z")), "reads `z`, which nothing before it"),
    "no numbers": (plain(ob.node("Add", "x c", "y"), c=np.array([np.nan], "f4")), "expected finite floats"),
    "a size of its own": (plain(ob.node("Conv", "x w", "y", strides=[2**40]), w=A["w"]), "expected whole numbers"),
    "an axis that is not there": (plain(ob.node("Softmax", "x", "y", axis=7)), "axis 7 of an array of 3"),
    "other channels": (plain(ob.node("Conv", "x w", "y"), w=small(6, 3, 3)), "has `kernel` of shape (3, 3, 6)"),
    "a hostile name": (
        plain(ob.node("Conv", "x w", "y", '*/ #include "x"\n\x1b'), w=small(6, 3, 3)),
        r"u{000a}\u{001b}`: Conv has `kernel`",
    ),
    "two graphs' worth of axes": (ob.model([ob.node("Relu", "x", "y")], {"x": [1, 2, 3, 4]}, ["y"]), "has 4 axes"),
    "nothing of use": (plain(ob.node("Identity", "c", "y"), c=small(1)), "output is a constant"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_bytes_of_strangers(name: str, tmp_path: Path) -> None:
    data, told = HOSTILE[name]
    with pytest.raises(ConversionError) as caught:
        read(tmp_path, data)
    assert told in str(caught.value)
    assert all(line.isprintable() for line in str(caught.value).splitlines())
    assert len(str(caught.value)) < 2_000


@pytest.mark.long
def test_any_bytes_are_refused_as_such(tmp_path: Path) -> None:
    """Bytes of a model, changed at random: read, or a ConversionError, and never anything else."""
    data = bytearray(plain(ob.node("Conv", "x w b", "c", pads=[1, 1]), ob.node("Relu", "c", "y"), w=A["w"], b=A["b"]))
    refused = 0
    for _ in range(300):
        changed = bytearray(data)
        for _ in range(int(RNG.integers(1, 4))):
            changed[int(RNG.integers(len(changed)))] = int(RNG.integers(256))
        try:
            read(tmp_path, bytes(changed))
        except (ConversionError, codegen.WeightsError):
            refused += 1
    assert refused > 50

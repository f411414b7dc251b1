"""The `model` blocks of the language: what graph they make, how they are laid out, what editors are told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.emission.models import stream
from codegen.errors import SpecErrors
from codegen.graph import reference
from codegen.graph.graph import Graph
from codegen.language import answers, formatter, reader
from codegen.language.document import Document
from codegen.planning.ask import Ask, Stream
from codegen.problem.targets import TARGETS

AMP = """\
let taps = (3, 5)
for i in range(2) {
    conv1d dil[i] { filters = 4, kernel_size = taps[i], dilation_rate = 2**i, padding = causal }
    conv1d mix[i, "x"] { filters = 4, kernel_size = 1, use_bias = False }
    conv1d res[i] { filters = 4, kernel_size = 1 }
}
conv1d widen4 { filters = 4, kernel_size = 1 }
conv1d head { filters = 1, kernel_size = 1 }
model amp {                         # one C function
    input x = (None, 1)
    h = widen4(x)
    skip = 0
    for i in range(2) {
        z = tanh(dil[i](h) + mix[i, "x"](x))
        z = z[:2] * sigmoid(z[2:])  # gated
        skip += concat(z, z)
        h += res[i](widen(z, channels=4))
    }
    output y = head(skip) * 0.02
}
"""


def document(text: str) -> Document:
    found = reader.document(text)
    assert not found.diagnostics, "\n".join(map(str, found.diagnostics))
    return found


def graph(text: str) -> Graph:
    (model,) = document(text).models
    return model.graph


def codes(text: str) -> list[str]:
    return [found.code for found in reader.document(text).diagnostics]


def test_a_model_is_a_graph_of_its_layers() -> None:
    found = graph(AMP)
    assert list(found.layers) == ["widen4", "dil_0", "mix_0_x", "res_0", "dil_1", "mix_1_x", "head"], "res_1 is dead"
    assert found.weight_shapes()["dil_1/kernel"] == (5, 4, 4)
    x = np.random.default_rng(1).standard_normal((1, 9, 1))
    weights: dict[str, dict[str, Any]] = {}
    for at, (name, shape) in enumerate(found.weight_shapes().items()):
        layer, word = name.split("/")
        weights.setdefault(layer, {})[word] = np.random.default_rng(at).standard_normal(shape)
    y = reference.run(found, {"x": x}, weights)["y"]

    def conv(name: str, value: Any, d: int = 1) -> Any:
        kernel, out = weights[name]["kernel"], np.zeros((9, weights[name]["kernel"].shape[2]))
        for k in range(len(kernel)):
            back = (len(kernel) - 1 - k) * d
            out[back:] += value[: 9 - back] @ kernel[k]
        return out + weights[name].get("bias", 0)

    h, skip = conv("widen4", x[0]), 0
    for i in range(2):
        z = np.tanh(conv(f"dil_{i}", h, 2**i) + conv(f"mix_{i}_x", x[0]))
        z = z[:, :2] / (1 + np.exp(-z[:, 2:]))
        skip = skip + np.concatenate([z, z], axis=1)
        if i == 0:
            h = h + conv("res_0", np.concatenate([z, 0 * z], axis=1))
    assert np.allclose(y[0], conv("head", skip) * 0.02, rtol=1e-12)


def test_it_is_laid_out_as_it_is_written() -> None:
    assert formatter.formatted(document(AMP)) == AMP
    crammed = "model m{input x=(None,2);h=x [ : 1 ]\nh + = x[1]*-1 ;output y=h}"
    assert formatter.formatted(document(crammed)) == (
        "model m {\n    input x = (None, 2)\n    h = x[:1]\n    h += x[1] * -1\n    output y = h\n}\n"
    )


def test_layers_of_their_own_and_of_models() -> None:
    text = (
        "conv1d a { input_shape = (9, 2), filters = 2, kernel_size = 3 }\nconv1d b { filters = 2, kernel_size = 1 }\n"
    )
    found = document(text + "model m { input x = (None, 2); output y = b(a(x)) }")
    assert [layer.spec.name for layer in found.layers] == ["a"]
    assert [spec.name for spec in reader.read(found.source.text)] == ["a"]
    assert [layer.input_shape for layer in found.models[0].graph.layers.values()] == [(None, 2)] * 2
    assert codes(text) == ["E202"]
    assert codes(text + "model m { input x = (None, 2); output y = a(x) }") == ["E202"], "nothing calls b"


def test_a_model_in_a_model_shares_the_weights() -> None:
    text = "conv1d a { filters = 2, kernel_size = 1 }\nmodel block { input x = (None, 2); output y = relu(a(x)) }\n"
    found = document(text + "model net { input x = (None, 2); output y = block(block(x)) + 1 }")
    assert [told for _, told, _ in found.models[1].graph.told()] == [
        "input()", "a(x)", "relu(_1)", "a(y)", "relu(_3)", "y + 1",
    ]  # fmt: skip
    assert codes(text.replace("relu(a(x))", "block(x)")) == ["E504"], "a model is not inside itself"


def test_models_words_are_names_elsewhere() -> None:
    text = "conv1d model { input_shape = (9, 2), filters = 2, kernel_size = 3 }\nlet input = 2\n"
    found = document(text + "conv1d output { input_shape = (9, input), filters = 1, kernel_size = 3 }")
    assert [layer.spec.name for layer in found.layers] == ["model", "output"]
    assert codes("conv1d a { input_shape = (9, 2), filters: 8, kernel_size = 3 }") == ["E102"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("output y = x = 3", ["E106"]),
        ("y = x[1:2:3]\noutput y = x", ["E106"]),
        ("output y = x\nconv1d a { filters = 2 }", ["E110"]),
        ("output y = x\nconv1d a {\nfilters = 2, kernel_size = 3", ["E107", "E202"]),
        ("for i in range(2) { x = relu(x)\noutput y = x", ["E107", "E116"]),
        ("let a = 3\noutput y = x", ["E110"]),
        ("output y = x * (2 / 0)", ["E124"]),
        ("output y = x\noutput y = x", ["E116"]),
        ("for x in (1, 2) { }\noutput y = x", ["E114"]),
        ("output y = group_of(x)", ["E504"]),
        ("defaults { filters = 3 }\noutput y = x", ["E110"]),
        (
            "for i in range(2) { conv1d a[i] { filters = 2 } }\nmodel in_it { }\noutput y = a(x)",
            ["E110", "E110", "E504"],
        ),
    ],
)
def test_what_is_wrong_in_a_body(body: str, expected: list[str]) -> None:
    assert codes(f"model m {{\ninput x = (None, 2)\n{body}\n}}") == expected


def test_a_layer_inside_a_model_is_told_where_it_belongs() -> None:
    text = "model m {\n    input x = (None, 2)\n    conv1d a { filters = 2 }\n    output y = x\n}\n"
    with pytest.raises(SpecErrors) as caught:
        reader.read(text, "m.conv")
    (found,) = caught.value.diagnostics
    assert (found.message, found.line, found.column) == ("`conv1d a` belongs outside of models", 3, 5)
    assert "in front of the model" in (found.hint or "")


def test_errors_stand_where_they_arise() -> None:
    text = AMP.replace("res[i](widen(z, channels=4))", "z")
    with pytest.raises(SpecErrors) as caught:
        reader.read(text, "amp.conv")
    (found,) = caught.value.diagnostics
    assert (found.code, found.line, found.column) == ("E501", 17, 9)


def test_what_an_editor_is_told() -> None:
    found = document(AMP)

    def hover(word: str, at: int = 0) -> str:
        offset = AMP.index("model amp") + AMP[AMP.index("model amp") :].index(word, at)
        told = answers.hover(found, offset)
        return told.text if told else ""

    assert hover("h = ") == "`h`: `(None, 4)`"
    assert hover("concat").startswith("`concat`: The channels of all values, side by side.")
    assert hover("sigmoid") == "`sigmoid`: an activation"
    assert hover("input").startswith("`input NAME = (steps, channels)")
    assert hover("head") == "`head`: the conv1d of 4 channels"
    assert hover("model amp") == "`model NAME { … }: what the layers before it compute together`"
    words = [offer.word for offer in answers.completions(found, AMP.index("    skip = 0"))]
    assert words[:4] == ["input", "output", "for", "x"]
    assert {"h", "z", "skip"} <= set(words)
    words = [offer.word for offer in answers.completions(found, AMP.index("tanh(dil"))]
    assert {"x", "h", "head", "dil", "concat", "max_pool", "sqrt", "relu"} <= set(words)
    (kind,) = [offer for offer in answers.completions(found, 0) if offer.word == "lstm"]
    assert "It needs `units`." in kind.told


STATES = """
lstm ends {{ units = 2, return_cells = True }}
lstm cells {{ units = 2, return_sequences = True }}
gru gates {{ units = 2, initial_state = True }}
dense out {{ units = 2 }}
model net {{
    input x = (None, 2)
    s = ends(x)
    output y = {0}
}}
"""


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("cells(x, s[:2])", "begins with 1 states, and has 2"),
        ("cells(x, s[:2], s[2:], s[2:])", "takes one value and 2 states, got 4"),
        ("cells(x, s, s[2:])", r"begins with \(1, 4\), expected \(1, 2\)"),
        ("cells(x, x, s[2:])", r"begins with \(None, 2\), expected \(1, 2\)"),
        ("cells(x, last(max_pool(x, 4)), s[2:])", "a state is one step"),
        ("gates(x, s[:2])", "leave initial_state out"),
        ("out(x, s[:2])", "takes one value, got 2"),
    ],
)
def test_states_of_recurrent_layers(call: str, told: str) -> None:
    with pytest.raises(codegen.SpecErrors, match=told):
        codegen.load(STATES.format(call))


def test_a_recurrent_layer_begins_with_states() -> None:
    model = codegen.load(STATES.format("out(cells(x, s[:2], s[2:])) + gates(x)"), seed=1)
    net = model.net
    assert "cells(x, _2, _3)" in [told for _, told, _ in net.graph.told()]
    assert list(codegen.load(model.to_conv()).net.graph.told()) == list(net.graph.told())
    with pytest.raises(codegen.PlanError, match="needs all of its input"):
        net.stream()


def test_a_model_without_weights_has_no_argument_for_them() -> None:
    """Not in the C of a whole input, nor of blocks."""
    graph = codegen.load("model net {\n input x = (None, 2)\n output y = squareplus(x)\n}").net.graph
    (whole,) = [one for one in pipeline.model_emitted(graph, Ask(TARGETS["scalar"])).functions if one.name == "net"]
    assert [one.name for one in whole.parameters] == ["x", "steps", "y"]
    blocks = Ask(TARGETS["scalar"], stream=Stream(16))
    process = next(one for one in stream.emitted(graph, blocks).functions if one.name == "net_process")
    assert [one.name for one in process.parameters] == ["state", "x", "n", "y"]

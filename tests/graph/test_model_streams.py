"""Models in blocks: the same bits in any, those of the whole, latencies, states that are kept, what cannot stream."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.cli import main
from codegen.errors import PlanError, ShapeError, UsageError
from codegen.graph import reference
from codegen.graph.graph import Graph
from codegen.graph.plans import streamed
from codegen.graph.steps import Frames
from codegen.machine import compilers, model_stream
from codegen.machine.model_stream import blockwise
from codegen.planning.ask import Ask, Stream
from codegen.problem.targets import target_named
from tests.support import graphs

needs_compiler = pytest.mark.skipif(compilers.find() is None, reason="needs a C compiler")
REAL = Path(__file__).resolve().parent.parent / "data" / "real"
STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-ffp-contract=off", "-O1")

NET = """
conv1d ahead { filters = 4, kernel_size = 5, padding = same }
conv1d causal { filters = 4, kernel_size = 3, dilation_rate = 7, padding = causal }
conv1d down { filters = 3, kernel_size = 4, strides = 3, padding = (2, 1) }
lstm cells { units = 3, return_sequences = True }
model net {
    input x = (None, 4)
    h = ahead(x) + causal(x)
    output y = cells(down(relu(h) + x))
}
"""


def ask(block: int = 8, target: str = "native") -> Ask:
    return Ask(target_named(target), "packed", "exact", stream=Stream(block, "count"))


def graph_of(text: str) -> Graph:
    graph: Graph = next(iter(codegen.load(text, seed=1).nets.values())).graph
    return graph


@pytest.mark.compiles
@needs_compiler
def test_a_whole_that_is_its_stream_counts_the_rows_of_valid_layers() -> None:
    """Fewer rows than the input has steps, of which none comes at the end."""
    graph = graph_of(
        "conv1d reach { filters = 4, kernel_size = 4 } dense mix { units = 3 } dense last { units = 2 } "
        "model net {\n input x = (None, 3)\n output y = last(relu(mix(reach(x))))\n}"
    )
    made = pipeline.compiled_model(graph, Ask(target_named("native"), "packed", "exact"))
    assert made is not None
    assert made.plan.blocks is not None
    weights = graphs.weights(graph, 1, exact=True)
    for steps in (3, 4, 5, 70, 200):
        x = graphs.inputs(graph, 1, steps, exact=True)["x"]
        expected = reference.run(graph, {"x": x}, weights)["y"]
        y = np.full((2, max(0, steps - 3), 2), np.nan, "f")
        made.run([x], [y], made.pack(weights))
        assert np.array_equal(y, expected)


@pytest.mark.compiles
@needs_compiler
def test_a_model_is_tried_where_it_has_a_meaning() -> None:
    """Of one step a frame has no row and its neighbour has one, which NumPy repeats no times: none is held to that."""
    graph = graphs.graph(270, exact=False)  # frames of 3 steps, each 5
    assert any(isinstance(node.op, Frames) for node in graph.nodes)
    made = pipeline.compiled_model(graph, Ask(target_named("native"), "packed", "exact"))
    assert made is not None
    assert {made.plan.out_steps(steps) for steps in (1, 3, 9)} == {(1, 1, 1), (3, 3, 3), (9, 9, 9)}


@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize("seed", range(4))
def test_random_graphs_in_random_blocks(seed: int) -> None:
    """More: python -m tests.fuzz.models COUNT SEED."""
    exact = bool(seed % 2)
    graph = graphs.streaming(seed + 100, exact=exact)
    weights = graphs.weights(graph, seed, exact=exact)
    made = model_stream.running(graph, ask())
    packed, width = made.pack(weights), graph.shapes[graph.outputs[0][1]].channels
    for steps in (1, 23, 150):
        given = graphs.inputs(graph, seed, steps, exact=exact)
        expected = reference.run(graph, given, weights)["y"]
        found = [
            blockwise(made, made.states(2), packed, [given["x"]], blocks, [width])[0]
            for blocks in ((1,), (8,), (3, 1, 11, 2, 29), (150,))
        ]
        assert all(np.array_equal(found[0], other) for other in found), "the same bits in any blocks"
        assert found[0].shape == expected.shape
        size = np.abs(expected).max(initial=0)
        assert np.abs(found[0] - expected).max(initial=0) <= (0 if exact and size < graphs.LARGEST else 2e-5 * size)


@pytest.mark.compiles
@needs_compiler
def test_a_stream_in_python() -> None:
    net = codegen.load(NET, seed=3).net
    x = np.random.default_rng(0).standard_normal((2, 50, 4)).astype("f")
    stream = net.stream(block=16, batch=2)
    assert stream.latency == 2 + 1, "two steps that `ahead` waits for, one of `down`"
    whole = np.concatenate([stream(x), stream.flush()], axis=1)
    expected = reference.run(net.graph, {"x": x}, net.weights)["y"]
    assert whole.shape == expected.shape
    assert np.abs(whole - expected).max() < 1e-5
    first = stream(x[:, :21])
    assert first.shape[1] == (21 - 2 + 2 - 4) // 3 + 1
    kept, other = stream.state, pickle.loads(pickle.dumps(stream))
    rest = [stream(x[:, 21:]), stream.flush()]
    assert np.array_equal(np.concatenate([first, *rest], axis=1), whole), "in two blocks"
    for again in (other, copy.deepcopy(other)):
        assert np.array_equal(again(x[:, 21:]), rest[0])
    stream.state = kept
    assert np.array_equal(stream(x[:, 21:]), rest[0])
    stream(np.full((2, 9, 4), np.nan, "f"))
    stream.reset()
    assert np.array_equal(stream(x[:, :21]), first), "a reset forgets NaN"
    with pytest.raises(ShapeError, match=r"a block of `x` has shape \(1, 50, 4\), expected \(2, steps, 4\)"):
        stream(x[:1])
    with pytest.raises(UsageError, match="its counts are none"):
        stream.state = b"\xff" * len(kept)


@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize(("file", "name"), [("nam_wavenet", "nam_wavenet"), ("nam_lstm", "nam_lstm"), ("A2", "lite")])
def test_neural_amps(file: str, name: str) -> None:
    recorded = np.load(REAL / "nam_expected.npz")
    wanted = {"nam_wavenet": "wavenet_zero", "nam_lstm": "lstm_zero", "lite": "A2_lite_zero"}[name]
    x = recorded["A2_x" if file == "A2" else "x"][None, :, None].astype("f")
    stream = codegen.read(REAL / f"{file}.nam").nets[name].stream()
    assert stream.latency == 0
    parts = [stream(x[:, at : at + 500]) for at in range(0, x.shape[1], 500)]
    y = np.concatenate([*parts, stream.flush()], axis=1)[0, :, 0]
    expected = recorded[wanted]
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= 1e-5 * np.sqrt((expected**2).mean())


@pytest.mark.compiles
@needs_compiler
def test_a_first_state_waits_for_the_first_step() -> None:
    """The cells behind a layer that looks ahead begin with their weights when their first step comes, not before."""
    text = """
    conv1d ahead { filters = 2, kernel_size = 5 }
    lstm cells { units = 3, return_sequences = True, initial_state = True, initial_initializer = ones }
    model net { input x = (None, 2)
                output y = cells(ahead(x)) }
    """
    net = codegen.load(text, seed=1).net
    x = np.random.default_rng(0).standard_normal((1, 12, 2)).astype("f")
    stream = net.stream()
    y = np.concatenate([stream(x[:, at : at + 1]) for at in range(12)], axis=1)
    assert np.abs(y - reference.run(net.graph, {"x": x}, net.weights)["y"]).max() < 1e-5


def test_steps_that_are_waited_for_are_kept() -> None:
    """x waits for `ahead` by two steps, and `causal` reads fourteen steps back: one ring holds both."""
    plan = streamed.planned(graph_of(NET), ask())
    histories = sorted(one.history for one in plan.rows_kept)
    assert histories[-1] == 14
    assert plan.most(9) == 3
    assert plan.rate == (1, 3, 0)
    assert len(plan.clocks) == 3, "the input's, that of `ahead` and of all that waits for it, and that of `down`"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("output y = global_average_pool(a(x))", "cannot stream"),
        ("output y = reflect(x, 1)", "`reflect`, which cannot stream"),
        ("output y = max_pool(x, 4, strides=3, padding=same)", "the zeros on the left depend"),
        ("output y = s(x)", "cannot stream: the zeros on the left depend"),
        ("output y = m(x)", "needs all of its input"),
    ],
)
def test_what_cannot_stream(body: str, told: str) -> None:
    layers = {
        "a(": "conv1d a { filters = 2, kernel_size = 3 }",
        "s(": "conv1d s { filters = 2, kernel_size = 3, strides = 3, padding = same }",
        "m(": "lstm m { units = 2 }",
    }
    head = "\n".join(layer for call, layer in layers.items() if f" {call}" in body or f"({call}" in body)
    text = f"{head}\nmodel net {{ input x = (None, 2)\n{body} }}\n"
    with pytest.raises(PlanError, match=told):
        streamed.planned(graph_of(text), ask())


@pytest.mark.compiles
@needs_compiler
def test_the_command_emits_a_stream(tmp_path: Path) -> None:
    """Its C, weights baked, in blocks from a C program; the state copied in mid-stream; and no warning."""
    spec = tmp_path / "net.conv"
    spec.write_text(NET)
    assert main.main([str(spec), "--init", "--seed", "3", "--stream", "--block", "8", "-o", str(tmp_path)]) == 0
    driver = tmp_path / "main.c"
    driver.write_text(
        """#include <stdio.h>
#include "net.h"
static float x[200], y[80];
static net_state state, copy;
int main(void)
{
    ptrdiff_t outs = 0;
    for (int i = 0; i < 200; ++i) x[i] = (float)(i % 7) - 3.0f;
    net_reset(&state);
    outs += net_process(&state, x, 13, y);
    copy = state;
    net_process(&state, x, 50, y + 3 * outs);
    outs += net_process(&copy, x + 52, 37, y + 3 * outs);
    outs += net_flush(&copy, y + 3 * outs);
    for (ptrdiff_t i = 0; i < 3 * outs; ++i) printf("%.9g ", y[i]);
    printf("%d\\n", (int)(NET_LATENCY + 10 * NET_MAX_OUT(9) + 100 * NET_MAX_FLUSH));
    return 0;
}
"""
    )
    compiler = compilers.find()
    assert compiler is not None
    texts = [str(driver), str(tmp_path / "net.c")]
    subprocess.run([*compiler.command, *STRICT, *texts, "-o", str(tmp_path / "net")], check=True)
    *found, macros = subprocess.run([tmp_path / "net"], capture_output=True, text=True, check=True).stdout.split()
    x = (np.arange(200) % 7 - 3).astype("f").reshape(1, 50, 4)
    net: Any = codegen.load(NET, seed=3).net
    expected = reference.run(net.graph, {"x": x}, net.weights)["y"]
    assert np.abs(np.array(found, "f") - expected.ravel()).max() < 1e-5
    assert int(macros) % 100 == 3 + 30
    assert main.main([str(spec), "--stream", "--clock", "rate", "-o", str(tmp_path)]) == 0
    assert "#define NET_DELAY 1 " in (tmp_path / "net.h").read_text()


def test_show_draws_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = tmp_path / "net.conv"
    spec.write_text(NET)
    assert main.main(["show", str(spec)]) == 0
    text = capsys.readouterr().out
    assert "net (a model, float32)" in text
    line = next(line for line in text.splitlines() if "down(" in line)
    assert line.split()[1:5] == ["(None,", "3)", "1/3", "3"], line
    assert "51" in line.split(), line
    assert "in blocks of 64: latency 3 steps" in text
    assert main.main(["show", str(spec), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["models"][0]
    assert found["values"][0]["name"] == "x"
    assert found["stream"]["latency"] == 3
    assert found["weight_bytes"] >= 4 * sum(value["weights"] for value in found["values"])

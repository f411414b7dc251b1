"""Models in C: every op, random graphs in floats and in whole numbers, against the definition in float64."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.cli import main
from codegen.errors import PlanError
from codegen.graph import reference
from codegen.graph.builder import Builder
from codegen.graph.graph import Graph
from codegen.graph.plans import model_plan
from codegen.graph.plans.stages import Convolved, Each
from codegen.language import reader
from codegen.machine import compilers
from codegen.planning.ask import Ask
from codegen.problem.targets import TARGETS, target_named
from codegen.specs.kinds import Conv1DSpec
from codegen.specs.model_kinds import (
    GRU,
    LSTM,
    BatchNormalization,
    Dense,
    GroupNormalization,
    LayerNormalization,
    PReLU,
    SimpleRNN,
)
from tests.support import graphs

needs_compiler = pytest.mark.skipif(compilers.find() is None, reason="needs a C compiler")
STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-ffp-contract=off", "-O1", "-c")


def ask(target: str = "native", weights: Any = "packed") -> Ask:
    return Ask(target_named(target), weights, "exact")


def every_op(steps: int | None) -> Graph:
    """One model with an output for each kind of op."""
    b = Builder("all_ops")
    x, c = b.input("x", steps, 6), b.input("c", steps, 6)
    bias = {"left": 2, "right": 1}
    c_most, last = b.function("global_max_pool", c)[:3], b.function("last", x[:3])
    values = [
        b.function("sqrt", b.function("abs", x)) + b.function("log", b.function("abs", x) + 0.25),
        b.function("sin", x * 9) - x * b.function("cos", c),
        b.function("exp", b.function("tanh", x)) / (c * c + 1) - 0.5,
        b.arithmetic("max", x, c) - b.arithmetic("min", 2 - x, 0.25),
        b.function("glu", x) * b.function("global_average_pool", c)[:3],
        b.function("softmax", x),
        b.function("glu", b.call(Conv1DSpec(name="halves", filters=4, kernel_size=2, padding="causal"), x)),
        b.function("sigmoid", x),
        b.function("log_softmax", b.function("leaky_relu", x[1:5], negative_slope=0.1)),
        b.function("leaky_relu", x[2:], negative_slope=0.3) + b.function("repeat", x[:1], channels=4),
        b.function("concat", x[4:], b.function("gelu", x[:3]), b.function("widen", c, channels=9)),
        b.function("max_pool", x, size=3, strides=2, padding="same"),
        b.function("average_pool", x[1:], size=3, strides=2, padding="same"),
        b.function("average_pool", x, size=4, padding=(3, 2), count_padding=True),
        b.function("reflect", x, **bias),
        b.function("replicate", x, **bias),
        b.function("wrap", x, **bias),
        b.function("reverse", x[2:]),
        b.function("last", b.function("crop", x, **bias)) + b.function("crop", c, **bias),
        b.function("pad", x[1:4], **bias),
        b.function("crop", b.function("upsample", x, size=3), **bias),
        b.function("last", x) + b.function("global_max_pool", c) - b.function("global_sum_pool", x),
        b.call(BatchNormalization(name="norm"), x),
        b.call(LayerNormalization(name="by_step"), x),
        b.call(GroupNormalization(name="by_group", groups=2, center=False), x),
        b.call(PReLU(name="slopes"), x) + b.call(PReLU(name="slope", shared=True), c),
        b.call(LSTM(name="cells", units=5, return_sequences=True, initial_state=True), x),
        b.call(LSTM(name="begun", units=3, return_sequences=True, return_cells=True), x, last, c_most),
        b.call(LSTM(name="ends", units=3, return_cells=True), x) * b.function("concat", c_most, c_most),
        b.call(GRU(name="gates_begun", units=3, return_sequences=True), x, c_most),
        b.call(SimpleRNN(name="plain_begun", units=3), x, c_most),
        b.call(GRU(name="gates", units=19), x),
        b.call(GRU(name="before", units=4, return_sequences=True, reset_after=False), x),
        b.function("relu", b.call(BatchNormalization(name="folded"), b.call(Dense(name="mixed", units=7), x))),
        b.function("join", b.call(Conv1DSpec(name="in_frames", filters=2, kernel_size=3, padding="same"),
                                  b.function("reflect", b.function("frames", x, size=5, hop=3), left=1))),
        b.call(Dense(name="of_all", units=3), b.function("flatten", b.function("frames", x, size=4, hop=4))),
        b.function("join", b.function("frames", x, size=3, hop=3) * 2),
        x,
    ]  # fmt: skip
    values[-3] = b.function("join", values[-3])
    for i, value in enumerate(values):
        b.output(f"y{i}", value)
    return b.graph()


def outputs(graph: Graph, given: dict[str, Any], weights: Any, how: Ask) -> dict[str, Any]:
    """What the compiled model makes."""
    made = pipeline.compiled_model(graph, how)
    assert made is not None
    steps = made.plan.out_steps(next(iter(given.values())).shape[1])
    found = {}
    for (name, at), outs in zip(graph.outputs, steps, strict=True):
        found[name] = np.full((len(given["x"]), outs, graph.shapes[at].channels), np.nan, graph.dtype)
    made.run([given[name] for name, _ in graph.inputs], list(found.values()), made.pack(weights))
    return found


def off(found: Any, expected: Any) -> float:
    return float(np.abs(found - expected).max(initial=0) / max(1e-3, np.abs(expected).max(initial=0)))


@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize(("target", "steps"), [("native", None), ("scalar", 21)])
def test_every_op(target: str, steps: int | None) -> None:
    graph = every_op(steps)
    weights = graphs.weights(graph, 1)
    for length in (21,) if steps else (21, 6, 64):
        given = graphs.inputs(graph, 2, length)
        expected = reference.run(graph, given, weights)
        found = outputs(graph, given, weights, ask(target))
        for name, wanted in expected.items():
            assert found[name].shape == wanted.shape, (name, length)
            assert off(found[name], wanted) < 5e-6, (name, length)


@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize(("target", "dtype", "ulps"), [("native", "float32", 2), ("scalar", "float64", 2)])
def test_sine_and_cosine(target: str, dtype: str, ulps: int) -> None:
    """Near zeros and far from them, and of what is infinite."""
    b = Builder("waves", dtype)
    x = b.input("x", None, 1)
    for word in ("sin", "cos"):
        b.output(word, b.function(word, x))
    rng, edge = np.random.default_rng(1), np.arange(-9, 10) * np.pi / 2
    far = rng.uniform(-1e5, 1e5, 4_000)
    given = np.concatenate([rng.uniform(-7, 7, 8_000), edge, edge * 4e3, far, [0.0, -0.0, 1e9, -1e30, np.inf, np.nan]])
    given = given.astype(dtype)
    found = outputs(b.graph(), {"x": given[None, :, None]}, {}, ask(target))
    sine, cosine = (found[word].reshape(-1) for word in ("sin", "cos"))
    for made, expected in ((sine, np.sin), (cosine, np.cos)):
        wanted = expected(given[:-4].astype(np.longdouble))
        assert np.abs(made[:-4] - wanted).max() < 1.5 * ulps * np.finfo(dtype).epsneg
        assert np.abs(made[-4:-2]).max() <= 1
        assert np.isnan(made[-2:]).all()
    assert sine[-5] == 0
    assert 1 - np.finfo(dtype).epsneg <= cosine[-5] <= 1


@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize("seed", range(4))
def test_random_graphs(seed: int) -> None:
    """More: python -m tests.fuzz.models COUNT SEED."""
    exact = bool(seed % 2)
    graph = graphs.graph(seed, exact=exact)
    weights = graphs.weights(graph, seed, exact=exact)
    for steps in (23, 5):
        given = graphs.inputs(graph, seed, steps, exact=exact)
        expected = reference.run(graph, given, weights)
        found = outputs(graph, given, weights, ask())
        for name, wanted in expected.items():
            if exact and np.abs(wanted).max(initial=0) < graphs.LARGEST:
                assert np.array_equal(found[name], wanted), name
            else:
                assert off(found[name], wanted) < 2e-5, name


def test_what_is_computed_together() -> None:
    """Scales and activations behind the sums, chains in one loop, parts of a concatenation where they are to lie."""
    b = Builder("joined")
    x = b.input("x", 32, 4)
    h = b.function(
        "tanh", b.call(BatchNormalization(name="norm"), b.call(Conv1DSpec(name="a", filters=8, kernel_size=3), x))
    )
    z = b.function("sigmoid", h * 2 + 1)
    b.output("y", b.function("concat", z, h - 0.5))
    plan = model_plan.planned(b.graph(), ask("scalar"))
    assert [type(stage) for stage in plan.stages] == [Convolved, Each, Each]
    assert {stage.y.buffer for stage in plan.stages[1:]} == {1}, "both write into the output"
    assert plan.workspace.numbers == 30 * 8, "h alone lies in the workspace"
    (first,) = plan.kernels
    assert first.problem.bias
    assert str(first.problem.activation) == "tanh"


def test_a_residual_is_part_of_the_kernel() -> None:
    """Of two convolutions that are added the first one adds the other's outputs, and then activates."""
    b = Builder("residual")
    x = b.input("x", 32, 8)
    one, other = (b.call(Conv1DSpec(name=n, filters=8, kernel_size=3, padding="causal"), x) for n in "ab")
    b.output("y", b.function("tanh", one + other))
    plan = model_plan.planned(b.graph(), ask("scalar"))
    names = [[stage.name for stage in kernel.problem.epilogue.stages] for kernel in plan.kernels]
    assert names == [["bias"], ["bias", "added", "activation"]]
    assert len(plan.stages) == 2


def test_values_that_do_not_live_together_share_memory() -> None:
    b = Builder("chain")
    h = b.input("x", None, 4)
    for i in range(6):
        h = b.call(Conv1DSpec(name=f"a{i}", filters=4, kernel_size=3, padding="same"), h)
    b.output("y", h)
    plan = model_plan.planned(b.graph(), ask("scalar"))
    assert plan.workspace.each == 2 * 4, "two values of four channels at a time"


def test_what_has_no_c() -> None:
    b = Builder("framed")
    b.output("y", b.function("frames", b.input("x", None, 1), size=4, hop=2))
    with pytest.raises(PlanError, match="the output `y` has frames"):
        model_plan.planned(b.graph(), ask())


NET = """
conv1d stem { filters = 6, kernel_size = 3, padding = same }
dense out { units = 2, activation = softmax }
model net {
    input x = (None, 4)
    output y = out(global_average_pool(relu(stem(x)) * 0.5))
}
"""


@pytest.mark.compiles
@needs_compiler
def test_the_command_emits_one_function(tmp_path: Path) -> None:
    """Its C, weights baked, from a C program: what Python computes; and no warning."""
    spec = tmp_path / "net.conv"
    spec.write_text(NET)
    assert main.main([str(spec), "--init", "--seed", "3", "-o", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.c", "net.conv", "net.h"]
    driver = tmp_path / "main.c"
    driver.write_text(
        """#include <stdio.h>
#include "net.h"
int main(void)
{
    static float x[40], y[2], room[4096];
    for (int i = 0; i < 40; ++i) x[i] = (float)(i % 7) - 3.0f;
    net(x, 10, y, room);
    printf("%.9g %.9g %d %d\\n", y[0], y[1], NET_OUT_STEPS * NET_FILTERS, sizeof room >= NET_WORKSPACE_BYTES(10));
    return 0;
}
"""
    )
    compiler = compilers.find()
    assert compiler is not None
    program = tmp_path / "net"
    strict = [flag for flag in STRICT if flag != "-c"]
    texts = [str(driver), str(tmp_path / "net.c")]
    subprocess.run([*compiler.command, *strict, *texts, "-o", str(program)], check=True)
    first, second, steps, fits = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    x = (np.arange(40) % 7 - 3).astype("f").reshape(1, 10, 4)
    expected = codegen.load(NET, seed=3, accuracy="exact").net(x)[0, 0]
    assert np.allclose([float(first), float(second)], expected, rtol=1e-6)
    assert (steps, fits) == ("2", "1")


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_no_warning(target: str, tmp_path: Path) -> None:
    made = pipeline.model_emitted(every_op(None), ask(target))
    for name, text in made.files:
        (tmp_path / name).write_text(text)
    compiler = compilers.find()
    assert compiler is not None
    command = [*compiler.command, *STRICT, *TARGETS[target].flags, "all_ops.c", "-o", "all_ops.o"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:2000]


def test_arguments_that_no_stage_reads_draw_no_warning() -> None:
    """An input that no output comes of; a model without weights has no argument for them."""
    b = Builder("pools")
    x, c = b.input("x", None, 3), b.input("c", None, 3)
    b.output("y", b.function("max_pool", x, size=2))
    code = pipeline.model_emitted(b.graph().alive(), ask("scalar")).code
    assert re.findall(r"\(void\)\w+;", code) == ["(void)c;"]
    b.output("z", c)
    code = pipeline.model_emitted(b.graph().alive(), ask("scalar")).code
    assert not re.findall(r"\(void\)\w+;", code)
    assert "*weights" not in code


def test_an_exponential_is_there_in_the_widths_that_call_it() -> None:
    """One activation stands on its digits, the other on its power, in rows of 4 and of 1."""
    b = Builder("curves")
    x = b.input("x", None, 4)
    b.output("y", b.function("tanh", x))
    b.output("z", b.function("softmax", b.input("c", None, 1)))
    code = pipeline.model_emitted(b.graph(), ask("sse2")).code
    for word in re.findall(r"^static inline \w+ (v\d+_(?:exp_parts|power))\(", code, re.MULTILINE):
        assert len(re.findall(rf"\b{word}\(", code)) > 1, word
    assert "_exp_parts(" in code
    assert "_power(" in code


@pytest.mark.parametrize("make", [Dense, LSTM, GRU])
def test_a_layer_of_another_dtype_is_refused(make: Any) -> None:
    """Its kernel would have vectors of the one, and the loops those of the other."""
    b = Builder("mixed", "float64")
    b.output("y", b.call(make(name="part", units=3), b.input("x", None, 4)))
    with pytest.raises(PlanError, match="`part` is float32, and the model float64: a model has one dtype in C"):
        pipeline.model_emitted(b.graph(), ask("neon"))


def test_a_layer_of_int8_is_refused_with_the_way_out() -> None:
    grid = "dtype = int8, input_scale = 0.05, input_zero_point = 3, output_scale = 0.1, output_zero_point = -5"
    (stem,) = reader.read(f"conv1d stem {{ input_shape = (9, 8), filters = 8, kernel_size = 3, {grid} }}")
    b = Builder("net", "float32")
    b.output("y", b.call(stem, b.input("x", None, 8)))
    with pytest.raises(PlanError, match="`stem` is int8, and models are computed in floats: emit the layers alone"):
        pipeline.model_emitted(b.graph(), ask("scalar"))


@pytest.mark.long
def test_the_same_bytes() -> None:
    first, second = (pipeline.model_emitted(every_op(None), ask("avx2")) for _ in range(2))
    assert first.files == second.files


@pytest.mark.compiles
def test_weights_that_are_replaced_are_packed_anew() -> None:
    net = codegen.load(NET, seed=3).net
    x = np.random.default_rng(0).standard_normal((1, 9, 4)).astype("f")
    before = net(x)
    weights = {f"{layer}/{name}": a * 2 for layer, arrays in net.weights.items() for name, a in arrays.items()}
    net.load_weights(weights)
    expected = reference.run(net.graph, {"x": x}, net.weights)["y"]
    assert off(net(x), expected) < 1e-5
    assert off(before, expected) > 1e-3

"""Groups of layers that a stream computes a few steps at a time: which nodes they are, and what comes of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.emission.models.stream import emitted
from codegen.errors import PlanError
from codegen.graph import reference
from codegen.graph.graph import Graph
from codegen.graph.plans import footprint, model_plan, streamed, walk
from codegen.graph.plans.groups import groups
from codegen.graph.plans.tables import Paired, Rowed
from codegen.graph.plans.tile_stage import Tiled
from codegen.machine import compilers, model_stream
from codegen.machine.model_stream import blockwise
from codegen.planning.ask import Ask, Stream
from codegen.problem.targets import runs_here, target_named

needs_compiler = pytest.mark.skipif(compilers.find() is None, reason="needs a C compiler")

GATED = """
conv1d widen { filters = {n}, kernel_size = 1 }
for i in range(3) {
    conv1d dil[i] { filters = {m}, kernel_size = 3 - i, dilation_rate = 2 * i + 1, padding = causal }
    conv1d cond[i] { filters = {m}, kernel_size = 1, use_bias = False }
    conv1d res[i] { filters = {n}, kernel_size = 1 }
}
dense head { units = 2, activation = tanh }
model net {
    input x = (None, 3)
    input c = (None, 5)
    h = widen(x)
    skip = h
    for i in range(3) {
        z = dil[i](h) + cond[i](c)
        z = tanh(z[:{n}]) * sigmoid(z[{n}:])
        skip = max(skip, z) + 1
        h = 0.5 * h + res[i](z)
    }
    output y = head(sqrt(abs(skip)))
    output late = h
}
"""


def graph_of(channels: int) -> Graph:
    text = GATED.replace("{m}", str(2 * channels)).replace("{n}", str(channels))
    graph: Graph = next(iter(codegen.load(text, seed=1).nets.values())).graph
    return graph


def tiles_of(graph: Graph) -> list[Tiled]:
    return [stage for stage in streamed.planned(graph, ask("avx512")).stages if isinstance(stage, Tiled)]


def ask(target: str = "native") -> Ask:
    return Ask(target_named(target), "packed", "exact", stream=Stream(8, "count"))


def test_a_layer_and_what_lies_around_it_is_one_stage() -> None:
    """Three groups: a layer with taps reads what the one before wrote. One tap more: the last layer's is one."""
    graph = graph_of(6)
    stages = streamed.planned(graph, ask("avx2")).stages
    tiles = [stage for stage in stages if isinstance(stage, Tiled)]
    assert [max(stage.lefts) for stage in tiles] == [2, 3]
    assert [len(stage.sums) for stage in tiles] == [2, 5], "the third layer has one tap: it joins the second's group"
    assert all(len(one.terms) == 2 for stage in tiles for one in stage.sums[:1]), "a layer and its condition in one sum"
    assert sum(stage.products for stage in tiles) == 6 * 12 * (3 + 2 + 1) + 3 * (5 * 12 + 6 * 6) + 6 * 2
    assert groups(graph, target_named("scalar")) == ()


@pytest.mark.in_turn(3)
@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize(
    ("channels", "target"), [(6, "native"), (8, "native"), (16, "native"), (12, "avx2"), (5, "sse2")]
)
def test_tiles_in_any_blocks(channels: int, target: str) -> None:
    """All sizes of tiles, and what they overlap: the bits of the whole, those of the reference but for rounding."""
    graph = graph_of(channels)
    wanted = target_named(target)
    if not runs_here(wanted):
        pytest.skip(f"this CPU runs no {target}")
    random = np.random.default_rng(0)
    weights = {
        layer.name: {
            name: random.standard_normal(shape).astype("f") / 3 for name, shape in layer.weight_shapes().items()
        }
        for layer in graph.layers.values()
    }
    made: Any = model_stream.running(graph, ask(target))
    given = {"x": random.standard_normal((2, 90, 3)).astype("f"), "c": random.standard_normal((2, 90, 5)).astype("f")}
    expected = reference.run(graph, given, weights)
    widths, packed = [2, channels], made.pack(weights)
    found = [
        blockwise(made, made.states(2), packed, [given["x"], given["c"]], blocks, widths)
        for blocks in ((90,), (1,), (7, 2, 3, 30, 5), (17,), (64,))
    ]
    whole = pipeline.compiled_model(graph, Ask(wanted, "packed", "exact"))
    assert whole is not None
    assert whole.plan.blocks is not None
    found.append([np.empty((2, 90, width), "f") for width in widths])
    whole.run([given["x"], given["c"]], found[-1], whole.pack(weights))
    for place, name in enumerate(("y", "late")):
        first = found[0][place]
        assert all(np.array_equal(first, other[place]) for other in found), "the same bits in any blocks"
        assert np.abs(first - expected[name]).max() < 1e-5 * np.abs(expected[name]).max()


LONE = """
conv1d widen { filters = 8, kernel_size = 1 }
for i in range(8) {
    conv1d dil[i] { filters = 8, kernel_size = 6, dilation_rate = i + 1, padding = causal }
    conv1d mix[i] { filters = 8, kernel_size = 1, use_bias = False }
}
conv1d head { filters = {n}, kernel_size = 16, padding = causal }
model net {
    input x = (None, 1)
    h = widen(x)
    for i in range(8) { h += tanh(dil[i](h) + mix[i](x)) }
    output y = head(h)
}
"""


@pytest.mark.long
@pytest.mark.parametrize(("filters", "streams"), [(1, True), (32, False)])
def test_a_little_outside_of_groups_is_no_reason_for_other_bits(filters: int, streams: bool) -> None:
    """A head that is a small part of the work has no transform: the whole is the stream, in the class `fast`, too."""
    graph: Graph = next(iter(codegen.load(LONE.replace("{n}", str(filters)), seed=1).nets.values())).graph
    fast, exact = (
        model_plan.planned(graph, Ask(target_named("avx2"), "packed", accuracy)) for accuracy in ("fast", "exact")
    )
    assert exact.blocks is not None
    assert (fast.blocks == exact.blocks) is streams


def test_channels_go_in_pairs_where_a_load_takes_longer_than_a_product() -> None:
    """With AVX-512, of filters that are a vector or half: a filter has an even channel's weight and the next one's."""
    graph = graph_of(8)
    tables = [table for stage in streamed.planned(graph, ask("avx512")).stages for table in stage.tables]
    paired = [table for table in tables if isinstance(table, Paired)]
    assert {table.layer.name for table in paired} == {f"{word}_{i}" for i in range(3) for word in ("dil", "res")}
    kernel = np.arange(3 * 8 * 16).reshape(3, 8, 16)
    (made,) = (one.made({"dil_0": {"kernel": kernel}}, "float32") for one in paired if one.layer.name == "dil_0")
    assert made.reshape(3, 4, 16, 2)[1, 2].tolist() == kernel[1, 4:6].T.tolist()
    rows = {one.filters: one.rows(16) for stage in tiles_of(graph) for one in stage.sums if one.paired}
    assert rows == {16: 8, 8: 16}, "sixteen vectors of sums"
    for name in ("avx2", "neon"):
        stages = streamed.planned(graph, ask(name)).stages
        assert not any(isinstance(table, Paired) for stage in stages for table in stage.tables)


PARTS = """
conv1d a { filters = 12, kernel_size = 2, padding = causal }
conv1d b { filters = 4, kernel_size = 1 }
model net {
    input x = (None, 4)
    h = a(x)
    z = h[2:6] + x
    output y = concat(h, z, b(z), x[:3], h[5:7])
}
"""


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize("target", ["native", "sse2"])
def test_parts_of_values_that_others_read_are_written(target: str) -> None:
    """What is a part of an input, and of a layer's filters, is read where it lies and written where others read it."""
    if not runs_here(target_named(target)):
        pytest.skip(f"this CPU runs no {target}")
    net = codegen.load(PARTS, seed=1, target=target).nets["net"]
    x = np.random.default_rng(2).standard_normal((1, 37, 4)).astype("float32")
    wide = reference.run(net.graph, {"x": x}, net.weights, "float64")["y"]
    stream = net.stream(8)
    found = np.concatenate([stream(x), stream.flush()], axis=1)
    assert groups(net.graph, target_named(target))
    np.testing.assert_allclose(found, wide, rtol=1e-5, atol=1e-5)
    made: Any = model_stream.running(net.graph, ask(target))
    assert np.array_equal(net.pack(target, block=8), made.pack(net.weights)), "what the C of such blocks is handed"


def test_what_looks_ahead_is_in_no_group() -> None:
    text = """
    conv1d a { filters = 8, kernel_size = 3, padding = same }
    conv1d b { filters = 8, kernel_size = 3, strides = 2, padding = causal }
    model net { input x = (None, 8)
                output y = b(relu(a(x))) + 1 }
    """
    graph: Graph = next(iter(codegen.load(text, seed=1).nets.values())).graph
    assert groups(graph.alive(), target_named("avx2")) == ()
    with pytest.raises(PlanError, match="leave accuracy at exact"):
        streamed.planned(graph, Ask(target_named("avx2"), "packed", "fast", stream=Stream(8, "count")))


NARROW = """
conv1d widen { filters = 2, kernel_size = 1 }
for i in range(2) {
    conv1d dil[i] { filters = 4, kernel_size = 3 + i, dilation_rate = 5 * i + 1, padding = causal }
    conv1d cond[i] { filters = 4, kernel_size = 1 }
    conv1d res[i] { filters = 2, kernel_size = 1, activation = relu }
}
conv1d head { filters = 1, kernel_size = 4, padding = causal }
model net {
    input x = (None, 1)
    h = widen(x)
    for i in range(2) {
        z = dil[i](h) + cond[i](x)
        h = max(h, 0.1) + res[i](tanh(z[:2]) * sigmoid(z[2:]))
    }
    output y = head(h) * 0.5
    output h0 = h[1:]
}
"""


@pytest.mark.compiles
@needs_compiler
def test_channels_by_themselves_have_the_bits_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few channels lie each by itself where vectors are wide, in blocks of any size. Rows have the same bits."""
    graph: Graph = next(iter(codegen.load(NARROW, seed=1).nets.values())).graph
    random = np.random.default_rng(0)
    weights = {
        layer.name: {name: random.standard_normal(shape).astype("f") for name, shape in layer.weight_shapes().items()}
        for layer in graph.layers.values()
    }
    x = random.standard_normal((2, 150, 1)).astype("f")
    expected, found = reference.run(graph, {"x": x}, weights), []
    lanes = ask().target.dialect.lanes("float32")[0]
    for size, rows in ((32, True), (2, False), (64, False)):
        with monkeypatch.context() as patched:
            if rows and lanes >= 16:
                patched.setattr(walk, "narrow", lambda graph, target: False)
                patched.setattr(walk, "LEAST_LAYERS", 1)
            made: Any = model_stream.running(graph, replace(ask(), stream=Stream(size, "count")))
        assert lanes < 16 or any(isinstance(stage, Tiled) for stage in made.plan.stages)
        assert any(buffer.apart for buffer in made.plan.buffers) == (lanes >= 16 and not rows)
        packed = made.pack(weights)
        for blocks in ((150,), (1,), (2, 3, 1, 64, 17, 16, 33), (40,)):
            found.append(blockwise(made, made.states(2), packed, [x], blocks, [1, 1]))
    for place, name in enumerate(("y", "h0")):
        assert all(np.array_equal(found[0][place], other[place]) for other in found)
        assert np.abs(found[0][place] - expected[name]).max() < 1e-5 * np.abs(expected[name]).max()


def test_all_channels_of_a_step_are_one_vector_where_each_lies_by_itself() -> None:
    """A step alone is added up once for all filters, so weights are rows of a vector: zeros behind the last filter."""
    graph: Graph = next(iter(codegen.load(NARROW, seed=1).nets.values())).graph
    made = emitted(graph, replace(ask("avx512"), stream=Stream(64, "count")))
    tap, added = "t4 = v4_fma(v4_set1(from[p0]), v4_load(row + 4), t4);", "t4 = t4 + (v4_load(w1) + v4_load(w3));"
    assert (made.code.count(tap), made.code.count(added)) == (2, 2), "once for all filters, in both groups"
    held = "s1_0 = v16_load(from + p0); hold(); t4_0_0 = v16_fma(s0_0, v16_set1(row[0]), t4_0_0);"
    assert " ".join(made.code.split()).count(held) == 2, "of several steps a vector is loaded once for all filters"
    rowed = {table.label: table for stage in made.plan.stages for table in stage.tables if isinstance(table, Rowed)}
    assert "dil_1_bias" not in rowed, "its four filters are a row as they are"
    assert rowed["res_0_bias"].numbers == 4
    kernel = np.arange(1.0, 5).reshape(1, 2, 2)
    assert rowed["res_0_kernel"].made({"res_0": {"kernel": kernel}}, "float32").tolist() == [1, 2, 0, 0, 3, 4, 0, 0]


def test_the_banner_tells_what_a_step_and_a_call_cost() -> None:
    made = emitted(graph_of(16), ask("avx512"))
    code = " ".join(made.code[:3000].replace("\n *", " ").split())
    macs = 3 * 16 + 16 * 32 * (3 + 2 + 1) + 3 * (5 * 32 + 16 * 16) + 16 * 2
    assert f"{macs:,} multiply-adds and 98 activations an input step" in code
    assert f"a block of 8 at most {8 * macs:,} multiply-adds, and {4 * made.plan.moved_numbers:,} bytes moved" in code
    assert footprint.stack_bytes(made.plan) > 8 * 4 * (32 + 16), "rows of the sums and of the gate, of 8 steps"
    assert f"about {footprint.stack_bytes(made.plan):,} bytes of stack" in code

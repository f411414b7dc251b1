"""What is told of a model: which inputs a row may read, how late it comes, work and bytes; and the command show."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.cli import main
from codegen.graph import reference
from codegen.graph.graph import Graph
from codegen.graph.plans import streamed
from codegen.graph.plans.overview import Blocks, Whole, overview
from codegen.graph.reaches import Reach, reaches
from codegen.planning.ask import Ask, Stream
from tests.support import graphs

ASK = Ask(weights="packed", stream=Stream(8, "count"))
NET = """
conv1d ahead { filters = 4, kernel_size = 5, padding = same }
conv1d down { filters = 3, kernel_size = 4, strides = 2, padding = (2, 1) }
lstm cells { units = 2, return_sequences = True }
dense unread { units = 9 }
model net {
    input x = (None, 4)
    h = relu(ahead(x) + x)
    z = upsample(down(h), 2)
    n = unread(x)
    output y = cells(z)
}
"""


def graph_of(text: str) -> Graph:
    graph: Graph = next(iter(codegen.load(text, seed=1).nets.values())).graph
    return graph


@pytest.mark.long
def test_what_a_row_may_read(share: Callable[..., Any]) -> None:
    """NaN at one step of the input spoils the rows that read it, and no others; the delay is the stream's latency."""
    steps, spoiled, seeds = 96, 0, share(range(40), 4)
    for seed in seeds:
        graph = graphs.streaming(seed + 100, exact=False).alive()
        reach, weights = reaches(graph)[graph.outputs[0][1]], graphs.weights(graph, seed)
        assert reach is not None
        assert reach.delay == streamed.planned(graph, ASK).latency
        x = graphs.inputs(graph, seed, steps, exact=False)["x"][:1].copy()
        x[:, 50] = np.nan
        with np.errstate(all="ignore"):
            y = reference.run(graph, {"x": x}, weights)["y"][0]
        rows = set(np.flatnonzero(np.isnan(y).any(axis=1)).tolist())
        allowed = {t for t in range(len(y)) if reach.at(t)[1] >= 50 and (reach.endless or reach.at(t)[0] <= 50)}
        assert rows <= allowed, graph
        spoiled += bool(rows) and max(rows) == max(allowed) and min(rows) == min(allowed)
    assert spoiled >= len(seeds) // 3, "the bounds are met, not only kept"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (Reach().window(3, left=2), Reach(1, (-2,), (0,))),
        (Reach().window(4, 2, 1), Reach(2, (-1,), (2,))),
        (Reach().repeated(2), Reach(1, (0, 0), (0, 0))),
        (Reach().window(4, 1, 0, 2), Reach(1, (0, 1), (1, 2))),
    ],
)
def test_windows(made: Reach | None, expected: Reach) -> None:
    assert made == expected


def test_a_stride_and_what_takes_it_back() -> None:
    halved = Reach().window(2, 2)
    assert halved is not None
    back = halved.repeated(2)
    assert back == Reach(2, (0, 0), (1, 1))
    both = back.merged(Reach().window(3, left=1) or Reach())
    assert both == Reach(2, (-1, 0), (1, 2))
    assert (both.field, both.delay) == (3, 1)


def test_figures_of_a_model() -> None:
    told = overview(graph_of(NET), Ask())
    assert [value.name for value in told.values if not value.name.startswith("_")] == ["x", "h", "z", "y"]
    assert (told.free, told.work.macs, float(told.work.each)) == (True, 0, 5 * 4 * 4 + 4 * 4 * 3 / 2 + 8 * (3 + 2))
    assert told.work.weights == 84 + 51 + 8 * (3 + 2 + 1)
    assert told.reach is not None
    assert (told.reach.field, told.reach.delay) == (None, 2 + 1)
    h = next(value for value in told.values if value.name == "h")
    assert (h.size, h.reach) == ((0, 16), Reach(1, (-2,), (2,)))
    assert isinstance(told.whole, Whole)
    assert isinstance(told.blocks, Blocks)
    assert told.blocks.latency == told.reach.delay
    assert told.blocks.worst_macs == 64 * (80 + 40) + 32 * 48
    assert told.blocks.flash_bytes > told.blocks.weight_bytes >= 4 * told.work.weights
    kept = sum(value.kept for value in told.values)
    assert told.blocks.state_bytes - kept < 64 * len(told.values), "the state is that of the values, but for alignment"


def test_figures_of_a_call() -> None:
    told = overview(
        graph_of("""
        dense out { units = 5 }
        gru last { units = 4 }
        model net { input x = (12, 3)
                    output y = out(last(x)) }"""),
        Ask(),
    )
    assert (told.free, told.work.macs, told.work.each) == (False, 12 * 12 * (3 + 4) + 4 * 5, 0)
    assert told.reach is None
    assert isinstance(told.blocks, str)


@pytest.mark.long
def test_it_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "net.conv"
    file.write_text(NET)
    assert main.main(["show", str(file)]) == 0
    lines = capsys.readouterr().out.partition("net (a model, float32)")[2].splitlines()
    head = lines[1].split("  ")
    assert [cell.strip() for cell in head if cell.strip()][:7] == [
        "value", "shape", "rate", "delay", "bytes a step", "weights", "MACs a step",
    ]  # fmt: skip
    assert "unread" not in "\n".join(lines)
    assert "  multiply-adds: 144 a step of the input; 183 weights" in lines
    assert "  receptive field: all steps before, the last of them 3 steps after the output's own" in lines
    assert any(line.startswith("  in blocks of 64: latency 3 steps, worst call 9,216 multiply-adds") for line in lines)
    assert main.main(["show", str(file), "--rate", "16000"]) == 0
    told = "at 16,000 steps a second: 2.304 million multiply-adds a second, a latency of 0.1875 ms; 64 steps are 4 ms"
    assert told in capsys.readouterr().out
    assert main.main(["show", str(file), "--rate", "0"]) == 2
    assert "is no number of steps a second" in capsys.readouterr().err
    assert main.main(["show", str(file), "--json", "--stream", "--block", "16"]) == 0
    (model,) = json.loads(capsys.readouterr().out)["models"]
    assert (model["delay"], model["receptive_field"], model["stream"]["worst_macs"]) == (3, None, 2_304)
    assert [value["delay"] for value in model["values"] if value["name"] == "h"] == [2]

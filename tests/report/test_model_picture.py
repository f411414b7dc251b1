"""Pictures of models: boxes that never overlap, ways that end at them, words that fit, and the command that draws."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import codegen
from codegen.cli import main
from codegen.graph.builder import Builder
from codegen.graph.graph import Graph
from codegen.graph.plans.overview import overview
from codegen.layers.net import Net
from codegen.planning.ask import Ask
from codegen.report import layout, model_picture, svg
from tests.support import graphs

ROOT = Path(__file__).resolve().parents[2]
SVG = "{http://www.w3.org/2000/svg}"


def test_boxes_do_not_overlap() -> None:
    random = np.random.default_rng(5)
    for _ in range(30):
        count = int(random.integers(1, 25))
        inputs = [
            random.integers(0, at, min(at, int(random.integers(1, 4)))).tolist() if at else [] for at in range(count)
        ]
        sizes = [(float(random.integers(20, 300)), float(random.integers(10, 90))) for _ in range(count)]
        made = layout.placed(sizes, inputs)
        corners = [(x, y, x + w, y + h) for (x, y), (w, h) in zip(made.boxes, sizes, strict=True)]
        for one, other in combinations(corners, 2):
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] < other[1] or other[3] < one[1]
        assert min(one[0] for one in corners) >= -1e-9
        assert max(one[2] for one in corners) <= made.width + 1e-9
        edges = [(one, box) for box, given in enumerate(inputs) for one in dict.fromkeys(given)]
        for (source, reader), way in zip(edges, made.ways, strict=True):
            (left, top, right, bottom), (x, y) = corners[source], way[0]
            assert (left + right) / 2 == pytest.approx(x)
            assert y == bottom > top
            assert way[-1][1] == corners[reader][1]
            for (x1, y1), (x2, y2) in zip(way[1::2], way[2::2], strict=True):  # what goes upright passes no box
                assert y1 < y2 or (x1, y1) == (x2, y2)


def test_words_stay_in_their_boxes() -> None:
    picture = ElementTree.fromstring(model_picture.drawn(overview(graph_of("tc_resnet8"), Ask())))
    placed = [one.attrib for one in picture.iter(f"{SVG}rect") if "x" in one.attrib]
    boxes = [tuple(float(one[key]) for key in ("x", "y", "width", "height")) for one in placed]
    words = [one for one in picture.iter(f"{SVG}text") if float(one.attrib["y"]) > boxes[0][1]]
    assert len(words) > 2 * len(boxes) > 40
    for one in words:
        x, y = float(one.attrib["x"]), float(one.attrib["y"])
        left, top, width, height = next(b for b in boxes if b[0] <= x <= b[0] + b[2] and b[1] <= y <= b[1] + b[3])
        assert x + svg.width_of(one.text or "", float(one.attrib["font-size"])) <= left + width
        assert y <= top + height
    total = picture.attrib["viewBox"].split()
    assert all(left + width <= float(total[2]) for left, _, width, _ in boxes)


def graph_of(name: str) -> Graph:
    graph: Graph = next(iter(codegen.load(ROOT / "examples" / f"{name}.conv", seed=1).nets.values())).graph
    return graph


@pytest.mark.long
def test_random_graphs_are_drawn() -> None:
    for seed in range(12):
        text = model_picture.drawn(overview(graphs.graph(seed), Ask()))
        assert ElementTree.fromstring(text).tag == f"{SVG}svg"
        assert "prefers-color-scheme: dark" in text
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|url\(|<script", text), "it loads nothing"


@pytest.mark.long
def test_the_command_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, file = ROOT / "examples" / "tcn.conv", tmp_path / "pictures" / "tcn.svg"
    assert main.main(["show", str(spec), "--picture", str(file)]) == 0
    assert "<title>The model tcn</title>" in file.read_text("utf-8")
    before = file.read_bytes()
    assert main.main(["show", str(spec), "--picture", str(file)]) == 0
    assert file.read_bytes() == before
    assert main.main(["show", str(spec), "--picture", str(tmp_path / "net.conv")]) == 2
    assert main.main(["show", str(ROOT / "examples/wake_word.conv"), "--picture", str(file)]) == 2
    told = capsys.readouterr().err
    assert "expected a name that ends in .svg" in told
    assert "--picture draws one model, and the models here are: none" in told


@pytest.mark.long
def test_a_notebook_shows_the_picture_or_a_table() -> None:
    assert Net.of(graph_of("tcn"))._repr_html_().startswith("<svg")
    shown = codegen.load(ROOT / "examples" / "tcn.conv")._repr_html_()
    assert (shown.count("<table>"), shown.count("<svg")) == (1, 1)
    made = Builder("long")
    x = made.input("x", None, 2)
    for _ in range(model_picture.MOST_VALUES):
        x = made.function("sqrt", x)
    made.output("y", x)
    shown = Net.of(made.graph())._repr_html_()
    assert shown.startswith("<table><caption>long</caption>")
    assert shown.count("<tr>") == 2 + model_picture.MOST_VALUES

"""The benchmark: what is timed is right, how it is timed is fair, and what is said of it follows from the times."""

from __future__ import annotations

import json
import os
import sys
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from codegen.bench import case as cases
from codegen.bench import contest, drivers, exact, ours, peers, picture, roofline, shown, table, timing
from codegen.bench.contestant import Contestant, from_python
from codegen.bench.machine import Bandwidth, Machine
from codegen.bench.results import OURS, TOLD, Entry, Report, Row, geometric_mean
from codegen.bench.shown import Line, Shown
from codegen.bench.timing import SLICE, Times, alternate
from codegen.cli import main
from codegen.errors import GenConvError, ShapeError, UsageError, VerificationError
from codegen.layers.how import AS_USUAL
from codegen.machine import compilers
from codegen.problem import reference
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.targets import TARGETS, native

pytestmark = pytest.mark.compiles

SHAPES = {  # steps, channels, filters, kernel_size, stride, dilation, groups, padding: the field's own
    "A": (3000, 80, 384, 3, 1, 1, 1, (1, 1)),
    "B": (3000, 384, 384, 3, 2, 1, 1, (1, 1)),
    "C": (16000, 1, 512, 10, 5, 1, 1, (0, 0)),
    "D": (3199, 512, 512, 3, 2, 1, 1, (0, 0)),
    "E": (16000, 32, 64, 2, 1, 512, 1, (512, 0)),
    "F": (2048, 16, 16, 3, 1, 128, 1, (256, 0)),
    "G": (80, 16, 16, 3, 1, 8, 1, (0, 0)),
    "H": (600, 25, 25, 7, 1, 4, 1, (24, 0)),
    "I": (98, 40, 64, 3, 1, 1, 1, (1, 1)),
    "J": (1280, 32, 32, 16, 1, 1, 1, (7, 8)),
    "K": (128, 9, 64, 5, 1, 1, 1, (0, 0)),
    "L": (60000, 15, 15, 51, 1, 8, 1, (200, 200)),
    "M": (512, 1536, 1536, 4, 1, 1, 1536, (3, 0)),
    "N": (4096, 128, 128, 11, 1, 5, 1, (25, 25)),
    "O": (48000, 1, 1, 1024, 1, 1, 1, (0, 0)),
    "P": (500, 768, 768, 128, 1, 1, 16, (63, 64)),
    "Q": (32, 4, 8, 3, 1, 1, 1, (0, 0)),
    "R": (1024, 64, 64, 1, 1, 1, 1, (0, 0)),
    "S": (256, 64, 64, 5, 1, 2, 1, (4, 4)),
}
SMALL = """\
defaults { activation = relu }
conv1d dense { input_shape = (40, 6), filters = 10, kernel_size = 4, dilation_rate = 3, padding = causal }
conv1d strided { input_shape = (42, 5), filters = 7, kernel_size = 6, strides = 3, use_bias = False }
conv1d grouped { input_shape = (33, 8), filters = 12, kernel_size = 5, groups = 4, padding = same }
depthwise_conv1d depthwise { input_shape = (33, 8), kernel_size = 4, padding = causal }
conv1d single { input_shape = (300, 1), filters = 1, kernel_size = 31, padding = (3, 9) }
conv1d any_length { input_shape = (None, 3), filters = 4, kernel_size = 2 }
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "small.conv"
    path.write_text(SMALL)
    return path


def test_the_letters_are_these_layers() -> None:
    found = {case.label: case for case in cases.cases([])}
    assert list(found) == list(SHAPES)
    for label, (steps, channels, filters, kernel_size, stride, dilation, groups, pads) in SHAPES.items():
        case, p = found[label], found[label].problem
        assert (case.steps, p.channels, p.filters, p.kernel_size) == (steps, channels, filters, kernel_size), label
        assert (p.stride, p.dilation, p.groups, p.pads(steps)) == (stride, dilation, groups, pads), label
        outs = (steps + sum(pads) - dilation * (kernel_size - 1) - 1) // stride + 1
        assert case.flops == 2 * case.batch * outs * kernel_size * (channels // groups) * filters, label
        assert case.batch == (32 if label == "S" else 1)
        assert p.bias == (label != "O")


def test_channels_first_turns_the_shape_and_nothing_else() -> None:
    last, first = (next(cases.cases(["A"], data_format=order)) for order in ("channels_last", "channels_first"))
    assert (last.in_shape, first.in_shape) == ((1, 3000, 80), (1, 80, 3000))
    assert (last.flops, last.bytes) == (first.flops, first.bytes)
    assert not first.problem.channels_last


def test_a_file_is_the_bare_convolution_of_its_layers(small: Path) -> None:
    found = list(cases.cases([str(small)]))
    assert [case.label for case in found] == ["dense", "strided", "grouped", "depthwise", "single", "any_length"]
    assert {case.problem.activation.name for case in found} == {"linear"}
    assert found[-1].steps == cases.FREE_STEPS
    assert [case.label for case in cases.cases([f"{small}:any_length", "q"])] == ["any_length", "Q"]


def test_a_file_that_is_named_twice_is_read_once(small: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.conv"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(small.read_bytes(),))
    writer.start()
    found = list(cases.cases([f"{fifo}:dense", str(fifo), f"{fifo}:single"]))
    writer.join()
    assert [found[0].label, len(found), found[-1].label] == ["dense", 8, "single"]


@pytest.mark.parametrize("word", ["Z", "nowhere.conv", "{small}:nobody"])
def test_another_word_is_told_what_would_do(word: str, small: Path) -> None:
    with pytest.raises(UsageError, match=r"neither a shape \(A B C|gen-conv show"):
        list(cases.cases([word.format(small=small)]))


def test_lengths_may_be_named_and_kept_from_our_layer() -> None:
    found = list(cases.cases(["A", "Q"], steps=(64, 7), free=True))
    assert [case.label for case in found] == ["A@64", "A@7", "Q@64", "Q@7"]
    assert [case.steps for case in found] == [64, 7, 64, 7]
    assert {case.told.input_shape for case in found} == {(None, 80), (None, 4)}
    assert [case.told.input_shape for case in cases.cases(["A"], steps=(64,))] == [(64, 80)]
    with pytest.raises(UsageError, match="`fir`: 1023 steps leave no output: it reaches over 1024"):
        list(cases.cases(["O"], steps=(1023,)))


def test_the_free_layers_are_timed_at_short_and_long_lengths_in_both_orders() -> None:
    found = list(cases.free_lengths())
    layers = {case.spec.name for case in found}
    assert len(layers) == 13
    assert {case.problem.channels for case in found if case.problem.groups > 1} == {2, 8, 64, 1536}
    assert len(found) == 2 * 6 * len(layers)
    assert {case.steps for case in found} == {1, 16, 64, 256, 1024, 16384}
    assert all(case.free and case.told.lower().steps is None for case in found)
    assert {case.problem.channels_last for case in found} == {True, False}


def test_error_sees_a_wrong_element_nan_and_a_wrong_shape() -> None:
    case = next(cases.cases(["Q"]))
    y = case.exact.astype(np.float32)
    assert case.error(y, channels_last=True) < 1e-7
    assert case.error(y.swapaxes(1, 2), channels_last=False) < 1e-7
    y[0, 3, 2] += 0.1
    assert case.error(y, channels_last=True) > contest.MOST_ERROR
    y[0, 3, 2] = np.nan
    assert case.error(y, channels_last=True) == float("inf")
    with pytest.raises(ShapeError, match="expected"):
        case.error(y[:, 1:], channels_last=True)


def one_of(order: str, small: Path) -> Iterator[cases.Case]:
    yield from cases.cases(["Q", "G", str(small)], data_format=order, batch=2)


def wrong(case: cases.Case, one: Contestant) -> float:
    with one.context():
        one.loop(1)
    return case.error(one.output(), channels_last=one.channels_last)


@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
def test_our_kernels_are_right_however_they_are_called(order: str, small: Path) -> None:
    for case in one_of(order, small):
        kernel = ours.kernel(case, AS_USUAL)
        for one in (ours.python(case, kernel), ours.c(case, kernel)):
            assert np.isnan(one.output()).all()  # so that what a call leaves out is seen
            assert wrong(case, one) < contest.MOST_ERROR, (case.label, one.variant)


@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
@pytest.mark.parametrize("word", peers.WORDS)
def test_a_peer_is_right_wherever_it_serves(word: str, order: str, small: Path, share: Callable[..., Any]) -> None:
    """What PyTorch compiles takes 3 s a layer: a quarter of them."""
    peer = (*peers.from_python((word,)), *peers.from_c((word,)))[0]
    try:
        assert peer.version()
    except (ImportError, OSError, GenConvError):
        pytest.skip(f"{peer.NAME} is not installed: {peer.PACKAGE}")
    served = 0
    for case in share(list(one_of(order, small)), 4 if word == "pytorch_compiled" else 1):
        for one in peer.contestants(case, 1):
            served += 1
            assert wrong(case, one) < contest.MOST_ERROR, (case.label, one.variant)
    assert served or (word, order) == ("litert", "channels_first")


def test_peers_are_named_by_words() -> None:
    assert peers.chosen("all") == peers.WORDS
    assert peers.chosen("none") == ()
    assert peers.chosen("scipy, plain") == ("scipy", "plain")
    with pytest.raises(UsageError, match=r"unknown peer `numpy`.*pytorch,"):
        peers.chosen("scipy,numpy")


class Clockwork:
    """A clock that only its contestants move, and the order in which they were called."""

    def __init__(self) -> None:
        self.now, self.calls = 0, list[tuple[str, int]]()

    def contestant(self, name: str, nanoseconds: int) -> Contestant:
        def loop(calls: int) -> None:
            self.calls.append((name, calls))
            self.now += nanoseconds * calls

        return Contestant(name, loop, lambda: np.zeros(1), channels_last=True)


def test_rounds_alternate_and_count_one_call_to_warm_up() -> None:
    clock = Clockwork()
    both = {"fast": clock.contestant("fast", 100), "slow": clock.contestant("slow", 3_000_000)}
    times = alternate(both, 4, lambda: clock.now)
    assert times["fast"] == Times(pytest.approx(1e-7), pytest.approx(1e-7), round(SLICE / 100), 4)
    assert times["slow"] == Times(pytest.approx(3e-3), pytest.approx(3e-3), 1, 4)
    fast, slow = [("fast", 1), ("fast", times["fast"].calls)], [("slow", 1), ("slow", 1)]
    assert clock.calls[-16:] == 2 * (fast + slow + slow + fast)


def test_cold_turns_are_one_call_each_after_the_caches_were_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, emptied = Clockwork(), list[str]()
    both = {name: clock.contestant(name, nanoseconds) for name, nanoseconds in (("fast", 100), ("slow", 300))}
    monkeypatch.setattr(timing, "_emptying", lambda: lambda one: emptied.append(one.variant))
    times = alternate(both, 4, lambda: clock.now, cold=True)
    assert emptied == ["fast", "slow", "slow", "fast"] * 2
    assert clock.calls[-8:] == [(name, 1) for name in emptied]
    assert (times["fast"].calls, times["fast"].least) == (1, pytest.approx(1e-7))


def test_a_very_long_call_has_few_rounds() -> None:
    clock = Clockwork()
    both = {"long": clock.contestant("long", 10**9), "short": clock.contestant("short", 10**6)}
    times = alternate(both, 9, lambda: clock.now)
    assert (times["long"].rounds, times["short"].rounds) == (3, 9)
    assert times["long"].least == pytest.approx(1)


def test_a_disturbed_round_moves_neither_least_nor_median() -> None:
    clock = Clockwork()
    steady = clock.contestant("steady", 2_000_000)
    disturbed = 0

    def loop(calls: int) -> None:
        nonlocal disturbed
        steady.loop(calls)
        disturbed += 1
        clock.now += 10**9 * (disturbed == 5)

    found = alternate({"it": Contestant("it", loop, steady.output, channels_last=True)}, 5, lambda: clock.now)["it"]
    assert (found.least, found.median) == (pytest.approx(2e-3), pytest.approx(2e-3))


def test_a_loop_in_python_calls_as_often_as_it_says() -> None:
    called: list[int] = []
    from_python(lambda: called.append(1))(7)
    assert len(called) == 7


def test_the_peak_is_the_vectors_and_memory_gets_slower_outwards() -> None:
    if compilers.find() is None:
        pytest.skip("no C compiler")

    def peak(machine: Machine) -> float:
        return machine.flops / alternate({"fma": machine.contestant}, 10)["fma"].least

    machine = Machine(native())
    assert 0.5e9 < peak(Machine(TARGETS["scalar"])) < peak(machine) < 1e12
    assert np.isfinite(machine.contestant.output()).all()
    bandwidths = list(machine.bandwidths())
    assert [one.level for one in bandwidths][-1] == "DRAM"
    assert bandwidths[0].read > 1.5 * bandwidths[-1].read
    assert all(near.bytes < far.bytes for near, far in pairwise(bandwidths))


def row(label: str, name: Any, ours_: float, **others: float) -> Row:
    entries = {who: Entry("x", Times(least, 2 * least, 1, 3), 1e-7) for who, least in {OURS: ours_, **others}.items()}
    moved = {"A": 1000, "B": 4_000_000, "C": 100_000}[label]
    return Row(label, label.lower(), name, 2_000_000, moved, entries, {"SciPy": "does not serve this layer"})


REPORT = Report(
    target="avx2",
    threads=1,
    rounds=3,
    peak=100e9,
    bandwidths=(Bandwidth("L1", 1 << 14, 200.0, 100.0), Bandwidth("DRAM", 1 << 27, 20.0, 9.0)),
    versions={"ONNX": "onnxruntime 1", "LiteRT": "litert 2", "LIBXSMM": "LIBXSMM 1.17"},
    missing={"OpenVINO": "pip install openvino"},
    rows=(
        row("A", "python", 25e-6, ONNX=50e-6, LiteRT=100e-6),
        row("A", "c", 20e-6, LIBXSMM=40e-6),
        row("B", "python", 8e-6, ONNX=4e-6),
        row("B", "c", 4e-6, LIBXSMM=32e-6),
        row("C", "c", 40e-6),
    ),
)


def test_ratios_are_to_the_best_peer_by_least_times() -> None:
    assert [one.best for one in REPORT.rows] == ["ONNX", "LIBXSMM", "ONNX", "LIBXSMM", None]
    assert [one.ratio for one in REPORT.rows] == [pytest.approx(2), pytest.approx(2), 0.5, 8, None]
    assert REPORT.mean("python") == pytest.approx(1)
    assert REPORT.mean("c") == pytest.approx(4)
    assert REPORT.overall() == pytest.approx((2 * 1) ** 0.5)  # A: 40 over 20 µs; B: ONNX's 4 over our 4
    assert REPORT.rows[1].share(REPORT.peak) == pytest.approx(1)
    assert geometric_mean([]) is None


def test_our_own_layer_with_its_length_is_no_peer() -> None:
    found = row("A", "python", 50e-6, ONNX=100e-6, **{TOLD: 40e-6})
    assert (found.best, found.ratio, found.freedom) == ("ONNX", pytest.approx(2), pytest.approx(1.25))
    text = table.text(replace(REPORT, rows=(found,)), width=200, colour=False)
    line = next(line for line in text.splitlines() if "│ A" in line)
    assert line.replace("│", " ").split() == ["A", "a", "50", "40", "100", "2.00", "1.25", "40.0"]


def test_the_document_is_json_with_a_row_for_each_case_and_table() -> None:
    found = json.loads(json.dumps(REPORT.document(), allow_nan=False))
    assert found["peak_gflops"] == 100
    assert [(one["label"], one["table"]) for one in found["rows"]] == [
        ("A", "python"), ("A", "c"), ("B", "python"), ("B", "c"), ("C", "c")
    ]  # fmt: skip
    assert found["rows"][0]["entries"]["ONNX"] == {
        "variant": "x", "error": 1e-7, "least": 50e-6, "median": 100e-6, "calls": 1, "rounds": 3
    }  # fmt: skip
    assert found["geometric_mean"]["c"] == pytest.approx(4)


def test_the_table_says_times_ratios_and_who_is_missing() -> None:
    text = table.text(REPORT, width=None, colour=False)
    assert "\x1b" not in text
    line = next(line for line in text.splitlines() if "│ A" in line and "50" in line)
    assert line.replace("│", " ").split() == ["A", "a", "25", "50", "100", "2.00", "80.0"]
    assert "geometric mean of best peer / ours: from Python 1.00, from C 4.00, best of both 1.41" in text
    assert "missing: OpenVINO (pip install openvino)" in text
    assert "\x1b[" in table.text(REPORT, width=100, colour=True)


def test_the_picture_has_a_bar_for_each_ratio_and_a_dot_for_each_case() -> None:
    tree = ElementTree.fromstring(picture.draw(replace(REPORT, cpu="A CPU", day="2026-11-29").document()))
    name = "{http://www.w3.org/2000/svg}"
    titles = [node.findtext(f"{name}title") for node in tree.iter(f"{name}rect")]
    assert [title for title in titles if title][:2] == [
        "a from Python: 2.00 times as fast as ONNX",
        "a from C: 2.00 times as fast as LIBXSMM",
    ]
    assert len([title for title in titles if title]) == 4
    dots = list(tree.iter(f"{name}circle"))
    assert len(dots) == 3
    told = [dot.findtext(f"{name}title") for dot in dots]  # from few FLOP a byte to many
    assert told[0] == "b: 500.0 GFLOP/s, 500 % of the peak"
    assert told[2] == "a: 100.0 GFLOP/s, 100 % of the peak"
    said = {node.text for node in tree.iter(f"{name}text")}
    assert {"peak 100 GFLOP/s", "L1 200 GB/s", "DRAM 20 GB/s", "GFLOP/s", "a", "b", "c"} <= said
    assert {"0.50 ONNX", "8.00 LIBXSMM", "A CPU, 2026-11-29, 1 thread, least of 3 rounds"} <= said
    assert "onnxruntime 1, litert 2, LIBXSMM 1.17" in said


def test_the_picture_of_the_docs_is_that_of_its_runs() -> None:
    """`python docs/write_bench.py` draws it; layers of known lengths, and of any."""
    docs = Path(__file__).resolve().parents[2] / "docs"
    runs = json.loads((docs / "bench.json").read_text("utf-8"))
    assert picture.draw(*runs) == (docs / "bench.svg").read_text("utf-8")
    assert [shown.of(run).free for run in runs] == [False, True]
    assert all(run["cpu"] and run["day"] and run["versions"] for run in runs)


def test_names_in_the_picture_lie_on_nothing() -> None:
    """Forty layers near one another: no name on another one or on a dot, and all inside."""
    random = np.random.default_rng(3)
    figures = zip(random.uniform(0.8, 2.2, (40, 2)).tolist(), range(40), strict=True)
    lines = tuple(Line(f"layer_{at}", {"c": (1.5, "Peer")}, 1e9 * 10**up, 10**across) for (across, up), at in figures)
    run = Shown("avx2", ("told",), 100e9, (("L1", 200e9),), lines)
    tree = ElementTree.fromstring(picture.drawn([run]))
    name = "{http://www.w3.org/2000/svg}"
    words = [one for one in tree.iter(f"{name}text") if one.attrib["font-size"] == "9" and "layer" in (one.text or "")]
    assert len(words) >= 38, "there is room for nearly all"
    rooms = [_taken(one) for one in words]
    for place, one in enumerate(rooms):
        assert not any(roofline._meet(one, other) for other in rooms[place + 1 :])
        for dot in tree.iter(f"{name}circle"):
            x, y = float(dot.attrib["cx"]), float(dot.attrib["cy"])
            assert not roofline._meet(one, (x - 3, y - 3, x + 3, y + 3))


def _taken(one: ElementTree.Element) -> tuple[float, float, float, float]:
    place = float(one.attrib["x"]), float(one.attrib["y"])
    return roofline._room(*place, one.text or "", one.attrib["text-anchor"], 9)


def test_a_peer_that_answers_wrong_is_told_and_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def contestants(case: cases.Case, threads: int) -> Iterator[Contestant]:
        y = case.exact.astype(np.float32)
        y[0, 0] += 1
        yield Contestant("fast", lambda calls: None, lambda: y, channels_last=True)

    def fails(case: cases.Case, threads: int) -> Iterator[Contestant]:
        raise MemoryError("no room\nat all")

    liar = SimpleNamespace(NAME="Liar", PACKAGE="", version=lambda: "1", contestants=contestants)
    weak = SimpleNamespace(NAME="Weak", PACKAGE="", version=lambda: "1", contestants=fails)
    monkeypatch.setattr(peers, "from_python", lambda words: [liar, weak])
    report = contest.run(cases.cases(["Q"]), contest.Settings(tables=("python",), rounds=1))
    (found,) = report.rows
    assert set(found.entries) == {OURS}
    assert "fast is off by" in found.absent["Liar"]
    assert found.absent["Weak"] == "no room"


def test_our_own_wrong_answer_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        ours, "python", lambda case, kernel: Contestant("", lambda n: None, lambda: case.exact * 2, True)
    )
    with pytest.raises(VerificationError, match="Q: our own answer is off by 1 "):
        contest.run(cases.cases(["Q"]), contest.Settings(peers=(), tables=("python",), rounds=1))


def test_the_fastest_right_variant_stands_for_a_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clockwork()

    def contestants(case: cases.Case, threads: int) -> Iterator[Contestant]:
        for name, nanoseconds in (("slow", 900), ("fast", 300), ("middle", 500)):
            loop = clock.contestant(name, nanoseconds).loop
            yield Contestant(name, loop, lambda: case.exact, channels_last=True)

    peer = SimpleNamespace(NAME="Peer", PACKAGE="", version=lambda: "1", contestants=contestants)
    settings = contest.Settings(clock=lambda: clock.now)
    chosen = contest._fittest(next(cases.cases(["Q"])), peer, settings, contest.Pace())
    assert (chosen.one.variant, chosen.error, chosen.first) == ("fast", 0, 300)


def test_a_peer_that_takes_seconds_is_called_once_for_each_variant() -> None:
    clock = Clockwork()

    def contestants(case: cases.Case, threads: int) -> Iterator[Contestant]:
        for name, seconds in (("slow", 26), ("slower", 40)):
            loop = clock.contestant(name, seconds * 10**9).loop
            yield Contestant(name, loop, lambda: case.exact, channels_last=True)

    peer = SimpleNamespace(NAME="Peer", PACKAGE="", version=lambda: "1", contestants=contestants)
    settings = contest.Settings(clock=lambda: clock.now)
    chosen = contest._fittest(next(cases.cases(["Q"])), peer, settings, contest.Pace())
    both = {"peer": chosen.one, "short": clock.contestant("short", 10**6)}
    times = alternate(both, 4, lambda: clock.now, firsts={"peer": chosen.first})
    assert [name for name, _ in clock.calls if name != "short"] == ["slow", "slower"]
    assert (times["peer"], times["short"].rounds) == (Times(26, 26, 1, 1), 4)


def test_a_variant_is_not_called_whose_longer_input_would_take_minutes() -> None:
    """A call of 3 seconds at 100 steps is one of 30 at 1,000: only the other variant is called there."""
    clock = Clockwork()

    def contestants(case: cases.Case, threads: int) -> Iterator[Contestant]:
        for name, seconds in (("slow", 0.03), ("quick", 0.001)):
            loop = clock.contestant(name, round(seconds * case.steps * 10**9)).loop
            yield Contestant(name, loop, lambda: case.exact, channels_last=True)

    peer = SimpleNamespace(NAME="Peer", PACKAGE="", version=lambda: "1", contestants=contestants)
    settings, pace = contest.Settings(clock=lambda: clock.now), contest.Pace()
    short, long = cases.cases(["Q"], steps=(100, 1000))
    assert {each.one.variant for each in contest._right(short, peer, settings, pace)} == {"slow", "quick"}
    assert [each.one.variant for each in contest._right(long, peer, settings, pace)] == ["quick"]
    assert [name for name, _ in clock.calls] == ["slow", "quick", "quick"]
    peer.contestants = lambda case, threads: [next(contestants(case, threads))]
    with pytest.raises(ValueError, match=r"not called: 100 steps took 3\.0 s, so these would take 30 s"):
        list(contest._right(long, peer, settings, pace))


@pytest.mark.parametrize("order", ["channels_last", "channels_first"])
def test_the_answer_by_a_transform_is_the_definition(order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "MANY", 0)
    monkeypatch.setattr(exact, "TOGETHER", 1 << 12)
    sizes = {"channels_last": order == "channels_last", "pad_left": 5, "pad_right": 400}
    for problem in (
        ConvProblem(700, 3, 3, 300, groups=3, **sizes),
        ConvProblem(700, 4, 6, 260, stride=3, groups=2, **sizes),
        ConvProblem(900, 1, 2, 256, dilation=2, **sizes),
    ):
        rng = np.random.default_rng(1)
        shape = (2, 900, problem.channels) if problem.channels_last else (2, problem.channels, 900)
        x, kernel, bias = (rng.standard_normal(size) for size in (shape, problem.kernel_shape, problem.filters))
        found = exact.answer(problem, x, kernel, bias)
        assert np.abs(found - reference.convolve(problem, x, kernel, bias)).max() < 1e-11


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")  # what the command sets is taken back after the test

    def go(*words: str) -> tuple[int, str, str]:
        code = main.main(["bench", *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return go


def test_the_command_prints_tables_and_writes_json_and_picture(run: Run, tmp_path: Path) -> None:
    code, out, err = run("Q", "--peers", "plain", "--rounds", "2", "--json", "b.json", "--picture", "b.svg")
    assert code == 0
    assert "from Python: least µs a call" in out
    assert "from C: least µs a call" in out
    assert "Q tiny from c" in err
    document = json.loads((tmp_path / "b.json").read_text())
    found = document["bench"]
    assert (document["command"], document["ok"], found["target"]) == ("bench", True, native().name)
    entry = found["rows"][1]["entries"]["plain C"]
    assert 1e-9 < entry["least"] <= entry["median"] < 1
    assert found["rows"][1]["ratio"] == pytest.approx(entry["least"] / found["rows"][1]["entries"][OURS]["least"])
    assert ElementTree.parse(tmp_path / "b.svg").getroot().tag.endswith("svg")


def test_a_layer_is_timed_without_its_length_beside_itself_with_it(run: Run, tmp_path: Path) -> None:
    words = ("--free", "--steps", "5,40", "--cold", "--peers", "none", "--rounds", "2", "--json", "b.json", "-q")
    assert run("Q", *words, "--from", "python")[0] == 0
    found = json.loads((tmp_path / "b.json").read_text())["bench"]["rows"]
    assert [one["label"] for one in found] == ["Q@5", "Q@40"]
    for one in found:
        ours_, told = (one["entries"][name]["least"] for name in (OURS, TOLD))
        assert one["freedom"] == pytest.approx(ours_ / told)
        assert {entry["calls"] for entry in one["entries"].values()} == {1}
    code, _, err = run("Q", "--steps", "5,x")
    assert (code, "`x`: expected a whole number from 1 to 65535" in err) == (2, True)


@pytest.mark.parametrize("option", ["--json", "--picture"])
def test_a_file_that_cannot_be_written_is_told_before_the_work(run: Run, tmp_path: Path, option: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    for place, told in {"fifo": "`fifo` is a FIFO", ".": "`.` is a folder", "no/b.json": "no folder `no`"}.items():
        code, out, err = run("Q", "--peers", "none", "--rounds", "1", option, place)
        assert (code, out, told in err, "Q tiny" in err) == (2, "", True, False)


def test_two_threads_are_timed_from_python_alone(run: Run, tmp_path: Path) -> None:
    code, _, _ = run("E", "--threads", "2", "--peers", "none", "--rounds", "2", "--json", "b.json", "-q")
    assert code == 0
    found = json.loads((tmp_path / "b.json").read_text())["bench"]
    assert [(one["label"], one["table"]) for one in found["rows"]] == [("E", "python")]
    (row,) = found["rows"]
    rate = row["flops"] / row["entries"][OURS]["least"]
    assert row["share_of_peak"] == pytest.approx(rate / (2e9 * found["peak_gflops"]))


def test_a_peer_that_is_not_there_is_named_with_its_package(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)  # as if it were not installed
    absent = drivers.CPeer("Absent", "apt install absent", "plain", ("-lno-such-library",))
    monkeypatch.setitem(peers.C, "plain", absent)
    code, out, _ = run("Q", "--peers", "scipy,plain", "--rounds", "1", "-q")
    assert code == 0
    assert "missing: SciPy (pip install scipy)" in out
    assert "missing: Absent (apt install absent)" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("Z",), "neither a shape"),
        (("Q", "--rounds", "0"), "whole number from 1"),
        (("Q", "--peers", "numpy"), "unknown peer `numpy`"),
        (("Q", "--target", "neon" if native().name != "neon" else "avx2"), "cannot run target"),
        (("Q", "--accuracy", "sloppy", "--peers", "none"), "sloppy"),
        (("Q", "--threads", "2", "--from", "c"), "one thread"),
        (("Q", "--json", "no/such/folder/b.json", "--peers", "none", "--rounds", "1"), "no/such/folder"),
    ],
)
def test_wrong_words_are_told_on_standard_error(run: Run, words: tuple[str, ...], said: str) -> None:
    code, out, err = run(*words)
    assert code == 2
    assert said in err
    assert "{" not in out

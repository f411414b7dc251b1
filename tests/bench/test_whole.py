"""The benchmark in int8: each code is held to the definition, a peer's to within one, and floats stand beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from codegen.bench import case as cases
from codegen.bench import one_table
from codegen.bench.contest import Settings
from codegen.bench.contestant import Contestant
from codegen.bench.results import EXACT, OURS
from codegen.bench.whole import contest
from codegen.bench.whole.case import Whole
from codegen.cli import main
from codegen.errors import VerificationError
from codegen.problem import reference

LAYERS = """
conv1d dense { input_shape = (40, 6), filters = 10, kernel_size = 4, dilation_rate = 3, padding = causal }
conv1d grouped { input_shape = (33, 8), filters = 12, kernel_size = 5, strides = 2, groups = 4, padding = same }
depthwise_conv1d alone { input_shape = (33, 8), kernel_size = 4, depth_multiplier = 2 }
"""


def wholes(folder: Path) -> list[Whole]:
    (folder / "some.conv").write_text(LAYERS)
    return [Whole(case) for case in cases.cases([str(folder / "some.conv")], batch=2)]


def test_the_answers_are_the_definition(tmp_path: Path) -> None:
    for case in wholes(tmp_path):
        named = dict(zip(case.spec.weight_shapes(), case.weights, strict=True))
        kernel, *operands = case.spec.problem_arrays(named)
        assert kernel is not None
        expected = reference.convolve(case.spec.problem, case.x, kernel, *operands, dtype="int64")
        assert np.array_equal(case.exact, expected), case.spec.name
        assert len(np.unique(case.exact)) > 60, case.spec.name


def test_codes_with_and_without_a_sign_are_compared(tmp_path: Path) -> None:
    case = wholes(tmp_path)[0]
    more = (case.exact.astype(np.int16) + 128).astype(np.uint8)
    assert case.off(more, channels_last=True) == 0
    assert case.off(more.swapaxes(1, 2), channels_last=False) == 0
    more[0, 0, 0] += 3 if more[0, 0, 0] < 200 else -3
    assert case.off(more, channels_last=True) == 3
    assert case.rows("uint8").min() == int(case.x.min()) + 128


@pytest.mark.compiles
def test_a_peer_stands_beside_our_int8_and_our_floats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def contestants(case: Whole, threads: int) -> Iterator[Contestant]:
        for variant, off in (("near", 1), ("far", 2)):
            y = np.clip(case.exact.astype(int) + off, -128, 127).astype(np.int8)
            yield Contestant(variant, lambda calls: None, lambda y=y: y, channels_last=True)  # type: ignore[misc]

    def wrong(case: Whole, threads: int) -> Iterator[Contestant]:
        yield Contestant("all", lambda calls: None, lambda: -case.exact, channels_last=True)

    some = [SimpleNamespace(NAME=name, contestants=of) for name, of in (("Peer", contestants), ("W", wrong))]
    monkeypatch.setattr(one_table, "_roll_call", lambda *asked: (some, {"Peer": "1"}, {}))
    given = [case.case for case in wholes(tmp_path)[:1]]
    (row,) = contest.run(given, Settings(rounds=1)).rows
    assert set(row.entries) == {OURS, EXACT, "Peer"}
    assert (row.entries["Peer"].variant, row.best) == ("near", "Peer")
    assert row.absent["W"].startswith("all is off by")

    class Off(Whole):
        def off(self, y: Any, *, channels_last: bool) -> int:
            return 2

    monkeypatch.setattr(contest, "Whole", Off)
    with pytest.raises(VerificationError, match="a code of our own is off by 2"):
        contest.run(given, Settings(rounds=1))


def test_int8_is_from_python_and_of_a_known_length(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("--free",), ("--from", "c"), ("--training",)):
        assert main.main(["bench", "Q", "--int8", *words]) == 2
        assert "leave the other tables and --free out" in capsys.readouterr().err

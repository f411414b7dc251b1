"""Chain: what is asked of any problem is answered by it as by one convolution; stages that do not fit are told."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.errors import PlanError
from codegen.functions import activations
from codegen.problem import problem as kinds
from codegen.problem import reference
from codegen.problem.chain import Chain, separable
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue
from codegen.problem.stages import ending

ROOM = Path(kinds.__file__).parent.parent


def link(*sizes: Any, **more: Any) -> ConvProblem:
    """A stage without a bias or an activation: (steps, channels, filters, kernel_size)."""
    return ConvProblem(*sizes, **{"epilogue": Epilogue(), **more})


INVERTED = Chain.of(
    {
        "expand": link(23, 5, 12, 1),
        "filter": link(None, 12, 12, 3, groups=12, pad_left=2),
        "project": ConvProblem(None, 12, 5, 1),
    }
)
UP_AND_DOWN = Chain.of(
    {"up": link(30, 6, 12, 4, up=3, pad_left=2, pad_right=2), "down": link(None, 12, 8, 5, stride=2, pad_left=2)}
    | {"last": ConvProblem(None, 8, 4, 3, pad_left=1, pad_right=1)}
)


def test_every_kind_answers_all_that_is_asked() -> None:
    """The list in problem.py's docstring, on which a further kind is built."""
    asked = set(re.findall(r"`(\w+)`", kinds.__doc__.split("What only one kind")[0]))
    assert {"steps", "kernel_shape", "out_steps", "walk", "told", "with_epilogue"} <= asked
    for problem in (ConvProblem(9, 2, 3, 2), INVERTED):
        assert not [name for name in asked if not hasattr(problem, name)]


def test_few_ask_for_the_kind() -> None:
    """The words for people and for wisdom, C of gradients and of an operator; all else asks what every kind answers."""
    found = {
        path.relative_to(ROOM).as_posix()
        for path in ROOM.rglob("*.py")
        if re.search(r"isinstance\([^()]*\b(Chain|ConvProblem)\b", path.read_text("utf-8"))
    }
    assert found == {"emission/banner.py", "machine/wisdom.py", "gradients/emit.py", "planning/causal.py"}


@pytest.mark.long
def test_a_stage_that_stands_changes_no_length() -> None:
    """A convolution with a single tap behind it answers as it does alone, at all lengths."""
    rng = np.random.default_rng(1)
    for _ in range(200):
        size, dilation, stride, up = (int(rng.choice(of)) for of in ((1, 2, 5), (1, 3), (1, 2, 3), (1, 1, 2, 3)))
        pads = rng.integers(0, size * dilation + 2, 2).tolist()
        alone = link(None, 2, 3, size, stride, dilation, 1, *pads, up=up)
        chain = Chain.of({"first": alone, "second": link(None, 3, 4, 1)})
        for name in (
            "channels",
            "stride",
            "up",
            "receptive_field",
            "past",
            "phases",
            "channels_last",
            "dtype",
            "format",
        ):
            assert getattr(chain, name) == getattr(alone, name), name
        assert chain.walk == alone or size == stride == up == 1
        assert chain.reach == (alone.reach if up == 1 else alone.receptive_field)
        for steps in range(20):
            assert chain.out_steps(steps) == alone.out_steps(steps)
            assert chain.macs(steps) == alone.macs(steps) + 12 * alone.out_steps(steps)
            if up == 1:
                assert chain.pads(steps) == alone.pads(steps)
            assert chain.at_length(steps).out_steps(steps) == alone.out_steps(steps)


@pytest.mark.long
def test_lengths_are_those_of_the_stages_in_turn() -> None:
    """What an output may read, and how many there are at most, held to the reference's own outputs of impulses."""
    rng, reached = np.random.default_rng(2), 0
    for _ in range(60):
        stages = {}
        for name in "abc"[: int(rng.integers(2, 4))]:
            size, stride, up = (int(rng.choice(of)) for of in ((1, 2, 3), (1, 1, 2), (1, 1, 2)))
            stages[name] = link(None, 1, 1, size, stride, pad_left=int(rng.integers(0, 3)), up=up)
        chain, steps = Chain.of(stages), 24
        reads = np.zeros((chain.out_steps(steps), steps), bool)
        for at in range(steps):
            x = np.zeros((1, steps, 1), int)
            x[0, at] = 1
            kernel = np.ones(chain.kernel_shape, int)
            reads[:, at] = reference.convolve(chain, x, kernel, dtype="int64")[0, :, 0] > 0
        spans = [int(np.flatnonzero(row)[-1] - np.flatnonzero(row)[0] + 1) for row in reads if row.any()]
        assert max(spans, default=0) <= chain.receptive_field
        reached += max(spans, default=0) == chain.receptive_field
        assert len(reads) <= (steps * chain.up + chain.past) / chain.stride
    assert reached > 30


def test_what_is_asked_of_any_problem() -> None:
    """By hand: 23 steps of 5 channels, 12 between, 5 filters; strided and spread stages change the rate."""
    assert (INVERTED.channels, INVERTED.filters, INVERTED.out_steps(23)) == (5, 5, 23)
    assert (INVERTED.in_shape(2, 23), INVERTED.out_shape(2, 23)) == ((2, 23, 5), (2, 23, 5))
    assert INVERTED.kernel_shape == (5 * 12 + 3 * 12 + 12 * 5,)
    assert INVERTED.macs(23) == 23 * (5 * 12 + 3 * 12 + 12 * 5) == 23 * INVERTED.products
    assert (INVERTED.receptive_field, INVERTED.pads(23), INVERTED.walk) == (3, (2, 0), INVERTED.stages[1])
    chain = UP_AND_DOWN
    assert [stage.steps for stage in chain.stages] == [30, 89, 44]
    assert (chain.up, chain.stride, chain.out_steps(30), chain.walk) == (3, 2, 44, None)
    assert chain.receptive_field == 4  # 3 outputs, 9 samples between, 12 of the input with zeros between
    assert (3 * 30 + chain.past) // chain.stride == 44


@pytest.mark.parametrize(
    ("names", "changes", "message"),
    [
        (
            ("a", "b"),
            {"channels": 4},
            "`b` reads 21 steps of 4 channels, .* and `a` before it makes 21 steps of 6 ",
        ),
        (("a", "b"), {"steps": 20}, "`b` reads 20 steps"),
        (("a", "b"), {"dtype": "float64"}, "float64"),
        (("a", "a"), {}, "each with a name of its own; got 2 with the names a, a"),
    ],
)
def test_stages_that_do_not_fit(names: tuple[str, str], changes: dict[str, Any], message: str) -> None:
    second = replace(link(21, 6, 2, 1), **changes)
    with pytest.raises(PlanError, match=message):
        Chain((link(23, 5, 6, 3), second), names)


def test_a_stage_may_have_an_epilogue_of_its_own() -> None:
    """In the reference: a bias and a relu between, the biases one after the other; and the bound covers float32."""
    first = ConvProblem(50, 4, 6, 3, epilogue=ending(activation=activations.get("relu")))
    chain = Chain.of({"a": first, "b": ConvProblem(None, 6, 5, 2, pad_left=1)})
    rng = np.random.default_rng(2)
    x, kernel, bias = (rng.standard_normal(shape).astype("f") for shape in ((2, 50, 4), chain.kernel_shape, (11,)))
    between = np.maximum(
        reference.convolve(replace(first, epilogue=ending()), x, kernel[:72].reshape(3, 4, 6), bias[:6]), 0
    )
    expected = reference.convolve(chain.stages[1], between, kernel[72:].reshape(2, 6, 5), bias[6:])
    assert np.array_equal(reference.convolve(chain, x, kernel, bias), expected)
    allowed = reference.bound(chain, x, kernel, bias)
    single = between.astype("f")
    rounded = reference.convolve(chain.stages[1], single, kernel[72:].reshape(2, 6, 5), bias[6:], dtype="float32")
    share = np.abs(rounded - expected) / allowed
    assert 0.005 < share.max() < 1


def test_a_separable_layer_is_one_sum() -> None:
    whole = ConvProblem(30, 4, 6, 3, dilation=2)
    assert separable(whole, 2).mixes_channels
    assert not INVERTED.mixes_channels
    each = separable(whole, 2).stages[0]
    assert (each.filters, each.groups, each.epilogue) == (8, 4, Epilogue())

"""State: a stream's arithmetic, held to a stream in NumPy: any split has the bits of the whole, and keeps no more."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from codegen.errors import PlanError
from codegen.functions import activations
from codegen.problem import reference
from codegen.problem.chain import Chain, separable
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.problem import Problem
from codegen.problem.stages import ending
from codegen.problem.state import State
from codegen.specs.kinds import Conv1DSpec, Conv1DTransposeSpec
from tests.support.streams import Stream

RELU = activations.get("relu")


def drawn(rng: np.random.Generator, channels: int | None = None) -> ConvProblem:
    """A random convolution; some read zeros before all input, leave steps out, or pad beyond their reach."""
    groups = int(rng.choice([1, 1, 2, 3]))
    channels = channels or groups * int(rng.integers(1, 3))
    groups = groups if channels % groups == 0 else 1
    up, size, dilation = (int(rng.choice(of)) for of in ((1, 1, 1, 2, 3, 5), (1, 2, 3, 4, 7), (1, 1, 2, 3)))
    most = dilation * (size - 1) + 3
    problem = ConvProblem(
        None,
        channels,
        groups * int(rng.integers(1, 4)),
        size,
        stride=int(rng.choice([1, 1, 2, 3, 4])),
        dilation=dilation,
        groups=groups,
        pad_left=int(rng.integers(0, most)),
        pad_right=int(rng.integers(0, most)),
        up=up,
        channels_last=bool(rng.integers(2)),
        epilogue=ending(bool(rng.integers(2)), RELU if rng.integers(2) else activations.LINEAR),
    )
    if problem.stride == 2 and up == 1 and problem.reach % 2 == 0:  # the one `same` with a stride that can stream
        return replace(problem, centred=True, pad_left=(problem.reach - 1) // 2, pad_right=problem.reach // 2)
    return problem


def any_problem(rng: np.random.Generator) -> Problem:
    """A convolution, a separable one, or a chain of up to four."""
    first = drawn(rng)
    if rng.random() < 0.4:
        return first
    if rng.random() < 0.3:
        return separable(replace(first, groups=1, up=1), int(rng.integers(1, 3)))
    found = [first]
    for _ in range(int(rng.integers(1, 4))):
        found.append(drawn(rng, found[-1].out_filters))
    return Chain.of({f"stage_{number}": stage for number, stage in enumerate(found)})


def whole_numbers(rng: np.random.Generator, problem: Problem, steps: int) -> tuple[Any, Any, Any]:
    """x, a kernel and the biases, int64; None for no biases."""
    biases = sum(stage.filters for stage in problem.stages if stage.bias)
    shapes = problem.in_shape(2, steps), problem.kernel_shape, (biases,)
    x, kernel, bias = (rng.integers(-3, 4, shape) for shape in shapes)
    return x, kernel, bias if biases else None


def split(rng: np.random.Generator, steps: int) -> list[int]:
    """Blocks of any number of steps, none among them."""
    cuts = np.sort(rng.integers(0, steps + 1, int(rng.integers(0, 2 * steps + 2))))
    return [int(b) - int(a) for a, b in pairwise([0, *cuts.tolist(), steps])]


@pytest.mark.long
def test_any_split_has_the_bits_of_the_whole() -> None:
    """200 problems of all kinds; the stream holds no step beyond its history, and every count is the one told."""
    rng = np.random.default_rng(1)
    flushed = first_block = 0
    for _ in range(200):
        problem, steps = any_problem(rng), int(rng.integers(0, 40))
        x, kernel, bias = whole_numbers(rng, problem, steps)
        blocks = split(rng, steps)
        stream = Stream(problem, kernel, bias, batch=2)
        exact = reference.convolve(problem, x, kernel, bias, dtype="int64")
        assert np.array_equal(stream.whole(x, blocks), exact), problem
        done = 0
        for block in blocks:
            outs = stream.state.outputs(done, block)
            assert 0 <= outs <= stream.state.max_out(block)
            first_block += outs > 0 and not done
            done += block
        rest = stream.state.flushed(steps)
        assert stream.state.outputs(0, steps) + rest == problem.out_steps(steps)
        assert rest >= 0
        flushed += rest > 0
    assert flushed > 50
    assert first_block > 50


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_what_is_told_is_reached(seed: int) -> None:
    """Of 100 problems: the history, the most outputs of a block and the latency are those that are seen, not more."""
    rng = np.random.default_rng(seed)
    for _ in range(100):
        state = State(drawn(rng))
        (stage,), p = state.stages, state.problem
        seen = {done: stage.outputs(done) for done in range(400)}
        kept = max(done - stage.first_kept(done) for done in range(1, 400))
        assert max(0, kept) <= stage.history
        assert stage.history - max(0, kept) <= (p.stride > 1)  # a stride may never stand where most is read
        for steps in (0, 1, 2, 3, 7, 20):
            assert state.max_out(steps) == max(seen[done + steps] - seen[done] for done in range(300))
        come = {t: done for done in reversed(range(1, 400)) for t in range(seen[done - 1], seen[done])}
        late = max((done - 1 - t * p.stride // p.up for t, done in come.items()), default=0)
        assert state.latency == max(0, late)


@pytest.mark.long
def test_the_latency_of_a_chain_is_what_is_seen() -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        problem = any_problem(rng)
        state, up, stride = State(problem), problem.up, problem.stride
        seen = [state.reached(done)[-1] for done in range(700)]
        come = {t: done for done in range(1, 700) for t in range(seen[done - 1], seen[done])}
        assert state.latency == max(0, *(done - 1 - t * stride // up for t, done in come.items()))
        for steps in (1, 5, 64):
            assert max(seen[done + steps] - seen[done] for done in range(600)) <= state.max_out(steps)


@pytest.mark.parametrize(
    ("spec", "history", "latency"),
    [
        (Conv1DSpec(filters=2, kernel_size=3, dilation_rate=4, padding="causal", input_shape=(None, 5)), 8, 0),
        (Conv1DSpec(filters=2, kernel_size=5, padding="same", input_shape=(None, 5)), 4, 2),
        (Conv1DSpec(filters=2, kernel_size=5, padding="valid", input_shape=(None, 5)), 4, 4),
        (Conv1DSpec(filters=2, kernel_size=2, strides=6, padding="valid", input_shape=(None, 5)), 1, 1),
        (Conv1DSpec(filters=2, kernel_size=16, strides=2, padding="same", input_shape=(None, 5)), 15, 8),
        (Conv1DTransposeSpec(filters=2, kernel_size=7, strides=3, padding="valid", input_shape=(None, 5)), 2, 0),
        (Conv1DTransposeSpec(filters=2, kernel_size=2, strides=3, padding="valid", input_shape=(None, 5)), 0, 0),
    ],
)
def test_layers_by_hand(spec: Any, history: int, latency: int) -> None:
    state = State(spec.lower())
    assert (state.history, state.latency) == ((history,), latency)
    assert (state.numbers, state.bytes) == (5 * history, 20 * history)


@pytest.mark.long
@pytest.mark.parametrize("ups", [(1, 1, 1), (1, 2, 1), (3, 1, 2)])
def test_silence_for_as_long_as_is_told_is_endless(ups: tuple[int, ...]) -> None:
    """What comes after it, and what is kept, does not depend on how much longer it was."""
    rng = np.random.default_rng(7)
    for _ in range(40):
        stages = [replace(drawn(rng, 2), groups=1, filters=2, up=up, epilogue=ending()) for up in ups]
        problem = Chain.of({f"stage_{number}": stage for number, stage in enumerate(stages)})
        x, kernel, bias = whole_numbers(rng, problem, 40)
        settled, period = State(problem).settled, problem.stride
        assert settled % period == 0
        heard = []
        for silence in (settled, settled + period, settled + 3 * period):
            stream = Stream(problem, kernel, bias, batch=2)
            stream.process(np.zeros(problem.in_shape(2, silence), int))
            heard.append((stream.process(x), [stage.kept for stage in stream.stages]))
        for y, kept in heard[1:]:
            assert np.array_equal(y, heard[0][0])
            assert all(map(np.array_equal, kept, heard[0][1]))


def test_what_cannot_stream_says_why_and_the_way_out() -> None:
    same = Conv1DSpec(filters=2, kernel_size=5, strides=3, padding="same", input_shape=(None, 4)).lower()
    with pytest.raises(PlanError, match="the zeros on the left depend on the input's length") as told:
        State(same)
    assert str(told.value).startswith("`kernel` cannot stream: ")
    assert "from 1 to 2 with a reach of 5 and a stride of 3" in str(told.value)
    assert str(told.value).endswith("give padding = (2, 0) or causal")
    chain = Chain.of({"first": ConvProblem(None, 4, 4, 1), "second": replace(same, channels=4)})
    with pytest.raises(PlanError, match="`second` cannot stream: "):
        State(chain)
    settled = same.at_length(64)  # of one length the padding is known
    assert State(settled).history == (4,)

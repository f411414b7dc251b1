"""What streams in a model beside plain convolutions: decoders, frames, padded pools; the input's rate, silence."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.graph import reference
from codegen.graph.plans import streamed
from codegen.machine import compilers, model_stream
from codegen.machine.model_stream import blockwise
from tests.graph.test_model_streams import NET, ask

needs_compiler = pytest.mark.skipif(compilers.find() is None, reason="needs a C compiler")

DECODER = """
conv1d_transpose up { filters = 4, kernel_size = 7, strides = 3, padding = same, activation = tanh }
conv1d_transpose on { filters = 2, kernel_size = 5, strides = 2 }
conv1d ahead { filters = 4, kernel_size = 3, padding = same }
model net {
    input x = (None, 2)
    h = up(replicate(x, 2, 1))
    output y = on(ahead(h) + average_pool(h, 3, strides=1, padding=same)) * 0.5
}
"""
FRAMES = """
conv1d within { filters = 4, kernel_size = 3, padding = same, strides = 2 }
conv1d after { filters = 3, kernel_size = 2, padding = valid }
lstm cells { units = 3, return_sequences = True }
model net {
    input x = (None, 2)
    z = within(reflect(frames(pad(x, 2), 7, 4), 0, 2))
    z = cells(join(flatten(sqrt(z[:2]**2 + z[2:]**2))))
    h = join(frames(crop(after(z), 1), 3, 2))
    output y = max_pool(h, 3, strides=1, padding=causal)
}
"""


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize(("text", "latency"), [(DECODER, 0), (FRAMES, 20)])
def test_decoders_frames_and_padded_pools(text: str, latency: int) -> None:
    """Zeros between steps, rows outside of the input that are left out, frames by themselves: in any blocks."""
    net = codegen.load(text, seed=2).net
    made = model_stream.running(net.graph, ask(4))
    assert made.plan.latency == latency
    packed, width = made.pack(net.weights), net.graph.shapes[net.graph.outputs[0][1]].channels
    for steps in (1, 2, 7, 60):
        x = np.random.default_rng(steps).standard_normal((2, steps, 2)).astype("f")
        expected = reference.run(net.graph, {"x": x}, net.weights)["y"]
        blocks = ((1,), (4,), (5, 1, 13), (60,))
        found = [blockwise(made, made.states(2), packed, [x], sizes, [width])[0] for sizes in blocks]
        assert all(np.array_equal(found[0], other) for other in found)
        assert found[0].shape == expected.shape
        assert np.abs(found[0] - expected).max(initial=0) < 1e-5


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@needs_compiler
@pytest.mark.parametrize(("text", "delay", "silence"), [(NET, 1, 24_006), (FRAMES, 6, 24_024)])
def test_the_rate_of_the_input_and_endless_silence(text: str, delay: int, silence: int) -> None:
    """With `rate` zeros come in place of what is late; after `prewarm` a stream is where silence leaves it."""
    net = codegen.load(text, seed=2).net
    late, plain = net.stream(8, clock="rate"), net.stream(8)
    assert (late.delay, plain.delay) == (delay, 0)
    x = np.random.default_rng(0).standard_normal((1, 96, net.graph.shapes[0].channels)).astype("f")
    whole = np.concatenate([plain(x), plain.flush()], axis=1)
    rate = net.graph.shapes[net.graph.outputs[0][1]].rate
    for sizes in ((24,) * 4, (1,) * 96, (5, 91)):
        cuts = np.cumsum([0, *sizes])
        blocks = [late(x[:, a:b]) for a, b in pairwise(cuts)]
        if sizes[0] == 24:
            assert [one.shape[1] for one in blocks] == [24 * rate] * 4
        y = np.concatenate([*blocks, late.flush()], axis=1)
        assert not y[:, :delay].any()
        assert np.array_equal(y[:, delay:], whole)
    late(x[:, :2])
    kept, rest = late.state, late(x[:, 2:])
    late.state = kept
    assert np.array_equal(late(x[:, 2:]), rest), "the zeros that are still to come are a part of the state"
    for stream in (late, plain):
        stream.prewarm()
    plan: Any = streamed.planned(net.graph, ask())
    assert plan.silence == silence
    cold = net.stream(8)
    cold(np.zeros((1, silence, x.shape[2]), "f"))
    wanted = cold(x)
    assert np.array_equal(plain(x), wanted)
    assert np.array_equal(late(x), wanted), "no zeros in front of what silence made"

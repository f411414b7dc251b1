"""Frequency responses of kernels: what sines become, and the picture on axes of anyone's."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.errors import UsageError
from codegen.problem import reference


@pytest.mark.parametrize("padding", ["same", "causal", (3, 1)])
def test_a_sine_becomes_what_the_response_says(padding: Any) -> None:
    layer = codegen.Conv1D(
        3, 5, padding=padding, dilation_rate=2, use_bias=False, input_shape=(None, 2), dtype="float64"
    )
    frequencies, response = layer.response(points=65, rate=100.0)
    assert (frequencies[0], frequencies[-1], response.shape) == (0.0, 50.0, (65, 2, 3))
    at, steps = 20, np.arange(400)
    wave = np.exp(2j * np.pi * frequencies[at] / 100 * steps)
    for channel in range(2):
        x = np.zeros((1, 400, 2), complex)
        x[0, :, channel] = wave
        y = sum(
            reference.convolve(layer.spec.problem, part, layer.kernel, dtype="float64") * unit
            for part, unit in ((x.real, 1), (x.imag, 1j))
        )
        inside = slice(30, 360)
        assert np.allclose(y[0, inside], wave[inside, None] * response[at, channel], atol=1e-12)


def test_what_has_no_response() -> None:
    for layer in (
        codegen.SeparableConv1D(2, 3, input_shape=(None, 2)),
        codegen.Conv1DTranspose(2, 3, strides=2, input_shape=(None, 2)),
    ):
        with pytest.raises(UsageError, match="that of one kernel of floats"):
            layer.response()
    layer = codegen.Conv1D(1, 3, input_shape=(None, 1))
    with pytest.raises(UsageError, match="`points` must be a whole number from 2"):
        layer.response(points=1)
    with pytest.raises(UsageError, match="`rate` must be a number"):
        layer.response(rate=0)


class Axes:
    """What matplotlib's axes are asked for."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {"curves": []}

    def plot(self, x: Any, y: Any, label: str) -> None:
        self.said["curves"].append((label, x, y))

    def __getattr__(self, name: str) -> Any:
        return lambda *words, **options: self.said.__setitem__(name, words)


def test_a_picture_of_a_response(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = codegen.DepthwiseConv1D(3, use_bias=False, input_shape=(None, 2), name="smooth")
    layer.set_weights([np.full((3, 2, 1), 1 / 3, "f")])
    drawn = layer.plot_response(points=4, rate=6.0, axes=Axes()).said
    (one, x, y), (other, _, _) = drawn["curves"]
    assert (one, other) == ("filter 0", "filter 1")
    assert x.tolist() == [0, 1, 2, 3]
    assert np.allclose(10 ** (y / 20), [1, 2 / 3, 0, 1 / 3], atol=1e-6)
    assert (drawn["set_title"], drawn["set_xlabel"]) == (("smooth",), ("frequency in Hz",))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UsageError, match="pip install matplotlib"):
        layer.plot_response()

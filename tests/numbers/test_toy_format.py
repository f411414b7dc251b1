"""To add a format of numbers: one row, and a text where it must be widened. A toy one goes all the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.errors import UsageError, WeightsError
from codegen.numbers.formats import STORED, Format, registered
from codegen.numbers.storage import checked, rounded
from tests.support import carried

pytestmark = pytest.mark.compiles


def _nearest(numbers: Any) -> Any:
    return np.clip(np.rint(numbers * 64), -128, 127).astype(np.int8).view(np.uint8)


def _number(codes: Any) -> Any:
    return codes.view(np.int8).astype(np.float32) / 64


SIXTYFOURTHS = Format(
    "q6",
    "uint8_t",
    1,
    "uint8",
    unit=0.0,
    least=1 / 64,
    largest=127 / 64,
    tiny=1 / 128,
    computed="float32",
    encoder=_nearest,
    decoder=_number,
)
TEXTS = {
    "numbers/q6.h.j2": """\
#include <stdint.h>

/* Weights are stored as q6, 64ths: vN_load_half(p) makes floats of N of them, vN_set1_half(p) of one for all lanes. */
#define v1_load_half(p) ((float)(int8_t)*(p) * 0.015625f)
{% for n in wanted.load_half if n > 1 %}
#define v{{ n }}_load_half(p) ((v{{ n }}){ {% for i in range(n) %}v1_load_half((p) + {{ i }}), {% endfor %} })
{% endfor %}
{% for n in wanted.set1_half %}
#define v{{ n }}_set1_half(p) (v1_load_half(p) - (v{{ n }}){0})
{% endfor %}
"""
}
TEXT = "conv1d toy { input_shape = (23, 5), filters = 6, kernel_size = 3 }"
SEPARABLE = "separable_conv1d toy { input_shape = (23, 5), filters = 6, kernel_size = 3, activation = relu }"


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("target", ["scalar", "native"])
@pytest.mark.parametrize("text", [TEXT, SEPARABLE])
def test_goes_all_the_way(text: str, target: str, tmp_path: Path) -> None:
    with registered(SIXTYFOURTHS, TEXTS):
        source = carried.through(text, tmp_path, target, "q6")
        assert "const uint8_t *" in source.header
        assert "the kernel's are q6, rounded by 0.0078125 at most" in source.code.replace("\n * ", " ")


def test_is_in_streams_and_models() -> None:
    with registered(SIXTYFOURTHS, TEXTS):
        carried.onward(TEXT.replace("23", "None"), storage="q6")


def test_takes_one_byte_a_weight() -> None:
    with registered(SIXTYFOURTHS, TEXTS):
        (layer,) = codegen.load(TEXT, target="scalar", storage="q6").values()
        (plain,) = codegen.load(TEXT, target="scalar").values()
        kernel, bias = (np.full(array.shape, 1.25, np.float32) for array in plain.get_weights())
        for each in (layer, plain):
            each.set_weights([kernel, bias])
        x = np.ones((1, 23, 5), np.float32)
        assert np.array_equal(layer(x), plain(x))
        source = pipeline.generate(layer.spec, weights={"kernel": kernel, "bias": bias}, storage="q6")
        assert "114 bytes of weights" in source.code  # 90 codes and 6 floats
        assert "0x50, 0x50" in source.code


def test_is_saved_as_it_is_computed_with(tmp_path: Path) -> None:
    """A file's word for it is a field of the row, and this one has none."""
    with registered(SIXTYFOURTHS, TEXTS):
        (layer,) = codegen.load(TEXT, storage="q6").values()
        layer.save_weights(tmp_path / "toy.npz")
        (again,) = codegen.load(TEXT, tmp_path / "toy.npz").values()
        for kept, read in zip(layer.get_weights(), again.get_weights(), strict=True):
            assert np.array_equal(kept, read)


def test_refuses_what_it_cannot_hold() -> None:
    with registered(SIXTYFOURTHS, TEXTS):
        numbers = np.array([1.99, -2.0, 0.01], np.float32)
        assert rounded(numbers, "q6").tolist() == [127 / 64, -2.0, 1 / 64]
        for wrong in (2.0, -2.1, np.inf, np.nan):
            with pytest.raises(WeightsError, match=r"weight \[1\] of `kernel` is .*, beyond q6's largest, 1.98438"):
                rounded(np.array([0, wrong], np.float32), "q6")


def test_is_gone_afterwards() -> None:
    with registered(SIXTYFOURTHS, TEXTS):
        assert checked("q6") == "q6"
    assert "q6" not in STORED
    with pytest.raises(UsageError, match="unknown storage `q6`"):
        checked("q6")

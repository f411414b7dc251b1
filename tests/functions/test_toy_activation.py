"""To add an activation: one row and its texts. A toy one, registered for a while, goes all the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import codegen
from codegen.errors import SpecError
from codegen.functions import activations
from codegen.functions.activations import Activation, Derivative, Option, Row
from codegen.functions.registry import real
from tests.support import carried

pytestmark = pytest.mark.compiles

DIM = Row(
    "dim",
    lambda x, factor: x * x.dtype.type(factor),
    lambda factor: abs(factor),
    (1.0, 1.0),
    options=(Option("factor", 0.25, real()),),
    aliases=("dimmed",),
    derivative=Derivative(lambda x, factor: np.full_like(x, factor), (1.0, 1.0)),
)
TEXTS = {
    "activations/dim.c.j2": """\
/* dim(x) = {{ activation.option("factor") | told }} x. */
{% for n in lanes %}
static inline v{{ n }} v{{ n }}_dim(v{{ n }} x)
{
    return {{ activation.option("factor") | number(dtype) }} * x;
}
{% endfor %}
""",
    "activations/slopes/dim.c.j2": """\
{% for n in lanes %}
#define v{{ n }}_dim_slope(x) ((void)(x), v{{ n }}_set1({{ activation.option("factor") | number(dtype) }}))
{% endfor %}
""",
}
TEXT = "conv1d toy {{ input_shape = (23, 5), filters = 6, kernel_size = 3, activation = {} }}"


@pytest.mark.parametrize("target", ["scalar", "native"])
def test_goes_all_the_way(target: str, tmp_path: Path) -> None:
    with activations.registered(DIM, TEXTS):
        assert activations.get("dimmed") == Activation("dim", (("factor", 0.25),))
        source = carried.through(TEXT.format("dim(factor=0.3)"), tmp_path, target)
        assert "dim(x) = 0.3 x" in source.code
        assert "0.3f * x" in source.code


def test_has_a_way_back() -> None:
    with activations.registered(DIM, TEXTS):
        (layer,) = codegen.load(TEXT.format("dim(factor=-3.0)"), accuracy="exact").values()
        (plain,) = codegen.load(TEXT.format("linear"), accuracy="exact").values()
        rng = np.random.default_rng(1)
        for each in (layer, plain):
            each.set_weights([rng.integers(-4, 5, array.shape).astype("float32") for array in layer.get_weights()])
        plain.set_weights(layer.get_weights())
        x, dy = (rng.integers(-8, 9, shape).astype("float32") for shape in ((2, 23, 5), (2, 21, 6)))
        found, expected = layer.gradients(x, dy), plain.gradients(x, -3 * dy)
        assert np.array_equal(found.x, expected.x)
        assert all(np.array_equal(found.weights[name], expected.weights[name]) for name in expected.weights)


def test_is_in_streams_and_a_function_of_models() -> None:
    with activations.registered(DIM, TEXTS):
        carried.onward(TEXT.replace("23", "None").format("dim"), "dimmed")


def test_is_gone_afterwards() -> None:
    with activations.registered(DIM, TEXTS):
        activations.get("dim")
    with pytest.raises(SpecError, match="unknown activation `dim`"):
        activations.get("dim")

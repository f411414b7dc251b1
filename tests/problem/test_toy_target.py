"""To add a target: a dialect with its header, a core, or one of each. Toy ones go all the way, or change the plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.errors import UsageError
from codegen.problem.cores import CORES
from codegen.problem.dialects import Dialect
from codegen.problem.targets import TARGETS, Target, native, registered, target_named
from tests.support import carried

pytestmark = pytest.mark.compiles

DIALECT = Dialect("pairs", 16, 6, fma=False)  # vectors as every gcc and clang has them, on any machine
PAIRS = Target("pairs", DIALECT, CORES["any"])
TEXTS = {
    "simd/pairs.h.j2": """\
{% extends "simd/vector.h.j2" %}
{% block half %}
{% if half %}

{% include "simd/half_single.h.j2" %}
{% endif %}
{% endblock %}
{% block fma %}
{% for n in lanes %}
#define v{{ n }}_fma(a, b, c) ((a) * (b) + (c)) /* for pairs */
{% endfor %}
{% endblock %}
"""
}
LAYERS = (
    "conv1d toy { input_shape = (23, 5), filters = 6, kernel_size = 3 }",
    "conv1d toy { input_shape = (23, 5), filters = 6, kernel_size = 3, activation = tanh }",
    "conv1d toy { input_shape = (3, 23), filters = 6, kernel_size = 3, data_format = channels_first }",
    "conv1d toy { input_shape = (23, 5), filters = 6, kernel_size = 3, dtype = float64 }",
)


@pytest.mark.parametrize("text", LAYERS)
def test_goes_all_the_way(text: str, tmp_path: Path) -> None:
    with registered(PAIRS, TEXTS):
        assert target_named("pairs") is PAIRS
        source = carried.through(text, tmp_path, "pairs")
        lanes = 2 if "float64" in text else 4
        assert f"#define v{lanes}_fma(a, b, c) ((a) * (b) + (c)) /* for pairs */" in source.code
        assert "for pairs: tiles of" in source.code.replace("\n * ", " ")


def test_is_no_machine_s_widest_and_gone_afterwards() -> None:
    before = tuple(TARGETS), native()
    with registered(PAIRS, TEXTS):
        assert native().vector_bytes >= before[1].vector_bytes
        assert native() is before[1] or before[1].vector_bytes < 16
    assert (tuple(TARGETS), native()) == before
    with pytest.raises(UsageError, match="unknown target `pairs`"):
        target_named("pairs")

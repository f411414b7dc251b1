"""To add a target: a dialect with its header, a core, or one of each. Toy ones go all the way, or change the plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.emission.render import render
from codegen.errors import UsageError
from codegen.gradients import emit
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.plan import Request
from codegen.problem import targets
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.core_rows import CORES
from codegen.problem.dialects import DIALECTS, Dialect
from codegen.problem.targets import TARGETS, Target, native, registered, target_named
from tests.support import carried, int8_layers

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


FEEBLE = replace(  # each load takes four cycles, and memory is far: few outputs at a time, and no copies
    CORES["any"],
    name="feeble",
    source="made up",
    pipeline=replace(CORES["any"].pipeline, loads=0.25, issue=1),
    moves=replace(CORES["any"].moves, transposed=40.0, alone=40.0),
)


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@pytest.mark.parametrize("text", LAYERS)
def test_goes_all_the_way(text: str, tmp_path: Path) -> None:
    with registered(PAIRS, TEXTS):
        assert target_named("pairs") is PAIRS
        source = carried.through(text, tmp_path, "pairs")
        lanes = 2 if "float64" in text else 4
        assert f"#define v{lanes}_fma(a, b, c) ((a) * (b) + (c)) /* for pairs */" in source.code
        assert "for pairs: tiles of" in source.code.replace("\n * ", " ")


@pytest.mark.compiles
def test_has_streams_models_gradients_and_int8() -> None:
    text = LAYERS[1].replace("23", "None")
    with registered(PAIRS, TEXTS):
        carried.onward(text, target="pairs")
        (layer,) = codegen.load(LAYERS[0]).values()
        made = emit.emitted(layer.spec, Ask(PAIRS))
        assert "fma(a, b, c) ((a) * (b) + (c)) /* for pairs */" in made.code
        spec, arrays = int8_layers.drawn(np.random.default_rng(3), "codes")
        assert "for pairs" in pipeline.emitted(spec, Ask(PAIRS, "baked"), arrays).code


def test_is_no_machine_s_widest_and_gone_afterwards() -> None:
    before = tuple(TARGETS), native()
    with registered(PAIRS, TEXTS):
        assert native().vector_bytes >= before[1].vector_bytes
        assert native() is before[1] or before[1].vector_bytes < 16
    assert (tuple(TARGETS), native()) == before
    with pytest.raises(UsageError, match="unknown target `pairs`"):
        target_named("pairs")


@pytest.mark.parametrize("family", ["ToyVendor 7", ""])
def test_native_is_the_core_that_the_cpu_says_it_is(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of targets as wide the one of the CPU's own family; of a family that no core has, the first."""
    widest = native().dialect
    plain = next(one for one in TARGETS.values() if one.dialect == widest)
    own = Target("own", widest, replace(plain.core, name="own", family="ToyVendor 7"))
    monkeypatch.setattr(targets, "cpu_family", lambda: family)
    with registered(own, {}):
        assert target_named("native") is (own if family else plain)
        assert target_named(plain.name) is plain


def test_zen_4_is_the_family_with_avx512(monkeypatch: pytest.MonkeyPatch) -> None:
    """An AMD CPU of family 25 is planned for as Zen 4 where it has AVX-512, as Zen 3 where not; an Intel one never."""
    had = DIALECTS["avx512"].cpu, DIALECTS["avx2"].cpu
    monkeypatch.setattr(targets.platform, "machine", lambda: "x86_64")
    for vendor, flags, named in (
        ("AuthenticAMD 25", had[0], "zen4"),
        ("AuthenticAMD 25", had[1], "avx2"),
        ("GenuineIntel 6", had[0], "avx512"),
        ("", had[0], "avx512"),
    ):
        monkeypatch.setattr(targets, "cpu_family", lambda vendor=vendor: vendor)
        monkeypatch.setattr(targets, "cpu_flags", lambda flags=flags: frozenset((*flags, "sse2")))
        with registered(PAIRS, TEXTS):  # the answer of before is forgotten
            assert native().name == named


@pytest.mark.parametrize("word", ["flags", "Features"])
def test_flags_are_read_as_linux_spells_them_on_x86_and_on_arm(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "_told", lambda: {"processor": "0", word: "fp asimd asimddp"})
    assert targets.cpu_flags() == {"fp", "asimd", "asimddp"}
    assert "-march=armv8.2-a+dotprod" in TARGETS["neon"].dotting().flags


def test_zen_4_runs_the_c_of_avx512() -> None:
    """The plan is another one, the C is spelled alike, and the same plan is the same C but for the name."""
    asks = [Ask(TARGETS[name], "packed", "fast") for name in ("avx512", "zen4", "avx2")]
    problem = ConvProblem(128, 9, 64, 5)
    plans = [planner.plan(problem, ask) for ask in asks]
    assert [plan.algorithm.name for plan in plans] == ["direct_filters", "fft", "fft"]
    other = planner.survey(Request(problem, asks[1])).named(plans[0].key)
    assert other is not None
    code = [render(plan, "same", banner=()).code for plan in (plans[0], other)]
    assert code[0].replace("written for avx512:", "written for zen4:") == code[1]


def test_a_core_changes_the_plan() -> None:
    """The dialect stays, so the C is spelled alike; what the core's row says decides which C it is."""
    feeble = Target("feeble", DIALECTS["avx2"], FEEBLE)
    first = ConvProblem(3000, 80, 96, 3, pad_left=1, pad_right=1, channels_last=False)
    with registered(feeble, {}):
        asked = target_named("feeble")
        assert planner.plan(first, Ask(TARGETS["avx2"])).algorithm.name == "relayout"
        plan = planner.plan(first, Ask(asked))
        assert plan.algorithm.name == "direct_steps"
        assert "for feeble: tiles of" in plan.describe()
        told = [made.cost.cycles for made in (plan, planner.plan(first, Ask(TARGETS["avx2"])))]
        assert told[0] > 3 * told[1]
        assert "#if !defined(__AVX2__)" in render(plan, "first").code


def test_each_part_of_a_row_is_heard() -> None:
    """A core that computes at once and waits for its flash has other estimates, in proportion."""
    core, problem = CORES["any"], ConvProblem(64, 8, 8, 3)
    slow = replace(core, pipeline=replace(core.pipeline, flash_wait=100.0))
    free, waiting = (
        planner.plan(problem, Ask(Target("some", DIALECTS["sse2"], one))).cost.cycles for one in (core, slow)
    )
    assert waiting > 50 * free


def test_a_row_says_where_it_comes_from() -> None:
    for core in CORES.values():
        assert len(core.source) > 20, f"{core.name} has no source"
    assert repr(CORES["x86"]) == "Core('x86')"

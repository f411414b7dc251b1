"""Only typed values reach C: what cformat makes and refuses, and that templates print nothing else."""

from __future__ import annotations

import ast
import cProfile
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pytest

from codegen import pipeline
from codegen.emission import banner, cformat, printing, render
from codegen.emission.cformat import CText, written
from codegen.emission.cfunction import Parameter
from codegen.emission.row_activation import Segment
from codegen.errors import GenConvError
from codegen.functions import activations
from codegen.functions.registry import Call
from codegen.installed import texts
from codegen.language import reader
from codegen.machine import plan_index
from codegen.numbers.formats import COMPUTED, STORED, WHOLE
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.plan import KernelPlan, Request
from codegen.problem.targets import TARGETS
from codegen.specs.kinds import Conv1DSpec
from tests.support import cprogram, strategies

FLOAT, DOUBLE = COMPUTED["float32"], COMPUTED["float64"]
EVIL = "*/ int evil; /*"


def plan(target: str = "scalar", entries: str = "activation = relu") -> KernelPlan:
    (spec,) = reader.read(f"conv1d stem {{ input_shape = (9, 4), filters = 8, kernel_size = 3, {entries} }}")
    return planner.plan(spec.lower(), Ask(TARGETS[target]))


def says(template: str, **context: Any) -> str:
    return printing.environment().from_string(template).render(context)


class TestWhatIsPrinted:
    @pytest.mark.parametrize(
        ("template", "text"),
        [
            ("{{ n }};", "7;"),
            ("{{ name }}_{{ n }}", "stem_7"),
            ("{{ 'x' ~ n ~ name }}", "x7stem"),
            ("{{ 'yes' if n }}{{ 'no' if not n }}", "yes"),
            ("{{ {'a': '2^64', 'b': '2^512'}['b'] }}", "2^512"),
            ("{{ (n, name, 'z') | join(' + ') }}", "7 + stem + z"),
            ("{% for word in ('a', 'b') %}{{ word }}{% endfor %}", "ab"),
            ("{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{{ twice(n) ~ twice('u') }}", "77uu"),
            ("{% filter nest_under(('for (;;)',), 1) %}{{ name }};{% endfilter %}", "    for (;;)\n        stem;"),
            ("{{ ('for (;;)',) | nest(name ~ ';') }}", "    for (;;)\n        stem;"),
            ("{{ 0.1 | number(float) }} {{ 3 | number(double) }} {{ 0.5 | told }}", "0.1f 3.0 0.5"),
            ("{{ parameter.told }}", "(4,)"),
            ("{{ segment.spread('most') }}", "\x01v8_set1\x02(most)"),
            (
                "v{{ n }}_fma(v1u, v{{ n }}_{{ name }}(v))",
                "\x01v7_fma\x02(\x01v1u\x02, \x01v7_stem\x02(v))",
            ),
            ("{{ own[0] }}{{ own[1].key }}", "onetwo"),
            ("{{ float.c }} {{ target.flags | join(' ') }}", "float -mavx2 -mfma"),
        ],
    )
    def test_typed_values(self, template: str, text: str) -> None:
        given = {"n": 7, "name": cformat.identifier("stem"), "float": FLOAT, "double": DOUBLE}
        given |= {"own": written(["one", {"key": "two"}]), "target": TARGETS["avx2"]}
        given["segment"] = Segment(8, "for (;;)", "f", "f + 8", 0, own=False)
        assert says(template, **given, parameter=Parameter("b", "float *", "(4,)")) == text

    @pytest.mark.parametrize("value", ["text", "7", 7.0, True, False, None, np.int64(7), np.float32(1), Fraction(7)])
    @pytest.mark.parametrize(
        "template",
        [
            "{{ value }}",
            "{{ 'x' ~ value }}",
            "{{ (1, value) | join(', ') }}",
            "{% macro shown(x) %}{{ x }}{% endmacro %}{{ shown(value) }}",
            "{{ ('for (;;)',) | nest(value) }}",
            "{{ (value,) | nest('x;') }}",
            "{{ value if 1 else 'x' }}",
        ],
    )
    def test_others_are_refused(self, template: str, value: object) -> None:
        with pytest.raises(GenConvError, match="no typed value of C"):
            says(template, value=value)

    @pytest.mark.parametrize("value", [(1,), [1], {"a": 1}, plan(), 2**63, -(2**63)])
    def test_so_are_whole_values_and_numbers_that_c_cannot_read(self, value: object) -> None:
        with pytest.raises(GenConvError, match=r"no typed value of C|int of 64 bits"):
            says("{{ value }}", value=value)

    def test_a_definitions_own_strings_are_refused(self) -> None:
        """No attribute of a spec, a problem, a plan or an activation is C, whatever it says."""
        (spec,) = reader.read("conv1d stem { input_shape = (9, 4), filters = 8, kernel_size = 3, activation = relu }")
        activation = replace(activations.get("relu"), name=EVIL)
        call = Call(EVIL, (), ())
        context = {"spec": spec, "plan": plan(), "activation": activation, "call": call}
        for place in (
            "spec.name",
            "spec.padding",
            "plan.algorithm.name",
            "plan.problem.dtype",
            "activation.name",
            "call.name",
        ):
            with pytest.raises(GenConvError, match="no typed value of C"):
                says(f"{{{{ {place} }}}}", **context)

    def test_a_missing_value_is_an_error(self) -> None:
        with pytest.raises((jinja2.UndefinedError, GenConvError)):
            says("{{ nothing }}")


class TestTheRealPath:
    """The refusals by way of `render` itself, with its own templates."""

    @pytest.mark.parametrize("name", ["", "a b", "a;b", "1a", "_a", "a\n", "ä", "a*/", "a\\", "a\x00"])
    def test_a_name_that_is_no_identifier(self, name: str) -> None:
        with pytest.raises(GenConvError, match="no C identifier"):
            render.render(plan(), name)

    @pytest.mark.parametrize("value", [True, 8.0, np.int64(8), "8", f"8{EVIL}", 2**63, Fraction(8)])
    def test_a_number_of_a_problem_that_is_no_int(self, value: Any) -> None:
        made = plan()
        with pytest.raises(GenConvError, match=r"int of 64 bits|no word of C's|a plan holds"):
            render.render(replace(made, problem=replace(made.problem, filters=value)), "stem")

    @pytest.mark.parametrize("word", [EVIL, "a\nb", 'a"b', "a\\", "a??/", "ä", b"bytes", {"a": 1}])
    def test_a_plans_word_that_is_none_of_ours(self, word: Any) -> None:
        made = plan()
        odd = replace(made.target, dialect=replace(made.target.dialect, flags=(word,)))
        with pytest.raises(GenConvError, match="a plan holds"):
            render.render(made.asked(target=odd), "stem")

    def test_a_view_with_an_untyped_value(self) -> None:
        view = {"name": "k", "turn": type("Turn", (), {"side": 4})(), "turn_lines": (), "c": "float", "word": 1.5}
        with pytest.raises(GenConvError, match=r"prints 1\.5, a float"):
            render.fill("gradients/turn.c.j2", view)
        untyped = replace(plan().problem, channels=True)
        with pytest.raises(GenConvError, match="expected an int of 64 bits"):
            render.fill("gradients/turn.c.j2", view | {"word": "int", "p": untyped})

    @pytest.mark.compiles
    def test_a_banners_text_stays_a_comment(self, need: Callable[..., Any], tmp_path: Path) -> None:
        """Through the .c, the .h and the compiler, with trigraphs: each line is inside the comment, nothing ends it."""
        lines = [
            EVIL,
            "a??/",
            "a???/",
            "a????/",
            "äää/",
            "tail\\",
            "two\nlines */ int evil;",
            "\u202e",
            "/* // */",
            "*" * 130,
        ]
        source = render.render(plan(), "stem", banner=lines)
        for name, text in source.files:
            head, _, rest = text.partition(" */\n")
            assert head.count("*/") == head.count("/*", 2) == 0
            assert "??" not in head
            assert "\\" not in head
            assert "evil" in head
            assert "evil" not in rest
            assert text.isascii()
            (tmp_path / name).write_text(text)
        gcc = need(cprogram.program, "gcc", "gcc")
        cprogram.compile_c((gcc, *cprogram.WARNINGS, "-Wcomment", "-fsyntax-only", "stem.c"), folder=tmp_path)
        stripped = subprocess.run([gcc, "-std=c99", "-E", "-P", "stem.c"], cwd=tmp_path, capture_output=True, text=True)
        assert "evil" not in stripped.stdout

    def test_a_specs_text_reaches_a_banner_by_that_way(self) -> None:
        """What the pipeline writes into the head of a file comes of `comment`: a name made after the checks, too."""
        (spec,) = reader.read("conv1d stem { input_shape = (9, 4), filters = 8, kernel_size = 3 }")
        chosen = plan()
        object.__setattr__(spec, "padding", EVIL)
        said = render.render(chosen, "stem", banner=banner.lines(spec, chosen)).code.partition(" */\n")[0]
        assert "padding = * / int evil; / *" in said

    @pytest.mark.long
    def test_plans_hold_words_of_ours_alone(self) -> None:
        """`typed` takes the plan of every algorithm: no table's word is refused for its letters."""
        seen = set()
        layers = [*strategies.random_layers(16, 51, strategies.rewritten)]
        layers += strategies.random_layers(4, 53, strategies.transposed)
        layers += strategies.random_layers(4, 54, strategies.rowwise)
        for number, layer in enumerate(layers):
            target = TARGETS[("scalar", "avx512", "neon")[number % 3]]
            for chosen in planner.survey(Request(layer.spec("k").lower(), Ask(target, "packed", "wide"))).found:
                cformat.typed(chosen)
                seen.add(chosen.algorithm.name)
        assert seen >= strategies.FLOATING - {"separable"}

    @pytest.mark.compiles
    @pytest.mark.parametrize("compiler", ["gcc", "clang"])
    def test_a_number_beyond_float32_compiles(self, compiler: str, need: Callable[..., Any], tmp_path: Path) -> None:
        tool = need(cprogram.program, compiler, compiler)
        elu = Call("elu", (), (("alpha", 1e300),))
        spec = Conv1DSpec(name="stem", input_shape=(9, 4), filters=8, kernel_size=3, activation=elu)
        for name, text in pipeline.generate(spec).files:
            (tmp_path / name).write_text(text)
        cprogram.compile_c((tool, *cprogram.WARNINGS, "-fsyntax-only", "stem.c"), folder=tmp_path)


class TestCFormat:
    def test_identifier(self) -> None:
        name = cformat.identifier("stem_1")
        assert (name, type(name)) == ("stem_1", CText)

    @pytest.mark.parametrize("value", [0, -1, 12, 2**63 - 1, -(2**63) + 1])
    def test_integer(self, value: int) -> None:
        assert cformat.integer(value) == str(value)
        assert type(cformat.integer(value)) is CText

    @pytest.mark.parametrize(
        "value", [True, 1.0, "1", None, np.int32(1), 2**63, -(2**63), pytest.param(10**5000, id="huge")]
    )
    def test_no_integer(self, value: Any) -> None:
        with pytest.raises(GenConvError, match="expected an int of 64 bits"):
            cformat.integer(value)

    @pytest.mark.parametrize(
        ("value", "of_float", "of_double"),
        [
            (0, "0.0f", "0.0"),
            (-0.0, "-0.0f", "-0.0"),
            (0.1, "0.1f", "0.1"),
            (1 / 3, "0.33333334f", "0.3333333333333333"),
            (1e-45, "1e-45f", "1e-45"),
            (1e300, "(1.0f / 0.0f)", "1e+300"),
            (float("inf"), "(1.0f / 0.0f)", "(1.0 / 0.0)"),
            (float("-inf"), "(-1.0f / 0.0f)", "(-1.0 / 0.0)"),
            (float("nan"), "(0.0f / 0.0f)", "(0.0 / 0.0)"),
            (2**24, "1.6777216e+07f", "16777216.0"),
            (-1e300, "(-1.0f / 0.0f)", "-1e+300"),
            (1e-300, "0.0f", "1e-300"),
        ],
    )
    def test_literal(self, value: float, of_float: str, of_double: str) -> None:
        assert cformat.literal(value, FLOAT) == of_float
        assert cformat.literal(value, DOUBLE) == of_double

    @pytest.mark.parametrize("value", [True, "1.0", None, b"1", [1.0]])
    @pytest.mark.parametrize("make", [lambda value: cformat.literal(value, FLOAT), cformat.told])
    def test_no_number(self, make: Callable[[Any], str], value: Any) -> None:
        with pytest.raises(GenConvError, match="expected a number"):
            make(value)

    def test_told(self) -> None:
        assert [cformat.told(value) for value in (1, 0.5, 1e-7, -2.0)] == ["1", "0.5", "1e-07", "-2.0"]

    @pytest.mark.parametrize("name", ["float32", "float64"])
    def test_a_table_of_an_array_has_the_text_of_its_numbers(self, name: str) -> None:
        rng, row = np.random.default_rng(3), COMPUTED[name]
        bits = rng.integers(0, 2**63, 9000, dtype=np.uint64).astype(f"u{row.bytes}")
        every = bits.view(row.array)  # of all exponents, NaN and inf among them
        short = [0.0, -0.0, 0.001, 1e-4, 0.5, 3.0, 123456.0, 1e6, 1e16, 1e22, float(row.least), float(row.largest)]
        normal = rng.standard_normal(5000).astype(row.array)
        powers = np.concatenate([x * (10.0 if x > 2 else 2.0) ** np.arange(-30, 31) for x in (1.0, 3.0, 99.95)])
        near = powers.astype(row.array)
        for array in (
            np.concatenate([near, -np.nextafter(near, near.dtype.type(0)), np.nextafter(near, near.dtype.type(1e38))]),
            (np.round(1000 * normal) / 1e5).astype(row.array),
            np.array(short, row.array),
            every[np.isfinite(every)],
            every,
            normal.astype("float64"),
            normal[:0],
        ):
            assert cformat.array_table(array, row) == cformat.table(array.tolist(), row)

    def test_a_table_of_an_array_costs_little_a_number(self) -> None:
        """Counted in calls of functions; one for each number was ten, and a table of 2**20 took seconds."""
        array = np.random.default_rng(3).standard_normal(80_000).astype("f")
        with cProfile.Profile() as profile:
            cformat.array_table(array, FLOAT)
        assert sum(function.callcount for function in profile.getstats()) < array.size

    def test_codes_as_string_literals_are_the_same_bytes(self) -> None:
        """And of int8 arrays the numbers are those of a list."""
        codes = np.random.default_rng(5).permutation(np.arange(-128, 128).repeat(3)).astype(np.int8)
        lines = str(cformat.octets(codes)).splitlines()
        assert b"".join(ast.literal_eval(f"b{line.strip()}") for line in lines) == codes.tobytes()
        assert cformat.array_table(codes, WHOLE["int8"]) == cformat.table(codes.tolist(), WHOLE["int8"])

    def test_table_and_codes(self) -> None:
        assert cformat.table([1, 2.5, -3] * 3, FLOAT).startswith("    1.0f, 2.5f, -3.0f,")
        assert cformat.table([1, 2.5, -3] * 3, FLOAT).endswith("2.5f,\n    -3.0f")
        codes = "    0x0000, 0x00ff, " + "0xffff, " * 9 + "0xffff,\n    0xffff"
        assert cformat.table([0, 255, *[65535] * 11], STORED["float16"]) == codes
        assert cformat.table([], DOUBLE) == ""

    @pytest.mark.parametrize(
        ("text", "kept"),
        [
            ("plain (98, 40) ~ |x|", "plain (98, 40) ~ |x|"),
            ("a */ b /* c", "a * / b / * c"),
            ("/*/", "/ * /"),
            ("**//", "** //"),
            ("a??/b", "a? ?/b"),
            ("???/", "? ? ?/"),
            ("äö\\\n\r\t\x7f\u202e", "? ? ? ? ? ? ? ?"),
            ("?", "?"),
        ],
    )
    def test_comment(self, text: str, kept: str) -> None:
        assert cformat.comment(text) == kept
        assert not re.search(r"\*/|/\*|\?\?|\\", kept)

    def test_arithmetic(self) -> None:
        assert (cformat.times(1, "t"), cformat.times(3, "t")) == ("t", "3 * t")
        assert (cformat.floor_over("a + b", 1), cformat.floor_over("a + b", 4)) == ("a + b", "(a + b) / 4")
        assert cformat.ceil_over("-at", 1) == "-at"
        assert cformat.ceil_over("left", 4) == "(left + 3) / 4"
        assert cformat.ceil_over("-at", 4) == "(3 - at) / 4"

    def test_nest(self) -> None:
        assert cformat.nest([], "a;\n\nb;", 1) == "    a;\n\n    b;"
        assert cformat.nest(["for (;;)", "while (x)"], "a;\n", 0) == "for (;;)\n    while (x)\n        a;"

    def test_fold(self) -> None:
        assert cformat.fold("a\n\n\n\nb") == "a\n\nb"
        assert cformat.fold("    f(aaaa, bbbb);", most=12) == "    f(aaaa,\n        bbbb);"
        assert cformat.fold("x = 1; y = 2;", most=9) == "x = 1;\n    y = 2;"
        assert cformat.fold(" * one two three", most=11) == " * one two\n * three"
        assert cformat.fold("unbreakable_name_of_a_thing;", most=9) == "unbreakable_name_of_a_thing;"
        assert cformat.fold("#define a(b, c, d) b", most=9) == "#define a(b, c, d) b"
        assert cformat.fold("    a, b, c, d \\", most=9) == "    a, b, c, d \\"

    def test_written(self) -> None:
        found = written({"a": "x", "b": ["y", ("z", 1)], "c": None})
        assert found == {"a": "x", "b": ["y", ["z", 1]], "c": None}
        assert {type(found["a"]), type(found["b"][0]), type(found["b"][1][0])} == {CText}
        name = cformat.identifier("x")
        assert written(name) is name

    @pytest.mark.parametrize("value", [1, 0.5, True, None, "avx2", (1, ("a", 2.5)), plan("avx2"), -(2**40)])
    def test_typed(self, value: object) -> None:
        cformat.typed(value)

    @pytest.mark.parametrize("value", ["a*b", ("ok", "no\n"), 2**64, np.float32(1), [1], {"a": 1}, object()])
    def test_not_typed(self, value: object) -> None:
        with pytest.raises(GenConvError):
            cformat.typed(value)


class TestHandedTexts:
    """A template that comes with a row for a while stands before the folder's at once."""

    def test_is_found_and_gone_again(self) -> None:
        there = printing.environment()
        with texts({"toy.c.j2": "{{ n }};", "toys.c.j2": '{% include "toy.c.j2" %} /* toys */'}):
            assert there.get_template("toys.c.j2").render(n=7) == "7; /* toys */"
            with texts({"toy.c.j2": "{{ n }} + {{ n }};"}):
                assert there.get_template("toys.c.j2").render(n=7) == "7 + 7; /* toys */"
            assert there.get_template("toys.c.j2").render(n=8) == "8; /* toys */"
        for name in ("toy.c.j2", "toys.c.j2"):
            with pytest.raises(jinja2.TemplateNotFound):
                there.get_template(name)

    def test_goes_before_a_file(self) -> None:
        there = render.render(plan(), "stem").code
        with texts({"activations/relu.c.j2": "/* another relu */\n"}):
            assert "/* another relu */" in render.render(plan(), "stem").code
        assert render.render(plan(), "stem").code == there

    def test_prints_typed_values_alone(self) -> None:
        with texts({"toy.c.j2": "{{ word }}"}), pytest.raises(GenConvError, match="typed"):
            printing.environment().get_template("toy.c.j2").render(word=EVIL)

    def test_a_library_is_not_known_by_its_plan_while_a_text_is_handed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("codegen.installed.fingerprint", lambda: "as it is")
        assert plan_index.name("a plan")
        with texts({}):
            assert plan_index.name("a plan") is None
        assert plan_index.name("a plan")

    def test_what_is_remembered_of_the_tables_is_forgotten(self) -> None:
        planner.survey(Request(plan().problem, Ask(TARGETS["scalar"])))
        assert planner.survey.cache_info().currsize
        with texts({}):
            assert not planner.survey.cache_info().currsize
            planner.survey(Request(plan().problem, Ask(TARGETS["scalar"])))
        assert not planner.survey.cache_info().currsize


def test_short_numbers_read_as_numpy_writes_them() -> None:
    """Literals of float32: what is told without NumPy is what NumPy would tell."""
    rng = np.random.default_rng(0)
    numbers = [float(f"{d}e{e}") for d in (0, 1, 5, 6, 25, 123456, 999999) for e in range(-12, 8)]
    numbers += [float(f"{rng.integers(10 ** rng.integers(1, 7))}e{rng.integers(-10, 3)}") for _ in range(20_000)]
    numbers += [-number for number in numbers]
    told = [number for number in numbers if cformat._short(repr(number))]
    assert len(told) > 10_000
    assert {-0.0, 0.0, 1.0, 6.0, 0.25, 123456.0} <= set(told)
    assert [number for number in told if str(np.float32(number)) != repr(number)] == []
    assert not any(map(cformat._short, ("nan", "inf", "-inf", "1e-05", "0.1234567", "16777217.0")))

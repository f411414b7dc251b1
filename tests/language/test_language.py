"""The .conv language: what a file means, every error of a file in one run, and that no file can hurt.

tests/data/language holds a .conv and a .stderr for each code; `--update-golden` rewrites the latter.
"""

from __future__ import annotations

import cProfile
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegen.errors import Diagnostic, SpecErrors
from codegen.errors.catalogue import CODES
from codegen.errors.source import Source, Span, visible, width
from codegen.language import reader, syntax
from codegen.specs.kinds import Conv1DSpec, Spec

FOLDER = Path(__file__).parents[1] / "data" / "language"
LAYER = "conv1d stem { input_shape = (98, 40), filters = 8, kernel_size = 3"


def read(text: str | bytes, *, strict_keras: bool = False) -> dict[str, Spec]:
    return {spec.name: spec for spec in reader.read(text, "test.conv", strict_keras=strict_keras)}


def one(entries: str, before: str = "") -> Conv1DSpec:
    """The layer of a file with these further entries."""
    spec = read(f"{before}\n{LAYER}\n{entries} }}")["stem"]
    assert isinstance(spec, Conv1DSpec)
    return spec


def errors(text: str | bytes) -> list[tuple[str, int | None]]:
    """(code, line) of all that is wrong with a text."""
    with pytest.raises(SpecErrors) as caught:
        reader.read(text, "test.conv")
    return [(found.code, found.line) for found in caught.value.diagnostics]


def codes(text: str | bytes) -> list[str]:
    return [code for code, _ in errors(text)]


class TestMeaning:
    def test_the_languages_own_example(self) -> None:
        layers = read("""
            let width = 64
            defaults {                              # for every layer below
                kernel_initializer = he_normal(seed=7)
                activation = relu
            }
            conv1d stem { input_shape = (98, 40), filters = width; kernel_size = 3; padding = same }
            for d in (1, 2, 4, 8) {
                conv1d dilated[d] {
                    input_shape   = (None, width)
                    filters       = width
                    kernel_size   = 3
                    dilation_rate = d
                    padding       = causal
                    kernel_regularizer = L2(1e-4)
                    kernel_constraint  = MaxNorm(3.0, axis=[0, 1])
                }
            }
            depthwise_conv1d mixer { input_shape = (None, 1536), kernel_size = 4, padding = causal, activation = silu }
        """)
        assert list(layers) == ["stem", "dilated_1", "dilated_2", "dilated_4", "dilated_8", "mixer"]
        assert [layers[f"dilated_{d}"].dilation_rate for d in (1, 2, 4, 8)] == [1, 2, 4, 8]
        assert layers["stem"].activation.name == "relu"
        assert layers["mixer"].activation.name == "silu"
        stem = layers["stem"]
        assert isinstance(stem, Conv1DSpec)
        assert (stem.filters, stem.input_shape, stem.kernel_initializer.seed) == (64, (98, 40), 7)

    @pytest.mark.parametrize(
        ("written", "value"),
        [
            ("-2**2 + 8", 4),
            ("2**3**2 // 64", 8),
            ("2**-1 * 16 // 1 - 0", 8.0),
            ("7 // 2 * 2", 6),
            ("-7 // 2 + 8", 4),
            ("-7 % 4", 1),
            ("10 - 4 - 3", 3),
            ("(1 + 2) * 3", 9),
            ("+5", 5),
            ("--5", 5),
            ("2 * (3 + (4 - 1)) % 7", 5),
        ],
    )
    def test_arithmetic_is_pythons(self, written: str, value: float) -> None:
        if isinstance(value, float):
            assert codes(f"{LAYER}, groups = {written} }}") == ["E201"]
        else:
            assert one(f"dilation_rate = {written}").dilation_rate == value

    def test_tuples_lists_and_brackets(self) -> None:
        assert one("strides = (2)").strides == 2
        assert one("strides = (2,)").strides == 2
        assert one("strides = [2]").strides == 2
        assert one("padding = [1, 2,]").padding == (1, 2)
        assert one("padding = (\n 1,\n # one, then two\n 2\n )").padding == (1, 2)

    def test_a_word_is_a_let_if_there_is_one(self) -> None:
        assert one("padding = same").padding == "same"
        assert one('padding = "same"').padding == one("padding = 'SAME'").padding == "same"
        assert one("padding = sides", "let sides = (1, 2)").padding == (1, 2)
        assert one("padding = sides", "let sides = same").padding == "same"
        assert codes(f'let sides = same\n{LAYER}, padding = "sides" }}') == ["E203"]

    def test_lets_are_for_the_whole_file(self) -> None:
        assert one("dilation_rate = a } let a = b + 1\nlet b = 2\ndefaults {").dilation_rate == 3

    @pytest.mark.parametrize("word", ["True", "true", "False", "false"])
    def test_truth(self, word: str) -> None:
        assert one(f"use_bias = {word}").use_bias is (word.lower() == "true")

    @pytest.mark.parametrize("word", ["None", "none"])
    def test_none(self, word: str) -> None:
        assert one(f"activation = {word}").activation.name == "linear"
        assert read(f"conv1d a {{ input_shape = ({word}, 4), filters = 1, kernel_size = 1 }}")["a"].steps is None

    def test_defaults_hold_from_there_on_and_add_up(self) -> None:
        layers = read("""
            conv1d a { input_shape = (98, 40), filters = 8, kernel_size = 3 }
            defaults { input_shape = (None, 40); filters = 16; depth_multiplier = 2; kernel_size = 3 }
            conv1d b {}
            defaults { filters = 4, strides = 2 }
            conv1d c { strides = 3 }
            depthwise_conv1d d { }
        """)
        assert [layers[name].lower().filters for name in "abcd"] == [8, 16, 4, 80]
        assert [layers[name].strides for name in "abcd"] == [1, 1, 3, 2]

    def test_loops_nest_and_name(self) -> None:
        layers = read("""
            let offsets = [10, 20]
            defaults { input_shape = (None, 4), filters = 2, kernel_size = 3 }
            for a in offsets { for b in range(1, 6, 2) { conv1d x[a + b] { dilation_rate = b } } }
            for side in (same, "causal") { conv1d y[side] { padding = side } }
            for i in range(2) { conv1d z[i] { strides = i + 1 } for j in () { conv1d never[j] { } } }
        """)
        assert list(layers) == ["x_11", "x_13", "x_15", "x_21", "x_23", "x_25", "y_same", "y_causal", "z_0", "z_1"]
        assert [layers[f"x_{n}"].dilation_rate for n in (11, 13, 25)] == [1, 3, 5]
        assert (layers["y_same"].padding, layers["y_causal"].padding) == ("same", "causal")
        assert layers["z_1"].strides == 2

    def test_name_overrides_the_blocks(self) -> None:
        assert list(read(f'{LAYER}, name = "front" }}')) == ["front"]

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_line_ends_and_a_byte_order_mark(self, end: str) -> None:
        text = end.join(
            [
                "\ufeff# one",
                "",
                "conv1d a {",
                "\tinput_shape = (98,",
                "40)",
                "filters = 2 *",
                "4",
                "kernel_size = 3",
                "}",
            ]
        )
        for given in (text, text.encode()):
            assert read(given)["a"].lower().filters == 8
        assert errors(text.replace("filters", "filter"))[0] == ("E104", 6)

    def test_a_brace_may_stand_on_its_own_line(self) -> None:
        assert list(
            read("for i in (1, 2)\n\n{\nconv1d a[i]\n{ input_shape = (9, 4), filters = 1, kernel_size = 1 }\n}")
        ) == ["a_1", "a_2"]

    def test_no_kind_and_no_parameter_is_in_the_grammar(self) -> None:
        grammar = (Path(__file__).parents[2] / "grammar" / "conv.lark").read_text()
        assert not [word for word in ("conv1d", "filters", "padding", "relu", "kernel") if word in grammar]


class TestErrors:
    @pytest.mark.long
    @pytest.mark.parametrize("code", CODES)
    def test_a_file_and_what_it_is_told(self, code: str, update_golden: bool) -> None:
        path = FOLDER / f"{code}.conv"
        with pytest.raises(SpecErrors) as caught:
            reader.read(path.read_bytes(), path.name, strict_keras=CODES[code].strict_keras, baked=CODES[code].baked)
        told = str(caught.value) + "\n"
        golden = path.with_suffix(".stderr")
        if update_golden:
            golden.write_text(told, encoding="utf-8")
        assert told == golden.read_text("utf-8")
        assert code in {found.code for found in caught.value.diagnostics}
        assert all(found.hint for found in caught.value.diagnostics), "every error has a way out"

    @pytest.mark.parametrize(
        "text",
        [
            LAYER + ', activation = "relu }',
            LAYER + ', activation = "relu, padding = same }',
            LAYER + "\n activation = 'relu   # a remark\n padding = same }",
            LAYER + ', kernel_initializer = constant("abc) }',
            LAYER
            + ', activation = leaky_relu(negative_slope="0.1), padding = same }\n'
            + LAYER.replace("stem", "b")
            + " }",
            'let word = "same\n' + LAYER + ", padding = word }",
            'defaults { activation = "relu }\n' + LAYER + " }",
            LAYER + ' }\nconv1d "b { input_shape = (9, 4), filters = 1, kernel_size = 1 }',
        ],
    )
    def test_a_string_that_is_never_closed_is_one_error(self, text: str) -> None:
        assert [code for code, _ in errors(text)] == ["E103"]

    @pytest.mark.parametrize(
        ("entry", "hint"),
        [
            ("padding = reflect", 'zeros only: pad x before the layer, as numpy.pad(…, mode="reflect") does'),
            ('padding = "replicate"', 'mode="edge") does, and write padding = valid'),
            ("padding = Circular", 'mode="wrap") does, and write padding = valid'),
            ("padding = full", "write (n, n), n being dilation_rate * (kernel_size - 1)"),
            ("padding = smae", "write padding = same"),
            ("padding = banana", "write padding = valid, same or causal"),
            ("dtype = float16", "--storage float16"),
            ("dtype = bf16", "--storage bfloat16"),
            ("dtype = double", "write dtype = float64"),
            ("dtype = flaot32", "write dtype = float32"),
            ("dtype = banana", "write dtype = float32, float64 or int8"),
            ("data_format = last", "write data_format = channels_last or channels_first"),
        ],
    )
    def test_a_word_that_is_not_taken_gets_a_hint_that_is_true(self, entry: str, hint: str) -> None:
        with pytest.raises(SpecErrors) as caught:
            reader.read(f"{LAYER}, {entry} }}")
        [found] = caught.value.diagnostics
        assert found.code == "E203"
        assert hint in (found.hint or "")

    @pytest.mark.long
    @pytest.mark.parametrize("code", CODES)
    def test_the_catalogues_examples(self, code: str) -> None:
        entry = CODES[code]
        with pytest.raises(SpecErrors) as caught:
            reader.read(entry.wrong_text, strict_keras=entry.strict_keras, baked=entry.baked)
        found = {one.code for one in caught.value.diagnostics}
        assert found <= {code, *{"E110": ["E209"], "E409": ["E107"]}.get(code, [])}
        assert code in found
        right = reader.document(entry.right, strict_keras=entry.strict_keras, baked=entry.baked)
        assert not right.diagnostics
        assert right.layers or right.models
        assert code in entry.explanation()

    def test_the_catalogue_knows_every_code_that_is_raised(self) -> None:
        package = Path(reader.__file__).parents[1]
        raised = {code for path in package.rglob("*.py") for code in re.findall(r'"(E\d{3})"', path.read_text("utf-8"))}
        assert raised == set(CODES)

    def test_all_errors_of_a_file_come_at_once_and_by_line(self) -> None:
        found = errors("""conv1d a { input_shape = (98, 40), filters = 0, kernel_size = 3, stride = 2 }
            conv1d b { input_shape = (98, 40) filters = 8, kernel_size = 1 / 0 }
            let c = d + 1
            conv1d e { input_shape = (98, 40), filters = 8, kernel_size = 3, groups = 3, padding = full }
            embedding f {}
        """)
        assert found == [
            *[("E201", 1), ("E104", 1), ("E109", 2), ("E124", 2), ("E209", 3)],
            *[("E302", 4), ("E302", 4), ("E203", 4), ("E112", 5)],
        ]

    @pytest.mark.parametrize(
        ("word", "meant"),
        [
            ("out_channels", "filters"),
            ("in_channels", "input_shape"),
            ("stride", "strides"),
            ("dilation", "dilation_rate"),
            ("bias", "use_bias"),
            ("kernal_size", "kernel_size"),
            ("KernelSize", "kernel_size"),
            ("dilatation_rate", "dilation_rate"),
            ("init", "kernel_initializer"),
        ],
    )
    def test_other_words_lead_to_keras_words(self, word: str, meant: str) -> None:
        with pytest.raises(SpecErrors, match=rf"\^ did you mean `{meant}`\?"):
            reader.read(f"{LAYER}, {word} = 3 }}")

    def test_a_parameter_meant_is_not_missing_too(self) -> None:
        assert codes("conv1d a { input_shape = (98, 40), out_channels = 8, kernal_size = 3 }") == ["E104", "E104"]

    def test_an_unreadable_value_is_told_once(self) -> None:
        assert codes(
            "let a = (\nconv1d s { input_shape = (98, a), filters = a * 2, kernel_size = 1 / 0, groups = a }"
        ) == ["E107", "E124"]

    def test_a_default_is_blamed_once(self) -> None:
        text = "defaults { filters = 0, kernel_size = 3, input_shape = (9, 4) }\nconv1d a {}\nconv1d b {}"
        assert errors(text) == [("E201", 1)]

    def test_a_word_near_a_let(self) -> None:
        with pytest.raises(SpecErrors, match="did you mean the `let` `width`"):
            reader.read("let width = 3\nconv1d a { input_shape = (98, widht), filters = 8, kernel_size = 1 }")

    def test_strict_keras_refuses_only_under_its_flag(self) -> None:
        for entries in ("strides = 2, dilation_rate = 2", "padding = (1, 1)"):
            assert read(f"{LAYER}, {entries} }}")
            with pytest.raises(SpecErrors, match=r"error\[E30[45]\]"):
                read(f"{LAYER}, {entries} }}", strict_keras=True)


class TestDrawing:
    def test_the_documented_drawing(self) -> None:
        text = "\n" * 9 + "conv1d a {\n    input_shape = (98, 40), filters = 8\n    kernal_size = 3\n}"
        with pytest.raises(SpecErrors) as caught:
            reader.read(text, "wake.conv")
        assert str(caught.value) == (
            "error[E104]: unknown parameter `kernal_size`\n"
            "  --> wake.conv:12:5\n"
            "   |\n"
            "12 |     kernal_size = 3\n"
            "   |     ^^^^^^^^^^^ did you mean `kernel_size`?"
        )

    @pytest.mark.parametrize(
        ("line", "part", "drawn", "carets"),
        [
            ("a\tb = 3", "b", "a    b = 3", "     ^"),
            ('"あい" = b', "b", '"あい" = b', "         ^"),
            ("xyz = あい", "あい", "xyz = あい", "      ^^^^"),
            ('"e\u0301" b', "b", '"e\u0301" b', "    ^"),
            ("\u202e\x1b[31m b", "b", r"\u{202e}\u{001b}[31m b", "                     ^"),
            ("a\u00a0b", "\u00a0", r"a\u{00a0}b", " ^^^^^^^^"),
        ],
    )
    def test_carets_stand_under_what_is_meant(self, line: str, part: str, drawn: str, carets: str) -> None:
        start = line.index(part)
        lines = Source("x", f"first\n{line}\nlast").draw(Span(6 + start, 6 + start + len(part)), "").split("\n")
        assert lines[0] == f" --> x:2:{start + 1}"
        assert lines[2:] == [f"2 | {drawn}", f"  | {carets}"]

    def test_a_long_line_is_cut_around_the_caret(self) -> None:
        lines = Source("x", "a" * 5000 + "b" + "c" * 5000).draw(Span(5000, 5001), "here").split("\n")
        assert lines[2] == "1 | …" + "a" * 40 + "b" + "c" * 59 + "…"
        assert lines[3] == "  | " + " " * 41 + "^ here"

    def test_a_span_over_lines_is_drawn_on_its_first(self) -> None:
        assert Source("x", "ab\ncd").draw(Span(1, 5), "").endswith("1 | ab\n  |  ^")

    def test_a_files_name_is_escaped_too(self) -> None:
        with pytest.raises(SpecErrors) as caught:
            reader.read("", "evil\x1b[2J.conv")
        assert "\x1b" not in str(caught.value)

    def test_what_is_visible(self) -> None:
        assert visible("a\tb\x00\u2028é日") == "a    b\\u{0000}\\u{2028}é日"
        assert width("é日e\u0301") == 4

    @pytest.mark.parametrize("bad", ["\x00", "\x1b", "\u202e", "\u2066", "\ud800", "\x85"])
    def test_hostile_characters_are_refused_in_comments_and_strings(self, bad: str) -> None:
        assert codes(f"# {bad}\n{LAYER} }}") == ["E101"]
        assert "E101" in codes(f'{LAYER}, name = "a{bad}" }}')
        assert codes(f"{LAYER}\n{bad}\n}}") == ["E101"]

    @pytest.mark.parametrize("data", [b"\xff", b"\xfe\xff", b"# \xe9\n", b"\xf0\x9f", b"\xed\xa0\x80"])
    def test_bytes_that_are_no_utf8(self, data: bytes) -> None:
        assert errors(b"# first\n" + data) == [("E101", 2)]

    def test_text_beyond_ascii_may_stand_in_comments_and_strings(self) -> None:
        assert read(f"# größe 日本 \U0001f600\n{LAYER} }}")
        assert codes(f'{LAYER}, padding = "größe" }}') == ["E203"]


class TestLimits:
    def test_each_limit_is_what_it_says(self) -> None:
        assert read(LAYER + " }" + " " * (256 * 1024 - len(LAYER) - 2))
        assert codes(LAYER + " }" + " " * (256 * 1024 - len(LAYER) - 1)) == ["E401"]
        assert codes("#" * 100 + "é" * (128 * 1024)) == ["E401"]
        assert read(f"let a = {'(' * 32}1{')' * 32}\n{LAYER} }}")
        assert codes(f"let a = {'(' * 33}1{')' * 33}\n{LAYER} }}") == ["E403"]

    @pytest.mark.long
    def test_the_limit_of_tokens(self) -> None:
        def counted(text: str) -> int:
            return sum(token.type != "_NL" for token in syntax.scan(Source("", text)))

        start = f"{LAYER} }}\nlet a = 1"
        zeros, odd = divmod(16_384 - counted(start), 2)
        most = start.replace("= 1", "= -1" if odd else "= 1") + " + 0" * zeros
        assert counted(most) == 16_384
        assert read(most)
        assert codes(most.replace("= ", "= -", 1)) == ["E402"]

    @pytest.mark.long
    def test_statements_entries_and_numbers(self) -> None:
        loop = "for i in range({}) {{ depthwise_conv1d a[i] {{ input_shape = (9, 1), kernel_size = 1 }} }}"
        assert len(read(loop.format(4096))) == 4096
        assert codes(loop.format(4097)) == ["E404"]
        entries = "".join(f"x{i} = 1\n" for i in range(64))
        assert codes(f"conv1d a {{ {entries} }}").count("E104") == 64
        assert codes(f"conv1d a {{ {entries} y = 1 }}") == ["E405"]
        assert one("", "let a = 2**31\nlet b = -2**31\nlet c = 2147483648.0")
        for number in (
            "2**31 + 1",
            "2147483649",
            "-2**31 - 1",
            "1e10",
            "2.0**32",
            "3**99",
            "9**9**9**9",
            "10.0**400",
            "9" * 5000,
        ):
            assert codes(f"let a = {number}\n{LAYER} }}") == ["E406"]

    @pytest.mark.parametrize(
        ("expression", "value"),
        [
            ("2147483648", 2147483648),
            ("2**31 - 1", 2147483647),
            ("46341 * 46340", 2147441940),
            ("1290**3", 2146689000),
            ("65536 * 32767 + 65535", 2147483647),
            ("2**30 + (2**30 - 1)", 2147483647),
            ("-(1 - 2147483647)", 2147483646),
            ("(-2)**31 + 2147483647 + 6", 5),
            ("16777217 * 127", 2130706559),
            ("2147483647 // 7", 306783378),
            ("2147483647 % 65536", 65535),
            ("(2**31 - 1) * 1 // (2**31 - 2)", 1),
            ("(-2147483647) // -2", 1073741823),
        ],
    )
    def test_large_whole_numbers_are_exact(self, expression: str, value: int) -> None:
        """Whole numbers stay whole: float32 has none between 2**31 - 1 and 2**31, nor between 2**24 and 2**24 + 2."""
        found = one(f"strides = {expression}").strides
        assert (type(found), found) == (int, value)
        assert one("strides = far", f"let far = {expression}").strides == value

    @pytest.mark.parametrize("expression", ["46341 * 46341", "1291**3", "65536 * 32768 + 1", "2**31 * 2 // 2", "2**32"])
    def test_whole_numbers_beyond_the_most_are_told(self, expression: str) -> None:
        assert codes(f"{LAYER}, strides = {expression} }}") == ["E406"]

    def test_no_value_grows_without_end(self) -> None:
        bomb = "let a0 = (1, 1, 1, 1)\n" + "".join(f"let a{i + 1} = (a{i}, a{i}, a{i}, a{i})\n" for i in range(40))
        assert codes(f"{bomb}{LAYER} }}") == ["E407"]
        deep = "let a0 = f(1)\n" + "".join(f"let a{i + 1} = f(a{i})\n" for i in range(40))
        assert codes(f"{deep}{LAYER} }}") == ["E407"]

    @pytest.mark.long
    def test_a_long_chain_of_lets_is_no_deep_recursion(self) -> None:
        down = "".join(f"let a{i} = a{i + 1}\n" for i in range(3000)) + "let a3000 = 2\n"
        assert one("strides = a0", down).strides == 2
        circle = "".join(f"let a{i} = a{(i + 1) % 3000}\n" for i in range(3000))
        assert codes(f"{circle}{LAYER} }}") == ["E115"]


HOSTILE = {
    "parentheses": "let a = " + "(" * 20_000 + "1" + ")" * 20_000,
    "open brackets": "([{" * 5_000,
    "arguments": "let a = f(" + "1," * 100_000 + ")",
    "signs": "let a = " + "-" * 15_000 + "1",
    "a chain": "let a = " + "1+" * 8_000 + "1",
    "exponents": "let a = 2**2147483648\nlet b = 9**9**9**9\nlet c = 9.5**9.5**9.5**9.5",
    "turns": "for i in range(2**31) { conv1d a { input_shape = (9, 4), filters = 1, kernel_size = 1 } }",
    "empty turns": "for i in range(4000) { for j in range(4000) { for k in range(4000) { } } }",
    "a string": 'let a = "' + "x" * 260_000 + '"',
    "an open string": 'let a = "' + "x" * 260_000,
    "a number": "let a = " + "9" * 250_000,
    "no number": "let a = " + "9" * 250_000 + "x",
    "a name": "conv1d " + "x" * 260_000 + " { }",
    "lines": "\n" * 262_000,
    "comments": "#\n" * 131_000,
    "spaces": " " * 262_000,
    "zero bytes": "\0 " * 131_000,
    "separators": "conv1d a {" + "," * 16_000 + "}",
    "closing": "}" * 16_000,
    "quotes": "'\n" * 8_000,
    "wide": "\u3042" * 80_000,
    "combining": "a" + "\u0301" * 100_000,
    "typing errors": "".join(f"let width{i:04} = 3\nlet v{i} = widht{i:04} * 2\n" for i in range(1400)),
    "wrong in each turn": "for i in range(4000) { conv1d a[i] { filters = -i, x = 3, strides = foo(i) } }",
    "long values": "let t = (" + "1," * 1000 + ")\nfor i in range(4000) { conv1d a[i] { x = ((t,),), y = (t,) } }",
}


@pytest.mark.long
@pytest.mark.in_turn(4)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_costs_little_work(name: str) -> None:
    """Counted in calls of functions, Python's own among them: 6 million are some 2 s."""
    with cProfile.Profile() as profile:
        with pytest.raises(SpecErrors) as caught:
            reader.read(HOSTILE[name], name)
        assert str(caught.value).startswith("error[E")
    assert len(str(caught.value)) < 2_000_000
    assert sum(function.callcount for function in profile.getstats()) < 6_000_000


@pytest.mark.live
@pytest.mark.skipif(sys.platform != "linux", reason="the peak of one process alone is read from Linux' /proc")
def test_hostile_files_cost_little_memory(share: Callable[..., Any]) -> None:
    script = (
        "from tests.language.test_language import HOSTILE, SpecErrors, reader\n"
        f"for name in {share(list(HOSTILE), 2)!r}:\n"
        "    try: reader.read(HOSTILE[name])\n"
        "    except SpecErrors: pass\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 300 * 1024, "KiB"


PIECES = (
    *("(", ")", "[", "]", "{", "}", "{}", ",", ";", "=", "\n", "\r", "\t", " ", "let ", "for ", "in ", "defaults "),
    *(
        "conv1d ",
        "range(",
        "a ",
        "3",
        "0",
        "-",
        "**",
        "/",
        "//",
        '"',
        "'",
        "#",
        "None",
        "1e5",
        "1.2.3",
        "\0",
        "é",
        "(,)",
    ),
)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
def test_a_mangled_file_gets_errors_and_nothing_else(seed: int) -> None:
    rng = random.Random(seed)
    texts = [path.read_text("utf-8") for path in sorted(FOLDER.glob("E1*.conv")) if path.name != "E101.conv"]
    for _ in range(30):
        text = rng.choice(texts)
        for _ in range(rng.randint(1, 8)):
            start = rng.randint(0, len(text))
            text = text[:start] + rng.choice(PIECES) + text[start + rng.choice([0, 0, 1, 2, 5, 20]) :]
        found = diagnosed(text)
        assert all(one.hint and one.span for one in found)
        assert [one.line for one in found] == sorted(one.line or 0 for one in found)


def diagnosed(text: str) -> tuple[Diagnostic, ...]:
    """What is wrong with a text; for a right one nothing, once its layers are lowered."""
    try:
        assert all(spec.lower().filters for spec in reader.read(text))
    except SpecErrors as wrong:
        return wrong.diagnostics
    return ()

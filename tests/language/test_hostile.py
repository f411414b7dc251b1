"""A stranger's text never becomes C: a share of the fuzzer, and that the lexer which judges it sees what it must."""

from __future__ import annotations

import pytest

from codegen import pipeline
from codegen.language import reader
from tests.fuzz import clexer, hostile

LAYER = "conv1d stem {{ input_shape = (9, 2), filters = 2, kernel_size = 3, activation = gelu{} }}"


@pytest.mark.long
def test_hostile_texts_give_a_diagnostic_or_our_own_words() -> None:
    assert hostile.run(300, 13) == (300, [])


@pytest.mark.long
def test_many_of_them_become_c() -> None:
    """The share is no idle one: hostile texts of a good form pass, and their files are looked at."""
    draw, passed = hostile.Draw(5), 0
    for _ in range(300):
        try:
            passed += bool(reader.read(hostile._definition(draw)))
        except reader.SpecErrors:
            continue
    assert passed > 30


@pytest.mark.long
@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("int zqx;", "the word 'zqx'"),
        ("/* zqx */ zqx();", "the word 'zqx'"),
        ('const char *a = "zqx";', "the string '\"zqx\"'"),
        ("#include <stdio.h>", "the word 'stdio'"),
        ("// zqx", "the word 'zqx'"),
        ("/* ??/\n*/ system(0);", "the word 'system'"),
        ("/* \\\n*/ system(0);", "the word 'system'"),
        ("/* unfinished", "the word 'unfinished'"),
        ("'a'", "no token of C99"),
        ("/* é */", "a character that is no printable ASCII"),
        ("\tx", "a character that is no printable ASCII"),
        ("stem_more(); stem(); a0_1 = v8_load(x); /* zqx */", None),
        ("stemzqx();", "the word 'stemzqx'"),
    ],
)
def test_the_lexer_sees_what_is_none_of_ours(added: str, said: str | None) -> None:
    (spec,) = reader.read(LAYER.format(""))
    code, header = pipeline.generate(spec, "avx2").files
    assert clexer.fault(code[1], "stem", "stem.h") is None
    assert clexer.fault(header[1], "stem", "stem.h") is None
    found = clexer.fault(f"{code[1]}{added}\n", "stem", "stem.h")
    assert found is None if said is None else str(found).startswith(said)


def test_tokens_are_those_of_c() -> None:
    assert clexer.tokens('a->b += 0x1.8p+3f; /* c */ "d\\"e" x??(1??)\\\n2') == [
        *(("word", "a"), ("mark", "->"), ("word", "b"), ("mark", "+="), ("number", "0x1.8p+3f"), ("mark", ";")),
        *(("comment", "/* c */"), ("string", '"d\\"e"'), ("word", "x"), ("mark", "["), ("number", "1"), ("mark", "]")),
        ("number", "2"),
    ]

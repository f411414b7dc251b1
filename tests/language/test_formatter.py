"""Texts laid out anew: as the examples are, with every comment, meaning what they meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegen.cli.commands.new import STARTER
from codegen.errors import SpecErrors
from codegen.language import formatter, reader, writer
from tests.fuzz import layouts

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("examples", "bench/shapes", "tests/data/golden")
OURS = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.conv"))]
PAGES = [ROOT / "README.md", *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.stem != "errors")]
BLOCK = re.compile(r"^```conv\n(.*?)^```$", re.M | re.S)  # those of errors.md show one rule each, laid out to show it
BLOCKS = [block for page in PAGES for block in BLOCK.findall(page.read_text("utf-8"))]


def formatted(text: str) -> str:
    return formatter.formatted(reader.document(text, "test.conv"))


@pytest.mark.long
@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_our_own_files_are_laid_out(path: Path) -> None:
    text = path.read_text("utf-8")
    assert formatted(text) == text


@pytest.mark.parametrize("text", [*BLOCKS, STARTER.format(name="stem")])
def test_what_the_pages_show_and_new_writes_is_laid_out(text: str) -> None:
    assert formatted(text) == text


CASES = {
    "entries": (
        "conv1d a{input_shape=(8,2),filters=1;kernel_size=3,}",
        "conv1d a { input_shape = (8, 2), filters = 1, kernel_size = 3 }\n",
    ),
    "aligned": (
        "conv1d a {\n input_shape = (8, 2)\nfilters=1; kernel_size =3\n  kernel_initializer=zeros }",
        "conv1d a {\n    input_shape = (8, 2)\n    filters     = 1\n    kernel_size = 3\n"
        "    kernel_initializer = zeros\n}\n",
    ),
    "too wide for one line": (
        "conv1d another_layer { input_shape = (8, 2), filters = 1, kernel_size = 3, padding = same, activation = relu, "
        "strides = 1 }",
        "conv1d another_layer {\n    input_shape = (8, 2)\n    filters     = 1\n    kernel_size = 3\n"
        "    padding     = same\n    activation  = relu\n    strides     = 1\n}\n",
    ),
    "arithmetic": (
        "let a=-2 ** - x*( 3+b )//4%-5\nlet b = ( 1 , )\nlet c=[1,2,]\nlet d = f( 1 ,k = 2,)",
        "let a = -2**-x * (3 + b) // 4 % -5\nlet b = (1,)\nlet c = [1, 2]\nlet d = f(1, k=2)\n",
    ),
    "a loop": (
        "for d in(1,2){conv1d a[ d ]{}\n\n\n\ndefaults{ }}",
        "for d in (1, 2) {\n    conv1d a[d] {}\n\n    defaults {}\n}\n",
    ),
    "comments": (
        "\n#one  \n\nlet a = 1#two\nconv1d a # three\n# four\n{ # five\n\n# six\n x = 1, # seven\n"
        " # eight\n\n}# nine\n # ten",
        "#one\n\nlet a = 1                           #two\nconv1d a {                          # three\n    # four\n"
        "    # five\n\n    # six\n    x = 1                           # seven\n    # eight\n}"
        "                                   # nine\n# ten\n",
    ),
    "a far comment": (
        f"let a = {'1 + ' * 9}1 # one\nlet b = {'1 + ' * 20}1 # two\nlet c = 1 # three",
        f"let a = {'1 + ' * 9}1   # one\nlet b = {'1 + ' * 20}1  # two\nlet c = 1{' ' * 39}# three\n",
    ),
    "lines within a value": (
        "let a = f(\n1,\n\n(2, # two\n3),\n)\nlet b = 1 +\n2",
        "let a = f(\n    1,\n    (2,                             # two\n        3),\n)\nlet b = 1 +\n    2\n",
    ),
    "line ends": ("let a = 1\r\n\r\nlet b = 2\n", "let a = 1\r\n\r\nlet b = 2\r\n"),
    "strings and numbers": ("let a = 'x  #'\nlet b=.50e-3+07", "let a = 'x  #'\nlet b = .50e-3 + 07\n"),
    "nothing but comments": ("\n\n# one\n\n\n# two\n\n", "# one\n\n# two\n"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_the_style(text: str, expected: str) -> None:
    assert formatted(text) == expected
    assert formatted(expected) == expected


@pytest.mark.long
def test_random_files_mean_the_same_and_keep_their_comments(share: Callable[..., Any]) -> None:
    for first in share(range(0, 300, 100), 3):
        tried, findings = layouts.run(100, seed=first)
        assert findings == []
        assert tried > 95
    texts = [reader.document(layouts.Scribe(seed).file()) for seed in range(50)]
    assert sum(len(text.comments) for text in texts) > 170
    assert sum(len(text.layers) for text in texts) > 15


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("let a = 1", "let a = 1.0"),
        ("let a = 1", "let a = True"),
        ("let a = (1)", "let a = (1,)"),
        ("let a = x", "let a = 'x'"),
        ("let a = 1 # b", "let a = 1"),
        ("let a = 1 - (2 - 3)", "let a = 1 - 2 - 3"),
        ("defaults { strides = 1 }", "defaults { strides = 2 }"),
        ("let a = 1\nlet b = 2", "let b = 2\nlet a = 1"),
    ],
)
def test_what_differs_is_seen(one: str, other: str) -> None:
    first, second = reader.document(one), reader.document(other)
    assert writer.same(first, first)
    assert not writer.same(first, second)


@pytest.mark.parametrize("text", ["conv1d a { x = }", "let a = (1", "let a = 1 # \x00", "conv1d é {}", b"\xff"])
def test_a_text_that_cannot_be_read_is_refused(text: str | bytes) -> None:
    document = reader.document(text, "test.conv")
    with pytest.raises(SpecErrors) as caught:
        formatter.formatted(document)
    assert caught.value.diagnostics == document.faults
    assert all(found.code.startswith("E1") for found in document.faults)


def test_a_text_with_wrong_values_is_laid_out() -> None:
    assert formatted("conv1d a{filters=0}") == "conv1d a { filters = 0 }\n"


def test_a_writer_that_changes_the_meaning_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    true = writer.text
    monkeypatch.setattr(writer, "text", lambda document: true(document).replace("8", "9"))
    with pytest.raises(RuntimeError, match="something else"):
        formatted("conv1d a { input_shape = (98, 40), filters = 8, kernel_size = 3 }")


@pytest.mark.long
def test_a_text_that_would_grow_too_large_is_refused() -> None:
    text = "for a in (1,) { for b in (1,) {\n" + "#\n" * 120_000 + "} }"
    assert reader.document(text).readable
    with pytest.raises(SpecErrors) as caught:
        formatted(text)
    assert [found.code for found in caught.value.diagnostics] == ["E401"]

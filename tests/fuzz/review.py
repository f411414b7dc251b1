"""Review the emitted C as a firmware reviewer reads it: its English, what it leaves to run time, what nothing uses.

A finding is a line that reads badly, how its file came about, and why. Only the text is looked at; nothing is compiled.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain, islice

from tests.fuzz import emitted_kinds
from tests.fuzz.emitted import emitted

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
NOUNS = [
    "accumulator",
    "block",
    "byte",
    "channel",
    "chunk",
    "filter",
    "lane",
    "line",
    "multiply-add",
    "number",
    "output",
    "part",
    "phase",
    "point",
    "product",
    "row",
    "sample",
    "slice",
    "step",
    "sum",
    "tap",
    "tile",
    "time",
    "turn",
    "vector",
]
NOUN = "|".join(NOUNS)
NAMES = "output|input|kernel|accumulator"  # nouns that stand before another: 2 output steps, 8 accumulator vectors
FORMULA = r"(?<![\w.*/^+-])(?<![*/+<=>-] )"  # no number of a formula, nor a digit of a longer one
SEVERAL_OF_ONE = re.compile(rf"{FORMULA}1 (?:(?:{NAMES}) )?(?:{NOUN})s\b")
ONE_OF_SEVERAL = re.compile(rf"{FORMULA}(?:0|[2-9]|\d[\d,]*\d) (?:(?:{NAMES}) (?!\w+s\b))?(?:{NOUN})\b(?! \w*s\b)(?!')")
ORDINAL = re.compile(r"\b(\d+)(st|nd|rd|th)\b")
ENDS = {"1": "st", "2": "nd", "3": "rd"}

NUMBER = r"(?<![\w.])\d+(?![\w.])"
LEFT_TO_RUN_TIME = {
    "a sum with 0": re.compile(r"[^=(,?:\s] *[-+] 0(?![\w.])"),
    "0 and a sum": re.compile(r"(?<![\w.])0 \+ "),
    "a product with 1": re.compile(r"(?<![\w.])1 \* \w|\w \* 1(?![\w.])"),
    "a product with 0": re.compile(r"(?<![\w.])0 \* \w|\w \* 0(?![\w.])"),
    "a quotient by 1": re.compile(r"[/%] 1(?![\w.])"),
    "a sum of constants": re.compile(rf"(?<![*/%] ){NUMBER} [-+] {NUMBER}(?! [*/%])"),
    "a product of constants": re.compile(rf"(?<![%/] ){NUMBER} [*/%] {NUMBER}"),
    "constants compared": re.compile(rf"(?<![-+*/%] ){NUMBER} (?:[<>]=?|[!=]=) {NUMBER}(?! [-+*/%])"),
    "a choice of two equals": re.compile(r"\? ([\w.]+) : \1(?![\w.]| [-+*/%])"),
    "minus a negative number": re.compile(r"[-+] -\d+(?![\d.])"),
    "an argument in brackets": re.compile(r"\w\([^()]*, \(([^(),?]*)\)[,)]"),
    "0 less a number": re.compile(r"(?<![\w.])0 - (?!\w*u\b)"),
    "a name in brackets": re.compile(r'(?<![\w)\]"] )(?<![\w)\]"])\((?:[a-z]\w*|\d+)\)(?! ?[\w({-])'),
}
WORD = re.compile(r'"(?:[^"\\\n]|\\.)*"|(?<![\w.])([A-Za-z_]\w*)')  # in a string there is none
DEFINED = re.compile(r"^static (?:inline )?[^=;{\n]*?\b(\w+)\([^{;]*\)\n\{", re.MULTILINE)
TABLE = re.compile(r"^static const \w+ (\w+)\[", re.MULTILINE)
LOOP = re.compile(
    r"for \(\w+ (?P<name>\w+) = (?P<first>\d+); (?P=name) < (?P<end>\d+); "
    r"(?:\+\+(?P=name)|(?P=name)\+\+|(?P=name) \+= (?P<step>\d+))[,)]"
)
MACRO = re.compile(r"^#define (\w+)", re.MULTILINE)
TYPE = re.compile(r"^typedef [^;]*?(\w+)(?: __attribute__[^;]*)?;", re.MULTILINE)


def english(text: str, _: str) -> Iterator[tuple[str, str]]:
    """Numbers that do not agree with their nouns, and ordinals with another's ending."""
    for comment in COMMENT.findall(text):
        flat = re.sub(r"\s*\n \*\s+|\s+", " ", comment[2:-2])
        for kind, pattern in (("several of one", SEVERAL_OF_ONE), ("one of several", ONE_OF_SEVERAL)):
            yield from ((kind, found[0]) for found in pattern.finditer(flat))
        for found in ORDINAL.finditer(flat):
            end = "th" if found[1][-2:] in ("11", "12", "13") else ENDS.get(found[1][-1], "th")
            if found[2] != end:
                yield "an ordinal", found[0]


def left_to_run_time(text: str, _: str) -> Iterator[tuple[str, str]]:
    """What is known when the file is written, and is computed when it runs."""
    bare = COMMENT.sub("", text)
    for kind, pattern in LEFT_TO_RUN_TIME.items():
        for found in pattern.finditer(bare):
            end = bare.find("\n", found.start())
            line = bare[bare.rfind("\n", 0, found.start()) + 1 : end if end >= 0 else None]
            if not line.startswith("#") and not line.endswith("\\"):
                yield kind, line.strip()


def unused(text: str, file: str) -> Iterator[tuple[str, str]]:
    """Static functions, tables, types and macros of a .c that nothing else in it names."""
    if not file.endswith(".c"):
        return
    bare = COMMENT.sub("", text)
    words = Counter(WORD.findall(bare))
    for kind, pattern in (("function", DEFINED), ("table", TABLE), ("macro", MACRO), ("type", TYPE)):
        for name, times in Counter(pattern.findall(bare)).items():
            if words[name] <= times:
                yield f"a {kind} that nothing uses", name


def empty(text: str, _: str) -> Iterator[tuple[str, str]]:
    """Conditions of the preprocessor around nothing, and comments about nothing."""
    for found in re.finditer(r"^#(?:if|elif|else)[^\n]*\n(?:#else\n)?#endif", text, re.MULTILINE):
        yield "a condition around nothing", found[0]
    for found in re.finditer(r"\*/\n\n(?!#include|\S|    )", text):
        yield "a comment about nothing", found[0]


def laid_out(text: str, _: str) -> Iterator[tuple[str, str]]:
    """Statements of two lines in one, the second with its indent."""
    for found in re.finditer(r"^.*[;{}] {4,}(?!/\*)\S.*$", text, re.MULTILINE):
        yield "two lines in one", found[0].strip()


def turned_once(text: str, _: str) -> Iterator[tuple[str, str]]:
    """Loops over numbers that are known, of which there is one or none."""
    for found in LOOP.finditer(COMMENT.sub("", text)):
        if int(found["end"]) - int(found["first"]) <= int(found["step"] or 1):
            yield "a loop that turns once", found[0]


def twice(text: str, _: str) -> Iterator[tuple[str, str]]:
    """Headers that a file includes more than once."""
    for name, times in Counter(re.findall(r"^#include (\S+)", text, re.MULTILINE)).items():
        if times > 1:
            yield "included twice", name


def open_switches(text: str, _: str) -> Iterator[tuple[str, str]]:
    """A `switch` that does not say what becomes of other numbers."""
    for found in re.finditer(r"^( *)switch \(.*\) \{\n(?:\1.*\n)*?\1\}", text, re.MULTILINE):
        if "default:" not in found[0]:
            yield "a switch without a default", found[0].partition("\n")[0].strip()


CHECKS: tuple[Callable[[str, str], Iterator[tuple[str, str]]], ...] = (
    english,
    left_to_run_time,
    unused,
    empty,
    laid_out,
    turned_once,
    twice,
    open_switches,
)


def run(count: int, seed: int) -> tuple[int, list[str]]:
    """`count` random files, half of them single layers of floats; (tried, findings)."""
    findings, floats = [], count // 2
    for one in chain(emitted(floats, seed), islice(emitted_kinds.emitted(count - floats, seed), count - floats)):
        for file, text in one.files:
            for check in CHECKS:
                findings += [f"{kind}: {shown} ({file}: {one.told})" for kind, shown in check(text, file)]
    return count, findings


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    tried, found = run(given.count, given.seed)
    print(*found, f"{tried} files, {len(found)} findings", sep="\n")

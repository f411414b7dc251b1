"""One token of a C text changed: what a compiler, a template or a typist may get wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["Mutant", "mutants"]

Rng = np.random.Generator
TOKEN = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"[^\"\n]*\"|'[^'\n]*'"  # passed over
    r"|(?:0x)?[\d.][\w.]*(?:(?<=[eEpP])[-+]\d+f?)?|[A-Za-z_]\w*"
    r"|\+\+|--|->|<<|>>|[-+*/%<>=!&|]=|&&|\|\||\S",
    re.S,
)
STATEMENT = re.compile(
    r"(?<=[;{}\n])[ \t]*(?!\s|const |static |typedef |return|for|if|while|else|#|v\d+ |float |double )"
    r"(?!ptrdiff_t |struct |void |GENCONV|int |hold)\w[^;{}#]*;"
)
FIRST = "#include <stddef.h>"  # before it are banners
NEAR = 2500  # characters: where an identifier is looked for that another is mistaken for
COMPARISONS = {"<": ("<=", ">"), ">": (">=", "<"), "<=": ("<", ">="), ">=": (">", "<="), "==": ("!=",), "!=": ("==",)}
OPERATORS = {"*": ("+",), "/": ("*",), "%": ("/",), "&&": ("||",), "||": ("&&",), "&": ("|",), "|": ("&",)}
SIGNS = {"+": ("-",), "-": ("+",), "+=": ("-=", "="), "-=": ("+=",)}
KINDS = (  # identifiers that may be mistaken for each other
    re.compile(r"[a-z]\d+_\d+$"),  # accumulators
    re.compile(r"[a-z]{1,2}\d+$"),  # vectors of weights, values of a codelet
    re.compile(r"(x|y|w|b|kernel|bias|row|rows|sums|v|m|to|from|panel|zeros|spare)$"),
    re.compile(
        r"(t|i|j|g|f|c|k|n|at|first|last|left|end|lo|hi|outs|steps|from|to|chunk|chunks|count|taps|fit|far|before)$"
    ),
    re.compile(r"conv1d_\w+$"),
    re.compile(r"v\d+_(min|max|abs|fma|least|most|load|set1|and|or|copysign|where)$"),
)


@dataclass(frozen=True)
class Mutant:
    """A changed text, and what was changed where."""

    text: str
    what: str


def mutants(text: str, rng: Rng) -> Iterator[Mutant]:
    """Mutants of `text` without end; some are no C."""
    tokens = list(_tokens(text))
    ways = [_words(tokens, SIGNS), _words(tokens, COMPARISONS), _words(tokens, OPERATORS)]
    ways += [_numbers(tokens), _identifiers(tokens), _statements(text)]
    ways = [way for way in ways if way]
    while True:
        way = ways[int(rng.integers(len(ways)))]
        start, end, new = way[int(rng.integers(len(way)))](rng)
        if new != text[start:end]:
            line = text.count("\n", 0, start) + 1
            shown = text[text.rfind("\n", 0, start) + 1 : text.find("\n", end)].strip()
            yield Mutant(
                text[:start] + new + text[end:], f"line {line}: `{text[start:end]}` -> `{new}` in {shown[:160]}"
            )


Token = tuple[int, int, str]
Change = Callable[[Rng], Token]


def _tokens(text: str) -> Iterator[Token]:
    """(start, end, word) of all that a compiler reads; of preprocessor lines only what macros are made of."""
    begin = text.index(FIRST) + len(FIRST)
    for found in TOKEN.finditer(text, begin):
        word, line = found.group(), text.rfind("\n", 0, found.start()) + 1
        directive = re.match(r"#\s*(define \w+(\([^)]*\))?)?", text[line:])
        skipped = directive and (not directive.group(1) or found.start() < line + directive.end())
        if not skipped and word[0] not in "\"'" and word[:2] not in ("/*", "//"):
            yield (found.start(), found.end(), word)


def _words(tokens: list[Token], table: dict[str, tuple[str, ...]]) -> list[Change]:
    def change(token: Token) -> Change:
        start, end, word = token
        return lambda rng: (start, end, str(rng.choice(table[word])))

    return [change(token) for token in tokens if token[2] in table]


def _numbers(tokens: list[Token]) -> list[Change]:
    """Whole numbers by one, fractions in one of their first digits."""

    def change(token: Token) -> Change:
        start, end, word = token

        def draw(rng: Rng) -> Token:
            if word.isdigit():
                return start, end, str(int(word) + int(rng.choice((-1, 1)) if int(word) else 1))
            digits = [i for i, letter in enumerate(word) if letter in "12345678"][:4]
            if not digits or word.startswith("0x"):
                return start, end, word
            at = int(rng.choice(digits))
            return start, end, word[:at] + str(int(word[at]) + 1) + word[at + 1 :]

        return draw

    return [change(token) for token in tokens if token[2][0].isdigit()]


def _identifiers(tokens: list[Token]) -> list[Change]:
    """A name for another of its kind nearby."""
    by_kind: list[list[Token]] = [[token for token in tokens if kind.match(token[2])] for kind in KINDS]

    def change(token: Token, among: list[Token]) -> Change:
        start, end, word = token

        def draw(rng: Rng) -> Token:
            others = sorted({other[2] for other in among if abs(other[0] - start) < NEAR} - {word})
            return start, end, str(rng.choice(others)) if others else word

        return draw

    return [change(token, among) for among in by_kind for token in among]


def _statements(text: str) -> list[Change]:
    """A statement left out."""

    def change(start: int, end: int) -> Change:
        return lambda rng: (start, end, ";")

    return [change(*found.span()) for found in STATEMENT.finditer(text, text.index(FIRST))]

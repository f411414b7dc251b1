"""Fuzz the writer of the language: texts laid out in every way that the grammar takes, laid out anew.

A finding is a text whose tree, specs or comments are others afterwards, or that a second pass changes again.

    python -m tests.fuzz.layouts --count 10000
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from codegen.language import reader, writer
from tests.fuzz.definitions import Draw

ENTRIES = (
    "padding = same",
    "padding=causal",
    "strides = 1",
    "activation = leaky_relu(0.1)",
    "use_bias = false",
    'dtype = "float32"',
    "kernel_initializer = he_normal(seed=7)",
    "bias_initializer = zeros",
    "kernel_constraint = MaxNorm(3.0, axis=[0, 1])",
)
BINARY = ("+", "-", "*", "/", "//", "%", "**")
ATOMS = ("1", "64", "0.5", ".5", "5.", "1e-4", "same", "width", "None", "true", '"a # b"', "'{ x = 1 }'", '""')
COMMENTS = ("#", "# a word", "#no blank", "#  { x = 1, }  ", "# '\"([", "#\t#", "# é")


class Scribe:
    """Writes a random file, each place with blanks, line ends and comments that the grammar allows there."""

    def __init__(self, seed: int) -> None:
        self._draw = Draw(seed)
        self._layers = 0
        self._end = self._draw.of(("\n", "\n", "\n", "\r\n", "\r"))

    def file(self) -> str:
        text = self._ends(0) + "".join(self._statement(0) for _ in range(self._draw.of((1, 2, 3, 5))))
        return text if self._draw.chance(0.8) else text.rstrip("\r\n")

    def _statement(self, depth: int) -> str:
        forms: list[Callable[[int], str]] = [self._layer, self._layer, self._defaults]
        forms += [self._loop] if depth < 2 else []
        forms += [] if depth else [self._let]
        form: Callable[[int], str] = self._draw.of(forms)
        return self._blank() + form(depth)

    def _let(self, depth: int) -> str:
        return self._spread("let", f"v{self._number()}") + self._equals() + self._value(0) + self._ends()

    def _defaults(self, depth: int) -> str:
        return "defaults" + self._block([self._draw.of(ENTRIES)] if self._draw.chance(0.8) else [])

    def _loop(self, depth: int) -> str:
        values = self._draw.of(("(1, 2)", "[1,2,]", "range(2)", "(1,)"))
        inside = "".join(self._statement(depth + 1) for _ in range(self._draw.of((0, 1, 2))))
        head = self._spread("for", f"i{depth}", "in", values)
        return head + self._before_brace() + "{" + self._maybe_ends() + inside + "}" + self._after_brace()

    def _layer(self, depth: int) -> str:
        name = f"layer{self._number()}" + "".join(f"[{self._inner()}i{d}{self._inner()}]" for d in range(depth))[:60]
        name = name if depth < 2 else f"layer{self._layers}"
        entries = ["input_shape = (98, 40)", "filters = 8", "kernel_size = 3"]
        entries += [entry for entry in ENTRIES if self._draw.chance(0.2)]
        if self._draw.chance(0.3):
            entries[1] = f"filters{self._equals()}{self._value(0)}"
        if self._draw.chance(0.3):
            entries[0] = (
                f"input_shape{self._equals()}({self._inner()}98{self._inner()},{self._inner()}40{self._inner()})"
            )
        return self._spread(self._draw.of(("conv1d", "conv1d", "depthwise_conv1d")), name) + self._block(entries)

    def _block(self, entries: list[str]) -> str:
        text = self._before_brace() + "{" + self._maybe_ends()
        for at, entry in enumerate(entries):
            last = at == len(entries) - 1
            ways = [self._ends, lambda: f"{self._blank()},{self._maybe_ends()}", lambda: f";{self._maybe_ends()}"]
            text += self._blank() + entry + self._draw.of([*ways, self._blank] if last else ways)()
        return text + self._blank() + "}" + self._after_brace()

    def _value(self, depth: int) -> str:
        form = self._draw.of(range(9)) if depth < 4 else 0
        if form < 3:
            return str(self._draw.of(ATOMS))
        if form == 3:
            return f"{self._draw.of('+-')}{self._blank()}{self._value(depth + 1)}"
        if form in (4, 5):
            after = self._inner() if self._draw.chance(0.3) else self._blank()
            return self._value(depth + 1) + self._blank() + str(self._draw.of(BINARY)) + after + self._value(depth + 1)
        if form == 6:
            return f"({self._inside(depth)})"
        items = [self._inside(depth) for _ in range(self._draw.of((0, 1, 2, 3)))]
        if form == 7:
            return f"call({','.join(items)}{self._trailing(items)})"
        opener, closer = self._draw.of(("()", "[]"))
        if opener == "(" and len(items) == 1:
            return f"({items[0]},{self._inner()})"
        return f"{opener}{','.join(items)}{self._trailing(items)}{closer}"

    def _inside(self, depth: int) -> str:
        return self._inner() + self._value(depth + 1) + self._inner()

    def _trailing(self, items: list[str]) -> str:
        return f",{self._inner()}" if items and self._draw.chance(0.3) else ""

    def _number(self) -> int:
        self._layers += 1
        return self._layers

    def _spread(self, *words: str) -> str:
        return str(self._draw.of((" ", "  ", "\t"))).join(words)

    def _equals(self) -> str:
        return f"{self._blank()}={self._blank()}"

    def _blank(self) -> str:
        return str(self._draw.of(("", " ", " ", "   ", "\t")))

    def _comment(self) -> str:
        return str(self._draw.of(COMMENTS))

    def _ends(self, least: int = 1) -> str:
        """At least so many line ends, with comments before and between them."""
        lines = [self._blank() + (self._comment() if self._draw.chance(0.3) else "") for _ in range(least)]
        lines += [self._blank() + (self._comment() if self._draw.chance(0.3) else "")] * self._draw.of((0, 0, 1, 2, 3))
        return "".join(line + self._end for line in lines)

    def _maybe_ends(self) -> str:
        return self._ends() if self._draw.chance(0.5) else self._blank()

    def _after_brace(self) -> str:
        return self._ends() if self._draw.chance(0.8) else self._blank()

    def _before_brace(self) -> str:
        return self._ends() if self._draw.chance(0.15) else self._blank()

    def _inner(self) -> str:
        """What may stand inside brackets."""
        return self._ends() if self._draw.chance(0.1) else self._blank()


def finding(text: str) -> str | None:
    """What is wrong with how a text is laid out; None if nothing is, or if it has a syntax error."""
    before = reader.document(text)
    if not before.readable:
        return None
    written = writer.text(before)
    after = reader.document(written)
    if not after.readable or not writer.same(before, after):
        return f"another meaning: {text!r} became {written!r}"
    again = writer.text(after)
    return None if again == written else f"changed twice: {text!r} became {written!r}, then {again!r}"


def run(count: int, seed: int) -> tuple[int, list[str]]:
    """(texts tried that can be read, findings)."""
    texts = [Scribe(seed + number).file() for number in range(count)]
    tried = sum(reader.document(text).readable for text in texts)
    return tried, [found for found in map(finding, texts) if found]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tried, findings = run(options.count, options.seed)
    print(f"{tried} texts", *findings, sep="\n")

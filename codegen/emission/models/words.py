"""The functions of numbers that a model's loops call: activations under names of their own, roots, logarithms.

Several activations share one file, and some a name with other options: each has a word of its own, which its marks
(codegen.emission.vectors) are given instead.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from codegen.emission import vectors
from codegen.emission.cformat import identifier
from codegen.emission.heads import templates
from codegen.functions import activations
from codegen.functions.activations import Activation
from codegen.numbers.formats import Format
from codegen.problem.stages import Activated
from codegen.problem.targets import Target

__all__ = ["Words"]

SHARED = ("exp", "power")  # what activations stand on, once in a file
STANDS_ON = {"exp": "_exp_parts", "power": "_power"}


class Words:
    """The activations of a file, each with its word; `declared` writes those that are called."""

    def __init__(self, target: Target, dtype: Format, lanes: tuple[int, ...]) -> None:
        self.target, self.dtype, self.lanes = target, dtype, lanes
        self._words: dict[Activation, str] = {}

    def word(self, activation: Activation) -> str:
        """What the activation is called behind vN_."""
        if activation not in self._words:
            alike = sum(one.name == activation.name for one in self._words)
            self._words[activation] = f"{activation.name}_{alike + 1}" if alike else activation.name
        return self._words[activation]

    def renamed(self, text: str, activations: Collection[Activation]) -> str:
        """A text whose marks name activations, with their words; of two of a name it may know one alone."""
        names = {f"_{one.name}": f"_{self.word(one)}" for one in activations if self.word(one) != one.name}
        return vectors.renamed(text, names) if names else text

    def declared(self, names: Collection[str]) -> tuple[str, frozenset[str]]:
        """The text of what is called of them, and all names that it uses."""
        texts, used = list[str](), set(names)
        for activation, word in self._words.items():
            text, more = self._one(activation, word, names)
            texts.append(text)
            used |= more
        parts = [
            self._text("activations/exp.c.j2", {"needs": (need,)}, (name,), used) for need, name in STANDS_ON.items()
        ]
        parts.append(self._text("model/functions.c.j2", {}, OWN.values(), used))
        parts.append(self._text("epilogue/added.c.j2", {}, ("_added",), used))
        found = [*(text for text, _ in parts), *texts]
        text = "\n".join(text.strip("\n") + "\n" for text in found if text.strip())
        return text, frozenset(used.union(*(more for _, more in parts)))

    def _one(self, activation: Activation, word: str, names: Collection[str]) -> tuple[str, frozenset[str]]:
        called = tuple(n for n in self.lanes if f"v{n}_{word}" in names)
        stage, low = Activated(activation), "low" in activation.needs
        known = () if low else SHARED
        view = {"act": identifier(activation.name), "lanes": called, "known": known, **self._view(), **stage.view()}
        text = templates().get_template("activations/activation.c.j2").render(view) if called else ""
        new = {f"_{activation.name}": f"_{word}"} if word != activation.name else {}
        if low:
            new |= {name: f"{name}_of_{word}" for name in STANDS_ON.values()}
        gate = activations.row(activation).gate  # its text holds that of another
        new |= {f"_{gate}": f"_{gate}_of_{word}"} if gate else {}
        return vectors.finished(vectors.renamed(text, new))

    def _text(
        self, template: str, view: Mapping[str, Any], words: Collection[str], used: Collection[str]
    ) -> tuple[str, frozenset[str]]:
        """A template of functions, each of the widths in which any of `words` is called."""
        called = tuple(n for n in self.lanes if any(f"v{n}{word}" in used for word in words))
        each = {key: tuple(n for n in self.lanes if f"v{n}{word}" in used) for key, word in OWN.items()}
        view = {"lanes": called, "called": each, "half_of": {n: n // 2 for n in called}, **self._view(), **view}
        return vectors.finished(templates().get_template(template).render(view)) if called else ("", frozenset())

    def _view(self) -> dict[str, Any]:
        return {"dtype": self.dtype, "target": self.target}


OWN = {word: f"_{word}" for word in ("root", "log", "sin", "cos", "larger", "smaller", "sum")}

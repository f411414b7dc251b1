"""The head of a file: what of the vector spelling its text uses, and the stages of the epilogue that it calls."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from codegen.emission import vectors
from codegen.emission.cformat import CText, identifier
from codegen.numbers.formats import Format
from codegen.problem.epilogue import Stage
from codegen.problem.targets import Target
from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.emission.printing import Environment

__all__ = ["Declared", "Head", "slopes", "templates", "values"]


@dataclass(frozen=True)
class Declared:
    """The functions vN_WORD, for each of `words`, that the template `text` writes of a stage of the epilogue."""

    words: tuple[str, ...]
    text: str
    stage: Stage


def values(stages: Iterable[Stage]) -> tuple[Declared, ...]:
    """What the stages make of the sums."""
    return tuple(Declared((stage.function,), stage.text, stage) for stage in stages)


def slopes(stages: Sequence[Stage]) -> tuple[Declared, ...]:
    """How fast that grows with the sums and the operands; and what all stages but the last make of the sums."""
    found = list[Declared]()
    for stage in stages[:-1]:
        words = (stage.function, *stage.slope_words)
        found += [Declared(words, text, stage) for text in stage.both_texts]
    found += [Declared(stage.slope_words, stage.slope_text, stage) for stage in stages[-1:]]
    return tuple(found)


@dataclass(frozen=True)
class Head:
    """For `target`, numbers of `dtype`, weights in the format `half` if these must be widened, vectors of `lanes`.

    `functions` are declared of the widths in which they are called. `header_included`: what declares the target's
    intrinsics stands before all of it. `fast`: where there is no operating system gcc
    compiles it for speed whatever it is told.
    """

    target: Target
    dtype: Format
    lanes: tuple[int, ...]
    half: Format | None = None
    functions: tuple[Declared, ...] = ()
    fast: bool = True
    header_included: bool = False

    def text(self, names: Collection[str]) -> CText:
        """C that declares `names`, marked in the text that follows, and all that they stand on."""
        texts, used = list[str](), set(names)
        for one in self.functions:
            text, more = self._declared(one, names)
            texts.append(text)
            used |= more
        wanted = vectors.wanted(used, self.lanes, self.target)
        view = {"target": self.target, "dtype": self.dtype, "half": self.half, "lanes": self.lanes, "wanted": wanted}
        view |= {"fast": self.fast, "shuffles": vectors.shuffles(wanted), "header_included": self.header_included}
        spelling = [templates().get_template(f"simd/{self.target.dialect.name}.h.j2").render(view)]
        spelling.append(templates().get_template("simd/lanewise.h.j2").render(view))
        parts = (*(vectors.finished(one)[0] for one in spelling), *texts)
        return CText("\n".join(part for part in parts if part.strip()))

    def _declared(self, one: Declared, names: Collection[str]) -> tuple[str, frozenset[str]]:
        """The functions' text, of the widths that are called, and the names that it uses."""
        called = tuple(n for n in self.lanes if any(f"v{n}_{word}" in names for word in one.words))
        view = {"act": identifier(one.stage.function), "dtype": self.dtype, "lanes": called, "target": self.target}
        return vectors.finished(templates().get_template(one.text).render(one.stage.view() | view))


@lru_cache(maxsize=1)
def templates() -> Environment:
    """The environment of all templates, made late: it imports Jinja."""
    from codegen.emission.printing import environment

    return environment()

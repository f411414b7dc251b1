"""The head of a file: what of the vector spelling its text uses, and the activation, where the text calls it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from codegen.emission import vectors
from codegen.emission.cformat import CText, identifier
from codegen.functions.activations import Activation
from codegen.numbers.formats import Format
from codegen.problem.targets import Target

if TYPE_CHECKING:
    from codegen.emission.printing import Environment

__all__ = ["Head", "templates"]


@dataclass(frozen=True)
class Head:
    """For `target`, numbers of `dtype`, weights in the format `half` if these must be widened, vectors of `lanes`.

    `activation` is None where nothing is done; with `slope` its derivative is meant.
    """

    target: Target
    dtype: Format
    lanes: tuple[int, ...]
    half: Format | None = None
    activation: Activation | None = None
    slope: bool = False

    def text(self, names: Collection[str]) -> CText:
        """C that declares `names`, marked in the text that follows, and all that they stand on."""
        act, more = self._activation(names)
        wanted = vectors.wanted((*names, *more), self.lanes, self.target)
        view = {"target": self.target, "dtype": self.dtype, "half": self.half, "lanes": self.lanes, "wanted": wanted}
        spelling = [templates().get_template(f"simd/{self.target.dialect.name}.h.j2").render(view)]
        spelling.append(templates().get_template("simd/lanewise.h.j2").render(view))
        return CText("\n".join(part for part in (*(vectors.finished(one)[0] for one in spelling), act) if part.strip()))

    def _activation(self, names: Collection[str]) -> tuple[str, Collection[str]]:
        """The activation's text, of the widths that are called, and the names that it uses."""
        if self.activation is None:
            return "", ()
        act, ending = identifier(self.activation.name), "_slope" if self.slope else ""
        called = tuple(n for n in self.lanes if f"v{n}_{act}{ending}" in names)
        view = {"activation": self.activation, "act": act, "dtype": self.dtype, "lanes": called, "target": self.target}
        template = "activations/slope.c.j2" if self.slope else "activations/activation.c.j2"
        return vectors.finished(templates().get_template(template).render(view))


@lru_cache(maxsize=1)
def templates() -> Environment:
    """The environment of all templates, made late: it imports Jinja."""
    from codegen.emission.printing import environment

    return environment()

"""The Jinja2 environment that the C is printed by: it prints typed values and nothing else.

Typed are whole numbers, what the functions of cformat make, what stands in a template, and what modules that write C
say in their views. A bare string, a float, a bool or any other object is refused, alone or beside others in `~`, `join`
or a macro: so no text of a definition or of a weight file reaches C but through cformat's identifier, comment, literal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from functools import cache
from inspect import ismethod
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame

from codegen.emission import cformat, vectors
from codegen.emission.cformat import CText, written
from codegen.emission.compiled_templates import CompiledTemplates
from codegen.errors import GenConvError
from codegen.installed import folder, handed

__all__ = ["Environment", "environment"]

WRITERS = ("codegen.emission.", "codegen.gradients.")
TABLES = (
    "codegen.numbers.formats",
    "codegen.problem.dialects",
    "codegen.problem.targets",
    "codegen.planning.transforms.transform",
)
"""Modules whose values hold C, or words of our own tables: their strings may be printed."""


def printed(value: object) -> str:
    """What a template prints of a value. Raises GenConvError for one that is not typed."""
    if isinstance(value, CText):
        return value
    if type(value) is jinja2.Undefined:  # an `if` without its `else`
        return CText("")
    if isinstance(value, (str, bool)) or type(value) is not int:
        shown = repr(value)[:60]
        raise GenConvError(f"a template prints {shown}, a {type(value).__name__}, which is no typed value of C")
    return cformat.integer(value)


def joined(values: Iterable[object], between: str = CText("")) -> CText:
    """What a template prints of several values."""
    return CText(printed(between).join(map(printed, values)))


def nested(heads: Iterable[object], text: object, depth: int = 1) -> CText:
    """Typed text under typed `for` heads."""
    return CText(cformat.nest(map(printed, heads), printed(text), depth))


def braced(text: object, heads: Iterable[object], depth: int = 1) -> CText:
    """Typed statements under typed `for` heads, in braces."""
    return CText(cformat.braced(list(map(printed, heads)), printed(text), depth))


class Generator(CodeGenerator):
    """Text between quotes in a template is as typed as that around its tags; `~` joins typed values."""

    def visit_Const(self, node: nodes.Const, frame: Frame) -> None:
        if isinstance(node.value, (str, tuple, list, dict)):
            self.write(f"environment.written({node.value!r})")
        else:
            super().visit_Const(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class Environment(jinja2.Environment):
    """Attributes of what our modules wrote are typed, and so is all that has been printed once."""

    code_generator_class = Generator
    concat = staticmethod(lambda parts: CText("".join(parts)))  # of a template, a macro, a block: printed already
    written = staticmethod(written)
    joined = staticmethod(joined)

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        """The text of a template, in which the names of the vector spelling are marked before it is compiled."""
        return vectors.marked(str(source))

    def getattr(self, obj: Any, attribute: str) -> Any:
        return _of(obj, super().getattr(obj, attribute))

    def getitem(self, obj: Any, argument: Any) -> Any:
        return _of(obj, super().getitem(obj, argument))


def _of(owner: object, value: Any) -> Any:
    """An attribute, typed where its owner is ours; so is what a method answers."""
    if not _writes(type(owner).__module__):
        return value
    if ismethod(value):
        return lambda *given, **named: written(value(*map(printed, given), **_printed(named)))
    return written(value)


def _printed(named: dict[str, Any]) -> dict[str, str]:
    return {name: printed(value) for name, value in named.items()}


@cache
def _writes(module: str) -> bool:
    """Whether strings of a module's values are C, or words of our tables."""
    return module.startswith(WRITERS) or module in TABLES


class Loader(jinja2.BaseLoader):
    """The files of templates/, and before them what is handed with a row for a while (codegen.installed.texts)."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        text, path = handed(template), self._place / template
        try:
            found = path.read_text(encoding="utf-8") if text is None else text
        except (OSError, KeyError):  # the latter of a zip
            raise jinja2.TemplateNotFound(template) from None
        return found, str(path) if text is None else "", lambda: handed(template) == text

    def load(
        self, environment: jinja2.Environment, name: str, globals: MutableMapping[str, Any] | None = None
    ) -> jinja2.Template:
        """One that is handed is compiled for this process alone: no file keeps it."""
        if handed(name) is None:
            return super().load(environment, name, globals)
        text, _, kept = self.get_source(environment, name)
        code = environment.compile(text, name)
        return environment.template_class.from_code(environment, code, globals or {}, kept)


def _kept(place: Path) -> CompiledTemplates | None:
    """Where compiled templates are kept; None where the package lies in a file, which nothing is added to."""
    try:
        return CompiledTemplates(place, _maker()) if isinstance(place, Path) else None
    except OSError:  # its modules have no text of their own
        return None


def _maker() -> bytes:
    """The text of what a compiled template depends on beside its own: this module, and what it folds constants with."""
    return b"".join(Path(module).read_bytes() for module in (__file__, cformat.__file__, vectors.__file__))


def environment() -> Environment:
    """The environment of all templates. A compiled one is kept until another text is handed under its name."""
    made = Environment(
        loader=Loader(folder("templates")),
        bytecode_cache=_kept(folder("templates")),
        undefined=jinja2.StrictUndefined,
        finalize=printed,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        auto_reload=True,
        cache_size=-1,  # a dict: the default holds a lock, which a fork could leave held
    )
    made.filters["number"] = cformat.literal
    made.filters["told"] = cformat.told
    made.filters["braced"] = braced
    made.filters["under"] = lambda text, heads, depth=1: nested(heads, text, depth)
    made.filters["times"] = lambda factor, variable: CText(cformat.times(factor, variable))
    made.filters["scaled"] = lambda factor, sum_: CText(cformat.scaled(factor, sum_))
    made.filters["counted"] = cformat.counted
    made.filters["ordinal"] = cformat.ordinal
    made.filters["join"] = joined
    made.filters["nest"] = nested
    made.filters["nest_under"] = lambda text, heads, depth: nested(heads, text, depth)
    return made

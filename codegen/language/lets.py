"""The values of a file's `let`s, whatever their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from codegen.errors.source import Span
from codegen.language import tree
from codegen.language.evaluate import Evaluator
from codegen.language.syntax_errors import short
from codegen.specs.parameters import UNKNOWN

__all__ = ["RESERVED", "Wrong", "define", "reserved"]

RESERVED = frozenset({"range"})  # the other words of the language are no names in the grammar
Wrong: TypeAlias = Callable[[str, str, str, Span], None]
"""Reports an error: its code, what is wrong, the way out, the place."""


def reserved(wrong: Wrong, name: tree.Name) -> None:
    """Reports a name that is a word of the language."""
    wrong("E111", f"`{name.text}` is a word of the language, and no name", "choose another name", name.span)


def define(evaluator: Evaluator, wrong: Wrong, lets: Iterable[tree.Let]) -> None:
    """Gives the evaluator the values of all `let`s; one that needs itself stays UNKNOWN."""
    found: dict[str, tree.Let] = {}
    for let in lets:
        name = let.name.text
        if name in RESERVED:
            reserved(wrong, let.name)
            evaluator.names[name] = UNKNOWN
        elif name in found:
            wrong("E114", f"`{short(name)}` is defined twice", "take one of the two out", let.name.span)
        else:
            found[name] = let
    names = evaluator.names
    names.update(dict.fromkeys(found, UNKNOWN))
    for name in _in_order(found, wrong):
        names[name] = evaluator.value(found[name].value)


def _in_order(lets: dict[str, tree.Let], wrong: Wrong) -> Iterator[str]:
    """The names so that each comes after those it needs, as far as they form no circle."""
    entered: dict[str, bool] = {}  # True once all it needs is done
    for root in lets:
        path = [] if root in entered else [(root, _needs(lets[root]))]
        while path:
            name, needs = path[-1]
            entered.setdefault(name, False)
            need = next((word for word in needs if word in lets and not entered.get(word)), None)
            if need is None:
                entered[name] = True
                path.pop()
                yield name
            elif need in entered:
                hint = f"give `{short(need)}` a value that does not need `{short(name)}`"
                message = f"`{short(name)}` needs `{short(need)}`, which needs `{short(name)}`"
                if need == name:
                    message, hint = f"`{short(name)}` needs itself", "give it a value of its own"
                wrong("E115", message, hint, lets[name].name.span)
            else:
                path.append((need, _needs(lets[need])))


def _needs(let: tree.Let) -> Iterator[str]:
    return (word.text for word in tree.words(let.value))

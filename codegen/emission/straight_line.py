"""Straight-line code as C: the statements of a transform's codelet over vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from codegen.emission.cformat import literal
from codegen.emission.microkernel import Spelling
from codegen.emission.vectors import spelled
from codegen.numbers.formats import Format
from codegen.planning.transforms.expressions import Code, Statement

Store = Callable[[int, str | None], Iterable[str]]
"""The lines that keep result number i, a variable or None for zero."""


def lines(dtype: Format, code: Code, spell: Spelling, loads: dict[str, str], store: Store) -> tuple[str, ...]:
    """The code as C, each load right before its first use and each store right after its value."""
    wanted: dict[str | None, list[int]] = {}
    for i, name in enumerate(code.results):
        wanted.setdefault(name, []).append(i)
    made: list[str] = []
    loaded: set[str] = set()

    def keep(name: str | None) -> None:
        for i in wanted.get(name, ()):
            made.extend(store(i, name))

    def fetch(name: str) -> None:
        if name in loads and name not in loaded:
            loaded.add(name)
            made.append(f"const {spell.type} {name} = {loads[name]};")
            keep(name)

    for statement in code.statements:
        for operand in statement.operands:
            fetch(operand)
        made.append(f"const {spell.type} {statement.target} = {_value(statement, spell, dtype)};")
        keep(statement.target)
    for name in wanted:
        if name is None:
            keep(None)
        elif name not in loaded:
            fetch(name)
    return tuple(made)


def _value(s: Statement, spell: Spelling, dtype: Format) -> str:
    a, b = s.operands[0], s.operands[-1]
    factor = spell.broadcast(literal(s.factor, dtype))
    match s.kind:
        case "add" | "sub":
            return f"{a} {'+' if s.kind == 'add' else '-'} {b}"
        case "neg":
            return f"-{a}"
        case "scale":
            return f"{factor} * {a}"
    sign = "-" if s.kind == "fms" else ""
    if spell.plain:
        return f"{factor} * {a} {sign or '+'} {b}"
    return f"{spelled(spell.lanes, '_fma')}({factor}, {a}, {sign}{b})"

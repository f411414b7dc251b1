"""Layers of int8 as text: a `let` for the scale and the zero of each tensor, which neighbours share."""

from __future__ import annotations

from collections.abc import Iterable

from codegen.errors import SpecErrors
from codegen.language import reader, writer
from codegen.language.layer_text import told
from codegen.specs.kinds import Spec

__all__ = ["text"]

SHARED = ("dtype", "rounding")
GRID = (("scale", "scale"), ("zero_point", "zero"))


def text(layers: Iterable[tuple[Spec, str]], notes: Iterable[str] = ()) -> str:
    """The .conv text of the layers, each with the name of the layer whose output it reads, "" for an input of its own.

    `notes` stand before it as comments. Reading it gives the same definitions.
    """
    lines = [f"# {note}" for note in notes]
    lets: list[str] = []
    blocks: list[str] = []
    first: Spec | None = None
    for spec, feeds in layers:
        first = first or spec
        tensors = {"input": f"{feeds}_out" if feeds else f"{spec.name}_in", "output": f"{spec.name}_out"}
        lets += [_lets(spec, of, name) for of, name in tensors.items() if of == "output" or not feeds]
        said = told(spec)
        shown = {name: value for name, value in said.items() if name not in SHARED}
        shown = {"input_shape": str(spec.input_shape), **shown}
        shown |= {f"{of}_{field}": f"{name}_{word}" for of, name in tensors.items() for field, word in GRID}
        entries = "\n".join(f"    {name} = {value}" for name, value in shown.items())
        blocks.append(f"{spec.kind} {spec.name} {{\n{entries}\n}}")
    if first is None:
        return ""
    shared = ", ".join(f"{name} = {value}" for name, value in told(first).items() if name in SHARED)
    made = "\n\n".join(["\n".join(lines), "\n".join(lets), f"defaults {{ {shared} }}", *blocks]).lstrip() + "\n"
    document = reader.document(made, "the text")
    if document.diagnostics:
        raise SpecErrors(document.diagnostics)
    return writer.text(document)


def _lets(spec: Spec, of: str, name: str) -> str:
    scale, zero = getattr(spec, f"{of}_scale"), getattr(spec, f"{of}_zero_point")
    return f"let {name}_scale = {scale!r} let {name}_zero = {zero}"

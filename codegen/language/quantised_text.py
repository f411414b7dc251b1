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


def text(layers: Iterable[Spec], notes: Iterable[str] = ()) -> str:
    """The .conv text of the layers; `notes` stand before it as comments. Reading it gives the same definitions.

    One that reads just what the one before it makes shares its scale and zero.
    """
    lines = [f"# {note}" for note in notes]
    lets: list[str] = []
    blocks: list[str] = []
    before: Spec | None = None
    first: Spec | None = None
    for spec in layers:
        first, feeds = first or spec, before.name if before and _follows(before, spec) else ""
        before = spec
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


def _follows(one: Spec, then: Spec) -> bool:
    """Whether a layer reads codes like those that the other makes: their shape, scale and zero point."""
    steps = one.problem.steps
    made = None if steps is None else one.problem.out_steps(steps), one.problem.filters
    same = (one.output_scale, one.output_zero_point) == (then.input_scale, then.input_zero_point)
    return same and one.channels_last == then.channels_last and made == (then.problem.steps, then.problem.channels)

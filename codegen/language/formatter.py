"""A text laid out anew, held to say the same: what `gen-conv fmt` and editors ask for."""

from __future__ import annotations

from codegen.errors import SpecErrors
from codegen.language import reader, writer
from codegen.language.document import Document


def formatted(document: Document) -> str:
    """The document's text as the writer lays it out, read once more to be sure that it means what it meant.

    Raises SpecErrors for a text with a syntax error, and for one that would be larger than the language takes.
    """
    if not document.readable:
        raise SpecErrors(document.faults)
    text = writer.text(document)
    again = reader.document(text, document.source.name)
    if [found.code for found in again.diagnostics] == ["E401"]:
        raise SpecErrors(again.diagnostics)
    if not writer.same(document, again):
        raise RuntimeError(f"laid out, {document.source.name} would mean something else")
    return text

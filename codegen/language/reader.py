"""Check: a .conv text to the specs of its layers, or every error in it."""

from __future__ import annotations

import re

from codegen.errors import Diagnostic, SpecError, SpecErrors
from codegen.errors.source import Source, Span
from codegen.language import signatures, syntax, tree
from codegen.language.document import Document
from codegen.language.elaborate import Unroller
from codegen.specs.kinds import Spec

MOST_BYTES = 256 * 1024
MOST_ERRORS = 1_000

# What no editor shows, or what makes a text look as it is not: control characters, bidi overrides, lone surrogates.
HOSTILE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+")


def read(
    text: str | bytes, name: str = "<text>", *, strict_keras: bool = False, baked: bool = False
) -> tuple[Spec, ...]:
    """The layers of a .conv text in its order, but for those that only its models know; raises SpecErrors.

    The error holds all that is wrong in the text, sorted by line.
    `name` is what errors call the text. With `strict_keras`, what Keras itself refuses is an error too; with `baked`,
    a kernel that is too large for a const table in C.
    """
    found = document(text, name, strict_keras=strict_keras, baked=baked)
    if found.diagnostics:
        raise SpecErrors(found.diagnostics)
    return tuple(layer.spec for layer in found.layers)


def document(text: str | bytes, name: str = "<text>", *, strict_keras: bool = False, baked: bool = False) -> Document:
    """All that is known of a .conv text, right or wrong; options as those of `read`."""
    try:
        source = _decoded(text, name)
    except SpecErrors as no_text:
        return Document(
            Source(name, ""), tree.File((), ()), diagnostics=no_text.diagnostics, faults=no_text.diagnostics
        )
    findings = Findings(source)
    unroller = Unroller(findings.add, strict_keras=strict_keras, baked=baked)
    file = tree.File((), ())
    faults: tuple[Diagnostic, ...] | None = None
    try:
        _hold_size(text)
        for run in HOSTILE.finditer(source.text):
            findings.add(_hostile(run))
        file = syntax.parse(source)
        for fault in file.faults:
            findings.add(fault)
        faults = findings.sorted()
        unroller.run(file)
        if not unroller.layers and not unroller.models and not findings:
            hint = "write one: conv1d stem { … }"
            findings.add(SpecError("E126", "there is no layer in this file", hint=hint, span=Span(0, 0)))
    except SpecError as limit:  # one that ends reading
        findings.add(limit)
    except SpecErrors:  # too many to go on
        pass
    found = findings.sorted()
    layers, models = tuple(unroller.layers), tuple(unroller.models)
    return Document(source, file, layers, models, unroller.names, found, found if faults is None else faults)


class Findings:
    """What was found wrong in a source, each once."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: dict[tuple[str, str, Span | None], SpecError] = {}

    def __len__(self) -> int:
        return len(self._found)

    def add(self, error: SpecError) -> None:
        """Keeps an error. Raises SpecErrors where there are too many."""
        if error.code == "E102" and error.span and HOSTILE.search(self._source.text, error.span.start, error.span.end):
            return  # reported as E101
        self._found.setdefault((error.code, error.message, error.span), error)
        if len(self._found) > MOST_ERRORS:
            message = f"more than {MOST_ERRORS:,} errors; these are the first"
            hint = "correct these and run again"
            self._found["E409", "", None] = SpecError("E409", message, hint=hint, span=error.span)
            raise SpecErrors(self.sorted())

    def sorted(self) -> tuple[Diagnostic, ...]:
        """All that was found, by place."""
        errors = sorted(self._found.values(), key=lambda error: error.span.start if error.span else 0)
        return tuple(Diagnostic.of(error, self._source) for error in errors)


def _decoded(text: str | bytes, name: str) -> Source:
    """The source without a byte order mark. Raises SpecErrors E101 for bytes that are not UTF-8, or no text at all."""
    if isinstance(text, str):
        return Source(name, text.removeprefix("\ufeff"))
    if kind := signatures.of(text):
        error = SpecError("E101", f"`{name}` is {kind[0]}, no .conv text", hint=kind[1])
        raise SpecErrors([Diagnostic.of(error, Source(name, ""))])
    try:
        return Source(name, text.decode("utf-8-sig"))
    except UnicodeDecodeError as wrong:
        shown = Source(name, wrong.object[: wrong.start + 200].decode("utf-8", "backslashreplace"))
        at = len(wrong.object[: wrong.start].decode("utf-8-sig"))
        message = f"byte {wrong.object[wrong.start]:#04x} is not UTF-8"
        error = SpecError("E101", message, hint="save the file as UTF-8 text", span=Span(at, at + 4))
        raise SpecErrors([Diagnostic.of(error, shown)]) from None


def _hold_size(text: str | bytes) -> None:
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        message = f"the file has {size:,} bytes, more than 256 KiB ({MOST_BYTES:,}), the most that one may have"
        raise SpecError("E401", message, hint="split it into several files", span=Span(0, 1))


def _hostile(run: re.Match[str]) -> SpecError:
    codes = " ".join(f"U+{ord(char):04X}" for char in run.group()[:4])
    message = f"a character that no editor shows: {codes}"
    return SpecError("E101", message, hint="take it out, in comments and strings too", span=Span(*run.span()))

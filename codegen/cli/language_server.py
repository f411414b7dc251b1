"""The language server: what reader, answers and formatter know of a text, told to an editor by its protocol.

pygls speaks the protocol; it comes with the extra `lsp`.
"""

from __future__ import annotations

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from codegen import __version__
from codegen.errors import Diagnostic, SpecErrors
from codegen.errors.source import Source, Span
from codegen.language import answers, formatter, reader
from codegen.language.document import Document

SORTS = {
    "statement": types.CompletionItemKind.Keyword,
    "kind": types.CompletionItemKind.Class,
    "parameter": types.CompletionItemKind.Property,
    "word": types.CompletionItemKind.EnumMember,
    "name": types.CompletionItemKind.Variable,
}
BYTES = {  # of a unit that a column counts, by the encoding that server and editor have agreed on
    types.PositionEncodingKind.Utf8: ("utf-8", 1),
    types.PositionEncodingKind.Utf16: ("utf-16-le", 2),
    types.PositionEncodingKind.Utf32: ("utf-32-le", 4),
}


class Server(LanguageServer):
    """A language server that holds the document of each open text, as it was last sent."""

    def __init__(self) -> None:
        super().__init__("gen-conv", __version__, text_document_sync_kind=types.TextDocumentSyncKind.Full)
        self._documents: dict[str, Document] = {}

    def take(self, uri: str) -> None:
        """Reads the text that the editor has now, and sends what is wrong in it."""
        document = reader.document(self.workspace.get_text_document(uri).source, uri)
        self._documents[uri] = document
        self._send(uri, [self._diagnostic(document.source, found) for found in document.diagnostics])

    def drop(self, uri: str) -> None:
        self._documents.pop(uri, None)
        self._send(uri, [])

    def document(self, uri: str) -> Document:
        """The open text; an empty one where an editor asks about a text that it never opened."""
        return self._documents.get(uri) or reader.document("", uri)

    def offset(self, source: Source, position: types.Position) -> int:
        """The offset of a position, whose line is counted from 0 and whose column in units of the encoding."""
        encoding, size = self._units()
        start = source.start(position.line + 1)
        if start == len(source.text):
            return start
        line = source.line(position.line + 1).encode(encoding, "surrogatepass")
        return start + len(line[: position.character * size].decode(encoding, "ignore"))

    def range(self, source: Source, span: Span) -> types.Range:
        return types.Range(self._position(source, span.start), self._position(source, span.end))

    def _position(self, source: Source, offset: int) -> types.Position:
        encoding, size = self._units()
        line, column = source.place(offset)
        before = source.line(line)[: column - 1]
        return types.Position(line - 1, len(before.encode(encoding, "surrogatepass")) // size)

    def _units(self) -> tuple[str, int]:
        return BYTES[types.PositionEncodingKind(self.workspace.position_encoding)]

    def _send(self, uri: str, diagnostics: list[types.Diagnostic]) -> None:
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, diagnostics))

    def _diagnostic(self, source: Source, found: Diagnostic) -> types.Diagnostic:
        return types.Diagnostic(
            self.range(source, found.span or Span(0, 0)),
            f"{found.message}\n{found.hint}" if found.hint else found.message,
            severity=types.DiagnosticSeverity.Error,
            code=found.code,
            source="gen-conv",
        )


def server() -> Server:
    """A server with all that it answers."""
    made = Server()

    @made.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        made.take(params.text_document.uri)

    @made.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        made.take(params.text_document.uri)

    @made.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        made.drop(params.text_document.uri)

    _add_answers(made)
    return made


def _add_answers(made: Server) -> None:
    @made.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        document = made.document(params.text_document.uri)
        found = answers.hover(document, made.offset(document.source, params.position))
        if found is None:
            return None
        text = types.MarkupContent(types.MarkupKind.Markdown, found.text)
        return types.Hover(text, made.range(document.source, found.span))

    @made.feature(types.TEXT_DOCUMENT_COMPLETION)
    def completion(params: types.CompletionParams) -> list[types.CompletionItem]:
        document = made.document(params.text_document.uri)
        offers = answers.completions(document, made.offset(document.source, params.position))
        return [_item(at, offer) for at, offer in enumerate(offers)]

    @made.feature(types.TEXT_DOCUMENT_DEFINITION)
    def definition(params: types.DefinitionParams) -> types.Location | None:
        document = made.document(params.text_document.uri)
        span = answers.definition(document, made.offset(document.source, params.position))
        return types.Location(params.text_document.uri, made.range(document.source, span)) if span else None

    @made.feature(types.TEXT_DOCUMENT_FORMATTING)
    def formatting(params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
        document = made.document(params.text_document.uri)
        try:
            text = formatter.formatted(document)
        except SpecErrors:  # shown as diagnostics already
            return None
        whole = made.range(document.source, Span(0, len(document.source.text)))
        return [] if text == document.source.text else [types.TextEdit(whole, text)]


def _item(at: int, offer: answers.Offer) -> types.CompletionItem:
    told = types.MarkupContent(types.MarkupKind.Markdown, offer.told) if offer.told else None
    return types.CompletionItem(
        offer.word,
        kind=SORTS[offer.sort],
        documentation=told,
        sort_text=f"{at:04}",
        insert_text=offer.insert or offer.word,
    )

"""The language server, asked by a client of its own over the pipes of a process: JSON-RPC as editors speak it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codegen.specs.kinds import KINDS
from codegen.specs.model_kinds import known_kinds
from codegen.specs.parameters import parameters

pytest.importorskip("pygls", reason="pip install pygls")

ROOT = Path(__file__).resolve().parents[2]
URI = "file:///net.conv"
TEXT = """\
# 🎛 a net
let width = 64
defaults { activation = relu }
conv1d stem {
    input_shape = (98, 40)
    filters     = width # as wide as 🎛
    kernel_size = 3
}
for d in (1, 2) {
    conv1d deep[d] { input_shape = (98, width), filters = width, kernel_size = 3, dilation_rate = d }
}
"""


class Client:
    """An editor: one server process, its messages in turn."""

    def __init__(self, *encodings: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "codegen", "lsp", "--stdio"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._number = 0
        self.version = 0
        general = {"general": {"positionEncodings": list(encodings)}} if encodings else {}
        self.server = self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": general})
        self.tell("initialized", {})

    def _send(self, **message: Any) -> None:
        assert self.process.stdin
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def next(self) -> dict[str, Any]:
        assert self.process.stdout
        size = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            size = int(value) if name == b"Content-Length" else size
        message: dict[str, Any] = json.loads(self.process.stdout.read(size))
        return message

    def tell(self, method: str, params: Any) -> None:
        self._send(method=method, params=params)

    def ask(self, method: str, params: Any) -> Any:
        self._number += 1
        self._send(id=self._number, method=method, params=params)
        while (message := self.next()).get("id") != self._number:
            assert message["method"] in ("textDocument/publishDiagnostics", "window/logMessage"), message
        assert "error" not in message, message
        return message["result"]

    def open(self, text: str) -> list[dict[str, Any]]:
        """Hands the text over, as a new one or a changed one; the diagnostics that come back."""
        self.version += 1
        item = {"uri": URI, "version": self.version}
        if self.version == 1:
            self.tell("textDocument/didOpen", {"textDocument": {**item, "languageId": "conv", "text": text}})
        else:
            self.tell("textDocument/didChange", {"textDocument": item, "contentChanges": [{"text": text}]})
        return self.published()

    def published(self) -> list[dict[str, Any]]:
        while (message := self.next()).get("method") != "textDocument/publishDiagnostics":
            pass
        assert message["params"]["uri"] == URI
        found: list[dict[str, Any]] = message["params"]["diagnostics"]
        return found

    def at(self, method: str, line: int, character: int) -> Any:
        place = {"textDocument": {"uri": URI}, "position": {"line": line, "character": character}}
        return self.ask(f"textDocument/{method}", place)

    def words(self, line: int, character: int) -> list[str]:
        return [item["label"] for item in self.at("completion", line, character) or []]

    def format(self) -> Any:
        options = {"tabSize": 4, "insertSpaces": True}
        return self.ask("textDocument/formatting", {"textDocument": {"uri": URI}, "options": options})

    def forget(self) -> None:
        """Closes the text, if one is open."""
        if self.version:
            self.tell("textDocument/didClose", {"textDocument": {"uri": URI}})
            self.version = 0
            assert self.published() == []

    def close(self) -> int:
        self.ask("shutdown", None)
        self.tell("exit", None)
        code = self.process.wait(20)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream
            stream.close()
        return code


def served() -> Iterator[Client]:
    """A server, ended at last by force."""
    one = Client()
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


own = pytest.fixture(served, name="own")  # of a test that ends it
server = pytest.fixture(served, scope="module", name="server")


@pytest.fixture
def client(server: Client) -> Iterator[Client]:
    """An editor at the server of all these tests, with nothing open."""
    yield server
    server.forget()


def span(line: int, start: int, end: int) -> dict[str, Any]:
    return {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}


@pytest.mark.live
def test_a_session_begins_and_ends(own: Client) -> None:
    offered = own.server["capabilities"]
    assert offered["positionEncoding"] == "utf-16"
    assert own.server["serverInfo"]["name"] == "gen-conv"
    assert all(offered[f"{name}Provider"] for name in ("hover", "definition", "documentFormatting"))
    assert "completionProvider" in offered
    assert own.open(TEXT) == []
    assert own.close() == 0


def test_diagnostics_come_as_one_types(client: Client) -> None:
    [found] = client.open(TEXT.replace("filters     = width", "filtres     = width"))[:1]
    assert (found["code"], found["severity"], found["source"]) == ("E104", 1, "gen-conv")
    assert found["message"] == "unknown parameter `filtres`\ndid you mean `filters`?"
    assert found["range"] == span(5, 4, 11)
    [found] = client.open(TEXT.replace("width # as", "wid 🎛 # as"))
    assert (found["code"], found["range"]) == ("E102", span(5, 22, 24))  # two units of UTF-16
    assert client.open(TEXT) == []
    client.forget()


def test_hover_tells_a_parameters_help_and_default(client: Client) -> None:
    client.open(TEXT)
    known = parameters(KINDS["conv1d"])
    for line, character, name in ((5, 6, "filters"), (9, 83, "dilation_rate"), (2, 15, "activation")):
        found = client.at("hover", line, character)["contents"]["value"]
        assert known[name].doc in found
        assert ("required" if known[name].required else f"default `{known[name].default}`") in found
    assert "`relu`" in client.at("hover", 2, 15)["contents"]["value"]
    assert client.at("hover", 5, 18) == {
        "contents": {"kind": "markdown", "value": "`width` = `64`"},
        "range": span(5, 18, 23),
    }
    assert client.at("hover", 3, 8)["contents"]["value"] == "`stem`: `(98, 40)` → `(96, 64)`"
    assert "`deep_2`: `(98, 64)` → `(94, 64)`" in client.at("hover", 9, 12)["contents"]["value"]
    assert "keras.layers.Conv1D" in client.at("hover", 3, 2)["contents"]["value"]
    for line, character in ((0, 4), (4, 20), (5, 30), (6, 18)):
        assert client.at("hover", line, character) is None


def test_definition_leads_to_let_and_loop(client: Client) -> None:
    client.open(TEXT)
    deep = TEXT.splitlines()[9]
    let, loop = {"uri": URI, "range": span(1, 4, 9)}, {"uri": URI, "range": span(8, 4, 5)}
    assert client.at("definition", 5, 20) == client.at("definition", 9, deep.index("width") + 1) == let
    assert client.at("definition", 9, deep.index("d]")) == client.at("definition", 9, deep.index("d }")) == loop
    assert client.at("definition", 2, 25) is None
    assert client.at("definition", 99, 0) is None


@pytest.mark.live
def test_completion_offers_what_fits(client: Client) -> None:
    client.open(TEXT + "\n")
    assert set(client.words(11, 0)) == {*known_kinds(), "let", "for", "defaults", "model"}
    client.open("let width = 2\ndepthwise_conv1d a {\n    kernel_size = 3\n    \n    padding = \n}\n")
    assert client.words(3, 4) == [name for name in parameters(KINDS["depthwise_conv1d"]) if name not in (
        "kernel_size",
        "padding",
    )]  # fmt: skip
    assert client.words(4, 14) == ["valid", "same", "causal", "width"]
    client.open("defaults { dtype = f, activation = }")
    assert client.words(0, 20) == ["float32", "float64", "int8"]
    assert {"relu", "threshold", "glu", "None"} <= set(client.words(0, 35))
    client.open("let w = 1\nfor d in (1, ) { conv1d_transpose a[] { padding = , strides = 2 * , use_bias =\n")
    assert client.words(1, 13) == ["w", "d"]
    assert client.words(1, 36) == ["w", "d"]
    assert client.words(1, 50) == ["valid", "same", "w", "d"]
    assert client.words(1, 66) == ["w", "d"]
    assert client.words(1, 78) == ["True", "False", "w", "d"]
    client.open("# f\nlet a = 'x' \n")
    assert client.words(0, 3) == client.words(1, 10) == client.words(1, 12) == []


def test_every_kind_and_word_of_the_tables_is_offered(client: Client) -> None:
    for kind, cls in KINDS.items():
        for name, parameter in parameters(cls).items():
            start = f"{kind} layer {{ {name} = "
            client.open(start)
            offered = client.words(0, len(start))
            assert offered[: len(parameter.words)] == list(parameter.words)


def test_formatting_is_that_of_fmt(client: Client) -> None:
    before = "conv1d a{input_shape=(8,2),filters=3;kernel_size=3}# 🎛"
    client.open(before)
    assert client.format() == [
        {
            "newText": "conv1d a { input_shape = (8, 2), filters = 3, kernel_size = 3 }  # 🎛\n",
            "range": span(0, 0, len(before) + 1),
        }
    ]
    client.open("conv1d a { input_shape = (8, 2), filters = 3, kernel_size = 3 }\n")
    assert client.format() == []
    client.open("conv1d a {")
    assert client.format() is None


@pytest.mark.live
@pytest.mark.parametrize(("encoding", "column"), [("utf-8", 26), ("utf-16", 23), ("utf-32", 22)])
def test_columns_are_counted_as_agreed(encoding: str, column: int) -> None:
    one = Client(encoding)
    assert one.server["capabilities"]["positionEncoding"] == encoding
    [found] = one.open("let a = '🎛' # é\nlet word = 1 + 1 # é 🎛\x01")[:1]
    assert found["range"] == span(1, column, column + 1)
    assert one.close() == 0


@pytest.mark.live
def test_no_request_for_odd_places_fails(own: Client) -> None:
    own.open(TEXT[: TEXT.index("🎛")] + "\u2028\x0c x\r let y = (\r\n" + TEXT)
    for method in ("hover", "definition", "completion"):
        for line in range(14):
            for character in (0, 1, 5, 300):
                own.at(method, line, character)
    assert own.close() == 0


@pytest.mark.live
def test_a_text_that_was_never_opened_has_no_answers(own: Client) -> None:
    place = {"line": 0, "character": 0}
    for method in ("hover", "definition"):
        assert own.ask(f"textDocument/{method}", {"textDocument": {"uri": URI}, "position": place}) is None
    assert own.close() == 0


@pytest.mark.live
def test_the_server_ends_when_the_editor_is_gone(own: Client) -> None:
    own.open(TEXT)
    assert own.process.stdin
    own.process.stdin.close()
    assert own.process.wait(20) == 0


@pytest.mark.live
def test_without_pygls_the_command_says_how_to_get_it(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["pygls"] = sys.modules["lsprotocol"] = None
from codegen.cli.main import main
sys.exit(main(["lsp"]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.search(r"pip install 'gen-conv\[lsp\]'", done.stderr)

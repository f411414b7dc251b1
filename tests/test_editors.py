"""What editors/ holds for VS Code is of one piece with the language: its words, its files, its command."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import codegen
from codegen.functions import activations
from codegen.graph.functions import FUNCTIONS
from codegen.language import reader
from codegen.specs.model_kinds import known_kinds
from codegen.specs.parameters import parameters

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "editors" / "vscode"
GRAMMAR = json.loads((FOLDER / "syntaxes" / "conv.tmLanguage.json").read_text("utf-8"))
PATTERNS = [(re.compile(pattern["match"]), pattern) for pattern in GRAMMAR["patterns"]]


def coloured(line: str) -> list[tuple[int, int, str]]:
    """(start, end, scope) as an editor colours a line: of all matches the first, of two rules the earlier."""
    found, at = [], 0
    while at < len(line):
        matches = [(match, pattern) for rule, pattern in PATTERNS if (match := rule.search(line, at))]
        if not matches:
            break
        match, pattern = min(matches, key=lambda one: one[0].start())
        groups = pattern.get("captures", {"0": {"name": pattern.get("name")}})
        found += [(*match.span(int(group)), told["name"]) for group, told in groups.items()]
        assert match.end() > at
        at = match.end()
    return found


def scopes(line: str) -> list[tuple[str, str]]:
    return [(line[start:end], scope.removesuffix(".conv")) for start, end, scope in coloured(line)]


def test_the_grammar_is_up_to_date() -> None:
    path = ROOT / "editors" / "write_grammar.py"
    spec = importlib.util.spec_from_file_location("write_grammar", path)
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert (FOLDER / "syntaxes" / "conv.tmLanguage.json").read_text("utf-8") == script.text()


def test_a_sample_is_coloured() -> None:
    assert scopes('conv1d stem { filters = width * 2**3, activation = leaky_relu(0.1) } # "x"') == [
        ("conv1d", "storage.type"),
        ("stem", "entity.name.function"),
        ("{", "punctuation"),
        ("filters", "variable.parameter"),
        ("=", "keyword.operator"),
        ("*", "keyword.operator"),
        ("2", "constant.numeric"),
        ("**", "keyword.operator"),
        ("3", "constant.numeric"),
        (",", "punctuation"),
        ("activation", "variable.parameter"),
        ("=", "keyword.operator"),
        ("leaky_relu", "support.function"),
        ("(", "punctuation"),
        ("0.1", "constant.numeric"),
        (")", "punctuation"),
        ("}", "punctuation"),
        ('# "x"', "comment.line.number-sign"),
    ]
    assert scopes("let w = '# 1'") == [
        ("let", "keyword.control"),
        ("w", "variable.other.definition"),
        ("=", "keyword.operator"),
        ("'# 1'", "string.quoted.single"),
    ]
    assert scopes("for d in range(1e-4, None) {")[:4] == [
        ("for", "keyword.control"),
        ("d", "variable.other.definition"),
        ("in", "keyword.control"),
        ("range", "support.function"),
    ]
    assert scopes("input x = (None, 2)")[:2] == [("input", "keyword.control"), ("x", "variable.other.definition")]
    assert scopes("padding = same")[-1] == ("same", "support.constant")
    assert scopes("reluctant = filters_2 + conv1dx") == [("=", "keyword.operator"), ("+", "keyword.operator")]


def test_every_word_of_the_tables_is_coloured() -> None:
    for kind, cls in known_kinds().items():
        assert scopes(kind) == [(kind, "storage.type")]
        for name, parameter in parameters(cls).items():
            assert scopes(f"{name} = 1")[0] == (name, "variable.parameter")
            for word in parameter.words:
                kinds = {"support.function", "support.constant", "constant.language"}
                assert [(text, scope in kinds) for text, scope in scopes(word)] == [(word, True)]
    for name in FUNCTIONS:
        assert scopes(f"{name}(x)")[0] == (name, "support.function")
    for row in (*activations.ROWS, *activations.ROWWISE):
        assert scopes(f"{row.name}(1)")[0] == (row.name, "support.function")


SCOPES = {
    "COMMENT": "comment",
    "STRING": "string",
    "NUMBER": "constant.numeric",
    "CONSTANT": "constant.language",
    **dict.fromkeys(("LET", "FOR", "IN", "DEFAULTS"), "keyword.control"),
    **dict.fromkeys(("_EQ", "PLUS", "MINUS", "STAR", "SLASH", "DOUBLE_SLASH", "PERCENT", "POWER"), "keyword.operator"),
    **dict.fromkeys(("LPAR", "CALL", "RPAR", "LSQB", "RSQB", "_LBRACE", "_RBRACE", "_COMMA"), "punctuation"),
}


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.conv")), ids=lambda path: path.name)
def test_the_colours_are_those_of_the_parsers_tokens(path: Path) -> None:
    document = reader.document(path.read_bytes(), path.name)
    colours: dict[tuple[int, int], str] = {}
    for number, line in enumerate(document.source.text.split("\n"), 1):
        start = document.source.start(number)
        colours |= {(start + first, start + last): scope for first, last, scope in coloured(line)}
    seen = set()
    for piece in document.pieces:
        scope = colours.get((piece.span.start, piece.span.end), "")
        if piece.kind in SCOPES:
            assert scope.startswith(SCOPES[piece.kind]), piece
            seen.add(piece.kind)
        elif piece.text in ("model", "input", "output"):  # words where a block or a statement begins, names elsewhere
            assert scope.startswith("keyword.control"), piece
        elif piece.kind == "NAME":
            assert not scope.startswith(("comment", "string", "keyword", "punctuation")), piece
    assert {"COMMENT", "NUMBER", "_EQ", "_LBRACE"} <= seen


def test_the_extension_names_files_that_are_there() -> None:
    package = json.loads((FOLDER / "package.json").read_text("utf-8"))
    assert package["version"] == codegen.__version__
    [language], [grammar] = package["contributes"]["languages"], package["contributes"]["grammars"]
    for name in (package["main"], language["configuration"], grammar["path"]):
        assert (FOLDER / name).is_file()
    assert (language["extensions"], grammar["scopeName"]) == ([".conv"], GRAMMAR["scopeName"])
    assert f"gen-conv-{package['version']}.vsix" in (FOLDER / "README.md").read_text("utf-8")


def test_the_editors_indentation_is_that_of_blocks() -> None:
    rules: dict[str, Any] = json.loads((FOLDER / "language-configuration.json").read_text("utf-8"))
    deeper = re.compile(rules["indentationRules"]["increaseIndentPattern"])
    back = re.compile(rules["indentationRules"]["decreaseIndentPattern"])
    assert all(map(deeper.search, ("conv1d a {", "for d in (1, 2) {  # {}", "    padding = (")))
    assert not any(map(deeper.search, ("conv1d a { filters = 1 }", "# {", "let a = (1, 2)", 'let a = "{"')))
    assert all(map(back.search, ("}", "    }  # x", ")")))
    assert not any(map(back.search, ("filters = (1)", "# }")))
    assert rules["comments"] == {"lineComment": "#"}


STUBS = {
    "vscode": """module.exports = {
        window: { showWarningMessage: console.log, showErrorMessage: console.log },
        workspace: { getConfiguration: () => ({ get: () => "some-gen-conv" }) } };""",
    "vscode-languageclient/node": """exports.LanguageClient = class {
        constructor(id, name, server, client) { console.log(JSON.stringify([server, client])); }
        async start() { console.log("started"); }
        stop() { console.log("stopped"); } };""",
}


@pytest.mark.live
@pytest.mark.parametrize("modules", [("vscode", "vscode-languageclient/node"), ("vscode",)], ids=len)
def test_the_extension_starts_the_server_and_stops_it(modules: tuple[str, ...], tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node runs the extension: apt-get install nodejs")
    for module in modules:
        path = tmp_path / "node_modules" / f"{module}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STUBS[module])
    shutil.copy(FOLDER / "extension.js", tmp_path)
    code = "const e = require('./extension.js'); e.activate().then(() => e.deactivate())"
    done = subprocess.run([node, "-e", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    if len(modules) == 1:
        assert "npm install" in done.stdout
        return
    told, *after = done.stdout.splitlines()
    server, client = json.loads(told)
    assert server == {"command": "some-gen-conv", "args": ["lsp"]}
    assert client == {"documentSelector": [{"language": "conv"}]}
    assert after == ["started", "stopped"]

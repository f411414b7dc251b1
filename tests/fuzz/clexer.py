"""A C99 lexer of its own, after ISO C99 5.1.1.2 and 6.4: what a compiler will take for code, and what for comment."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from codegen.problem.targets import TARGETS

ROOT = Path(__file__).resolve().parent.parent.parent
TRIGRAPHS = {"=": "#", "(": "[", "/": "\\", ")": "]", "'": "^", "<": "{", "!": "|", ">": "}", "-": "~"}
TOKEN = re.compile(
    r"(?P<comment>/\*.*?\*/)|(?P<word>[A-Za-z_]\w*)|(?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)"
    r'|(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<space>\s+)'
    r"|(?P<mark>->|\+\+|--|<<=?|>>=?|[<>=!]=|&&|\|\||\.\.\.|[*/%+&^|-]=|##|[][(){}.&*+~!/%<>^|?:;=,#-])",
    re.DOTALL | re.ASCII,
)
KNOWN = (  # keywords of C99, directives, and what the compiler and the headers that a file includes give
    "break case char const continue default do double else extern float for if inline int long restrict return short "
    "signed sizeof static struct switch typedef union unsigned void volatile while "
    "include define ifndef ifdef if elif else endif error defined "
    "ptrdiff_t size_t uint16_t uint32_t uint64_t int16_t int32_t stddef stdint arm_neon h __cplusplus C "
    "biases depthwise pointwise depthwise_kernel pointwise_kernel "  # operands and stages
    "zs dzs dys"  # rows of outputs on the way back
)
TEXTS = re.compile(  # the strings of a kernel's file, all of them
    r'"(C|memory||fp-contract=off|no-tree-vectorize|no-schedule-insns|ira-region=mixed|O2'
    r'|written for [\w ]+: needs [\w .=-]+)"'
)
NUMBERED = re.compile(  # registers and vectors, a0_1, w3, v8_load; what a template ends with a type's letter or width
    r"[a-z]{1,8}\d+(_\d+){0,2}|v\d+[a-z]?(_[a-z0-9_]+)?|vfmaq_f(32|64)"
    r"|__builtin_(fmaf?|ia32_(min|max)p[sd](256|512_mask)?)"
)


def tokens(text: str) -> list[tuple[str, str]]:
    """(kind, text) of each token, white space left out. Raises ValueError at a character that starts none."""
    plain = re.sub(r"\?\?([=(/)'<!>-])", lambda found: TRIGRAPHS[found[1]], text).replace("\\\n", "")
    found, at = [], 0
    for token in TOKEN.finditer(plain):
        if token.start() != at:
            break
        if token.lastgroup != "space":
            found.append((str(token.lastgroup), token[0]))
        at = token.end()
    if at < len(plain):
        raise ValueError(f"no token of C99: {plain[at : at + 20]!r}")
    return found


@cache
def vocabulary() -> frozenset[str]:
    """Every word that the templates, the modules that write C and the targets have in their own texts, and C's.

    Firmware is a program, which may say more than a layer.
    """
    texts = [path.read_text("utf-8") for path in (ROOT / "templates").rglob("*.j2") if path.parent.name != "firmware"]
    for folder in ("emission", "gradients"):
        for path in (ROOT / "codegen" / folder).glob("*.py"):
            tree = ast.parse(path.read_text("utf-8"))
            docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs]
            texts += [one.value for one in constants if isinstance(one.value, str)]
    texts += [KNOWN, *(macro for target in TARGETS.values() for macro in target.widening().macros)]
    return frozenset(word for text in texts for word in re.findall(r"[A-Za-z_]\w*", text))


def fault(text: str, name: str, file: str) -> str | None:
    """What an emitted file of the layer `name` holds and should not, None for nothing."""
    if not text.isascii() or re.search(r"[^\n -~]", text):
        return "a character that is no printable ASCII"
    try:
        found = tokens(text)
    except ValueError as error:
        return str(error)
    own = re.compile(rf"({re.escape(name)}|{re.escape(name.upper())})(_\w+)?")  # a header's macros are in capitals
    known = vocabulary()
    for kind, token in found:
        if kind == "word" and token not in known and not own.fullmatch(token) and not NUMBERED.fullmatch(token):
            return f"the word {token!r}"
        if kind == "string" and not TEXTS.fullmatch(token) and token != f'"{file}"':
            return f"the string {token!r}"
    return None

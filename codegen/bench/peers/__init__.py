"""Who is compared: frameworks that are called from Python, one file each, and libraries that are called from C."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from codegen.bench import drivers
from codegen.errors import UsageError
from codegen.errors.suggest import expected

if TYPE_CHECKING:
    from codegen.bench.contestant import Peer

PYTHON = ("pytorch", "pytorch_compiled", "onnxruntime", "openvino", "litert", "scipy")
C = {peer.source: peer for peer in drivers.PEERS}
WORDS = (*PYTHON, *C)


def from_python(words: tuple[str, ...]) -> list[Peer]:
    return [cast("Peer", import_module(f"codegen.bench.peers.{word}")) for word in PYTHON if word in words]


def from_c(words: tuple[str, ...]) -> list[Peer]:
    return [peer for word, peer in C.items() if word in words]


def chosen(text: str) -> tuple[str, ...]:
    """The words of a comma list; all for `all`, none for `none`. Raises UsageError for another word."""
    if text in ("all", "none"):
        return WORDS if text == "all" else ()
    words = tuple(word.strip() for word in text.split(",") if word.strip())
    for word in words:
        if word not in WORDS:
            raise UsageError(f"--peers: unknown peer `{word}`: {expected(word, ('all', 'none', *WORDS))}")
    return words

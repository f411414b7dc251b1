"""Writes docs/reference.md from the package's own signatures and docstrings: `python docs/write_api.py`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import codegen
import codegen.dask
from codegen.layers.causal import causal_conv_with_state
from codegen.layers.net import Net
from codegen.layers.stream import Stream

HEAD = """\
# Reference

Every public name of `codegen`, with its arguments and what it says of itself. [The Python interface](api.md) is the
guide beside it.

This page is written by `docs/write_api.py` from the code's own docstrings; a test holds it to them.
"""
GROUPS = {
    "Layers and models": ("load", "read", "Conv1D", "DepthwiseConv1D", "SeparableConv1D", "Conv1DTranspose"),
    "What a layer does": (codegen.Layer,),
    "What a model does": (codegen.Model, Net),
    "Streams": (Stream, causal_conv_with_state),
    "C from Python": ("generate",),
    "Large data": ("map_blocks", codegen.dask.conv),
    "Keras and PyTorch": (
        *("from_keras", "to_keras", "keras_weights"),
        *("from_torch", "to_torch", "accelerate", "to_torch_state"),
    ),
}
MODULES = ("weights", "wisdom", "optimizers", "initializers", "regularizers", "constraints", "activations")
ERRORS = "Errors"


def page() -> str:
    """The page's text."""
    parts = [HEAD]
    for title, members in GROUPS.items():
        parts += [f"## {title}\n", *(part for member in members for part in _told(member))]
    for name in MODULES:
        parts += [f"## codegen.{name}\n", *_module(getattr(codegen, name))]
    parts += [f"## {ERRORS}\n", *_errors()]
    return "\n".join(parts)


def _told(member: Any) -> Iterator[str]:
    """A function, or a class and its public methods and properties."""
    if isinstance(member, str):
        member, name = getattr(codegen, member), f"codegen.{member}"
    else:
        name = {codegen.dask.conv: "codegen.dask.conv", causal_conv_with_state: "codegen.causal_conv_with_state"}.get(
            member, member.__name__
        )
    yield from _entry(name, member, 3)
    if member in (codegen.Layer, codegen.Model, Net, Stream):
        for word, one in _members(member):
            yield from _entry(f"{member.__name__.lower()}.{word}", one, 4)


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    """(name, method or property) of the class and its bases, by name."""
    for name in sorted(dir(cls)):
        one = inspect.getattr_static(cls, name)
        plain = one.__func__ if isinstance(one, classmethod | staticmethod) else one
        if inspect.isfunction(plain) and not plain.__module__.startswith("codegen"):
            continue  # a Mapping's own, whose words other libraries change
        if not name.startswith("_") and (inspect.isfunction(plain) or isinstance(plain, property)):
            yield name, plain


def _entry(name: str, member: Any, depth: int) -> Iterator[str]:
    """A heading, the call, and the docstring."""
    yield f"{'#' * depth} {name}\n"
    if callable(member):
        yield f"```text\n{name}{_signature(member)}\n```\n"
    yield f"{_paragraphs(member)}\n"


def _signature(member: Any) -> str:
    """Its arguments with defaults, without types, and without `self`."""
    try:
        told = inspect.signature(member)
    except ValueError:
        return "(…)"
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in told.parameters.values()]
    bare = [one for one in bare if one.name not in ("self", "cls")]
    return re.sub(r"<function .*?>{1,2}(?=[,)])", "…", str(inspect.Signature(bare)).replace("'", '"'))


def _paragraphs(member: Any) -> str:
    """The docstring, a paragraph a line; of a property made from an argument its own words."""
    text = inspect.getdoc(member) or ""
    assert text, f"{member} has no docstring"
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def _module(module: ModuleType) -> Iterator[str]:
    """The first line of the module, then its functions and classes, a row each."""
    yield "| | |\n|---|---|"
    for name in sorted(module.__all__):
        one = getattr(module, name)
        if callable(one) and inspect.getdoc(one):
            yield f"| `{name}{_signature(one)}` | {_paragraphs(one).splitlines()[0].replace('|', chr(92) + '|')} |"
    yield ""


def _errors() -> Iterator[str]:
    """All exceptions, each with what it says of itself and what it is a kind of."""
    yield "| | is a | |\n|---|---|---|"
    for name in sorted(codegen.__all__):
        one = getattr(codegen, name)
        if isinstance(one, type) and issubclass(one, Exception):
            yield f"| `{name}` | `{one.__mro__[1].__name__}` | {_paragraphs(one).splitlines()[0]} |"
    yield ""


if __name__ == "__main__":
    (Path(__file__).resolve().parent / "reference.md").write_text(page(), "utf-8")

"""Thin wrappers round emitted layers, by which build systems of firmware take them in, with an example each."""

from codegen.exports.wrappers import WRAPPERS, files

__all__ = ["WRAPPERS", "files"]

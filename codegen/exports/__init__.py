"""Thin wrappers round emitted layers, by which build systems of firmware take them in, with an example each."""

from codegen.exports.builds import BUILD_FILES, build_file
from codegen.exports.wrappers import WRAPPERS, files, umbrella

__all__ = ["BUILD_FILES", "WRAPPERS", "build_file", "files", "umbrella"]

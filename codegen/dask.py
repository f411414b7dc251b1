"""Layers on arrays of dask: the public face of codegen/layers/chunked."""

from codegen.layers.chunked import *  # noqa: F403  # a face has what its room exports
from codegen.layers.chunked import __all__ as __all__

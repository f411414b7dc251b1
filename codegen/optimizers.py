"""Keras' optimizers: the public face of codegen/layers/optimizers."""

from codegen.layers.optimizers import *  # noqa: F403  # a face has what its room exports
from codegen.layers.optimizers import __all__ as __all__

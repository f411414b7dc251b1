"""Keras' initializers: the public face of codegen/functions/initializers."""

from codegen.functions.initializers import *  # noqa: F403  # a face has what its room exports
from codegen.functions.initializers import __all__ as __all__

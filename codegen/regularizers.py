"""Keras' regularizers: the public face of codegen/functions/regularizers."""

from codegen.functions.regularizers import *  # noqa: F403  # a face has what its room exports
from codegen.functions.regularizers import __all__ as __all__

"""Keras' constraints: the public face of codegen/functions/constraints."""

from codegen.functions.constraints import *  # noqa: F403  # a face has what its room exports
from codegen.functions.constraints import __all__ as __all__

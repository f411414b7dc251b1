"""Activations, as a definition may name them: the public face of codegen/functions/activations."""

from codegen.functions.activations import *  # noqa: F403  # a face has what its room exports
from codegen.functions.activations import __all__ as __all__
from codegen.functions.activations import __getattr__ as __getattr__

"""Files of weights: read and save: the public face of codegen/layers/weights."""

from codegen.layers.weights import *  # noqa: F403  # a face has what its room exports
from codegen.layers.weights import __all__ as __all__

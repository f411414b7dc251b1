"""The layer that a person holds: a spec, its weights, its kernel, and Keras' face on them."""

from codegen.layer.layer import EASY_SHAPES, Layer

__all__ = ["EASY_SHAPES", "Layer"]

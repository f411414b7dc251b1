"""What the fft algorithm prints: see `transformed`."""

from codegen.emission.transformed import TEMPLATE, lanes, view

__all__ = ["TEMPLATE", "lanes", "view"]

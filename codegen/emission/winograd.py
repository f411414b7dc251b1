"""What the winograd algorithm prints: see `bilinear`."""

from codegen.emission.bilinear import TEMPLATE, lanes, view

__all__ = ["TEMPLATE", "lanes", "view"]

"""What the winograd algorithm prints: see `transformed`."""

from codegen.emission.transformed import TEMPLATE, lanes, view

__all__ = ["TEMPLATE", "lanes", "view"]

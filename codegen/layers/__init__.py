"""What people hold: layers, models, their weights, optimizers. Each name is fetched when it is first asked for."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # what type checkers take for typing's own
if TYPE_CHECKING:
    from codegen.layers.kinds import LAYERS, Conv1D, Conv1DTranspose, DepthwiseConv1D, SeparableConv1D
    from codegen.layers.layer import Layer
    from codegen.layers.model import Model, load

__all__ = [
    "LAYERS",
    "Conv1D",
    "Conv1DTranspose",
    "DepthwiseConv1D",
    "Layer",
    "Model",
    "SeparableConv1D",
    "load",
]

_HOMES = {"Layer": "layer", "Model": "model", "load": "model"}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module `codegen.layers` has no attribute `{name}`; it has {', '.join(__all__)}")
    return getattr(import_module(f"codegen.layers.{_HOMES.get(name, 'kinds')}"), name)

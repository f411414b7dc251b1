"""gen-conv: specialised C for exactly your Conv1D layer, from a .conv file or from Python.

    model = codegen.load("wake_word.conv", weights="wake_word.npz")
    y = model.stem(x)

    layer = codegen.Conv1D(64, 3, padding="causal", activation="relu")
    y = layer(x)

Importing this package imports nothing else: each name is fetched when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

TYPE_CHECKING = False  # what type checkers take for typing's own, whose import would be most of this one's time
if TYPE_CHECKING:
    from codegen import activations, constraints, dask, initializers, optimizers, regularizers, weights, wisdom
    from codegen.errors import (
        ConversionError,
        GenConvError,
        PlanError,
        ShapeError,
        SpecError,
        SpecErrors,
        ToolchainError,
        UsageError,
        VerificationError,
        WeightsError,
    )
    from codegen.interchange import (
        accelerate,
        from_keras,
        from_torch,
        keras_weights,
        read,
        to_keras,
        to_torch,
        to_torch_state,
    )
    from codegen.layers.blocks import map_blocks
    from codegen.layers.causal import causal_conv_with_state
    from codegen.layers.generating import generate
    from codegen.layers.kinds import Conv1D, Conv1DTranspose, DepthwiseConv1D, SeparableConv1D
    from codegen.layers.layer import Layer
    from codegen.layers.model import Model, load

__all__ = [
    "Conv1D",
    "Conv1DTranspose",
    "ConversionError",
    "DepthwiseConv1D",
    "GenConvError",
    "Layer",
    "Model",
    "PlanError",
    "SeparableConv1D",
    "ShapeError",
    "SpecError",
    "SpecErrors",
    "ToolchainError",
    "UsageError",
    "VerificationError",
    "WeightsError",
    "__version__",
    "accelerate",
    "activations",
    "causal_conv_with_state",
    "constraints",
    "dask",
    "from_keras",
    "from_torch",
    "generate",
    "initializers",
    "keras_weights",
    "load",
    "map_blocks",
    "optimizers",
    "read",
    "regularizers",
    "to_keras",
    "to_torch",
    "to_torch_state",
    "weights",
    "wisdom",
]

_HOMES = {
    "Conv1D": "layers.kinds",
    "Conv1DTranspose": "layers.kinds",
    "DepthwiseConv1D": "layers.kinds",
    "Layer": "layers.layer",
    "Model": "layers.model",
    "SeparableConv1D": "layers.kinds",
    "accelerate": "interchange",
    "causal_conv_with_state": "layers.causal",
    "from_keras": "interchange",
    "from_torch": "interchange",
    "generate": "layers.generating",
    "keras_weights": "interchange",
    "load": "layers.model",
    "map_blocks": "layers.blocks",
    "read": "interchange",
    "to_keras": "interchange",
    "to_torch": "interchange",
    "to_torch_state": "interchange",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module `codegen` has no attribute `{name}`; it has {', '.join(__all__)}")
    if name.islower() and name not in _HOMES:
        return import_module(f"codegen.{name}")
    return getattr(import_module(f"codegen.{_HOMES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return __all__

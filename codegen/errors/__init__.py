"""What can go wrong and how it is told: the exceptions, places in a text, Keras' own sentences, suggestions."""

from codegen.errors.exceptions import (
    ConversionError,
    Diagnostic,
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

__all__ = [
    "ConversionError",
    "Diagnostic",
    "GenConvError",
    "PlanError",
    "ShapeError",
    "SpecError",
    "SpecErrors",
    "ToolchainError",
    "UsageError",
    "VerificationError",
    "WeightsError",
]

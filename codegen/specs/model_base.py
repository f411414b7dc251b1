"""The base of the kinds of layers that only models have, and the checks of their parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from codegen.errors import Diagnostic, SpecError, SpecErrors
from codegen.functions import activations, initializers
from codegen.numbers.formats import COMPUTED
from codegen.records import dataclass
from codegen.specs import names
from codegen.specs.parameters import (
    DTYPES_ELSEWHERE,
    REQUIRED,
    UNKNOWN,
    from_table,
    parameter,
    parameters,
    row_of,
    shape,
)

__all__ = ["LINEAR", "MATRIX", "ONES", "ORTHOGONAL", "SIGMOID", "TANH", "ZEROS", "ModelSpec"]

_MADE = initializers.REGISTRY.names()
MATRIX = from_table(initializers.get, _MADE, "glorot_uniform", rank=2)
ORTHOGONAL = from_table(initializers.get, _MADE, "orthogonal", rank=2)
ZEROS = from_table(initializers.get, _MADE, "zeros", rank=1)
ONES = from_table(initializers.get, _MADE, "ones", rank=1)
_NAMED = [row.name for row in (*activations.ROWS, *activations.ROWWISE)]
LINEAR = from_table(activations.get, _NAMED, "linear")
TANH = from_table(activations.get, [row.name for row in activations.ROWS], "tanh")
SIGMOID = from_table(activations.get, [row.name for row in activations.ROWS], "sigmoid")


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What they have in common. Making one raises SpecError for one thing wrong, SpecErrors for several.

    Arrays lie as (steps, channels). A layer `over_time` needs the whole input before its first output.
    """

    kind: ClassVar[str]
    keras: ClassVar[str]
    over_time: ClassVar[bool] = False
    fixed: ClassVar[tuple[str, ...]] = ()  # weights that no training by gradients changes

    name: str = parameter(names.check, "The layer's name: its weights'.", None)
    input_shape: tuple[int | None, int | None] | None = parameter(
        shape, "One sample: (steps, channels); a model's call of the layer gives it.", None
    )
    dtype: str = parameter(row_of(COMPUTED, DTYPES_ELSEWHERE), "The type of input, weights and output.", "float32")

    def __post_init__(self) -> None:
        errors, bad = [], False
        for name, known in parameters(type(self)).items():
            value = getattr(self, name)
            try:
                if value is REQUIRED:
                    hint = f"add {name} = …"
                    raise SpecError("E202", f"`{name}` is missing: {self.kind} needs it", hint=hint)
                if value is not UNKNOWN:
                    value = self.kind if name == "name" and value is None else known.check(name, value)
                    object.__setattr__(self, name, value)
                else:
                    bad = True
            except SpecError as wrong:
                wrong.field = name
                errors.append(wrong)
        if not errors and not bad:
            errors += self._fits()
        if len(errors) == 1:
            raise errors[0]
        if errors or bad:
            raise SpecErrors(map(Diagnostic.of, errors))

    def _fits(self) -> list[SpecError]:
        """What does not hold between the parameters and the input's channels."""
        return []

    @property
    def channels(self) -> int | None:
        """The input's channels; None where nothing is known of the input."""
        return self.input_shape[1] if self.input_shape else None

    @property
    def known_channels(self) -> int:
        """The same where it must be known. Raises SpecError E202."""
        if self.channels is None:
            raise SpecError("E202", f"`{self.name}` does not know its input's channels", hint="call it in a model")
        return self.channels

    def build(self, input_shape: tuple[int | None, int | None]) -> ModelSpec:
        """The same layer for a known input shape. Raises as construction does."""
        return replace(self, input_shape=input_shape)

    @property
    def out_channels(self) -> int:
        """Channels of the output: those of the input, but where a kind has units."""
        return self.known_channels

    def out_steps(self, steps: int) -> int:
        """Output steps of an input of so many."""
        return steps

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Keras' shapes by Keras' names, in its order. Raises SpecError E202 where the channels are not known."""
        raise NotImplementedError

    def weight_dtype(self, weight: str) -> str:
        """The type of a weight: the layer's."""
        return self.dtype

    def option_of(self, weight: str, what: str) -> str:
        """The field with the initializer of a weight."""
        return f"{weight}_{what}"

"""Call: one call of a function of PyTorch, its arguments as they are known: tensors, arrays, numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import ConversionError
from codegen.interchange.drawing import Drawing
from codegen.interchange.tensors import Tensor
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["Call", "Draw"]


@dataclass(frozen=True)
class Call:
    """A call, of tensors, arrays and numbers; `name` is what a layer of it is called."""

    drawing: Drawing
    name: str
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    spread: bool = False  # arithmetic alone reads what it makes, and spreads it by itself

    def get(self, at: int, word: str, default: Any = None) -> Any:
        """An argument by place or by name."""
        return self.args[at] if at < len(self.args) else self.kwargs.get(word, default)

    @property
    def x(self) -> Tensor:
        """The first argument, a tensor. Raises ConversionError."""
        found = self.get(0, "input", self.kwargs.get("self"))
        if not isinstance(found, Tensor):
            raise ConversionError("has a constant as its first argument, expected a value that is computed")
        return found

    def array(self, at: int, word: str) -> Array | None:
        """Weights, None where they are left out. Raises ConversionError for what is computed."""
        found = self.get(at, word)
        if isinstance(found, Tensor):
            raise ConversionError(f"has a `{word}` that is computed, expected weights")
        made: Array | None = found
        return made

    def weight(self, at: int, word: str = "weight") -> Array:
        """The same where it must be there."""
        found = self.array(at, word)
        if found is None:
            raise ConversionError(f"has no `{word}`")
        return found

    def whole(self, at: int, word: str, default: int | None = None) -> int:
        """A whole number. Raises ConversionError for one that depends on the length."""
        found = self.get(at, word, default)
        if not isinstance(found, int) or isinstance(found, bool):
            raise ConversionError(f"has a `{word}` that is no number, or depends on the length")
        return found

    def sizes(self, at: int, word: str) -> list[int]:
        """Whole numbers, in a list or one after another."""
        found = self.get(at, word)
        given = list(found) if isinstance(found, (list, tuple)) else list(self.args[at:])
        if not all(isinstance(one, int) for one in given):
            raise ConversionError(f"has a `{word}` that depends on the length")
        return given


Draw: TypeAlias = Callable[[Call], Any]

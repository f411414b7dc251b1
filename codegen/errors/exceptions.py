"""Every error that gen-conv raises, in one tree.

GenConvError                      anything that went wrong here; `exit_code` is the command's
├── SpecError       (ValueError)  a definition is wrong: `code`, `field`, the span once the text is known
├── SpecErrors      (ValueError)  all that is wrong in one file, drawn with carets
├── WeightsError    (ValueError)  an array or a weight file does not fit the spec
├── ConversionError (ValueError)  a layer of Keras or PyTorch cannot be converted
├── ShapeError      (ValueError)  an array that a layer was called on, or `out=`, does not fit
├── PlanError       (ValueError)  no algorithm can serve this problem on this target
├── UsageError                    the command line is wrong
├── ToolchainError                the compiler is missing, failed, or took too long
└── VerificationError             a compiled kernel does not match the reference
"""

from __future__ import annotations

from collections.abc import Iterable

from codegen.errors import keras_messages
from codegen.errors.source import Source, Span, visible
from codegen.records import dataclass


class GenConvError(Exception):
    """The root of the tree; `exit_code` is what the command returns for it."""

    exit_code = 1


class SpecError(GenConvError, ValueError):
    """One thing wrong in a layer's definition.

    `code` is an E-number of `gen-conv explain`; `field` the parameter's name if one is at fault; `hint` the way out.
    Code that checks raises it without a place; the language adds the span on the way up. `keras` is what Keras says of
    the same thing, told where there is no text to point at: to those who wrote Python.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        field: str | None = None,
        hint: str | None = None,
        span: Span | None = None,
        keras: str | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code, self.message, self.field, self.hint, self.span = code, message, field, hint, span
        self.keras = keras

    def __str__(self) -> str:
        told = f"{self.message}; {self.hint} [{self.code}]" if self.hint else f"{self.message} [{self.code}]"
        return keras_messages.after(told, self.keras) if self.keras and not self.span else told


@dataclass(frozen=True)
class Diagnostic:
    """One thing wrong and where: `source` and `span` are None for a definition that was made in Python."""

    code: str
    message: str
    hint: str | None = None
    field: str | None = None
    span: Span | None = None
    source: Source | None = None
    keras: str | None = None

    @classmethod
    def of(cls, error: SpecError, source: Source | None = None) -> Diagnostic:
        return cls(error.code, error.message, error.hint, error.field, error.span, source, error.keras)

    @property
    def file(self) -> str | None:
        return self.source.name if self.source else None

    @property
    def line(self) -> int | None:
        return self.source.place(self.span.start)[0] if self.source and self.span else None

    @property
    def column(self) -> int | None:
        return self.source.place(self.span.start)[1] if self.source and self.span else None

    def __str__(self) -> str:
        head, hint = f"error[{self.code}]: {_line(self.message)}", _line(self.hint or "")
        if self.source and self.span:
            return f"{head}\n{self.source.draw(self.span, hint)}"
        told = f"{head}; {hint}" if hint else head
        return keras_messages.after(told, _line(self.keras)) if self.keras else told


def _line(text: str, most: int = 300) -> str:
    """One line of a drawing: what comes from the file is escaped, and cut where it is endless."""
    return visible(text if len(text) <= most else text[: most - 1] + "…")


class SpecErrors(GenConvError, ValueError):
    """All that is wrong in one definition or file, as `diagnostics` by line; its text draws each with its caret."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        gap = "\n\n" if any(item.source for item in self.diagnostics) else "\n"
        return gap.join(map(str, self.diagnostics))


class WeightsError(GenConvError, ValueError):
    """A weight array or file does not fit: names the array, what was got, what is expected."""


class ConversionError(GenConvError, ValueError):
    """A layer of another library cannot be converted: names the layer, what was got, what is expected, the way out."""


class ShapeError(GenConvError, ValueError):
    """An input or `out=` does not fit: names the argument, what was got, what is expected."""


class PlanError(GenConvError, ValueError):
    """No algorithm serves this problem on this target; says why each cannot."""


class UsageError(GenConvError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class ToolchainError(GenConvError):
    """The C compiler is missing, failed or took too long; carries the command and the end of its output."""

    exit_code = 3


class VerificationError(GenConvError):
    """A compiled kernel's outputs leave the stated bound around the float64 reference."""

    exit_code = 3

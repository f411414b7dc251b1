"""Every error that gen-conv raises, in one tree.

    GenConvError                      anything that went wrong here; `exit_code` is the command's
    ├── SpecError       (ValueError)  a definition is wrong: `code`, `field`, the span once the text is known
    ├── SpecErrors      (ValueError)  all that is wrong in one file, drawn with carets
    ├── WeightsError    (ValueError)  an array or a weight file does not fit the spec
    ├── ShapeError      (ValueError)  an array that a layer was called on, or `out=`, does not fit
    ├── PlanError       (ValueError)  no algorithm can serve this problem on this target
    ├── UsageError                    the command line is wrong
    ├── ToolchainError                the compiler is missing, failed, or took too long
    └── VerificationError             a compiled kernel does not match the reference
"""

from __future__ import annotations


class GenConvError(Exception):
    """The root of the tree; `exit_code` is what the command returns for it."""

    exit_code = 1


class SpecError(GenConvError, ValueError):
    """One thing wrong in a layer's definition.

    `code` is an E-number of `gen-conv explain`; `field` the parameter's name if one is at fault; `hint` the way out.
    Code that checks raises it without a place; the language adds the span on the way up.
    """

    def __init__(self, code: str, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.field, self.hint = code, message, field, hint


class WeightsError(GenConvError, ValueError):
    """A weight array or file does not fit: names the array, what was got, what is expected."""


class ShapeError(GenConvError, ValueError):
    """An input or `out=` does not fit: names the argument, what was got, what is expected."""


class PlanError(GenConvError, ValueError):
    """No algorithm serves this problem on this target; says why each cannot."""


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

"""The kinds of layers that a file may have; those of models alone are imported for a word that is no convolution's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codegen.specs.kinds import Spec
    from codegen.specs.model_base import ModelSpec

__all__ = ["all_kinds"]


def all_kinds() -> dict[str, type[Spec] | type[ModelSpec]]:
    """All of them by their words, convolutions first."""
    from codegen.specs.model_kinds import known_kinds

    return known_kinds()

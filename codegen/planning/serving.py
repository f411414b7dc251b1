"""Serving: which of several parts of a plan computes an input, where its length decides."""

from __future__ import annotations

from typing import Any

from codegen.records import dataclass

__all__ = ["Serving"]


@dataclass(frozen=True)
class Serving:
    """The plan of that part.

    Its kernel is the `number`th of those that are packed one after the other, and begins at `place` of their numbers.
    """

    plan: Any  # a KernelPlan, whose algorithm names this class
    place: int = 0
    number: int = 0

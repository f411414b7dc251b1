"""What the depthwise algorithm prints: the tiles of `direct_filters`, each filter with an input channel of its own."""

from __future__ import annotations

from typing import Any

from codegen.emission import direct_filters
from codegen.emission.direct_filters import TEMPLATE, lanes
from codegen.planning.plan import KernelPlan

__all__ = ["TEMPLATE", "lanes", "view"]


def view(plan: KernelPlan, name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    return direct_filters.view(plan, name, depthwise=True)

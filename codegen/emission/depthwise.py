"""What the depthwise algorithm prints: the tiles of `direct_filters`, each filter with an input channel of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from codegen.emission import direct_filters, kernel_layouts
from codegen.planning.algorithms.direct_filters import Schedule
from codegen.planning.plan import KernelPlan


def view(plan: KernelPlan[Schedule], name: str) -> dict[str, Any]:
    """The template's variables beside those of every kernel."""
    return direct_filters.view(plan, name, depthwise=True)


WRITER = replace(direct_filters.WRITER, view=view, packing=kernel_layouts.channel_by_channel)

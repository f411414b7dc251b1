"""A model that is its stream on all of its input → text: the stream as static functions, and one that calls them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from codegen.emission import cformat, render
from codegen.emission.models import source as models
from codegen.emission.models import stream
from codegen.emission.models.arguments import argument_names
from codegen.emission.models.stream_face import Face
from codegen.emission.render import GeneratedSource
from codegen.graph.plans.model_plan import ModelPlan

if TYPE_CHECKING:
    import numpy as np

__all__ = ["source"]

PARTS = ("kernel_head.c", "model/in_blocks.c", "model/model.h")


def source(
    plan: ModelPlan,
    name: str,
    *,
    banner: Sequence[str] = (),
    weights: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    beside: Collection[str] = (),
) -> GeneratedSource[ModelPlan]:
    """The .c and .h of a plan under the C identifier `name`; `weights` by layer and parameter, to be baked."""
    if plan.blocks is None:
        return models.source(plan, name, banner=banner, weights=weights, beside=beside)
    name = cformat.identifier(name)
    for kernel in plan.kernels:
        cformat.typed(kernel)
    face = Face(plan.blocks, name, argument_names(plan, name), "static")
    view = stream.parts(plan.blocks, face, weights) | models.declared(plan, name, beside)
    view |= {"rows": max(1, len(plan.blocks.rows_kept)), "ends": plan.blocks.most_flushed > 0}
    made = render.filled(plan, name, PARTS, view, banner=banner)
    return replace(made, functions=(view["whole"],))

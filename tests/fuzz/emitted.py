"""Emitted files of random layers: every kind, target, storage, activation and class; weights handed, packed, baked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from codegen.emission import banner
from codegen.emission.packing import packs
from codegen.emission.render import render
from codegen.errors import GenConvError
from codegen.gradients import emit
from codegen.numbers.formats import STORED
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.plan import Request
from codegen.problem.targets import TARGETS, Target, target_named
from tests.support import strategies
from tests.support.trials import split

MAKERS = (
    strategies.layer,
    strategies.layer,
    strategies.separable,
    strategies.transposed,
    strategies.rowwise,
    strategies.rewritten,
    strategies.wide,
)


@dataclass(frozen=True)
class Emitted:
    """The .c and the .h of one layer; `told` says how they came about."""

    name: str
    target: Target
    files: tuple[tuple[str, str], ...]
    told: str

    def write(self, folder: Path) -> str:
        """The name of the .c, written into `folder` with its header."""
        for name, text in self.files:
            (folder / name).write_text(text, encoding="utf-8")
        return self.files[0][0]


class Draw:
    """What a seeded generator picks."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def of(self, options: Any) -> Any:
        return options[int(self._generator.integers(len(options)))]


def emitted(count: int, seed: int) -> Iterator[Emitted]:
    """`count` files, the same for a seed; every sixth holds backward functions where the layer has any."""
    draw = Draw(seed)
    for number in range(count):
        layer, target = draw.of(MAKERS)(draw.of), draw.of(tuple(TARGETS))
        padding, accuracy = layer.arguments.get("padding"), draw.of(("exact", "fast", "wide"))
        if layer.kind != "conv1d_transpose" and not isinstance(padding, str) and draw.of((True, False)):
            more = tuple(side + draw.of((0, 3, 9)) for side in padding)  # tiles that see nothing but padding
            layer = replace(layer, arguments=layer.arguments | {"padding": more})
        changes = {"dtype": draw.of(("float32", "float32", "float64"))}
        spec = layer.spec(f"k{number}", **changes)
        if number % 6 == 5 and not layer.free:
            try:
                files = emit.emitted(spec, Ask(target_named(target), accuracy=accuracy)).files
                yield Emitted(spec.name, TARGETS[target], files, f"backward {target} {layer}")
                continue
            except GenConvError:
                pass  # a kind or an activation that has none
        yield _kernel(draw, layer, spec, target, accuracy)


def _kernel(draw: Draw, layer: strategies.Layer, spec: Any, target: str, accuracy: Any) -> Emitted:
    """One of the planner's plans, the first in half of the cases."""
    storage = draw.of(("float32", "float32", *STORED)) if spec.dtype == "float32" else "float32"
    weights = draw.of(("argument", "packed", "baked"))
    problem = spec.lower()
    try:
        found = planner.survey(Request(problem, Ask(TARGETS[target], weights, accuracy, numbers=storage))).found
    except GenConvError:  # no plan reads halves there
        found = planner.survey(Request(problem, Ask(TARGETS[target], weights, accuracy))).found
    plan = (found[0] if draw.of((True, False)) else draw.of(found)).asked(sliced=draw.of((True, False)))
    arrays = None
    if weights == "baked":
        kernel, bias = split(layer, strategies.data(layer, 1, whole=True))
        arrays = (kernel.astype(problem.dtype), None if bias is None else bias.astype(problem.dtype))
    pack = weights == "packed" and bool(packs(plan))
    source = render(plan, spec.name, banner=banner.lines(spec, plan), weights=arrays, with_pack=pack)
    told = (
        f"{target} {accuracy} {weights} {plan.storage} {plan.algorithm.name} sliced={plan.sliced} {spec.dtype} {layer}"
    )
    return Emitted(spec.name, plan.target, source.files, told)

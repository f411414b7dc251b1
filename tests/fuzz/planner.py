"""Fuzz the planner: legal layers of any size, every target, class, storage and kind of weights.

A finding is an error that is none of ours, a cost that is no positive number, or a plan of too many pieces.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import fields, is_dataclass
from time import process_time
from typing import Any

from codegen.numbers.formats import STORED
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.plan import KernelPlan, Request
from codegen.problem.targets import TARGETS
from codegen.specs import rules
from tests.fuzz import definitions

MOST_PLANS = 4_000  # of one request
MOST_PIECES = 20_000  # values in one plan
FAR_OVER = 8.0  # seconds of a request that are a finding of the release script: four times what is promised


def run(count: int, seed: int, *, seconds: float = math.inf) -> tuple[int, list[str]]:
    """`count` legal layers, each asked for once; (tried, findings). `seconds` is the most that one may take."""
    draw, tried, findings = definitions.Draw(seed), 0, []
    while tried < count:
        given = definitions.arguments(draw)
        given = definitions.whole(given, draw) if draw.chance(0.15) else given
        spec = definitions.spec(given)
        if spec is None or (spec.problem.format.whole and list(rules.tables(spec.problem))):
            continue
        tried += 1
        storage = draw.of((*["float32"] * 4, *STORED)) if spec.dtype == "float32" else "float32"
        weights, accuracy = draw.of(("argument", "packed", "baked")), draw.of(("exact", "fast", "wide"))
        weights = "baked" if spec.dtype == "int8" else weights
        request = Request(spec.problem, Ask(TARGETS[draw.of(tuple(TARGETS))], weights, accuracy, numbers=storage))
        start = process_time()
        wrong = fault(request)
        spent = process_time() - start
        if spent > seconds:
            wrong = f"{spent:.1f} s; {wrong or ''}"
        if wrong:
            told = f"{request.target.name} {weights} {accuracy} {storage}"
            findings.append(f"{wrong}: {told}: {given}")
        planner.survey.cache_clear()
    return tried, findings


def fault(request: Request) -> str | None:
    """What is wrong with the plans for a request, None if nothing is."""
    try:
        found = planner.survey(request).found
    except Exception as error:  # whatever comes out is what is looked for: a legal layer has a plan
        return f"{type(error).__name__}: {error}"
    if len(found) > MOST_PLANS:
        return f"{len(found)} plans"
    for plan in found:
        if not (plan.cost.cycles > 0 and math.isfinite(plan.cost.cycles)):
            return f"{plan.key} costs {plan.cost}"
        if pieces(plan) > MOST_PIECES:
            return f"{plan.key} has {pieces(plan)} pieces"
    return None


def pieces(value: Any) -> int:
    """Values that a plan is made of, those inside its parts counted."""
    if isinstance(value, KernelPlan):
        return sum(map(pieces, (value.schedule, *value.parts)))
    if is_dataclass(value):
        return sum(pieces(getattr(value, each.name)) for each in fields(value))
    return sum(map(pieces, value)) if isinstance(value, tuple) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tried, findings = run(options.count, options.seed, seconds=FAR_OVER)
    print(*findings, f"{tried} tried, {len(findings)} findings", sep="\n")

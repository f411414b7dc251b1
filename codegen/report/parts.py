"""The parts of a report: a layer with its plan, a model with its graph; each with its memory and its C."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from codegen.errors import UsageError
from codegen.graph.plans.overview import Blocks, Overview
from codegen.planning.plan import AnyPlan
from codegen.report import c_text, field, model_picture, page, roofline
from codegen.report.model_words import totals

__all__ = ["of_layer", "of_model"]

Files = Sequence[tuple[str, str]]  # of a layer or a model: their names, and their texts
Rows = Sequence[tuple[str, str]]
MOST_PLANS = 12  # that are listed


def of_layer(name: str, told: Rows, plan: AnyPlan, others: Sequence[AnyPlan], weight_bytes: int, files: Files) -> str:
    """A layer: `told` of its shapes and its plan; `others` are all plans there are, cheapest first."""
    body = [page.rows(told)]
    problem = plan.problem
    for stage, kernel in zip(problem.stages, problem.kernel_names, strict=True):
        of_stage = f" of the {kernel.removesuffix('_kernel')} stage" if len(problem.stages) > 1 else ""
        body.append(f'<h3>What an output{of_stage} reads</h3><div class="wide">{field.drawn(stage)}</div>')
    body.append(f'<h3>Roofline, by the estimates</h3><div class="wide fit">{roofline.drawn(plan, others)}</div>')
    body += _memory(plan, weight_bytes)
    shown = [(f"{one.cost.cycles:,.0f} cycles", one.describe()) for one in others[:MOST_PLANS]]
    more = f", the cheapest {MOST_PLANS}" if len(others) > MOST_PLANS else ""
    body.append(page.details(f"{len(others)} plans{more}", page.rows(shown)))
    if plan.rejected:
        body.append(page.details("Algorithms that do not serve", page.rows(plan.rejected)))
    return page.part(f"layer-{name}", f"Layer {name}", [*body, *_c(files)])


def _memory(plan: AnyPlan, weight_bytes: int) -> Iterator[str]:
    from codegen.planning.footprint import estimate

    yield page.bars("Flash", "blue", [("code, estimated", estimate.code_bytes(plan)), ("weights", weight_bytes)])
    room = [("workspace", plan.workspace_bytes), ("stack, estimated", estimate.stack_bytes(plan))]
    yield page.bars("RAM, beside input and output", "green", room)
    if plan.workspace_step_bytes:
        yield f'<p class="faint">and {plan.workspace_step_bytes:,} bytes of workspace for each step of the input</p>'


def of_model(model: Overview, files: Files) -> str:
    """A model: the whole in words, its graph, its memory, its C."""
    body = [page.rows(_totals(model))]
    try:
        body.append(f'<h3>Graph</h3><div class="wide">{model_picture.drawn(model, words=False)}</div>')
    except UsageError as wrong:
        body.append(f'<p class="faint">{escape(str(wrong))}</p>')
    for title, one in (("as a whole", model.whole), ("in blocks", model.blocks)):
        if not isinstance(one, str):
            flash = [("code, estimated", one.code_bytes), ("weights", one.weight_bytes)]
            body.append(page.bars(f"Flash, {title}", "blue", flash))
            state = [("state", one.state_bytes)] if isinstance(one, Blocks) else []
            room = [*state, ("workspace", one.workspace_bytes), ("stack, estimated", one.stack_bytes)]
            body.append(page.bars(f"RAM, {title}, beside input and output", "green", room))
    told = [(value.name, f"{value.told}  {value.shape}") for value in model.values]
    body.append(page.details(f"{len(told)} values", page.rows(told)))
    return page.part(f"model-{model.name}", f"Model {model.name}", [*body, *_c(files)])


def _totals(model: Overview) -> Rows:
    """Names and words of what the model takes as a whole; a line that is set in goes on with the one before."""
    found: list[tuple[str, str]] = []
    for line in totals(model):
        name, _, words = line.partition(": ")
        if line.startswith(" "):
            name, before = found.pop()
            words = f"{before}; {line.strip()}"
        found.append((name, words))
    return found


def _c(files: Files) -> Iterator[str]:
    for place, (name, text) in enumerate(files):
        lines = text.count("\n")
        yield page.details(f"{name}, {lines:,} lines", c_text.highlighted(text), shown=place == 0 and lines < 400)

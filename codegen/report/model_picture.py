"""A model's graph as a picture: a box a value with its shape, delay, work and memory; the whole in words above."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from codegen.errors import UsageError
from codegen.graph.plans.overview import Overview, Value
from codegen.report import svg
from codegen.report.layout import Layout, placed, ranked
from codegen.report.model_words import many, totals

__all__ = ["MOST_VALUES", "drawn"]

MOST_VALUES = 1_000
MOST_LANES = 50_000  # ranks that ways pass, of all values together
MARGIN, LINE, PAD, LETTERS = 24.0, 15.0, 8.0, 44


def drawn(model: Overview, *, words: bool = True) -> str:
    """The picture as SVG, with or without words above. Raises UsageError for a model of too many values to look at."""
    _hold_small(model)
    boxes = [_lines(model, value) for value in model.values]
    layout = placed([_size(lines) for lines in boxes], model.edges)
    head = list(_head(model)) if words else []
    widest = max((svg.width_of(line, size) for line, size in head), default=0.0)
    width, top = max(layout.width, widest) + 2 * MARGIN, MARGIN + (LINE * (len(head) + 1.5) if head else 0.0)
    left = (width - layout.width) / 2
    body = [svg.text(MARGIN, MARGIN + LINE * (at + 0.5), line, size=size) for at, (line, size) in enumerate(head)]
    body += _ways(layout, left, top)
    for value, lines, (x, y) in zip(model.values, boxes, layout.boxes, strict=True):
        body += _box(model, value, lines, left + x, top + y)
    return svg.document(width, top + layout.height + MARGIN, f"The model {model.name}", body)


def _hold_small(model: Overview) -> None:
    ranks = ranked(model.edges)
    lanes = sum(rank - ranks[one] for rank, given in zip(ranks, model.edges, strict=True) for one in given)
    if len(ranks) > MOST_VALUES or lanes > MOST_LANES:
        told = f"`{model.name}` has {len(ranks):,} values"
        raise UsageError(f"{told}, too many for a picture, which has at most {MOST_VALUES:,}: leave --picture out")


def _head(model: Overview) -> Iterator[tuple[str, float]]:
    yield f"{model.name}, a model of {model.dtype}", 14
    for line in totals(model):
        yield line, 11


def _lines(model: Overview, value: Value) -> list[str]:
    """The words of a box: what it is, its layer, its shape, its work."""
    shape, work, reach = value.shape, value.work, value.reach
    told = [f"{'frames of ' if shape.frames else ''}({shape.steps or '…'}, {shape.channels})"]
    told += [f"rate {shape.rate}"] if shape.rate and shape.rate != 1 else []
    told += ["reads all"] if reach is None else [f"delay {reach.delay}"] if reach.delay else []
    told += [f"{many(*value.size)} B{_each(model)}"]
    more = [f"{many(work.macs, work.each)} MACs{_each(model)}"] if work.of_row else []
    more += [f"{work.weights:,} weights"] if work.weights else []
    more += [f"keeps {value.kept:,} B"] if value.kept else []
    return [
        _cut(value.label),
        *([value.layer] if value.layer else []),
        ", ".join(told),
        *([", ".join(more)] if more else []),
    ]


def _each(model: Overview) -> str:
    return "/step" if model.free else ""


def _cut(words: str) -> str:
    return words if len(words) <= LETTERS else f"{words[: LETTERS - 1]}…"


def _size(lines: list[str]) -> tuple[float, float]:
    widest = max(svg.width_of(line, 12 if at == 0 else 10) for at, line in enumerate(lines))
    return widest + 2 * PAD, LINE * len(lines) + PAD


def _ways(layout: Layout, left: float, top: float) -> list[str]:
    """Each part of a way once, as many share theirs."""
    found = dict[tuple[tuple[float, float], ...], None]()
    for way in layout.ways:
        for pair in itertools.pairwise(way):
            found[tuple((left + x, top + y) for x, y in pair)] = None
    return [svg.path(pair, smooth=True) for pair in found]


def _box(model: Overview, value: Value, lines: list[str], x: float, y: float) -> Iterator[str]:
    width, height = _size(lines)
    is_port = value.name in model.outputs or not model.edges[model.values.index(value)]
    colour = "green" if is_port else "blue" if value.layer else ""
    fill = f"{colour}-fill" if colour else "fill"
    title = f"{value.name} = {value.told}"
    yield svg.box(x, y, width, height, fill=fill, edge=colour or "rule", title=title, radius=5)
    for at, line in enumerate(lines):
        size, ink = (12, "ink") if at == 0 else (10, "faint")
        yield svg.text(x + PAD, y + LINE * (at + 1), line, size=size, colour=ink, bold=at == 0)

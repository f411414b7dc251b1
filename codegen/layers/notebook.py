"""Layers and models as a notebook shows them: plain tables of HTML. All text from a spec is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from codegen.errors import UsageError
from codegen.errors.counting import counted

if TYPE_CHECKING:
    from codegen.graph.graph import Graph
    from codegen.layers.figures import Figures
    from codegen.planning.ask import Ask
    from codegen.planning.plan import KernelPlan

HEADINGS = "layer", "kind", "input", "output", "weights", "MACs", "algorithm"


def of_layer(layer: Figures, plan: KernelPlan | None) -> str:
    """A table of the layer's shapes, figures and plan, and why each other algorithm was not taken."""
    if plan is None:
        rows = [("kind", layer.spec.kind), ("input", "not built: call it, or build((None, None, C))")]
        return _table(layer.name, (), rows)
    rows = [
        ("kind", layer.spec.kind),
        ("input", _shape(layer.spec.input_shape)),
        ("output", _out(layer)),
        ("receptive field", counted(layer.receptive_field, "step")),
        ("weights", f"{layer.count_params():,}"),
        ("MACs", _macs(layer)),
        ("plan", plan.describe()),
        ("cost", f"about {plan.cost.cycles:,.0f} cycles"),
        *((f"not {name}", reason) for name, reason in plan.rejected),
    ]
    return _table(layer.name, (), rows)


def of_model(name: str, layers: Sequence[Figures], plans: Sequence[KernelPlan | None]) -> str:
    """A table of the model's layers, a row each, and the sum of their weights; no plan for one that is not built."""
    return _table(name, HEADINGS, [*map(_row, layers, plans), _total(layers)])


def of_net(graph: Graph, ask: Ask) -> str:
    """A model's graph as a picture; where it is too large for one, a table of its values."""
    from codegen.graph.plans.overview import overview
    from codegen.report import model_picture

    told = overview(graph, ask)
    try:
        return model_picture.drawn(told)
    except UsageError:
        rows = [(value.name, str(value.shape), value.told) for value in told.values]
        return _table(told.name, ("value", "shape", "made of"), rows)


def _row(layer: Figures, plan: KernelPlan | None) -> tuple[str, ...]:
    if plan is None:
        return layer.name, layer.spec.kind, "not built", "", "", "", ""
    shapes = _shape(layer.spec.input_shape), _out(layer)
    figures = f"{layer.count_params():,}", _macs(layer), plan.algorithm.name
    return layer.name, layer.spec.kind, *shapes, *figures


def _total(layers: Sequence[Figures]) -> tuple[str, ...]:
    built = [layer for layer in layers if layer.built]
    macs = [layer.macs for layer in built]
    known = f"{sum(filter(None, macs)):,}" if None not in macs else ""
    return counted(len(layers), "layer"), "", "", "", f"{sum(layer.count_params() for layer in built):,}", known, ""


def _macs(layer: Figures) -> str:
    return f"{layer.macs_per_step:,} an output step" if layer.macs is None else f"{layer.macs:,}"


def _out(layer: Figures) -> str:
    assert layer.spec.input_shape is not None
    return _shape(layer.compute_output_shape((None, *layer.spec.input_shape))[1:])


def _shape(shape: Iterable[int | None] | None) -> str:
    return f"({', '.join(map(str, shape or ()))})"


def _table(caption: str, headings: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    def lines() -> Iterator[str]:
        yield f"<table><caption>{escape(caption)}</caption>"
        head = "".join(f"<th>{escape(each)}</th>" for each in headings)
        if head:
            yield f"<thead><tr>{head}</tr></thead>"
        yield "<tbody>"
        for first, *others in rows:
            cells = "".join(f"<td>{escape(each)}</td>" for each in others)
            yield f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>'
        yield "</tbody></table>"

    return "\n".join(lines())

"""A .nam file to graphs: its version, its architecture, models inside it. Source: NAM/get_dsp.cpp, container.cpp."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from codegen.errors.quoting import exactly
from codegen.graph.builder import Value
from codegen.interchange.nam.cursor import Cursor
from codegen.interchange.nam.others import channels_of, convnet, linear, lstm
from codegen.interchange.nam.wavenet import wavenet
from codegen.interchange.sketch import Imported, Sketch, layer_names
from codegen.interchange.stranger import Item

__all__ = ["imported", "is_nam"]

FIRST, LAST = (0, 5, 0), (0, 7, 0)  # versions of the file that are known
SIMPLE: dict[str, Callable[[Sketch, Item, Cursor, Value, str], Value]] = {
    "LSTM": lstm,
    "ConvNet": convnet,
    "Linear": linear,
}
CONTAINER = "SlimmableContainer"
MOST_INSIDE = 4  # models that make the condition of each other
MOST_MODELS = 32  # of a container
TWO = ("lite", "full")  # what a container of two is known by


def is_nam(item: Item) -> bool:
    """Whether a JSON value looks like a .nam."""
    return isinstance(item.value, dict) and {"version", "architecture", "config", "weights"} <= item.value.keys()


def imported(item: Item, name: str) -> Imported:
    """A graph called `name`, or one for each size of a container. Raises ConversionError, SpecError."""
    _version(item)
    names, graphs, weights, notes = layer_names(), {}, {}, []
    found = list(_models(item, name))
    for called, model in found:
        sketch = Sketch(names.fresh(called), names, prefix="" if len(found) == 1 else f"{called}_")
        config = model["config"]
        x = sketch.builder.input("x", None, channels_of(config, "in_channels"))
        sketch.builder.output("y", _drawn(sketch, model, x, "", MOST_INSIDE))
        graphs[sketch.builder.name] = sketch.graph()
        weights.update(sketch.weights)
        notes += [told for told in (_rate(model), *sketch.notes) if told and told not in notes]
    return Imported(graphs, weights, f"nam {item['architecture'].word()}", tuple(notes))


def _models(item: Item, name: str) -> Iterator[tuple[str, Item]]:
    """(name, model) of each that the file holds, the smallest first."""
    if item["architecture"].value != CONTAINER:
        yield name, item
        return
    found = list(item["config"]["submodels"])
    if not 1 <= len(found) <= MOST_MODELS:
        raise item["config"]["submodels"].wrong(f"has {len(found)} models, expected 1 to {MOST_MODELS}")
    for i, one in enumerate(found):
        share = one["max_value"].number()
        word = TWO[i] if len(found) == 2 else f"size_{round(100 * min(1.0, max(0.0, share)))}"
        _version(one["model"])
        yield word, one["model"]


def _drawn(sketch: Sketch, item: Item, x: Value, prefix: str, depth: int) -> Value:
    """What the model that is written there makes of `x`."""
    architecture, config = item["architecture"], item["config"]
    weights, word = Cursor(item["weights"]), architecture.word()
    if word in SIMPLE:
        made = SIMPLE[word](sketch, config, weights, x, prefix)
    elif word == "WaveNet":

        def inner(other: Item, value: Value, inside: str) -> Value:
            if not depth:
                raise other.wrong(f"is more than {MOST_INSIDE} models deep")
            _version(other)
            return _drawn(sketch, other, value, inside, depth - 1)

        made = wavenet(sketch, config, weights, x, prefix, inner)
    else:
        known = ", ".join(("WaveNet", *SIMPLE, CONTAINER))
        raise architecture.wrong(f"got {exactly(architecture.value)}, expected {known}")
    weights.demand_end()
    return made


def _version(item: Item) -> None:
    """Raises ConversionError for a version that is not known."""
    told = item["version"]
    match = re.fullmatch(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})", told.word())
    version = tuple(map(int, match.groups())) if match else (0, 0, 0)
    if version < FIRST or version[:2] > LAST[:2]:
        known = " to ".join(".".join(map(str, one)) for one in (FIRST, LAST))
        raise told.wrong(f"got {exactly(told.value)}, expected {known}")


def _rate(item: Item) -> str | None:
    """The sample rate that the model was trained at."""
    rate = item.get("sample_rate")
    return f"trained at {48_000 if rate is None else rate.number():g} Hz"

"""A model's config to a graph: its layers one after another, models in it, calls that share weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codegen.errors import ConversionError
from codegen.errors.quoting import NAME, exactly, plainly
from codegen.interchange.drawing import Drawing
from codegen.interchange.keras_graph import masks
from codegen.interchange.keras_graph.nodes import first_shape, groups_of, name_of, reads, refs_of
from codegen.interchange.keras_graph.operations import OPERATIONS
from codegen.interchange.keras_graph.part import FIRST, SEQUENCE, Arrays, Part, Ref, arguments
from codegen.interchange.keras_graph.parts import PARTS, UNSERVED, demand_each_step
from codegen.interchange.keras_graph.weighted import Draw
from codegen.interchange.ledger import Ledger
from codegen.interchange.sketch import Imported, Sketch
from codegen.interchange.stranger import Item
from codegen.interchange.tensors import Tensor, served

__all__ = ["MODELS", "drawn", "is_model"]

MODELS = ("Functional", "Model", "Sequential")
MOST_LAYERS = 1_024
MOST_INSIDE = 16  # models in models
LENGTHENED = ("Reshape", "ExpandDims")  # what a vector that is a signal goes to first
TURNED = "the model has channels before steps: its inputs are (steps, channels) here"
WAY = "replace it, or leave it out with skip=[{0}]"


def is_model(item: Item) -> bool:
    """Whether a config is that of a model with a graph."""
    return isinstance(item.value, dict) and item.value.get("class_name") in MODELS


def drawn(
    item: Item,
    source: Arrays,
    ledger: Ledger,
    *,
    dtype: str | None = None,
    free: bool = False,
    steps: int | None = None,
) -> tuple[Imported, Mapping[str, str]]:
    """The model of a config, and its layers' names by their paths; `free`: whatever number of steps.

    `steps` is the length of inputs that have any.

    Raises ConversionError with all that cannot be read.
    """
    best: Walk | None = None
    for axes in (SEQUENCE, FIRST):
        walk = Walk(Drawing(_begun(item, dtype)), source, Ledger(ledger.skip), free, axes, steps)
        walk.run(item)
        if best is None or len(walk.ledger.wrong) < len(best.ledger.wrong):
            best = walk
        if not best.ledger.wrong:
            break
    assert best is not None  # there are axes
    best.ledger.settle()
    ledger.took(best.ledger)
    sketch = best.drawing.sketch
    if best.axes == FIRST:
        sketch.note(TURNED)
    notes = [*sketch.notes, *(f"{path}, {kind}, is left out" for path, kind in ledger.skipped.items())]
    graph = sketch.graph()
    made = Imported({graph.name: graph}, sketch.weights, f"keras {item['class_name'].word()}", tuple(notes))
    return made, {path: name for path, name in best.drawing.names.items() if name in sketch.weights}


def _begun(item: Item, dtype: str | None) -> Sketch:
    """A sketch that is called like the model."""
    given = item["config"].get("name")
    sketch = Sketch("model", dtype=dtype or _dtype(item["config"]))
    sketch.builder.name = sketch.names.fresh("net" if given is None else given.word())
    return sketch


def _dtype(config: Item) -> str:
    """float64 where all layers compute in it."""
    found = set()
    for layer in config["layers"]:
        inner = layer["config"].get("dtype")
        if inner is not None:
            found.add(inner.value if isinstance(inner.value, str) else inner["config"]["name"].word())
    return "float64" if found == {"float64"} else "float32"


def _outputs(walk: Walk, made: Sequence[tuple[str, Tensor | None]]) -> list[tuple[str, Tensor | None]]:
    """The outputs by name: y, or by their layers' where there are several."""
    if len(made) == 1:
        return [("y", made[0][1])]
    return [(walk.drawing.sketch.names.fresh(name), value) for name, value in made]


Made = list[tuple[str, "Tensor | None"]]


class Walk:
    """One walk over a model and the models in it. Inputs that are sequences have these `axes`."""

    def __init__(
        self, drawing: Drawing, source: Arrays, ledger: Ledger, free: bool, axes: str, steps: int | None
    ) -> None:
        self.drawing, self.source, self.ledger = drawing, source, ledger
        self.free, self.axes, self.steps = free, axes, steps
        self.lifted = [masks.mask(None)]  # those that hide nothing, and of Masking layers that are skipped

    def run(self, item: Item) -> None:
        """Draws all that can be; the ledger has the rest."""
        builder = self.drawing.sketch.builder
        with self.ledger.at(builder.name, item["class_name"].word()):
            for name, value in _outputs(self, self.model(item, (), "", None)):
                if value is not None:
                    builder.output(name, served(value).value)

    def model(self, item: Item, path: tuple[str, ...], group: str, given: Sequence[Tensor | None] | None) -> Made:
        """(layer, tensor) of its outputs; None for what hangs on something unreadable. `given` are its inputs."""
        if len(path) > MOST_INSIDE:
            raise item.wrong(f"is more than {MOST_INSIDE} models deep")
        layers = list(item["config"]["layers"])
        if not 1 <= len(layers) <= MOST_LAYERS:
            raise item.wrong(f"has {len(layers)} layers, expected 1 to {MOST_LAYERS:,}")
        groups = groups_of(layers, group)
        if item["class_name"].value == "Sequential":
            return self._chain(item, layers, groups, path, given)
        return self._graph(item, layers, groups, path, given)

    def _chain(
        self,
        item: Item,
        layers: Sequence[Item],
        groups: Sequence[str],
        path: tuple[str, ...],
        given: Sequence[Tensor | None] | None,
    ) -> Made:
        if given is None:
            shape = first_shape(item, layers)
            value: Tensor | None = self._input("x", shape, [layer["class_name"].value for layer in layers])
        else:
            value = given[0]
        name = ""
        for layer, place in zip(layers, groups, strict=True):
            name = layer["config"]["name"].word()
            if layer["class_name"].value == "InputLayer":
                continue
            made = self._called(layer, (*path, name), place, [value], {}, value is None)
            value = made[0] if made else None
        return [(name, value)]

    def _graph(
        self,
        item: Item,
        layers: Sequence[Item],
        groups: Sequence[str],
        path: tuple[str, ...],
        given: Sequence[Tensor | None] | None,
    ) -> Made:
        made = dict[Ref, Tensor | None]()
        by_name = {name_of(layer): layer for layer in layers}
        if len(by_name) != len(layers):
            raise item.wrong("has two layers of one name")
        for i, ref in enumerate(inputs := refs_of(item["config"]["input_layers"])):
            if given is not None:
                made[ref] = given[i] if i < len(given) else None
            elif ref.layer in by_name:
                readers = [layer["class_name"].value for layer in layers if reads(layer, ref.layer)]
                name = "x" if len(inputs) == 1 else self.drawing.sketch.names.fresh(ref.layer)
                made[ref] = self._input(name, by_name[ref.layer]["config"], readers)
        waiting = [
            (Ref(name, number, 0), layer, place, call)
            for (name, layer), place in zip(by_name.items(), groups, strict=True)
            for number, call in enumerate(layer["inbound_nodes"])
            if layer["class_name"].value != "InputLayer"
        ]
        while waiting:
            left = [one for one in waiting if not self._taken(*one, path, made)]
            if len(left) == len(waiting):
                raise item.wrong(f"`{plainly(left[0][0].layer, NAME)}` reads a tensor that no layer makes")
            waiting = left
        outputs = refs_of(item["config"]["output_layers"])
        if absent := [one.layer for one in outputs if one not in made]:
            raise item.wrong(f"has the output `{plainly(absent[0], NAME)}`, which no layer makes")
        return [(one.layer, made[one]) for one in outputs]

    def _taken(
        self, at: Ref, layer: Item, group: str, call: Item, path: tuple[str, ...], made: dict[Ref, Tensor | None]
    ) -> bool:
        """Whether all that a call reads is there; what it makes is then added to `made`."""
        missing: list[Ref] = []
        args, kwargs = arguments(call, lambda ref: _found(made, ref, missing))
        read: list[Ref] = []
        arguments(call, lambda ref: _found({}, ref, read))
        if not missing:
            lost = any(made[ref] is None for ref in read)
            for number, value in enumerate(self._called(layer, (*path, at.layer), group, args, kwargs, lost)):
                made[Ref(at.layer, at.call, number)] = value
        return not missing

    def _called(
        self, layer: Item, path: tuple[str, ...], group: str, args: Sequence[Any], kwargs: Mapping[str, Any], lost: bool
    ) -> list[Tensor | None]:
        """What a layer makes; [None] after a report, and where an input is `lost`: it hangs on something unreadable."""
        kind = layer["class_name"].word()
        part, found = masks.parted(Part(kind, layer["config"], path, group, self.source, args, kwargs))
        given = [mask for mask in found if mask not in self.lifted]
        if is_model(layer) and not self.ledger.skips(part.name, kind, path[-1]):
            inputs = [None] if lost else masks.masked(part.inputs, given)
            return [value for _, value in self.model(layer, path, group, inputs)]
        with self.ledger.at(part.name, kind):
            if self.ledger.skips(part.name, kind, path[-1]):
                if kind == "Masking" and not lost:
                    self.lifted.append(masks.mask(part.one))
                return [None if lost else part.inputs[0]]
            if kind == "TimeDistributed" and is_model(held := part.config["layer"]):
                demand_each_step(held)
                inputs = [None] if lost else masks.masked(part.inputs, given)
                return [value for _, value in self.model(held, path, f"{group}/layer", inputs)]
            operation = _of_ops(layer)
            if operation and found:  # what is computed of a mask is one
                return [*given, *found][:1]
            draw = _reader(layer, part)
            if not lost:
                if not operation:
                    masks.demand_read(part, bool(given))
                made = draw(self.drawing, part)
                return [masks.handed_on(part, one, operation) for one in (made if isinstance(made, list) else [made])]
        return [None]

    def _input(self, name: str, config: Item, readers: Sequence[object]) -> Tensor:
        """An input from its InputLayer's config: (batch, steps, channels), or (batch, numbers)."""
        shape = config.get("batch_shape") or config["batch_input_shape"]
        sizes = list(shape)
        if len(sizes) == 3:
            told = dict(zip(self.axes, sizes, strict=True))
            steps = self._steps(told["t"])
            return Tensor(self.drawing.sketch.builder.input(name, steps, told["c"].whole()), self.axes)
        if len(sizes) != 2:
            raise shape.wrong(f"expected (batch, steps, channels) or (batch, channels), got {exactly(shape.value)}")
        if sizes[1].value is None or (readers and all(kind in LENGTHENED for kind in readers)):
            steps = self.steps if sizes[1].value is None else sizes[1].whole()
            return Tensor(self.drawing.sketch.builder.input(name, steps, 1), "nt")
        return Tensor(self.drawing.sketch.builder.input(name, 1, sizes[1].whole()), "nc")

    def _steps(self, found: Item) -> int | None:
        if self.free:
            return None
        return self.steps if found.value is None else found.whole()


def _of_ops(layer: Item) -> bool:
    """Whether it is an operation on tensors and no layer; older files do not say."""
    module = layer.get("module")
    return module is not None and ".ops" in str(module.value)


def _reader(layer: Item, part: Part) -> Draw:
    """What draws that class. Raises ConversionError for one that is not known."""
    module = layer.get("module")
    home = "keras" if module is None else str(module.value)
    table = OPERATIONS if _of_ops(layer) else PARTS
    if layer.get("module") is None and part.kind in OPERATIONS and not (part.kind in PARTS and _listed(part)):
        table = OPERATIONS  # as older files do not say which it is
    registered = layer.get("registered_name")
    own = home.split(".")[0] not in ("keras", "tf_keras") or (registered is not None and ">" in str(registered.value))
    if part.kind in table and not own:
        return table[part.kind]
    what = "is a class of somebody's own" if own else UNSERVED.get(part.kind, "is not known here")
    raise ConversionError(f"{what}; {WAY.format(exactly(part.name, NAME))}")


def _listed(part: Part) -> bool:
    """Whether its tensors are given in a list, as layers take several."""
    return bool(part.args) and isinstance(part.args[0], list)


def _found(made: Mapping[Ref, Tensor | None], ref: Ref, missing: list[Ref]) -> Tensor | None:
    if ref not in made:
        missing.append(ref)
    return made.get(ref)

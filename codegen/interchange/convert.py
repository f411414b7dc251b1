"""Convert: one layer of another library to a Layer, a whole model of it to a Model."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from typing import Any

from codegen.errors import ConversionError, GenConvError, SpecError
from codegen.interchange import naming
from codegen.interchange.assembled import assembled
from codegen.interchange.ledger import Ledger
from codegen.interchange.library import Library
from codegen.layers import kinds
from codegen.layers.how import How
from codegen.layers.layer import Layer
from codegen.layers.model import Model
from codegen.layers.origin import Origin, counted, shown
from codegen.layers.weights import by_layer
from codegen.specs.kinds import KINDS, Spec

ALONE = ("name", "input_shape")  # options that only one layer can have
HOW = tuple(field.name for field in fields(How))
OF_GRAPHS = (*HOW, "dtype", "data_format")  # options that the whole has, too
LENGTHS = ("kernel_size", "strides", "padding", "output_padding", "dilation_rate")  # that change a layer's output steps
WAYS = {  # words in the name of a class → what to do about it
    "Norm": "fold it into the convolution before it, or apply it to that layer's output",
    "2D": "only 1-D convolutions are served",
    "2d": "only 1-D convolutions are served",
    "3D": "only 1-D convolutions are served",
    "3d": "only 1-D convolutions are served",
}


def converted(
    library: Library,
    other: Library,
    found: Any,
    options: Mapping[str, Any],
    skip: Collection[str] = (),
    example: Any = None,
    lone: bool = False,
) -> Layer | Model:
    """A Layer for a convolution, a Model for anything that holds some, or whose graph can be read.

    A convolution by itself takes the steps that the library tells of it where those of a `lone` one are meant.
    Raises ConversionError.
    """
    if not library.owns(found):
        got = f"got {type(found).__module__}.{type(found).__name__}, expected {library.article}"
        way = f"; codegen.from_{other.word} takes it" if other.owns(found) else ""
        raise ConversionError(f"from_{library.word}: {got}{way}")
    kind = library.kind(found)
    free = options.get("input_shape", ...) is None or not options.keys().isdisjoint(LENGTHS)
    options = {name: value for name, value in options.items() if name != "input_shape" or value is not None}
    if kind is None:
        return _whole(library, found, options, free, Ledger(skip), example)
    name = library.name(found)
    ours = naming.identifiers([name])[0] if name else None
    steps = next(iter(library.steps(found)), None) if lone and not free else None
    return _layer(library, found, Origin(library.word, kind, name), ours, options, steps)


def _whole(library: Library, found: Any, options: Mapping[str, Any], free: bool, ledger: Ledger, example: Any) -> Model:
    """A Model with the graph of the whole, where that can be read; else of its convolutions alone, with the reason."""
    own = [word for word in options if word not in OF_GRAPHS]
    try:
        if own:
            raise ConversionError(f"`{own[0]}` replaces what is found, which a whole model does not take")
        drawing = library.graph(found, ledger, options.get("dtype"), free, example)
    except (ConversionError, SpecError) as error:
        if ledger.skip:
            raise
        try:
            return _model(library, found, options, free, {}, str(error))
        except ConversionError as wrong:
            wrong.add_note(f"as a whole: {error}")
            raise wrong from None
    how = How(**{word: value for word, value in options.items() if word in HOW})
    graph, names = drawing
    name = library.name(found) or type(found).__name__
    if not any(library.kind(part) for _, part, _ in _walk(library, found, "", set())):
        return assembled(graph, name, how)
    try:
        layers = _model(library, found, options, free, names, "")
    except ConversionError:  # of a layer that is none by itself: the whole has it otherwise, a pad before it, say
        return assembled(graph, name, how)
    return assembled(graph, name, how, dict(layers), layers.left_out)


def _layer(
    library: Library,
    found: Any,
    origin: Origin,
    name: str | None,
    options: Mapping[str, Any],
    steps: int | None = None,
) -> Layer:
    """One layer with its weights, for that many steps or any. What is wrong is told with the layer's path."""
    try:
        read = library.read(found, options.keys())
        cls = kinds.LAYERS[KINDS[read.kind]]
        given = {**read.arguments, "name": name, **options}
        first = given.get("data_format") == "channels_first"
        given.setdefault("input_shape", (read.channels, steps) if first else (steps, read.channels))
        layer = cls(**given)
        arrays = _biased(layer.spec, read.arrays) if "use_bias" in options else read.arrays
        named = {f"{layer.name}/{weight}": array for weight, array in arrays.items()}
        layer._adopt(by_layer.for_specs(named, [layer.spec])[layer.name])
    except ConversionError as wrong:
        raise ConversionError(f"{origin}: {wrong}") from None
    except GenConvError as wrong:
        wrong.add_note(f"in {origin}")
        raise
    layer.origin = origin
    return layer


def _biased(spec: Spec, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays of a layer whose bias was asked for or left out: one that it lacked is zeros."""
    import numpy as np

    kept = {name: array for name, array in arrays.items() if name != "bias" or spec.use_bias}
    return {"bias": np.zeros(spec.weight_shapes()["bias"]), **kept} if spec.use_bias else kept


def _model(
    library: Library, found: Any, options: Mapping[str, Any], free: bool, names: Mapping[str, str], unread: str
) -> Model:
    """All 1-D convolutions in it, each once, in its order. Raises one ConversionError for all that cannot be.

    Each is made for the number of steps that it has in the model, where that is known and not to be left `free`. Their
    names are those that the whole has for their paths; `unread` tells why there is none.
    """
    left_out: dict[str, str] = {}
    parts: dict[str, Any] = {}
    lengths: dict[str, int | None] = {}
    for path, part, steps in _walk(library, found, "", set()):
        if library.kind(part):
            parts[path], lengths[path] = part, None if free else steps
        elif type(part).__name__ not in library.ignored:
            left_out[path] = type(part).__name__
    if not parts:
        raise ConversionError(_why_none(library, found, left_out, unread))
    alone = [word for word in ALONE if word in options]
    if alone:
        told = f"got `{alone[0]}`, which is one layer's; convert the layer by itself to give it"
        raise ConversionError(f"from_{library.word}: {told}")
    made, wrong, fresh = {}, [], naming.Names(names.values())
    for path, part in parts.items():
        name = names.get(path) or fresh.fresh(path)
        try:
            origin = Origin(library.word, str(library.kind(part)), path)
            made[name] = _layer(library, part, origin, name, options, lengths[path])
        except ConversionError as error:
            wrong.append(str(error))
    if wrong:
        raise ConversionError("\n  ".join([f"{len(wrong)} layers:", *wrong]) if len(wrong) > 1 else wrong[0])
    _log(library, made, left_out)
    return Model(made, library.name(found) or type(found).__name__, left_out, unread=unread)


def _walk(library: Library, found: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any, int | None]]:
    """Every layer below, with its path: a convolution, or what has no layers in it; each once.

    With it comes its number of input steps, None where that is not known or differs between the places where it, or a
    model around it, stands.
    """
    for name, child in library.children(found):
        if id(child) in seen:
            continue
        seen.add(id(child))
        below = f"{path}{library.separator}{name}" if path else name
        inner = [] if library.kind(child) else list(_walk(library, child, below, seen))
        steps = set(library.steps(child))
        one = next(iter(steps)) if len(steps) == 1 else None
        inner = inner if len(steps) < 2 else [(path, part, None) for path, part, _ in inner]
        yield from inner or [(below, child, one)]


def _why_none(library: Library, found: Any, left_out: Mapping[str, str], unread: str) -> str:
    kind = type(found).__name__
    if not left_out:
        way = next((way for word, way in WAYS.items() if word in kind), f"expected {library.article}")
        told = f"{library.word} {kind} is no 1-D convolution: {way}"
        return f"{told}; as a whole: {unread}" if unread else told
    told = f"{library.word} {kind} holds no 1-D convolution, only {counted(left_out)}; expected {library.article}"
    return f"{told}; as a whole: {unread}" if unread else told


def _log(library: Library, made: Mapping[str, Layer], left_out: Mapping[str, str]) -> None:
    import logging

    log = logging.getLogger("codegen")
    for name, layer in made.items():
        log.info("from_%s: %s is `%s`", library.word, layer.origin, name)
    for path, kind in left_out.items():
        log.info("from_%s: left out: %s `%s`", library.word, kind, shown(path))

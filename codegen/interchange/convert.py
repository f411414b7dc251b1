"""Convert: one layer of another library to a Layer, a whole model of it to a Model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from codegen import layers, specs
from codegen.errors import ConversionError, GenConvError
from codegen.interchange import naming
from codegen.interchange.library import Library
from codegen.layer import Layer
from codegen.model import Model
from codegen.origin import Origin, counted, shown
from codegen.weights import of_specs

ALONE = ("name", "input_shape")  # options that only one layer can have
WAYS = {  # words in the name of a class → what to do about it
    "Norm": "fold it into the convolution before it, or apply it to that layer's output",
    "2D": "only 1-D convolutions are served",
    "2d": "only 1-D convolutions are served",
    "3D": "only 1-D convolutions are served",
    "3d": "only 1-D convolutions are served",
}


def converted(library: Library, other: Library, found: Any, options: Mapping[str, Any]) -> Layer | Model:
    """A Layer for a convolution, a Model for anything that holds some. Raises ConversionError."""
    if not library.owns(found):
        got = f"got {type(found).__module__}.{type(found).__name__}, expected {library.article}"
        way = f"; codegen.from_{other.word} takes it" if other.owns(found) else ""
        raise ConversionError(f"from_{library.word}: {got}{way}")
    kind = library.kind(found)
    if kind is None:
        return _model(library, found, options)
    name = library.name(found)
    ours = naming.identifiers([name])[0] if name else None
    return _layer(library, found, Origin(library.word, kind, name), ours, options)


def _layer(library: Library, found: Any, origin: Origin, name: str | None, options: Mapping[str, Any]) -> Layer:
    """One layer with its weights. What is wrong is told with the layer's path."""
    try:
        read = library.read(found, options.keys())
        cls = layers.LAYERS[specs.KINDS[read.kind]]
        given = {**read.arguments, "name": name, **options}
        first = given.get("data_format") == "channels_first"
        given.setdefault("input_shape", (read.channels, None) if first else (None, read.channels))
        layer = cls(**given)
        named = {f"{layer.name}/{weight}": array for weight, array in read.arrays.items()}
        layer._adopt(of_specs.for_specs(named, [layer.spec])[layer.name])
    except ConversionError as wrong:
        raise ConversionError(f"{origin}: {wrong}") from None
    except GenConvError as wrong:
        wrong.add_note(f"in {origin}")
        raise
    layer.origin = origin
    return layer


def _model(library: Library, found: Any, options: Mapping[str, Any]) -> Model:
    """All 1-D convolutions in it, each once, in its order. Raises one ConversionError for all that cannot be."""
    left_out: dict[str, str] = {}
    parts: dict[str, Any] = {}
    for path, part in _walk(library, found, "", set()):
        if library.kind(part):
            parts[path] = part
        elif type(part).__name__ not in library.ignored:
            left_out[path] = type(part).__name__
    if not parts:
        raise ConversionError(_why_none(library, found, left_out))
    alone = [word for word in ALONE if word in options]
    if alone:
        told = f"got `{alone[0]}`, which is one layer's; convert the layer by itself to give it"
        raise ConversionError(f"from_{library.word}: {told}")
    made, wrong = {}, []
    for name, (path, part) in zip(naming.identifiers(parts), parts.items(), strict=True):
        try:
            made[name] = _layer(library, part, Origin(library.word, str(library.kind(part)), path), name, options)
        except ConversionError as error:
            wrong.append(str(error))
    if wrong:
        raise ConversionError("\n  ".join([f"{len(wrong)} layers:", *wrong]) if len(wrong) > 1 else wrong[0])
    _log(library, made, left_out)
    return Model(made, library.name(found) or type(found).__name__, left_out)


def _walk(library: Library, found: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Every layer below, with its path: a convolution, or what has no layers in it; each once."""
    for name, child in library.children(found):
        if id(child) in seen:
            continue
        seen.add(id(child))
        below = f"{path}{library.separator}{name}" if path else name
        inner = [] if library.kind(child) else list(_walk(library, child, below, seen))
        yield from inner or [(below, child)]


def _why_none(library: Library, found: Any, left_out: Mapping[str, str]) -> str:
    kind = type(found).__name__
    if not left_out:
        way = next((way for word, way in WAYS.items() if word in kind), f"expected {library.article}")
        return f"{library.word} {kind} is no 1-D convolution: {way}"
    return f"{library.word} {kind} holds no 1-D convolution, only {counted(left_out)}; expected {library.article}"


def _log(library: Library, made: Mapping[str, Layer], left_out: Mapping[str, str]) -> None:
    import logging

    log = logging.getLogger("codegen")
    for name, layer in made.items():
        log.info("from_%s: %s is `%s`", library.word, layer.origin, name)
    for path, kind in left_out.items():
        log.info("from_%s: left out: %s `%s`", library.word, kind, shown(path))

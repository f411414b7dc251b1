"""From Python to files: the C text of layers, of a .conv text or of what was made and trained here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codegen import pipeline
from codegen.errors import UsageError
from codegen.errors.quoting import PATH, plainly
from codegen.errors.source import MOST_BYTES
from codegen.errors.suggest import expected
from codegen.machine import emitted, files
from codegen.numbers.storage import AS_COMPUTED
from codegen.planning.ask import PLAIN, Ask, Limits, accuracy_named, objective_named
from codegen.problem.targets import target_named
from codegen.records import dataclass
from codegen.specs import names
from codegen.specs.kinds import Spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.emission.render import GeneratedSource
    from codegen.graph.graph import Graph
    from codegen.layers.weighted import Held

    Arrays = Mapping[str, NDArray[Any]]

__all__ = ["Wanted", "content", "of_layers", "wanted_of"]

EMITTED = ("c", "backward", "test")


@dataclass(frozen=True)
class Wanted:
    """The words of `codegen.generate` for the text alone. Raises UsageError for an unknown one."""

    target: str = "scalar"
    accuracy: str = "exact"
    storage: str = AS_COMPUTED
    optimize: str = "speed"
    packed: bool = False
    sliced: bool = False
    emit: str | Sequence[str] = "c"
    max_flash: int | None = None
    max_ram: int | None = None
    amalgamate: str | None = None

    def __post_init__(self) -> None:
        words = self.emit.split(",") if isinstance(self.emit, str) else self.emit
        words = tuple(word.strip() if isinstance(word, str) else plainly(word) for word in words)
        for word in words:
            if word not in EMITTED:
                raise UsageError(f"cannot emit `{word}`: {expected(word, EMITTED)}")
        object.__setattr__(self, "emit", words)
        if self.amalgamate is not None and "test" in words:
            raise UsageError(f'amalgamate="{plainly(self.amalgamate)}": one file holds no tests: leave test out')
        if self.amalgamate is not None:
            names.check("amalgamate", self.amalgamate)
        _ = self.ask

    @property
    def ask(self) -> Ask:
        """What is asked of each layer whose weights are arguments of its C function."""
        return Ask(
            target_named(self.target),
            "packed" if self.packed else "argument",
            accuracy_named(self.accuracy),
            self.storage,
            objective_named(self.optimize),
            Limits(self.max_flash, self.max_ram),
            sliced=self.sliced,
            apart=self.amalgamate is not None,
        )

    def texts(
        self,
        layers: Sequence[tuple[Spec, Arrays | None]],
        models: Sequence[tuple[Graph, Mapping[str, Arrays] | None]] = (),
    ) -> dict[str, str]:
        """File name → text of layers and models, each with the arrays to be baked, None where they are arguments."""
        from codegen.exports import amalgam

        sources: list[GeneratedSource[Any]] = [*self._of_layers(layers), *self._of_models(models)]
        if self.amalgamate is not None:
            return dict(amalgam.amalgamated(self.amalgamate, sources))
        made = [file for source in sources for file in source.files]
        emitted.hold_distinct(name for name, _ in made)
        return dict(made)

    def _of_layers(self, layers: Sequence[tuple[Spec, Arrays | None]]) -> Iterator[GeneratedSource[Any]]:
        from codegen.gradients import emit

        if self.packed and any(arrays is not None for _, arrays in layers):
            raise UsageError("packed=True is for kernels that are arguments: leave it out, or bake no weights")
        ask, beside = self.ask, [spec.name for spec, _ in layers]
        for spec, arrays in layers if {"c", "test"} & {*self.emit} else ():
            asked = ask if arrays is None else replace(ask, weights="baked")
            source = pipeline.emitted(spec, asked, arrays, beside=beside)
            if "c" in self.emit:
                yield source
            if "test" in self.emit:
                yield pipeline.tested(spec, source, arrays)
        for spec, _ in layers if "backward" in self.emit else ():
            yield emit.emitted(spec, replace(ask, weights="argument", numbers=PLAIN.numbers), beside=beside)

    def _of_models(self, models: Sequence[tuple[Graph, Mapping[str, Arrays] | None]]) -> Iterator[GeneratedSource[Any]]:
        """Of models, whose weights are one packed array where they are not baked."""
        if models and tuple(self.emit) != ("c",):
            raise UsageError(f"the model `{models[0][0].name}` is emitted as C alone: leave `emit` out")
        if models and self.storage != AS_COMPUTED:
            raise UsageError(f"the weights of the model `{models[0][0].name}` lie as they are computed with")
        beside = [graph.name for graph, _ in models]
        for graph, held in models:
            yield pipeline.model_emitted(graph, replace(self.ask, sliced=False), held, beside=beside)


def of_layers(
    layers: Sequence[Held],
    folder: str | os.PathLike[str],
    baked: bool,
    force: bool,
    options: Mapping[str, Any],
    models: Sequence[tuple[Graph, Mapping[str, Arrays]]] = (),
) -> list[Path]:
    """The files of the layers and of models with their arrays, written into `folder` all or none: see `Layer.emit`."""
    wanted = wanted_of({"storage": layers[0].storage, **options} if layers else options)
    built = [(layer._demand_built(), layer._made().arrays if baked else None) for layer in layers]
    try:
        place = Path(folder)
    except TypeError:
        raise UsageError(f"folder: got {plainly(folder)}, expected a path") from None
    made = wanted.texts(built, [(graph, held if baked else None) for graph, held in models])
    texts = [(place / name, text.encode()) for name, text in made.items()]
    files.prepare(place)
    emitted.write(texts, force=force)
    return [path for path, _ in texts]


def wanted_of(options: Mapping[str, Any]) -> Wanted:
    """The words of a caller. Raises UsageError for one that there is not."""
    for word in options:
        if word not in Wanted.__dataclass_fields__:
            raise UsageError(f"unknown option `{word}`: {expected(word, tuple(Wanted.__dataclass_fields__))}")
    return Wanted(**options)


def content(source: str | os.PathLike[str]) -> tuple[str | bytes, str]:
    """(text, what errors call it) of a .conv file, or of what is its text. Raises UsageError."""
    if isinstance(source, str) and ("{" in source or "\n" in source or "\r" in source):
        return source, "<text>"
    try:
        path = Path(source)
    except TypeError:
        raise UsageError(f"source: got {plainly(source)}, expected the path of a .conv file, or its text") from None
    shown = plainly(path, PATH)
    try:
        with open(path, "rb") as file:
            return file.read(MOST_BYTES), str(path)
    except IsADirectoryError:
        raise UsageError(f"`{shown}` is a folder: name a .conv file in it") from None
    except FileNotFoundError:
        raise UsageError(f"no file `{shown}`; give the path of a .conv file, or its text") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read `{shown}`: {getattr(error, 'strerror', None) or error}") from None

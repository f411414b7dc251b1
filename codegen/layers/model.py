"""Model: the layers of a .conv file, by name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from numbers import Integral
from pathlib import Path
from types import MappingProxyType
from typing import Any

from codegen import pipeline
from codegen.errors import SpecErrors, UsageError
from codegen.errors.quoting import plainly
from codegen.graph.calls import AnyLayer
from codegen.language import reader
from codegen.layers.how import How
from codegen.layers.layer import Layer
from codegen.layers.net import Net
from codegen.layers.origin import Origin, counted
from codegen.layers.parts import Part, adopt, agreeing, part_of
from codegen.layers.weights import by_layer
from codegen.layers.written import content, of_layers
from codegen.numbers.formats import WHOLE
from codegen.specs.kinds import Spec

__all__ = ["Model", "load"]


class Model(Mapping[str, Layer]):
    """A read-only mapping from names to layers, in order, each an attribute, too; and from names to models, its `nets`.

    Use `model["keys"]` for a layer whose name is a method of mappings. For a model from another library, `origins`
    says what each layer was there. `left_out` has the path and class of everything that is no convolution, and `notes`
    further remarks. If there is no model of the whole, `unread` gives the reason.
    """

    def __init__(
        self,
        found: Mapping[str, Layer],
        name: str = "",
        left_out: Mapping[str, str] | None = None,
        nets: Mapping[str, Net] | None = None,
        notes: tuple[str, ...] = (),
        unread: str = "",
    ) -> None:
        self._layers, self._name, self.unread = dict(found), name, unread
        self.nets: Mapping[str, Net] = MappingProxyType(dict(nets or {}))
        self.notes = notes
        self.left_out: Mapping[str, str] = MappingProxyType(dict(left_out or {}))
        self.origins: Mapping[str, Origin] = MappingProxyType(
            {name: layer.origin for name, layer in found.items() if layer.origin}
        )

    def __reduce__(self) -> tuple[type[Model], tuple[Any, ...]]:
        rest = dict(self.left_out), dict(self.nets), self.notes, self.unread
        return type(self), (self._layers, self._name, *rest)

    def __getitem__(self, name: str) -> Any:
        if name in self.nets:
            return self.nets[name]
        try:
            return self._layers[name]
        except KeyError:
            raise KeyError(f"no layer `{name}`; there are {', '.join((*self.nets, *self._layers))}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in self.__dict__.get("nets", ()):
            return self.nets[name]
        if not name.startswith("_") and name in self._layers:
            return self._layers[name]
        raise AttributeError(f"no layer `{name}`; there are {', '.join(self.__dict__.get('_layers', ()))}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._layers, *self.nets]

    def __call__(self, *inputs: Any, **named: Any) -> Any:
        """The output of the only model among its `nets`. Raises UsageError where there is none, or are several."""
        if self.unread:
            raise UsageError(f"`{self._name}` is its layers alone: {self.unread}")
        if len(self.nets) != 1:
            told = ", ".join(self.nets) or "none"
            raise UsageError(f'`{self._name}` has the models {told}: call one of them, as in model["name"](x)')
        return next(iter(self.nets.values()))(*inputs, **named)

    def to_conv(self) -> str:
        """The .conv text of its models and their layers, or of layers of int8, which `codegen.load` reads.

        Raises UsageError where there are neither.
        """
        from codegen.language import model_text, quantised_text

        if not self.nets and self._layers and all(layer.spec.dtype in WHOLE for layer in self._layers.values()):
            return quantised_text.text([layer.spec for layer in self._layers.values()], self.notes)
        if not self.nets:
            raise UsageError(f"`{self._name}` has layers and no model: there is nothing to write")
        return model_text.text([net.graph for net in self.nets.values()], self.notes)

    def emit(
        self, folder: str | os.PathLike[str], *, baked: bool = True, force: bool = False, **options: Any
    ) -> list[Path]:
        """Write the C of all models, and of the layers that none of them calls, into `folder`; the files' paths.

        It writes all files or none, as `Layer.emit` does for one layer.
        """
        called = {name for net in self.nets.values() for name in net.parts}
        layers = [layer for name, layer in self._layers.items() if name not in called]
        models = [(net.graph, net.weights) for net in self.nets.values()]
        return of_layers(layers, folder, baked, force, options, models)

    def _others(self) -> dict[str, Part]:
        """The layers of its nets that are no convolutions."""
        return {n: part for net in self.nets.values() for n, part in net.parts.items() if isinstance(part, Part)}

    def save_weights(self, path: str | os.PathLike[str]) -> None:
        """Write all weights as LAYER/kernel, LAYER/bias to a .npz or .safetensors file, at once or not at all.

        The same weights make the same bytes. Kernels are written as they are stored. Raises as `codegen.weights.save`
        does, and ShapeError for a layer without weights.
        """
        others = self._others()
        held = {name: layer._made().arrays for name, layer in self._layers.items()}
        held |= {name: part.arrays for name, part in others.items()}
        storages = {name: layer.storage for name, layer in self._layers.items()}
        by_layer.save(path, held, storages | {name: part.spec.dtype for name, part in others.items()})

    def load_weights(self, source: str | os.PathLike[str] | Mapping[str, Any]) -> None:
        """Replace every layer's weights by those of a file or mapping. Raises WeightsError, changing nothing."""
        others = self._others()
        specs = [layer._demand_built() for layer in self._layers.values()]
        found = by_layer.for_specs(source, [*specs, *(part.spec for part in others.values())])
        for name, part in others.items():
            part._adopt(found.pop(name))
        lasting = not isinstance(source, Mapping)
        rounded = {name: self._layers[name]._held(arrays).arrays for name, arrays in found.items()}
        for name, arrays in rounded.items():
            self._layers[name]._adopt(arrays, lasting)

    def warm(self, progress: bool | None = None, jobs: int | None = None) -> None:
        """Make all kernels now, and bind the weights: the first calls then only compute.

        At most `jobs` compilers run at a time to make what the cache lacks; the default is one for each core. Kernels
        that several layers share are made once. `progress` draws a bar on standard error; with None it does so on a
        terminal. The first error stops it and is raised. Raises ShapeError for a layer whose channels are unknown.
        """
        from codegen.layers import progress as progress_
        from codegen.machine import warming

        layers = list(self._layers.values())
        shared = [layer for layer in layers if layer.spec.dtype not in WHOLE]  # others have kernels of their own
        kernels = dict.fromkeys(layer._kernel_key for layer in shared)
        whole = [layer.warm for layer in layers] + [net.warm for net in self.nets.values()]
        with progress_.bar("compiling", len(kernels) + len(whole), progress) as tell:
            warming.make_all((partial(pipeline.compiled, *key) for key in kernels), jobs, tell)
            warming.make_all(whole, jobs, lambda done: tell(len(kernels) + done))

    def _repr_html_(self) -> str:
        """The model as a notebook shows it."""
        from codegen.layers import notebook

        layers = tuple(self._layers.values())
        table = notebook.of_model(self._name, layers, [layer.plan if layer.built else None for layer in layers])
        return "\n".join([table, *(net._repr_html_() for net in self.nets.values())])

    def __repr__(self) -> str:
        """A table of contents: name, kind, input and output shape of one sample, number of weights."""
        rows = [_row(name, layer.spec, layer) for name, layer in self._layers.items()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        if self.left_out:
            whole = self.nets and not self.unread
            told = "also in the model that a call of it runs" if whole else "left out"
            lines.append(f"  {told}: {counted(self.left_out)}")
        return "\n".join([f"<Model {self._name}, {len(rows)} layer{'s' * (len(rows) != 1)}", *lines]) + ">"


def load(
    source: str | os.PathLike[str],
    weights: str | os.PathLike[str] | Mapping[str, Any] | None = None,
    target: str = "native",
    *,
    seed: int | None = None,
    accuracy: str = "fast",
    rigor: str = "estimate",
    threads: int = 1,
    storage: str = "float32",
    optimize: str = "speed",
    specialize: int = 4,
) -> Model:
    """The layers and models of a .conv file or text; `load(…)["net"](x)` calls the model `net`.

    A str `source` with a `{` or a line break is the text itself. Any other str, and each Path, is a path. `weights` is
    an .npz or .safetensors file, or a mapping, with an array for each LAYER/parameter. Without it the initializers make
    the weights, and `seed` stands in for the seeds that they lack. `target`, `accuracy`, `rigor`, `threads`, `storage`,
    `optimize` and `specialize` hold for each layer, as in `Conv1D`. Raises SpecErrors with everything that is wrong in
    the definition, WeightsError, or UsageError if there is no such file.
    """
    text, name = content(source)
    document = reader.document(text, name)
    if document.diagnostics:
        raise SpecErrors(document.diagnostics)
    graphs = {model.graph.name: model.graph for model in document.models}
    own = {layer.spec.name: layer.spec for layer in document.layers}
    specs: tuple[AnyLayer, ...] = tuple((agreeing(graphs) | own).values())
    if seed is not None:
        if not isinstance(seed, Integral):
            raise UsageError(f"`seed` must be a whole number, got {plainly(seed)}")
        specs = tuple(by_layer.seeded(specs, int(seed)))
    how = How(target, accuracy, rigor, threads, storage, optimize, specialize)
    parts = {spec.name: part_of(spec, how) for spec in specs}
    if weights is not None:
        for layer_name, arrays in by_layer.for_specs(weights, specs).items():
            adopt(parts[layer_name], arrays, lasting=not isinstance(weights, Mapping))
    nets = {n: Net(graph, {word: parts[word] for word in graph.layers}, how) for n, graph in graphs.items()}
    return Model({n: part for n, part in parts.items() if isinstance(part, Layer)}, name, nets=nets)


def _row(name: str, spec: Spec, layer: Layer) -> tuple[str, ...]:
    if spec.input_shape is None:
        return name, spec.kind, "not built", "", ""
    shape = layer.compute_output_shape((None, *spec.input_shape))[1:]
    shapes, count = f"{_sizes(spec.input_shape)} → {_sizes(shape)}", f"{layer.count_params():,} weights"
    return name, spec.kind, shapes, count, f"from {layer.origin}" if layer.origin else ""


def _sizes(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join(map(str, shape))})"

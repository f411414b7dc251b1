"""Emitted files of a model, and of its stream, compiled as they are and called by their public functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codegen.emission.cfunction import CFunction
from codegen.emission.models.arguments import argument_names
from codegen.emission.models.stream_face import Face
from codegen.emission.render import GeneratedSource
from codegen.graph.plans.model_plan import ModelPlan
from codegen.graph.plans.streamed import StreamedModel
from codegen.machine.emitted_kernel import EmittedLibrary, aligned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codegen.machine.compilers import Compiler

    Array = NDArray[Any]

__all__ = ["EmittedModel", "EmittedStream"]


class EmittedModel:
    """A model's function. `weights` are its array of them; empty where they are tables of the file."""

    def __init__(self, source: GeneratedSource[ModelPlan], weights: Array, compiler: Compiler) -> None:
        self.plan, self._weights = source.plan, weights
        self._library = EmittedLibrary(source, source.plan.target, compiler)
        (self._whole,) = source.functions
        self._names = argument_names(source.plan, source.name)

    def run(self, inputs: Sequence[Array], steps: int, outputs: Sequence[Array]) -> None:
        """Compute the outputs of a batch, a sample a call."""
        names = [[self._names[at] for at, _ in self.plan.of_kind(kind)] for kind in ("input", "output")]
        values: dict[str, Any] = {"steps": steps, "weights": self._weights}
        values["workspace"] = aligned(self.plan.workspace_bytes(steps))
        for sample in range(len(inputs[0])):
            given = zip((*names[0], *names[1]), (*inputs, *outputs), strict=True)
            self._library.call(self._whole, values | {name: array[sample] for name, array in given})


class EmittedStream:
    """A model's stream, one state, whose bytes are any before the first reset."""

    def __init__(self, source: GeneratedSource[StreamedModel], weights: Array, compiler: Compiler) -> None:
        self.plan, name = source.plan, source.name
        size = CFunction(f"{name}_size_of_state", (), "ptrdiff_t")
        body = f"{{ return (ptrdiff_t)sizeof({name}_state); }}"
        text = f'#include "{name}.h"\n{size.declarator};\n{size.declarator} {body}\n'
        self._library = EmittedLibrary(source, source.plan.target, compiler, {f"{name}_size_of_state.c": text})
        self._face = Face(self.plan, name, argument_names(self.plan, name))
        self._values: dict[str, Any] = {"weights": weights, "state": aligned(self._library.call(size, {}))}
        self.reset()

    def reset(self) -> None:
        self._library.call(self._face.reset, self._values)

    def process(self, inputs: Sequence[Array], outputs: Sequence[Array]) -> int:
        """How many steps of the outputs come with a block of (steps, channels), and are written."""
        return self._called(self._face.process, inputs, outputs, n=len(inputs[0]))

    def flush(self, outputs: Sequence[Array]) -> int:
        """The rest, in the same way."""
        return self._called(self._face.flush, (), outputs)

    def _called(self, function: CFunction, inputs: Sequence[Array], outputs: Sequence[Array], **more: int) -> int:
        ports = dict(zip((self._face.arguments[at] for at, _ in self.plan.of_kind("input")), inputs, strict=False))
        ports |= dict(zip((self._face.arguments[at] for at, _ in self.plan.of_kind("output")), outputs, strict=True))
        return self._library.call(function, self._values | ports | more)

"""`gen-conv verify` of a model: its C as it is emitted, compiled, beside its definition in float64."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codegen.cli.commands.found import INF, Finding
from codegen.cli.commands.verify_streams import CUTS, SPLITS, Splits
from codegen.errors import UsageError
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np

    from codegen.graph.graph import Graph
    from codegen.machine.emitted_model import EmittedStream
    from codegen.planning.ask import Ask

    Array = np.ndarray[Any, np.dtype[Any]]
    Weights = Mapping[str, Mapping[str, Any]]

__all__ = ["compare"]

BATCH = 2
MORE = (0, 1, 37)  # steps beyond those that leave an output
MOST_STEPS = 1 << 20  # of an input that leaves no output before
LONG = 300  # steps of blocks more than what a stream waits for


def compare(graph: Graph, arrays: Weights, ask: Ask) -> Iterator[Finding | Splits]:
    """The model with its own weights, tables of the file, or random ones in one array; in blocks where that is asked.

    Raises PlanError for a model that has no C, or no stream.
    """
    import numpy as np

    from codegen.machine import compilers, model_library

    if not graph.dtype.startswith("float"):
        raise UsageError(f"`{graph.name}`: verify compares models of floats, and this one is {graph.dtype}")
    compiler, random = compilers.find(), np.random.default_rng(0)
    assert compiler is not None  # `verify` has looked
    held = {name: dict(arrays[name]) for name in graph.layers} if arrays else model_library.drawn_weights(graph, random)
    trial = Trial(graph, held, bool(arrays), random)
    if ask.stream is not None:
        yield from trial.in_blocks(_stream(trial, ask, compiler))
    else:
        yield from trial.whole(ask, compiler)


@dataclass(frozen=True)
class Trial:
    """A model on trial with its weights, which are `given` or random."""

    graph: Graph
    weights: dict[str, dict[str, Array]]
    given: bool
    random: np.random.Generator

    @property
    def baked(self) -> dict[str, dict[str, Array]] | None:
        """The weights that are tables of the file; None where they are one array."""
        return self.weights if self.given else None

    def whole(self, ask: Ask, compiler: Any) -> Iterator[Finding]:
        """The function of a whole input, at its length, or at a few."""
        import numpy as np

        from codegen import pipeline
        from codegen.machine.emitted_model import EmittedModel

        source = pipeline.model_emitted(self.graph, ask, self.baked)
        made = EmittedModel(source, _packed(self, source.plan), compiler)
        for steps in self.lengths(lambda steps: all(source.plan.out_steps(steps))):
            given, wide, narrow = self.defined(steps)
            outputs = [np.full(wide[name].shape, np.nan, self.graph.dtype) for name, _ in self.graph.outputs]
            made.run(list(given.values()), steps, outputs)
            for (name, _), y in zip(self.graph.outputs, outputs, strict=True):
                yield self.compared(name, steps, y, wide[name], narrow[name])

    def in_blocks(self, made: EmittedStream) -> Iterator[Splits]:
        """The stream, in steps alone and in random splits, beside one block."""
        import numpy as np

        from codegen.graph.plans import clocks

        name = self.graph.outputs[0][0]
        out = next(made.plan.ticks[at] for at, _ in made.plan.of_kind("output"))
        fewest = self.lengths(lambda steps: clocks.so_far(made.plan.clocks, steps)[out] > 0)[0]
        for steps in (fewest, made.plan.latency + made.plan.block + LONG):
            given, wide, narrow = self.defined(steps, batch=1)
            x = [array[0] for array in given.values()]
            first, wrong = _all(made, x, [], self.graph), 0
            for number in range(SPLITS):
                cuts = np.sort(self.random.integers(0, steps + 1, CUTS)) if number else np.arange(1, steps)
                found = _all(made, x, cuts.tolist(), self.graph)
                same = found.shape == first.shape
                bits = f"u{found.dtype.itemsize}"
                wrong += int(np.sum(found.view(bits) != first.view(bits))) if same else found.size
            late = first[len(first) - wide[name].shape[1] :]  # behind the zeros of the clock `rate`
            one = self.compared(name, steps, late[None], wide[name], narrow[name])
            yield Splits(self.graph.name, steps, SPLITS, wrong, first.size * SPLITS, one.error, one.bound)

    def lengths(self, outputs: Callable[[int], bool]) -> list[int]:
        """Steps of the input: its own; else the fewest that leave an output, as `outputs` tells, and some more."""
        if self.graph.steps is not None:
            return [self.graph.steps]
        fewest = 1 + bisect_left(range(1, MOST_STEPS), True, key=outputs)
        return [fewest + more for more in MORE]

    def defined(self, steps: int, batch: int = BATCH) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
        """Random inputs; the outputs in float64, and those that NumPy makes in the model's own type."""
        import numpy as np

        from codegen.graph import reference
        from codegen.machine import model_library

        given = model_library.drawn_inputs(self.graph, self.random, steps, batch)
        with np.errstate(all="ignore"):
            wide, narrow = (
                reference.run(self.graph, given, self.weights, kind) for kind in ("float64", self.graph.dtype)
            )
        return given, wide, narrow

    def compared(self, name: str, steps: int, y: Array, wide: Array, narrow: Array) -> Finding:
        """An output beside its definition; where that has no finite number, nor has it."""
        import numpy as np

        from codegen.machine import model_library

        told = self.graph.name if len(self.graph.outputs) == 1 else f"{self.graph.name}.{name}"
        data = "given weights" if self.given else "random"
        bound = model_library.allowance(wide, narrow, y.dtype) if wide.size else 0.0
        if y.shape != wide.shape:
            return Finding(told, steps, data, INF, bound, y.size, ok=False, rms=INF)
        with np.errstate(all="ignore"):
            known = np.isfinite(wide) & np.isfinite(narrow)
            error = np.where(known, np.abs(np.where(np.isfinite(y), y, np.inf) - wide), 0)
        rms = float(np.sqrt(np.mean(error**2))) if error.size else 0.0
        most = float(error.max(initial=0))
        return Finding(told, steps, data, most, bound, y.size, most <= bound, rms)


def _stream(trial: Trial, ask: Ask, compiler: Any) -> EmittedStream:
    from codegen.emission.models import stream
    from codegen.machine.emitted_model import EmittedStream

    source = stream.emitted(trial.graph, replace(ask, accuracy="exact"), trial.baked)
    return EmittedStream(source, _packed(trial, source.plan), compiler)


def _packed(trial: Trial, plan: Any) -> Array:
    """The array of all weights, or an empty one where they are tables of the file."""
    import numpy as np

    made = np.zeros(0 if plan.ask.weights == "baked" else plan.weight_numbers, plan.dtype)
    if made.size:
        plan.packed(trial.weights, made)
    return made


def _all(made: EmittedStream, x: list[Array], cuts: list[int], graph: Graph) -> Array:
    """The outputs of all blocks and of the flush, the first output's."""
    import numpy as np

    widths = [graph.shapes[at].channels for _, at in graph.outputs]
    parts: list[Array] = []
    made.reset()
    blocks = zip(*(np.split(one, cuts) for one in x), strict=True)
    for block in (*blocks, None):
        most = made.plan.most_flushed if block is None else made.plan.most(len(block[0]))
        room = [np.empty((most, width), graph.dtype) for width in widths]
        outs = made.flush(room) if block is None else made.process(block, room)
        parts.append(room[0][:outs])
    return np.ascontiguousarray(np.concatenate(parts))

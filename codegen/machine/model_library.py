"""A model's compiled library: its call, its workspace, and the self-test of a fresh one against NumPy."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np

from codegen.graph import reference
from codegen.graph.calls import AnyLayer
from codegen.graph.graph import Graph
from codegen.graph.plans.model_plan import ModelPlan
from codegen.graph.plans.rules import lengths_of
from codegen.graph.plans.stages import Convolved
from codegen.graph.shape import PROBES
from codegen.machine import self_test_inputs as between
from codegen.machine import self_test_lengths, thread_pool
from codegen.machine._abi import ffi
from codegen.machine.argument_block import BYTES, CACHE_LINE, CALL, NULL, POINTERS
from codegen.machine.compilers import Compiler
from codegen.machine.making import Making, known, loaded
from codegen.machine.self_test import refusal
from codegen.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = [
    "CompiledModel",
    "allowance",
    "drawn_inputs",
    "drawn_weights",
    "kernels_lengths",
    "load",
    "near",
    "prove",
    "trials",
]

MORE_STEPS = (
    0,
    3,
    20,
    70,
)  # than the fewest that leave an output, of a model for any number: loops over tiles turn twice
MOST_NUMBERS = 1 << 22  # of all values of a model that is tried, and multiplications for 64 of them
NEAR = 2.0**10  # roundings that a right model may be off, in parts of the largest output


@dataclass(frozen=True, eq=False)
class CompiledModel:
    """A model in machine code; `path` is its library. May be called by many threads at once; the GIL is released."""

    plan: ModelPlan
    path: Path
    _library: Any = field(repr=False)  # kept: closing it would unmap the code
    _idle: list[Any] = field(default_factory=list, init=False, repr=False)  # one workspace a running call

    def __reduce__(self) -> NoReturn:
        raise TypeError("a compiled model belongs to its process: pickle the net, which makes it again")

    def pack(self, weights: Mapping[str, Mapping[str, Array]]) -> Array:
        """The array of all weights, of arrays by layer and parameter in Keras' shapes."""
        made = _lines(self.plan.weight_numbers, np.dtype(self.plan.dtype))
        self.plan.packed(weights, made)
        return made

    def run(self, inputs: Sequence[Array], outputs: Sequence[Array], weights: Array, threads: int = 1) -> None:
        """Compute the outputs of a batch, C-contiguous arrays in the model's order; sizes are the caller's care.

        `threads` share the samples, each of which has the same bits however they do.
        """
        samples = len(inputs[0])
        if threads > 1 and samples > 1:
            cuts = [samples * at // min(threads, samples) for at in range(min(threads, samples) + 1)]
            parts = [([x[a:b] for x in inputs], [y[a:b] for y in outputs]) for a, b in pairwise(cuts)]
            thread_pool.run([partial(self.run, *part, weights) for part in parts])
            return
        block = ffi.new(CALL)
        given, made = (self._pointers(arrays, write) for arrays, write in ((inputs, False), (outputs, True)))
        block.x, block.y = ffi.cast("void *", given), ffi.cast("void *", made)
        block.kernel = ffi.from_buffer(BYTES, weights) if weights.size else NULL
        block.batch, block.steps = len(inputs[0]), self._steps(inputs)
        workspace = self._workspace(self.plan.workspace_bytes(block.steps))
        if workspace is not None:
            block.workspace = ffi.from_buffer(BYTES, workspace)
        self._library.genconv_run_v1(block)
        if workspace is not None:
            self._idle.append(workspace)

    def bind(self, inputs: Sequence[Array], outputs: Sequence[Array], weights: Array) -> Callable[[], None]:
        """A function of no arguments that computes `outputs` from what `inputs` then hold; one thread calls it.

        It keeps the arrays alive, and has a workspace of its own.
        """
        block = ffi.new(CALL)
        given, made = (self._pointers(arrays, write) for arrays, write in ((inputs, False), (outputs, True)))
        block.x, block.y = ffi.cast("void *", given), ffi.cast("void *", made)
        block.kernel = ffi.from_buffer(BYTES, weights) if weights.size else NULL
        block.batch, block.steps = len(inputs[0]), self._steps(inputs)
        size = self.plan.workspace_bytes(block.steps)
        workspace = _lines(size, np.dtype(np.uint8), 0x7F) if size else None
        if workspace is not None:
            block.workspace = ffi.from_buffer(BYTES, workspace)
        call = partial(self._library.genconv_run_v1, block)
        call.__dict__.update(keeps=(self, given, made, tuple(inputs), tuple(outputs), weights, workspace))
        return call

    def _pointers(self, arrays: Sequence[Array], write: bool) -> Any:
        return ffi.new(POINTERS, [ffi.from_buffer(BYTES, one, write) for one in arrays])

    def _steps(self, inputs: Sequence[Array]) -> int:
        """The steps of the inputs that have any number."""
        free = [buffer.rows is not None and buffer.rows.known is None for _, buffer in self.plan.of_kind("input")]
        return next((x.shape[1] for x, any_number in zip(inputs, free, strict=True) if any_number), 0)

    def _workspace(self, size: int) -> Array | None:
        if not size:
            return None
        try:
            held: Array = self._idle.pop()
            if held.size >= size:
                return held
        except IndexError:
            pass
        return _lines(size, np.dtype(np.uint8), 0x7F)


def _lines(numbers: int, dtype: np.dtype[Any], value: int = 0) -> Array:
    """An array that begins with a cache line."""
    memory = np.full(numbers * dtype.itemsize + CACHE_LINE, value, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + numbers * dtype.itemsize].view(dtype)


def load(graph: Graph, plan: ModelPlan, write: Callable[[ModelPlan], str]) -> CompiledModel | None:
    """The library of a graph's plan, whose C text `write` makes of it; None where nothing can compile it."""

    def proves(made: CompiledModel, compiler: Compiler) -> None:
        prove(graph, made, compiler)

    text = lru_cache(maxsize=1)(lambda: write(plan))
    return loaded(Making(plan, text, proves, _opened), plan.target, 1, known)


def _opened(plan: ModelPlan, path: Path, library: Any, threads: int) -> CompiledModel:
    return CompiledModel(plan, path, library)


Trial: TypeAlias = "tuple[dict[str, Array], dict[str, dict[str, Array]], dict[str, Array], dict[str, Array]]"
"""Inputs, weights, the outputs in float64, and those that NumPy makes in the model's own type."""


def prove(graph: Graph, made: CompiledModel, compiler: Compiler) -> None:
    """Compare a fresh model with NumPy on random numbers. Raises ToolchainError where they differ by more than rounds.

    How much that is, NumPy tells, which computes once in the model's own type and once in float64.
    """
    for given, weights, wide, narrow in trials(graph, made.plan.dtype, kernels_lengths(made.plan)):
        if not _defined(graph, made.plan, wide, next(len(x[0]) for x in given.values())):
            continue
        outputs = [between.array(wide[name].shape, made.plan.dtype) for name, _ in graph.outputs]
        made.run([given[name] for name, _ in graph.inputs], outputs, made.pack(weights))
        for (name, _), found in zip(graph.outputs, outputs, strict=True):
            near(name, found, wide[name], narrow[name], compiler)
            if not between.margins_are_whole(found):
                raise refusal(f"of a model: it writes beside `{name}`", compiler)


def _defined(graph: Graph, plan: ModelPlan, wide: Mapping[str, Array], steps: int) -> bool:
    """Whether the graph has a meaning for so many steps.

    Where they leave a value no row, NumPy may repeat the one row of another for it.
    """
    fewest = _fewest_steps(graph)
    few = graph.steps is None and (fewest is None or steps < fewest)
    return not few or plan.out_steps(steps) == tuple(wide[name].shape[1] for name, _ in graph.outputs)


def kernels_lengths(plan: ModelPlan) -> set[int]:
    """Steps of the input at which each kernel of any length has those that a kernel by itself is tried at."""
    found: set[int] = set()
    for stage in plan.stages:
        if isinstance(stage, Convolved) and stage.plan.problem.steps is None and stage.x.rows.known is None:
            given = partial(_length, plan, stage.x.rows.number)
            wanted = {*self_test_lengths.several(stage.plan), *self_test_lengths.brief(stage.plan)}
            found |= {max(1, bisect_left(range(MOST_NUMBERS), steps, key=given)) for steps in wanted}
    return found


def _length(plan: ModelPlan, number: int, steps: int) -> int:
    """The plan's length of that number for so many steps of the input."""
    return lengths_of(plan.lengths, steps)[number]


def trials(graph: Graph, dtype: str, lengths: Collection[int] = ()) -> Iterator[Trial]:
    """What a fresh library of a graph is tried on: none that takes NumPy too long, or that has no definition.

    Of a graph for any number of steps these are some that leave each output, and `lengths`, which may leave a few.
    """
    fewest = _fewest_steps(graph)
    found = set() if fewest is None else {fewest + more for more in MORE_STEPS}
    for steps in sorted(found.union(lengths)) if graph.steps is None else (graph.steps,):
        tried = _trial(graph, dtype, steps)
        if tried is not None:
            yield tried


def _trial(graph: Graph, dtype: str, steps: int) -> Trial | None:
    """That of so many steps, None where it takes too long, or where NumPy has nothing to look at."""
    numbers = sum(_numbers(shape, steps) for shape in graph.shapes)
    products = sum(shape[0] * shape[-1] for shape in graph.weight_shapes().values()) if numbers else 0
    if numbers > MOST_NUMBERS or products * numbers > MOST_NUMBERS << 6:
        return None
    random = np.random.default_rng(0)
    weights = drawn_weights(graph, random)
    given = drawn_inputs(graph, random, steps, 2)
    try:
        with np.errstate(all="ignore"):
            wide = reference.run(graph, given, weights)
            narrow = reference.run(graph, given, weights, dtype)
    except ValueError:  # the largest of no step
        return None
    return given, weights, wide, narrow


def drawn_inputs(graph: Graph, random: np.random.Generator, steps: int | None, batch: int) -> dict[str, Array]:
    """Random arrays for a graph's inputs, of so many steps where these have any number."""
    given = {}
    for name, at in graph.inputs:
        shape = graph.shapes[at]
        rows = shape.steps if shape.steps is not None else steps or 0
        given[name] = random.standard_normal((batch, rows, shape.channels)).astype(graph.dtype)
    return given


def drawn_weights(graph: Graph, random: np.random.Generator) -> dict[str, dict[str, Array]]:
    """Random weights of all layers, by layer and parameter."""
    return {layer.name: _weights(random, layer) for layer in graph.layers.values()}


def _weights(random: np.random.Generator, layer: AnyLayer) -> dict[str, Array]:
    """Weights whose sums stay of the size of what is summed; variances are positive."""
    found: dict[str, Array] = {}
    for name, shape in layer.weight_shapes().items():
        drawn: Array = random.standard_normal(shape) / max(1, math.prod(shape[:-1])) ** 0.5
        found[name] = (np.abs(drawn) + 0.5 if "variance" in name else drawn).astype(layer.dtype)
    return found


def _fewest_steps(graph: Graph) -> int | None:
    """The fewest that leave an output of each value of a graph for any; None where none of PROBES does."""
    for place, steps in enumerate(PROBES):
        if all(shape.lengths[place] and (not shape.frames or shape.frames[place]) for shape in graph.shapes):
            return int(steps)
    return None


def _numbers(shape: Any, steps: int) -> int:
    """About as many numbers as a value has."""
    known = shape.steps if shape.steps is not None else int(shape.rate * steps)
    frames = 1 if shape.frames is None else int(shape.rate * steps) + 1
    return int((known + 1) * shape.channels * frames)


def allowance(wide: Array, narrow: Array, dtype: np.dtype[Any]) -> float:
    """How far a right output may be off: many roundings of the largest, and as many times what NumPy is off."""
    with np.errstate(all="ignore"):
        size = np.nanmax(np.abs(np.where(np.isfinite(wide), wide, 0)))
        off = np.nanmax(np.abs(np.where(np.isfinite(wide), narrow - wide, 0)))
        return float(NEAR * np.finfo(dtype).eps * size + 64 * np.nan_to_num(off))


def near(name: str, found: Array, wide: Array, narrow: Array, compiler: Compiler) -> None:
    """Raises ToolchainError where an output is farther off than many roundings."""
    if not wide.size:
        return
    with np.errstate(all="ignore"):
        allowed = allowance(wide, narrow, found.dtype)
        right = (np.abs(found - wide) <= allowed) | ~np.isfinite(wide) | ~np.isfinite(narrow)
    if not right.all():
        at = tuple(np.argwhere(~right)[0])
        shown = f"`{name}` at {tuple(map(int, at[1:]))} is {found[at]}, should be {wide[at]}"
        raise refusal(f"of a model: {shown}", compiler)

"""A module of PyTorch to a graph: Sequentials by their modules, others by torch.export or torch.fx."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from math import isqrt
from typing import Any

from codegen.errors import ConversionError, SpecError
from codegen.errors.quoting import NAME, exactly, plainly
from codegen.interchange.drawing import Drawing
from codegen.interchange.ledger import Ledger
from codegen.interchange.library import base
from codegen.interchange.sketch import Imported, Sketch
from codegen.interchange.tensors import Tensor
from codegen.interchange.torch_graph.layers import EXAMPLE
from codegen.interchange.torch_graph.modules import MODULES, kind_of
from codegen.interchange.torch_graph.traced import WAY, Traced, Walk, exported, of_program, symbolic

__all__ = ["drawn"]

ROOT = ("torch",)
CHANNELS = ("in_channels", "in_features", "input_size")  # where a module tells its input's
READS = "genconv_reads"  # where a module of gen-conv's own tells (channels, axes)
STEPS = (64, 4_096)  # of an example that is made here, the second for wide receptive fields; both are often halved
LEAST_MORE = 7  # steps beyond twice as many, at least
WORDS = {"nct": "(batch, channels, steps)", "ntc": "(batch, steps, channels)", "tnc": "(steps, batch, channels)"}
Drawn = tuple[Imported, Mapping[str, str]]


def drawn(module: Any, ledger: Ledger, dtype: str | None, free: bool, example: Any) -> Drawn:
    """The module's graph, and the names of its layers by their paths. Raises ConversionError."""
    if base(module, ROOT, ("ExportedProgram",)) is not None:
        return _program(module, ledger, dtype)
    if not hasattr(module, "parameters") or not hasattr(module, "modules"):
        raise ConversionError(f"a {plainly(type(module).__name__, NAME)} does not show its parameters")
    chain = _chain(module, ledger.skip)
    if example is not None and not hasattr(example, "shape"):
        raise ConversionError(f"example is a {plainly(type(example).__name__, NAME)}, expected one tensor")
    shape = None if example is None else tuple(int(size) for size in example.shape)
    if shape is not None and len(shape) not in (2, 3):
        raise ConversionError(f"example has the shape {shape}, expected (batch, channels, steps)")
    channels, axes = _first(module)
    kind = dtype or _dtype(module)
    if chain is not None:
        told = channels is not None or shape is None
        styles: list[tuple[str, tuple[int, ...] | None]] = [(style, None) for style in _styles(axes, shape) if told]
        if shape is not None:
            styles += [(style, shape) for style in _styles(axes, shape)]
        return _best(ledger, kind, styles, channels, lambda walk, x: _run_chain(chain, walk, x))
    return _traced(module, ledger, kind, example, channels, axes)


def _styles(axes: str, shape: tuple[int, ...] | None) -> list[str]:
    """The orders of axes in which an input may be meant, the likeliest first."""
    if shape is not None and len(shape) == 2:
        return ["nc", "nt"]
    return [axes, *(one for one in ("nct", "ntc", "tnc") if one != axes), *(["nc"] if shape is None else [])]


class Attempt:
    """One way to draw: the input's axes, and its sizes where they are fixed."""

    def __init__(self, ledger: Ledger, dtype: str) -> None:
        self.ledger = Ledger(ledger.skip)
        self.drawing = Drawing(Sketch("model", dtype=dtype))
        self.drawing.sketch.builder.name = self.drawing.sketch.names.fresh("net")
        self.outputs: list[Tensor] = []

    def input(self, axes: str, shape: tuple[int, ...] | None, channels: int | None) -> Tensor:
        """The input x. Raises ConversionError where nothing is known of its channels."""
        sizes = {} if shape is None else dict(zip(axes, shape, strict=True))
        wide = sizes.get("c", channels if "c" in axes and shape is None else 1)
        if wide is None:
            raise ConversionError(f"does not show its input's channels; {EXAMPLE}")
        steps = sizes.get("t") if "t" in axes else 1
        return Tensor(self.drawing.sketch.builder.input("x", steps, wide), axes)

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Nothing wrong is best; else the more layers are drawn, and of as many the less is wrong, the better."""
        return bool(self.ledger.wrong), -len(self.drawing.sketch.weights), len(self.ledger.wrong)

    def finished(self) -> Drawn:
        """The graph with all outputs."""
        sketch = self.drawing.sketch
        for at, value in enumerate(self.outputs):
            sketch.builder.output("y" if len(self.outputs) == 1 else f"y{at}", value.value)
        skipped = (f"{path}, {kind}, is left out" for path, kind in self.ledger.skipped.items())
        graph = sketch.graph()
        made = Imported({graph.name: graph}, sketch.weights, "torch", (*sketch.notes, *skipped))
        return made, {path: name for path, name in self.drawing.names.items() if name in sketch.weights}


def _best(
    ledger: Ledger,
    dtype: str,
    styles: list[tuple[str, tuple[int, ...] | None]],
    channels: int | None,
    run: Callable[[Attempt, Tensor], list[Tensor]],
) -> Drawn:
    """The first way in which all can be drawn. Raises ConversionError with what is wrong in the best one."""
    best: Attempt | None = None
    for axes, shape in styles:
        attempt = Attempt(ledger, dtype)
        with attempt.ledger.at("x", "input"):
            attempt.outputs = run(attempt, attempt.input(axes, shape, channels))
        if best is None or attempt.rank < best.rank:
            best = attempt
        if not best.ledger.wrong:
            break
    assert best is not None  # there are styles
    best.ledger.settle()
    ledger.took(best.ledger)
    return best.finished()


def _chain(module: Any, skip: Collection[str]) -> list[tuple[str, Any]] | None:
    """(path, module) of a Sequential and those in it, in their order; None where anything else is in it."""
    cls = base(module, ROOT, ("Sequential",))
    if cls is None or getattr(type(module), "forward", None) is not getattr(cls, "forward", None):
        return None
    found: list[tuple[str, Any]] = []
    for name, child in module.named_children():
        if base(child, ROOT, ("Sequential",)) is None:
            found.append((str(name), child))
            continue
        inner = _chain(child, skip)
        if inner is None:
            return None
        found += [(f"{name}.{path}", one) for path, one in inner]
    known = all(kind_of(one) is not None for _, one in found)
    plain = all(_plain(path, one, skip) for path, one in found)
    return found if known or plain else None


def _plain(path: str, module: Any, skip: Collection[str]) -> bool:
    """Whether a module that is not known here is no use to trace: one of PyTorch's own, or one to leave out."""
    if list(module.named_children()) and not hasattr(module, "parametrizations"):
        return False
    kind = type(module)
    return kind.__module__.partition(".")[0] in ROOT or path in skip or kind.__name__ in skip


def _run_chain(chain: list[tuple[str, Any]], attempt: Attempt, x: Tensor) -> list[Tensor]:
    value: Tensor | None = x
    for path, module in chain:
        cls = type(module).__name__
        if attempt.ledger.skips(path, cls):
            continue
        with attempt.ledger.at(path, cls):
            kind = kind_of(module)
            if kind is None:
                value = None
                raise ConversionError(f"is not known here; {WAY.format(exactly(path, NAME))}")
            given, value = value, None
            if given is not None:
                made = MODULES[kind](attempt.drawing, path, module, given)
                if isinstance(made, list):
                    raise ConversionError("has several outputs, of which a Sequential takes none")
                value = made
    return [] if value is None else [value]


def _first(module: Any) -> tuple[int | None, str]:
    """(channels, axes) of the input, as the first module with weights has them."""
    for one in module.modules():
        told = getattr(one, READS, None)
        if isinstance(told, tuple):
            return told
        for word in CHANNELS:
            found = getattr(one, word, None)
            if isinstance(found, int) and not isinstance(found, bool) and found > 0:
                first = word == "in_channels"
                sequence = "ntc" if word == "in_features" or getattr(one, "batch_first", False) else "tnc"
                return found, "nct" if first else sequence
    return None, "nct"


def _dtype(module: Any) -> str:
    found = {str(one.dtype) for one in module.parameters() if str(one.dtype).startswith("torch.float")}
    return "float64" if found == {"torch.float64"} else "float32"


def _traced(module: Any, ledger: Ledger, dtype: str, example: Any, channels: int | None, axes: str) -> Drawn:
    """By torch.export, twice: where two lengths make one graph, any length does. By torch.fx where that fails."""
    if example is None and channels is None:
        raise ConversionError(f"a {plainly(type(module).__name__, NAME)} does not show its input; {EXAMPLE}")
    given = [_zeros(dtype, axes, channels, steps) for steps in STEPS] if example is None else [_one(example, axes)]
    traced, free, wrong = None, True, list[str]()
    with _evaluated(module):
        for one in given:
            tried = one
            traced, told = _tried(lambda one=one: exported(module, one))  # type: ignore[misc]  # bound in each turn
            if traced is not None:
                free = _lengthless(module, one, axes, traced)
                break
            wrong.append(f"torch.export: {told}")
        if traced is None:
            traced, told = _tried(lambda: symbolic(module))
            wrong.append(f"torch.fx: {told}")
    if traced is None:
        raise ConversionError(f"cannot be traced{f'; {EXAMPLE}' if example is None else ''}: {'; '.join(wrong)}")
    shape = None if example is None else tuple(int(size) for size in given[0].shape)
    ways: list[tuple[str, tuple[int, ...] | None]] = []
    if free and (shape is None or len(shape) == 3):
        ways += [(style, None) for style in _styles(axes, shape)]
        channels = channels if shape is None else shape[axes.index("c")]
    if shape is not None:
        ways += [(style, shape) for style in _styles(axes, shape)]
    walked, lengthless = traced, bool(ways)
    if not lengthless:  # what cannot be read of any length is told first
        ways = [(axes, tuple(int(size) for size in tried.shape))]
    made = _best(ledger, dtype, ways, channels, lambda attempt, x: _run_traced(walked, module, attempt, x))
    if not lengthless:
        raise ConversionError(f"depends on its input's length; {EXAMPLE}")
    return made


def _program(program: Any, ledger: Ledger, dtype: str | None) -> Drawn:
    """What torch.export has made already, or torch.export.load read: of its own input, steps free where they are."""
    traced = of_program(program)
    given = next((n for n in traced.nodes if n.op == "placeholder" and n.name not in traced.held), None)
    sizes = getattr(given.meta.get("val"), "shape", None) if given is not None else None
    if sizes is None or len(sizes) not in (2, 3):
        raise ConversionError("its first input is no tensor of (batch, channels, steps)")
    shape: Any = tuple(size if isinstance(size, int) else None for size in sizes)
    kinds = {str(one.dtype) for one in program.state_dict.values() if str(one.dtype).startswith("torch.float")}
    kind = dtype or ("float64" if kinds == {"torch.float64"} else "float32")
    ways = [(style, shape) for style in _styles("nct", shape)]
    return _best(ledger, kind, ways, None, lambda at, x: _run_traced(traced, program.graph_module, at, x))


def _zeros(dtype: str, axes: str, channels: int | None, steps: int) -> Any:
    import torch  # type: ignore[import-not-found,unused-ignore]  # the caller's, whose module this is

    sizes = [(channels or 1) if letter == "c" else steps if letter == "t" else 1 for letter in axes]
    return torch.zeros(sizes, dtype=torch.float64 if dtype == "float64" else torch.float32)


def _one(example: Any, axes: str) -> Any:
    """The first of a batch."""
    return example[:, :1] if axes == "tnc" and len(example.shape) == 3 else example[:1]


def _run_traced(traced: Traced, module: Any, attempt: Attempt, x: Tensor) -> list[Tensor]:
    return Walk(traced, attempt.drawing, attempt.ledger, module).run(x)


def _lengthless(module: Any, given: Any, axes: str, traced: Traced) -> bool:
    """Whether more than twice as many steps make the same graph: a prime number more, so that no stride hides them."""
    import torch

    if len(given.shape) != 3:
        return False
    at, steps = axes.index("t"), int(given.shape[axes.index("t")])
    more = next(n for n in count(steps + LEAST_MORE) if all(n % d for d in range(2, isqrt(n) + 1)))
    longer = torch.cat([given] * (2 + more // max(1, steps)), dim=at).narrow(at, 0, steps + more)
    other, _ = _tried(lambda: exported(module, longer))
    return other is not None and other.told == traced.told


def _tried(make: Callable[[], Traced]) -> tuple[Traced | None, str]:
    """What is made, or why not, in one line."""
    try:
        return make(), ""
    except (ConversionError, SpecError):
        raise
    except Exception as error:  # what tracing a stranger's module raises is a stranger's matter
        return None, f"{type(error).__name__}: {plainly(str(error).strip().partition(chr(10))[0], 4 * NAME)}"


@contextmanager
def _evaluated(module: Any) -> Iterator[None]:
    """Within it the module and those in it are as for inference."""
    modes = [(one, one.training) for one in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for one, training in modes:
            one.training = training

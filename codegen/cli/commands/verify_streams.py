"""`gen-conv verify --stream`: each layer in random blocks beside the same input in one, and the definition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from codegen.cli.commands.found import finite
from codegen.errors import UsageError
from codegen.records import dataclass

if TYPE_CHECKING:
    import numpy as np

    from codegen.layers.stream import Stream
    from codegen.planning.ask import Ask
    from codegen.specs.kinds import Spec

    Array = np.ndarray[Any, np.dtype[Any]]

__all__ = ["Splits", "compare"]

SPLITS = 8  # of each length, steps alone among them
CUTS = 12
BATCH = 2
LONGER = 700  # steps more than the reach


@dataclass(frozen=True)
class Splits:
    """Of `outputs` in `splits` random splits into blocks `wrong` have other bits than in one block.

    Those are within `bound` of the definition, or the error is where it fills most of it.
    """

    layer: str
    steps: int
    splits: int
    wrong: int
    outputs: int
    error: float
    bound: float

    @property
    def ok(self) -> bool:
        return not self.wrong and self.error <= self.bound

    def plain(self) -> dict[str, Any]:
        """As JSON tells it."""
        unknown = dict.fromkeys(("rms", "most_rms"))
        return finite({**asdict(self), **unknown, "data": "blocks", "unbounded": 0, "ok": self.ok})

    def __str__(self) -> str:
        told = f"{self.wrong:,} of {self.outputs:,} outputs differ in {self.splits} splits"
        told = f"{told}; error {self.error:.3g}, bound {self.bound:.3g}"
        return f"{self.layer}  {self.steps} steps  blocks: {told}  {'ok' if self.ok else 'WRONG'}"


def compare(spec: Spec, arrays: Mapping[str, Any] | None, ask: Ask) -> Iterator[Splits]:
    """The layer's stream with its own weights or random ones, in blocks as `ask.stream` says, at a few lengths."""
    import numpy as np

    from codegen.layers.stream import stream

    if spec.problem.format.whole and arrays is None:
        raise UsageError(f"`{spec.name}`: a layer of {spec.dtype} is compiled with its weights: give --weights FILE")
    if ask.accuracy != "exact":
        raise UsageError("verify --stream compares streams of the class exact: leave --accuracy out")
    rng, blocks = np.random.default_rng(0), ask.stream
    assert blocks is not None
    drawn = {name: rng.standard_normal(shape).astype(spec.dtype) for name, shape in spec.weight_shapes().items()}
    held = {name: np.asarray(array, spec.weight_dtype(name)) for name, array in (arrays or drawn).items()}
    made = stream(spec, held, ask, blocks.block, BATCH, blocks.clock)
    reach = spec.problem.receptive_field
    for steps in sorted({reach, reach + 1, 2 * reach + blocks.block, reach + LONGER}):
        if spec.problem.at_length(None).out_steps(steps):
            yield _compared(spec, held, made, steps, rng)


def _compared(spec: Spec, held: dict[str, Any], made: Stream, steps: int, rng: np.random.Generator) -> Splits:
    import numpy as np

    from codegen.problem import reference

    p = spec.problem.at_length(None)
    shape, axis = p.in_shape(BATCH, steps), 1 if p.channels_last else 2
    x = (rng.integers(-128, 128, shape) if p.format.whole else rng.standard_normal(shape)).astype(spec.dtype)
    whole, wrong = _in_blocks(made, x, [], axis), 0
    for number in range(SPLITS):
        cuts = rng.integers(0, steps + 1, CUTS) if number else np.arange(1, steps)
        found = _in_blocks(made, x, np.sort(cuts).tolist(), axis)
        bits = np.dtype(f"u{found.dtype.itemsize}")
        wrong += found.size if found.shape != whole.shape else int(np.sum(found.view(bits) != whole.view(bits)))
    kernel, *operands = spec.problem_arrays(held)
    assert kernel is not None
    exact = reference.convolve(p, x, kernel, *operands, dtype=p.format.exact_in)
    bound = np.zeros_like(exact) if p.format.whole else reference.bound(p, x, kernel, *operands)
    outs = whole[:, made.delay :] if axis == 1 else whole[:, :, made.delay :]
    error = np.abs(outs - exact) if outs.shape == exact.shape else np.full(exact.shape, np.inf)
    at = np.unravel_index(np.argmax(error / np.maximum(bound, np.finfo(np.float64).tiny)), error.shape)
    return Splits(spec.name, steps, SPLITS, wrong, whole.size * SPLITS, float(error[at]), float(bound[at]))


def _in_blocks(made: Stream, x: Array, cuts: list[int], axis: int) -> Array:
    """All outputs, contiguous."""
    import numpy as np

    made.reset()
    parts = [*map(made, np.split(x, cuts, axis=axis)), made.flush()]
    return np.ascontiguousarray(np.concatenate(parts, axis=axis))

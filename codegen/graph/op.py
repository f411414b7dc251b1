"""Op: what one node of a graph does, as a frozen record: its options, its shape, its meaning in NumPy.

A new one is a subclass with a `word`, and a row in functions.py: the language, Python, help and docs read its fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from codegen.errors import SpecError
from codegen.errors.counting import counted
from codegen.graph.shape import PROBES, Shape
from codegen.records import dataclass
from codegen.specs.parameters import REQUIRED, parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["Op", "demand_alike", "misfit"]

SEEN = 32  # input lengths that people see through, the first of PROBES
MOST_TOLD = 3  # of them


@dataclass(frozen=True)
class Op:
    """The base. Making one raises SpecError for an option that is wrong; its `field` is the option's name.

    `arity` is how many values it takes, None for any number from 1 on. One that is `over_time` needs all of the input
    before its first output.
    """

    word: ClassVar[str]
    arity: ClassVar[int | None] = 1
    over_time: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name, known in parameters(type(self)).items():
            value = getattr(self, name)
            try:
                if value is REQUIRED:
                    raise SpecError("E502", f"`{self.word}` needs `{name}`", hint=f"write {self.word}(x, {name}=…)")
                object.__setattr__(self, name, known.check(name, value))
            except SpecError as wrong:
                wrong.field = name
                raise

    def drawn(self, add: Callable[..., Any], values: Sequence[Any]) -> Any:
        """The value that it makes of these, by `add(op, *values)`: a node of its own, or several others."""
        return add(self, *values)

    def shape(self, *shapes: Shape) -> Shape:
        """The output's shape. Raises SpecError for inputs that do not fit."""
        return shapes[0]

    def reference(self, inputs: Sequence[Array], weights: Mapping[str, Array]) -> Array:
        """What it makes of one sample, in the type of its inputs: arrays (steps, channels), or (frames, steps, …)."""
        raise NotImplementedError

    def told(self, names: Sequence[str]) -> str:
        """The call as the language writes it, of values with these names."""
        given = []
        for name, known in parameters(type(self)).items():
            value = getattr(self, name)
            if value != known.default:
                given.append(f"{name}={value}")
        return f"{self.word}({', '.join((*names, *given))})"


def demand_alike(word: str, one: Shape, other: Shape) -> None:
    """Raises SpecError for values that have not as many steps, for whatever input."""
    if one.alike(other):
        return
    if one.rate != other.rate:
        told = f"{one.rate} and {other.rate} steps for one of the input"
        raise misfit(f"`{word}` of values of different rates: {told}", "a stride on one way needs a pool")
    order = (*reversed(range(SEEN)), *range(SEEN, len(one.lengths)))
    at = next((i for i in order if one.lengths[i] != other.lengths[i]), 0)
    told = f"{one.lengths[at]} and {counted(other.lengths[at], 'step')}"
    if one.rate or other.rate:  # of an input of any length
        told += f", where the input has {PROBES[at]}"
    hint = "the ways pad differently: give both `causal`, `same`, or zeros that make up for it"
    fit = [PROBES[i] for i in range(SEEN) if one.lengths[i] == other.lengths[i] > 0]
    if fit and one.rate:
        hint = f"they are as many for {_listed(fit[-MOST_TOLD:])} steps: give the input such a number"
    raise misfit(f"`{word}` of {told}", hint)


def _listed(numbers: Sequence[int]) -> str:
    *most, last = map(str, numbers)
    return f"{', '.join(most)} or {last}" if most else last


def misfit(message: str, hint: str) -> SpecError:
    """The error of values that do not go together."""
    return SpecError("E501", message, hint=hint)

"""append: values one after the other, as a sum of each with zeros where the others lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from codegen.graph.elementwise import Arithmetic
from codegen.graph.op import Op, misfit
from codegen.graph.padding import Pad
from codegen.graph.shape import Shape
from codegen.records import dataclass

__all__ = ["Append"]


MOST = 256  # values, each of which is a sum with those before it


@dataclass(frozen=True)
class Append(Op):
    """The steps of all values, one after the other. Each has a known number of them, and as many channels."""

    word: ClassVar[str] = "append"
    arity: ClassVar[int | None] = None

    def drawn(self, add: Callable[..., Any], values: Sequence[Any]) -> Any:
        self.shape(*(value.shape for value in values))
        lengths, made = [value.shape.known_steps for value in values], None
        for at, value in enumerate(values):
            left, right = sum(lengths[:at]), sum(lengths[at + 1 :])
            padded = add(Pad(left=left, right=right), value) if left or right else value
            made = padded if made is None else add(Arithmetic("+"), made, padded)
        return made

    def shape(self, *shapes: Shape) -> Shape:
        first, *others = shapes
        if len(others) >= MOST:
            raise misfit(f"`append` of {len(shapes):,} values", f"at most {MOST} at a time")
        for other in others:
            if other.channels != first.channels or other.frames != first.frames:
                raise misfit(f"`append` of {first} and {other}", "all have as many channels; concat joins channels")
        total = sum(one.known_steps for one in shapes)
        return first.with_steps(lambda steps: total)

"""Activations: the one table of their names, options, float64 meaning, slope and stated error."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Activation:
    """An activation with its options filled in, in the order of the table's row; hashable."""

    name: str
    options: tuple[tuple[str, float | bool | None], ...] = ()

    def __str__(self) -> str:
        inside = ", ".join(f"{name}={value}" for name, value in self.options)
        return f"{self.name}({inside})" if inside else self.name


LINEAR = Activation("linear")

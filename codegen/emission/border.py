"""The function that walks outputs whose taps may lie outside the input, for `templates/border.c.j2`."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.emission.cformat import ceil_over, times
from codegen.emission.microkernel import Microkernel
from codegen.problem.conv_problem import ConvProblem


@dataclass(frozen=True)
class Border:
    """`one` computes one output step, `several` (None where none fits) `size` neighbours that have the same taps.

    `far` is the distance in samples from the first of them to the last. In C: `at` is the sample of output t's tap 0;
    `taps` the first tap inside the input and how many taps from 0 on lie before its end, `far_taps` those of the last
    neighbour. Numbers from sample to sample `x_step`, from output to output `y_step`, from tap to tap `tap_weights`.
    `handed` are the further arguments of the tiles, `own` those of them that the border itself must be given.
    """

    name: str
    one: Microkernel
    several: Microkernel | None
    size: int
    far: int
    at: str
    taps: tuple[str, str]
    far_taps: tuple[str, str]
    dilation: int
    x_step: int
    y_step: int
    tap_weights: int
    handed: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """The first tap's sample, counted in numbers from x."""
        sample = f"at + {times(self.dilation, 'first')}"
        return sample if self.x_step == 1 else f"{self.x_step} * ({sample})"

    @property
    def out(self) -> str:
        """Output t, counted in numbers from y."""
        return times(self.y_step, "t")

    @property
    def own(self) -> tuple[str, ...]:
        return tuple(name for name in self.handed if name != "steps")

    @classmethod
    def of(
        cls,
        name: str,
        edges: tuple[Microkernel, ...],
        size: int,
        p: ConvProblem,
        tap_weights: int,
        handed: tuple[str, ...],
    ) -> Border:
        """The border of tiles `edges`: the one for a single output first, perhaps one for `size` outputs second."""
        x_step, y_step = (p.channels, p.filters) if p.channels_last else (1, 1)
        several = edges[1] if len(edges) > 1 else None
        far = (size - 1) * p.stride
        at = f"{times(p.stride, 't')} - left"
        taps, far_taps = (_taps(where, p.dilation) for where in ("at", "far"))
        return cls(
            name, edges[0], several, size, far, at, taps, far_taps, p.dilation, x_step, y_step, tap_weights, handed
        )


def _taps(at: str, dilation: int) -> tuple[str, str]:
    """C for the first tap inside the input, and for how many lie before its end, where tap 0 is at sample `at`."""
    before_end = f"steps - {at}" if dilation == 1 else f"(steps - 1 - {at}) / {dilation} + 1"
    return f"{at} < 0 ? {ceil_over('-' + at, dilation)} : 0", f"{at} < steps ? {before_end} : 0"

"""The function that walks outputs whose taps may lie outside the input, for `templates/border.c.j2`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from codegen.emission.cformat import ceil_over, grouped, times
from codegen.emission.cfunction import CFunction, numbers, reads, static, writes
from codegen.emission.expressions import Place
from codegen.emission.lengths import left_of, sample_of, steps_of
from codegen.emission.microkernel import Microkernel
from codegen.emission.sharing import Sharing
from codegen.planning.algorithms.tiling import interior
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Operand
from codegen.records import dataclass

LOOKED_AT = 4096  # outputs of a border, or lengths, that are looked at one by one


@dataclass(frozen=True)
class Together:
    """A tile of `rows` neighbours: when it serves those from t on, beside their number, and its call."""

    told: str
    rows: int
    serves: str
    call: str

    @property
    def condition(self) -> str:
        """C for whether it serves those from t on."""
        return f"t + {self.rows} <= end" + f" && {self.serves}" * bool(self.serves)


@dataclass(frozen=True)
class Border:
    """`one` computes one output step, `several` (None where none fits) `size` neighbours that have the same taps.

    `before` and `after`: whether taps may lie before the input's first sample, and past its last. `far` is the distance
    in samples from the first of the neighbours to the last. In C: `at` is the sample of output t's tap 0; `first` the
    first tap inside the input and `fit` how many taps from 0 on lie before its end, `far_first` and `far_fit` those of
    the last neighbour. Numbers from sample to sample `x_step`, from output to output `y_step`, from tap to tap
    `tap_weights`. `reads` is what the epilogue reads. `handed` are the further arguments of the tiles.
    """

    function: CFunction
    one: Microkernel
    several: Microkernel | None
    size: int
    far: int
    at: str
    before: bool
    after: bool
    first: str
    fit: str
    far_first: str
    far_fit: str
    kernel_size: int
    dilation: int
    x_step: int
    y_step: int
    tap_weights: int
    reads: tuple[Operand, ...]
    handed: tuple[str, ...]
    together: tuple[Together, ...] = ()

    @property
    def outside(self) -> bool:
        """Whether any tap may lie outside the input."""
        return self.before or self.after

    @property
    def origin(self) -> str:
        """The first tap's sample, counted in numbers from x."""
        at = "at" if self.outside else grouped(self.at)
        return times(self.x_step, f"(at + {times(self.dilation, 'first')})" if self.before else at)

    @property
    def weights(self) -> str:
        """The first tap's weights, counted in numbers from w; nothing where that is tap 0."""
        return f" + {times(self.tap_weights, 'first')}" if self.before else ""

    @property
    def weights_declared(self) -> str:
        """How the pointer to the first tap's weights is declared."""
        (w,) = (one for one in self.function.parameters if one.name == "w")
        return replace(w, name="weights").declaration

    @property
    def first_weights(self) -> str:
        """The pointer to the weights that a tile is handed."""
        return "weights" if self.before else "w"

    @property
    def taps(self) -> str:
        """The argument for how many taps a tile has: all where none lies outside."""
        return "taps" if self.outside else str(self.kernel_size)

    @property
    def alike(self) -> str:
        """C for whether the neighbours have the same taps."""
        same = ["first == far_first"] * self.before
        same += [f"(fit == far_fit || far_fit >= {self.kernel_size})"] * self.after
        return "".join(f" && {words}" for words in same)

    @property
    def calls(self) -> tuple[str, ...]:
        """The calls of the tiles for output t: of the one, and of that of several if there is one."""
        arguments = ("from", self.first_weights, *_of_output(self.reads, self.y_step), *self.handed, self.taps)
        return tuple(tile.function.of(*arguments) for tile in (self.one, self.several) if tile)

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
        before, after = padded(p)
        steps, left = steps_of(p), left_of(p)
        told = ((steps, after or "steps" in handed), (left, True))
        lengths = [word.text for word, used in told if used and word.known is None]
        first, fit = _taps("at", steps, p.dilation)
        far_first, far_fit = _taps("far", steps, p.dilation)
        return cls(
            function=_function(name, edges[0].function, lengths, p, [word for word in handed if word != "steps"]),
            one=edges[0],
            several=edges[1] if len(edges) > 1 else None,
            size=size,
            far=(size - 1) * p.stride,
            at=sample_of(p).text,
            before=before,
            after=after,
            first=first,
            fit=fit,
            far_first=far_first,
            far_fit=far_fit,
            kernel_size=p.kernel_size,
            dilation=p.dilation,
            x_step=x_step,
            y_step=y_step,
            tap_weights=tap_weights,
            reads=p.epilogue.operands,
            handed=handed,
        )

    def with_tiles(self, p: ConvProblem, sharing: tuple[Sharing, ...], few: dict[int, CFunction]) -> Border:
        """The same with tiles for neighbours whose taps differ, and those of so `few` rows that have all their taps."""
        wholes = (_whole(rows, tile, p) for rows, tile in few.items())
        return replace(self, together=(*wholes, *(_together(one, p, self.tap_weights) for one in sharing)))

    def call(
        self, x: str, w: str, operands: tuple[str, ...], y: str, first: str, end: str, steps: str = "steps"
    ) -> str:
        """The call for the outputs from `first` to before `end`; `operands` are what the epilogue reads."""
        read = {one.within: place for one, place in zip(self.reads, operands, strict=True)}
        told = {"steps": steps} if any(one.name == "steps" for one in self.function.parameters) else {}
        return f"{self.function.call(first, end, x=x, w=w, y=y, **told, **read)};"


def _of_output(operands: tuple[Operand, ...], y_step: int) -> tuple[str, ...]:
    """What a tile is handed of output t: what the epilogue reads, and the place in y."""
    out = times(y_step, "t")
    return (*(f"{one.within} + {out}" if one.lies == "output" else one.within for one in operands), f"y + {out}")


def _together(one: Sharing, p: ConvProblem, tap_weights: int) -> Together:
    """When a tile of neighbours that share samples serves those from t on, and its call."""
    before, after = padded(p)
    far, taps = (one.rows - 1) * p.stride, p.kernel_size
    x_step, y_step = (p.channels, p.filters) if p.channels_last else (1, 1)
    started, ended = f"at + {far} <= 0", f"steps - at <= {taps}"
    serves = {
        "all": (started, ended),
        "first": (started, f"at + {taps} >= 0", *[f"at + {far + taps} <= steps"] * after),
        "last": (*["at >= 0"] * before, ended, f"at + {far} <= steps"),
    }[one.shared]
    count = {"all": "steps", "first": f"at + {taps}", "last": f"steps - at - {far}"}[one.shared]
    x, w = ("x + " + times(x_step, "at"), "w") if one.shared == "last" else ("x", f"w - {times(tap_weights, 'at')}")
    call = one.tile.function.of(x, w, *_of_output(p.epilogue.operands, y_step), count)
    return Together(one.told, one.rows, " && ".join(serves), call)


def _whole(rows: int, tile: CFunction, p: ConvProblem) -> Together:
    """When a tile of so many rows that have all their taps serves outputs from t on, and its call."""
    before, after = padded(p)
    reach = (rows - 1) * p.stride + p.reach
    serves = (*["at >= 0"] * before, *[f"at + {reach} <= steps"] * after)
    at, (x_step, y_step) = (
        "at" if serves else grouped(sample_of(p).text),
        (p.channels, p.filters),
    )
    call = tile.of(f"x + {times(x_step, at)}", "w", *_of_output(p.epilogue.operands, y_step))
    return Together("outputs that have all their taps inside the input", rows, " && ".join(serves), call)


def _function(name: str, tile: CFunction, lengths: Sequence[str], p: ConvProblem, own: Sequence[str]) -> CFunction:
    """The border's function around a tile's: it is told `lengths` behind x, and at the end the outputs that it does.

    `own` are further numbers that it hands on.
    """
    x, w = (replace(one, type=one.type.removesuffix("restrict")) for one in tile.parameters[:2])
    operands = reads(p.format.c, *(one.within for one in p.epilogue.operands), alone=False)
    last = (*writes(p.format.c, "y", alone=False), *numbers(*own, "t", "end"))
    return static(name, x, *numbers(*lengths), w, *operands, *last, in_line=2 + len(lengths))


def padded(p: ConvProblem) -> tuple[bool, bool]:
    """Whether taps may lie before the input, and past it."""
    if p.centred:
        return True, True
    if p.steps is None:
        return p.pad_left > 0, p.pad_right > 0
    outs = p.out_steps(p.steps)
    return p.pad_left > 0 and outs > 0, (outs - 1) * p.stride - p.pad_left + p.reach > p.steps


def _taps(at: str, steps: Place, dilation: int) -> tuple[str, str]:
    """C for the first tap inside the input, and for how many lie before its end, where tap 0 is at sample `at`."""
    last = Place.of(*steps.parts, -1).text
    beyond = f"-{at}" if last == "0" else f"{last} - {at}"
    before_end = f"{steps.text} - {at}" if dilation == 1 else f"({beyond}) / {dilation} + 1"
    return f"{at} < 0 ? {ceil_over('-' + at, dilation)} : 0", f"{at} < {steps.text} ? {before_end} : 0"


def joins(p: ConvProblem, steps: int, ranges: Iterable[tuple[int, int]], size: int) -> bool:
    """Whether one tile may compute `size` neighbours among some outputs of an input of `steps`: all have their taps."""
    for first, end in ranges:
        if end - first > LOOKED_AT or any(_alike(p, steps, t, size) for t in range(first, end - size + 1)):
            return True
    return False


def joins_at_some_length(p: ConvProblem, size: int, most: int, ends: tuple[bool, bool] | None = None) -> bool:
    """The same for a free length, whose border has all outputs where fewer than `most` have all their taps.

    With `ends`, whether its start and its end have tiles of their own, those that have all their taps have such, too.
    """
    longest = p.reach + most * p.stride + p.pad_left + p.pad_right
    if longest > LOOKED_AT // 8:
        return True
    for steps in range(1, longest + 1):
        outs, (first, last) = p.out_steps(steps), interior(p, steps)
        opened, closed = ends or (False, False)
        sides = [*[(0, first)] * (not opened), *[(last, outs)] * (not closed)]
        if last - first < most:
            sides = [(0, outs)] if ends is None else [(0, first), (last, outs)]
        if joins(p, steps, sides, size):
            return True
    return False


def _alike(p: ConvProblem, steps: int, t: int, size: int) -> bool:
    """Whether the first and the last of `size` outputs from t on have the same taps."""
    left, last = p.pads(steps)[0], (size - 1) * p.stride

    def taps(at: int) -> tuple[int, int]:
        fit = (steps - 1 - at) // p.dilation + 1 if at < steps else 0
        return -(at // p.dilation) if at < 0 else 0, min(fit, p.kernel_size)

    at = t * p.stride - left
    return taps(at) == taps(at + last)

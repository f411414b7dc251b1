"""A stage of sums of whole numbers as a C function: its loops, its tile, what they read and write."""

from __future__ import annotations

from codegen.emission import lengths
from codegen.emission.cformat import grouped
from codegen.emission.expressions import Array, Part, Place, Variable
from codegen.emission.microkernel import index, step_by
from codegen.errors import PlanError
from codegen.planning.algorithms import integer
from codegen.planning.algorithms.integer import Schedule, Tile
from codegen.planning.plan import KernelPlan
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.problem import Problem
from codegen.problem.requantise import LOWEST, Requantise
from codegen.records import dataclass

Plan = KernelPlan[Schedule, Problem]


@dataclass(frozen=True)
class Row:
    """The window `x` that an output step reads, and where its outputs go, from what the function is given."""

    x: str
    y: str
    window: str
    place: str


@dataclass(frozen=True)
class Sum:
    """One of a tile: its variable, the window and the weights whose products it adds up, where it is stored.

    `bias` is the number of its bias, which differs from the filter's where there are zeros between the input's steps.
    """

    name: str
    x: str
    weights: str
    filter: str
    bias: str
    place: str


@dataclass(frozen=True)
class Stage:
    """One convolution as a function: `head` its declarator, `loops` those over groups and filters.

    `inner` are the loops of the sums, `at_x` and `at_w` the places there. `steps` names further output steps of a tile.
    `code` is what the rescaled sum `value` becomes, `entry` its place in the table of codes.
    """

    prefix: str
    head: str
    told: str
    rows: tuple[Row, ...]
    turn: int
    steps: tuple[tuple[str, int], ...]
    loops: tuple[str, ...]
    second: str
    kernels: tuple[tuple[str, str], ...]
    sums: tuple[Sum, ...]
    inner: tuple[str, ...]
    at_x: str
    at_w: str
    biased: bool
    ending: Requantise
    code: str
    entry: str
    low: int
    high: int
    rounding: str


def prefixes(plan: Plan, name: str) -> tuple[str, ...]:
    """What the names of each stage's function and tables begin with."""
    p = plan.problem
    if len(p.stages) == 1:
        return (name,)
    return tuple(f"{name}_{label.removesuffix('_kernel')}" for label in p.kernel_names)


def function(prefix: str) -> str:
    """The name of a stage's function."""
    return f"{prefix}_steps"


def stage(p: ConvProblem, tile: Tile, prefix: str, *, first: bool, last: bool) -> Stage:
    """The function of one stage. A `first` one reads the input or a window, a `last` one makes y.

    Between the stages rows of all channels follow each other.
    """
    ending = p.epilogue.stages[-1]
    if not isinstance(ending, Requantise):
        raise PlanError("sums of whole numbers are requantised, and this layer's are not")
    strided, between_steps = last and not p.channels_last, first and p.up > 1
    rows = _rows(p, tile, first and integer.gathers_all(p), 1 if strided else p.filters)
    inner, at_x, at_w = _inner(p, first)
    return Stage(
        prefix=prefix,
        head=f"static void {function(prefix)}({', '.join(_parameters(p, first=first, strided=strided))})",
        told=_told(tile),
        rows=rows,
        turn=tile.rows,
        steps=tuple((f"t{r}", r) for r in range(1, tile.rows)),
        loops=_loops(p, tile),
        second=_second(p, tile),
        kernels=_kernels(p, tile, prefix, between_steps),
        sums=_sums(p, tile, rows, between_steps=between_steps, strided=strided),
        inner=inner,
        at_x=at_x,
        at_w=at_w,
        biased=bool(p.zero) or p.bias,
        ending=ending,
        code=grouped(index((1, "value"), ending.zero_point)),
        entry=index((1, "value"), ending.zero_point - LOWEST),
        low=ending.low - ending.zero_point,
        high=ending.high - ending.zero_point,
        rounding=ending.rounding,
    )


def _parameters(p: ConvProblem, *, first: bool, strided: bool) -> list[str]:
    found = ["const int8_t *x"]
    found += ["ptrdiff_t residue"] * (first and p.up > 1)
    found += ["ptrdiff_t tap"] * (first and told_tap(p))
    found += ["ptrdiff_t count"]
    return [*found, *(["ptrdiff_t outs"] * (strided and told_outs(p))), "int8_t *y"]


def _kernels(p: ConvProblem, tile: Tile, prefix: str, between_steps: bool) -> tuple[tuple[str, str], ...]:
    """Where the weights of the tile's filters lie."""
    numbers = integer.taps(p) * p.group_channels
    kernel, f = Array(f"{prefix}_kernel", numbers * p.filters * (p.up if between_steps else 1)), _filter(p, tile)
    found = [("w0", kernel.at(*Place.of(_residue(p, between_steps), *f.parts).scaled(numbers).parts, taken=numbers))]
    if tile.filters > 1:
        further = Place.of(1) if p.group_filters % 2 == 0 else Place.of((1, Variable(f"(other - {f.text})", 1)))
        found.append(("w1", further.scaled(numbers).in_array("w0")))
    return tuple(found)


def _sums(p: ConvProblem, tile: Tile, rows: tuple[Row, ...], *, between_steps: bool, strided: bool) -> tuple[Sum, ...]:
    filters = [(_filter(p, tile), "w0"), (Place.of((1, Variable.counted("other", p.filters))), "w1")][: tile.filters]
    residue = _residue(p, between_steps)
    return tuple(
        Sum(f"s{r}{f}", row.x, weights, at.text, Place.of(residue, *at.parts).text, _stored(p, row, at, strided))
        for r, row in enumerate(rows)
        for f, (at, weights) in enumerate(filters)
    )


def _residue(p: ConvProblem, between_steps: bool) -> Part:
    """The first filter for an output's residue between two of the input's steps."""
    return (p.filters, Variable("residue", p.up - 1)) if between_steps else 0


def told_outs(p: ConvProblem) -> bool:
    """Whether the last stage is handed the number of outputs, which lie between the filters of one."""
    return not p.channels_last and p.steps is None and p.filters > 1


def told_tap(p: ConvProblem) -> bool:
    """Whether the distance of two taps is one thing in x and another in a window."""
    return integer.gathers(p) and not integer.gathers_all(p) and p.dilation > 1 and integer.taps(p) > 1


def _told(tile: Tile) -> str:
    words = f"{tile.rows} output steps" if tile.rows > 1 else "one output step"
    return f"{words} of {tile.filters} filters" if tile.filters > 1 else f"{words} of one filter"


def _rows(p: ConvProblem, tile: Tile, alone: bool, ahead: int) -> tuple[Row, ...]:
    step = 0 if alone else p.stride * p.channels
    found = []
    for r in range(tile.rows):
        t = Variable.free("t" if r == 0 else f"t{r}")
        found.append(Row(f"x{r}", f"y{r}", Place.of((step, t)).in_array("x"), Place.of((ahead, t)).in_array("y")))
    return tuple(found)


def _stored(p: ConvProblem, row: Row, at: Place, strided: bool) -> str:
    return f"{row.y}[{(lengths.product(lengths.outs_of(p), at) if strided else at).text}]"


def _filter(p: ConvProblem, tile: Tile) -> Place:
    """The first filter of a tile: number `f` of all, or the only one, or the group's."""
    if p.groups == 1 or p.group_filters == 1:
        return Place.of((1, Variable("f", 0 if p.filters <= tile.filters else p.filters - 1)))
    if p.group_filters <= tile.filters:
        return Place.of((p.group_filters, Variable.counted("g", p.groups)))
    return Place.of((1, Variable.counted("f", p.filters)))


def _loops(p: ConvProblem, tile: Tile) -> tuple[str, ...]:
    """The loops over groups and over their filters, which `f` numbers all in one; none that turns once."""
    of_groups = p.groups > 1 and p.group_filters > 1
    group, start, end = Variable.counted("g", p.groups), Place.of(), Place.of(p.filters)
    if of_groups:
        start = Place.of((p.group_filters, group))
        end = Place.of(*start.parts, p.group_filters)
    several = (p.group_filters if of_groups else p.filters) > tile.filters
    filters = f"for (ptrdiff_t f = {start.text}; f < {end.text}; {step_by('f', tile.filters)})"
    return (*[group.loop] * of_groups, *[filters] * several)


def _second(p: ConvProblem, tile: Tile) -> str:
    """C for the tile's other filter: the same once more where their number is odd."""
    if tile.filters == 1:
        return ""
    f = _filter(p, tile)
    after = Place.of(*f.parts, 1).text
    if p.group_filters % 2 == 0:
        return after
    end = str(p.filters) if p.groups == 1 else index((p.group_filters, "g"), p.group_filters)
    return f"{after} < {end} ? {after} : {f.text}"


def _inner(p: ConvProblem, first: bool) -> tuple[tuple[str, ...], str, str]:
    """The loops of a sum, and the places in the window and among the weights there."""
    k, c = Variable.counted("k", integer.taps(p)), Variable.counted("c", p.group_channels)
    if p.groups == 1 and (p.dilation == 1 or not first or integer.gathers_all(p) or not k.most):
        i = Variable.counted("i", integer.taps(p) * p.group_channels)
        return (i.loop,) * (i.most > 0), Place.of((1, i)).text, Place.of((1, i)).text
    step = p.channels * (1 if integer.gathers_all(p) else p.dilation)
    tap: Part = (1, Variable("tap * k", k.most)) if first and told_tap(p) else (step, k)
    loops = tuple(one.loop for one in (k, c) if one.most)
    return loops, Place.of(_channel(p), tap, (1, c)).text, Place.of((p.group_channels, k), (1, c)).text


def _channel(p: ConvProblem) -> Part:
    """The first channel that a filter reads."""
    group = Variable.counted("f" if p.group_filters == 1 else "g", p.groups)
    return p.group_channels, group

"""The register tile as C: accumulators, loops, loads and multiply-adds, as lines for `templates/tile.c.j2`.

An algorithm says what a row multiplies (a broadcast number, or vectors of its own) and where the numbers lie; the form
of the loops, the names and the layout of the lines are made here.
"""

from __future__ import annotations

from collections.abc import Sequence

from codegen.emission.cformat import times
from codegen.emission.cfunction import CFunction, numbers, reads, static, writes
from codegen.emission.vectors import spelled
from codegen.planning.plan import AnyPlan
from codegen.records import dataclass

Place = Sequence[int | tuple[int, str]]


def index(*parts: int | tuple[int, str]) -> str:
    """A sum of integers and (factor, variable) terms in C, zeros left out: index((80, "k"), "c"…) -> `80 * k + 3`."""
    constant = sum(part for part in parts if isinstance(part, int))
    text = ""
    for factor, variable in (part for part in parts if not isinstance(part, int)):
        if factor:
            sign = (" - " if text else "-") if factor < 0 else " + " if text else ""
            text += sign + times(abs(factor), variable)
    if not text:
        return str(constant)
    if text.startswith("-") and constant > 0:
        return f"{constant} - {text[1:]}"
    sign = " - " if constant < 0 else " + "
    return text + (f"{sign}{abs(constant)}" if constant else "")


def offset(pointer: str, *parts: int | tuple[int, str]) -> str:
    """`pointer + index`, or the pointer alone."""
    where = index(*parts)
    return pointer if where == "0" else f"{pointer} + {where}"


@dataclass(frozen=True)
class Spelling:
    """How numbers are loaded, added up and stored: under the names of templates/simd, or (`plain`) as bare C."""

    lanes: int
    plain: bool
    c: str
    stored: str | None = None  # the C type of weights that are not stored as they are computed with

    @classmethod
    def of(cls, plan: AnyPlan, lanes: int) -> Spelling:
        stored = plan.kernel_format
        return cls(lanes, plan.target.vector_bytes == 0, plan.problem.format.c, stored.c if stored.coded else None)

    @property
    def type(self) -> str:
        return self.c if self.plain else spelled(self.lanes)

    def load(self, pointer: str, *at: int | tuple[int, str]) -> str:
        return f"{pointer}[{index(*at)}]" if self.plain else f"{spelled(self.lanes, '_load')}({offset(pointer, *at)})"

    def weights(self, *at: int | tuple[int, str]) -> str:
        """Neighbouring weights, from `w` on."""
        return self.widened("w", *at) if self.stored else self.load("w", *at)

    def widened(self, pointer: str, *at: int | tuple[int, str]) -> str:
        """Neighbouring codes as numbers."""
        return f"{spelled(self.lanes, '_load_half')}({offset(pointer, *at)})"

    def weight(self, *at: int | tuple[int, str]) -> str:
        """One weight for all lanes."""
        if not self.stored:
            return self.broadcast(f"w[{index(*at)}]")
        return f"{spelled(self.lanes, '_set1_half')}({offset('w', *at)})" if self.lanes > 1 else self.widened("w", *at)

    def strided(self, step: int, pointer: str, *at: int | tuple[int, str]) -> str:
        if step == 1 or self.lanes == 1:
            return self.load(pointer, *at)
        return f"{spelled(self.lanes, '_strided')}({offset(pointer, *at)}, {step})"

    def broadcast(self, number: str) -> str:
        return number if self.plain else f"{spelled(self.lanes, '_set1')}({number})"

    def update(self, total: str, left: str, right: str) -> str:
        if self.plain:
            return f"{total} += {left} * {right};"
        return f"{total} = {spelled(self.lanes, '_fma')}({left}, {right}, {total});"

    def store(self, pointer: str, at: Place, value: str) -> str:
        if self.plain:
            return f"{pointer}[{index(*at)}] = {value};"
        return f"{spelled(self.lanes, '_store')}({offset(pointer, *at)}, {value});"


@dataclass(frozen=True)
class Row:
    """One line of a reduction step: an optional broadcast into `s`, then the multiply-adds of one row."""

    broadcast: str | None
    updates: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One term of the sums: the vectors that all rows share, then row after row; `ahead`: lines that are fetched."""

    loads: tuple[tuple[str, str], ...]  # (variable, C expression)
    rows: tuple[Row, ...]
    ahead: tuple[str, ...] = ()  # pointers


@dataclass(frozen=True)
class Loop:
    """Steps under zero, one or two `for` heads."""

    comment: str
    heads: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def opening(self) -> tuple[str, ...]:
        """The heads as lines, the last with its brace."""
        last = len(self.heads) - 1
        return tuple("    " * (i + 1) + head + " {" * (i == last) for i, head in enumerate(self.heads))

    @property
    def closing(self) -> str:
        return "    " * len(self.heads) + "}"

    @property
    def pad(self) -> str:
        """The indent of a step."""
        return "    " * (len(self.heads) + 1)


@dataclass(frozen=True)
class Microkernel:
    """One static C function that computes a register tile.

    `start` are the accumulators' first values row by row, `stores` the statements that end it.
    `written` are places in y whose cache lines are fetched before all else, line by line of C.
    """

    function: CFunction
    comment: str
    type: str
    start: tuple[tuple[tuple[str, str], ...], ...]
    shared: tuple[str, ...]
    broadcasts: bool
    loops: tuple[Loop, ...]
    stores: tuple[str, ...]
    written: tuple[tuple[str, ...], ...] = ()

    @property
    def reads(self) -> bool:
        """Whether it reads x and w: a tile whose taps all lie in the padding has its bias alone."""
        return bool(self.loops)


def tile_function(
    name: str,
    spell: Spelling,
    *extra: str,
    operands: Sequence[str] = (),
    ahead: bool = False,
) -> CFunction:
    """The function of a register tile: x and w are multiplied, what the epilogue reads follows, and y is written.

    `extra` are further numbers, such as the count of the taps of a tile at a border. `ahead`: it is told the `next`
    weights to fetch.
    """
    told = reads(spell.c, "next", alone=False) if ahead else ()
    beside = (*told, *reads(spell.c, *operands))
    arrays = (*reads(spell.c, "x"), *reads(spell.stored or spell.c, "w"), *beside, *writes(spell.c, "y"))
    return static(name, *arrays, *numbers(*extra), in_line=2)


def accumulator(row: int, vector: int) -> str:
    return f"a{row}_{vector}"


def starts(rows: int, vectors: int, first: Sequence[str]) -> tuple[tuple[tuple[str, str], ...], ...]:
    """Accumulators of the first row from `first`, the others copies of it."""
    lines = [tuple((accumulator(0, v), first[v]) for v in range(vectors))]
    lines += [tuple((accumulator(r, v), accumulator(0, v)) for v in range(vectors)) for r in range(1, rows)]
    return tuple(lines)


FIRST_SLICE, LAST_SLICE = "if (slice % slices == 0)", "if (slice == slices - 1)"  # each names both: none is unused


def share(count: int | str) -> tuple[str, str]:
    """The part [from, to) of `count` equal pieces of work, a number or a name, that `slice` of `slices` does."""
    times = "" if count in (1, "1") else f"{count} * "
    return f"{times}slice / slices", f"{times}(slice + 1) / slices"


def chunk_loop(plan: AnyPlan) -> str:
    """The head of the loop over the chunks of the work, all of them or those of a slice."""
    first, last = ("chunks * slice / slices", "chunks * (slice + 1) / slices") if plan.sliced else ("0", "chunks")
    return count_loop("chunk", first, last)


def step_by(variable: str, step: int) -> str:
    """The end of a loop's head."""
    return f"++{variable}" if step == 1 else f"{variable} += {step}"


def count_loop(variable: str, first: int | str, last: int | str, *beside: str) -> str:
    """The head of a C loop over [first, last), with steps `beside` its own."""
    return f"for (ptrdiff_t {variable} = {first}; {variable} < {last}; {', '.join((f'++{variable}', *beside))})"

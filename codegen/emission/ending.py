"""An epilogue in C: where its operands are handed, what accumulators begin with, what is done with sums before a store.

An operand of the function has the stage's own name, or that of a table; a tile is handed a pointer to its part.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from codegen.emission.cformat import times
from codegen.emission.microkernel import Place, Spelling, accumulator, count_loop, index, offset
from codegen.emission.vectors import spelled
from codegen.planning.algorithms.written_out import written_out
from codegen.planning.ask import Ask
from codegen.planning.plan import AnyPlan
from codegen.problem.epilogue import Epilogue, Operand
from codegen.records import dataclass

__all__ = [
    "OF_THE_BLOCK",
    "Cell",
    "Copy",
    "Ending",
    "Output",
    "Pointer",
    "copies",
    "from_copies",
    "handed",
    "operand_names",
    "pointers",
    "weight_name",
]

OF_THE_BLOCK = "bias"  # the operand that has a field in the argument block of templates/abi.h


def weight_name(ask: Ask, name: str, weight: str = "kernel") -> str:
    """What a weight is called in C inside of the function `name`: an argument, or a table of the file."""
    return f"{name}_{weight}" if ask.weights == "baked" else weight


def operand_names(plan: AnyPlan, name: str) -> tuple[str, ...]:
    """The C names of the operands inside of the function `name`."""
    operands = plan.problem.epilogue.operands
    return tuple(weight_name(plan.ask, name, one.name) if one.is_weight else one.name for one in operands)


def handed(plan: AnyPlan, name: str, filters: Callable[[str], str], outputs: Callable[[str], str]) -> tuple[str, ...]:
    """The arguments of a function that computes a part: of what lies as filters do, and of what lies as y does."""
    ways: dict[str, Callable[[str], str]] = {"filter": filters, "output": outputs, "call": str}
    operands = plan.problem.epilogue.operands
    return tuple(ways[one.lies](where) for one, where in zip(operands, operand_names(plan, name), strict=True))


@dataclass(frozen=True)
class Pointer:
    """Where the argument block has an operand: `place` in C. One that is not `still` moves on `numbers` a sample."""

    name: str
    place: str
    still: bool
    numbers: str


def pointers(plan: AnyPlan, outs: str) -> tuple[Pointer, ...]:
    """Those of the operands that are arguments: in the block's own field or, in their order, behind the block.

    `outs` is the C of the output steps.
    """
    p, behind, found = plan.problem, 0, []
    for one in p.epilogue.operands:
        place = f"call->{one.name}"
        if one.name != OF_THE_BLOCK:
            place, behind = f"((const void *const *)(call + 1))[{behind}]", behind + 1
        if plan.weights != "baked" or not one.is_weight:
            found.append(Pointer(one.name, place, one.is_weight, times(p.filters, outs)))
    return tuple(found)


@dataclass(frozen=True)
class Copy:
    """The array `name` at number `at`: the operand `source`, called `told`, for filters each of which is several."""

    name: str
    told: str
    source: str
    at: int


def copies(plan: AnyPlan, name: str, first: int, size: int) -> tuple[Copy, ...]:
    """The copies of what lies per filter, of `size` numbers each, one after the other from `first` on."""
    found = zip(plan.problem.epilogue.operands, operand_names(plan, name), strict=True)
    several = [(one, source) for one, source in found if one.lies == "filter"]
    return tuple(Copy(one.several, one.name, source, first + size * i) for i, (one, source) in enumerate(several))


def from_copies(plan: AnyPlan, name: str, place: int) -> tuple[str, ...]:
    """The operands for a function that reads the copies from a place on."""
    operands = zip(plan.problem.epilogue.operands, operand_names(plan, name), strict=True)
    return tuple(offset(one.several, place) if one.lies == "filter" else source for one, source in operands)


@dataclass(frozen=True)
class Cell:
    """Where a vector of sums is, from the pointers that its function is handed: its filter, its output."""

    filter: Place
    output: Place


@dataclass(frozen=True)
class Ending:
    """The stages around sums that are spelled so; `across`: the lanes are neighbouring filters, else outputs of one.

    `names` are the operands' in C; where they are `held` these are vectors already. Of a tile of more than
    `written_out` vectors of sums it stands once, in a loop.
    """

    epilogue: Epilogue
    spell: Spelling
    across: bool
    names: tuple[str, ...]
    held: bool = False
    written_out: float = inf

    @classmethod
    def of(
        cls, plan: AnyPlan, lanes: int, *, across: bool, names: tuple[str, ...] | None = None, held: bool = False
    ) -> Ending:
        """That of a plan's vectors of `lanes` numbers; without `names` the operands are parts that are handed."""
        epilogue = plan.problem.epilogue
        within = tuple(operand.within for operand in epilogue.operands)
        spell, own = Spelling.of(plan, lanes), within if names is None else names
        return cls(epilogue, spell, across, own, held, written_out(plan))

    def first(self, cell: Cell) -> str:
        """What a vector of sums begins with."""
        stage = self.epilogue.first
        return self.read(cell)[0] if stage else self.spell.broadcast("0")

    def total(self, value: str, cell: Cell) -> str:
        """Sums of products alone, and what they would have begun with."""
        return f"{value} + {self.first(cell)}" if self.epilogue.first else value

    def apply(self, value: str, cell: Cell) -> str:
        """The outputs that sums become."""
        for stage, operands in self.epilogue.of_stages(self.read(cell)):
            if not stage.begins:
                value = f"{spelled(self.spell.lanes, f'_{stage.function}')}({', '.join((value, *operands))})"
        return value

    def read(self, cell: Cell) -> tuple[str, ...]:
        """The C of each operand, as a vector."""
        return tuple(self._operand(*each, cell) for each in zip(self.epilogue.operands, self.names, strict=True))

    def _operand(self, operand: Operand, name: str, cell: Cell) -> str:
        if self.held:
            return name
        if operand.lies == "output":
            return self.spell.load(name, *cell.output)
        if operand.lies == "filter" and self.across:
            return self.spell.load(name, *cell.filter)
        return self.spell.broadcast(f"{name}[{index(*cell.filter) if operand.lies == 'filter' else '0'}]")


@dataclass(frozen=True)
class Read:
    """An operand that is read once for a vector of filters: the argument, the vector, its C."""

    name: str
    within: str
    load: str


def reads(plan: AnyPlan, lanes: int, filters: Place) -> tuple[Read, ...]:
    """The operands, each read for the filters from a place on. There are none that lie as y does."""
    operands = plan.problem.epilogue.operands
    ending = Ending.of(plan, lanes, across=True, names=tuple(operand.name for operand in operands))
    loads = ending.read(Cell(filters, filters))
    return tuple(Read(one.name, one.within, load) for one, load in zip(operands, loads, strict=True))


@dataclass(frozen=True)
class Output:
    """Where the accumulators of a tile go: row r, vector v at `rows[r] + columns[v]`, numbers from `pointer`."""

    pointer: str
    rows: tuple[tuple[int | tuple[int, str], ...], ...]
    columns: tuple[int, ...]

    def cell(self, ending: Ending, row: int, vector: int) -> Cell:
        """The place of an accumulator: rows are output steps where the lanes run across the filters, else filters."""
        column = self.columns[vector]
        return Cell((column,) if ending.across else (row,), (*self.rows[row], column))

    def lines(self, ending: Ending) -> tuple[str, ...]:
        """The statements that end the sums and store. Where it takes much code the epilogue stands once, in a loop."""
        spell = ending.spell
        cells = [(r, v) for r in range(len(self.rows)) for v in range(len(self.columns))]
        if len(cells) <= ending.written_out:
            return tuple(self._stored(ending, accumulator(r, v), self.cell(ending, r, v)) for r, v in cells)
        size = len(cells) * spell.lanes
        sums = [f"{spell.c} sums[{size}]; /* for the activation, a vector at a time */"]
        sums += [spell.store("sums", (i * spell.lanes,), accumulator(r, v)) for i, (r, v) in enumerate(cells)]
        wide = spell.lanes * len(self.columns)
        (step,) = self.rows[1] if len(self.rows) > 1 else (0,)
        turn = (step, "r") if isinstance(step, int) else (1, f"r * {times(*step)}")
        many = len(self.rows) > 1
        body = []
        for v, at in enumerate(self.columns):
            where = (turn, at) if many else (*self.rows[0], at)
            cell = Cell((at,) if ending.across else ((int(many), "r"),), where)
            body.append(self._stored(ending, spell.load("sums", (wide * many, "r"), v * spell.lanes), cell))
        if not many:
            return (*sums, *body)
        loop = count_loop("r", 0, len(self.rows))
        return (*sums, f"{loop} {{", *(f"    {line}" for line in body), "}")

    def _stored(self, ending: Ending, value: str, cell: Cell) -> str:
        return ending.spell.store(self.pointer, cell.output, ending.apply(value, cell))

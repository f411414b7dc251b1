"""The contest: case by case, both tables, every answer checked before anything is timed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from codegen.bench import ours, peers
from codegen.bench.machine import Machine, cpu
from codegen.bench.results import OURS, TABLES, TOLD, Entry, Report, Row, Table
from codegen.bench.timing import WALL, Clock, alternate, first_call
from codegen.errors import GenConvError, VerificationError
from codegen.errors.counting import counted
from codegen.layers.how import AS_USUAL, How
from codegen.problem.targets import target_named
from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.bench.case import Case
    from codegen.bench.contestant import Contestant, Peer
    from codegen.machine.loader import CompiledKernel

MOST_ERROR = 1e-4  # rms, relative: a transform's rounding passes, a wrong tap does not
TRIAL_ROUNDS = 5  # that choose a peer's variant
LONG_CALL = 20.0  # seconds: a peer's variant that would take longer, by its call on a shorter input, is not waited for
PEAK = "peak"  # the machine's own name among the contestants


@dataclass(frozen=True)
class Settings:
    """`how` our kernels are made; `peers` are words of peers.WORDS; `cold` empties the caches before calls."""

    how: How = AS_USUAL
    peers: tuple[str, ...] = peers.WORDS
    tables: tuple[Table, ...] = TABLES
    rounds: int = 30
    clock: Clock = WALL
    cold: bool = False


def run(cases: Iterable[Case], settings: Settings, tell: Callable[[Row], None] = lambda row: None) -> Report:
    """Time all cases; `tell` hears of each row when it is there. Raises VerificationError if our answer is wrong."""
    target = target_named(settings.how.target)
    machine = Machine(target)
    there, versions, missing = _roll_call(settings)
    rows, seconds, pace = [], [], Pace()
    for case in cases:
        kernels = {OURS: ours.kernel(case, settings.how)}
        if case.free:
            kernels[TOLD] = ours.kernel(replace(case, free=False), settings.how)
        for table in settings.tables:
            row, peak = _row(case, kernels, there[table], settings, table, machine, pace)
            rows.append(row)
            seconds.append(peak)
            tell(row)
    bandwidths = tuple(machine.bandwidths(settings.clock))
    shown = (target.name, settings.how.threads, settings.rounds)
    found = Report(*shown, machine.flops / min(seconds), bandwidths, versions, missing, tuple(rows))
    return replace(found, cpu=cpu(), day=date.today().isoformat())


class Pace:
    """What calls of peers took: a variant is not waited for whose longer inputs take minutes, as a run is to end."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, str, str], tuple[int, float]] = {}

    def too_long(self, case: Case, peer: Peer, variant: str) -> str | None:
        """Why the call is not made; None where it may be."""
        steps, seconds = self._taken.get((case.spec.name, peer.NAME, variant), (1, 0.0))
        expected = seconds * case.steps / steps
        if expected <= LONG_CALL:
            return None
        return f"not called: {counted(steps, 'step')} took {seconds:.1f} s, so these would take {expected:.0f} s"

    def note(self, case: Case, peer: Peer, variant: str, nanoseconds: float) -> None:
        """The call took so long."""
        self._taken[case.spec.name, peer.NAME, variant] = case.steps, 1e-9 * nanoseconds


def _roll_call(settings: Settings) -> tuple[dict[Table, list[Peer]], dict[str, str], dict[str, str]]:
    """(the peers that are there, by table; their versions; how to get the others)."""
    wanted: dict[Table, list[Peer]] = {
        "python": peers.from_python(settings.peers),
        "c": peers.from_c(settings.peers),
    }
    there: dict[Table, list[Peer]] = {table: [] for table in TABLES}
    versions, missing = {}, {}
    for table in settings.tables:
        for peer in wanted[table]:
            try:
                versions[peer.NAME] = peer.version()
                there[table].append(peer)
            except (ImportError, OSError, GenConvError):
                missing[peer.NAME] = peer.PACKAGE
    return there, versions, missing


def _row(
    case: Case,
    kernels: dict[str, CompiledKernel],
    there: list[Peer],
    settings: Settings,
    table: Table,
    machine: Machine,
    pace: Pace,
) -> tuple[Row, float]:
    """The row, and the least seconds of the machine's own loop in the same rounds."""
    ready = ours.python if table == "python" else ours.c
    contestants = {name: ready(case, kernel) for name, kernel in kernels.items()}
    errors, firsts = {name: _error(case, one) for name, one in contestants.items()}, dict[str, float]()
    for error in errors.values():
        if not error <= MOST_ERROR:
            raise VerificationError(f"{case.label}: our own answer is off by {error:.3g} of its rms")
    absent = {}
    for peer in there:
        try:
            best = _fittest(case, peer, settings, pace)
            contestants[peer.NAME], errors[peer.NAME], firsts[peer.NAME] = best.one, best.error, best.first
        except Exception as error:  # whatever a peer raises ends its part in this row, and no more
            absent[peer.NAME] = str(error).strip().partition("\n")[0] or type(error).__name__
    every = contestants | {PEAK: machine.contestant}
    times = alternate(every, settings.rounds, settings.clock, settings.cold, firsts)
    entries = {name: Entry(one.variant, times[name], errors[name]) for name, one in contestants.items()}
    row = Row(case.label, case.spec.name, table, case.flops, case.bytes, entries, absent)
    return row, times[PEAK].least


@dataclass(frozen=True)
class Right:
    """A variant of a peer that is right: its error, and the nanoseconds of the call that told it."""

    one: Contestant
    error: float
    first: float


def _fittest(case: Case, peer: Peer, settings: Settings, pace: Pace) -> Right:
    """The fastest right variant of a peer."""
    right = {each.one.variant: each for each in _right(case, peer, settings, pace)}
    if not right:
        raise LookupError("does not serve this layer")
    if len(right) == 1:
        return next(iter(right.values()))
    names, firsts = {name: each.one for name, each in right.items()}, {name: each.first for name, each in right.items()}
    times = alternate(names, TRIAL_ROUNDS, settings.clock, settings.cold, firsts)
    return right[min(times, key=lambda name: times[name].least)]


def _right(case: Case, peer: Peer, settings: Settings, pace: Pace) -> Iterator[Right]:
    wrong: list[str] = []
    late: list[str] = []
    some = False
    for one in peer.contestants(case, settings.how.threads):
        if reason := pace.too_long(case, peer, one.variant):
            late.append(reason)
            continue
        first = first_call(one, settings.clock)
        pace.note(case, peer, one.variant, first)
        error = case.error(one.output(), channels_last=one.channels_last)
        if error <= MOST_ERROR:
            some = True
            yield Right(one, error, first)
        else:
            wrong.append(f"{one.variant} is off by {error:.3g} of the answer's rms")
    if (wrong or late) and not some:
        raise ValueError("; ".join((*wrong, *late)))


def _error(case: Case, one: Contestant) -> float:
    with one.context():
        one.loop(1)
    return case.error(one.output(), channels_last=one.channels_last)

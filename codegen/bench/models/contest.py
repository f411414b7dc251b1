"""The contest of models: ours whole or in blocks, and the peers' whole; each answer is checked before it is timed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.bench import one_table
from codegen.bench.contest import PEAK, Settings
from codegen.bench.contestant import Contestant, from_python
from codegen.bench.machine import Machine
from codegen.bench.models import causal
from codegen.bench.models.case import CASES, ModelCase
from codegen.bench.models.causal import CausalCase
from codegen.bench.results import OURS, Entry, Report, Row
from codegen.bench.timing import alternate, first_call
from codegen.errors import VerificationError
from codegen.graph import reference, work

if TYPE_CHECKING:
    from codegen.bench.case import Array
    from codegen.layers.net import Net

__all__ = ["PEERS", "run"]

PEERS = ("pytorch", "onnxruntime", "litert")
MOST_WRONG = 1e-4  # of an output's rms


def run(
    settings: Settings,
    tell: Callable[[Row], None] = lambda row: None,
    cases: Iterable[ModelCase | CausalCase] = (*CASES, *causal.CASES),
) -> Report:
    """Time all models; `tell` hears of each row when it is there. Raises VerificationError for a wrong answer."""
    return one_table.report(cases, PEERS, _loaded, settings, _row, tell)


def _loaded(word: str) -> Any:
    return import_module(f"codegen.bench.models.{word}")


def _row(case: ModelCase | CausalCase, there: list[Any], settings: Settings, machine: Machine) -> tuple[Row, float]:
    """That of a model, or of one operator."""
    if isinstance(case, CausalCase):
        return causal.row(case, there, settings, machine)
    return _model_row(case, there, settings, machine)


def _model_row(case: ModelCase, there: list[Any], settings: Settings, machine: Machine) -> tuple[Row, float]:
    """The row, and the least seconds of the machine's own loop in the same rounds."""
    net = case.net(settings.how)
    x = case.inputs(net.graph)
    wide = {name: {key: one.astype(np.float64) for key, one in held.items()} for name, held in net.weights.items()}
    name = net.graph.outputs[0][0]
    exact = reference.run(net.graph, {net.graph.inputs[0][0]: x.astype(np.float64)}, wide)[name]
    one = _stream(case, net, x) if case.blocks else _whole(net, x, exact.shape)
    first, errors = {OURS: first_call(one, settings.clock)}, {OURS: _error(one.output(), exact)}
    if not errors[OURS] <= MOST_WRONG:
        raise VerificationError(f"{case.label}: our own is off by {errors[OURS]:.1e} of the output's rms")
    contestants, absent = {OURS: one}, dict(case.recorded)
    for peer in [] if case.blocks else there:
        try:
            made = peer.contestant(net.graph, net.weights, x, settings.how.threads)
            first[peer.NAME], errors[peer.NAME] = first_call(made, settings.clock), _error(made.output(), exact)
            if errors[peer.NAME] > MOST_WRONG:
                raise ValueError(f"is off by {errors[peer.NAME]:.1e} of the output's rms")
            contestants[peer.NAME] = made
        except Exception as error:  # whatever a peer raises ends its part in this row, and no more
            absent[peer.NAME] = str(error).strip().partition("\n")[0] or type(error).__name__
    times = alternate(contestants | {PEAK: machine.contestant}, settings.rounds, settings.clock, settings.cold, first)
    entries = {key: Entry(made.variant, times[key], errors[key]) for key, made in contestants.items()}
    moved = x.nbytes + exact.nbytes // 2 + sum(one.nbytes for held in net.weights.values() for one in held.values())
    row = Row(case.label, net.name, "python", 2 * _macs(case, net), moved, entries, absent)
    return row, times[PEAK].least


def _whole(net: Net, x: Array, shape: tuple[int, ...]) -> Contestant:
    y = np.zeros(shape, np.float32)
    return Contestant("bind", from_python(net.bind(x, y)), lambda: y, channels_last=True)


def _stream(case: ModelCase, net: Net, x: Array) -> Contestant:
    """A block after the other, each the same; `output` is the first's after a reset."""
    stream = net.stream(case.steps)
    y = np.zeros((1, stream.most(case.steps), net.graph.shapes[net.graph.outputs[0][1]].channels), np.float32)
    return Contestant("stream", from_python(stream.bind(x, y)), lambda: y, channels_last=True, keeps=stream)


def _error(y: Array, exact: Array) -> float:
    """The largest error over the rms of all; of a stream, of what its first block has."""
    found = exact[:, : y.shape[1]]
    return float(np.abs(y[:, : found.shape[1]] - found).max() / np.sqrt((exact**2).mean()))


def _macs(case: ModelCase, net: Net) -> int:
    """Multiply-adds of a call."""
    return sum(one.at(case.steps) for one in work.works(net.graph.alive()))

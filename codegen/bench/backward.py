"""The way back: all gradients of a layer by `layer.gradients`, beside PyTorch's own backward of the same convolution.

All three are asked for, with respect to the input, the kernel and the bias, for one gradient of the output. Ours
include what a training step does anew: the kernel is turned and packed in each call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.bench import beside_pytorch
from codegen.bench.case import Case, aligned
from codegen.bench.contest import MOST_ERROR, PEAK, TRIAL_ROUNDS, Settings
from codegen.bench.contestant import Contestant, from_python
from codegen.bench.machine import Machine
from codegen.bench.peers import pytorch
from codegen.bench.results import OURS, Entry, Report, Row
from codegen.bench.timing import alternate
from codegen.errors import VerificationError
from codegen.gradients import reference
from codegen.layers import kinds

if TYPE_CHECKING:
    from codegen.bench.case import Array

__all__ = ["TRAINING", "run"]

TRAINING = beside_pytorch.LETTERS  # the shapes that are timed where none is named

Arrays = tuple["Array", "Array", "Array"]  # dx (batch, steps, channels), dkernel in Keras' shape, dbias


def run(cases: Iterable[Case], settings: Settings, tell: Callable[[Row], None] = lambda row: None) -> Report:
    """Time all cases, one thread. Raises VerificationError if our answer is wrong, UsageError without PyTorch."""
    return beside_pytorch.report("--backward", cases, settings, _row, tell)


def _row(case: Case, settings: Settings, machine: Machine) -> tuple[Row, float]:
    dy = aligned(np.random.default_rng((2024, 3)).standard_normal(case.out_shape, np.float32))
    exact = _exact(case, dy)
    ours = _ours(case, dy, settings)
    errors = {OURS: _error(exact, ours)}
    if not errors[OURS] <= MOST_ERROR:
        raise VerificationError(f"{case.label}: our own gradients are off by {errors[OURS]:.3g} of their rms")
    trials = {one.variant: (one, _error(exact, one)) for one in _theirs(case, dy)}
    right = {name: one for name, (one, error) in trials.items() if error <= MOST_ERROR}
    times = alternate(right, min(TRIAL_ROUNDS, settings.rounds), settings.clock)
    fittest = min(times, key=lambda name: times[name].least)
    contestants = {OURS: ours, pytorch.NAME: right[fittest]}
    errors[pytorch.NAME] = trials[fittest][1]
    taken = alternate(contestants | {PEAK: machine.contestant}, settings.rounds, settings.clock)
    entries = {name: Entry(one.variant, taken[name], errors[name]) for name, one in contestants.items()}
    moved = 2 * case.bytes  # x, dy and the kernel are read, their gradients written
    return Row(case.label, case.spec.name, "python", 2 * case.flops, moved, entries), taken[PEAK].least


def _exact(case: Case, dy: Array) -> Arrays:
    """The definition, in float64."""
    p = case.problem
    dx = reference.input_gradient(p, case.steps, case.kernel, dy)
    rows = dx if p.channels_last else dx.swapaxes(1, 2)
    return rows, reference.kernel_gradient(p, case.x, dy), reference.bias_gradient(p, dy)


def _ours(case: Case, dy: Array, settings: Settings) -> Contestant:
    layer = kinds.of(case.spec, settings.how)
    layer.set_weights([case.kernel.reshape(layer.spec.weight_shapes()["kernel"]), case.bias])
    found: Any = None

    def call() -> None:
        nonlocal found
        found = layer.gradients(case.x, dy)

    def output() -> Array:
        dx = found.x if case.problem.channels_last else found.x.swapaxes(1, 2)
        return _flat(dx, found.kernel, found.bias)

    return Contestant("layer.gradients", from_python(call), output, channels_last=True)


def _theirs(case: Case, dy: Array) -> Iterator[Contestant]:
    """PyTorch's backward operator on prepared tensors, in both orders of memory, and autograd's walk to it."""
    import torch

    torch.set_num_threads(1)
    p = case.problem
    pad, given = pytorch.padding(case)
    x, errors = given(pytorch.columns(case)), torch.from_numpy(aligned(dy.swapaxes(1, 2)) if p.channels_last else dy)
    kernel, bias = pytorch.weights(case)
    back = torch.ops.aten.convolution_backward
    every = [True, True, True]

    def operator() -> Any:
        return back(errors, x, kernel, [p.filters], [p.stride], [pad], [p.dilation], False, [0], p.groups, every)

    yield _contestant(case, "convolution_backward", operator, pad)
    leaves = [tensor.clone().requires_grad_(True) for tensor in (x, kernel, bias)]
    y = torch.conv1d(leaves[0], leaves[1], leaves[2], p.stride, pad, p.dilation, p.groups)

    def autograd() -> Any:
        return torch.autograd.grad(y, leaves, errors, retain_graph=True)

    yield _contestant(case, "autograd", autograd, pad)
    flat = [tensor.unsqueeze(2).to(memory_format=torch.channels_last) for tensor in (errors, x, kernel)]
    twice = ([1, p.stride], [0, pad], [1, p.dilation], False, [0, 0], p.groups, every)

    def of_rows() -> Any:
        dx, dkernel, dbias = back(*flat, [p.filters], *twice)
        return dx.squeeze(2), dkernel.squeeze(2), dbias

    yield _contestant(case, "conv2d channels_last", of_rows, pad)


def _contestant(case: Case, variant: str, function: Callable[[], Any], pad: int) -> Contestant:
    found = function()

    def call() -> None:
        nonlocal found
        found = function()

    def output() -> Array:
        dx, dkernel, dbias = (tensor.detach().numpy() for tensor in found)
        left = case.problem.pads(case.steps)[0] - pad  # samples that were padded beforehand
        return _flat(dx.swapaxes(1, 2)[:, left : left + case.steps], dkernel.transpose(2, 1, 0), dbias)

    return Contestant(variant, from_python(call), output, channels_last=True)


def _flat(dx: Array, dkernel: Array, dbias: Array) -> Array:
    return np.concatenate([np.ravel(dx), np.ravel(dkernel), np.ravel(dbias)])


def _error(exact: Arrays, one: Contestant) -> float:
    """The largest of the three gradients' rms errors, each over the rms of the exact one; infinite for NaN."""
    one.loop(1)
    found, at, worst = one.output(), 0, 0.0
    for part in exact:
        difference = found[at : at + part.size] - part.ravel()
        ratio = float(np.sqrt(np.mean(difference**2) / np.mean(part**2)))
        worst = max(worst, ratio if ratio == ratio else float("inf"))
        at += part.size
    return worst

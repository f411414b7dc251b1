"""Steps of training: forward, all gradients, SGD; ours as it is by default and `exact`, beside PyTorch's own.

The gradient of the loss with respect to the output is the same in each step, so that a step is the layer's work and no
loss'. What ours packs anew in each step, as its weights are others, is timed with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.bench import beside_pytorch
from codegen.bench.case import Case, aligned, cases
from codegen.bench.contest import MOST_ERROR, PEAK, TRIAL_ROUNDS, Settings
from codegen.bench.contestant import Contestant, from_python
from codegen.bench.machine import Machine
from codegen.bench.peers import pytorch
from codegen.bench.results import EXACT, OURS, Entry, Report, Row
from codegen.bench.timing import alternate
from codegen.errors import VerificationError
from codegen.gradients import reference
from codegen.installed import folder
from codegen.layers import kinds
from codegen.layers.how import How
from codegen.layers.optimizers import SGD

if TYPE_CHECKING:
    from codegen.bench.case import Array

__all__ = ["BATCH", "RATE", "run", "shapes"]

BATCH = 4  # samples of a step, but for S
RATE = 2.0**-10  # of learning: thousands of equal steps keep the weights finite


def shapes(data_format: str | None = None, batch: int | None = None) -> Iterator[Case]:
    """The layers that are timed where none is named: bench/training.conv in batches of BATCH, and the letters."""
    yield from cases([str(folder("bench/training.conv"))], data_format=data_format, batch=batch or BATCH)
    yield from cases(beside_pytorch.LETTERS, data_format=data_format, batch=batch)


def run(found: Iterable[Case], settings: Settings, tell: Callable[[Row], None] = lambda row: None) -> Report:
    """Time all cases, one thread. Raises VerificationError if our weights are wrong, UsageError without PyTorch."""
    return beside_pytorch.report("--training", found, settings, _row, tell)


def _row(case: Case, settings: Settings, machine: Machine) -> tuple[Row, float]:
    dy = aligned(np.random.default_rng((2024, 3)).standard_normal(case.out_shape, np.float32))
    exact = _exact(case, dy)
    contestants = {name: _ours(case, dy, how) for name, how in _own(settings.how).items()}
    errors = {name: _error(exact, one) for name, one in contestants.items()}
    if not max(errors.values()) <= MOST_ERROR:
        raise VerificationError(f"{case.label}: our own weights are off by {max(errors.values()):.3g} of their change")
    trials = {one.variant: (one, _error(exact, one)) for one in _theirs(case, dy)}
    right = {name: one for name, (one, error) in trials.items() if error <= MOST_ERROR}
    times = alternate(right, min(TRIAL_ROUNDS, settings.rounds), settings.clock)
    fittest = min(times, key=lambda name: times[name].least)
    contestants[pytorch.NAME] = right[fittest]
    errors[pytorch.NAME] = trials[fittest][1]
    taken = alternate(contestants | {PEAK: machine.contestant}, settings.rounds, settings.clock)
    entries = {name: Entry(one.variant, taken[name], errors[name]) for name, one in contestants.items()}
    moved = 3 * case.bytes  # each of the three convolutions has an input, an output and a kernel
    return Row(case.label, case.spec.name, "python", 3 * case.flops, moved, entries), taken[PEAK].least


def _own(how: How) -> dict[str, How]:
    return {OURS: how} | ({EXACT: replace(how, accuracy="exact")} if how.accuracy != "exact" else {})


def _exact(case: Case, dy: Array) -> tuple[Array, Array]:
    """How a step changes the kernel and the bias over -RATE, by the definition in float64, each flat."""
    p = case.problem
    return np.ravel(reference.kernel_gradient(p, case.x, dy)), np.ravel(reference.bias_gradient(p, dy))


def _ours(case: Case, dy: Array, how: How) -> Contestant:
    """`output` is the change of the last step over -RATE; all steps are alike."""
    layer, sgd = kinds.of(case.spec, how), SGD(RATE)
    layer.set_weights([case.kernel.reshape(layer.spec.weight_shapes()["kernel"]), case.bias])
    before: list[Array] = []

    def step() -> None:
        before[:] = layer.weights
        sgd.minimize(layer, case.x, lambda y: (0.0, dy))

    return Contestant("layer, SGD", from_python(step), lambda: _change(before, layer.weights), channels_last=True)


def _theirs(case: Case, dy: Array) -> Iterator[Contestant]:
    """PyTorch's eager conv1d, autograd and SGD in its own order of memory; and conv2d on channels_last memory."""
    import torch

    torch.set_num_threads(1)
    p = case.problem
    pad, given = pytorch.padding(case)
    x = given(pytorch.columns(case))
    errors = torch.from_numpy(aligned(dy.swapaxes(1, 2)) if p.channels_last else dy)
    kernel, bias = pytorch.weights(case)
    yield _contestant(
        "eager conv1d",
        (x, errors, kernel, bias),
        lambda x, w, b: torch.conv1d(x, w, b, p.stride, pad, p.dilation, p.groups),
    )
    flat = [one.unsqueeze(2).to(memory_format=torch.channels_last) for one in (x, errors, kernel)]
    yield _contestant(
        "eager conv2d channels_last",
        (*flat, bias),
        lambda x, w, b: torch.conv2d(x, w, b, (1, p.stride), (0, pad), (1, p.dilation), p.groups),
    )


def _contestant(variant: str, given: tuple[Any, Any, Any, Any], convolution: Callable[..., Any]) -> Contestant:
    import torch

    x, errors, *weights = given
    leaves = [tensor.clone().requires_grad_(True) for tensor in (x, *weights)]
    sgd = torch.optim.SGD(leaves[1:], lr=RATE)

    def now() -> list[Array]:
        kernel, bias = (tensor.detach().numpy() for tensor in leaves[1:])
        kernel = kernel[:, :, 0] if kernel.ndim == 4 else kernel
        return [kernel.transpose(2, 1, 0).copy(), bias.copy()]

    def step() -> None:
        leaves[0].grad = None
        sgd.zero_grad()
        convolution(*leaves).backward(errors)
        sgd.step()

    def output() -> Array:
        """Of one step more."""
        before = now()
        step()
        return _change(before, now())

    return Contestant(variant, from_python(step), output, channels_last=True)


def _change(before: list[Array], after: list[Array]) -> Array:
    """The change of the weights in a step over -RATE, flat."""
    changes = [(old.astype(np.float64) - new).ravel() for old, new in zip(before, after, strict=True)]
    return np.concatenate(changes) / RATE


def _error(exact: tuple[Array, Array], one: Contestant) -> float:
    """The larger rms error of the two changes, each over the rms of the exact one; infinite for NaN."""
    one.loop(1)
    kernel, bias = exact
    found, worst = one.output(), 0.0
    for part, given in ((kernel, found[: kernel.size]), (bias, found[kernel.size :])):
        ratio = float(np.sqrt(np.mean((given - part) ** 2) / np.mean(part**2)))
        worst = max(worst, ratio if ratio == ratio else float("inf"))
    return worst

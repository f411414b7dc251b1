"""Search the inputs and weights that bring a transform's kernel nearest to the bound that it is held to.

For each random layer and plan some starts: signs of rows of the transform's matrices, channels that are all alike,
random numbers, and channels each too small to count beside the first, at every point of the transform. Then ascent, one
change at a time, all samples of a batch against all filters. The kernels are compiled ones. On the way the sums over
long kernels are made by a Fourier transform; the pair that came nearest is held to the definition. A finding is an
output beyond its bound.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from codegen import pipeline
from codegen.planning import error_bounds, planner
from codegen.planning.algorithms.bilinear_schedule import Schedule
from codegen.planning.ask import Accuracy, Ask
from codegen.planning.plan import KernelPlan, Request
from codegen.planning.transforms import Transform, named, noise
from codegen.problem import reference
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue
from codegen.problem.targets import TARGETS, runs_here

if TYPE_CHECKING:
    from codegen.machine.loader import Kernel

    Array = np.ndarray[Any, Any]

TRIED = ("scalar", "avx2", "neon")  # products rounded apart from sums, and fused
CLASSES: tuple[Accuracy, ...] = ("fast", "wide")
SAMPLES, FILTERS = 16, 16  # inputs and kernels that meet in one call
LENGTHS = (2, 2, 3, 3, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 24, 33, 64, 100)  # of kernels
CHANNELS = (4, 4, 5, 8, 16, 32, 64)
ROUNDS = 60  # of one ascent
LARGEST = 1e30
LONG = 12  # taps from which sums take less time by way of a Fourier transform
SHORT = 0.98  # of half a last place, which a sum loses
SUMS = reference._sums


@dataclass(frozen=True)
class Pair:
    """An input (steps, channels) and a kernel (taps, channels); `share` of its bound is the largest error."""

    x: Array
    w: Array
    share: float = 0.0


def run(count: int, seed: int, rounds: int = ROUNDS) -> tuple[int, list[str]]:
    """Some seconds for each of `count` plans; (tried, outputs beyond their bound)."""
    found = [
        f"{pair.share:.3g} of the bound of `{accuracy}`: {described(plan)}"
        for accuracy, plan, pair in searches(count, seed, rounds)
        if not pair.share <= 1
    ]
    return count, found


def searches(count: int, seed: int, rounds: int = ROUNDS) -> Iterator[tuple[Accuracy, KernelPlan, Pair]]:
    """`count` plans, the classes in turn, each with the pair that came nearest to its bound."""
    for number in range(count):
        rng, accuracy = np.random.default_rng((seed, number)), CLASSES[number % len(CLASSES)]
        plan, request = drawn(rng, accuracy)
        kernel = pipeline.compiled(request, plan.key)
        with mock.patch.object(reference, "_sums", sums):
            pairs = [ascended(kernel, request, start, rng, rounds) for start in starts(plan, rng)]
        best = max(pairs, key=lambda pair: pair.share)
        alike = np.repeat(best.w[..., None], FILTERS, axis=-1)
        yield accuracy, plan, replace(best, share=float(tried(kernel, request, best.x[None], alike).max()))


def drawn(rng: np.random.Generator, accuracy: Accuracy) -> tuple[KernelPlan, Request]:
    """A random layer's plan with a transform: for `wide` one that `fast` refuses, where there is one."""
    targets = [TARGETS[name] for name in TRIED if runs_here(TARGETS[name])]
    while True:
        request = Request(layer(rng), Ask(targets[rng.integers(len(targets))], "packed", accuracy))
        plans = transforms(request)
        if accuracy == "wide":
            plans = {
                key: plans[key]
                for key in plans.keys() - transforms(replace(request, ask=replace(request.ask, accuracy="fast")))
            } or plans
        if plans:
            return plans[sorted(plans)[rng.integers(len(plans))]], request


def layer(rng: np.random.Generator) -> ConvProblem:
    """A layer of few filters, a few tiles long."""
    taps, stride, channels = (int(rng.choice(some)) for some in (LENGTHS, (1, 1, 1, 2, 3), CHANNELS))
    left, right = (int(pad) for pad in rng.integers(0, taps, 2))
    steps = taps + stride * int(rng.integers(12, 2 * taps + 24))
    return ConvProblem(steps, channels, FILTERS, taps, stride, pad_left=left, pad_right=right, epilogue=Epilogue())


def transforms(request: Request) -> dict[str, KernelPlan]:
    """The first plan of each transform in each algorithm."""
    found: dict[str, KernelPlan] = {}
    for plan in planner.survey(request).found:
        if error_bounds.is_transform(plan):
            found.setdefault(words(plan), plan)
    return found


def words(plan: KernelPlan) -> str:
    """The algorithm and its transforms, with the chunks of their sums."""
    return " ".join((plan.algorithm.name, *(f"{each.transform} x {each.chunks}" for each in schedules(plan))))


def described(plan: KernelPlan) -> str:
    return f"{words(plan)} for {plan.target.name} of {plan.problem}"


def schedules(plan: KernelPlan) -> list[Schedule]:
    """Those of the transforms in a plan."""
    own = [plan.schedule] if isinstance(plan.schedule, Schedule) else []
    return own + [schedule for part in plan.parts for schedule in schedules(part)]


def starts(plan: KernelPlan, rng: np.random.Generator) -> Iterator[Pair]:
    """Where to begin."""
    problem, found = plan.problem, schedules(plan)
    for alike in (False, True):
        yield random(problem, rng, alike=alike)
        transform = named(found[0].transform, found[0].taps)
        start = random(problem, rng, alike=alike)
        row, weights = (each[rng.integers(transform.points)] for each in (forward(transform), transform.weights))
        x, w = (np.abs(a) * np.resize(np.sign(b), len(a))[:, None] for a, b in ((start.x, row), (start.w, weights)))
        yield Pair(x, w)
    if plan.algorithm.name == "winograd" and problem.stride == 1:
        yield from (absorbed(problem, found[0], rng) for _ in range(2))


def random(problem: ConvProblem, rng: np.random.Generator, *, alike: bool) -> Pair:
    """Random numbers; with `alike` the same ones in all channels."""
    assert problem.steps is not None
    x, w = spread(rng, (problem.steps, problem.channels)), spread(rng, (problem.kernel_size, problem.channels))
    return Pair(x[:, :1] + 0 * x, w[:, :1] + 0 * w) if alike else Pair(x, w)


def forward(transform: Transform) -> Array:
    """The matrix of the forward code, (points, inputs)."""
    return noise.evaluate(transform.forward)[noise.results(transform.forward)]


def absorbed(problem: ConvProblem, schedule: Schedule, rng: np.random.Generator) -> Pair:
    """A first channel for each chunk of the sums, and others that are lost beside it, all to one side of an output.

    The matrix of the forward code is square, so there are samples for any choice of points.
    """
    transform = named(schedule.transform, schedule.taps)
    into, back = forward(transform), noise.evaluate(transform.inverse)[noise.results(transform.inverse)]
    x, w, sums = loudest(transform, into, back, rng)
    lost = SHORT * 2.0 ** (np.floor(np.log2(np.abs(sums) + 1e-30)) - 24)
    output = back[np.argmax(np.abs(back) @ lost)]
    small = np.linalg.solve(into, -np.sign(output) * lost / (transform.weights @ w))
    chunks = [problem.channels * i // schedule.chunks for i in range(schedule.chunks)]
    columns = [x if channel in chunks else small for channel in range(problem.channels)]
    tile = -(-problem.pad_left // transform.outputs) * transform.outputs - problem.pad_left
    samples = np.zeros((problem.steps or 0, problem.channels))
    samples[tile : tile + transform.inputs] = np.transpose(columns)[: len(samples) - tile]
    return Pair(samples.astype("f"), np.repeat(w[:, None], problem.channels, axis=1))


def loudest(transform: Transform, into: Array, back: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Of many random tiles and kernels those whose products are largest beside their outputs; with the products."""
    best, found = 0.0, (np.zeros(0), np.zeros(0), np.zeros(0))
    for _ in range(2000):
        x = rng.choice((-1.0, -0.5, 0.5, 1.0, 1.999), transform.inputs) * (rng.random(transform.inputs) < 0.8)
        w = np.float32(rng.choice((-1.0, -0.6, 0.6, 1.0), transform.taps)).astype(float)
        sums, outputs = (into @ x) * (transform.weights @ w), np.convolve(np.abs(x), np.abs(w[::-1])).max()
        if (weights := transform.weights @ w).all() and outputs:
            loud = (np.abs(back) @ np.abs(sums)).max() / outputs
            if loud > best and np.abs(weights).min() > 1e-6:
                best, found = loud, (x, w, sums)
    return found


def spread(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Numbers of either sign; their sizes near one another, or over many powers of two."""
    powers = rng.choice((0.0, 0.0, 2.0, 8.0))
    return (rng.standard_normal(shape) * 2.0 ** rng.uniform(-powers, powers, shape)).astype("f")


def ascended(kernel: Kernel, request: Request, best: Pair, rng: np.random.Generator, rounds: int) -> Pair:
    """What changes of a pair lead to, each of the inputs with each of the kernels."""
    for _ in range(rounds):
        x = np.stack([best.x, *(changed(best.x, rng) for _ in range(SAMPLES - 1))]).astype("f")
        w = np.stack([best.w, *(changed(best.w, rng) for _ in range(FILTERS - 1))], axis=-1).astype("f")
        shares = tried(kernel, request, x, w)
        sample, filter_ = np.unravel_index(np.argmax(shares), shares.shape)
        if not shares[sample, filter_] < best.share:
            best = Pair(x[sample], w[..., filter_], float(shares[sample, filter_]))
    return best


def tried(kernel: Kernel, request: Request, x: Array, w: Array) -> Array:
    """The largest error over bound of each input and kernel; 0 where the numbers are too large for any promise."""
    y = np.empty(request.problem.out_shape(*x.shape[:2]), "f")
    kernel.run(x, y, kernel.pack(w), None)
    bound = error_bounds.bound(kernel.plan, request.accuracy, x, w)
    error = np.where(np.isinf(bound), 0, np.abs(y - reference.convolve(request.problem, x, w)))
    return np.asarray((error / np.maximum(bound, np.finfo(np.float64).tiny)).max(axis=1))


def sums(problem: ConvProblem, x: Array, kernel: Array, first: Array | None, dtype: str) -> Array:
    """As the definition has them, to some 1e-14 of the largest: by a Fourier transform where the kernel is long.

    A transform's bound is in proportion to the largest sum, too, and is some 1e-7 of it.
    """
    if problem.kernel_size < LONG:
        return SUMS(problem, x, kernel, first, dtype)
    steps, taps = x.shape[1], problem.kernel_size
    size = 1 << (steps + taps - 2).bit_length()
    samples = np.fft.rfft(np.asarray(x, dtype), size, axis=1)
    weights = np.fft.rfft(np.asarray(kernel, dtype)[::-1], size, axis=0)
    every = np.fft.irfft(samples.swapaxes(0, 1) @ weights, size, axis=0).swapaxes(0, 1)
    return every[:, np.arange(problem.out_steps(steps)) * problem.stride - problem.pads(steps)[0] + taps - 1]


def changed(array: Array, rng: np.random.Generator) -> Array:
    """A copy with one change: a number, a step in all channels, the last digits of all, a channel for all."""
    made, step = array.astype(float), int(rng.integers(len(array)))
    one = (step, int(rng.integers(array.shape[1])))
    match int(rng.integers(8)):
        case 0:
            made[one] = spread(rng, ())
        case 1:
            made[one] *= rng.choice((-1, 0, 0.5, 2))
        case 2:
            made[step] *= rng.choice((-1, 0, 0.5, 2, 16))
        case 3:
            made[step] = spread(rng, ()) * np.abs(array).max()
        case 4:
            made *= 1 + rng.uniform(-1, 1, array.shape) * 2.0 ** -rng.integers(4, 20)
        case 5:
            made *= 1 + rng.uniform(-1, 1, (len(array), 1)) * 2.0 ** -rng.integers(4, 20)
        case 6:
            made[:] = made[:, one[1]][:, None]
        case 7:
            made[step:] = np.roll(made[step:], 1, axis=0)
    return np.clip(made, -LARGEST, LARGEST).astype("f")


def main() -> None:
    """Print each search, and for each class the smallest margin: the bound over the largest error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    smallest: dict[Accuracy, tuple[float, str]] = {}
    for accuracy, plan, pair in searches(options.count, options.seed):
        margin = 1 / max(pair.share, 1e-30)
        print(f"{accuracy}  margin {margin:.2f}  {described(plan)}", flush=True)
        smallest[accuracy] = min(smallest.get(accuracy, (np.inf, "")), (margin, words(plan)))
    for accuracy, (margin, plan_) in smallest.items():
        print(f"smallest margin of {accuracy}: {margin:.2f}, {plan_}")


if __name__ == "__main__":
    main()

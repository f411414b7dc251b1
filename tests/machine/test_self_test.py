"""The self-test of a fresh kernel: what it refuses, what it accepts, and that it stays small."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.errors import ToolchainError
from codegen.functions import activations
from codegen.functions.registry import Call
from codegen.gradients import proof
from codegen.gradients import reference as gradients
from codegen.gradients.output_plan import output_plan
from codegen.gradients.plan import KernelGradientPlan, plan
from codegen.graph.builder import Builder
from codegen.graph.plans import model_plan
from codegen.language import reader
from codegen.machine import model_library, self_test, self_test_inputs, self_test_outputs, whole_kernel
from codegen.machine.compilers import Compiler
from codegen.machine.gradient_library import GradientLibrary
from codegen.machine.self_test_outputs import marks, turns
from codegen.pipeline import request
from codegen.planning import planner
from codegen.planning.algorithms.bilinear_schedule import register_tiles, tiles_that_run
from codegen.planning.algorithms.table import ALGORITHMS
from codegen.planning.ask import Ask
from codegen.planning.plan import KernelPlan, Request
from codegen.planning.transforms import named
from codegen.problem import reference
from codegen.problem.chain import separable
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.stages import ending
from codegen.problem.targets import TARGETS
from codegen.specs.kinds import Conv1DSpec
from codegen.specs.model_kinds import Dense
from tests.fuzz import mutants, other_mutants
from tests.support import cprogram
from tests.support.strategies import CURVED, ROWS

ROOT = Path(__file__).parents[2]
COMPILER = Compiler(("/bin/cc",), "cc", "cc 1.0", "")
RELU, TANH, GLU = (activations.get(name) for name in ("relu", "tanh", "glu"))
PROBLEMS = {
    "tiles": ConvProblem(300, 5, 24, 3, pad_left=1, pad_right=1, epilogue=ending(activation=RELU)),
    "long": ConvProblem(20_000, 4, 16, 5, pad_left=4, epilogue=ending(activation=TANH)),
    "one channel": ConvProblem(90_000, 1, 1, 9, channels_last=False),
    "wide": ConvProblem(2_000, 256, 256, 3, pad_left=1, pad_right=1),
    "free": ConvProblem(None, 8, 16, 3, pad_left=2),
    "strided, same": ConvProblem(
        None, 3, 8, 5, stride=3, pad_left=1, pad_right=3, centred=True, epilogue=ending(activation=GLU)
    ),
    "relayout": ConvProblem(500, 6, 4, 5, up=3, pad_left=4, pad_right=4),
    "separable": separable(ConvProblem(900, 8, 12, 3, pad_left=2), 2),
    "groups, channels first": ConvProblem(700, 8, 12, 3, groups=4, dilation=2, channels_last=False),
    "float64": ConvProblem(130, 3, 5, 4, dtype="float64", epilogue=ending(activation=TANH)),
    "depthwise": ConvProblem(None, 40, 40, 4, groups=40, pad_left=3),
    "long kernel": ConvProblem(3_000, 8, 8, 100, pad_left=99),
    "beyond the largest number": ConvProblem(200, 4, 5, 3, epilogue=ending(activation=activations.get("exponential"))),
}
Array = np.ndarray[Any, Any]
Spoil = Callable[[Array, ConvProblem], None]


@dataclass(frozen=True)
class Spoiled:
    """A kernel that is the reference, its outputs (batch, outputs, filters) spoiled afterwards."""

    plan: KernelPlan
    spoil: Spoil
    threads: int = 1
    before: int = 0
    right: dict[tuple[int, ...], Array] = field(default_factory=dict)  # answers to all batches of a shape: one trial's
    workspaces: tuple[bytearray, ...] = ()
    packs: bool = False

    def pack(self, kernel: Array, out: Array | None = None) -> Array:
        return kernel

    def bind(self, x: Array, y: Array, kernel: Array | None, bias: Array | None = None) -> Any:
        call = partial(self.run, x, y, kernel, bias)
        call.__dict__["workspaces"] = self.workspaces
        return call

    def run(self, x: Array, y: Array, kernel: Array | None, bias: Array | None = None) -> None:
        p = self.plan.problem
        assert kernel is not None
        if x.shape not in self.right:
            with np.errstate(over="ignore"):
                wide = "longdouble" if p.dtype == "float64" else "float64"
                self.right[x.shape] = reference.convolve(p, x, kernel, bias, dtype=wide).astype(p.dtype)
        y[...] = self.right[x.shape]
        if y.shape[1 if p.channels_last else 2]:
            self.spoil(y if p.channels_last else y.swapaxes(1, 2), p)


def plan_of(problem: ConvProblem, accuracy: Any = "fast", **changes: Any) -> KernelPlan:
    return replace(planner.answer(Request(problem, Ask(TARGETS["avx2"], "packed", accuracy))), **changes)


def refused(plan: KernelPlan, spoil: Spoil, right: dict[tuple[int, ...], Array] | None = None) -> bool:
    try:
        self_test.prove(Spoiled(plan, spoil, right={} if right is None else right), COMPILER)
    except ToolchainError:
        return True
    return False


def nothing(y: Array, p: ConvProblem) -> None:
    pass


class Packing(Spoiled):
    """One that packs its kernel itself, and spoils what it made."""

    def pack(self, kernel: Array, out: Array | None = None) -> Array:
        assert out is not None
        out[...] = self.plan.pack(kernel)
        self.spoil(out, self.plan.problem)
        return out


def in_one_number(packed: Array, p: ConvProblem) -> None:
    packed[np.argmax(np.abs(packed))] *= 1.00002


def in_two_places(packed: Array, p: ConvProblem) -> None:
    packed[[1, 2]] = packed[[2, 1]]


def beside(packed: Array, p: ConvProblem) -> None:
    packed.base[packed.base.nbytes - self_test_inputs.MARGIN_BYTES] ^= 1  # type: ignore[union-attr]  # a view


def test_a_kernel_that_packs_itself_is_held_to_numpys_packing() -> None:
    plan = plan_of(PROBLEMS["wide"])
    assert plan.algorithm.name == "winograd"
    self_test.packs_rightly(Packing(plan, nothing), COMPILER)
    for spoil in (in_one_number, in_two_places):
        with pytest.raises(ToolchainError, match="of the packed kernel is"):
            self_test.packs_rightly(Packing(plan, spoil), COMPILER)
    with pytest.raises(ToolchainError, match="writes beside the packed kernel"):
        self_test.packs_rightly(Packing(plan, beside), COMPILER)


@pytest.mark.long
@pytest.mark.parametrize("name", PROBLEMS)
def test_a_right_kernel_is_accepted(name: str) -> None:
    for accuracy in ("exact", "fast"):
        self_test.prove(Spoiled(plan_of(PROBLEMS[name], accuracy), nothing), COMPILER)


@pytest.mark.long
@pytest.mark.parametrize("activation", [*CURVED, *((name, {}) for name in ROWS)], ids=str)
def test_a_right_activation_is_accepted(activation: tuple[str, dict[str, Any]]) -> None:
    """NumPy's own in float64 are farther from the truth than a kernel's may be: they take longer numbers."""
    name, options = activation
    for dtype in ("float32", "float64"):
        meant = activations.get(Call(name, (), tuple(options.items())))
        problem = ConvProblem(150, 3, 8, 3, pad_left=1, pad_right=1, dtype=dtype, epilogue=ending(activation=meant))
        self_test.prove(Spoiled(plan_of(problem, "exact"), nothing), COMPILER)


def places(plan: KernelPlan) -> Iterator[int]:
    """Each row of the first, a middle and the last tile, and both sides of where a segment begins or a loop turns."""
    p, (tile, *_) = plan.problem, turns(plan)
    assert p.steps is not None
    outs = p.out_steps(p.steps)
    yield from (*range(tile), *range(outs // 2 - tile // 2, outs // 2 + tile // 2), *range(outs - tile, outs))
    for mark in marks(plan, outs):
        yield from (at for at in (mark - 1, mark) if 0 <= at < outs)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name, p in PROBLEMS.items() if p.steps is not None])
def test_one_wrong_number_in_any_row_of_a_tile_is_seen(name: str) -> None:
    """In one filter of the first sample, whose sums lie where the activation is steep."""
    plan = plan_of(PROBLEMS[name])
    seen = self_test_inputs.trials(plan, self_test_inputs.Weights.of(plan))
    looked_at = set(next(seen).at.tolist())
    assert set(places(plan)) <= looked_at
    right: dict[tuple[int, ...], Array] = {}
    for at in sorted({*places(plan)})[:: max(1, len({*places(plan)}) // 6)]:

        def spoil(y: Array, p: ConvProblem, at: int = at) -> None:
            y[0, at, at % y.shape[2]] += 0.5 if p.activation != TANH else 2e-3

        assert refused(plan, spoil, right), at


def test_lengths_of_a_free_input_run_every_loop() -> None:
    """More than two turns of the widest loop and a rest; fewer outputs than a tile; none with all taps inside."""
    for name in ("free", "strided, same", "depthwise"):
        for algorithm in ("direct_filters", "winograd", "depthwise", "row_activation", "relayout"):
            request = Request(PROBLEMS[name], Ask(TARGETS["avx512"], "packed", "fast"))
            if planner.why_not(ALGORITHMS[algorithm], request):
                continue
            plan = ALGORITHMS[algorithm].candidates(request, planner.best_of_each)[0]
            p, found = (
                plan.problem,
                [tried.steps for tried in self_test_inputs.trials(plan, self_test_inputs.Weights.of(plan))],
            )
            tile, turn = turns(plan)[0], turns(plan)[-1]
            assert p.out_steps(max(found)) > 2 * turn + tile
            assert p.out_steps(max(found)) % turn
            assert min(found) == 1 < p.reach
            inside = [(steps - p.reach) // p.stride + 1 for steps in found]
            assert {tile - 1, tile, tile + 1} <= set(inside)
            if p.centred:
                assert {steps % p.stride for steps in found} == set(range(p.stride))


@pytest.mark.parametrize(("taps", "dilation", "pad"), [(3, 1, 0), (16, 1, 0), (3, 4, 0), (5, 7, 90), (3, 3, 400)])
def test_lengths_of_a_free_input_run_every_register_tile_of_a_transform(taps: int, dilation: int, pad: int) -> None:
    """The last tiles of a block are those of its number, in one register tile or in two halves.

    Where padding alone makes more outputs than there are phases, some are left over only behind whole blocks.
    """
    ask = Ask(TARGETS["avx512"], "packed", "fast")
    p = ConvProblem(None, 64, 64, taps, dilation=dilation, pad_left=pad)
    for algorithm in ("winograd", "fft"):
        if planner.why_not(ALGORITHMS[algorithm], Request(p, ask)):
            continue
        plan = ALGORITHMS[algorithm].candidates(Request(p, ask), planner.best_of_each)[0]
        outputs, run = named(plan.schedule.transform, plan.schedule.taps).outputs, set[int]()
        for tried in self_test_inputs.trials(plan, self_test_inputs.Weights.of(plan)):
            outs = p.out_steps(tried.steps)
            each = -(-outs // (outputs * dilation)) * min(outs, dilation)  # a tile's outputs are the dilation apart
            blocks = {plan.schedule.tiles} if each >= plan.schedule.tiles else set()
            for tiles in blocks | {each % plan.schedule.tiles}:
                run |= {rows for _, rows in register_tiles(replace(plan.schedule, tiles=tiles), free=True) if tiles}
        assert {rows for _, rows in tiles_that_run(plan.schedule, p)} <= run


@pytest.mark.parametrize("name", ["tiles", "long", "float64"])
def test_sums_lie_where_the_activation_is_steep_and_farther_out(name: str) -> None:
    plan = plan_of(PROBLEMS[name], "exact")
    p, weights = plan.problem, self_test_inputs.Weights.of(plan)
    (tried,) = self_test_inputs.trials(plan, weights)
    sums = reference.convolve(p.with_epilogue(p.epilogue.start), tried.x, weights.kernel, *tried.operands)
    spreads = sums.std(axis=(1, 2))
    assert 0.5 < spreads[0] < 2.5
    assert spreads[1] > 4 * spreads[0]
    assert np.abs(sums[2]).max() > (88 if p.dtype == "float32" else 709) / 2
    assert np.array_equal(sums, sums.astype(p.dtype))  # no digit is lost
    assert len(np.unique(sums[0])) > 0.9 * min(sums[0].size, 1000)


FAULTS: dict[str, Spoil] = {
    "an output that is never written": lambda y, p: y.__setitem__((-1, -1, -1), np.finfo(p.dtype).max),
    "two filters that change places": lambda y, p: y.__setitem__(np.s_[..., :2], y[..., 1::-1].copy()),
    "two outputs that change places": lambda y, p: y.__setitem__(np.s_[:, :2], y[:, 1::-1].copy()),
    "the second sample is the first": lambda y, p: y.__setitem__(1, y[0]),
    "a bias twice": lambda y, p: y.__setitem__(np.s_[..., -1], y[..., -1] + 1),
}


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_right_is_refused(fault: str) -> None:
    for name in ("tiles", "free", "wide", "relayout"):

        def spoil(y: Array, p: ConvProblem) -> None:
            if y.shape[1] > 1:
                FAULTS[fault](y, p)

        assert refused(plan_of(PROBLEMS[name]), spoil), name


def test_a_kernel_that_writes_beside_its_outputs_is_refused() -> None:
    def spoil(y: Array, p: ConvProblem) -> None:
        memory = y
        while isinstance(memory.base, np.ndarray):
            memory = memory.base
        memory[self_test_inputs.MARGIN_BYTES - 1] = 0

    assert refused(plan_of(PROBLEMS["tiles"]), spoil)


@pytest.mark.parametrize(
    "place",
    [0, self_test_inputs.MARGIN_BYTES - 1, self_test_inputs.MARGIN_BYTES, self_test_inputs.MARGIN_BYTES + 100, -1],
)
def test_a_kernel_that_writes_beside_its_workspace_is_refused(place: int) -> None:
    workspace = bytearray(100 + 2 * self_test_inputs.MARGIN_BYTES)

    def spoil(y: Array, p: ConvProblem) -> None:
        workspace[place] = 0

    kernel = Spoiled(plan_of(PROBLEMS["tiles"]), spoil, workspaces=(workspace,))
    if self_test_inputs.MARGIN_BYTES <= place % len(workspace) < 100 + self_test_inputs.MARGIN_BYTES:  # its own
        self_test.prove(kernel, COMPILER)
    else:
        with pytest.raises(ToolchainError, match="wrong on whole numbers: it writes beside its arrays"):
            self_test.prove(kernel, COMPILER)


GRADIENTS = {
    "tanh": ConvProblem(130, 5, 9, 3, pad_left=1, pad_right=1, epilogue=ending(activation=TANH)),
    "elu, channels first": ConvProblem(
        64, 3, 4, 2, channels_last=False, epilogue=ending(activation=activations.get("elu"))
    ),
    "linear": ConvProblem(90, 4, 6, 3, stride=2, groups=2),
    "float64": ConvProblem(70, 2, 5, 4, dtype="float64", epilogue=ending(activation=activations.get("gelu"))),
}


@pytest.mark.parametrize("name", GRADIENTS)
@pytest.mark.parametrize("spoiled", [False, True])
def test_the_gradients_self_tests_accept_what_is_right_alone(
    name: str, spoiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of all numbers by 1, a slope or a sum by a few times what it may be off."""
    problem = GRADIENTS[name]
    for place in range(3):

        def answer(kernel: GradientLibrary, batch: int, place: int = place, **arrays: Array) -> None:
            p, wide = kernel.plan.problem, np.longdouble if problem.dtype == "float64" else np.float64
            if isinstance(kernel.plan, KernelGradientPlan):
                found = arrays["dkernel"]
                found[...] = gradients.kernel_gradient(p, arrays["x"], arrays["dz"])
                found.reshape(-1)[place * (found.size - 1) // 2] += spoiled
                return
            dz, dbias = arrays["dy"].astype(wide), arrays["dbias"]
            if "dz" in arrays:
                dz = dz * activations.derivative(p.activation, arrays["z"].astype(wide), p.dtype)
                arrays["dz"][...] = dz
                arrays["dz"].reshape(-1)[place * (dz.size - 1) // 2] += spoiled * 1e-4
            dbias[...] = gradients.bias_gradient(p, dz)
            dbias[place * (p.filters - 1) // 2] += spoiled * ("dz" not in arrays)

        monkeypatch.setattr(GradientLibrary, "run", answer)
        for made, prove in (
            (plan(problem, TARGETS["avx2"]), proof.kernel),
            (output_plan(problem, TARGETS["avx2"]), proof.output),
        ):
            library = GradientLibrary(made, Path(), None)  # type: ignore[arg-type]  # either of the two
            if spoiled:
                with pytest.raises(ToolchainError, match="wrong on whole numbers: number"):
                    prove(library, COMPILER)
            else:
                prove(library, COMPILER)


def test_slices_are_tried_in_one_thread_and_in_several() -> None:
    seen = set()

    @dataclass(frozen=True)
    class Watched(Spoiled):
        def run(self, x: Array, y: Array, kernel: Array | None, bias: Array | None = None) -> None:
            seen.add((self.threads, len(x)))
            super().run(x, y, kernel, bias)

    self_test.prove(Watched(plan_of(PROBLEMS["free"]).asked(sliced=True), nothing), COMPILER)
    assert {threads <= samples for threads, samples in seen} == {True, False}
    assert (1, 2) in seen


def test_numbers_have_no_order_that_a_slip_could_keep() -> None:
    numbers = self_test_inputs.whole((50, 7, 11), 63, 3)
    assert set(np.unique(numbers)) <= {*range(-63, 0), *range(1, 64)}
    flat = numbers.ravel()
    for shift in (1, 2, 7, 11, 77, 154, 1000):
        assert (flat[shift:] == flat[:-shift]).mean() < 0.03
    assert abs(np.corrcoef(flat[1:], flat[:-1])[0, 1]) < 0.05


EXTREMES = {  # the most memory that each may take, in MB beside what NumPy and gen-conv themselves do
    "ConvProblem(None, 8, 8, 3, stride=1_000_000)": 300,
    "ConvProblem(100_000_000, 1, 1, 3)": 700,
    "ConvProblem(None, 8, 8, 3, stride=100_000, channels_last=False)": 400,
    "ConvProblem(None, 8, 8, 5, dilation=100_000, pad_left=400_000)": 300,
    "ConvProblem(2_000_000_000, 8, 8, 3)": 50,
    "ConvProblem(None, 1, 1, 3, stride=2_147_483_647)": 100,
}


@pytest.mark.live
@pytest.mark.in_turn(2)
@pytest.mark.parametrize("problem", EXTREMES)
def test_the_largest_take_bounded_memory(problem: str) -> None:
    """The sizes of what is read and written are those of a kernel that touches each output and no more."""
    code = (
        "import resource, numpy as np\n"
        "from codegen.machine import self_test_inputs as trial\n"
        "from codegen.planning import planner\n"
        "from codegen.planning.ask import Ask\n"
        "from codegen.planning.plan import Request\n"
        "from codegen.problem.conv_problem import ConvProblem\n"
        "from codegen.problem.targets import TARGETS\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"plan = planner.answer(Request({problem}, Ask(TARGETS['avx2'], 'packed')))\n"
        "before, p = peak(), plan.problem\n"
        "for tried in [] if trial.too_large(p) else trial.trials(plan, trial.Weights.of(plan)):\n"
        "    y = trial.array(p.out_shape(len(tried.x), tried.steps), p.dtype)\n"
        "    y[...] = 0\n"
        "    (tried.x if p.channels_last else tried.x.swapaxes(1, 2))[:, :: max(1, p.stride)].sum()\n"
        "print((peak() - before) // 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < EXTREMES[problem]


def test_a_free_padded_layer_is_tried_on_one_output_less_than_its_wider_loops_make() -> None:
    """Those at the borders among them: there the tiles of what is left over have all their heights."""
    problem = ConvProblem(None, 24, 15, 4, 2, pad_left=3, epilogue=ending())
    request = Request(problem, Ask(TARGETS["avx512"], "packed", "fast"))
    for chosen in planner.survey(request).found:
        (tile, *wider) = turns(chosen)
        tried = {one.steps for one in self_test_inputs.trials(chosen, self_test_inputs.Weights.of(chosen))}
        counts = {problem.out_steps(steps) for steps in tried}
        assert {size - tile for size in wider if size <= 256} <= counts, chosen.describe()


def test_a_model_is_tried_on_the_fewest_steps_that_leave_an_output() -> None:
    """There kernels have their borders alone; and on more, of which tiles turn twice."""
    builder = Builder("m")
    x = builder.input("x", None, 3)
    builder.output("y", builder.call(Conv1DSpec(name="c", filters=2, kernel_size=4), x))
    tried = [given["x"].shape[1] for given, *_ in model_library.trials(builder.graph(), "float32")]
    assert tried == [4, 7, 24, 74]


@pytest.mark.parametrize("target", ["scalar", "avx512"])
def test_a_model_is_tried_at_the_lengths_of_its_kernels(target: str) -> None:
    """The first lengths have code of their own: here of an input that a layer before makes half as long."""
    builder = Builder("m")
    x = builder.input("x", None, 4)
    half = builder.call(Conv1DSpec(name="half", filters=7, kernel_size=2, strides=2), x)
    builder.output("y", builder.call(Dense(name="dense", units=14), half))
    plan = model_plan.planned(builder.graph(), Ask(TARGETS[target], "packed", "exact"))
    lengths = model_library.kernels_lengths(plan)
    tried = [given["x"].shape[1] for given, *_ in model_library.trials(builder.graph(), "float32", lengths)]
    for kernel, reads in zip(plan.kernels, ({*tried}, {steps // 2 for steps in tried}), strict=True):
        changes = {steps + more for steps in self_test_outputs.lengths(kernel) for more in (-1, 0)}
        assert len(changes) > 4
        assert {steps for steps in changes if steps >= min(reads)} <= reads, kernel.describe()


def test_a_model_is_tried_at_lengths_that_leave_one_output_alone() -> None:
    """The first lengths of a layer whose neighbour takes more steps than there are."""
    builder = Builder("m")
    x = builder.input("x", None, 4)
    builder.output("wide", builder.call(Conv1DSpec(name="wide", filters=2, kernel_size=9), x))
    builder.output("dense", builder.call(Dense(name="dense", units=14), x))
    plan = model_plan.planned(builder.graph(), Ask(TARGETS["scalar"], "packed", "exact"))
    sizes = {
        steps: (wide["wide"].shape[1], wide["dense"].shape[1])
        for given, _, wide, _ in model_library.trials(builder.graph(), "float32", model_library.kernels_lengths(plan))
        for steps in [given["x"].shape[1]]
    }
    assert (sizes[1], sizes[2]) == ((0, 1), (0, 2))
    assert max(sizes.values()) > (70, 70)


@pytest.mark.parametrize("target", ["scalar", "avx2", "avx512"])
def test_an_int8_layer_is_tried_on_two_turns_of_each_loop_and_on_what_they_leave_over(target: str) -> None:
    (spec,) = reader.read(
        "conv1d k { input_shape = (None, 8), filters = 16, kernel_size = 3, dtype = int8, "
        "input_scale = 0.1, input_zero_point = 3, output_scale = 0.1, output_zero_point = -1 }"
    )
    plan = planner.answer(request(spec, Ask(TARGETS[target])))
    outs = {plan.problem.out_steps(steps) for steps in whole_kernel.tried(plan)}
    for turn in turns(plan):
        assert max(outs) > 2 * turn > 2, plan.describe()
    assert {*self_test_outputs.leftovers(plan), turns(plan)[0] - 1} <= outs


@pytest.mark.compiles
def test_mutants_that_change_an_output_are_refused(need: Callable[..., Any], share: Callable[..., Any]) -> None:
    """A share of the fuzzer's, three times as much with --whole: none is accepted, and no right kernel is refused."""
    need(cprogram.toolchain, TARGETS["scalar"])
    wanted = len(share(range(28), 3))
    tried, findings = mutants.run(wanted, seed=7)
    assert tried >= wanted
    assert not findings


@pytest.mark.compiles
def test_mutants_of_int8_and_of_models_are_refused(need: Callable[..., Any], share: Callable[..., Any]) -> None:
    need(cprogram.toolchain, TARGETS["scalar"])
    wanted = len(share(range(24), 4))
    tried, findings = other_mutants.run(wanted, seed=2)
    assert tried >= wanted
    assert not findings

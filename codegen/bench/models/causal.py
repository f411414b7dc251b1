"""ONNX' CausalConvWithState as Mamba has it, of many steps and of one, beside ONNX Runtime and a copy of x to y."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.bench.contest import PEAK, Settings
from codegen.bench.contestant import Contestant, from_python
from codegen.bench.machine import Machine
from codegen.bench.results import OURS, Entry, Row
from codegen.bench.timing import alternate, first_call
from codegen.errors import VerificationError
from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.bench.case import Array

__all__ = ["CASES", "CausalCase", "row"]

COPY = "memcpy"
MOST_WRONG = 1e-4  # of an output's rms


@dataclass(frozen=True)
class CausalCase:
    """`steps` of so many channels, a past before them, silu behind."""

    label: str
    steps: int
    channels: int = 1536
    taps: int = 4

    def arrays(self) -> dict[str, Array]:
        """x, kernel, past, y and present; the last two are written."""
        rng, kept = np.random.default_rng(2024), self.taps - 1
        shapes = {"x": self.steps, "past": kept, "y": self.steps, "present": kept}
        made = {name: rng.standard_normal((1, self.channels, each), np.float32) for name, each in shapes.items()}
        return made | {"kernel": rng.standard_normal((self.channels, 1, self.taps), np.float32)}

    def exact(self, given: dict[str, Array]) -> Array:
        """The outputs in float64."""
        joined = np.concatenate([given["past"], given["x"]], axis=2, dtype=np.float64)
        windows = np.lib.stride_tricks.sliding_window_view(joined, self.taps, axis=2)
        sums = (windows * given["kernel"].astype(np.float64)[None, :, 0, None]).sum(3)
        answer: Array = sums / (1 + np.exp(-sums))
        return answer


CASES = (CausalCase("causal/1024", 1024), CausalCase("causal/1", 1))


def row(case: CausalCase, there: list[Any], settings: Settings, machine: Machine) -> tuple[Row, float]:
    """The row, and the least seconds of the machine's own loop in the same rounds."""
    given = case.arrays()
    exact = case.exact(given)
    contestants, absent = {OURS: _ours(case, given), COPY: _copy(given)}, dict[str, str]()
    for peer in there:
        if peer.NAME != _onnxruntime().NAME:
            absent[peer.NAME] = "has no such operator"
            continue
        found = list(_theirs(case, given, settings.how.threads))
        least = alternate({one.variant: one for one in found}, 3, settings.clock)
        contestants[peer.NAME] = min(found, key=lambda one: least[one.variant].least)
        others = ", ".join(f"{name} {1e6 * one.least:,.0f} µs" for name, one in least.items())
        absent[f"{peer.NAME}, by operator"] = others
    first, errors = dict[str, float](), dict[str, float]()
    for name, one in contestants.items():
        first[name] = first_call(one, settings.clock)
        off = 0.0 if name == COPY else float(np.abs(one.output() - exact).max() / np.sqrt((exact**2).mean()))
        if not off <= MOST_WRONG:
            raise VerificationError(f"{case.label}, {name}: off by {off:.1e} of the output's rms")
        errors[name] = off
    times = alternate(contestants | {PEAK: machine.contestant}, settings.rounds, settings.clock, settings.cold, first)
    absent[COPY] = f"a copy of x to y takes {1e6 * times[COPY].least:,.4g} µs in the same rounds"
    entries = {key: Entry(made.variant, times[key], errors[key]) for key, made in contestants.items() if key != COPY}
    moved = sum(one.nbytes for one in given.values())
    flops = 2 * case.taps * case.channels * case.steps
    return Row(case.label, "mamba", "python", flops, moved, entries, absent), times[PEAK].least


def _onnxruntime() -> Any:
    from codegen.bench.models import onnxruntime

    return onnxruntime


def _ours(case: CausalCase, given: dict[str, Array]) -> Contestant:
    from codegen.layers import causal

    bound = causal.bound(given["x"], given["kernel"], given["past"], given["y"], given["present"], activation="silu")
    return Contestant("bound", from_python(bound), lambda: given["y"], channels_last=False, keeps=given)


def _copy(given: dict[str, Array]) -> Contestant:
    y = np.empty_like(given["y"])
    return Contestant("copy", from_python(lambda: np.copyto(y, given["x"])), lambda: y, channels_last=False)


def _theirs(case: CausalCase, given: dict[str, Array], threads: int) -> Iterator[Contestant]:
    """Its own operator, and the standard ones that say the same."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    for variant in ("CausalConvWithState", "Conv"):
        session = onnxruntime.InferenceSession(_model(case, variant), options, providers=["CPUExecutionProvider"])
        made = {name: np.empty_like(given[name]) for name in ("y", "present")}
        binding = session.io_binding()
        for name in ("x", "kernel", "past"):
            binding.bind_input(name, "cpu", 0, np.float32, list(given[name].shape), given[name].ctypes.data)
        for name, array in made.items():
            binding.bind_output(name, "cpu", 0, np.float32, list(array.shape), array.ctypes.data)
        run, bound = (
            session._sess.run_with_iobinding,
            binding._iobinding,
        )  # the public call looks at its arguments again
        keeps = (given, made, binding, session)
        yield Contestant(variant, from_python(partial(run, bound, None)), partial(made.__getitem__, "y"), False, keeps)


def _model(case: CausalCase, variant: str) -> bytes:
    from onnx import TensorProto, helper

    kept, shapes = case.taps - 1, {name: list(one.shape) for name, one in case.arrays().items()}
    held = [
        helper.make_tensor(name, TensorProto.INT64, [1], [value])
        for name, value in (("from", -kept), ("to", 1 << 40), ("axis", 2))
    ]
    if variant == "Conv":
        nodes = [
            helper.make_node("Concat", ["past", "x"], ["joined"], axis=2),
            helper.make_node("Conv", ["joined", "kernel"], ["sums"], group=case.channels),
            helper.make_node("Sigmoid", ["sums"], ["gate"]),
            helper.make_node("Mul", ["sums", "gate"], ["y"]),
            helper.make_node("Slice", ["joined", "from", "to", "axis"], ["present"]),
        ]
    else:
        how: Any = {"domain": "com.microsoft", "activation": "silu", "ndim": 1}
        nodes, held = [helper.make_node(variant, ["x", "kernel", "", "past"], ["y", "present"], **how)], []
    values = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()}
    ends = [values[name] for name in ("x", "kernel", "past")], [values[name] for name in ("y", "present")]
    made = helper.make_graph(nodes, "bench", *ends, held)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(made, opset_imports=opsets)
    model.ir_version = 8
    found: bytes = model.SerializeToString()
    return found

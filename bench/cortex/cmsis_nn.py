"""int8 layers beside CMSIS-NN on a microcontroller in QEMU: `python bench/cortex/cmsis_nn.py CHECKOUT`.

CHECKOUT is a clone of github.com/ARM-software/CMSIS-NN, built with -Ofast as its own CMakeLists.txt does; ours has -O2.
Each layer of layers.conv has random weights; both are called with the same codes between guards and compared with the
definition. Instructions are counted as the tests count them; cycles are estimated from what was executed (cycles.py).
"""

from __future__ import annotations

import argparse
import ctypes
import math
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cycles
import numpy as np

from codegen import pipeline
from codegen.emission import cformat
from codegen.emission.cortex.sums import Sums, of_layer
from codegen.language import reader
from codegen.machine import board_figures, firmware
from codegen.machine.boards import board
from codegen.machine.firmware import Case, Outcome
from codegen.machine.work_folders import workshop
from codegen.numbers import formats
from codegen.planning.ask import Ask
from codegen.problem.targets import TARGETS, Target
from codegen.specs.kinds import Spec

HERE = Path(__file__).resolve().parent
CORES = {"cortex-m4": "_get_buffer_size_dsp", "cortex-m55": "_get_buffer_size_mve"}
SOURCES = (
    "ConvolutionFunctions/*_s8*.c",
    "NNSupportFunctions/*_s8*.c",
    "NNSupportFunctions/*q7*.c",
    "TransposeFunctions/*_s8*.c",
)
OTHERS = ("transpose_conv", "_s4", "lstm", "batch", "svdf", "_f16", "_f32")  # that no convolution of int8 calls


@dataclass(frozen=True)
class Ran:
    """A kernel's outcome, its estimated cycles, its workspace."""

    outcome: Outcome
    cycles: float
    workspace: int

    @property
    def right(self) -> bool:
        return not self.outcome.wrong and not self.outcome.outside


@dataclass(frozen=True)
class Row:
    """A layer, ours and theirs: None where it is wrong or refuses."""

    name: str
    ours: Ran
    theirs: Ran
    by: str


def weights(spec: Spec, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Codes, biases, and scales that spread the outputs over their codes."""
    p = spec.problem
    terms = p.kernel_size * p.group_channels
    spread = spec.output_scale * 40 / (spec.input_scale * 73 * 73 * math.sqrt(terms))
    scales = (spread * np.exp(rng.normal(0, 0.5, p.filters))).astype(np.float32)
    made: dict[str, np.ndarray] = {}
    for name, shape in spec.weight_shapes().items():
        if name.endswith("scale"):
            made[name] = scales.reshape(shape)
        elif name == "bias":
            made[name] = rng.integers(-2000, 2000, shape).astype(np.int32)
        else:
            made[name] = rng.integers(-127, 128, shape).astype(np.int8)
    return made


def text(name: str, sums: Sums, room: int, any_shape: bool) -> str:
    """CMSIS-NN's call of a layer: the numbers, then cmsis_nn.c."""
    p = sums.problem
    assert p.steps is not None
    depthwise = p.group_channels == 1 and p.groups > 1
    kernel = sums.weights[:, 0, :] if depthwise else sums.weights.transpose(2, 0, 1)
    macros: dict[str, object] = {
        "NAME": name, "DEPTHWISE": int(depthwise), "ANY_SHAPE": int(any_shape), "WORKSPACE": room,
        "INPUT_ZERO": f"({sums.input_zero})", "OUTPUT_ZERO": f"({sums.zero})", "LOW": f"({sums.low})",
        "HIGH": f"({sums.high})", "STRIDE": p.stride, "DILATION": p.dilation, "PAD": p.pads(p.steps)[0],
        "GROUPS": p.groups, "TAPS": p.kernel_size, "CHANNELS": p.channels, "FILTERS": p.filters,
        "STEPS": p.steps, "OUT_STEPS": p.out_steps(p.steps),
    }  # fmt: skip
    tables = {"kernel": (kernel, "int8"), "bias": (sums.bias, "int32")}
    tables |= {"multipliers": (sums.multipliers, "int32"), "shifts": (sums.shifts, "int32")}
    lines = [f"#define {word} {value}" for word, value in macros.items()]
    for word, (array, row) in tables.items():
        stored = formats.row(row)
        numbers = cformat.table(np.asarray(array).ravel().tolist(), stored)
        lines += [f"static const {stored.c} {word}[] = {{", numbers, "};"]
    return "#include <stdint.h>\n" + "\n".join(lines) + "\n" + (HERE / "cmsis_nn.c").read_text()


def library(checkout: Path, target: Target, folder: Path, level: str) -> Path:
    """CMSIS-NN's convolutions of int8 as an archive."""
    tools, made = board(target).tools, folder / f"{target.name}.a"
    files = sorted(file for pattern in SOURCES for file in (checkout / "Source").glob(pattern))
    objects = []
    for file in files:
        if any(word in file.name for word in OTHERS):
            continue
        objects.append(str(folder / f"{target.name}-{file.stem}.o"))
        flags = (*target.flags, *tools.libc, level, f"-I{checkout}/Include", "-c", str(file), "-o", objects[-1])
        subprocess.run([tools.compiler, *flags], check=True)
    subprocess.run(["arm-none-eabi-ar", "rcs", str(made), *objects], check=True)
    return made


def rooms(checkout: Path, layers: dict[str, Sums], folder: Path, how: str) -> dict[str, int]:
    """Bytes of the buffers that CMSIS-NN asks for, by its own functions on this host."""
    sources = []
    for name, sums in layers.items():
        sources.append(folder / f"{name}.c")
        sources[-1].write_text(text(name, sums, 0, any_shape=False))
    sizes = sorted((checkout / "Source/ConvolutionFunctions").glob("*conv*_get_buffer_sizes_s8.c"))
    made = folder / f"rooms{how}.so"
    flags = ("-w", "-shared", "-fPIC", f"-DROOM={how}", f"-I{checkout}/Include", "-o", str(made))
    one_by_one = (checkout / "Source/ConvolutionFunctions").glob("arm_convolve_1*_get_buffer*s8*.c")
    subprocess.run(["cc", *flags, *map(str, (*sources, *sizes, *one_by_one))], check=True)
    called: Any = ctypes.CDLL(str(made))
    return {name: int(getattr(called, f"{name}_room")()) for name in layers}


def ran(target: Target, case: Case, flags: tuple[str, ...], linked: tuple[str, ...]) -> Ran:
    """One case's firmware, run, then run again and traced."""
    with workshop() as folder:
        command, where = firmware.build(folder, target, [case], flags, linked=linked), folder.inside.resolve()
        said = subprocess.run(command, cwd=where, capture_output=True, text=True, check=True).stderr
        outcome = firmware.outcomes(target, [case], said)[case.name]
        program = cycles.Program(where / "firmware.elf")
        bare = [word for word in command if word not in ("-icount", f"shift={firmware.SHIFT}")]
        blocks = cycles.traced(bare, where, program, case.name)
        _, estimated = cycles.cycles(program, blocks, target.name)
    return Ran(outcome, estimated, case.workspace)


def compared(core: str, checkout: Path, specs: list[Spec], folder: Path, level: str) -> list[Row]:
    """All layers on a core."""
    target = TARGETS[core]
    archive = library(checkout, target, folder, level)
    rng = np.random.default_rng(12)
    arrays = {spec.name: weights(spec, rng) for spec in specs}
    layers = {spec.name: of_layer(spec.problem, spec.problem_arrays(arrays[spec.name])) for spec in specs}
    asked = rooms(checkout, layers, folder, CORES[core])
    rows = []
    for spec in specs:
        source = pipeline.emitted(spec, Ask(target, "baked"), arrays[spec.name])
        case = board_figures.case(source, spec.problem_arrays(arrays[spec.name]))
        ours = ran(target, case, firmware.FLAGS, ())
        theirs, by = _theirs(target, case, layers[spec.name], asked[spec.name], checkout, archive, level)
        rows.append(Row(spec.name, ours, theirs, by))
        print(_line(rows[-1]), flush=True)
    return rows


def _theirs(
    target: Target, case: Case, sums: Sums, room: int, checkout: Path, archive: Path, level: str
) -> tuple[Ran, str]:
    """CMSIS-NN by its wrapper or, where that is wrong or refuses, by arm_convolve_s8; and which of them it was."""
    flags, linked, p = ("-std=gnu11", level, f"-I{checkout}/Include"), (str(archive),), sums.problem

    def tried(any_shape: bool, room: int) -> Ran:
        files = (("peer.c", text(case.name, sums, room, any_shape)),)
        return ran(target, replace(case, files=files, workspace=max(4, room)), flags, linked)

    found = tried(any_shape=False, room=room)
    if found.right or (p.group_channels == 1 and p.groups > 1):
        return found, "wrapper" if found.right else "WRONG"
    found = tried(any_shape=True, room=max(room, 8 * p.kernel_size * p.channels))
    return found, "arm_convolve_s8" if found.right else "WRONG"


def _line(row: Row) -> str:
    ours, theirs = row.ours, row.theirs
    fewer = theirs.outcome.instructions / ours.outcome.instructions
    shares = f"{fewer:.2f} | {ours.cycles / theirs.cycles:.2f}"
    counts = f"{theirs.outcome.instructions:,} | {ours.outcome.instructions:,} | {shares}"
    told = "" if row.by == "wrapper" else f" ({row.by})"
    bad = "" if ours.right else " OURS IS WRONG"
    return f"| {row.name}{told}{bad} | {counts} | {theirs.workspace:,} | {ours.workspace:,} | {ours.outcome.stack} |"


def main() -> None:
    asking = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asking.add_argument("checkout", type=Path)
    asking.add_argument("--target", default=",".join(CORES))
    asking.add_argument("--only", default="", help="names of layers, with commas")
    asking.add_argument("--level", default="-Ofast", help="the optimisation of CMSIS-NN")
    given = asking.parse_args()
    only = set(filter(None, given.only.split(",")))
    path = HERE / "layers.conv"
    specs = [spec for spec in reader.read(path.read_text(), path.name) if not only or spec.name in only]
    for core in given.target.split(","):
        heads = (core, "CMSIS-NN", "here", "fewer", "~cycles", "workspace", "here", "stack")
        print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
        with tempfile.TemporaryDirectory() as folder:
            rows = compared(core, given.checkout.resolve(), specs, Path(folder), given.level)
        fewer = [row.theirs.outcome.instructions / row.ours.outcome.instructions for row in rows]
        shares = [row.ours.cycles / row.theirs.cycles for row in rows]
        mean, share = (math.exp(float(np.mean(np.log(one)))) for one in (fewer, shares))
        print(f"\n{len(rows)} layers: {mean:.2f} times fewer instructions, least {min(fewer):.2f};", end=" ")
        print(f"cycles {share:.2f}, most {max(shares):.2f}")


if __name__ == "__main__":
    main()

"""Emitted backward functions: clean under every warning, right to the last bit, nothing read beside their arrays."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.cli.commands.generate import emitters
from codegen.errors import UsageError
from codegen.functions import activations
from codegen.gradients import emit
from codegen.gradients import reference as definition
from codegen.planning.ask import Ask
from codegen.problem import reference
from codegen.problem.targets import TARGETS, target_named
from codegen.specs.kinds import KINDS
from tests.support import cprogram, strategies
from tests.support.cprogram import WARNINGS, Toolchain, compile_c, private
from tests.support.strategies import Layer

pytestmark = pytest.mark.compiles

HERE = Path(__file__).parents[1] / "support"  # the driver's
SHARE = 40  # one layer a target for so many of --specs


def known(count: int, seed: int) -> list[Layer]:
    """Random layers of known length."""
    found = strategies.random_layers(count, seed, small=True, curved=False)
    return [Layer(one.kind, one.channels, one.steps, one.arguments, one.activation) for one in found]


def spec_of(layer: Layer, number: int) -> Any:
    """The layer's spec, every third in float64."""
    return layer.spec(f"layer_{number}", dtype="float64" if number % 3 == 2 else "float32")


# Its dx comes in chunks of outputs, all of which are written where they belong but those of the last, shorter one.
WAV2VEC2 = Layer("conv1d", 1, 1600, {"filters": 512, "kernel_size": 10, "strides": 5})


def emitted(layers: list[Layer], target: str, folder: Path, tools: Toolchain) -> list[str]:
    """The layers' files in `folder`, all in one program of that name; their headers."""
    lines, headers, units = ['#include "backward_driver.h"'], [], ""
    for number, layer in enumerate(layers):
        spec = spec_of(layer, number)
        (c_name, code), (h_name, header) = emit.emitted(spec, Ask(target_named(target))).files
        (folder / h_name).write_text(header)
        (folder / c_name).write_text(code)
        units += private(code, number)
        headers.append(header)
        lines += [f'#include "{h_name}"', *wrappers(c_name.removesuffix(".c"), header)]
    names = (
        f"{{ before_{n}, output_{n}, input_{n}, kernel_{n} }}"
        for n in (f"layer_{i}_backward" for i in range(len(layers)))
    )
    lines += [f"const struct layer layers[] = {{ {', '.join(names)} }};", ""]
    (folder / "table.c").write_text("\n".join(lines))
    (folder / "units.c").write_text(units)
    static = ("-static",) if tools.runner else ()
    sources = (str(folder / "table.c"), str(folder / "units.c"), str(HERE / "backward_driver.c"))
    flags = ("-std=c99", "-ffp-contract=off", *cprogram.LIGHT, *static, f"-I{folder}", f"-I{HERE}")
    compile_c((*tools.compiler, *flags, *sources, "-o", str(folder / "program")))
    return headers


def wrappers(name: str, header: str) -> list[str]:
    """The C of one layer's functions behind the driver's signatures."""
    declared = re.search(rf"void {name}_output\((.*?)\);", header, re.S)
    words = [word for word in ("z", "dy", "dz", "dbias") if declared and re.search(rf"\*{word}\b", declared[1])]
    unused = "(void)z, (void)dy, (void)dz, (void)dbias;"
    call = f" {name}_output({', '.join(words)});" if declared else ""
    bias = "bias, " if "*bias" in header else ""
    before = f" {name}_z(x, kernel, {bias}z, workspace);" if f"void {name}_z(" in header else ""
    given = "const void *x, const void *kernel, const void *bias, void *z, void *workspace"
    return [
        f"static void before_{name}({given})",
        f"{{ (void)x, (void)kernel, (void)bias, (void)z, (void)workspace;{before} }}",
        f"static void output_{name}(const void *z, const void *dy, void *dz, void *dbias) {{ {unused}{call} }}",
        f"static void input_{name}(const void *dz, const void *kernel, void *dx, void *workspace)",
        f"{{ {name}_input(dz, kernel, dx, workspace); }}",
        f"static void kernel_{name}(const void *x, const void *dz, void *dkernel, void *workspace)",
        f"{{ {name}_kernel(x, dz, dkernel, workspace); }}",
    ]


def run(layers: list[Layer], headers: list[str], folder: Path, tools: Toolchain) -> None:
    """Runs the program on whole numbers and holds each array to the definition."""
    wanted: list[list[np.ndarray]] = []
    with (folder / "calls.bin").open("wb") as file:
        for number, layer in enumerate(layers):
            given = strategies.data(layer, number, whole=True)
            p = spec_of(layer, number).lower().at_length(layer.steps)
            rng = np.random.default_rng(number)
            z, dy = (rng.integers(-8, 9, p.out_shape(1, layer.steps)).astype(p.dtype) for _ in range(2))
            start = rng.integers(-8, 9, p.kernel_shape).astype(p.dtype)
            biases = rng.integers(-8, 9, p.filters if p.bias else 0).astype(p.dtype)
            x, kernel = given.x.astype(p.dtype), given.kernel.reshape(p.kernel_shape).astype(p.dtype)
            bytes_ = re.search(r"_WORKSPACE_BYTES (\d+)", headers[number])
            assert bytes_
            if p.activation != activations.LINEAR:
                before = p.with_epilogue(p.epilogue.start)
                z = reference.convolve(before, x, kernel, biases if p.bias else None).astype(p.dtype)
            arrays = (x, z, dy, kernel, start, biases)
            file.write(np.array([number, *(array.nbytes for array in arrays), int(bytes_[1])], np.int64).tobytes())
            file.write(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays))
            dz = dy * activations.derivative(p.activation, z.astype("float64"), p.dtype)
            sums = biases + definition.bias_gradient(p, dz) if p.bias else biases
            dx = definition.input_gradient(p, layer.steps, kernel, dz)
            wanted.append([z, dz, dx, start + definition.kernel_gradient(p, x, dz), sums])
    done = subprocess.run(
        (*tools.runner, str(folder / "program"), str(folder / "calls.bin"), str(folder / "made.bin")),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr[-2000:]}"
    made, at = (folder / "made.bin").read_bytes(), 0
    for number, (layer, exact) in enumerate(zip(layers, wanted, strict=True)):
        dtype = np.dtype(spec_of(layer, number).dtype)
        for name, array in zip(("z", "dz", "dx", "dkernel", "dbias"), exact, strict=True):
            found = np.frombuffer(made, dtype, array.size, at).reshape(array.shape)
            np.testing.assert_array_equal(found, array, f"{name} of {layer}")
            at += found.nbytes
    assert at == len(made)


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("target", cprogram.HOSTED)
def test_emitted_gradients_are_right_and_stay_inside_their_arrays(
    target: str, specs: int, need: Callable[..., Any], tmp_path: Path
) -> None:
    tools = need(cprogram.toolchain, TARGETS[target])
    layers = [*known(max(1, specs // SHARE), seed=71), WAV2VEC2]
    run(layers, emitted(layers, target, tmp_path, tools), tmp_path, tools)


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("target", ["scalar", "avx2", "neon"])
def test_emitted_gradients_compile_without_a_warning(
    target: str, compiler: str, need: Callable[..., Any], tmp_path: Path
) -> None:
    tools = need(cprogram.toolchain, TARGETS[target], compiler, run=False)
    for number, (layer, curve) in enumerate(zip(known(3, seed=72), ("tanh", "relu", "gelu"), strict=True)):
        spec = layer.spec(f"layer_{number}", activation=activations.get(curve))
        for name, text in emit.emitted(spec, Ask(target_named(target))).files:
            (tmp_path / name).write_text(text)
        compile_c((*tools.compiler, *WARNINGS, "-O1", "-c", f"layer_{number}_backward.c", "-o", "/dev/null"), tmp_path)


def test_a_free_length_is_refused_with_the_way_out() -> None:
    spec = Layer("conv1d", 5, 9, {"filters": 3, "kernel_size": 2}, free=True).spec("stem")
    with pytest.raises(UsageError, match=r"`stem`: .* for one number of steps, .* input_shape = \(98, 5\)"):
        emit.emitted(spec)


@pytest.mark.parametrize("kind", ["conv1d_transpose", "separable_conv1d"])
def test_a_kind_that_is_not_emitted_is_refused_by_its_name(kind: str) -> None:
    given: dict[str, Any] = {"name": "up", "input_shape": (9, 2), "filters": 3, "kernel_size": 2}
    spec = KINDS[kind](**given)
    with pytest.raises(UsageError, match=f"`up`: the backward functions of a {kind} are not emitted"):
        emit.emitted(spec)


def test_the_same_text_on_any_day() -> None:
    layer = known(1, seed=73)[0]
    assert (
        emit.emitted(layer.spec("stem"), Ask(TARGETS["avx2"])).files
        == emit.emitted(layer.spec("stem"), Ask(TARGETS["avx2"])).files
    )
    assert emitters("backward,c") == ("c", "backward")

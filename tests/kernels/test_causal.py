"""ONNX' CausalConvWithState: its own 13 cases, the same bits in any split, and the C that a user compiles."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.cli import main
from codegen.emission import causal
from codegen.errors import PlanError, ShapeError, UsageError
from codegen.layers.weights import by_layer
from codegen.planning.ask import Ask
from codegen.problem.targets import target_named
from codegen.specs.kinds import Conv1DSpec, DepthwiseConv1DSpec
from tests.support import cprogram
from tests.support.cprogram import WARNINGS, compile_c, program

Array = np.ndarray[Any, np.dtype[Any]]
CASES = Path(__file__).resolve().parents[1] / "data/real/onnx_causal_conv_with_state.npz"
RTOL, ATOL = 1e-3, 1e-7  # ONNX' own


@pytest.mark.compiles
def test_the_cases_of_onnx() -> None:
    with np.load(CASES) as file:
        found = {key: file[key] for key in file.files}
    cases = sorted({key.partition("/")[0] for key in found})
    assert len(cases) == 13
    for case in cases:
        x, weight, bias, past, output, kept, activation = (
            found.get(f"{case}/{word}")
            for word in ("input", "weight", "bias", "past_state", "output", "present_state", "activation")
        )
        y, present = codegen.causal_conv_with_state(x, weight, bias, past, activation=str(activation))
        assert output is not None
        assert kept is not None
        assert (y.dtype, y.shape, present.dtype) == (output.dtype, output.shape, kept.dtype), case
        np.testing.assert_allclose(y, output, rtol=RTOL, atol=ATOL, err_msg=case)
        assert present.tobytes() == kept.tobytes(), case


@pytest.mark.compiles
def test_any_split_has_the_same_bits() -> None:
    """Steps alone, fewer than a vector, and more; of channels that are no multiple of one."""
    rng = np.random.default_rng(3)
    x, weight, bias = (rng.standard_normal(shape).astype("float32") for shape in ((2, 37, 150), (37, 1, 6), (37,)))
    whole, last = codegen.causal_conv_with_state(x, weight, bias, activation="silu")
    joined = np.concatenate([np.zeros((2, 37, 5)), x], axis=2).astype("float64")
    sums = sum(weight[:, 0, tap, None] * joined[:, :, tap : tap + 150] for tap in range(6)) + bias[:, None]
    assert np.allclose(whole, sums / (1 + np.exp(-sums)), atol=1e-5)
    for cuts in (list(range(1, 150)), [3, 5, 20, 37, 53, 54], [149]):
        past, parts = None, []
        for part in np.split(x, cuts, axis=2):
            y, past = codegen.causal_conv_with_state(part, weight, bias, past, activation="silu")
            parts.append(y)
        assert np.concatenate(parts, axis=2).tobytes() == whole.tobytes()
        assert past is not None
        assert past.tobytes() == last.tobytes()


@pytest.mark.compiles
def test_the_emitted_file_stands_alone(need: Callable[..., Any], tmp_path: Path) -> None:
    """Weights baked, no warning, nothing of the C library; the bits of the scalar kernel in a call after the other."""
    gcc, nm = need(program, "gcc", "gcc"), need(program, "nm", "binutils")
    text = "depthwise_conv1d mix { input_shape = (5, None), data_format = channels_first, kernel_size = 4,"
    (tmp_path / "mix.conv").write_text(f"{text} padding = causal, activation = silu }}\n")
    words = [str(tmp_path / "mix.conv"), "--emit", "causal-conv", "--init", "--seed", "3", "--target", "scalar"]
    assert main.main([*words, "-o", str(tmp_path)]) == 0
    compile_c([gcc, "-std=c99", "-O3", *WARNINGS, "-shared", "-fPIC", "mix_causal.c", "-o", "mix.so"], tmp_path)
    compile_c([gcc, "-std=c99", "-O3", "-c", "mix_causal.c", "-o", "mix.o"], tmp_path)
    told = subprocess.run([nm, "-P", str(tmp_path / "mix.o")], capture_output=True, text=True, check=True).stdout
    assert [line.split()[0] for line in told.splitlines() if line.split()[1] in "TUDB"] == ["mix_causal"]
    function = ctypes.CDLL(str(tmp_path / "mix.so")).mix_causal
    x = np.random.default_rng(1).standard_normal((1, 5, 40)).astype("float32")
    spec = codegen.load(str(tmp_path / "mix.conv"))["mix"].spec
    layer = codegen.DepthwiseConv1D(4, padding="causal", activation="silu", data_format="channels_first", name="mix")
    layer.build((None, 5, None))
    arrays = by_layer.initial((spec,), seed=3)["mix"]
    layer.set_weights(list(arrays.values()))
    past, parts = np.zeros((5, 3), "float32"), []
    for part in np.split(x[0], [1, 3, 20], axis=1):
        part, y = np.ascontiguousarray(part), np.empty_like(part)
        pointers = [ctypes.c_void_p(one.ctypes.data) for one in (part, past, y, past)]
        function(pointers[0], ctypes.c_ssize_t(part.shape[1]), *pointers[1:])
        parts.append(y)
    assert np.allclose(np.concatenate(parts, axis=1), layer(x)[0], atol=1e-6)


SHAPES = ((1, 1), (1, 4), (3, 1), (3, 3), (8, 4), (9, 2), (16, 3), (37, 6), (5, 20))  # channels, taps
LINEAR = ((1, 4), (8, 4), (9, 2), (5, 20))


@pytest.mark.compiles
@pytest.mark.in_turn(4)
@pytest.mark.parametrize("target", ["scalar", "sse2", "avx2", "avx512"])
def test_any_number_of_channels_and_taps(target: str, need: Callable[..., Any], tmp_path: Path) -> None:
    """Whole numbers to the bit, of one sample in calls of all kinds: a step, fewer than a vector, more."""
    tools = need(cprogram.toolchain, target_named(target))
    made = {
        f"c{channels}_k{taps}_{activation}": (channels, taps, activation)
        for activation, shapes in (("relu", SHAPES), ("linear", LINEAR))
        for channels, taps in shapes
    }
    for name, (channels, taps, activation) in made.items():
        words = {"kernel_size": taps, "activation": activation, "padding": "causal", "input_shape": (None, channels)}
        source = causal.emitted(DepthwiseConv1DSpec(name=name, **words), Ask(target_named(target)))
        for file, text in source.files:
            (tmp_path / file).write_text(text)
    files = [f"{name}_causal.c" for name in made]
    flags = ["-std=c99", *cprogram.LIGHT, *WARNINGS, "-shared", "-fPIC"]
    compile_c([*tools.compiler, *flags, *files, "-o", "all.so"], tmp_path)
    library, rng = ctypes.CDLL(str(tmp_path / "all.so")), np.random.default_rng(5)
    for name, (channels, taps, activation) in made.items():
        x, kernel, bias = (
            rng.integers(-9, 10, shape).astype("float32") for shape in ((channels, 90), (channels, taps), (channels,))
        )
        joined = np.concatenate([np.zeros((channels, taps - 1), "float32"), x], axis=1)
        sums = sum(kernel[:, tap, None] * joined[:, tap : tap + 90] for tap in range(taps)) + bias[:, None]
        past, parts = None, []
        for part in np.split(x, [1, 2, 4, 11, 30, 62], axis=1):
            part, y = np.ascontiguousarray(part), np.full_like(part, np.nan)
            present = np.full((channels, taps - 1), np.nan, "float32")
            given = [None if one is None else one.ctypes.data for one in (part, past, kernel, bias, y, present)]
            pointers = [ctypes.c_void_p(one) for one in given]
            getattr(library, f"{name}_causal")(pointers[0], ctypes.c_ssize_t(part.shape[1]), *pointers[1:])
            parts.append(y)
            past = present
        assert np.array_equal(np.concatenate(parts, axis=1), sums if activation == "linear" else np.maximum(sums, 0))
        assert np.array_equal(present, joined[:, 90:]), name


def test_what_is_none_says_what_it_would_be() -> None:
    for kind, given, told in (
        (Conv1DSpec, {"filters": 2}, "a depthwise_conv1d"),
        (DepthwiseConv1DSpec, {"strides": 2}, "no strides, no dilation and padding = causal"),
        (DepthwiseConv1DSpec, {"padding": "same"}, "padding = causal"),
        (DepthwiseConv1DSpec, {"activation": "softmax"}, "an activation of each number by itself"),
        (DepthwiseConv1DSpec, {"kernel_size": 65}, "up to 64 taps, got 65"),
    ):
        words = {"name": "mix", "kernel_size": 4, "padding": "causal", "input_shape": (None, 2), **given}
        with pytest.raises(PlanError, match=f"`mix`.*{told}"):
            causal.emitted(kind(**words), Ask(target_named("scalar")))
    x, weight = np.zeros((2, 3, 4), "float32"), np.zeros((3, 1, 2), "float32")
    with pytest.raises(UsageError, match="`activation` is gelu, expected one of none, silu, swish"):
        codegen.causal_conv_with_state(x, weight, activation="gelu")
    with pytest.raises(ShapeError, match=r"weight: got shape \(3, 2, 1\)"):
        codegen.causal_conv_with_state(x, weight.reshape(3, 2, 1))
    with pytest.raises(ShapeError, match=r"past: got shape \(1, 3, 1\)"):
        codegen.causal_conv_with_state(x, weight, None, np.zeros((1, 3, 1), "float32"))
    with pytest.raises(ShapeError, match="x: got int32"):
        codegen.causal_conv_with_state(x.astype("int32"), weight)

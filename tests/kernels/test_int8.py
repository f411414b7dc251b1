"""Layers of int8 to the bit of TensorFlow Lite: recorded outputs, the formulas written out, and plain C alone."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.cli import main
from codegen.errors import GenConvError, ShapeError, SpecErrors, UsageError, WeightsError
from codegen.language import reader
from codegen.machine import whole_kernel
from codegen.specs.kinds import Spec

RECORDED = Path(__file__).parent.parent / "data" / "int8_tflite.npz"
"""Outputs of tflite-micro (`double`) and of LiteRT with XNNPACK (`fp32`), made with ai-edge-litert 2.3.0."""
GRID = "dtype = int8, input_scale = {}, input_zero_point = {}, output_scale = {}, output_zero_point = {}"
LAYERS = {
    "a": "conv1d a {{ input_shape = (98, 8), filters = 12, kernel_size = 3, padding = same, activation = relu, {} }}",
    "b": "conv1d b {{ input_shape = (64, 3), filters = 10, kernel_size = 5, strides = 2, padding = same, {} }}",
    "c": "conv1d c {{ input_shape = (70, 5), filters = 7, kernel_size = 7, dilation_rate = 2, "
    "activation = relu6, {} }}",
    "d": "depthwise_conv1d d {{ input_shape = (90, 6), kernel_size = 9, padding = same, {} }}",
    "e": "depthwise_conv1d e {{ input_shape = (80, 4), kernel_size = 4, depth_multiplier = 2, activation = relu, {} }}",
    "f": "conv1d f {{ input_shape = (None, 16), filters = 16, kernel_size = 1, {} }}",
}


def _recorded(name: str, rounding: str) -> tuple[str, dict[str, Any], Any, Any]:
    held = np.load(RECORDED)
    (sx, so), (zx, zo) = held[f"{name}/grid"], held[f"{name}/zero"]
    text = LAYERS[name].format(GRID.format(repr(float(sx)), zx, repr(float(so)), zo) + f", rounding = {rounding}")
    weights = {f"{name}/{each}": held[f"{name}/{each}"] for each in ("kernel", "kernel_scale", "bias")}
    return text, weights, held[f"{name}/x"], held[f"{name}/{rounding}"]


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@pytest.mark.parametrize("rounding", ["double", "fp32"])
def test_the_bits_of_tensorflow_lite(rounding: str) -> None:
    """29,584 outputs of six layers in each rounding: 0 differ."""
    texts, weights, expected = [], {}, {}
    for name in LAYERS:
        text, arrays, x, y = _recorded(name, rounding)
        texts.append(text)
        weights |= arrays
        expected[name] = x, y
    model = codegen.load("\n".join(texts), weights=weights)
    assert sum(y.size for _, y in expected.values()) == 29_584
    for name, (x, y) in expected.items():
        found = model[name](x)
        assert found.dtype == np.int8
        assert np.count_nonzero(found != y) == 0, name


def _by_hand(spec: Spec, held: dict[str, Any], x: Any, scales: list[float], zeros: list[int]) -> Any:
    """One sample of a conv1d in channels_last, output by output, in Python's own whole numbers and float32."""
    p = spec.problem
    outs, (left, _) = p.out_steps(len(x)), p.pads(len(x))
    kernel, width = held["kernel"], p.channels // p.groups
    y = np.zeros((outs, p.filters), np.int64)
    for t, f in itertools.product(range(outs), range(p.filters)):
        acc, first = int(held["bias"][f]), f // (p.filters // p.groups) * width
        for k, c in itertools.product(range(p.kernel_size), range(width)):
            at = t * p.stride - left + k * p.dilation
            if 0 <= at < len(x):
                acc += int(kernel[k, c, f]) * (int(x[at, first + c]) - zeros[0])
        y[t, f] = _rescaled(acc, spec.rounding or "double", scales[0], float(held["kernel_scale"][f]), scales[1])
    return y


def _rescaled(acc: int, rounding: str, sx: float, sw: float, so: float) -> int:
    """embedded.md's formulas, a line each."""
    if rounding == "fp32":
        factor = np.float32(np.float32(np.float32(sx) * np.float32(sw)) / np.float32(so))
        return int(np.rint(np.float32(acc) * factor))
    fraction, shift = np.frexp(np.float64(np.float32(sx)) * np.float64(np.float32(sw)) / np.float64(np.float32(so)))
    m, shift = round(float(fraction) * 2**31), int(shift)
    if m == 2**31:
        m, shift = m // 2, shift + 1
    if shift < -31:
        m, shift = 0, 0
    if rounding == "single":
        return (acc * m + (1 << (30 - shift))) >> (31 - shift)
    product = (acc << max(shift, 0)) * m
    high = abs(product + (2**30 if product >= 0 else 1 - 2**30)) // 2**31
    high = high if product + (2**30 if product >= 0 else 1 - 2**30) >= 0 else -high
    right = max(-shift, 0)
    rest = high & ((1 << right) - 1)
    return (high >> right) + (rest > (((1 << right) - 1) >> 1) + (high < 0))


@pytest.mark.compiles
def test_the_formulas_written_out() -> None:
    """Groups, dilation, strides, paddings, free lengths, every rounding, factors above 1 and far below."""
    rng = np.random.default_rng(7)
    texts, weights, cases = [], {}, {}
    shapes = itertools.cycle([(3, 4, 6, 1), (5, 6, 4, 2), (1, 1, 3, 1), (4, 9, 9, 9)])
    ways = ["padding = same", "padding = causal, dilation_rate = 3", "strides = 2", "padding = (2, 0), strides = 3"]
    for i, (rounding, (taps, channels, filters, groups)) in enumerate(
        zip(["double", "single", "fp32"] * 4, shapes, strict=False)
    ):
        sx, so = float(rng.uniform(0.01, 0.2)), float(10 ** rng.uniform(-4, 2))
        zx, zo = (int(one) for one in rng.integers(-128, 128, 2))
        steps = "None" if i % 3 else 21
        texts.append(
            f"conv1d n{i} {{ input_shape = ({steps}, {channels}), filters = {filters}, kernel_size = {taps}, "
            f"groups = {groups}, {ways[i % 4]}, rounding = {rounding}, {GRID.format(sx, zx, so, zo)} }}"
        )
        held = {
            "kernel": rng.integers(-127, 128, (taps, channels // groups, filters)).astype(np.int8),
            "kernel_scale": rng.uniform(1e-4, 0.02, filters).astype(np.float32),
            "bias": rng.integers(-9000, 9000, filters).astype(np.int32),
        }
        cases[f"n{i}"] = held, [sx, so], [zx, zo]
        weights |= {f"n{i}/{name}": array for name, array in held.items()}
    model = codegen.load("\n".join(texts), weights=weights)
    values = set()
    for name, (held, scales, zeros) in cases.items():
        layer: Any = model[name]
        x = rng.integers(-128, 128, (1, 21, layer.spec.channels)).astype(np.int8)
        expected = np.clip(_by_hand(layer.spec, held, x[0], scales, zeros) + zeros[1], -128, 127)
        assert np.array_equal(layer(x)[0], expected), name
        values |= set(expected.ravel().tolist())
    assert len(values) > 80


@pytest.mark.compiles
def test_a_table_is_looked_up_by_the_code_of_the_sum() -> None:
    grid = GRID.format(0.1, 5, 1 / 128, -3)
    text = "conv1d t { input_shape = (None, 1), filters = 1, kernel_size = 1, use_bias = False, activation = tanh, "
    model = codegen.load(
        text + f"sum_scale = 0.1, sum_zero_point = 5, {grid} }}",
        weights={"t/kernel": np.int8([[[1]]]), "t/kernel_scale": np.float32([1.0])},
    )
    q = np.arange(-128, 128).astype(np.int8)
    tanh = np.tanh((q.astype(np.float64) - 5) * np.float64(np.float32(0.1))) * 128
    expected = np.clip(np.sign(tanh) * np.floor(np.abs(tanh) + 0.5) - 3, -128, 127)
    layer: Any = model["t"]
    assert np.array_equal(layer(q[None, :, None])[0, :, 0], expected)


@pytest.mark.compiles
def test_every_kind_and_layout_gives_the_codes_of_the_definition() -> None:
    """Separable, transposed and channels_first layers: `load` holds each fresh kernel to the reference, here anew."""
    grid = GRID.format(0.05, 9, 0.4, 3)
    between = f"padding = same, depthwise_scale = 0.2, depthwise_zero_point = -7, {grid}"
    text = (
        f"separable_conv1d s {{ input_shape = (30, 6), filters = 5, kernel_size = 3, {between} }}\n"
        f"conv1d_transpose u {{ input_shape = (12, 4), filters = 3, kernel_size = 5, strides = 2, {grid} }}\n"
        f"conv1d c {{ input_shape = (4, 17), data_format = channels_first, filters = 5, kernel_size = 3, {grid} }}"
    )
    specs, rng = reader.read(text, "text"), np.random.default_rng(3)
    weights = {}
    for spec in specs:
        for name, shape in spec.weight_shapes().items():
            kind = spec.weight_dtype(name)
            drawn = rng.uniform(0.001, 0.02, shape) if kind == "float32" else rng.integers(-127, 128, shape)
            weights[f"{spec.name}/{name}"] = drawn.astype(kind)
    model = codegen.load(text, weights=weights)
    for spec in specs:
        layer: Any = model[spec.name]
        held = spec.problem_arrays({name: weights[f"{spec.name}/{name}"] for name in spec.weight_shapes()})
        (steps,) = whole_kernel.lengths(spec.problem)
        assert whole_kernel.wrong_codes(layer._bound(None)[1].kernel, held, steps, 3) == 0


@pytest.mark.compiles
def test_the_c_stands_alone(tmp_path: Path) -> None:
    """Strict C99 without a warning, nothing but its own symbols, and no undefined behaviour between guards."""
    text, weights, x, y = _recorded("a", "double")
    (spec,) = reader.read(text, "text")
    arrays = {name.partition("/")[2]: array for name, array in weights.items()}
    for name, content in pipeline.generate(spec, "scalar", arrays).files:
        (tmp_path / name).write_text(content)
        if name == "a.h":
            assert re.search(r"#define A_INPUT_ZERO_POINT \(?-?\d+", content)
    numbers = ", ".join(map(str, x[0].ravel().tolist()))
    (tmp_path / "main.c").write_text(
        f'#include "a.h"\n#include <stdio.h>\nstatic const signed char x[] = {{{numbers}}};\n'
        "static signed char y[16 + 98 * 12 + 16], work[A_WORKSPACE_BYTES + 1];\n"
        "int main(void) { for (int i = 0; i < 32 + 98 * 12; ++i) y[i] = 77; a(x, y + 16, work + 1);\n"
        'for (int i = 0; i < 32 + 98 * 12; ++i)\n    printf("%d ", y[i]);\nreturn 0; }\n'
    )
    strict = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror", "-O1"]
    sanitized = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    subprocess.run(["gcc", *strict, *sanitized, "a.c", "main.c", "-o", "main"], cwd=tmp_path, check=True)
    printed = subprocess.run(["./main"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout.split()
    found = np.array(printed, int)
    assert (found[:16] == 77).all()
    assert (found[-16:] == 77).all()
    assert np.array_equal(found[16:-16].reshape(98, 12), y[0])
    subprocess.run(["gcc", "-std=c99", "-Os", "-ffreestanding", "-c", "a.c", "-o", "a.o"], cwd=tmp_path, check=True)
    undefined = subprocess.run(["nm", "-u", "a.o"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert undefined.strip() == ""


@pytest.mark.compiles
def test_golden_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The self-test says 0 of the kernel, 1 of one with another table, between arrays of the sizes that are told."""
    texts = [_recorded(name, "double")[0] for name in "bf"]
    weights = {name: array for one in "bf" for name, array in _recorded(one, "double")[1].items()}
    monkeypatch.chdir(tmp_path)
    Path("q.conv").write_text("\n".join(texts))
    np.savez("q.npz", **weights)
    assert main.main(["q.conv", "--weights", "q.npz", "--emit", "c,test", "-o", "."]) == 0
    assert main.main(["q.conv", "--weights", "q.npz", "--emit", "test", "-o", "alone"]) == 0
    assert (tmp_path / "alone" / "b_test.c").read_bytes() == (tmp_path / "b_test.c").read_bytes()
    main_c = '#include "b_test.h"\n#include "f_test.h"\nstatic signed char y[512], w[512];\n'
    Path("main.c").write_text(main_c + "int main(void) { return b_self_test(y, w) + 2 * f_self_test(y); }\n")
    strict = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror", "-O1"]
    for changed, expected in (("", 0), ("b", 1), ("f", 2)):
        if changed:
            text = Path(f"{changed}.c").read_text()
            spoilt = text.replace("return (int8_t)(value", "return (int8_t)(1 + value")
            assert spoilt != text
            Path(f"{changed}.c").write_text(spoilt)
        sources = [f"{one}{end}.c" for one in "bf" for end in ("", "_test")]
        subprocess.run(["gcc", *strict, "main.c", *sources, "-o", "main"], cwd=tmp_path, check=True)
        assert subprocess.run(["./main"], cwd=tmp_path, check=False).returncode == expected
        if changed:
            Path(f"{changed}.c").write_text(text)
    texts_of = codegen.generate("q.conv", weights="q.npz", emit="c,test")
    assert texts_of["f_test.c"] == Path("f_test.c").read_text()
    Path("g.conv").write_text("conv1d g { input_shape = (4, 1), filters = 1, kernel_size = 1 }")
    assert main.main(["g.conv", "--init", "--seed", "1", "--emit", "test"]) == 1
    assert "golden vectors are of int8" in capsys.readouterr().err


@pytest.mark.compiles
def test_verify_counts_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text, weights, _, _ = _recorded("f", "fp32")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "q.conv").write_text(text)
    np.savez("q.npz", **weights)
    assert main.main(["verify", "q.conv", "--weights", "q.npz"]) == 0
    assert "0 of 4,864 outputs differ  ok" in capsys.readouterr().out
    assert main.main(["verify", "q.conv"]) == 2
    assert "give --weights FILE" in capsys.readouterr().err
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_kernel, "wrong_codes", lambda *given: 0 if len(given) == 3 else 7)
        assert main.main(["verify", "q.conv", "--weights", "q.npz", "--json"]) == 3
    (first, *_) = json.loads(capsys.readouterr().out)["findings"]
    assert (first["wrong"], first["ok"], first["data"]) == (7, False, "codes")


@pytest.mark.compiles
def test_models_are_warmed_and_saved(tmp_path: Path) -> None:
    text, weights, x, y = _recorded("f", "double")
    model = codegen.load(text, weights=weights)
    model.warm()
    for name in ("q.npz", "q.safetensors"):
        model.save_weights(tmp_path / name)
        again = codegen.load(text, weights=tmp_path / name)
        assert all(np.array_equal(one, other) for one, other in zip(again.f.weights, model.f.weights, strict=True))
        assert again.f.kernel.dtype == np.int8
    assert np.array_equal(model.f(x), y)


def _one(**changed: Any) -> Any:
    given = {"input_scale": 0.1, "input_zero_point": 0, "output_scale": 0.1, "output_zero_point": 0} | changed
    return codegen.Conv1D(2, 1, dtype="int8", input_shape=(4, 1), **given)


def test_what_is_refused_and_said() -> None:
    weights = [np.int8([[[1, 2]]]), np.float32([0.1, 0.1]), np.int32([0, 0])]
    layer = _one()
    with pytest.raises(WeightsError, match="no initial weights"):
        layer(np.zeros((1, 4, 1), np.int8))
    with pytest.raises(WeightsError, match=r"got -128 at \[0, 0, 1\]"):
        layer.set_weights([np.int8([[[1, -128]]]), *weights[1:]])
    with pytest.raises(WeightsError, match="positive float32"):
        layer.set_weights([weights[0], np.float32([0.1, 0.0]), weights[2]])
    with pytest.raises(WeightsError, match="kernel"):
        layer.set_weights([np.float32([[[0.5, 0.25]]]), *weights[1:]])
    layer.set_weights(weights)
    with pytest.raises(ShapeError, match=r"layer.quantize\(x\)"):
        layer(np.full((1, 4, 1), 0.5, np.float32))
    with pytest.raises(UsageError, match="no gradients"):
        layer.gradients(np.zeros((1, 4, 1), np.int8), np.zeros((1, 4, 2), np.int8))
    layer.set_weights([*weights[:2], np.int32([0, 2**31 - 1])])
    with pytest.raises(WeightsError, match=r"filter 1: its sums can reach"):
        layer(np.zeros((1, 4, 1), np.int8))
    with pytest.raises((GenConvError, SpecErrors), match="input_scale"):
        codegen.Conv1D(2, 1, dtype="int8")


def test_codes_of_real_numbers() -> None:
    layer = _one(input_scale=0.5, input_zero_point=3, output_scale=0.25, output_zero_point=-1)
    assert layer.quantize([0.0, 0.25, -0.25, 1e9, -1e9, 0.74]).tolist() == [3, 4, 2, 127, -128, 4]
    assert layer.dequantize(np.int8([-1, 0, -128])).tolist() == [0.0, 0.25, -31.75]

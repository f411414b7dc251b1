"""Derivatives of activations: what they are, what they answer at a kink, and their stated error on every target."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.functions import activations
from codegen.functions.activations import Activation
from codegen.functions.registry import Call
from codegen.numbers.formats import COMPUTED
from codegen.problem.targets import TARGETS
from tests.functions.test_activations import MODELS, bits, inputs
from tests.support import cprogram
from tests.support.lanewise import run, slope_loop

Need = Callable[..., Any]
SMOOTH_PLACES = np.array([-9.7, -4.3, -2.6, -1.4, -0.7, -0.27, -1e-3, 1e-3, 0.2, 0.43, 0.81, 1.3, 2.2, 4.4, 5.3, 11.0])
KINKS = {  # x: f'(x) as torch 2.13 answers under Keras 3.15, in float64
    "relu": {0.0: 0.0},
    "relu(0.1)": {0.0: 0.1},
    "relu(0.0, 6.5)": {0.0: 0.0, 6.5: 1.0},
    "relu(0.0, 6.0)": {0.0: 0.0, 6.0: 0.0},
    "relu(0.0, None, 1.0)": {1.0: 0.0, 2.0: 1.0},
    "relu(0.25, 5.0, 0.5)": {0.5: 0.0, 0.0: 0.25, 5.0: 1.0, 6.0: 0.0, 0.75: 1.0},
    "relu(0.25, 5.0)": {0.0: 0.0, -1.0: 0.25, 5.0: 1.0},
    "relu6": {0.0: 0.0, 6.0: 0.0},
    "leaky_relu": {0.0: 0.2},
    "elu(0.3)": {0.0: 0.3},
    "hard_sigmoid": {-3.0: 0.0, 3.0: 0.0},
    "hard_silu": {-3.0: 0.0, 3.0: 1.0},
    "softplus": {0.0: 0.5},
    "celu(0.3)": {0.0: 1.0},
    "selu": {0.0: 1.7580993408473766},
    "hard_tanh": {-1.0: 0.0, 1.0: 0.0},
    "soft_shrink": {-0.5: 0.0, 0.5: 0.0},
    "hard_shrink": {-0.5: 0.0, 0.5: 0.0},
    "threshold(1.0, 7.0)": {1.0: 0.0},
    "sparse_plus": {-1.0: 0.0, 1.0: 1.0},
    "sparse_sigmoid": {-1.0: 0.0, 1.0: 0.0},
    "softsign": {0.0: 1.0},
}


def called(words: str) -> Activation:
    name, _, inside = words.rstrip(")").partition("(")
    options = tuple(None if word == "None" else float(word) for word in inside.split(", ") if word)
    return activations.get(Call(name, options))


@cache
def exact(activation: Activation, dtype: str) -> np.ndarray:
    wide = np.longdouble if dtype == "float64" else np.float64
    with np.errstate(all="ignore"):
        return activations.derivative(activation, inputs(dtype).astype(wide), dtype)


def assert_within(activation: Activation, dtype: str, y: np.ndarray) -> None:
    true = exact(activation, dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        same = (y == true.astype(dtype)) | (np.isnan(y) & np.isnan(true))
        over = np.abs(y - true) - activations.derivative_error(activation, true, dtype)
    worst = int(np.argmax(np.where(same, -np.inf, np.where(np.isnan(over), np.inf, over))))
    place = f"{activation}' of {inputs(dtype)[worst]!r}: {y[worst]!r}, expected {true[worst]}"
    assert same[worst] or over[worst] <= 0, place


@pytest.mark.in_turn(5)
@pytest.mark.compiles
@pytest.mark.parametrize("target", cprogram.HOSTED)
def test_the_error_is_within_the_stated_bound(target: str, need: Need, tmp_path: Path) -> None:
    """For every binade, both signs and every bend.

    The widest vectors and the single number give the same bits, with gcc and with clang.
    """
    row = TARGETS[target]
    widths = {dtype: sorted({row.lanes(dtype)[0], 1}) for dtype in COMPUTED}
    keys = [(activation, dtype, n) for dtype in COMPUTED for activation in MODELS for n in widths[dtype]]
    loops = [slope_loop(activation, row, dtype, n) for activation, dtype, n in keys]
    first: dict[tuple[Activation, str], np.ndarray] = {}
    for compiler in ("gcc", "clang"):
        tools = need(cprogram.toolchain, row, compiler)
        made = run(loops, row, tools, tmp_path, {dtype: inputs(dtype) for dtype in COMPUTED})
        for (activation, dtype, n), y in zip(keys, made, strict=True):
            if (activation, dtype) not in first:
                assert_within(activation, dtype, y)
                first[activation, dtype] = bits(y)
            assert np.array_equal(bits(y), first[activation, dtype]), f"{activation} {dtype} v{n} {compiler}"


@pytest.mark.compiles
def test_a_compiler_that_contracts_stays_within_the_bound(need: Need, tmp_path: Path) -> None:
    """Somebody's build of the portable C may fuse products and sums as it likes."""
    row = TARGETS["scalar"]
    need(cprogram.toolchain, TARGETS["avx2"])
    keys = [(activation, dtype) for dtype in COMPUTED for activation in MODELS]
    loops = [slope_loop(activation, row, dtype, 1) for activation, dtype in keys]
    flags = ("-O2", "-mfma", "-ffp-contract=fast")
    given = {dtype: inputs(dtype) for dtype in COMPUTED}
    for (activation, dtype), y in zip(
        keys, run(loops, row, need(cprogram.toolchain, row), tmp_path, given, flags), strict=True
    ):
        assert_within(activation, dtype, y)


@pytest.mark.parametrize("activation", MODELS, ids=str)
def test_it_is_the_limit_of_differences(activation: Activation) -> None:
    """Between the kinks, by a central difference of the activation itself in longdouble."""
    x, h = SMOOTH_PLACES.astype(np.longdouble), np.longdouble(2.0**-20)
    differences = (activations.reference(activation, x + h) - activations.reference(activation, x - h)) / (2 * h)
    np.testing.assert_allclose(
        activations.derivative(activation, x).astype(float), differences.astype(float), rtol=1e-10, atol=1e-11
    )


@pytest.mark.parametrize("words", KINKS)
def test_at_a_kink_it_is_what_torch_answers(words: str) -> None:
    for dtype in COMPUTED:
        x = np.array(list(KINKS[words]), dtype)
        found = activations.derivative(called(words), x)
        assert found.dtype == np.dtype(dtype)
        assert found.tolist() == np.array(list(KINKS[words].values()), dtype).tolist()


@pytest.mark.live
def test_keras_own_backward_pass_agrees() -> None:
    torch, functions = pytest.importorskip("torch"), pytest.importorskip("keras.activations")
    places = np.concatenate([SMOOTH_PLACES, [-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0]])
    for activation in MODELS:
        x = torch.tensor(places, requires_grad=True)
        getattr(functions, activation.name)(x, **dict(activation.options)).sum().backward()
        ours = activations.derivative(activation, places)
        np.testing.assert_allclose(ours, x.grad.numpy(), rtol=3e-7, atol=3e-9, err_msg=str(activation))

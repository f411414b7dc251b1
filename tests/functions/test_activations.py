"""Activations: what they mean, their stated error on every target, and what may be written for them."""

from __future__ import annotations

import importlib.util
import inspect
import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.errors import SpecError
from codegen.functions import activations
from codegen.functions.activations import LINEAR, ROWS, Activation
from codegen.functions.registry import Call
from codegen.numbers.formats import COMPUTED
from codegen.problem import reference
from codegen.problem.targets import TARGETS
from tests.support import cprogram
from tests.support.lanewise import activation_loop, run

Need = Callable[..., Any]
NEEDED = {"threshold": (0.25, -7.0)}  # what must be written where Keras has no default
ELEMENTWISE = [row for row in ROWS if not row.rowwise]  # for the others see tests/kernels/test_rowwise.py
PLAIN = [activations.get(Call(row.name, NEEDED.get(row.name, ()))) for row in ELEMENTWISE]
MODELS = [
    *PLAIN,
    activations.get(Call("gelu", (True,))),
    activations.get(Call("relu", (0.1,))),
    activations.get(Call("relu", (0.25, 5.0, 0.5))),
    activations.get(Call("relu", (), (("max_value", 1.5), ("threshold", 0.1)))),
    activations.get(Call("leaky_relu", (0.0,))),
    activations.get(Call("leaky_relu", (-3.0,))),
    activations.get(Call("elu", (0.3,))),
    activations.get(Call("celu", (0.3,))),
    activations.get(Call("squareplus", (0.3,))),
    activations.get(Call("soft_shrink", (1.7,))),
    activations.get(Call("hard_shrink", (-1.0,))),
    activations.get(Call("threshold", (-2.0, -2.0))),
]
COUNT = 1 << 16
PAGE = Path(__file__).resolve().parents[2] / "docs" / "activations.md"
targets = pytest.mark.parametrize("target", cprogram.HOSTED)


@cache
def inputs(dtype: str) -> np.ndarray:
    """Every binade of either sign (random bit patterns, NaNs among them), every place where a curve bends, specials."""
    random, info = np.random.default_rng(3), np.finfo(dtype)
    patterns = np.frombuffer(random.bytes(COUNT // 2 * info.dtype.itemsize), dtype)
    cut = -110 if dtype == "float32" else -760  # from here up results are no longer 0
    ranges = ((-1, 1), (-20, 20), (cut, 0), (math.sqrt(-2 * cut) * -1.05, 0))
    bends = [random.uniform(low, high, COUNT // 8 - 16).astype(dtype) for low, high in ranges]
    small, large = info.smallest_subnormal, info.max
    special = [
        0.0,
        np.inf,
        np.nan,
        small,
        info.tiny,
        info.tiny - small,
        large,
        1.0,
        3.0,
        6.0,
        10.0,
        20.0,
        88.7,
        103.9,
        745.1,
        110.0,
    ]
    edges = np.array([*special, *np.negative(special), *special, *np.negative(special)], dtype)
    return np.concatenate([patterns, *bends, edges])


@cache
def exact(activation: Activation, dtype: str) -> np.ndarray:
    wide = np.longdouble if dtype == "float64" else np.float64
    with np.errstate(all="ignore"):
        return activations.reference(activation, inputs(dtype).astype(wide), dtype)


def ulps(y: np.ndarray, true: np.ndarray) -> np.ndarray:
    """|y - true| in units in the last place of true; inf where just one is not finite, or both differ then."""
    info = np.finfo(y.dtype)
    finite = np.isfinite(true) & (np.abs(true) <= info.max)
    with np.errstate(all="ignore"):
        exponents = np.frexp(np.where(finite, true, 0))[1] - 1
        place = np.ldexp(np.ones_like(true), np.maximum(exponents, info.minexp) - info.nmant)
        error = np.abs(y - true) / place
        same = (y == true.astype(y.dtype)) | (np.isnan(y) & np.isnan(true))
    return np.where(same, 0, np.where(finite & np.isfinite(y), error, np.inf))


def bits(y: np.ndarray) -> np.ndarray:
    """The bits of y, all NaNs alike."""
    return np.where(np.isnan(y), np.nan, y).astype(y.dtype).view(f"u{y.dtype.itemsize}")


def assert_within(activation: Activation, dtype: str, y: np.ndarray) -> None:
    error = ulps(y, exact(activation, dtype))
    worst = int(np.argmax(error))
    assert error[worst] <= activations.ulps(activation, dtype), (
        f"{activation} of {inputs(dtype)[worst]!r}: {y[worst]!r}, expected {exact(activation, dtype)[worst]!r}"
    )


@pytest.mark.in_turn(5)
@pytest.mark.compiles
@targets
def test_the_error_is_within_the_stated_bound(target: str, need: Need, tmp_path: Path) -> None:
    """Also: all widths of a target, gcc and clang, and each level of optimisation give the same bits."""
    row = TARGETS[target]
    keys = [(activation, dtype, n) for dtype in COMPUTED for activation in MODELS for n in row.lanes(dtype)]
    loops = [activation_loop(activation, row, dtype, n) for activation, dtype, n in keys]
    first: dict[tuple[Activation, str], np.ndarray] = {}
    for compiler, level in (("gcc", "-O2"), ("clang", "-O1")):
        tools = need(cprogram.toolchain, row, compiler)
        made = run(loops, row, tools, tmp_path, {dtype: inputs(dtype) for dtype in COMPUTED}, [level])
        for (activation, dtype, n), y in zip(keys, made, strict=True):
            if (activation, dtype) not in first:
                assert_within(activation, dtype, y)
                first[activation, dtype] = bits(y)
            assert np.array_equal(bits(y), first[activation, dtype]), f"{activation} {dtype} v{n} {compiler} {level}"


BENEATH = {  # who stands on it, and the exponential made of it
    "elu": """
static inline v{n} v{n}_exp(v{n} y)
{{
    v{n} scale, p = v{n}_exp_parts(y, &scale);
    return (p + ({c})1) * scale * ({c}){unscaled};
}}
""",
    "sigmoid": """
static inline v{n} v{n}_exp(v{n} y)
{{
    v{n} scale, m = v{n}_power(y, v{n}_set1(({c}){magic}), &scale);
    return m * scale * ({c}){unscaled};
}}
""",
}

USER = """
static inline v{n} v{n}_user(v{n} y)
{{
    return v{n}_{user}(y);
}}
"""


@pytest.mark.compiles
@targets
def test_the_exponential_beneath_is_within_2_ulp(target: str, need: Need, tmp_path: Path) -> None:
    """For all arguments that the activations give it: from where even denormal results are 0, up to 0."""
    row, unscaled = TARGETS[target], {"float32": 2.0**-64, "float64": 2.0**-512}
    magic = {"float32": 12583103.0, "float64": 6755399441057279.0}
    random = np.random.default_rng(5)
    x = {
        dtype: -np.abs(random.uniform(0, low, COUNT) * random.choice([1, 1e-3, 1e-9], COUNT)).astype(dtype)
        for dtype, low in (("float32", 110), ("float64", 760))
    }
    keys = [(dtype, n) for dtype in COMPUTED for n in row.lanes(dtype)]
    loops = []
    for dtype, n in keys:
        for user, text in BENEATH.items():
            beneath = activation_loop(activations.get(user), row, dtype, n)
            more = (text + USER).format(
                user=user, n=n, c=COMPUTED[dtype].c, unscaled=unscaled[dtype], magic=magic[dtype]
            )
            loops.append(replace(beneath, text=beneath.text + more, result=f"v{n}_exp(v{n}_load(x + i))"))
    doubled = [key for key in keys for _ in BENEATH]
    for (dtype, _), y in zip(doubled, run(loops, row, need(cprogram.toolchain, row), tmp_path, x), strict=True):
        true = np.exp(x[dtype].astype(np.longdouble))
        assert ulps(y, true).max() <= 2
        assert np.any((y > 0) & (y < np.finfo(dtype).tiny)), "denormal results are among them"


@pytest.mark.compiles
def test_a_compiler_that_contracts_stays_within_the_bound(need: Need, tmp_path: Path) -> None:
    """Somebody's build of the portable C may fuse products and sums as it likes."""
    row = TARGETS["scalar"]
    need(cprogram.toolchain, TARGETS["avx2"])
    keys = [(activation, dtype) for dtype in COMPUTED for activation in MODELS]
    loops = [activation_loop(activation, row, dtype, 1) for activation, dtype in keys]
    flags = ("-O2", "-mfma", "-ffp-contract=fast")
    tools = need(cprogram.toolchain, row)
    for (activation, dtype), y in zip(
        keys, run(loops, row, tools, tmp_path, {dtype: inputs(dtype) for dtype in COMPUTED}, flags), strict=True
    ):
        assert_within(activation, dtype, y)


@pytest.mark.compiles
def test_the_portable_text_is_within_the_bound_with_the_smallest_compiler(need: Need, tmp_path: Path) -> None:
    row, tools = TARGETS["scalar"], cprogram.Toolchain((need(cprogram.program, "tcc", "tcc"),))
    loops = [activation_loop(activation, row, "float32", 1) for activation in MODELS]
    for activation, y in zip(MODELS, run(loops, row, tools, tmp_path, {"float32": inputs("float32")}), strict=True):
        assert_within(activation, "float32", y)


@pytest.mark.in_turn(4)
@pytest.mark.compiles
@pytest.mark.parametrize("activation", PLAIN, ids=str)
def test_fused_into_a_layer_it_is_within_the_bound(activation: Activation, need: Need) -> None:
    """By the JIT, in both formats; whole numbers, too, whose exponentials are beyond float32."""
    need(cprogram.program, "gcc", "gcc")
    random = np.random.default_rng(17)
    start = codegen.initializers.GlorotUniform(seed=17)
    layers = [
        codegen.Conv1D(5, 3, activation=activation, data_format=form, kernel_initializer=start)
        for form in ("channels_last", "channels_first")
    ]
    for layer in layers:
        for x in (random.standard_normal((2, 40, 20)), random.integers(-120, 120, (2, 40, 20))):
            x = x.astype("float32")
            y, problem = layer(x), layer.spec.build(x.shape[1:]).lower()
            kernel, bias = layer.spec.problem_weights(
                dict(zip(layer.spec.weight_shapes(), layer.get_weights(), strict=True))
            )
            true, bound = reference.convolve(problem, x, kernel, bias), reference.bound(problem, x, kernel, bias)
            with np.errstate(over="ignore", invalid="ignore"):
                same = y == true.astype(y.dtype)
                assert (same | (np.abs(y - true) <= bound)).all()
        assert np.isinf(y).any() == (activation.name == "exponential")


INF = math.inf
EDGES = {  # at -inf, +inf, and where a value is reached exactly: (x, f(x))
    "linear": (-INF, INF, (-2.5, -2.5)),
    "relu": (0, INF, (-3, 0), (1e-30, 1e-30)),
    "relu6": (0, 6, (6, 6), (6.5, 6), (5.5, 5.5)),
    "leaky_relu": (-INF, INF, (2, 2)),
    "elu": (-1, INF, (-100, -1), (100, 100)),
    "tanh": (-1, 1, (-30, -1), (30, 1), (0, 0)),
    "sigmoid": (0, 1, (-1000, 0), (60, 1), (0, 0.5)),
    "silu": (0, INF, (-1000, 0), (100, 100), (0, 0)),
    "gelu": (0, INF, (-1000, 0), (100, 100), (0, 0)),
    "softplus": (0, INF, (-1000, 0), (100, 100)),
    "hard_sigmoid": (0, 1, (-3, 0), (3, 1), (0, 0.5)),
    "hard_silu": (0, INF, (-3, 0), (3, 3), (1e38, 1e38)),
    "celu": (-1, INF, (-100, -1), (100, 100), (0, 0)),
    "selu": (-1.7580993408473766, INF, (0, 0)),
    "log_sigmoid": (-INF, 0, (-1000, -1000), (1000, 0)),
    "softsign": (-1, 1, (-3, -0.75), (1e38, 1), (0, 0)),
    "mish": (0, INF, (-1000, 0), (100, 100), (0, 0)),
    "exponential": (0, INF, (-1000, 0), (0, 1), (1000, INF)),
    "squareplus": (0, INF, (0, 1), (1e38, 1e38)),
    "tanh_shrink": (-INF, INF, (0, 0), (-1000, -999), (1e38, 1e38)),
    "hard_tanh": (-1, 1, (-3, -1), (3, 1), (-0.75, -0.75)),
    "soft_shrink": (-INF, INF, (0.5, 0), (-0.5, 0), (3, 2.5), (-3, -2.5)),
    "hard_shrink": (-INF, INF, (0.5, 0), (-0.5, 0), (3, 3), (-0.75, -0.75)),
    "threshold": (-7, INF, (0.25, -7), (0.5, 0.5)),
    "sparse_plus": (0, INF, (-1, 0), (1, 1), (3, 3), (0, 0.25)),
    "sparse_sigmoid": (0, 1, (-1, 0), (1, 1), (0, 0.5)),
}


@pytest.mark.compiles
def test_infinities_nan_and_saturation(need: Need, tmp_path: Path) -> None:
    tools, row = need(cprogram.toolchain, TARGETS["scalar"]), TARGETS["scalar"]
    models = PLAIN
    points = sorted({x for edges in EDGES.values() for x, _ in edges[2:]})
    for dtype in COMPUTED:
        x = np.array([-INF, INF, np.nan, *points], dtype)
        made = run([activation_loop(one, row, dtype, 1) for one in models], row, tools, tmp_path, {dtype: x})
        for one, y in zip(models, made, strict=True):
            low, high, *known = EDGES[one.name]
            assert (y[0], y[1]) == (np.dtype(dtype).type(low), high), one
            assert np.isnan(y[2]), one
            for at, value in known:
                assert y[3 + points.index(at)] == np.dtype(dtype).type(value), (one, at)
            with np.errstate(all="ignore"):
                wanted = activations.reference(one, x[:3].astype(float))
                np.testing.assert_array_equal(y[:3], wanted.astype(dtype))


# 40-digit arithmetic (mpmath 1.3), at -30, -10, -1.5, -2**-10, 0.5, 7.25
POINTS = np.array([-30, -10, -1.5, -(2.0**-10), 0.5, 7.25])
KNOWN = {
    "elu": (
        -0.9999999999999064237703,
        -0.9999546000702375151485,
        -0.7768698398515701710667,
        -9.760858180243377652882e-4,
        0.5,
        7.25,
    ),
    "tanh": (
        -1.0,
        -0.9999999958776927636196,
        -0.9051482536448664382423,
        -9.765621895592602185841e-4,
        0.4621171572600097585023,
        0.9999989913051835970967,
    ),
    "sigmoid": (
        9.35762296883929895384e-14,
        4.539786870243439450478e-5,
        0.1824255238063563403928,
        0.4997558593944025517875,
        0.6224593312018545646389,
        0.9992903296008994118445,
    ),
    "silu": (
        -2.807286890651789686152e-12,
        -4.539786870243439450478e-4,
        -0.2736382857095345105892,
        -4.880428314398462419799e-4,
        0.3112296656009272823195,
        7.244854889606520735873,
    ),
    "gelu": (
        -1.47201417814445611786e-196,
        -7.619853024160526065973e-23,
        -0.1002108019032870990067,
        -4.879007890539252529231e-4,
        0.3457312306370065518189,
        7.249999999998489202835,
    ),
    "gelu(approximate=True)": (
        0.0,
        -1.204092348209805993659e-37,
        -0.1004284230197670775506,
        -4.879007890542245648038e-4,
        0.3457140098251439220378,
        7.249999999999999893681,
    ),
    "softplus": (
        9.357622968839736779378e-14,
        4.539889921686464676949e-5,
        0.2014132779827524094995,
        0.6926590185192301232472,
        0.974076984180106680873,
        7.250709922334339307262,
    ),
    "hard_sigmoid": (0, 0, 0.25, 0.499837239583333333333, 0.583333333333333333333, 1),
    "hard_silu": (0, 0, -0.375, -4.881223042805989583333e-4, 0.291666666666666666667, 7.25),
    "leaky_relu(negative_slope=0.2)": (-6, -2, -0.3, -0.0001953125, 0.5, 7.25),
    "relu(negative_slope=0.25, max_value=5.0, threshold=0.5)": (-7.625, -2.625, -0.5, -0.125244140625, 0, 5),
    "relu6": (0, 0, 0, 0, 0.5, 6),
    "celu(alpha=0.3)": (-0.3, -0.299999999999999, -0.29797861590027436, -9.7497476607479612e-4, 0.5, 7.25),
    "celu(alpha=1.0)": (
        -0.99999999999990642,
        -0.99995460007023752,
        -0.77686983985157017,
        -9.7608581802433777e-4,
        0.5,
        7.25,
    ),
    "selu": (
        -1.7580993408472123,
        -1.7580195232607869,
        -1.3658143533672527,
        -0.0017160558332790609,
        0.52535049367774025,
        7.6175821583272336,
    ),
    "log_sigmoid": (
        -30.000000000000094,
        -10.000045398899217,
        -1.7014132779827524,
        -0.69363558101923012,
        -0.47407698418010668,
        -7.0992233433930726e-4,
    ),
    "softsign": (
        -0.96774193548387097,
        -0.90909090909090909,
        -0.6,
        -9.7560975609756098e-4,
        0.33333333333333333,
        0.87878787878787879,
    ),
    "mish": (
        -2.807286890651921e-12,
        -4.5398899185674694e-4,
        -0.29809974216680676,
        -5.8563230935930396e-4,
        0.3752452113048951,
        7.2499926973385851,
    ),
    "exponential": (
        9.3576229688401746e-14,
        4.5399929762484852e-5,
        0.22313016014842983,
        0.99902391418197566,
        1.6487212707001281,
        1408.1048482046956,
    ),
    "squareplus(b=4.0)": (
        0.033296378372908271,
        0.09901951359278483,
        0.5,
        0.99951183795928245,
        1.2807764064044151,
        7.3854022391228309,
    ),
    "squareplus(b=0.3)": (
        0.0024997917013816568,
        0.0074943834217128356,
        0.0484359711335656,
        0.27337343279301679,
        0.62080992435478315,
        7.2603301088071768,
    ),
    "tanh_shrink": (
        -29.0,
        -9.0000000041223072,
        -0.59485174635513356,
        -3.1044073978141592e-10,
        0.037882842739990241,
        6.2500010086948164,
    ),
    "hard_tanh": (-1, -1, -1, -9.765625e-4, 0.5, 1),
    "soft_shrink(threshold=0.5)": (-29.5, -9.5, -1.0, 0, 0, 6.75),
    "hard_shrink(threshold=0.5)": (-30.0, -10.0, -1.5, 0, 0, 7.25),
    "soft_shrink(threshold=1.7)": (-28.3, -8.3, 0, 0, 0, 5.55),
    "threshold(threshold=0.25, default_value=-7.0)": (-7.0, -7.0, -7.0, -7.0, 0.5, 7.25),
    "sparse_plus": (0, 0, 0, 0.2495119571685791, 0.5625, 7.25),
    "sparse_sigmoid": (0, 0, 0, 0.49951171875, 0.75, 1),
}


@pytest.mark.parametrize("wide", ["float64", "longdouble"])
def test_the_reference_is_right(wide: str) -> None:
    by_words = {str(one): one for one in MODELS} | {one.name: one for one in PLAIN}
    for words, values in KNOWN.items():
        y = activations.reference(by_words[words], POINTS.astype(wide))
        assert y.dtype == np.dtype(wide)
        np.testing.assert_allclose(
            y.astype(float), values, rtol=2e-13 if "True" in words else 3e-14, atol=0, err_msg=words
        )


def test_whole_numbers_stay_whole_where_they_can() -> None:
    x = np.array([-3, 0, 4, 9])
    assert activations.reference(LINEAR, x).tolist() == x.tolist()
    assert activations.reference(activations.get("relu"), x).tolist() == [0, 0, 4, 9]
    assert activations.reference(activations.get(Call("relu", (2.0, 7.0))), x).tolist() == [-6, 0, 4, 7]


@pytest.mark.long
@pytest.mark.parametrize("activation", [one for one in MODELS if math.isfinite(activations.slope(one))], ids=str)
def test_the_steepest_slope_is_the_steepest(activation: Activation) -> None:
    x = np.concatenate([np.linspace(-12, 12, 480_001), np.linspace(12, 100, 1001)[1:]])
    y = activations.reference(activation, x)
    found = float(np.max(np.abs(np.diff(y) / np.diff(x))))
    assert found <= activations.slope(activation) * (1 + 1e-9)
    assert found >= activations.slope(activation) * 0.999


@pytest.mark.parametrize(
    ("call", "height"),
    [
        (Call("relu", (0.0, None, 1.0)), 1.0),
        (Call("hard_shrink"), 0.5),
        (Call("hard_shrink", (-1.0,)), 0.0),
        (Call("threshold", (1.0, 7.0)), 6.0),
        (Call("threshold", (2.0, 2.0)), 0.0),
    ],
)
def test_a_jump_is_what_no_slope_bounds(call: Call, height: float) -> None:
    activation = activations.get(call)
    edge = dict(activation.options)["threshold"]
    below, above = activations.reference(activation, np.array([edge, np.nextafter(edge, 9.0)]))
    assert abs(above - below) == pytest.approx(height, abs=1e-12)
    assert math.isinf(activations.slope(activation)) == (height > 0)


def test_what_grows_past_the_dtype_has_no_bound() -> None:
    """exp(100) is inf in float32: no finite error can be promised for it."""
    found = activations.error(activations.get("exponential"), np.exp([1.0, 88.0, 100.0]), "float32")
    assert found[:2].tolist() == [3 * 2.0**-22, 3 * 2.0**103]
    assert found[2] == math.inf


def test_the_stated_error_in_absolute_terms() -> None:
    y = np.array([1.0, 1.99, 2.0, 0.0, -np.inf, np.nan])
    unit = 3 * 2.0**-23
    assert activations.error(activations.get("tanh"), y, "float32").tolist() == [
        unit,
        unit,
        2 * unit,
        3 * 2.0**-149,
        0,
        0,
    ]
    assert activations.error(activations.get("tanh"), y, "float64")[0] == 3 * 2.0**-52
    assert not activations.error(activations.get("relu"), y, "float32").any()
    assert not activations.error(LINEAR, y, "float64").any()


def test_the_page_holds_the_table() -> None:
    found = importlib.util.spec_from_file_location("write_activations", PAGE.with_name("write_activations.py"))
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    assert PAGE.read_text("utf-8") == module.page(), "run: python docs/write_activations.py"


@pytest.mark.live
def test_every_element_wise_function_of_keras_is_here_with_its_options() -> None:
    functions = pytest.importorskip("keras.activations")
    known = {word for word in dir(functions) if callable(getattr(functions, word))}
    known -= {"get", "serialize", "deserialize", "softmax", "log_softmax", "sparsemax", "glu"}
    assert known == {word for row in ELEMENTWISE for word in (row.name, *row.aliases)}
    for row in ELEMENTWISE:
        taken = list(inspect.signature(getattr(functions, row.name)).parameters.values())[1:]
        ours = [(option.name, inspect.Parameter.empty if option.required else option.default) for option in row.options]
        assert [(one.name, one.default) for one in taken] == ours, row.name


def test_they_can_be_called_as_keras_functions_are() -> None:
    x = np.array([-1.0, 0.5, 7.0], "float32")
    y = activations.relu(x, max_value=6.0)
    assert y.dtype == np.dtype("float32")
    assert y.tolist() == [0.0, 0.5, 6.0]
    assert activations.threshold([-1, 3], 1, -5.0).tolist() == [-5.0, 3.0]
    assert activations.swish(np.float64(0.0)) == 0.0
    assert activations.get(activations.mish) == Activation("mish")
    assert activations.get(activations.swish) == Activation("silu")
    with pytest.raises(SpecError, match="has no option"):
        activations.relu(x, max=6.0)
    with pytest.raises(AttributeError, match=r"'codegen\.activations' has no attribute 'rellu'"):
        activations.rellu  # noqa: B018  # looked up for its error


def test_names_options_and_defaults_are_keras() -> None:
    assert activations.get(None) == LINEAR == activations.get("linear")
    assert activations.get("swish") == activations.get("silu") == Activation("silu")
    assert activations.get("hard_swish") == activations.get("hard_silu")
    assert str(activations.get("relu")) == "relu(negative_slope=0.0, max_value=None, threshold=0.0)"
    assert activations.get("leaky_relu").options == (("negative_slope", 0.2),)
    assert activations.get("elu").options == (("alpha", 1.0),)
    assert activations.get("gelu").options == (("approximate", False),)
    assert activations.get("celu").options == (("alpha", 1.0),)
    assert activations.get("squareplus").options == (("b", 4.0),)
    assert activations.get("soft_shrink").options == activations.get("hard_shrink").options == (("threshold", 0.5),)
    assert str(activations.get(Call("threshold", (1, 2)))) == "threshold(threshold=1.0, default_value=2.0)"
    assert activations.get(Call("relu", (0.5,), (("max_value", 6),))) == activations.get(
        Activation("relu", (("negative_slope", 0.5), ("max_value", 6.0)))
    )


@pytest.mark.parametrize(
    ("value", "code", "words"),
    [
        ("ReLU", "E230", "unknown activation `ReLU`"),
        ("sigmod", "E230", "unknown activation `sigmod`"),
        (3, "E230", "3 is no activation"),
        (Call("tanh", (1.0,)), "E231", "activation `tanh` got 1 options: it takes no options"),
        (Call("elu", (), (("aplha", 1.0),)), "E231", "has no option `aplha`: it takes alpha"),
        (Call("elu", (1.0,), (("alpha", 1.0),)), "E231", "got `alpha` twice"),
        (Call("elu", (math.nan,)), "E232", "`alpha` is nan: expected a finite number"),
        (Call("leaky_relu", (-math.inf,)), "E232", "`negative_slope` is -inf: expected a finite number"),
        (
            Call("relu", (), (("max_value", -1.0),)),
            "E232",
            "`max_value` is -1.0: expected None or a finite number, at least 0",
        ),
        (Call("relu", (True,)), "E232", "`negative_slope` is True: expected a finite number"),
        ("threshold", "E231", "activation `threshold` needs `threshold` and `default_value`"),
        (Call("threshold", (1.0,)), "E231", "activation `threshold` needs `default_value`"),
        (Call("celu", (0.0,)), "E232", "`alpha` is 0.0: expected a finite number, greater than 0"),
        (Call("soft_shrink", (-1.0,)), "E232", "`threshold` is -1.0: expected a finite number, at least 0"),
        (Call("gelu", (1,)), "E232", "`approximate` is 1: expected True or False"),
    ],
)
def test_what_cannot_be_meant_is_an_error_that_says_so(value: object, code: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        activations.get(value)
    assert caught.value.code == code
    assert words in caught.value.message


def test_a_near_miss_is_answered_with_the_name() -> None:
    with pytest.raises(SpecError) as caught:
        activations.get("ReLU")
    assert caught.value.hint == "did you mean `relu`?"

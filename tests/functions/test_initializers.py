"""Initializers, regularizers and constraints: Keras' names, values and refusals.

The recorded values are those of Keras 3.15 on its NumPy backend, seed 3, shape (3, 4, 6), float32: the first number,
and the start of the sha256 of all bytes.
"""

from __future__ import annotations

import hashlib
import math
import random
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.errors import SpecError
from codegen.functions import constraints, initializers, regularizers
from codegen.functions.initializers.windows import WINDOWS, window
from codegen.functions.registry import Call, snake_case, suggestion
from codegen.language import reader

SHAPE = (3, 4, 6)
KERAS = {
    initializers.RandomNormal(0.5, 0.1, seed=3): (0.7040919, "a6bca2648c0d8736"),
    initializers.RandomUniform(-1, 2, seed=3): (-0.7430525, "a9591cc8a7719da3"),
    initializers.TruncatedNormal(0.1, 0.3, seed=3): (0.22542965, "5b17a02aee986d4f"),
    initializers.VarianceScaling(0.7, "fan_avg", "untruncated_normal", seed=3): (0.4408889, "aeb7224c809a6577"),
    initializers.VarianceScaling(0.7, "fan_out", "uniform", seed=3): (-0.2830555, "c158d21a3738b27d"),
    initializers.VarianceScaling(0.7, "fan_in", "Normal", seed=3): (0.114799365, "c1f9c8376964bc57"),
    initializers.GlorotUniform(seed=3): (-0.37060666, "094ba1a5ce651e28"),
    initializers.GlorotNormal(seed=3): (0.12272568, "d1ab9fc3306065eb"),
    initializers.HeUniform(seed=3): (-0.5859806, "9bde3685f2ba320a"),
    initializers.HeNormal(seed=3): (0.19404633, "4cf134b3a72dcb52"),
    initializers.LecunUniform(seed=3): (-0.41435084, "d874a9fc322837a8"),
    initializers.LecunNormal(seed=3): (0.13721149, "f3f8f0f555cf2ace"),
}
RANDOM = ("random_normal", "random_uniform", "truncated_normal", "variance_scaling", "glorot_uniform", "he_normal")


def digest(array: np.ndarray) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("initializer", KERAS, ids=str)
def test_seeded_values_are_those_of_keras_bit_for_bit(initializer: initializers.Initializer) -> None:
    values = initializer(SHAPE)
    first, recorded = KERAS[initializer]
    assert values.dtype == np.float32
    assert values.shape == SHAPE
    assert values[0, 0, 0] == np.float32(first)
    assert digest(values) == recorded


def test_orthogonal_is_that_of_keras() -> None:
    # LAPACKs differ in the last bits
    first_row = [
        0.8796829581260681,
        -1.1919219493865967,
        -0.22242887318134308,
        -0.24834150075912476,
        -0.4677836298942566,
    ]
    values = initializers.Orthogonal(2.0, seed=3)(SHAPE)
    np.testing.assert_allclose(values[0, 0, :5], first_row, atol=2e-6)


@pytest.mark.parametrize("shape", [(3, 4, 6), (2, 1, 8), (5, 5)])
def test_orthogonal_rows_or_columns_are_orthonormal(shape: tuple[int, ...]) -> None:
    matrix = initializers.Orthogonal(gain=3.0, seed=1)(shape).reshape(-1, shape[-1]).astype(np.float64)
    gram = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(gram, 9.0 * np.eye(len(gram)), atol=1e-5)


def test_unseeded_layers_draw_what_keras_draws_after_set_random_seed() -> None:
    state = random.getstate()
    try:
        random.seed(11)  # keras.utils.set_random_seed(11) does this, and more
        first, second = initializers.get("glorot_uniform"), initializers.get("he_normal")
    finally:
        random.setstate(state)
    assert digest(first((3, 2, 4), "float32")) == "933f50fb3154bf86"
    assert digest(second((3, 4, 5), "float32")) == "31829382c7c74844"


@pytest.mark.parametrize("name", RANDOM)
def test_without_a_seed_an_instance_agrees_with_itself_only(name: str) -> None:
    one, other = initializers.get(name), initializers.get(name)
    assert isinstance(one, initializers.Initializer)
    assert (one(SHAPE) == one(SHAPE)).all()
    assert (one(SHAPE) != other(SHAPE)).any()
    assert one == other, "what was drawn is no part of the definition"
    assert not one.deterministic
    assert one.with_seed(5).deterministic
    assert (one.with_seed(5)(SHAPE) == other.with_seed(5)(SHAPE)).all()
    assert one.with_seed(5).with_seed(6) == one.with_seed(5), "its own seed wins"


def test_the_dtype_rounds_the_same_draw() -> None:
    wide = initializers.HeNormal(seed=7)(SHAPE, "float64")
    assert wide.dtype == np.float64
    assert (wide.astype(np.float32) == initializers.HeNormal(seed=7)(SHAPE)).all()


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((3, 8, 32), (24, 96)), ((5, 16, 2), (80, 10)), ((7,), (7, 7)), ((), (1, 1)), ((4, 9), (4, 9))],
)
def test_fans_are_those_of_keras(shape: tuple[int, ...], fans: tuple[int, int]) -> None:
    """(taps, channels/groups, filters) is not divided by the groups again; depthwise (taps, channels, multiplier)."""
    assert initializers.compute_fans(shape) == fans


def test_fans_over_given_axes() -> None:
    assert initializers.compute_fans((3, 8, 32), input_axes=(1,), output_axes=(2,)) == (8, 32)
    assert initializers.compute_fans((3, 8, 32), input_axes=(1,)) == (24, 96)
    with pytest.raises(SpecError, match="do not fit an array of shape"):
        initializers.compute_fans((3, 8, 32), 5, 0)


def test_limits_and_moments() -> None:
    many = (50, 20, 60)
    cut = initializers.TruncatedNormal(1.0, 0.5, seed=0)(many, "float64")
    assert 0.0 <= cut.min() < 0.01
    assert 1.99 < cut.max() <= 2.0
    assert cut.std() == pytest.approx(0.5 * 0.87962566, rel=0.01)  # no correction of the variance
    glorot = initializers.GlorotUniform(seed=0)(many, "float64")
    limit = math.sqrt(6 / (50 * 20 + 50 * 60))
    assert abs(glorot).max() == pytest.approx(limit, rel=1e-3)
    assert abs(glorot).max() <= limit
    he = initializers.HeNormal(seed=0)(many, "float64")
    assert he.std() == pytest.approx(math.sqrt(2 / 1000), rel=0.01)


def test_constants() -> None:
    assert (initializers.get("zeros")(SHAPE, "float32") == 0).all()
    assert (initializers.get("one")(SHAPE, "float64") == 1).all()
    assert (initializers.Constant(-2.5)(SHAPE) == -2.5).all()
    values = np.arange(math.prod(SHAPE), dtype="float32").reshape(SHAPE)
    for array in (initializers.get(values), initializers.Constant(values.tolist())):
        assert (array(SHAPE) == values).all()
        assert hash(array) == hash(initializers.Constant(values))
        assert initializers.get(initializers.serialize(array)) == array
    assert (initializers.Constant(values[0, 0])(SHAPE) == values[0, 0]).all()
    with pytest.raises(SpecError, match="does not fill shape") as caught:
        initializers.Constant([1.0, 2.0])((3, 3))
    assert caught.value.code == "E233"
    assert initializers.Identity(3.0)((2, 3)).tolist() == [[3.0, 0.0, 0.0], [0.0, 3.0, 0.0]]


def test_stft_is_that_of_keras() -> None:
    real, imag = initializers.STFT()((8, 1, 5)), initializers.STFT("imag", "hamming", "spectrum", True)((8, 1, 5))
    np.testing.assert_allclose(real[1, 0], [0.11619357, 0.08216126, 0.0, -0.08216126, -0.11619357], atol=2e-7)
    np.testing.assert_allclose(real[3, 0], [0.58665174, -0.41482544, 0.0, 0.41482544, -0.58665174], atol=2e-7)
    np.testing.assert_allclose(imag[1, 0], [0.0, -0.0351476, -0.04970622, -0.0351476, 0.0], atol=2e-7)
    np.testing.assert_allclose(imag[3, 0], [0.0, -0.14162907, 0.20029376, -0.14162907, 0.0], atol=2e-7)
    plain = initializers.STFT("real", None)((6, 1, 4))
    np.testing.assert_allclose(plain[1, 0], [1.0, 0.5, -0.5, -1.0], atol=1e-6)
    given = initializers.STFT("real", [1, 2, 3, 4, 5, 6], None)((6, 1, 4))
    np.testing.assert_allclose(given, plain * np.arange(1, 7).reshape(6, 1, 1), atol=1e-6)
    with pytest.raises(SpecError, match="a window of 3 numbers for a frame of 6 taps"):
        initializers.STFT(window=[1, 2, 3])((6, 1, 4))


@pytest.mark.parametrize(
    ("name", "periodic", "start"),
    [  # scipy.signal.get_window(name, 9, periodic)[:3]
        ("boxcar", False, [1.0, 1.0, 1.0]),
        ("hann", False, [0.0, 0.14644660940672627, 0.5]),
        ("hann", True, [0.0, 0.11697777844051105, 0.41317591116653485]),
        ("hamming", True, [0.08, 0.1876195561652702, 0.46012183827321207]),
        ("blackman", False, [0.0, 0.06644660940672624, 0.34]),
        ("nuttall", False, [0.0003628, 0.025205566515401824, 0.2269824]),
        ("blackmanharris", True, [6e-05, 0.015071173410218162, 0.1470395578623815]),
        ("flattop", False, [-0.000421051, -0.026872193286334545, -0.05473684]),
        ("triang", False, [0.2, 0.4, 0.6]),
        ("triang", True, [0.1, 0.3, 0.5]),
        ("bartlett", True, [0.0, 0.2222222222222222, 0.4444444444444444]),
        ("barthann", False, [0.0, 0.17129942314911195, 0.5]),
        ("parzen", False, [0.00274348422496571, 0.0740740740740741, 0.34156378600823034]),
        ("parzen", True, [0.002, 0.054, 0.25]),
        ("bohman", False, [0.0, 0.048302383742639676, 0.31830988618379075]),
        ("cosine", False, [0.17364817766693033, 0.5, 0.766044443118978]),
        ("cosine", True, [0.15643446504023087, 0.45399049973954675, 0.7071067811865475]),
        ("tukey", False, [0.0, 0.5, 1.0]),
        ("tukey", True, [0.0, 0.41317591116653485, 0.9698463103929542]),
        ("exponential", False, [0.01831563888873418, 0.049787068367863944, 0.1353352832366127]),
        ("lanczos", True, [0.0, 0.2630644082738656, 0.5642532787936151]),
    ],
)
def test_windows_are_those_of_scipy(name: str, periodic: bool, start: list[float]) -> None:
    np.testing.assert_allclose(window(name, 9, periodic)[:3], start, atol=1e-15)
    assert set(WINDOWS) >= {name}
    assert window(name, 1, periodic).tolist() == [1.0]


@pytest.mark.parametrize(
    "value",
    [
        "he_normal",
        "HeNormal",
        Call("he_normal"),
        initializers.HeNormal,
        initializers.HeNormal(),
        {"class_name": "HeNormal", "config": {}},
        {"module": "keras.initializers", "class_name": "he_normal", "config": {"seed": None}, "registered_name": None},
    ],
    ids=repr,
)
def test_every_way_to_name_one(value: object) -> None:
    assert initializers.get(value) == initializers.HeNormal()


def test_options_by_place_and_by_name() -> None:
    assert initializers.get(Call("TruncatedNormal", (0.5,), (("seed", 1),))) == initializers.TruncatedNormal(
        0.5, seed=1
    )
    assert initializers.get(None) is None
    assert initializers.get({"class_name": "Constant", "config": {"value": 2}}) == initializers.Constant(2.0)
    assert str(initializers.get(Call("he_normal", (), (("seed", 7),)))) == "HeNormal(seed=7)"
    assert initializers.HeNormal(seed=np.int64(7)) == initializers.HeNormal(seed=7)
    assert hash(initializers.HeNormal(seed=7)) == hash(initializers.HeNormal(seed=7))

    def ramp(shape: tuple[int, ...], dtype: str) -> np.ndarray:
        return np.arange(math.prod(shape), dtype=dtype).reshape(shape)

    assert initializers.get(ramp) is ramp


@pytest.mark.parametrize(
    ("value", "code", "message", "hint"),
    [
        ("glorot_unifrm", "E230", "unknown initializer `glorot_unifrm`", "did you mean `glorot_uniform`?"),
        ("HE_NORMAL", "E230", "unknown initializer", "did you mean `he_normal`?"),
        ("kaiming_normal", "E230", "unknown initializer", "did you mean `he_normal`?"),
        ("xyzzy", "E230", "unknown initializer `xyzzy`", "known: zeros, ones, constant"),
        (3, "E230", "3 is no initializer", "give a name"),
        (np.array(["a"]), "E232", "`value` is array(['a']", None),
        ({"class_name": "Zeros", "weights": 1}, "E230", "is no config", "write it as"),
        ({"config": {}}, "E230", "is no config", "write it as"),
        (Call("HeNormal", (), (("sed", 1),)), "E231", "no option `sed`: it takes seed", "did you mean `seed`?"),
        (Call("Zeros", (1,)), "E231", "got 1 options: it takes no options", None),
        (Call("Constant", (1,), (("value", 2),)), "E231", "got `value` twice", "by place or by name"),
        (Call("Constant", (), (("value", 1), ("value", 2))), "E231", "got `value` twice", "leave one"),
        (Call("HeNormal", (), (("drawn", 1),)), "E231", "no option `drawn`", None),
        (Call("RandomNormal", (0, -1.0)), "E232", "`stddev` is -1.0: expected a finite number, at least 0", None),
        (Call("RandomNormal", (math.nan,)), "E232", "`mean` is nan: expected a finite number", None),
        (Call("RandomNormal", (math.inf,)), "E232", "`mean` is inf", None),
        (Call("RandomNormal", ("0.5",)), "E232", "`mean` is '0.5'", None),
        (Call("RandomNormal", (True,)), "E232", "`mean` is True", None),
        (Call("RandomUniform", (1, 0)), "E232", "`minval` 1 is above `maxval` 0", "swap them"),
        (Call("HeNormal", (1.5,)), "E232", "`seed` is 1.5: expected None or a whole number from 0", None),
        (Call("HeNormal", (-1,)), "E232", "`seed` is -1", None),
        (Call("HeNormal", (2**32,)), "E232", "`seed` is 4294967296", None),
        (Call("VarianceScaling", (0,)), "E232", "`scale` is 0: expected a finite number, greater than 0", None),
        (Call("VarianceScaling", (1, "fan_n")), "E232", "did you mean `fan_in`?", None),
        (Call("STFT", ("left",)), "E232", "`side` is 'left': expected one of real, imag", None),
        (Call("STFT", (), (("periodic", 1),)), "E232", "`periodic` is 1: expected True or False", None),
        (Call("STFT", (), (("window", "kaiser"),)), "E232", "expected None or one of boxcar, hann", None),
    ],
)
def test_refusals_name_what_was_got_and_a_way_out(value: object, code: str, message: str, hint: str | None) -> None:
    with pytest.raises(SpecError) as caught:
        initializers.get(value)
    assert caught.value.code == code
    assert message in str(caught.value)
    assert (hint or "") in (caught.value.hint or "")
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("initializer", "shape"),
    [
        (initializers.Identity(), (3, 4, 6)),
        (initializers.Orthogonal(), (6,)),
        (initializers.STFT(), (6,)),
        (initializers.STFT(), (8, 2, 5)),
        (initializers.STFT(), (8, 1, 1)),
    ],
    ids=str,
)
def test_an_array_that_an_initializer_cannot_make(
    initializer: initializers.Initializer, shape: tuple[int, ...]
) -> None:
    with pytest.raises(SpecError, match=str(shape).replace("(", r"\(").replace(")", r"\)")) as caught:
        initializer(shape)
    assert caught.value.code == "E233"


def small(**options: Any) -> codegen.Conv1D:
    return codegen.Conv1D(2, 3, name="stem", input_shape=(8, 2), **options)


@pytest.mark.parametrize(
    ("option", "initializer", "told"),
    [
        ("kernel", initializers.Constant([1, 2, 3]), "Constant holds an array that does not fill shape (3, 2, 2)"),
        ("kernel", initializers.Constant([[1, 2], [3]]), "Constant holds an array that does not fill shape (3, 2, 2)"),
        ("kernel", initializers.STFT(), "STFT makes kernels of shape (frame, 1, bins) with 2 bins or more, not (3, 2,"),
        ("kernel", initializers.VarianceScaling(input_axes=3, output_axes=0), "input_axes (3,) and output_axes (0,)"),
        ("bias", initializers.Constant([1, -1e39]), "Constant holds -1e+39 at [1], beyond float32's largest, 3.40"),
        ("bias", initializers.Constant(1e39), "Constant holds 1e+39, beyond float32's largest, 3.40282e+38"),
    ],
    ids=str,
)
def test_a_layer_tells_at_once_which_initializer_cannot_make_its_weights(
    option: str, initializer: Any, told: str
) -> None:
    """As soon as the shapes are known: by the arguments, or by the first input."""
    given = {f"{option}_initializer": initializer}
    free = codegen.Conv1D(2, 3, name="stem", **given)
    for make in (lambda: small(**given), lambda: free.build((None, None, 2))):
        with pytest.raises(SpecError) as caught:
            make()
        assert f"`{option}_initializer` of `stem`: {told}" in str(caught.value)
        assert caught.value.field == f"{option}_initializer"


@pytest.mark.parametrize(
    "given",
    ["kernel_initializer = constant([1, 2, 3])", "kernel_initializer = stft(window = [1, 2])"],
)
def test_a_file_tells_where_the_initializer_stands_that_cannot_make_its_weights(given: str) -> None:
    text = f"conv1d stem {{ filters = 2, kernel_size = 3, input_shape = (8, 2)\n  {given}\n}}"
    with pytest.raises(codegen.SpecErrors) as caught:
        reader.read(text, "a.conv")
    (found,) = caught.value.diagnostics
    assert (found.code, found.line, found.column) == ("E233", 2, len("  kernel_initializer = ") + 1)
    assert found.message.startswith("`kernel_initializer` of `stem`: ")


def test_numbers_that_only_float64_holds() -> None:
    assert small(bias_initializer=initializers.Constant(1e39), dtype="float64").bias.tolist() == [1e39, 1e39]
    with pytest.raises(codegen.WeightsError, match=r"`stem/kernel`: its initializer RandomNormal\(.*\) made -?inf at"):
        _ = small(kernel_initializer=initializers.RandomNormal(stddev=1e39, seed=1)).kernel
    with pytest.raises(codegen.WeightsError, match=r"weight \[0, 0, 0\] of `stem/kernel` is 1e\+39, beyond float32"):
        _ = small(kernel_initializer=lambda shape, dtype: np.full(shape, 1e39)).kernel
    own = small(kernel_initializer=lambda shape, dtype: np.full(shape, -np.inf))
    assert (own.kernel == -np.inf).all()


# Regularizers and constraints: Keras' figures on default_rng(0).normal, float32

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
W = np.random.default_rng(0).normal(size=(3, 2, 2)).astype(np.float32) * 2


@pytest.mark.parametrize(
    ("regularizer", "penalty"),
    [
        (regularizers.L1(0.1), 0.6785261034965515),
        (regularizers.L2(0.1), 0.5956190824508667),
        (regularizers.L1L2(0.1, 0.2), 1.8697643280029297),
        (regularizers.OrthogonalRegularizer(0.3), 0.13093575835227966),
        (regularizers.get("l1"), 0.06785261034965515),
        (regularizers.get("l2"), 0.05956190824508667),
        (regularizers.get("l1_l2"), 0.0),
    ],
    ids=str,
)
def test_penalties_are_those_of_keras(regularizer: regularizers.Regularizer, penalty: float) -> None:
    assert regularizer(X) == pytest.approx(penalty, rel=1e-6)


def test_orthogonal_columns_are_the_rows_of_the_transpose() -> None:
    columns = regularizers.OrthogonalRegularizer(0.3, "columns")
    assert columns(X) == pytest.approx(regularizers.OrthogonalRegularizer(0.3)(X.T), rel=1e-12)
    assert regularizers.OrthogonalRegularizer()(np.eye(3)) == 0.0
    assert regularizers.OrthogonalRegularizer()(np.ones((1, 3))) == 0.0
    with pytest.raises(SpecError, match="rank 2, this one has rank 3"):
        columns(W)


@pytest.mark.parametrize(
    ("constraint", "start"),
    [
        (constraints.MaxNorm(1.5, axis=[0, 1]), [0.10386519879102707, -0.12151702493429184, 0.5290504097938538]),
        (constraints.NonNeg(), [0.2514604330062866, 0.0, 1.280845284461975]),
        (constraints.UnitNorm(), [0.1407472938299179, -0.09987631440162659, 0.40511757135391235]),
        (
            constraints.MinMaxNorm(0.5, 1.0, 0.5, axis=0),
            [0.19610386, -0.18204302, 0.84298140],
        ),
    ],
    ids=str,
)
def test_projections_are_those_of_keras(constraint: constraints.Constraint, start: list[float]) -> None:
    projected = constraint(W)
    assert projected.dtype == np.float32
    assert projected.shape == W.shape
    np.testing.assert_allclose(projected.ravel()[:3], start, rtol=3e-7)


def test_norms_after_a_projection() -> None:
    def norms(w: np.ndarray, axis: tuple[int, ...]) -> np.ndarray:
        return np.sqrt((w.astype(np.float64) ** 2).sum(axis=axis))

    np.testing.assert_allclose(norms(constraints.UnitNorm([0, 1])(W), (0, 1)), 1.0, atol=1e-6)
    assert (norms(constraints.MaxNorm(0.7, [0, 1])(W), (0, 1)) <= 0.7 + 1e-6).all()
    assert (norms(constraints.MinMaxNorm(8.0, 9.0, axis=[0, 1])(W), (0, 1)) >= 8.0 - 1e-5).all()
    assert constraints.NonNeg()(W).min() == 0.0


@pytest.mark.parametrize(
    ("get", "value", "message"),
    [
        (regularizers.get, "l3", "unknown regularizer `l3`"),
        (regularizers.get, Call("L2", (-1,)), "`l2` is -1: expected a finite number, at least 0"),
        (regularizers.get, Call("L2", (math.inf,)), "`l2` is inf"),
        (regularizers.get, Call("OrthogonalRegularizer", (0.1, "diagonal")), "`mode` is 'diagonal'"),
        (regularizers.get, 0.01, "0.01 is no regularizer"),
        (constraints.get, "maxnorm", "unknown constraint `maxnorm`"),
        (constraints.get, Call("MaxNorm", (2,), (("axis", [0, 0]),)), "a list of different axes"),
        (constraints.get, Call("MaxNorm", (2,), (("axis", []),)), "a list of different axes"),
        (constraints.get, Call("MaxNorm", (2,), (("axis", 0.5),)), "expected an axis"),
        (constraints.get, Call("MaxNorm", (-2,)), "`max_value` is -2"),
        (constraints.get, Call("MinMaxNorm", (2, 1)), "`min_value` 2 is above `max_value` 1"),
        (
            constraints.get,
            Call("MinMaxNorm", (0, 1, 1.5)),
            "expected a finite number, at least 0 and at most 1",
        ),
    ],
)
def test_what_regularizers_and_constraints_refuse(get: object, value: object, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        get(value)  # type: ignore[operator]  # one of two functions
    assert message in str(caught.value)


def test_an_axis_that_the_kernel_lacks() -> None:
    assert constraints.MaxNorm(axis=2).why_not(3) is None
    assert constraints.MaxNorm(axis=[0, 3]).why_not(3) == "MaxNorm has axis 3, the array has 3 axes: 0 to 2"
    with pytest.raises(SpecError, match="UnitNorm has axis 3"):
        constraints.UnitNorm(3)(W)


def test_names() -> None:
    assert [snake_case(name) for name in ("GlorotUniform", "STFT", "L1L2", "MinMaxNorm")] == [
        "glorot_uniform", "stft", "l1l2", "min_max_norm",
    ]  # fmt: skip
    assert suggestion("Max_Nrom", constraints.REGISTRY.names()) == "; did you mean `max_norm`?"
    assert suggestion("q" * 100_000, ["max_norm"]) == ""

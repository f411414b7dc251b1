"""Random layers of every kind, over all of their arguments, beside the same layers in Keras; needs the `live` extra.

One draw is one set of constructor arguments, given to both as Keras writes them in a config.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import pipeline
from codegen.errors import GenConvError
from codegen.functions import activations, initializers
from codegen.functions.registry import Call
from codegen.layers.kinds import LAYERS
from codegen.planning import error_bounds
from codegen.problem import reference

torch = pytest.importorskip("torch", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")
keras = pytest.importorskip("keras", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.live]
KINDS = tuple(cls.__name__ for cls in LAYERS.values())
COMPILED = 6  # one layer in so many is run as a compiled kernel too

Config = dict[str, Any]
Pick = Callable[[Sequence[Any]], Any]

INITIALIZERS: tuple[tuple[str, Config], ...] = (
    ("GlorotUniform", {"seed": 3}),
    ("HeNormal", {"seed": 4}),
    ("RandomUniform", {"minval": -0.5, "maxval": 0.25, "seed": 5}),
    ("TruncatedNormal", {"mean": 0.5, "stddev": 0.125, "seed": 6}),
    ("VarianceScaling", {"scale": 3.0, "mode": "fan_avg", "distribution": "uniform", "seed": 7}),
    ("Constant", {"value": 0.25}),
    ("Ones", {}),
)
REGULARIZERS: tuple[tuple[str, Config], ...] = (
    ("L1", {"l1": 0.5}),
    ("L2", {"l2": 0.25}),
    ("L1L2", {"l1": 0.125, "l2": 2.0}),
)
CONSTRAINTS: tuple[tuple[str, Config], ...] = (
    ("MaxNorm", {"max_value": 0.5, "axis": 0}),
    ("NonNeg", {}),
    ("UnitNorm", {"axis": 0}),
    ("MinMaxNorm", {"min_value": 0.25, "max_value": 0.75, "rate": 0.5, "axis": 0}),
)
OPTIONS: dict[str, tuple[Config, ...]] = {
    "relu": ({"negative_slope": 0.25, "max_value": 3.5, "threshold": 0.5},),
    "leaky_relu": ({"negative_slope": 0.125},),
    "elu": ({"alpha": 0.5},),
    "celu": ({"alpha": 0.5},),
    "gelu": ({"approximate": True},),
    "soft_shrink": ({"threshold": 0.25},),
    "hard_shrink": ({"threshold": 0.75},),
    "threshold": ({"threshold": 0.5, "default_value": -1.0},),
    "squareplus": ({"b": 2},),
}
NEEDED = {"threshold": {"threshold": 0.5, "default_value": 0.25}}
# torch's softplus is x itself from 20 on, which leaves out log1p(exp(-20)) = 2.1e-9
LEAST = {"softplus": 2.1e-9}


def sparsemax(x: Any, axis: int = -1) -> Any:
    """The nearest distribution; Keras' of 3.15 sums sums, right only where one number is left (its issue 23425)."""
    falling = torch.sort(x, dim=axis, descending=True).values
    shape = [-1 if place == axis % x.ndim else 1 for place in range(x.ndim)]
    count = torch.arange(1, x.shape[axis] + 1).view(shape)
    over = torch.cumsum(falling, dim=axis) - 1
    kept = (falling * count > over).sum(dim=axis, keepdim=True)
    return torch.clamp(x - over.gather(axis, kept - 1) / kept, min=0)


FUNCTIONS = {"sparsemax": sparsemax}


@dataclass(frozen=True)
class Draw:
    """Arguments that both constructors take, an activation with options, and the shape of an input, its batch first."""

    kind: str
    arguments: Config
    activation: tuple[str, Config]
    shape: tuple[int, int, int]

    @property
    def channels_last(self) -> bool:
        return bool(self.arguments.get("data_format") != "channels_first")

    def ours(self, **changes: Any) -> Any:
        word, options = self.activation
        call = Call(word, (), tuple(options.items()))
        return getattr(codegen, self.kind)(**(self.arguments | {"activation": call} | changes))

    def theirs(self, **changes: Any) -> Any:
        """Keras' layer; a row activation works over the channels, which Keras has last only for channels_last."""
        word, options = self.activation
        rowwise = activations.row(activations.get(Call(word, (), tuple(options.items())))).rowwise
        if rowwise and not self.channels_last:
            options = options | {"axis": 1}
        function = functools.partial(FUNCTIONS.get(word) or getattr(keras.activations, word), **options)
        return getattr(keras.layers, self.kind)(**(self.arguments | {"activation": function} | changes))


def config(pick: Pick, table: Sequence[tuple[str, Config]]) -> Config:
    name, options = pick(table)
    return {"class_name": name, "config": dict(options)}


def draw(pick: Pick) -> Draw:
    """Any layer that Keras may be asked for; some of these it refuses."""
    kind = pick(KINDS)
    names = [row.name for row in (*activations.ROWS, *activations.ROWWISE)]
    word = pick(("linear", "relu", *names))
    options = pick((NEEDED.get(word, {}), *OPTIONS.get(word, ())))
    taps, stride, dilation = pick((1, 2, 3, 4, 5, 8)), pick((1, 1, 2, 3)), pick((1, 1, 2, 3))
    arguments: Config = {
        "kernel_size": pick((taps, (taps,))),
        "strides": pick((stride, [stride])),
        "dilation_rate": dilation,
        "padding": pick(("valid", "same", "SAME", "causal")),
        "data_format": pick((None, "channels_last", "channels_first")),
        "use_bias": pick((True, True, False)),
        "trainable": pick((True, True, False)),
        "activity_regularizer": pick((None, config(pick, REGULARIZERS))),
    }
    channels, groups = pick((1, 2, 4, 6)), pick((1, 1, 2, 3))
    if kind != "DepthwiseConv1D":
        arguments["filters"] = pick((2, 4, 6, 12))
    if kind == "Conv1D":
        arguments["groups"] = groups
    if kind in ("DepthwiseConv1D", "SeparableConv1D"):
        arguments["depth_multiplier"] = pick((1, 2, 3))
    if kind == "Conv1DTranspose":
        arguments["output_padding"] = pick((None, None, 0, 1, 2))
    weights = {"DepthwiseConv1D": ("depthwise",), "SeparableConv1D": ("depthwise", "pointwise")}.get(kind, ("kernel",))
    for weight in (*weights, "bias"):
        arguments[f"{weight}_initializer"] = config(pick, INITIALIZERS)
        arguments[f"{weight}_regularizer"] = pick((None, config(pick, REGULARIZERS)))
        arguments[f"{weight}_constraint"] = pick((None, config(pick, CONSTRAINTS)))
    steps = pick(range(1, 40))
    sample = (channels, steps) if arguments["data_format"] == "channels_first" else (steps, channels)
    return Draw(kind, arguments, (word, options), (pick((1, 2, 3)), *sample))


def draws(count: int, seed: int) -> Iterator[Draw]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield draw(lambda options: options[int(rng.integers(len(options)))])


class Refused(Exception):
    """Keras does not take these arguments, or not this input."""


def keras_built(drawn: Draw, **changes: Any) -> Any:
    """Keras' layer with its weights; Refused where Keras raises."""
    try:
        layer = drawn.theirs(**changes)
        layer.build(drawn.shape)
        shape = layer.compute_output_shape(drawn.shape)
        if drawn.activation[0] == "glu":
            drawn.theirs()(np.zeros(drawn.shape))  # only a call tells that an odd number of channels has no halves
    except (ValueError, RuntimeError) as error:
        raise Refused(str(error)) from error
    if min(shape) < 1:  # a transposed layer of Keras may answer with nothing, where ours says that no output is left
        raise Refused(f"an output of shape {shape}")
    return layer


def array(value: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(value))


def numbers(shape: Sequence[int], seed: int) -> np.ndarray:
    """Random float64 numbers that float32 holds exactly."""
    return (np.random.default_rng(seed).standard_normal(shape) / 2).astype(np.float16).astype(np.float64)


def pairs(count: int, seed: int, dtype: str = "float64") -> Iterator[tuple[Draw, Any, Any, np.ndarray]]:
    """Of `count` draws those that Keras takes: the draw, our layer, Keras' in float64 with its weights, an input."""
    for number, drawn in enumerate(draws(count, seed)):
        try:
            theirs = keras_built(drawn, dtype="float64")
        except Refused:
            continue
        ours = drawn.ours(dtype=dtype)
        ours.build(drawn.shape)
        assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights], drawn
        weights = [numbers(w.shape, number + place) for place, w in enumerate(theirs.weights)]
        ours.set_weights(weights)
        theirs.set_weights(weights)
        yield drawn, ours, theirs, numbers(drawn.shape, number)


def defined(layer: Any) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """Our layer's problem and its weights in the problem's shapes."""
    named = dict(zip(layer.spec.weight_shapes(), layer.weights, strict=True))
    return (layer.spec.lower(), *layer.spec.problem_weights(named))


def answer(layer: Any, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return array(layer(x))


def our_judgement(drawn: Draw) -> tuple[Any, list[str]]:
    """The output's shape, and what is wrong with the layer, under --strict-keras."""
    try:
        layer = drawn.ours()
        layer.build(drawn.shape)
        return layer.compute_output_shape(drawn.shape), [str(refusal) for refusal in layer.spec.refusals()]
    except GenConvError as error:
        return None, [str(error)]


def test_the_same_arguments_are_taken_and_refused(specs: int) -> None:
    """Where Keras raises, ours raises too or --strict-keras would; where Keras does not, neither does ours."""
    taken = 0
    for drawn in draws(2 * specs, 21):
        try:
            theirs: Any = keras_built(drawn)
        except Refused as refused:
            theirs = refused
        shape, refusals = our_judgement(drawn)
        if isinstance(theirs, Refused):
            assert refusals, f"{drawn}: only Keras refuses: {theirs}"
        else:
            assert not refusals, f"{drawn}: only ours refuses: {refusals}"
            halved = drawn.activation[0] == "glu"  # Keras' own shape inference does not look at the activation
            assert halved or shape == tuple(theirs.compute_output_shape(drawn.shape)), drawn
            taken += 1
    assert taken > specs // 2


def test_outputs(specs: int) -> None:
    """float64, the definition: whatever Keras' layers compute, all activations, kinds and formats."""
    seen = set()
    for drawn, ours, theirs, x in pairs(specs // 2, 22):
        y = answer(theirs, x)
        problem, *weights = defined(ours)
        expected = reference.convolve(problem, x, *weights)
        least = LEAST.get(drawn.activation[0], 1e-11)
        assert expected.shape == y.shape, drawn
        np.testing.assert_allclose(expected, y, rtol=1e-10, atol=least, err_msg=str(drawn))
        seen |= {drawn.kind, drawn.activation[0]}
    assert set(KINDS) <= seen
    assert len(seen) > 20


def test_compiled_outputs(specs: int) -> None:
    """float32, as a user calls it: within the bound of the plan of what Keras computes in float64."""
    for drawn, ours, theirs, x in pairs(specs // 8, 23, "float32"):
        y, plan = answer(theirs, x), pipeline.kernel_for(ours.spec).plan
        _, *weights = defined(ours)
        allowed = error_bounds.bound(plan, "fast", x.astype(np.float32), *weights)
        options = 2e-7 * np.abs(y) + LEAST.get(drawn.activation[0], 0)  # Keras has its options in float64
        assert (np.abs(ours(x.astype(np.float32)) - y) <= allowed + options).all(), drawn


def test_constraints_of_the_weights(specs: int) -> None:
    """What Keras does to each of its variables after an update."""
    for drawn, ours, theirs, _ in pairs(specs // 2, 25):
        for name, w, variable in zip(ours.spec.weight_shapes(), ours.weights, theirs.weights, strict=True):
            stem = "depthwise" if (drawn.kind, name) == ("DepthwiseConv1D", "kernel") else name
            constraint = getattr(ours.spec, f"{stem.removesuffix('_kernel')}_constraint")
            assert (constraint is None) == (variable.constraint is None), (drawn, name)
            if constraint is not None:
                np.testing.assert_allclose(constraint(w), array(variable.constraint(variable)), rtol=1e-6, atol=1e-7)


def test_losses(specs: int) -> None:
    """Penalties of the outputs, divided by the batch, and of the weights, in Keras' order; none of frozen weights."""
    count = 0
    for number, (drawn, ours, theirs, x) in enumerate(pairs(specs // 2, 24)):
        if number % COMPILED == 0:  # the output's is that of a call
            theirs(x)
            ours(x)
        wanted = [float(loss) for loss in theirs.losses]
        assert len(ours.losses) == len(wanted), drawn
        np.testing.assert_allclose(ours.losses, wanted, rtol=1e-6, err_msg=str(drawn))
        count += len(wanted)
    assert count > specs // 8


def test_a_step_of_training(specs: int) -> None:
    """Gradients of a loss with all its penalties, an update of SGD, the constraints: the weights are then Keras'."""
    for number, (drawn, ours, theirs, x) in enumerate(pairs(specs // 40, 28)):
        push = numbers(answer(theirs, x).shape, number)
        y = theirs(x)
        loss = (y * torch.tensor(push)).sum() + sum(theirs.losses)
        held = list(theirs.trainable_weights)
        if held:
            try:
                loss.backward()
            except RuntimeError as wrong:  # PyTorch's own, in some layers of one tap or one step
                assert "grad_weight needs to be contiguous" in str(wrong)  # noqa: PT017
                continue
            keras.optimizers.SGD(0.25).apply([w.value.grad for w in held], held)
        told = codegen.optimizers.SGD(0.25).minimize(ours, x, lambda y, push=push: (float((y * push).sum()), push))
        np.testing.assert_allclose(told, float(loss), rtol=1e-6, atol=1e-9, err_msg=str(drawn))
        for mine, their in zip(ours.weights, theirs.weights, strict=True):
            np.testing.assert_allclose(mine, array(their), rtol=1e-6, atol=1e-7, err_msg=str(drawn))


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_what_of_an_optimizer_is_not_here_is_said(name: str) -> None:
    """Each argument that Keras' optimizer has, and ours has not, is in the page's table of what is not here."""
    page = (Path(__file__).parents[2] / "docs" / "keras.md").read_text("utf-8")
    said = page[page.index("## Not here") : page.index("## Keras' own test cases")]
    ours, theirs = (
        {word for one in getattr(home, name).__mro__[:-1] for word in inspect.signature(one.__init__).parameters}
        for home in (codegen.optimizers, keras.optimizers)
    )
    absent = theirs - ours - {"name", "kwargs", "args", "self"}
    assert "use_ema" in absent
    assert [word for word in sorted(absent) if f"`{word}`" not in said] == []


def test_configs_are_exchanged(specs: int) -> None:
    """Keras reads ours and writes the same; ours reads Keras' and writes the same."""
    for drawn in draws(specs, 26):
        word, options = drawn.activation
        if options:
            continue  # Keras' configs know an activation's name only
        cls = getattr(codegen, drawn.kind)
        try:
            theirs = keras_built(drawn, activation=word, name="stem")
        except Refused:
            continue
        ours = drawn.ours(name="stem")
        read = type(theirs).from_config(ours.get_config())
        assert read.get_config() == theirs.get_config(), drawn
        assert cls.from_config(theirs.get_config()).get_config() == ours.get_config(), drawn


@pytest.fixture
def numpy_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras' initializers draw by its NumPy backend's random.py, whose package cannot be imported without JAX."""
    for name, contents in (("numpy", {}), ("numpy.nn", {"softmax": None})):
        stub = ModuleType(f"keras.src.backend.{name}")
        vars(stub).update(contents)
        monkeypatch.setitem(sys.modules, stub.__name__, stub)
    where = Path(keras.src.__file__).parent / "backend" / "numpy" / "random.py"
    spec = importlib.util.spec_from_file_location("numpy_random", where)
    assert spec
    assert spec.loader
    drawing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(drawing)
    drawing.draw_seed = lambda seed: np.array([seed, 0], "uint32")  # type: ignore[attr-defined]
    monkeypatch.setattr("keras.src.initializers.random_initializers.random", drawing)


def random_initializers(count: int) -> Iterator[tuple[str, Config, tuple[int, ...], str]]:
    rng = np.random.default_rng(27)

    def number(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    for index in range(count):
        cls = initializers.RANDOM[index % 5] if index % 2 else initializers.NAMED[index % 6]
        known = {
            "mean": number(-1, 1), "stddev": number(0, 2), "minval": number(-2, 0), "maxval": number(0, 2),
            "scale": number(0.1, 4), "mode": ("fan_in", "fan_out", "fan_avg")[index % 3], "gain": number(0.5, 2),
            "distribution": ("uniform", "truncated_normal", "untruncated_normal")[index // 3 % 3],
        }  # fmt: skip
        taken = {name: value for name, value in known.items() if name in cls.__dataclass_fields__}
        shape = tuple(int(n) for n in rng.integers(1, 12, 3 if index % 4 else 1 + index // 4 % 2))
        if cls is initializers.Orthogonal and len(shape) < 2:
            shape = (*shape, 5)
        yield cls.__name__, taken | {"seed": int(rng.integers(2**31))}, shape, ("float32", "float64")[index // 7 % 2]


@pytest.mark.usefixtures("numpy_backend")
def test_initializers_draw_what_the_numpy_backend_draws(specs: int) -> None:
    """Seeded values, bit for bit; Orthogonal, whose QR is torch's there and LAPACK's here, to rounding."""
    for name, options, shape, dtype in random_initializers(specs):
        theirs = array(getattr(keras.initializers, name)(**options)(shape, dtype))
        ours = getattr(initializers, name)(**options)(shape, dtype)
        assert ours.dtype == theirs.dtype, name
        if name == "Orthogonal":
            np.testing.assert_allclose(ours, theirs, atol=5e-6, err_msg=f"{options} {shape}")
        else:
            assert np.array_equal(ours, theirs), (name, options, shape, dtype)


HERE_NOT = {"kwargs", "lora_rank", "lora_alpha", "quantization_config"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_argument_of_keras_is_here(kind: str) -> None:
    """In its order and with its default."""
    theirs = inspect.signature(getattr(keras.layers, kind)).parameters
    ours = inspect.signature(getattr(codegen, kind)).parameters
    wanted = [(name, spot.default) for name, spot in theirs.items() if name not in HERE_NOT]
    assert [(name, ours[name].default) for name, _ in wanted] == wanted
    assert list(ours)[: len(wanted)] == [name for name, _ in wanted]


@pytest.mark.parametrize("table", ["initializers", "regularizers", "constraints", "activations"])
def test_every_name_of_keras_is_here(table: str) -> None:
    """Each name that Keras' own `get` takes, and the class or function that it means."""
    mine = getattr(codegen, table)
    known = getattr(keras.src, table).ALL_OBJECTS_DICT
    assert len(known) > 4
    for name, theirs in known.items():
        if table == "activations":
            found = row(name)
            assert theirs.__name__ in (found.name, *found.aliases)
        elif theirs.__name__ != "".join(table.title())[:-1]:
            assert mine.get(name).__class__.__name__ == theirs.__name__


def test_what_the_page_says_is_as_in_keras_is_in_keras() -> None:
    """docs/keras.md: each method and attribute without a remark, and none of those that Keras is said not to have."""
    from tests.test_docs import written_by

    page, layer = written_by("write_keras"), keras.layers.Conv1D(2, 3)
    layer.build((None, None, 4))
    told = {name.strip("`"): remark for name, _, remark in page._methods()}
    assert len(told) > 20
    for name, remark in told.items():
        if name != "layer(x)":
            assert hasattr(layer, name) == (not remark.startswith((page.NEW, "in Keras a model's"))), name


def test_infinity_is_as_the_page_says() -> None:
    """Each activation of single numbers at -inf, inf and NaN: as in Keras, or told in docs/keras.md."""
    from tests.test_docs import written_by

    page, x = written_by("write_keras"), np.array([-np.inf, np.inf, np.nan])
    for one in activations.ROWS:
        options = NEEDED.get(one.name, {})
        ours = activations.reference(activations.get(Call(one.name, (), tuple(options.items()))), x)
        theirs = array(getattr(keras.activations, one.name)(keras.ops.convert_to_tensor(x), **options))
        told = "where Keras answers NaN" in page.ACTIVATIONS.get(one.name, "")
        assert np.array_equal(ours, theirs, equal_nan=True) != told, one.name


def row(name: str) -> Any:
    """The table's row of an activation, whatever options it needs."""
    return activations.row(activations.get(Call(name, (), tuple(NEEDED.get(name, {}).items()))))


def test_recorded_answers_are_what_keras_says_now() -> None:
    from tests.data.oracles import record_family
    from tests.support import recorded

    for seed, (told, layer) in enumerate(zip(recorded.family(), record_family.layers(), strict=True)):
        if seed % 5 == 0:
            now = dict(record_family.answered(layer, seed))
            assert np.array_equal(now["x"], told.x)
            np.testing.assert_allclose(told.y, now["y"], rtol=1e-12, atol=1e-13, err_msg=str(layer))

"""Keras' face: configs both ways, attributes, losses, summaries, keywords and messages, activations of one's own."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import Conv1D, DepthwiseConv1D, PlanError, ShapeError, SpecError, SpecErrors, pipeline
from codegen.functions import registry
from codegen.layers.kinds import LAYERS
from codegen.layers.layer import Layer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 12, 4)).astype("float32")
REASON = "needs the `live` extra: pip install torch==2.13.0 keras onnx"


@pytest.fixture
def keras() -> Any:
    pytest.importorskip("torch", reason=REASON)
    return pytest.importorskip("keras", reason=REASON)


def sized(cls: type[Layer], **options: Any) -> dict[str, Any]:
    """The arguments of a small layer of any kind."""
    known = cls.kind.__dataclass_fields__
    return {name: value for name, value in ({"filters": 6, "kernel_size": 3} | options).items() if name in known}


# Configs

POLICY = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}


def named(module: str, name: str, **config: Any) -> dict[str, Any]:
    return {"module": f"keras.{module}", "class_name": name, "config": config, "registered_name": None}


# What Keras 3.15 answers for the same arguments
DEFAULT = {
    "name": "stem", "trainable": True, "dtype": POLICY, "filters": 4, "kernel_size": (3,), "strides": (1,),
    "padding": "valid", "data_format": "channels_last", "dilation_rate": (1,), "groups": 1, "activation": "linear",
    "use_bias": True, "bias_initializer": named("initializers", "Zeros"), "kernel_regularizer": None,
    "kernel_initializer": named("initializers", "GlorotUniform", seed=None, input_axes=None, output_axes=None),
    "bias_regularizer": None, "activity_regularizer": None, "kernel_constraint": None, "bias_constraint": None,
}  # fmt: skip
RICH = DEFAULT | {
    "padding": "causal", "dilation_rate": (2,), "activation": "relu", "trainable": False,
    "kernel_initializer": named("initializers", "RandomNormal", mean=0.0, stddev=0.1, seed=7),
    "kernel_regularizer": named("regularizers", "L2", l2=0.5),
    "activity_regularizer": named("regularizers", "L1L2", l1=0.25, l2=0.5),
    "kernel_constraint": named("constraints", "MaxNorm", max_value=3.0, axis=[0, 1]),
}  # fmt: skip


def rich() -> Conv1D:
    return Conv1D(
        4, 3, padding="causal", dilation_rate=2, activation="relu", trainable=False, name="stem",
        kernel_initializer=codegen.initializers.RandomNormal(stddev=0.1, seed=7),
        kernel_regularizer=codegen.regularizers.L2(0.5), kernel_constraint=codegen.constraints.MaxNorm(3, [0, 1]),
        activity_regularizer=codegen.regularizers.L1L2(0.25, 0.5),
    )  # fmt: skip


def test_the_config_is_that_of_keras() -> None:
    assert Conv1D(4, 3, name="stem").get_config() == DEFAULT
    assert rich().get_config() == RICH


@pytest.mark.parametrize("config", [DEFAULT, RICH], ids=["default", "rich"])
def test_a_config_makes_the_layer_again(config: dict[str, Any]) -> None:
    layer = Conv1D.from_config(config)
    assert layer.get_config() == config
    assert Conv1D.from_config(json.loads(json.dumps(config))).spec == layer.spec
    assert layer.trainable is config["trainable"]


@pytest.mark.parametrize("cls", LAYERS.values(), ids=lambda cls: cls.__name__)
def test_every_kind_comes_back_from_its_config(cls: type[Layer]) -> None:
    layer = cls(**sized(cls, activation="tanh", bias_regularizer="l1", strides=2))
    again = cls.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert [name for name in vars(layer.spec) if getattr(layer.spec, name) != getattr(again.spec, name)] == []


@pytest.mark.live
@pytest.mark.compiles
@pytest.mark.parametrize("cls", LAYERS.values(), ids=lambda cls: cls.__name__)
def test_configs_go_both_ways(cls: type[Layer], keras: Any) -> None:
    options = sized(cls, activation="tanh", bias_regularizer=codegen.regularizers.L2(0.5), bias_constraint="non_neg")
    ours = cls(**options, name="stem")
    theirs = getattr(keras.layers, cls.__name__).from_config(ours.get_config())
    assert theirs.get_config() == ours.get_config()
    again = cls.from_config(theirs.get_config())
    assert again.get_config() == ours.get_config()
    theirs.build((None, 20, 4))
    again.build_from_config(theirs.get_build_config())
    assert [tuple(w.shape) for w in theirs.weights] == [w.shape for w in again.weights]
    again.set_weights([RNG.normal(size=w.shape) for w in again.weights])
    theirs.set_weights(again.get_weights())
    x = RNG.normal(size=(2, 20, 4)).astype("float32")
    assert again.get_build_config() == {"input_shape": (None, None, 4)}
    np.testing.assert_allclose(again(x), keras.ops.convert_to_numpy(theirs(x)), atol=1e-5)


@pytest.mark.live
@pytest.mark.compiles
@pytest.mark.parametrize("call", ["relu(0.5)", "leaky_relu(0.3)", "elu(alpha=2.0)", "relu(max_value=1.0)"])
def test_options_of_activations_are_layers_of_keras(call: str, keras: Any) -> None:
    name, inside = call.removesuffix(")").split("(")
    word, _, number = inside.rpartition("=")
    given = registry.Call(name, () if word else (float(number),), ((word, float(number)),) if word else ())
    ours = Conv1D(4, 1, activation=given)
    theirs = keras.layers.Conv1D.from_config(ours.get_config())
    ours.build((None, None, 4))
    theirs.build((None, None, 4))
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(X), keras.ops.convert_to_numpy(theirs(X)), atol=1e-6)
    assert Conv1D.from_config(theirs.get_config()).activation == ours.activation


@pytest.mark.live
def test_objects_of_keras_serve_here(keras: Any) -> None:
    layer = Conv1D(
        4, 3, activation=keras.activations.gelu, kernel_initializer=keras.initializers.HeNormal(seed=3),
        kernel_regularizer=keras.regularizers.L2(0.5), kernel_constraint=keras.constraints.NonNeg(),
    )  # fmt: skip
    layer.build((None, None, 4))
    drawn = keras.ops.convert_to_numpy(keras.initializers.HeNormal(seed=3)((3, 4, 4)))
    assert (layer.kernel == drawn).all(), "an initializer of Keras' draws what it draws there"
    assert layer.activation == codegen.activations.get("gelu")
    assert layer.kernel_regularizer == codegen.regularizers.L2(0.5)
    assert layer.kernel_constraint == codegen.constraints.NonNeg()
    assert layer.get_config()["kernel_initializer"]["class_name"] == "HeNormal"


def swish_10(z: np.ndarray) -> np.ndarray:
    return z / (1 + np.exp(-10 * z))


class Halves(codegen.initializers.Initializer):
    """Of one's own, without options."""

    def __call__(self, shape: tuple[int, ...], dtype: str = "float32") -> np.ndarray:
        return np.full(shape, 0.5, dtype)


def test_objects_of_ones_own_come_back_by_name() -> None:
    layer = Conv1D(4, 3, activation=swish_10, kernel_initializer=Halves(), bias_initializer=Halves)
    config = layer.get_config()
    assert config["activation"] == {
        "module": "builtins", "class_name": "function", "config": "swish_10", "registered_name": "function",
    }  # fmt: skip
    again = Conv1D.from_config(config, custom_objects={"swish_10": swish_10, "Halves": Halves})
    assert again.activation is swish_10
    again.build((None, None, 4))
    assert (again.kernel == 0.5).all()
    assert (again.bias == 0.5).all()
    with pytest.raises(SpecError, match="swish_10"):
        Conv1D.from_config(config | {"kernel_initializer": None, "bias_initializer": None})
    with pytest.raises(SpecErrors, match="unknown initializer `Halves`"):
        Conv1D.from_config(config, custom_objects={"swish_10": swish_10})
    with pytest.raises(SpecError, match="cannot be written as a config; give a function that has a name"):
        Conv1D(4, 3, activation=lambda z: z).get_config()


@pytest.mark.parametrize("table", ["initializers", "regularizers", "constraints", "activations"])
def test_tables_write_and_read_what_they_hold(table: str) -> None:
    module = getattr(codegen, table)
    if table == "activations":
        needed = {row.name: [option.name for option in row.options if option.required] for row in module.ROWS}
        known = [registry.Call(name, (), tuple((word, 0.5) for word in words)) for name, words in needed.items()]
    else:
        known = import_module(f"codegen.functions.{table}").REGISTRY.names()
    for name in known:
        found = module.get(name)
        config = json.loads(json.dumps(module.serialize(found)))
        assert module.get(config) == module.deserialize(config) == found
    assert module.get(None) == (module.LINEAR if table == "activations" else None)


# Attributes, trainable, losses, summary


@pytest.mark.live
def test_arguments_are_attributes_as_keras_holds_them(keras: Any) -> None:
    ours, theirs = Conv1D(4, 3, strides=2, name="stem"), keras.layers.Conv1D(4, 3, strides=2, name="stem")
    for name in ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups", "use_bias"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert type(ours.kernel_initializer).__name__ == type(theirs.kernel_initializer).__name__
    assert not hasattr(Layer, "__getattr__"), "with one, every attribute that a call reads would take longer"
    with pytest.raises(AttributeError):
        ours.no_such_name  # noqa: B018  # looked up for its error


@pytest.mark.live
def test_types_as_keras_users_spell_them(keras: Any) -> None:
    for dtype in ("float32", np.float32, np.dtype("float32"), keras.DTypePolicy("float32"), None):
        assert Conv1D(4, 3, dtype=dtype).dtype == "float32"
    assert Conv1D(4, 3, dtype=keras.DTypePolicy("float64")).get_config()["dtype"]["config"] == {"name": "float64"}
    with pytest.raises(SpecError, match="mixed_float16"):
        Conv1D(4, 3, dtype="mixed_float16")


def test_arguments_of_tf_layers() -> None:
    """tf.layers.Conv1D: its defaults spelled out, with None where it means one."""
    layer = Conv1D(
        4, 3, strides=1, padding="valid", data_format="channels_last", dilation_rate=1, activation=None, use_bias=True,
        kernel_initializer=None, bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None,
        activity_regularizer=None, kernel_constraint=None, bias_constraint=None, trainable=True, name="stem",
    )  # fmt: skip
    assert layer.get_config() == DEFAULT


def test_trainable_may_be_set() -> None:
    layer = rich()
    layer.build((None, None, 4))
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (0, 2)
    layer.trainable = True
    assert (len(layer.trainable_weights), len(layer.non_trainable_weights)) == (2, 0)
    assert layer.get_config() == RICH | {"trainable": True}


def penalised(cls: type[Layer] = Conv1D, **options: Any) -> Layer:
    known = cls.kind.__dataclass_fields__
    names = [name for name in known if name.endswith("_regularizer") and name != "activity_regularizer"]
    chosen = {name: codegen.regularizers.L2(0.1 * (i + 1)) for i, name in enumerate(sorted(names))}
    return cls(**sized(cls, activity_regularizer=codegen.regularizers.L1(0.3), bias_initializer="ones"), **chosen)


@pytest.mark.compiles
def test_losses_are_the_outputs_and_then_the_weights() -> None:
    layer = Conv1D(6, 3, kernel_regularizer="l2", bias_regularizer="l1", activity_regularizer="l2",
                   bias_initializer="ones")  # fmt: skip
    assert layer.losses == []
    layer.build((None, None, 4))
    weights = [0.01 * float((layer.kernel.astype(float) ** 2).sum()), 0.01 * 6]
    assert layer.losses == pytest.approx(weights, rel=1e-12)
    y = layer(X)
    activity = 0.01 * float((y.astype(float) ** 2).sum()) / 3
    assert layer.losses == pytest.approx([activity, *weights], rel=1e-12)
    layer(X[:1])
    assert layer.losses[0] == pytest.approx(0.01 * float((y[:1].astype(float) ** 2).sum()), rel=1e-12)
    layer(X[:0])
    assert layer.losses[0] == 0
    layer.trainable = False
    assert layer.losses == [0.0], "no penalty of weights that no optimizer changes"
    layer.bind(X, y)()
    assert len(layer.losses) == 1
    assert layer.losses[0] == pytest.approx(activity, rel=1e-12)


@pytest.mark.live
@pytest.mark.compiles
@pytest.mark.parametrize("cls", LAYERS.values(), ids=lambda cls: cls.__name__)
def test_losses_are_those_of_keras(cls: type[Layer], keras: Any) -> None:
    ours = penalised(cls)
    theirs = getattr(keras.layers, cls.__name__).from_config(ours.get_config())
    ours(X)
    theirs.build((None, 12, 4))
    theirs.set_weights(ours.get_weights())
    theirs(X)
    found = [float(keras.ops.convert_to_numpy(loss)) for loss in theirs.losses]
    assert ours.losses == pytest.approx(found, rel=1e-5)
    ours.trainable = theirs.trainable = False
    assert len(ours.losses) == len(theirs.losses) == 1


def test_the_summary_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    layer, told = Conv1D(8, 3, name="stem"), []
    layer.summary(told.append)
    assert "stem (Conv1D)  ?             ?" in told[0]
    layer.build((None, None, 4))
    layer.summary()
    assert capsys.readouterr().out == (
        "Layer (type)   Output Shape     Param #\n"
        "---------------------------------------\n"
        "stem (Conv1D)  (None, None, 8)  104\n"
        "\n"
        "Total params: 104 (416.00 B)\n"
        "Trainable params: 104 (416.00 B)\n"
        "Non-trainable params: 0 (0.00 B)\n"
    )


# Activations of one's own


@pytest.mark.compiles
def test_any_callable_serves_as_activation() -> None:
    layer, linear = Conv1D(6, 3, activation=swish_10), Conv1D(6, 3)
    layer.build((None, None, 4))
    linear.build((None, None, 4))
    linear.set_weights(layer.get_weights())
    expected = swish_10(linear(X))
    for _ in range(2):
        np.testing.assert_allclose(layer(X), expected, rtol=1e-6)
    out = np.empty_like(expected)
    assert layer(X, out=out) is out
    np.testing.assert_allclose(out, expected, rtol=1e-6)
    out[:] = 0
    layer.bind(X, out)()
    np.testing.assert_allclose(out, expected, rtol=1e-6)


@pytest.mark.compiles
def test_an_activation_that_changes_the_shape_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"its activation made shape \(3, 10\), expected \(3, 10, 6\)"):
        Conv1D(6, 3, activation=lambda z: z.sum(axis=2))(X)


def test_emission_refuses_an_activation_of_ones_own() -> None:
    layer = Conv1D(6, 3, activation=swish_10, input_shape=(None, 4), name="stem")
    with pytest.raises(
        PlanError, match=r"`stem`: the activation .*swish_10.* has no C; name one of docs/activations.md"
    ):
        pipeline.generate(layer.spec)


class Square:
    """z² with its slope."""

    def __call__(self, z: np.ndarray) -> np.ndarray:
        return z * z

    def gradient(self, z: np.ndarray) -> np.ndarray:
        return 2 * z


@pytest.mark.compiles
def test_training_follows_an_activation_with_a_gradient() -> None:
    layer = Conv1D(2, 3, activation=Square(), dtype="float64", bias_initializer="ones")
    x = X.astype(float)
    dy = RNG.normal(size=layer(x).shape)
    found = layer.gradients(x, dy)
    kernel, bias = layer.get_weights()
    for place in [(0, 0, 0), (2, 3, 1)]:
        losses = []
        for step in (1e-6, -1e-6):
            moved = kernel.copy()
            moved[place] += step
            layer.set_weights([moved, bias])
            losses.append(float((layer(x) * dy).sum()))
        np.testing.assert_allclose(found.kernel[place], (losses[0] - losses[1]) / 2e-6, rtol=1e-6)
    with pytest.raises(SpecError, match="has no `gradient`, so training cannot follow it"):
        Conv1D(2, 3, activation=swish_10).gradients(X, np.ones((3, 10, 2)))


# Keywords and messages


def test_keywords_that_keras_layers_take() -> None:
    assert Conv1D(4, 3, autocast=True, lora_rank=None).built is False  # type: ignore[call-arg]  # Keras' own
    assert Conv1D(4, 3, input_dim=5).spec.input_shape == (None, 5)  # type: ignore[call-arg]  # Keras' own
    first = Conv1D(4, 3, input_dim=5, data_format="channels_first")  # type: ignore[call-arg]  # Keras' own
    assert first.spec.input_shape == (5, None)


POSITIVE = "Expected a strictly positive value. Received"
TUPLE = "argument must be a tuple of 1 integers. Received"
UNKNOWN = "Could not interpret"
WRONG: list[tuple[type[Layer], dict[str, Any], str]] = [
    (Conv1D, {"filters": 0}, f"Invalid value for argument `filters`. {POSITIVE} filters=0."),
    (Conv1D, {"filters": -2}, f"Invalid value for argument `filters`. {POSITIVE} filters=-2."),
    (Conv1D, {"groups": 0}, "The number of groups must be a positive integer. Received: groups=0."),
    (
        Conv1D,
        {"groups": 4},
        "The number of filters must be evenly divisible by the number of groups. Received: groups=4, filters=6.",
    ),
    (
        Conv1D,
        {"kernel_size": 0},
        f"The `kernel_size` {TUPLE} kernel_size=0, including values {{0}} that do not satisfy `value > 0`",
    ),
    (Conv1D, {"kernel_size": (3, 3)}, f"The `kernel_size` {TUPLE} kernel_size=(3, 3)"),
    (
        Conv1D,
        {"strides": -1},
        f"The `strides` {TUPLE} strides=-1, including values {{-1}} that do not satisfy `value > 0`",
    ),
    (Conv1D, {"dilation_rate": 0}, f"The `dilation_rate` {TUPLE} dilation_rate=0, including values {{0}}"),
    (Conv1D, {"padding": "full"}, "The `padding` argument must be a list/tuple or one of {"),
    (
        Conv1D,
        {"data_format": "nwc"},
        "The `data_format` argument must be one of {'channels_first', 'channels_last'}. Received: data_format=nwc",
    ),
    (Conv1D, {"activation": "rleu"}, f"{UNKNOWN} activation function identifier: rleu"),
    (Conv1D, {"activation": 3}, f"{UNKNOWN} activation function identifier: 3"),
    (Conv1D, {"kernel_initializer": "glorot"}, f"{UNKNOWN} initializer identifier: glorot"),
    (Conv1D, {"bias_regularizer": "l3"}, f"{UNKNOWN} regularizer identifier: l3"),
    (Conv1D, {"kernel_constraint": 5}, f"{UNKNOWN} constraint identifier: 5"),
    (
        Conv1D,
        {"trainable": 1},
        "Expected `trainable` to be a boolean. Received: trainable=1 (of type <class 'int'>)",
    ),
    (Conv1D, {"dtype": "float99"}, "Cannot convert 'float99' to a mixed precision DTypePolicy."),
    (Conv1D, {"name": "a/b"}, "Argument `name` must be a string and cannot contain character `/`. Received: name=a/b"),
    (Conv1D, {"bogus": 1}, "Unrecognized keyword arguments passed to Conv1D: {'bogus': 1}"),
    (
        DepthwiseConv1D,
        {"depth_multiplier": 0},
        f"Invalid value for argument `depth_multiplier`. {POSITIVE} depth_multiplier=0.",
    ),
]


@pytest.mark.parametrize(("cls", "options", "sentence"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_argument_is_told_in_keras_words(cls: type[Layer], options: dict[str, Any], sentence: str) -> None:
    with pytest.raises((SpecError, SpecErrors)) as caught:
        cls(**sized(cls) | options)
    assert isinstance(caught.value, ValueError)
    assert sentence in str(caught.value)
    ours = str(caught.value).partition("\n  (Keras: ")[0]
    assert next(iter(options)).rpartition("_")[2] in ours, "ours names the place"
    assert ";" in ours, "and the way out"


@pytest.mark.live
@pytest.mark.parametrize(("cls", "options", "sentence"), WRONG, ids=lambda value: str(value)[:40])
def test_keras_says_so(cls: type[Layer], options: dict[str, Any], sentence: str, keras: Any) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the message is what is looked at
        getattr(keras.layers, cls.__name__)(**sized(cls) | options)
    assert sentence in str(caught.value)


MISFIT = "Input 0 with name 'None' of layer 'stem' is incompatible with the layer: expected"
NEGATIVE = "Computed output size would be zero or negative. Received `inputs shape="
USES: list[tuple[Any, str]] = [
    (
        lambda layer: layer(np.ones((10, 4), "float32")),
        f"{MISFIT} min_ndim=3, found ndim=2. Full shape received: (10, 4)",
    ),
    (
        lambda layer: layer(np.ones((1, 10, 3), "float32")),
        f"{MISFIT} axis -1 of input shape to have value 4, but received input with shape (1, 10, 3)",
    ),
    (
        lambda layer: layer.set_weights([np.ones(3)]),
        "You called `set_weights(weights)` on layer 'stem' with a weight list of length 1, "
        "but the layer was expecting 2 weights.",
    ),
    (
        lambda layer: layer.set_weights([np.ones((6, 4, 3)), np.ones(6)]),
        "Layer stem weight shape (3, 4, 6) is not compatible with provided weight shape (6, 4, 3).",
    ),
    (lambda layer: layer.compute_output_shape((1, 2, 4)), f"{NEGATIVE}(1, 2, 4)`"),
    (lambda layer: type(layer)(6, 3).build((None, 2, 4)), f"{NEGATIVE}(None, 2, 4)`"),
    (
        lambda layer: type(layer)(6, 3, name="fresh").count_params(),
        "You tried to call `count_params` on layer 'fresh', but the layer isn't built. "
        "You can build it manually via: `layer.build(input_shape)`.",
    ),
    (
        lambda layer: type(layer)(6, 3, groups=2).build((None, 10, 3)),
        "The number of input channels must be evenly divisible by the number of groups. "
        "Received groups=2, but the input has 3 channels",
    ),
]


@pytest.mark.parametrize(("use", "sentence"), USES, ids=[sentence[:30] for _, sentence in USES])
@pytest.mark.parametrize("whose", ["ours", pytest.param("theirs", marks=pytest.mark.live)])
def test_a_wrong_use_is_told_in_keras_words(
    use: Any, sentence: str, whose: str, request: pytest.FixtureRequest
) -> None:
    cls = Conv1D if whose == "ours" else request.getfixturevalue("keras").layers.Conv1D
    layer = cls(6, 3, name="stem")
    layer.build((None, 10, 4))
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # the message is what is looked at
        use(layer)
    assert sentence in str(caught.value)

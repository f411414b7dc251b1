"""Layers from Keras and PyTorch by duck typing: doubles stand for those libraries, with the attributes that are read.

tests/live/test_live_interchange.py does the same with the libraries themselves.
"""

from __future__ import annotations

import logging
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codegen
from codegen import ConversionError
from codegen.interchange import naming
from codegen.layers import kinds
from codegen.specs import names
from codegen.specs.kinds import KINDS
from codegen.specs.parameters import parameters

RNG = np.random.default_rng(0)


# Names


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (["features.0", "features.0.conv"], ["features_0", "features_0_conv"]),
        (["0", "1"], ["layer_0", "layer_1"]),
        (["float", "printf", "con", "v4"], ["layer_float", "layer_printf", "layer_con", "layer_v4"]),
        (["stem", "Stem", "STEM"], ["stem", "Stem_1", "STEM_2"]),
        (["stem", "stem_H", "stem_out_steps"], ["stem", "stem_H_1", "stem_out_steps_1"]),
        (["größe", "naïve conv", "a b-c", "in/x"], ["grosse", "naive_conv", "a_b_c", "in_x"]),
        (["a.b", "a/b", "a_b"], ["a_b", "a_b_1", "a_b_2"]),
        (["", "_", "名前", "_x_", "trailing_"], ["layer", "layer_1", "layer_2", "layer_x", "trailing_"]),
        (["n" * 70, "n" * 71], ["n" * 63, "n" * 57 + "_1"]),
        (['x"; system("rm") //', "*/", "..\\..\\etc"], ["x_system_rm", "layer", "etc"]),
    ],
)
def test_names_that_are_no_identifiers_are_mapped(theirs: list[str], ours: list[str]) -> None:
    assert naming.identifiers(theirs) == ours


HARD = [
    "int",
    "v4",
    "conv",
    "Conv",
    "conv_1",
    "CON",
    "uint8_t",
    "a" * 80,
    "stem_H",
    "stem",
    "0.0",
    "x.y",
    "vld1_f32",
    "",
]


@pytest.mark.long
@given(st.lists(st.text(max_size=70) | st.sampled_from(HARD), max_size=12))
@settings(deadline=None)
def test_every_name_becomes_one_that_a_layer_may_have(theirs: list[str]) -> None:
    ours = naming.identifiers(theirs)
    assert len(ours) == len(theirs)
    assert len({name.casefold() for name in ours}) == len(ours)
    assert all(names.check("name", name) == name for name in ours)
    assert naming.identifiers(ours) == ours


def test_a_model_of_mapped_names_is_a_model_of_the_language() -> None:
    """No two headers of the mapped names define the same macro: the language itself says so."""
    ours = naming.identifiers(["stem", "stem_H", "stem.STEPS", "Stem", "float", "0"])
    text = "\n".join(f"conv1d {name} {{ filters = 1, kernel_size = 1, input_shape = (None, 1) }}" for name in ours)
    assert list(codegen.load(text)) == ours


# Doubles


class Tensor:
    """What of torch.Tensor is read: detach, cpu, dtype, requires_grad, the array protocol."""

    def __init__(self, numbers: np.ndarray, dtype: str | None = None) -> None:
        self.numbers, self.requires_grad = numbers, True
        self.dtype = f"torch.{dtype or numbers.dtype}"

    def detach(self) -> Tensor:
        return self

    cpu = detach

    def float(self) -> Tensor:
        return Tensor(self.numbers.astype(np.float32))

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if self.dtype == "torch.bfloat16":
            raise TypeError("Got unsupported ScalarType BFloat16")
        return self.numbers


class Module:
    def forward(self, x: Any) -> Any:
        raise NotImplementedError

    def __init__(self, **children: Any) -> None:
        self._modules = children

    def named_children(self) -> Any:
        return self._modules.items()


class Convolution(Module):
    def __init__(
        self, weight: np.ndarray, bias: np.ndarray | None = None, *, dtype: str | None = None, **more: Any
    ) -> None:
        super().__init__()
        self.weight = Tensor(weight, dtype)
        self.bias = None if bias is None else Tensor(bias, dtype)
        plain = {"stride": (1,), "padding": (0,), "dilation": (1,), "groups": 1, "padding_mode": "zeros"}
        vars(self).update(plain | {"output_padding": (0,)} | more)
        self.kernel_size = (weight.shape[2],)
        self.out_channels, self.in_channels = weight.shape[0], weight.shape[1] * self.groups


class Conv1d(Convolution):
    """torch.nn.Conv1d"""


class ConvTranspose1d(Convolution):
    """torch.nn.ConvTranspose1d, whose weight is (channels, filters, taps)."""

    def __init__(self, weight: np.ndarray, *args: Any, **more: Any) -> None:
        super().__init__(weight, *args, **more)
        self.out_channels, self.in_channels = self.in_channels, self.out_channels


def called(name: str, base: type, **methods: Any) -> type:
    """A class of PyTorch by that name."""
    return type(name, (base,), {"__module__": "torch.nn.modules", **methods})


for cls in (Module, Conv1d, ConvTranspose1d):
    cls.__module__ = "torch.nn.modules.conv"


def conv(channels: int = 2, filters: int = 4, taps: int = 3, *, groups: int = 1, **more: Any) -> Conv1d:
    weight = RNG.normal(size=(filters, channels // groups, taps)).astype(np.float32)
    return Conv1d(weight, RNG.normal(size=filters).astype(np.float32), groups=groups, **more)


class KerasLayer:
    """What of keras.layers.Layer is read."""

    built, compute_dtype, trainable = True, "float32", True

    def __init__(self, name: str = "layer", **attributes: Any) -> None:
        self.name = name
        vars(self).update(attributes)

    def call(self, x: Any) -> Any:
        raise NotImplementedError

    __call__ = call


KerasLayer.__name__, KerasLayer.__module__ = "Layer", "keras.src.layers.layer"


def keras_layer(kind: str, name: str = "layer", base: type = KerasLayer, **attributes: Any) -> Any:
    return type(kind, (base,), {"__module__": "keras.src.layers"})(name, **attributes)


def relu(x: Any) -> Any:
    """keras.activations.relu"""


def mish_of_my_own(x: Any) -> Any:
    """No function of Keras."""


relu.__module__ = "keras.src.activations.activations"
RELU = relu


# From PyTorch


def test_a_conv1d_becomes_a_layer() -> None:
    module = conv(6, 4, 3, groups=2, stride=(2,), dilation=(3,), padding=(5,))
    layer = codegen.from_torch(module)
    assert isinstance(layer, codegen.Conv1D)
    spec = layer.spec
    assert (spec.filters, spec.kernel_size, spec.strides, spec.dilation_rate, spec.groups) == (4, 3, 2, 3, 2)
    assert (spec.padding, spec.data_format, spec.input_shape) == ((5, 5), "channels_first", (6, None))
    assert layer.kernel.shape == (3, 3, 4)
    assert layer.kernel[2, 1, 3] == module.weight.numbers[3, 1, 2]
    assert layer.bias is not None
    assert (layer.bias == module.bias.numbers).all()
    assert "from torch Conv1d" in repr(layer)
    module.weight.numbers[:] = 0
    assert layer.kernel.all()  # a copy


@pytest.mark.parametrize(
    ("padding", "expected"),
    [((0,), "valid"), ((2,), (2, 2)), (2, (2, 2)), (0, "valid"), ("same", "same"), ("valid", "valid")],
)
def test_pytorchs_padding(padding: Any, expected: Any) -> None:
    assert codegen.from_torch(conv(padding=padding)).spec.padding == expected


@pytest.mark.parametrize(
    ("given", "padding", "more"),
    [
        ({}, (0, 0), 0),
        ({"padding": (2,), "stride": (2,), "output_padding": (1,)}, (2, 2), 1),
        ({"padding": (2,), "stride": (1,), "dilation": (3,), "output_padding": (2,)}, (2, 0), 0),
    ],
)
def test_a_transposed_convolution_leaves_out_as_many_outputs(given: dict[str, Any], padding: Any, more: int) -> None:
    weight = RNG.normal(size=(2, 5, 3)).astype(np.float32)
    layer = codegen.from_torch(ConvTranspose1d(weight, **given))
    assert isinstance(layer, codegen.Conv1DTranspose)
    assert (layer.spec.filters, layer.spec.channels, layer.spec.use_bias) == (5, 2, False)
    assert (layer.spec.padding, layer.spec.output_padding) == (padding, more)
    assert layer.kernel[1, 4, 1] == weight[1, 4, 1]
    full = 6 * layer.spec.strides + layer.spec.reach
    (crop,), (further,) = given.get("padding", (0,)), given.get("output_padding", (0,))
    assert layer.compute_output_shape((1, 2, 7)) == (1, 5, full - 2 * crop + further)


def test_options_stand_in_for_what_is_found() -> None:
    layer = codegen.from_torch(
        Conv1d(RNG.normal(size=(4, 2, 3)).astype(np.float64)),
        name="stem",
        data_format="channels_last",
        activation="relu",
        target="scalar",
        input_shape=(50, 2),
        dtype="float32",
    )
    assert (layer.name, layer.dtype, str(layer.spec.activation).split("(")[0]) == ("stem", "float32", "relu")
    assert layer.spec.input_shape == (50, 2)
    assert layer.compute_output_shape((1, 50, 2)) == (1, 48, 4)
    with pytest.raises(codegen.SpecError, match=r"no argument `colour`"):
        codegen.from_torch(conv(), colour="red")


def test_bfloat16_is_widened_where_the_dtype_is_given(tmp_path: Path) -> None:
    halves = (RNG.normal(size=(4, 2, 3)).astype(np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)
    for storage in ("float32", "bfloat16"):
        layer = codegen.from_torch(Conv1d(halves, dtype="bfloat16"), dtype="float32", storage=storage)
        assert (layer.kernel == halves.transpose(2, 1, 0)).all()
        assert layer.storage == storage
        path = tmp_path / f"{storage}.safetensors"
        layer.save_weights(path)
    assert (tmp_path / "float32.safetensors").stat().st_size - path.stat().st_size == pytest.approx(48, abs=8)
    with pytest.raises(
        ConversionError, match=r'expected float32 or float64; give dtype="float32" .* storage="bfloat16"'
    ):
        codegen.from_torch(Conv1d(halves, dtype="bfloat16"))


def lazy() -> Conv1d:
    module = conv()
    module.weight = type("UninitializedParameter", (), {})()
    return module


def hooked(word: str) -> Conv1d:
    module = conv()
    setattr(module, word, module.weight)
    return module


class Unreadable(Tensor):
    def cpu(self) -> Tensor:
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")


def unreadable() -> Conv1d:
    module = conv()
    module.weight = Unreadable(module.weight.numbers)
    return module


PYTORCHS_OWN = called("WSConv1d", Conv1d, forward=lambda self, x: x)

WRONG_TORCH: dict[str, tuple[Any, str]] = {
    "circular": (
        lambda: conv(padding_mode="circular"),
        r'got padding_mode="circular", expected "zeros"; pad x by numpy',
    ),
    "half": (
        lambda: Conv1d(np.ones((1, 1, 1), np.float16)),
        'computes in float16, expected float32 or float64; give dtype="',
    ),
    "complex": (lambda: Conv1d(np.ones((1, 1, 1), complex)), "computes in complex128"),
    "lazy": (lazy, "does not know its input's channels yet; call it once on an input"),
    "pruned": (lambda: hooked("weight_orig"), "made anew in each call by spectral_norm or pruning; remove it first"),
    "own forward": (lambda: PYTORCHS_OWN(np.ones((1, 1, 1), "f4")), "is a Conv1d with a `forward` of its own"),
    "meta": (unreadable, r"its `weight` does not become an array (NotImplementedError: Cannot copy out of meta tensor"),
    "groups": (lambda: ConvTranspose1d(np.ones((2, 1, 3), "f4"), groups=2), "got groups=2, expected 1 of a transposed"),
    "past the end": (
        lambda: ConvTranspose1d(np.ones((2, 1, 3), "f4"), dilation=(3,), padding=(1,), output_padding=(2,)),
        "got output_padding=2 with stride=1 and padding=1, expected less than the stride; the last 1",
    ),
    "batch norm": (lambda: called("BatchNorm1d", Module)(), "torch BatchNorm1d is no 1-D convolution: fold it into"),
    "2-D": (lambda: called("Conv2d", Module)(), "torch Conv2d is no 1-D convolution: only 1-D convolutions are served"),
    "linear": (lambda: called("Linear", Module)(), "torch Linear is no 1-D convolution: expected a torch.nn.Conv1d"),
    "none inside": (
        lambda: Module(a=called("Linear", Module)(), b=called("Linear", Module)()),
        "torch Module holds no 1-D convolution, only 2 Linear",
    ),
    "number": (lambda: 5, "from_torch: got builtins.int, expected a torch.nn.Conv1d, or a module that holds some"),
    "keras": (lambda: keras_layer("Conv1D"), "codegen.from_keras takes it"),
}


@pytest.mark.parametrize(("make", "told"), WRONG_TORCH.values(), ids=WRONG_TORCH)
def test_what_pytorch_has_and_cannot_be(make: Any, told: str) -> None:
    with pytest.raises(ConversionError) as caught:
        codegen.from_torch(make())
    assert told in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_a_frozen_layer_stays_frozen() -> None:
    module = conv()
    module.weight.requires_grad = False
    assert not codegen.from_torch(module).trainable
    assert not codegen.from_keras(wrong_keras(trainable=False)).trainable


def test_circular_padding_can_be_left_to_the_caller() -> None:
    assert codegen.from_torch(conv(padding_mode="circular", padding=(1,)), padding="valid").spec.padding == "valid"


# A whole tree


def tree() -> Module:
    shared = conv(4, 4)
    block = Module(conv=shared, act=called("ReLU", Module)())
    first = Module(**{"0": conv(2, 4), "1": called("BatchNorm1d", Module)(), "float": block})
    return Module(features=first, again=shared, head=Module(norm=called("BatchNorm1d", Module)(), out=conv(4, 1, 1)))


def test_a_tree_of_modules_becomes_a_model(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="codegen"):
        model = codegen.from_torch(tree(), data_format="channels_last")
    assert list(model) == ["features_0", "features_float_conv", "head_out"]
    assert [str(origin) for origin in model.origins.values()] == [
        "torch Conv1d `features.0`",
        "torch Conv1d `features.float.conv`",
        "torch Conv1d `head.out`",
    ]
    assert model.left_out == {"features.1": "BatchNorm1d", "features.float.act": "ReLU", "head.norm": "BatchNorm1d"}
    assert repr(model).splitlines()[1:] == [
        "  features_0           conv1d  (None, 2) → (None, 4)  28 weights  from torch Conv1d `features.0`",
        "  features_float_conv  conv1d  (None, 4) → (None, 4)  52 weights  from torch Conv1d `features.float.conv`",
        "  head_out             conv1d  (None, 4) → (None, 1)  5 weights   from torch Conv1d `head.out`",
        "  left out: 2 BatchNorm1d, 1 ReLU>",
    ]
    assert "from_torch: torch Conv1d `features.0` is `features_0`" in caplog.messages
    assert "from_torch: left out: ReLU `features.float.act`" in caplog.messages


def test_a_hostile_name_stays_printable_and_out_of_c() -> None:
    name = '\x1b[2J*/ #include "/etc/passwd"\n'
    model = codegen.from_torch(Module(**{name: conv(), "other\r": called("ReLU", Module)()}))
    assert list(model) == ["layer_2J_include_etc_passwd"]
    assert model.origins["layer_2J_include_etc_passwd"].name == name
    assert all(line.isprintable() for line in repr(model).splitlines())
    assert list(codegen.to_torch_state(model)) == [f"{name}.weight", f"{name}.bias"]


def test_all_that_cannot_be_in_a_tree_is_told_at_once() -> None:
    wrong = Module(a=conv(padding_mode="reflect"), b=conv(), c=lazy())
    with pytest.raises(ConversionError) as caught:
        codegen.from_torch(wrong)
    first, *rest = str(caught.value).splitlines()
    assert first == "2 layers:"
    assert [line.split(":")[0].strip() for line in rest] == ["torch Conv1d `a`", "torch Conv1d `c`"]
    with pytest.raises(ConversionError, match="got `name`, which is one layer's"):
        codegen.from_torch(Module(b=conv()), name="stem")


def test_a_definition_that_is_refused_names_the_module() -> None:
    module = ConvTranspose1d(np.ones((1, 1, 2), "f4"), padding=(3,))
    with pytest.raises(codegen.SpecError, match="`padding` leaves out") as caught:
        codegen.from_torch(Module(up=module))
    assert caught.value.__notes__ == ["in torch ConvTranspose1d `up`"]


# From Keras


def keras_of(layer: Any, **more: Any) -> Any:
    """The double of the Keras layer that has this one's arguments and weights."""
    held = {
        name: getattr(layer, name) for name in parameters(layer.kind) if name not in ("name", "input_shape", "dtype")
    }
    held["activation"] = RELU
    arrays = dict(zip(layer.spec.weight_shapes(), layer.get_weights(), strict=True))
    return keras_layer(layer.spec.keras, layer.name, **held, **arrays, compute_dtype=layer.dtype, **more)


WORDS: dict[str, dict[str, Any]] = {
    "conv1d": {"filters": 6, "groups": 2, "dilation_rate": 2, "padding": "causal"},
    "depthwise_conv1d": {"depth_multiplier": 3, "strides": 2, "padding": "same"},
    "separable_conv1d": {"filters": 5, "depth_multiplier": 2, "dilation_rate": 3},
    "conv1d_transpose": {"filters": 5, "strides": 3, "padding": "same", "output_padding": 1},
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_keras_and_back(kind: str, data_format: str, dtype: str) -> None:
    shape = (None, 4) if data_format == "channels_last" else (4, None)
    words = {"kernel_size": 3, "activation": "relu", "input_shape": shape, "data_format": data_format, "dtype": dtype}
    ours = kinds.of(KINDS[kind](name="stem", bias_initializer="normal", **words, **WORDS[kind]))
    layer = codegen.from_keras(keras_of(ours))
    assert type(layer) is type(ours)
    assert layer.spec == ours.spec
    assert layer.trainable
    back = codegen.keras_weights(layer)
    assert [array.tobytes() for array in back] == [array.tobytes() for array in ours.get_weights()]
    assert all(array.flags.writeable for array in back)


def test_a_depthwise_layer_of_tf_keras_calls_its_kernel_otherwise() -> None:
    kernel = RNG.normal(size=(3, 2, 2)).astype(np.float32)
    theirs = keras_layer(
        "DepthwiseConv1D", depthwise_kernel=kernel, kernel_size=(3,), depth_multiplier=2, use_bias=False
    )
    layer = codegen.from_keras(theirs)
    assert (layer.kernel == kernel).all()
    assert layer.spec.channels == 2


def test_keras_objects_become_ours() -> None:
    ours = codegen.Conv1D(2, 3, input_shape=(None, 1), name="stem")
    he = keras_layer("HeNormal", get_config=lambda: {"seed": 3})
    seeded = keras_layer("HeNormal", get_config=lambda: {"seed": {"class_name": "SeedGenerator"}})
    l2 = keras_layer("L2", get_config=lambda: {"l2": 0.5})
    leaky = keras_layer("LeakyReLU", get_config=lambda: {"name": "leaky", "trainable": True, "negative_slope": 0.25})
    theirs = keras_of(ours)
    vars(theirs).update(kernel_initializer=he, kernel_regularizer=l2, bias_initializer=seeded, activation=leaky)
    spec = codegen.from_keras(theirs).spec
    assert str(spec.kernel_initializer) == "HeNormal(seed=3)"
    assert str(spec.kernel_regularizer) == "L2(l2=0.5)"
    assert spec.bias_initializer is seeded  # it has state of its own, and is called as it is
    assert str(spec.activation) == "leaky_relu(negative_slope=0.25)"
    theirs.activation = keras_layer("Activation", activation=RELU)
    assert codegen.from_keras(theirs).spec.activation.name == "relu"


def wrong_keras(**attributes: Any) -> Any:
    theirs = keras_of(codegen.Conv1D(2, 3, input_shape=(None, 1), name="stem"))
    vars(theirs).update(attributes)
    return theirs


def own_call() -> Any:
    theirs = wrong_keras()
    return type("Mine", (type(theirs),), {"call": lambda self, x: x})(**vars(theirs))


PRELU = keras_layer("PReLU", get_config=lambda: {"shared_axes": None})

WRONG_KERAS: dict[str, tuple[Any, str]] = {
    "unbuilt": (lambda: wrong_keras(built=False), "keras Conv1D `stem`: is not built and has no weights yet; call it"),
    "half": (lambda: wrong_keras(compute_dtype="bfloat16"), "computes in bfloat16, expected float32 or float64"),
    "int8": (lambda: wrong_keras(kernel=np.ones((3, 1, 2), np.int8)), "its `kernel` is of int8, expected floats"),
    "own activation": (
        lambda: wrong_keras(activation=mish_of_my_own),
        "its activation `mish_of_my_own` is a callable of",
    ),
    "lambda": (lambda: wrong_keras(activation=lambda x: x), "its activation `<lambda>` is a callable of your own"),
    "PReLU": (lambda: wrong_keras(activation=PRELU), "unknown activation `PReLU`; give activation=… here, or None"),
    "own call": (own_call, "is a Conv1D with a `call` of its own, which cannot be read; convert a plain Conv1D"),
    "2-D": (lambda: keras_layer("Conv2D"), "keras Conv2D is no 1-D convolution: only 1-D convolutions are served"),
    "batch norm": (lambda: keras_layer("BatchNormalization"), "is no 1-D convolution: fold it into the convolution"),
    "dense": (lambda: keras_layer("Dense"), "keras Dense is no 1-D convolution: expected a Conv1D, DepthwiseConv1D"),
    "torch": (conv, "from_keras: got torch.nn.modules.conv.Conv1d, expected a Conv1D"),
}


@pytest.mark.parametrize(("make", "told"), WRONG_KERAS.values(), ids=WRONG_KERAS)
def test_what_keras_has_and_cannot_be(make: Any, told: str) -> None:
    with pytest.raises(ConversionError) as caught:
        codegen.from_keras(make())
    assert told in str(caught.value)


def test_an_activation_of_ones_own_can_be_given_on_arrays() -> None:
    layer = codegen.from_keras(wrong_keras(activation=mish_of_my_own), activation=None)
    assert layer.spec.activation.name == "linear"


def test_a_keras_model_becomes_a_model() -> None:
    shared = keras_of(codegen.Conv1D(1, 3, input_shape=(None, 1)))
    shared.name = "a b"
    inner = keras_layer(
        "Functional", "in", layers=[shared, keras_of(codegen.Conv1D(2, 1, input_shape=(None, 1), name="x"))]
    )
    wrapped = keras_layer("TimeDistributed", "each", _flatten_layers=lambda **_: [keras_layer("Dense", "dense")])
    model = codegen.from_keras(
        keras_layer("Sequential", "net", layers=[keras_layer("InputLayer", "input"), shared, inner, wrapped])
    )
    assert list(model) == ["a_b", "in_x"]
    assert model.left_out == {"each/dense": "Dense"}
    weights = codegen.keras_weights(model)
    assert list(weights) == ["a b", "in/x"]
    assert [array.shape for array in weights["in/x"]] == [(1, 1, 2), (2,)]
    assert list(codegen.to_torch_state(model)) == ["a_b.weight", "a_b.bias", "in_x.weight", "in_x.bias"]
    assert repr(model).startswith("<Model net, 2 layers")


@pytest.mark.compiles
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_bias_that_is_asked_for_is_zeros(kind: str) -> None:
    words = {"kernel_size": 3, "input_shape": (9, 4), "bias_initializer": "ones"} | WORDS[kind]
    bare = kinds.of(KINDS[kind](name="stem", use_bias=False, **words))
    found = codegen.from_keras(keras_of(bare), use_bias=True, bias_initializer="normal")
    assert found.bias.tolist() == [0.0] * len(found.bias)
    assert [array.tolist() for array in found.weights[:-1]] == [array.tolist() for array in bare.weights]
    x = np.arange(36, dtype=np.float32).reshape(1, 9, 4)
    np.testing.assert_array_equal(found(x), codegen.from_keras(keras_of(bare))(x))
    both = kinds.of(KINDS[kind](name="stem", **words))
    assert (codegen.from_keras(keras_of(both), use_bias=True).bias == 1).all(), "one that is there stays"
    assert codegen.from_keras(keras_of(both), use_bias=False).bias is None


def test_a_bias_that_is_asked_for_of_pytorch() -> None:
    bare, biased = conv(), conv()
    bare.bias = None
    found = codegen.from_torch(Module(bare=bare, biased=biased), use_bias=True)
    assert found.bare.bias.tolist() == [0.0] * 4
    assert found.biased.bias.tolist() == biased.bias.numbers.tolist()


def placed(layer: Any, *shapes: tuple[int | None, ...]) -> Any:
    """The layer as it stands in a graph, on tensors of these shapes."""
    return called_on(keras_of(layer), *shapes)


def called_on(found: Any, *shapes: tuple[int | None, ...]) -> Any:
    tensors = [type("KerasTensor", (), {"shape": shape})() for shape in shapes]
    found._inbound_nodes = [type("Node", (), {"input_tensors": [tensor]})() for tensor in tensors]
    return found


@pytest.mark.parametrize(
    ("shapes", "steps"),
    [
        ([(None, 40, 2)], 40),
        ([(None, 40, 2), (None, 40, 2)], 40),
        ([(None, 40, 2), (None, 20, 2)], None),
        ([(None, 40, 2), (None, None, 2)], None),
        ([(None, None, 2)], None),
        ([(8, 40, 2)], None),  # of an array on which a model without an Input was called
        ([(None, 5, 40, 2)], None),
        ([], None),
    ],
    ids=str,
)
def test_a_layer_of_a_model_takes_the_steps_that_it_has_there(shapes: Any, steps: int | None) -> None:
    layer = codegen.Conv1D(3, 3, input_shape=(None, 2), name="stem")
    model = keras_layer("Sequential", "net", layers=[placed(layer, *shapes)])
    assert codegen.from_keras(model).stem.spec.input_shape == (steps, 2)
    assert codegen.from_keras(model, input_shape=None).stem.spec.input_shape == (None, 2)
    assert codegen.from_keras(model, strides=2).stem.spec.input_shape == (None, 2), "which other lengths would follow"
    assert codegen.from_keras(model, target="scalar").stem.spec.input_shape == (steps, 2)
    assert codegen.from_keras(model.layers[0]).spec.input_shape == (None, 2), "a layer by itself is bound to no model"
    turned = codegen.from_keras(model, data_format="channels_first").stem
    assert turned.spec.input_shape == (2, steps)


def test_steps_of_channels_first_and_of_models_in_models() -> None:
    first = codegen.Conv1D(3, 3, input_shape=(2, None), name="first", data_format="channels_first")
    last = codegen.Conv1D(3, 3, input_shape=(None, 2), name="last")
    inner = keras_layer("Functional", "in", layers=[placed(last, (None, 30, 2))])
    both = [placed(first, (None, 2, 40)), inner]
    model = codegen.from_keras(keras_layer("Functional", "net", layers=both))
    assert (model.first.spec.steps, model.in_last.spec.steps) == (40, 30)
    called_on(inner, (None, 30, 2), (None, 60, 2))
    assert codegen.from_keras(keras_layer("Functional", "net", layers=both)).in_last.spec.steps is None


# Back to PyTorch


@st.composite
def convs(draw: st.DrawFn) -> Conv1d:
    groups, deep = draw(st.sampled_from([1, 1, 2, 3])), draw(st.integers(1, 4))
    size = groups * deep, groups * draw(st.integers(1, 3)), draw(st.integers(1, 6))
    reach, padding = st.integers(1, 3), draw(st.sampled_from([(0,), (1,), (4,), "same", "valid"]))
    return conv(*size, groups=groups, dilation=(draw(reach),), padding=padding, stride=(draw(reach),))


@pytest.mark.long
@given(st.lists(convs(), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_a_state_goes_back_bit_for_bit(found: list[Conv1d]) -> None:
    model = codegen.from_torch(Module(body=Module(**{str(i): module for i, module in enumerate(found)})))
    state = codegen.to_torch_state(model)
    assert list(state) == [f"body.{i}.{name}" for i in range(len(found)) for name in ("weight", "bias")]
    for i, module in enumerate(found):
        for name in ("weight", "bias"):
            array = state[f"body.{i}.{name}"]
            assert array.tobytes() == getattr(module, name).numbers.tobytes()
            assert array.flags.c_contiguous
            assert array.flags.writeable
        alone = codegen.to_torch_state(model[f"body_{i}"])
        assert list(alone) == ["weight", "bias"]


def test_kinds_that_pytorch_spells_otherwise() -> None:
    """A depthwise layer is a Conv1d with groups; a separable one two modules; the weights keep their places."""
    depthwise = codegen.DepthwiseConv1D(3, depth_multiplier=2, input_shape=(None, 4), name="dw", use_bias=False)
    weight = codegen.to_torch_state(depthwise)["weight"]
    assert weight.shape == (8, 1, 3)
    assert weight[2 * 3 + 1, 0, 2] == depthwise.kernel[2, 3, 1]  # filters of one channel stand together
    again = codegen.from_torch(Conv1d(weight, groups=4))
    assert (again.spec.problem_weights({"kernel": again.kernel})[0].ravel() == depthwise.kernel.ravel()).all()
    separable = codegen.SeparableConv1D(5, 3, depth_multiplier=2, input_shape=(None, 4), name="sep")
    state = codegen.to_torch_state(separable)
    shapes = {"depthwise.weight": (8, 1, 3), "pointwise.weight": (5, 8, 1), "pointwise.bias": (5,)}
    assert {name: array.shape for name, array in state.items()} == shapes
    transposed = codegen.Conv1DTranspose(5, 3, input_shape=(None, 4), name="up")
    weight = codegen.to_torch_state(transposed)["weight"]
    assert weight.shape == (4, 5, 3)
    assert weight[3, 2, 1] == transposed.kernel[1, 2, 3]


def test_a_model_of_our_own_goes_by_its_own_names() -> None:
    text = "conv1d a { input_shape = (None, 3), filters = 4, kernel_size = 3, use_bias = False }\n"
    model = codegen.load(text + "depthwise_conv1d b { input_shape = (None, 4), kernel_size = 5 }")
    assert list(codegen.to_torch_state(model)) == ["a.weight", "b.weight", "b.bias"]
    assert list(codegen.keras_weights(model)) == ["a", "b"]
    assert not model.origins
    assert isinstance(model.left_out, MappingProxyType)

"""from_keras and from_torch on the libraries themselves: the same outputs, and the weights back in their places."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.functions import activations
from codegen.problem import reference

torch = pytest.importorskip("torch", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")
keras = pytest.importorskip("keras", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.live]
SHARE = 4  # one random layer here for so many of --specs


def one(rng: np.random.Generator, *options: Any) -> Any:
    return options[int(rng.integers(len(options)))]


def array(tensor: Any) -> np.ndarray:
    return np.asarray(tensor.detach() if hasattr(tensor, "detach") else tensor)


def assert_equal(layer: Any, x: np.ndarray, theirs: np.ndarray) -> None:
    """Their outputs are those of the converted layer's definition, within twice a direct kernel's bound."""
    problem = layer.spec.lower()
    kernel, bias = layer.spec.problem_weights(dict(zip(layer.spec.weight_shapes(), layer.weights, strict=True)))
    expected = reference.convolve(problem, x, kernel, bias)
    assert expected.shape == theirs.shape
    allowed = 2 * reference.bound(problem, x, kernel, bias) + 8 * np.spacing(np.abs(theirs))
    assert (np.abs(theirs - expected) <= allowed).all()


def random_module(rng: np.random.Generator) -> Any:
    taps, dilation, stride, groups = (int(rng.integers(1, most)) for most in (8, 4, 4, 4))
    channels, filters = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    dtype, bias = one(rng, torch.float32, torch.float32, torch.float64), one(rng, True, False)
    common = {"stride": stride, "dilation": dilation, "bias": bias, "dtype": dtype}
    if one(rng, True, True, False):
        padding = one(rng, 0, int(rng.integers(0, 9)), "valid", "same")
        common |= {"padding": padding, "stride": 1 if padding == "same" else stride, "groups": groups}
        return torch.nn.Conv1d(groups * channels, groups * filters, taps, **common)
    crop, more = int(rng.integers(0, dilation * (taps - 1) + 1)), int(rng.integers(0, max(stride, dilation)))
    more = more if more < stride else min(more, crop)
    return torch.nn.ConvTranspose1d(channels, filters, taps, padding=crop, output_padding=more, **common)


def test_random_modules_of_pytorch(specs: int) -> None:
    rng = np.random.default_rng(41)
    same = 0
    for _ in range(specs // SHARE):
        module = random_module(rng)
        layer = codegen.from_torch(module, target="scalar")
        x = rng.normal(size=(2, module.in_channels, int(rng.integers(24, 40)))).astype(layer.dtype)
        assert_equal(layer, x, array(module(torch.from_numpy(x))))
        state = codegen.to_torch_state(layer)
        assert list(state) == list(module.state_dict())
        assert all(state[name].tobytes() == array(tensor).tobytes() for name, tensor in module.state_dict().items())
        last = codegen.from_torch(module, data_format="channels_last")
        assert_equal(last, x.swapaxes(1, 2), array(module(torch.from_numpy(x))).swapaxes(1, 2))
        same += module.padding == "same" and module.kernel_size[0] % 2 == 0 and module.dilation[0] % 2 == 1
    assert same >= specs // SHARE // 50  # PyTorch's odd zero was seen, and stands where ours does


def random_layer(rng: np.random.Generator) -> Any:
    kind = one(rng, "Conv1D", "DepthwiseConv1D", "SeparableConv1D", "Conv1DTranspose")
    stride = int(rng.integers(1, 4))
    words: dict[str, Any] = {
        "kernel_size": int(rng.integers(1, 7)),
        "strides": stride,
        "padding": one(rng, "valid", "same", *(["causal"] if kind == "Conv1D" else [])),
        "use_bias": one(rng, True, False),
        "bias_initializer": "random_normal",
        "activation": one(rng, None, "relu", "tanh", "silu"),
    }
    words["dilation_rate"] = one(rng, 1, 2, 3) if stride == 1 else 1
    if kind != "DepthwiseConv1D":
        words["filters"] = 2 * int(rng.integers(1, 4))
    if kind in ("DepthwiseConv1D", "SeparableConv1D"):
        words["depth_multiplier"] = int(rng.integers(1, 4))
    if kind == "Conv1D":
        words["groups"] = one(rng, 1, 2)
    if kind == "Conv1DTranspose":
        words["output_padding"] = one(rng, None, *range(stride))
    return getattr(keras.layers, kind)(**words)


def test_random_layers_of_keras(specs: int) -> None:
    rng = np.random.default_rng(42)
    for _ in range(specs // SHARE):
        theirs = random_layer(rng)
        x = rng.normal(size=(2, int(rng.integers(20, 30)), 4)).astype(np.float32)
        y = array(theirs(x))
        layer = codegen.from_keras(theirs)
        assert layer.name == theirs.name
        assert_equal(layer, x, y)
        theirs.set_weights([np.zeros_like(each) for each in theirs.get_weights()])
        theirs.set_weights(codegen.keras_weights(layer))
        assert array(theirs(x)).tobytes() == y.tobytes()


def test_every_activation_of_keras_that_is_known_here() -> None:
    options = {"threshold"}  # which Keras, too, does not call without its options
    known = [row.name for row in activations.ROWS if hasattr(keras.activations, row.name) and row.name not in options]
    assert len(known) > 10
    for name in known:
        theirs = keras.layers.Conv1D(4, 1, activation=name)
        theirs.build((None, None, 2))
        assert codegen.from_keras(theirs).spec.activation == activations.get(name)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: keras.layers.LeakyReLU(negative_slope=0.25), "leaky_relu(negative_slope=0.25)"),
        (lambda: keras.layers.ReLU(max_value=6.0), "relu(negative_slope=0.0, max_value=6.0, threshold=0.0)"),
        (lambda: keras.layers.ELU(alpha=0.5), "elu(alpha=0.5)"),
        (lambda: keras.layers.Activation("tanh"), "tanh"),
        (
            lambda: functools.partial(keras.activations.leaky_relu, negative_slope=0.125),
            "leaky_relu(negative_slope=0.125)",
        ),
        (lambda: functools.partial(keras.activations.gelu, approximate=True), "gelu(approximate=True)"),
    ],
)
def test_activations_with_options(make: Any, told: str) -> None:
    theirs = keras.layers.Conv1D(3, 2, activation=make())
    x = np.random.default_rng(0).normal(size=(1, 9, 2)).astype(np.float32)
    y = array(theirs(x))
    layer = codegen.from_keras(theirs)
    assert str(layer.spec.activation) == told
    np.testing.assert_allclose(layer(x), y, rtol=1e-5, atol=1e-6)


def test_a_keras_model_with_models_and_wrappers_in_it() -> None:
    inner = keras.Sequential([keras.Input((None, 8)), keras.layers.DepthwiseConv1D(3, name="dw")], name="float")
    shared = keras.layers.Conv1D(8, 3, padding="same", name="stem-1", activation="relu")
    start = keras.Input((40, 8))
    x = keras.layers.BatchNormalization(name="norm")(shared(shared(start)))
    x = keras.layers.TimeDistributed(keras.layers.Dense(2, name="dense"), name="each")(inner(x))
    theirs = keras.Model(start, x, name="net")
    model = codegen.from_keras(theirs)
    assert list(model) == ["stem_1", "float_dw"]
    assert [origin.name for origin in model.origins.values()] == ["stem-1", "float/dw"]
    assert model.left_out == {"norm": "BatchNormalization", "each/dense": "Dense"}
    given = np.random.default_rng(1).normal(size=(2, 40, 8)).astype(np.float32)
    np.testing.assert_allclose(model.stem_1(given), array(shared(given)), rtol=1e-4, atol=1e-5)
    for path, arrays in codegen.keras_weights(model).items():
        layer = functools.reduce(lambda at, name: at.get_layer(name), path.split("/"), theirs)
        layer.set_weights([each + 1 for each in arrays])
    assert (array(shared.kernel) == model.stem_1.kernel + 1).all()


def test_lengths_and_biases_of_a_model_before_batch_normalization() -> None:
    """Each layer has the steps that Keras finds for it, and a bias for the normalization to be folded into."""
    plain, last = {"use_bias": False}, {"dilation_rate": 2}
    stack = [
        keras.Input((40, 3)),
        keras.layers.Conv1D(8, 3, strides=2, name="stem", **plain),
        keras.layers.BatchNormalization(),
        keras.layers.Conv1DTranspose(4, 4, strides=3, name="up", **plain),
        keras.layers.SeparableConv1D(4, 5, name="mix"),
        keras.layers.DepthwiseConv1D(3, name="each", **last),
    ]
    theirs = keras.Sequential(stack)
    model = codegen.from_keras(theirs, use_bias=True)
    assert [layer.spec.steps for layer in model.values()] == [40, 19, 58, 54]
    x = np.random.default_rng(3).normal(size=(2, 40, 3)).astype(np.float32)
    np.testing.assert_allclose(model.stem(x), array(theirs.get_layer("stem")(x)), rtol=1e-4, atol=1e-5)
    assert [(layer.bias == 0).all() for layer in model.values()] == [True] * 4
    called = keras.Sequential([keras.layers.Conv1D(8, 3, name="stem")])
    called(x)
    assert array(called(x[:, :30])).shape == (2, 28, 8), "which Keras does not hold to the first array's length"
    assert codegen.from_keras(called).stem(x[:, :30]).shape == (2, 28, 8)


class Twice(keras.layers.Layer):
    """A layer of somebody's own, with layers in it."""

    def __init__(self) -> None:
        super().__init__(name="twice")
        self.first = keras.layers.Conv1D(4, 3, name="first")
        self.second = keras.layers.SeparableConv1D(4, 3, name="second", activation="silu")

    def call(self, x: Any) -> Any:
        return self.second(self.first(x))


def test_layers_in_a_layer_of_ones_own() -> None:
    theirs, x = Twice(), np.random.default_rng(4).normal(size=(1, 20, 3)).astype(np.float32)
    y = array(theirs(x))
    model = codegen.from_keras(theirs)
    assert list(model) == ["first", "second"]
    np.testing.assert_allclose(model.second(model.first(x)), y, rtol=1e-4, atol=1e-5)


class Block(torch.nn.Module):
    """A residual block, as networks have them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = torch.nn.Conv1d(width, width, 4, padding="same", groups=width)
        self.norm = torch.nn.BatchNorm1d(width)
        self.up = torch.nn.utils.parametrizations.weight_norm(torch.nn.ConvTranspose1d(width, width, 4, 2, 1))

    def forward(self, x: Any) -> Any:
        return self.up(torch.relu(self.norm(x + self.conv(x))))


def test_a_tree_of_pytorch_modules_computes_the_same_by_our_layers() -> None:
    torch.manual_seed(3)
    net = torch.nn.Sequential(torch.nn.Conv1d(3, 6, 5, stride=2, padding=2), Block(6)).eval()
    model = codegen.from_torch(net)
    assert list(model) == ["layer_0", "layer_1_conv", "layer_1_up"]
    assert model.left_out == {"1.norm": "BatchNorm1d"}
    x = torch.randn(2, 3, 64)
    with torch.no_grad():
        stem = model.layer_0(x)
        deep = torch.relu(net[1].norm(stem + model.layer_1_conv(stem)))
        np.testing.assert_allclose(model.layer_1_up(deep), net(x), rtol=1e-4, atol=1e-5)


def test_a_state_dict_goes_into_a_module_and_comes_back() -> None:
    net = torch.nn.Sequential(torch.nn.Conv1d(3, 6, 5), torch.nn.Sequential(torch.nn.ConvTranspose1d(6, 4, 3, 2)))
    model = codegen.from_torch(net)
    for layer in model.values():
        layer.set_weights([each * 2 for each in layer.get_weights()])
    x = torch.randn(1, 3, 20)
    missing = net.load_state_dict(
        {name: torch.from_numpy(each) for name, each in codegen.to_torch_state(model).items()}
    )
    assert not missing.missing_keys
    assert not missing.unexpected_keys
    with torch.no_grad():
        np.testing.assert_allclose(model.layer_1_0(model.layer_0(x)), net(x), rtol=1e-4, atol=1e-5)


def test_a_separable_layer_is_two_modules_of_pytorch() -> None:
    layer = codegen.SeparableConv1D(
        5, 3, depth_multiplier=2, input_shape=(4, None), data_format="channels_first", bias_initializer="random_normal"
    )
    net = torch.nn.Sequential()
    net.add_module("depthwise", torch.nn.Conv1d(4, 8, 3, groups=4, bias=False))
    net.add_module("pointwise", torch.nn.Conv1d(8, 5, 1))
    net.load_state_dict({name: torch.from_numpy(each) for name, each in codegen.to_torch_state(layer).items()})
    x = np.random.default_rng(2).normal(size=(1, 4, 30)).astype(np.float32)
    np.testing.assert_allclose(layer(x), array(net(torch.from_numpy(x))), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: torch.nn.Conv1d(2, 2, 3, padding=1, padding_mode="circular"), 'got padding_mode="circular"'),
        (lambda: torch.nn.Conv1d(2, 2, 3).half(), "computes in float16"),
        (lambda: torch.nn.Conv1d(2, 2, 3, device="meta"), "its `weight` does not become an array"),
        (lambda: torch.nn.LazyConv1d(2, 3), "does not know its input's channels yet"),
        (lambda: torch.nn.utils.spectral_norm(torch.nn.Conv1d(2, 2, 3)), "by spectral_norm or pruning"),
        (lambda: torch.nn.ConvTranspose1d(2, 2, 3, groups=2), "got groups=2, expected 1"),
        (lambda: torch.nn.BatchNorm1d(3), "torch BatchNorm1d is no 1-D convolution: fold it"),
        (lambda: torch.nn.Conv2d(3, 3, 3), "torch Conv2d is no 1-D convolution"),
    ],
)
def test_what_pytorch_has_and_cannot_be(make: Any, told: str) -> None:
    with pytest.raises(codegen.ConversionError) as caught:
        codegen.from_torch(make())
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: keras.layers.Conv1D(2, 3), "is not built and has no weights yet"),
        (lambda: built(keras.layers.Conv1D(2, 3, dtype="mixed_float16")), "computes in float16"),
        (lambda: built(keras.layers.Conv1D(2, 3, activation=keras.layers.PReLU())), "activation `PReLU`"),
        (
            lambda: built(keras.layers.Conv1D(2, 3, activation=lambda x: x)),
            "its activation `<lambda>` is a callable of",
        ),
        (lambda: keras.layers.BatchNormalization(), "is no 1-D convolution: fold it"),
        (lambda: keras.layers.Conv2D(2, 3), "keras Conv2D is no 1-D convolution"),
    ],
)
def test_what_keras_has_and_cannot_be(make: Any, told: str) -> None:
    with pytest.raises(codegen.ConversionError) as caught:
        codegen.from_keras(make())
    assert told in str(caught.value)


def built(layer: Any) -> Any:
    layer.build((None, None, 2))
    return layer


def test_a_layer_with_low_rank_updates_is_read_as_it_computes() -> None:
    theirs = built(keras.layers.Conv1D(4, 3))
    theirs.enable_lora(2)
    for variable in (theirs.lora_kernel_a, theirs.lora_kernel_b):
        variable.assign(np.full(variable.shape, 0.25, "float32"))
    x = np.random.default_rng(3).normal(size=(1, 12, 2)).astype(np.float32)
    np.testing.assert_allclose(codegen.from_keras(theirs)(x), array(theirs(x)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("library", ["keras", "torch"])
def test_the_page_on_weights_says_what_is_so(library: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "weights.md").read_text("utf-8")
    (block,) = re.findall(rf"^```text\n(import {library}\n.*?)^```$", page, re.M | re.S)
    exec(block, {})
    assert f"from {library} " in capsys.readouterr().out


def test_a_module_called_on_so_many_steps_tells_each_layer_s_length() -> None:
    class Halves(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Conv1d(3, 4, 5, stride=2, padding=2)
            self.norm = torch.nn.BatchNorm1d(4)
            self.both = torch.nn.Conv1d(4, 4, 3, padding=1)
            self.up = torch.nn.ConvTranspose1d(4, 2, 4, stride=2)

        def forward(self, x: Any) -> Any:
            half = self.norm(self.first(x))
            return self.up(self.both(self.both(half)[..., ::2]))

    module = Halves()
    module.both.eval()
    means = module.norm.running_mean.clone()
    model = codegen.from_torch(module, steps=100)
    told = {name: layer.spec.input_shape for name, layer in model.items()}
    assert told == {"first": (3, 100), "both": (4, None), "up": (4, 25)}  # `both` has two lengths
    assert [module.training, module.norm.training, module.both.training] == [True, True, False]
    assert bool((module.norm.running_mean == means).all())
    assert not module.first._forward_pre_hooks
    x = np.random.default_rng(3).standard_normal((2, 3, 100), np.float32)
    assert_equal(model.first, x, array(module.first(torch.from_numpy(x))))
    assert [layer.spec.steps for layer in codegen.from_torch(module).values()] == [None] * 3
    turned = codegen.from_torch(module.first, steps=7, data_format="channels_last")
    assert turned.spec.input_shape == (7, 3)
    with pytest.raises(codegen.ConversionError, match=r"called on zeros of \(1, channels, 4\).*leave `steps` out"):
        codegen.from_torch(torch.nn.Sequential(torch.nn.Conv1d(2, 2, 5), torch.nn.Linear(9, 1)), steps=4)
    with pytest.raises(codegen.ConversionError, match="expected a whole number, 1 or more"):
        codegen.from_torch(module, steps=0)

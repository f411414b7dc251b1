"""Whole modules of PyTorch by from_torch beside PyTorch itself; needs the `live` extra."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.graph import reference
from tests.live import torch_models

torch = pytest.importorskip("torch", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.live]
NETS = torch_models.nets(torch)
NEEDS = {"flat"}  # an example: the steps must be known


def outputs(module: Any, x: Any) -> list[Any]:
    with torch.no_grad():
        found = module(torch.from_numpy(x))
    return [one.numpy() for one in (found if isinstance(found, tuple) else (found,))]


def assert_alike(net: Any, module: Any, x: Any) -> None:
    made = reference.run(net.graph, {"x": x.swapaxes(1, 2)}, net.weights).values()
    for ours, expected in zip(made, outputs(module, x), strict=True):
        turned = ours.swapaxes(1, 2) if expected.ndim == 3 else ours
        assert np.abs(turned.reshape(expected.shape) - expected).max() < 1e-5 * np.sqrt((expected**2).mean())


@pytest.mark.parametrize("name", NETS)
def test_modules_are_read(name: str) -> None:
    make, shape = NETS[name]
    module = torch_models.filled(torch, make()).train()
    example = torch.zeros(shape) if name in NEEDS else None
    model = codegen.from_torch(module, example=example, target="scalar")
    assert not model.unread
    assert module.training, "and stay as they were"
    module.eval()
    x = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    (net,) = model.nets.values()
    assert net.graph.steps == (shape[2] if name in NEEDS else None)
    assert_alike(net, module, x)
    again = codegen.load(model.to_conv(), weights=weights_of(net))
    assert_alike(next(iter(again.nets.values())), module, x)


@pytest.mark.parametrize(
    ("name", "opset"),
    [("chain", 9), ("chain", 23), ("residual", 10), ("residual", 17), ("recurrent", 13), ("recurrent", 23)],
)
def test_what_pytorch_exports_as_onnx(name: str, opset: int, tmp_path: Path) -> None:
    """By its exporter of TorchScript, with a free batch and a free number of steps."""
    make, shape = NETS[name]
    module, path = torch_models.filled(torch, make()), tmp_path / "net.onnx"
    options = {"input_names": ["x"], "dynamic_axes": {"x": {0: "batch", 2: "steps"}}, "dynamo": False}
    torch.onnx.export(module, (torch.zeros(1, *shape[1:]),), str(path), opset_version=opset, **options)
    (net,) = codegen.read(path).nets.values()
    assert net.graph.steps is None
    assert_alike(net, module, np.random.default_rng(3).normal(size=shape).astype(np.float32))


def test_lines_between_steps(tmp_path: Path) -> None:
    """Upsample(mode="linear") by even and odd factors, live and as ONNX; by its corners it is refused."""
    up = [torch.nn.Upsample(scale_factor=scale, mode="linear") for scale in (2, 3)]
    module = torch.nn.Sequential(torch.nn.Conv1d(3, 4, 3), *up).double()
    x = np.random.default_rng(3).standard_normal((2, 3, 11))
    torch.onnx.export(module, (torch.from_numpy(x),), tmp_path / "up.onnx", opset_version=17, dynamo=False)
    for model in (codegen.from_torch(module), codegen.read(tmp_path / "up.onnx")):
        (net,) = model.nets.values()
        assert_alike(net, module, x)
    corners = torch.nn.Upsample(scale_factor=2, mode="linear", align_corners=True)
    told = codegen.from_torch(torch.nn.Sequential(torch.nn.Conv1d(3, 4, 3), corners)).unread
    assert "align_corners=True, expected nearest or linear" in told


def test_circular_padding() -> None:
    ring = torch.nn.Conv1d(3, 4, 3, padding=2, dilation=2, padding_mode="circular")
    module = torch.nn.Sequential(ring, torch.nn.Tanh(), torch.nn.CircularPad1d((2, 1))).eval()
    (net,) = codegen.from_torch(module, target="scalar").nets.values()
    assert_alike(net, module, np.random.default_rng(3).normal(size=(2, 3, 20)).astype(np.float32))


def weights_of(net: Any) -> dict[str, Any]:
    return {f"{layer}/{word}": array for layer, arrays in net.weights.items() for word, array in arrays.items()}


@pytest.mark.compiles
def test_a_model_is_called_whose_layers_are_channels_first() -> None:
    """As their modules are; where one is none by itself, as it pads, all are as the whole has them."""
    chain = torch_models.filled(torch, NETS["chain"][0]())
    x = np.random.default_rng(3).normal(size=(2, 3, 60)).astype(np.float32)
    for module, layout in ((chain[:4], "channels_first"), (chain, "channels_last")):
        model = codegen.from_torch(module)
        made, (expected,) = model(x.swapaxes(1, 2)), outputs(module, x)
        made = made.swapaxes(1, 2) if expected.ndim == 3 else made[:, 0]
        np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-5)
        assert model.layer_0.data_format == layout
        assert list(model) == ["layer_0", "layer_3", "layer_4"][: len(model)]


class Replaced(torch.nn.Module):  # type: ignore[misc]  # torch is not read where types are checked
    """Convolutions that are accelerated, grouped ones among them, and a layer of channels_last that is a module."""

    def __init__(self) -> None:
        super().__init__()
        nn = torch.nn
        self.stem, self.up = nn.Conv1d(2, 8, 5, padding=2), nn.ConvTranspose1d(8, 4, 4, 2, 1, groups=2)
        self.each = nn.Conv1d(8, 8, 3, padding=2, dilation=2, groups=8, bias=False)
        self.head = codegen.to_torch(codegen.Conv1D(3, 3, padding="same", activation="tanh", input_shape=(None, 4)))

    def forward(self, x: Any) -> Any:
        y = torch.relu(self.stem(x))
        return self.head(self.up(y + self.each(y)).transpose(1, 2)).transpose(1, 2)


@pytest.mark.compiles
def test_an_accelerated_module_is_read() -> None:
    torch.manual_seed(1)
    module, x = Replaced().eval(), np.random.default_rng(4).normal(size=(2, 2, 40)).astype(np.float32)
    (expected,) = outputs(module, x)
    assert codegen.accelerate(module) == {}
    model = codegen.from_torch(module, example=torch.from_numpy(x))
    assert {"stem", "each", "head"} <= set(model)
    assert "initializer" not in model.to_conv()
    net = model.nets["net"]
    (y,) = reference.run(net.graph, {"x": x.swapaxes(1, 2)}, net.weights).values()
    np.testing.assert_allclose(y.swapaxes(1, 2), expected, rtol=1e-5, atol=1e-6)


def test_an_accelerated_sequential_shows_its_input() -> None:
    """Without an example; a module of one layer of channels_last among them."""
    nn = torch.nn
    last = codegen.to_torch(codegen.Conv1D(3, 3, padding="same", input_shape=(None, 4)))
    nets = nn.Sequential(nn.ConvTranspose1d(4, 4, 3, 2, groups=2), nn.Tanh()), nn.Sequential(last, nn.Linear(3, 2))
    x = np.random.default_rng(4).normal(size=(2, 20, 4)).astype(np.float32)
    for module, first in zip(nets, (True, False), strict=True):
        assert codegen.accelerate(module) == {}
        net = codegen.from_torch(module, target="scalar").nets["net"]
        (expected,) = outputs(module, x.swapaxes(1, 2).copy() if first else x)
        (y,) = reference.run(net.graph, {"x": x}, net.weights).values()
        np.testing.assert_allclose(y.swapaxes(1, 2) if first else y, expected, rtol=1e-5, atol=1e-6)


def test_calls_share_weights() -> None:
    module = torch_models.filled(torch, NETS["residual"][0]())
    (net,) = codegen.from_torch(module).nets.values()
    called = [node.op.layer.name for node in net.graph.nodes if hasattr(node.op, "layer")]
    assert called.count("causal") == 2
    assert list(net.weights["causal"]) == ["kernel"]


class Own(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]  # torch may have no types here
    """Operations that are not known here."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv1d(2, 4, 3, padding=1)

    def forward(self, x: Any) -> Any:
        return torch.fft.irfft(torch.fft.rfft(self.conv(x))) + torch.cumsum(x.flip(2)[:, :1], 2)


def test_what_is_not_known_leaves_the_layers_and_says_why() -> None:
    model = codegen.from_torch(Own())
    assert list(model) == ["conv"]
    with pytest.raises(codegen.UsageError, match="parts cannot be read") as caught:
        model(np.zeros((1, 64, 2), "f4"))
    for word in ("fft_rfft is not known here", "cumsum is not known here", "skip=['cumsum']"):
        assert word in str(caught.value)
    flat = torch_models.filled(torch, NETS["flat"][0]())
    assert "example=torch.zeros(1, channels, steps)" in codegen.from_torch(flat).unread


class Snake(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]  # torch may have no types here
    """x + sin²(ax) / a, of Ziyin et al. (2020), each channel with an `a` of its own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = torch.nn.Parameter(torch.linspace(0.5, 2, channels)[None, :, None])

    def forward(self, x: Any) -> Any:
        return x + (1.0 / (self.alpha + 1e-9)) * torch.sin(x * self.alpha).pow(2)


class Reductions(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]  # torch may have no types here
    """What is taken over steps and over channels: a norm, variances, attention, what is spread again."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv1d(2, 4, 3, padding=1)
        self.score = torch.nn.Conv1d(4, 4, 1)
        self.best = torch.nn.AdaptiveMaxPool1d(1)

    def forward(self, x: Any) -> Any:
        y = self.conv(x)
        y = (y - y.mean(dim=1, keepdim=True)) / torch.sqrt(y.var(dim=1, keepdim=True, unbiased=False) + 1e-8)
        y = y / (torch.linalg.vector_norm(y, dim=2, keepdim=True) + 1e-6) + self.best(y).expand_as(y)
        weights = torch.softmax(self.score(y), dim=2)
        mean = torch.sum(y * weights, dim=2)
        return torch.cat([mean, torch.sqrt((y**2 * weights).sum(dim=2) - mean**2 + 1e-3), y.amin(dim=2)], dim=1)


normed = torch.nn.utils.parametrizations.weight_norm
MORE = {
    "snake": (lambda: torch.nn.Sequential(normed(torch.nn.Conv1d(2, 4, 3, padding=1)), Snake(4)), (2, 2, 20)),
    "reductions": (Reductions, (2, 2, 20)),
}


@pytest.mark.parametrize("name", MORE)
def test_sines_and_reductions(name: str, tmp_path: Path) -> None:
    """Live, as a program of torch.export, and as ONNX of several opsets."""
    make, shape = MORE[name]
    torch.manual_seed(4)
    module, path = make().eval(), tmp_path / "net.onnx"
    x = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    example = torch.from_numpy(x[:1])
    models = [codegen.from_torch(module, target="scalar"), codegen.from_torch(torch.export.export(module, (example,)))]
    for opset in (9, 13, 17, 20):
        free = {"input_names": ["x"], "dynamic_axes": {"x": {0: "batch", 2: "steps"}}, "dynamo": False}
        with torch.no_grad():
            torch.onnx.export(module, (example,), str(path), opset_version=opset, **free)
        models.append(codegen.read(path))
    for at, model in enumerate(models):
        assert not model.unread
        (net,) = model.nets.values()
        assert net.graph.steps == (20 if at == 1 else None)
        assert_alike(net, module, x)


class Picked(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]  # torch may have no types here
    """Each second step, channels backwards and in another order, unit vectors, a root of a mean square."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = torch.nn.RMSNorm(4, eps=1e-3)

    def forward(self, x: Any) -> Any:
        functional = torch.nn.functional
        y = functional.normalize(x.flip(1), dim=1)[:, :, ::2] + torch.rsqrt(x * x + 1)[:, :, ::2]
        return self.norm(y.transpose(1, 2)).transpose(1, 2)[:, 1::2]


def test_numbers_that_are_picked() -> None:
    x = np.random.default_rng(3).normal(size=(2, 4, 20)).astype(np.float32)
    module = torch_models.filled(torch, Picked())
    model = codegen.from_torch(module, example=torch.from_numpy(x), target="scalar")
    assert not model.unread
    assert_alike(next(iter(model.nets.values())), module, x)


class Behind(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]  # torch may have no types here
    """What a function makes of a convolution."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.conv, self.function = torch.nn.Conv1d(2, 4, 3), function

    def forward(self, x: Any) -> Any:
        return self.function(self.conv(x))


def test_rows_that_are_stacked_are_steps() -> None:
    torch.manual_seed(1)
    module = Behind(lambda y: torch.stack([y.mean(2), y.amax(2), y[:, :, -1]], dim=1)).eval()
    x = np.random.default_rng(4).normal(size=(2, 2, 20)).astype(np.float32)
    net = codegen.from_torch(module, target="scalar").nets["net"]
    (y,) = reference.run(net.graph, {"x": x.swapaxes(1, 2)}, net.weights).values()
    np.testing.assert_allclose(y, outputs(module, x)[0], rtol=1e-5, atol=1e-6)


def test_the_order_of_axes_that_draws_most_is_told() -> None:
    """However much is wrong in it: in another one less is reached."""
    pad = torch.nn.functional.pad
    module = Behind(lambda y: (torch.where(y > 0.5, y, y * 0.1), pad(y, (1, 2), value=1.5), pad(y, (1, 0), value=2.0)))
    told = codegen.from_torch(module, example=torch.zeros(1, 2, 20)).unread
    assert told.startswith("4 parts cannot be read:")
    assert "transpose it" not in told


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda y: torch.stack([y, y], 1), "stack gives (batch, channels, steps) one axis more, expected batch"),
        (lambda y: torch.where(y > 0.5, y, y * 0.1), "where chooses numbers by a comparison, where relu, clamp"),
        (lambda y: torch.nn.functional.pad(y, (1, 2), value=1.5), "pads with 1.5, expected 0; write pad(x - v) + v"),
    ],
)
def test_what_makes_no_value_is_told_with_a_way_out(function: Any, told: str) -> None:
    assert told in codegen.from_torch(Behind(function), example=torch.zeros(1, 2, 20)).unread


def test_lengths_that_strides_hide_are_not_taken_for_any() -> None:
    """Padding that depends on what a stride leaves over, and a pool as wide as what there is."""

    class Ends(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]  # torch may have no types here
        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv1d(1, 2, 4, stride=2)

        def forward(self, x: Any) -> Any:
            y = self.conv(torch.nn.functional.pad(x, (2, x.shape[-1] % 2)))
            return torch.nn.functional.avg_pool1d(y, y.shape[-1] // 8)

    assert "depends on its input's length" in codegen.from_torch(Ends()).unread


class Decoder(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]  # torch may have no types here
    """An encoder whose last states are what a decoder begins with; another layer begins with weights."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.LSTM(3, 4, batch_first=True)
        self.decoder = torch.nn.LSTM(3, 4, batch_first=True)
        self.first = torch.nn.Parameter(torch.linspace(-1, 1, 5).reshape(1, 1, 5))
        self.gates = torch.nn.GRU(4, 5, batch_first=True)

    def forward(self, x: Any) -> Any:
        x = x.transpose(1, 2)
        _, states = self.encoder(x)
        y, _ = self.decoder(x, states)
        z, _ = self.gates(y, self.first.expand(-1, x.shape[0], -1).contiguous())
        return z.transpose(1, 2)


def test_first_states_that_are_computed(tmp_path: Path) -> None:
    torch.manual_seed(4)
    module, path = Decoder().eval(), tmp_path / "net.onnx"
    x = np.random.default_rng(3).normal(size=(2, 3, 10)).astype(np.float32)
    example = torch.from_numpy(x[:1])
    with torch.no_grad():
        torch.onnx.export(module, (example,), str(path), opset_version=17, input_names=["x"], dynamo=False)
    for model in (codegen.from_torch(module, example=example), codegen.read(path)):
        (net,) = model.nets.values()
        assert_alike(net, module, x)


@pytest.mark.parametrize("option", [{"input_shape": (20, 4)}, {"name": "stem"}], ids=["input_shape", "name"])
def test_a_model_that_is_read_whole_refuses_options_of_one_layer(option: dict[str, Any]) -> None:
    net = torch.nn.Sequential(torch.nn.Conv1d(4, 4, 3), torch.nn.Conv1d(4, 4, 3))
    with pytest.raises(codegen.ConversionError, match=f"got `{next(iter(option))}`, which is one layer's"):
        codegen.from_torch(net, **option)

"""Layers inside PyTorch: modules, autograd, compile, export, and networks whose convolutions are replaced in place."""

from __future__ import annotations

import copy
import pickle
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.errors import ConversionError, ShapeError, UsageError

pytestmark = [pytest.mark.live, pytest.mark.compiles]

torch = pytest.importorskip("torch", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")
nn = torch.nn

CONVOLUTIONS: dict[str, Callable[[], Any]] = {
    "plain": lambda: nn.Conv1d(8, 16, 3, padding=1),
    "depthwise": lambda: nn.Conv1d(8, 8, 4, groups=8, bias=False),
    "strided, grouped": lambda: nn.Conv1d(8, 16, 3, stride=2, groups=2),
    "dilated": lambda: nn.Conv1d(8, 6, 3, dilation=4, padding="same"),
    "transposed": lambda: nn.ConvTranspose1d(8, 6, 5, stride=2, padding=1, output_padding=1),
    "float64": lambda: nn.Conv1d(8, 6, 3).double(),
}


def close(ours: Any, theirs: Any) -> None:
    """Equal but for the rounding of sums of some hundred numbers of a few units."""
    scale = 1e-13 if theirs.dtype == torch.float64 else 2e-5
    torch.testing.assert_close(ours, theirs, rtol=scale, atol=scale * max(1.0, theirs.abs().max().item()))


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_a_module_is_torchs_in_values_gradients_and_state(kind: str) -> None:
    torch.manual_seed(1)
    theirs = CONVOLUTIONS[kind]()
    ours = codegen.to_torch(codegen.from_torch(theirs))
    assert {n: p.shape for n, p in ours.state_dict().items()} == {n: p.shape for n, p in theirs.state_dict().items()}
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.normal_()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 8, 50, dtype=theirs.weight.dtype)
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    wanted, got = theirs(one), ours(other)
    close(got, wanted)
    wanted.square().sum().backward()
    got.square().sum().backward()
    close(other.grad, one.grad)
    for mine, named in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(mine.grad, named.grad)
    close(ours(x[0]), theirs(x[0]))  # without a batch
    assert not ours(x).requires_grad or ours(x).grad_fn is not None


@pytest.mark.parametrize("kind", CONVOLUTIONS)
def test_a_training_step_goes_the_short_way(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By addresses: with the long way's gradients, and those alone that are asked for."""
    torch.manual_seed(4)
    module = codegen.to_torch(codegen.from_torch(CONVOLUTIONS[kind]()))
    weights = list(module.parameters())
    x = torch.randn(2, 8, 50, dtype=weights[0].dtype, requires_grad=True)
    runs = module._runner(weights[0].dtype)
    assert runs.steps(x, weights) is not None
    y = module(x)
    dy = torch.randn_like(y)
    short = torch.autograd.grad(y, (x, *weights), dy)
    monkeypatch.setattr(runs, "steps", lambda x, weights: None)
    long = runs.backward(dy, x, weights)
    monkeypatch.undo()
    for one, other in zip(short, long, strict=True):
        assert one.shape == other.shape
        close(one, other)
    weights[0].requires_grad_(False)
    module(x).sum().backward()
    assert weights[0].grad is None
    assert all(weight.grad is not None for weight in weights[1:])
    assert runs.steps(x.transpose(1, 2), weights) is None
    assert runs.steps(x[:0], weights) is None


def test_what_checks_operators_passes() -> None:
    layer = codegen.from_torch(nn.Conv1d(4, 6, 3, padding=1))
    module = codegen.to_torch(layer)
    text = module._layers[torch.float32]
    weights = [p.detach().clone().requires_grad_() for p in module.parameters()]
    x = torch.randn(2, 4, 20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for changing in (False, True):
            found = torch.library.opcheck(torch.ops.genconv.conv1d, (x.requires_grad_(), weights, text, changing))
            assert set(found.values()) == {"SUCCESS"}


def test_it_is_compiled_and_exported_whole(tmp_path: Any) -> None:
    torch.manual_seed(2)
    theirs = nn.Sequential(nn.Conv1d(4, 8, 3), nn.ReLU(), nn.Conv1d(8, 2, 3, bias=False))
    ours = copy.deepcopy(theirs)
    assert codegen.accelerate(ours) == {}
    x = torch.randn(1, 4, 30)
    exported = torch.export.export(ours, (x,), dynamic_shapes=({2: torch.export.Dim("steps", min=8, max=4096)},))
    torch.export.save(exported, tmp_path / "net.pt2")
    again = torch.export.load(tmp_path / "net.pt2").module()
    for steps in (30, 57):
        x = torch.randn(1, 4, steps)
        close(again(x), theirs(x))
    compiled = torch.compile(ours, fullgraph=True, backend="aot_eager")
    x.requires_grad_()
    compiled(x).square().sum().backward()
    got, x.grad = x.grad, None
    theirs(x).square().sum().backward()
    close(got, x.grad)
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(one.grad, other.grad)
    assert [node.args[3] for node in exported.graph.nodes if "genconv" in str(node.target)] == [False, False]
    with torch.no_grad():  # weights change between steps
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            other.copy_(one.mul_(-2))
    for net in (ours, theirs):
        net.zero_grad()
    compiled(x.detach()).square().sum().backward()
    theirs(x.detach()).square().sum().backward()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(one.grad, other.grad)


def test_other_weights_are_seen_however_they_came() -> None:
    module = codegen.to_torch(codegen.from_torch(nn.Conv1d(1, 1, 1, bias=False)))
    x = torch.ones(1, 1, 3)
    for value, change in (
        (2.0, lambda w: w.data.fill_(2.0)),  # which no counter of versions tells
        (3.0, lambda w: w.detach().numpy().fill(3.0)),
        (5.0, lambda w: module.load_state_dict({"weight": torch.full((1, 1, 1), 5.0)})),
        (7.0, lambda w: setattr(module, "weight", nn.Parameter(torch.full((1, 1, 1), 7.0)))),
    ):
        change(module.weight)
        with torch.no_grad():
            assert module(x).tolist() == [[[value] * 3]]
        assert module(x).tolist() == [[[value] * 3]]


def test_it_trains_as_torch_does() -> None:
    torch.manual_seed(3)
    nets = [nn.Sequential(nn.Conv1d(3, 8, 5, padding=2), nn.Tanh(), nn.Conv1d(8, 1, 3, padding=1))]
    nets.append(copy.deepcopy(nets[0]))
    optimizers = [torch.optim.Adam(net.parameters(), 1e-2) for net in nets]
    before = list(nets[1].parameters())
    assert codegen.accelerate(nets[1]) == {}
    assert all(ours is theirs for ours, theirs in zip(nets[1].parameters(), before, strict=True))
    x, wanted = torch.randn(4, 3, 64), torch.randn(4, 1, 64)
    losses: list[list[float]] = [[], []]
    for net, optimizer, told in zip(nets, optimizers, losses, strict=True):
        for _ in range(20):
            optimizer.zero_grad()
            loss = (net(x) - wanted).square().mean()
            loss.backward()
            optimizer.step()
            told.append(loss.item())
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-3)
    assert losses[1][-1] < losses[1][0]


def test_what_cannot_be_replaced_is_listed() -> None:
    class Odd(nn.Conv1d):
        def forward(self, x: Any) -> Any:
            return super().forward(x) + 1

    hooked = nn.Conv1d(2, 2, 1)
    hooked.register_forward_hook(lambda *_: None)
    net = nn.ModuleDict(
        {
            "good": nn.Conv1d(2, 2, 3),
            "mirrored": nn.Conv1d(2, 2, 3, padding=1, padding_mode="reflect"),
            "small": nn.Conv1d(2, 2, 3).half(),
            "odd": Odd(2, 2, 3),
            "hooked": hooked,
            "normed": nn.utils.parametrizations.weight_norm(nn.Conv1d(2, 2, 3)),
            "head": nn.Sequential(nn.Conv1d(2, 2, 3), nn.Linear(3, 3)),
            "many": nn.ConvTranspose1d(6, 9, 4, stride=2, groups=3, bias=True),
            "each": nn.ConvTranspose1d(17, 17, 4, stride=2, groups=17),
        }
    )
    many = copy.deepcopy(net["many"])
    left = codegen.accelerate(net, skip=["head"])
    assert set(left) == {"mirrored", "small", "odd", "hooked", "normed", "head.0", "each"}
    assert "17 groups" in left["each"]
    assert "padding_mode" in left["mirrored"]
    assert "float16" in left["small"]
    assert "hooks" in left["hooked"]
    assert type(net["good"]).__name__ == "GenConv1d"
    x = torch.randn(2, 6, 11, requires_grad=True)
    close(net["many"](x), many(x))
    net["many"](x).square().sum().backward()
    got, x.grad = x.grad, None
    many(x).square().sum().backward()
    close(got, x.grad)
    close(net["many"].weight.grad, many.weight.grad)


def test_a_module_that_stands_twice_stays_one() -> None:
    shared = nn.Conv1d(2, 2, 3, padding=1)
    net = nn.Sequential(shared, nn.ReLU(), shared)
    x = torch.randn(1, 2, 9)
    wanted = net(x)
    codegen.accelerate(net)
    assert net[0] is net[2]
    assert len(list(net.parameters())) == 2
    close(net(x), wanted)


def test_layers_of_every_kind_and_form() -> None:
    for layer in (
        codegen.Conv1D(5, 3, activation="gelu", padding="causal"),
        codegen.SeparableConv1D(5, 3, depth_multiplier=2),
        codegen.DepthwiseConv1D(3, depth_multiplier=2, activation="glu"),
        codegen.Conv1DTranspose(5, 3, strides=2),
    ):
        x = torch.randn(2, 30, 4)
        y = layer(x.numpy())
        module = codegen.to_torch(layer)
        assert np.array_equal(module(x).detach().numpy(), y)
        for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            assert np.array_equal(other(x).detach().numpy(), y)
        x.requires_grad_()
        module(x).sum().backward()
        assert np.array_equal(x.grad.numpy(), layer.gradients(x.detach().numpy(), np.ones_like(y)).x)
        assert module.double()(x.double()).dtype == torch.float64
    names = codegen.to_torch(codegen.SeparableConv1D(5, 3, input_shape=(None, 4))).state_dict()
    assert list(names) == ["depthwise.weight", "pointwise.weight", "pointwise.bias"]


def test_a_layer_answers_a_tensor_with_a_tensor() -> None:
    layer = codegen.Conv1D(5, 3)
    x = torch.randn(2, 30, 4)
    y = layer(x)
    assert isinstance(y, torch.Tensor)
    assert np.array_equal(y.numpy(), layer(x.numpy()))
    out = torch.zeros(2, 28, 5)
    assert layer(x, out=out) is out
    assert torch.equal(out, y)
    assert isinstance(layer(x.numpy()), np.ndarray)


def test_a_model_answers_a_tensor_with_a_tensor() -> None:
    model = codegen.from_torch(nn.Sequential(nn.Conv1d(4, 6, 3), nn.ReLU()), target="scalar")
    x = torch.randn(2, 30, 4)
    y = model(x)
    assert isinstance(y, torch.Tensor)
    assert np.array_equal(y.numpy(), model(x.numpy()))
    assert isinstance(model(x.numpy()), np.ndarray)


def test_wrong_inputs_are_told() -> None:
    module = codegen.to_torch(codegen.from_torch(nn.Conv1d(4, 6, 3)))
    with pytest.raises(ShapeError, match="got float64, expected float32"):
        module(torch.zeros(1, 4, 9, dtype=torch.float64))
    with pytest.raises(ShapeError, match="has 5 channels, expected 4"):
        module(torch.zeros(1, 5, 9))
    with pytest.raises(ConversionError, match="is NumPy's"):
        codegen.to_torch(codegen.Conv1D(2, 3, activation=lambda z: z, input_shape=(None, 2)))
    with pytest.raises(ConversionError, match="a convolution alone"):
        codegen.accelerate(nn.Conv1d(2, 2, 3))
    with pytest.raises(UsageError, match="no module `hed`"):
        codegen.accelerate(nn.Sequential(nn.Conv1d(2, 2, 3)), skip="hed")


def test_the_block_of_the_page_runs() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "pytorch.md").read_text("utf-8")
    (block,) = re.findall(r"^```text\n(import torch\n.*?)^```$", page, re.M | re.S)
    exec(compile(block, "pytorch.md", "exec"), {})

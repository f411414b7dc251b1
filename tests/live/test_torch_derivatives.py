"""Layers inside PyTorch, differentiated twice, transformed by `torch.func`, traced, and on tensors without numbers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

import codegen
from codegen.errors import ShapeError, UsageError

pytestmark = [pytest.mark.live, pytest.mark.compiles]

torch = pytest.importorskip("torch", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")
nn = torch.nn
func = torch.func

FIRST: dict[str, Callable[[], Any]] = {
    "plain": lambda: nn.Conv1d(4, 4, 3),
    "strided, grouped, no bias": lambda: nn.Conv1d(4, 4, 3, stride=2, groups=2, bias=False),
    "depthwise, dilated": lambda: nn.Conv1d(4, 4, 3, padding=2, dilation=2, groups=4),
    "transposed, grouped": lambda: nn.ConvTranspose1d(4, 4, 3, stride=2, groups=2),
}


def pair(first: Any) -> tuple[Any, Any]:
    """PyTorch's network, and the same of ours, in float64."""
    torch.manual_seed(5)
    theirs = nn.Sequential(first, nn.Tanh(), nn.Conv1d(4, 2, 2)).double()
    ours = copy.deepcopy(theirs)
    assert codegen.accelerate(ours) == {}
    return ours, theirs


def close(ours: Any, theirs: Any) -> None:
    """Equal but for the rounding of sums, of numbers of a few units: one tensor, or a dict of them."""
    torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)


def penalty(net: Any, x: Any) -> list[Any]:
    """The gradients of a penalty on the gradient of x, as a WGAN has it."""
    net.zero_grad()
    (first,) = torch.autograd.grad(net(x).square().sum(), x, create_graph=True)
    return list(torch.autograd.grad(first.square().sum(), (x, *net.parameters()), allow_unused=True))


@pytest.mark.parametrize("kind", FIRST)
def test_second_derivatives_are_torchs(kind: str) -> None:
    ours, theirs = pair(FIRST[kind]())
    for x in (torch.randn(2, 4, 9).double(), torch.randn(9, 4, 2).double().permute(2, 1, 0)):
        x.requires_grad_()
        assert torch.autograd.gradcheck(ours, (x,))
        for mine, named in zip(penalty(ours, x), penalty(theirs, x), strict=True):
            close(mine, named if named is not None else torch.zeros_like(mine))  # of the last bias


def test_a_layer_that_is_not_linear_is_differentiated_once() -> None:
    module = codegen.to_torch(codegen.Conv1D(3, 3, activation="tanh", input_shape=(None, 2)))
    x = torch.randn(1, 9, 2, requires_grad=True)
    (first,) = torch.autograd.grad(module(x).sum(), x, create_graph=True)
    with pytest.raises(UsageError, match="no second derivatives"):
        torch.autograd.grad(first.sum(), x)


def test_transforms_of_torch_func_are_torchs() -> None:
    ours, theirs = pair(nn.Conv1d(4, 4, 3))
    x = torch.randn(3, 2, 4, 9).double()
    weights = dict(ours.named_parameters())
    many = {name: torch.stack((each, 2 * each)) for name, each in weights.items()}

    def called(net: Any) -> Callable[..., Any]:
        return lambda given, x: func.functional_call(net, given, (x,))

    def loss(net: Any) -> Callable[..., Any]:
        return lambda given, x: func.functional_call(net, given, (x,)).square().sum()

    for apply in (
        lambda net: func.vmap(net)(x),
        lambda net: func.vmap(net, in_dims=1)(x),
        lambda net: func.grad(lambda x: net(x).square().sum())(x[0]),
        lambda net: func.jacrev(net)(x[0, 0]),
        lambda net: func.vmap(called(net), in_dims=(0, None))(many, x[0]),  # an ensemble
        lambda net: func.vmap(func.grad(loss(net)), in_dims=(None, 0))(weights, x),  # gradients by sample
    ):
        close(apply(ours), apply(theirs))
    with pytest.raises(NotImplementedError, match="jvp"):
        func.jvp(ours, (x[0],), (x[0],))
    with pytest.raises(NotImplementedError, match="jvp"):
        func.hessian(lambda x: ours(x).square().sum())(x[0])


def test_it_is_traced_cast_and_called_without_numbers() -> None:
    ours, theirs = pair(nn.Conv1d(4, 4, 3))
    x = torch.randn(2, 4, 9).double()
    traced = torch.jit.trace(ours, x)
    close(traced(x[:1, :, :7]), theirs(x[:1, :, :7]))
    empty = copy.deepcopy(ours).to("meta")
    y = empty(x.to("meta").requires_grad_())
    assert (y.device.type, y.shape) == ("meta", theirs(x).shape)
    y.sum().backward()
    assert empty[0].weight.grad.shape == ours[0].weight.shape
    with torch.autocast("cpu", dtype=torch.bfloat16):
        close(ours(x.bfloat16()), ours(x.bfloat16().double()))
    turned = torch.conj(torch.complex(x, x)).imag  # its sign is a mark on the tensor
    close(ours(turned), ours(-x))
    close(ours(nn.Parameter(x)), ours(x))


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda net, x: net(x.numpy()), "got ndarray, expected a torch.Tensor"),
        (lambda net, x: net(x.to_sparse()), "on sparse_coo, expected a dense one"),
        (lambda net, x: net(x.to("meta")), "on meta, expected one on cpu"),
        (lambda net, x: copy.deepcopy(net).to("meta")(x), "on cpu, expected one on meta"),
        (lambda net, x: copy.deepcopy(net).bfloat16()(x.bfloat16()), "got bfloat16, expected float32 or float64"),
        (lambda net, x: net(x.half()), "got float16, expected float64"),
    ],
)
def test_other_tensors_are_refused(made: Callable[[Any, Any], Any], message: str) -> None:
    ours, _ = pair(nn.Conv1d(4, 4, 3))
    with pytest.raises(ShapeError, match=message):
        made(ours, torch.randn(2, 4, 9).double())


def test_channels_of_all_groups_are_counted() -> None:
    ours, _ = pair(FIRST["transposed, grouped"]())
    for channels in (2, 3, 5, 8):
        with pytest.raises(ShapeError, match=r"expected \(batch, 4, steps\)"):
            ours(torch.randn(1, channels, 9).double())

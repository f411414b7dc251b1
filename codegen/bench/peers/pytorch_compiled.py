"""PyTorch through torch.compile, with the weights frozen into the graph so that it may pack them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from codegen.bench.contestant import Contestant
from codegen.bench.peers import pytorch

if TYPE_CHECKING:
    from codegen.bench.case import Case

NAME = "torch.compile"
PACKAGE = pytorch.PACKAGE
version = pytorch.version


def contestants(case: Case, threads: int) -> Iterator[Contestant]:
    import torch
    import torch._inductor.config as inductor  # freezing has no public switch

    torch.set_num_threads(threads)
    inductor.freezing = True
    compiled, x = _compiled(_module(case)), pytorch.columns(case)
    with torch.inference_mode():
        compiled(x)  # compiles it: no call to be timed
    yield pytorch.contestant("conv1d", compiled, x)


def _module(case: Case) -> Any:
    """A module whose parameters are the weights: only these can be frozen."""
    import torch

    p = case.problem
    left, right = p.pads(case.steps)
    conv = torch.nn.Conv1d(
        p.channels,
        p.filters,
        p.kernel_size,
        p.stride,
        left if left == right else 0,
        p.dilation,
        p.groups,
        bias=p.bias,
    )
    kernel, bias = pytorch.weights(case)
    with torch.no_grad():
        conv.weight.copy_(kernel)
        if conv.bias is not None:
            conv.bias.copy_(bias)
    if left == right:
        return conv.eval()
    return torch.nn.Sequential(torch.nn.ConstantPad1d((left, right), 0.0), conv).eval()


def _compiled(module: Any) -> Any:
    import torch

    torch._dynamo.reset()  # a limit on recompilations counts all shapes of a run together
    return torch.compile(module, dynamic=False)

"""PyTorch, eager: conv1d on its own layout, and conv2d on channels_last memory where the case is channels last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from codegen.bench.contestant import Contestant, from_python

if TYPE_CHECKING:
    from codegen.bench.case import Case

NAME = "PyTorch"
PACKAGE = "pip install torch"


def version() -> str:
    import torch

    return f"torch {torch.__version__}"


def contestants(case: Case, threads: int) -> Iterator[Contestant]:
    import torch

    torch.set_num_threads(threads)
    yield contestant("conv1d", conv1d(case), columns(case))
    if case.problem.channels_last:
        yield contestant("conv2d channels_last", conv2d(case), rows(case))


def contestant(variant: str, function: Callable[[Any], Any], x: Any) -> Contestant:
    """`function` of `x` in inference mode; its output is (batch, channels, steps)."""
    import torch

    y: Any = None

    def call() -> None:
        nonlocal y
        y = function(x)

    def output() -> Any:
        return (y[:, :, 0] if y.dim() == 4 else y).numpy()

    return Contestant(variant, from_python(call), output, channels_last=False, context=torch.inference_mode)


def columns(case: Case) -> Any:
    import torch

    return torch.from_numpy(case.columns())


def rows(case: Case) -> Any:
    """(batch, channels, 1, steps) whose memory is (batch, steps, channels)."""
    import torch

    return torch.from_numpy(case.rows()).permute(0, 2, 1).unsqueeze(2)


def weights(case: Case) -> tuple[Any, Any]:
    import torch

    bias = None if case.bias is None else torch.from_numpy(case.bias)
    return torch.from_numpy(case.filters_first()), bias


def conv1d(case: Case) -> Callable[[Any], Any]:
    import torch

    p = case.problem
    kernel, bias = weights(case)
    both, pad = padding(case)
    return lambda x: torch.conv1d(pad(x), kernel, bias, p.stride, both, p.dilation, p.groups)


def conv2d(case: Case) -> Callable[[Any], Any]:
    """Of one row, with the kernel too in channels_last memory."""
    import torch

    p = case.problem
    kernel, bias = weights(case)
    kernel = kernel.unsqueeze(2).to(memory_format=torch.channels_last)
    both, pad = padding(case)
    return lambda x: torch.conv2d(pad(x), kernel, bias, (1, p.stride), (0, both), (1, p.dilation), p.groups)


def padding(case: Case) -> tuple[int, Callable[[Any], Any]]:
    """What a convolution may pad on both sides alike, or else a call of pad before it."""
    import torch

    left, right = case.problem.pads(case.steps)
    if left == right:
        return left, lambda x: x
    return 0, lambda x: torch.constant_pad_nd(x, (left, right))

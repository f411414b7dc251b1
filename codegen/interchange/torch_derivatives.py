"""How PyTorch differentiates a layer: with autograd, once and twice, and under the transforms of `torch.func`.

This module imports torch, and so it is imported late.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable

from codegen.errors import UsageError
from codegen.interchange.torch_ops import BACKWARD, CONV1D, Runner

__all__ = ["Conv1d", "Conv1dStep", "Transformed"]

Function: Any = torch.autograd.Function


class Conv1d(Function):  # type: ignore[misc]  # torch is not read where types are checked
    """The operators' way without PyTorch's dispatcher: of a Runner, x, and weights."""

    @staticmethod
    def forward(ctx: Any, runs: Runner, x: Any, *weights: Any) -> Any:
        """y of x."""
        ctx.runs = runs
        ctx.save_for_backward(x, *weights)
        return runs.forward(x, weights)

    @staticmethod
    def backward(ctx: Any, dy: Any) -> tuple[Any, ...]:
        """The gradients of what `forward` takes."""
        if torch.is_grad_enabled():
            return _graphed(ctx, dy)
        x, *weights = ctx.saved_tensors
        return (None, *ctx.runs.backward(dy, x, weights))


class Conv1dStep(Function):  # type: ignore[misc]  # torch is not read where types are checked
    """The short way of training, where a Runner has `steps`: of the Runner, x, weight, and bias or None."""

    @staticmethod
    def forward(ctx: Any, runs: Runner, x: Any, weight: Any, bias: Any) -> Any:
        """y of x."""
        ctx.runs = runs
        ctx.save_for_backward(x, weight, *(() if bias is None else (bias,)))
        return runs.short.forward(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, dy: Any) -> tuple[Any, ...]:
        """The gradients of what `forward` takes."""
        if torch.is_grad_enabled():
            found = _graphed(ctx, dy)
            return found if len(found) == 4 else (*found, None)
        x, weight, *_ = ctx.saved_tensors
        return (None, *ctx.runs.short.backward(dy, x, weight, needed=ctx.needs_input_grad[1:]))


def _graphed(ctx: Any, dy: Any) -> tuple[Any, ...]:
    """The gradients of a layer's arguments, with a graph of their own (`create_graph=True`)."""
    return (None, *Gradients.apply(ctx.runs, dy, *ctx.saved_tensors))


class Gradients(Function):  # type: ignore[misc]  # torch is not read where types are checked
    """dx and the weights' gradients, of dy, x and weights.

    Where the layer is linear in x and in its weights, these are linear, too: the same kernels differentiate them.
    """

    @staticmethod
    def forward(ctx: Any, runs: Runner, dy: Any, x: Any, *weights: Any) -> tuple[Any, ...]:
        """The gradients of x and of each of the weights."""
        ctx.runs = runs
        ctx.save_for_backward(dy, x, *weights)
        return tuple(runs.backward(dy, x, weights))

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]  # torch is not read where types are checked
    def backward(ctx: Any, of_dx: Any, *of_weights: Any) -> tuple[Any, ...]:
        """The gradients of what `forward` takes. Raises UsageError for a layer that is not linear."""
        dy, x, kernel, *bias = ctx.saved_tensors
        runs: Runner = ctx.runs
        if not runs.linear:
            way = "give the activation a module of its own, and a separable layer its two convolutions"
            raise UsageError(f"`{runs.layer.name}`: it has no second derivatives, as it is not linear; {way}")
        unbiased = [kernel, *map(torch.zeros_like, bias)]
        of_dy = runs.forward(of_dx, unbiased, True) + runs.forward(x, of_weights, True)
        of_x = runs.backward(dy, x, of_weights)[0]
        of_kernel = runs.backward(dy, of_dx, unbiased)[1]
        return (None, of_dy, of_x, of_kernel, *(None for _ in bias))


class Transformed(Function):  # type: ignore[misc]  # torch is not read where types are checked
    """A layer under `torch.func`: of x, the layer's text, and weights, by the operators."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Any, text: str, *weights: Any) -> Any:
        """y of x."""
        return CONV1D(x, list(weights), text, False)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep what `backward` reads."""
        x, ctx.text, *weights = inputs
        ctx.save_for_backward(x, *weights)

    @staticmethod
    def backward(ctx: Any, dy: Any) -> tuple[Any, ...]:
        """The gradients of what `forward` takes."""
        x, *weights = ctx.saved_tensors
        dx, *found = TransformedGradients.apply(ctx.text, dy, x, *weights)
        return (dx, None, *found)


class TransformedGradients(Function):  # type: ignore[misc]  # torch is not read where types are checked
    """The gradients of one, which are differentiated no more: PyTorch says so."""

    generate_vmap_rule = True

    @staticmethod
    def forward(text: str, dy: Any, x: Any, *weights: Any) -> tuple[Any, ...]:
        """The gradients of x and of each of the weights."""
        return tuple(BACKWARD(dy, x, list(weights), text))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Nothing is kept."""

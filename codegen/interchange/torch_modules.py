"""PyTorch's modules, read by their attributes: torch/nn/modules/conv.py tells what each means."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from codegen.errors import ConversionError
from codegen.errors.quoting import plainly
from codegen.interchange.library import Found, Library, array, base, demand_untouched, dtype_of
from codegen.interchange.states import turned
from codegen.interchange.torch_graph.drawn import drawn
from codegen.interchange.torch_graph.modules import weight

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

ROOT = ("torch",)
HOOKED = {"weight_orig": "spectral_norm or pruning"}
"""Attributes of a module whose hook makes `weight` anew in each call: it may not be the one that is there now."""


def _kind(module: Any) -> str | None:
    found = base(module, ROOT, READERS)
    return found.__name__ if found else None


def _children(module: Any) -> Iterable[tuple[str, Any]]:
    found = module.named_children() if hasattr(module, "named_children") else ()  # a program has none
    return [(name, child) for name, child in found if name != "parametrizations"]


def _read(module: Any, given: Collection[str]) -> Found:
    cls = base(module, ROOT, READERS)
    assert cls is not None  # only modules with a kind are read
    demand_untouched(module, cls, ("forward", "_conv_forward"))
    for word, what in HOOKED.items():
        if hasattr(module, word):
            way = "remove it first (remove_spectral_norm, prune.remove), or use torch.nn.utils.parametrizations"
            raise ConversionError(f"its weight is made anew in each call by {what}; {way}")
    if type(module.weight).__name__.startswith("Uninitialized"):
        raise ConversionError("does not know its input's channels yet; call it once on an input")
    mode = getattr(module, "padding_mode", "zeros")
    if mode != "zeros" and "padding" not in given:
        way = f'pad x by numpy.pad yourself and give padding="valid" here, which leaves the {mode} padding to you'
        raise ConversionError(f'got padding_mode="{mode}", expected "zeros"; {way}')
    arguments = {
        "filters": module.out_channels,
        "kernel_size": module.kernel_size,
        "strides": module.stride,
        "dilation_rate": module.dilation,
        "use_bias": module.bias is not None,
        "data_format": "channels_first",
        "trainable": bool(module.weight.requires_grad),
        **dtype_of(str(module.weight.dtype).removeprefix("torch."), given),
    }
    arrays = {"kernel": turned(weight(module))}
    if module.bias is not None:
        arrays["bias"] = array(module.bias, "bias")
    return READERS[cls.__name__](module, given, arguments, arrays)


def _convolution(module: Any, given: Collection[str], arguments: dict[str, Any], arrays: dict[str, Array]) -> Found:
    padding: Any = module.padding  # "same" puts the odd zero to the right, as Keras does
    if not isinstance(padding, str):
        zeros = padding[0] if isinstance(padding, tuple) else padding
        padding = (zeros, zeros) if zeros else "valid"
    arguments |= {"padding": padding, "groups": module.groups}
    return Found("conv1d", module.in_channels, arguments, arrays)


def _transposed(module: Any, given: Collection[str], arguments: dict[str, Any], arrays: dict[str, Array]) -> Found:
    if module.groups != 1:
        way = "write its weight with groups=1, zeros between the groups, or convert one module a group"
        raise ConversionError(f"got groups={module.groups}, expected 1 of a transposed convolution; {way}")
    (crop,), (more,) = module.padding, module.output_padding
    right, stride = crop, module.stride[0]
    if more >= stride:  # which PyTorch allows where the dilation is larger, Keras does not
        right, more = crop - more, 0
    if right < 0:
        got = (
            f"got output_padding={crop - right} with stride={stride} and padding={crop}, expected less than the stride"
        )
        raise ConversionError(f"{got}; the last {-right} outputs are the bias alone: append them yourself")
    arguments |= {"padding": (crop, right), "output_padding": more}
    return Found("conv1d_transpose", module.in_channels, arguments, arrays)


def lengths(module: Any, steps: int) -> Mapping[int, Collection[int]]:
    """The input steps at each place where a convolution of the module stands, by its id, as a call on `steps` has them.

    The module is called once, on zeros of (1, channels of its first convolution, steps), as for inference; no gradient
    is taken and each part's mode is put back. Raises ConversionError where it does not take that.
    """
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise ConversionError(f"from_torch: `steps` is {plainly(steps)}, expected a whole number, 1 or more")
    parts = [part for part in module.modules() if _kind(part)]
    if not parts:
        return {}
    modes = [(part, part.training) for part in module.modules()]
    met: dict[int, set[int]] = {id(part): set() for part in parts}
    hooks = [part.register_forward_pre_hook(lambda one, x: met[id(one)].add(int(x[0].shape[-1]))) for part in parts]
    try:
        torch = sys.modules["torch"]  # whose module it is
        module.eval()
        with torch.no_grad():
            weight = next(iter(parts[0].parameters()))
            module(torch.zeros(1, parts[0].in_channels, steps, dtype=weight.dtype, device=weight.device))
    except Exception as error:  # what a stranger's module raises is a stranger's matter
        called = f"with steps={steps} it is called on zeros of (1, channels, {steps})"
        way = "leave `steps` out, and give each layer its length by input_shape"
        raise ConversionError(f"from_torch: {called}: {type(error).__name__}: {plainly(error)[:200]}; {way}") from None
    finally:
        for hook in hooks:
            hook.remove()
        for part, mode in modes:
            part.training = mode
    return met


READERS: dict[str, Callable[[Any, Collection[str], dict[str, Any], dict[str, Array]], Found]] = {
    "Conv1d": _convolution,
    "ConvTranspose1d": _transposed,
}

TORCH = Library(
    word="torch",
    article="a torch.nn.Conv1d, or a module that holds some",
    separator=".",
    owns=lambda module: (
        base(module, ROOT, ("Module", "ExportedProgram")) is not None and base(module, ("keras",), ("Layer",)) is None
    ),
    kind=_kind,
    children=_children,
    name=lambda module: "",
    read=_read,
    graph=drawn,
)

"""Layers as modules of PyTorch, with its own names and layouts of weights. It imports torch, and is imported late."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch

from codegen.errors import ConversionError, GenConvError, ShapeError, UsageError
from codegen.errors.quoting import plainly
from codegen.interchange import convert, states
from codegen.interchange.library import base
from codegen.interchange.torch_derivatives import Conv1d, Conv1dStep, Transformed
from codegen.interchange.torch_modules import READERS, ROOT, TORCH
from codegen.interchange.torch_ops import CONV1D, Runner, runner, told
from codegen.layers.layer import Layer
from codegen.layers.model import Model
from codegen.numbers.formats import COMPUTED

__all__ = ["accelerated", "module_of", "modules_of"]

Module: Any = torch.nn.Module
MOST_GROUPS = 16  # of a ConvTranspose1d; with 64 groups of one channel a forward call took 2.4 to 8 times PyTorch's


class GenConv1d(Module):  # type: ignore[misc]  # torch is not read where types are checked
    """A layer of gen-conv as a module: parameters as in the torch module that it replaces, computed by its kernel.

    x has the layer's axes: (batch, channels, steps) where it came from PyTorch. One sample may come without its batch.
    """

    _sets = 1  # of weights that one call has
    genconv_reads: tuple[int, str]  # channels and axes of its input, which from_torch asks for

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self._layers = {getattr(torch, dtype): told(layer, dtype) for dtype in COMPUTED}
        self._told = repr(layer).strip("<>")
        spec = layer._demand_built()
        self.genconv_reads = (spec.problem.channels, "ntc" if spec.channels_last else "nct")
        self._places = []
        for name, array in states.of(layer).items():
            place, _, last = name.rpartition(".")
            self._places.append((place, last))
            if place and place not in self._modules:
                self.add_module(place, Module())
            holder = self._modules[place] if place else self
            holder.register_parameter(last, torch.nn.Parameter(torch.from_numpy(array), layer.trainable))

    def forward(self, x: Any) -> Any:
        """y, with x's axes. Raises ShapeError for an x that the layer does not take."""
        if not isinstance(x, torch.Tensor):
            raise ShapeError(f"x: got {type(x).__name__}, expected a torch.Tensor")
        if x.dim() == 2:
            return self.forward(x.unsqueeze(0)).squeeze(0)
        weights = [getattr(self._modules[place] if place else self, last) for place, last in self._places]
        return self._called(x, weights)

    def _called(self, x: Any, weights: Sequence[Any]) -> Any:
        trains = torch.is_grad_enabled() and (x.requires_grad or any(each.requires_grad for each in weights))
        dtype = weights[0].dtype
        if x.dtype is not dtype and torch.is_autocast_enabled("cpu"):
            x = x.to(dtype)  # sums of halves are not computed
        if x.device != weights[0].device:
            raise ShapeError(f"x: got a tensor on {x.device}, expected one on {weights[0].device}, as the weights")
        if torch._C._are_functorch_transforms_active() and not torch.compiler.is_compiling():
            return Transformed.apply(x, self._text(dtype), *weights)
        if _recorded(x):
            keeps = torch.compiler.is_exporting() or torch.jit.is_tracing()
            return CONV1D(x, weights, self._text(dtype), trains and not keeps)
        runs = self._runner(dtype)
        if trains:
            if runs.steps(x, weights) is None:
                return Conv1d.apply(runs, x, *weights)
            return Conv1dStep.apply(runs, x, weights[0], weights[1] if len(weights) > 1 else None)
        return runs.forward(x, weights)

    def _text(self, dtype: Any) -> str:
        """The layer for weights of that dtype, as the operators have it. Raises ShapeError."""
        if dtype not in self._layers:
            got = str(dtype).removeprefix("torch.")
            raise ShapeError(f"weights: got {got}, expected float32 or float64; cast the module by .float()")
        return self._layers[dtype]

    def _runner(self, dtype: Any) -> Runner:
        """What runs the layer with the weights as they now are."""
        found: Runner | None = self.__dict__.get("_runs")
        if found is None or found.dtype is not dtype:
            found = self.__dict__["_runs"] = Runner(runner(self._text(dtype)).layer, self._sets)
        return found

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: no machine code goes along."""
        return {name: value for name, value in self.__dict__.items() if name != "_runs"}

    def extra_repr(self) -> str:
        """What the layer is."""
        return self._told


def _recorded(x: Any) -> bool:
    """Whether PyTorch must see the operator: it compiles or traces the call, or x holds no numbers."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing() or type(x) is not torch.Tensor or x.is_meta


class GroupedTranspose(GenConv1d):
    """A ConvTranspose1d of several groups: a layer for one of them, called on the channels and weights of each."""

    def __init__(self, layer: Layer, groups: int) -> None:
        super().__init__(layer)
        self._sets = groups
        self.genconv_reads = self.genconv_reads[0] * groups, self.genconv_reads[1]

    def _called(self, x: Any, weights: Sequence[Any]) -> Any:
        channels, filters = len(weights[0]), weights[0].shape[1] * self._sets
        if x.dim() != 3 or x.shape[1] != channels:
            raise ShapeError(
                f"x: got shape {tuple(x.shape)}, expected (batch, {channels}, steps) for {filters} filters"
            )
        shares = [each.chunk(self._sets) for each in weights]
        parts = x.chunk(self._sets, 1)
        return torch.cat(
            [super(GroupedTranspose, self)._called(part, own) for part, *own in zip(parts, *shares, strict=True)], 1
        )

    def extra_repr(self) -> str:
        """What the layers are."""
        return f"{self._sets} groups, each {super().extra_repr()}"


def module_of(layer: Layer) -> GenConv1d:
    """The layer as a module with copies of its weights. Raises ConversionError, and ShapeError for one not built."""
    if layer.dtype not in ("float32", "float64") or layer.storage != "float32":
        raise ConversionError(
            f"`{layer.name}`: got storage {layer.storage}, expected weights as they are computed with"
        )
    return GenConv1d(layer)


def modules_of(model: Model) -> Any:
    """A ModuleDict of the model's layers, by name."""
    if model.nets:
        raise ConversionError("a `model` block has no module yet: convert its layers one by one, model[name]")
    return torch.nn.ModuleDict({name: module_of(layer) for name, layer in model.items()})


def accelerated(module: Any, skip: Collection[str], options: Mapping[str, Any]) -> dict[str, str]:
    """Replace, in place, each convolution below `module` by a GenConv1d with the same Parameters; path → why not."""
    if not TORCH.owns(module):
        raise ConversionError(f"accelerate: got {type(module).__name__}, expected a torch.nn.Module")
    if TORCH.kind(module):
        raise ConversionError(
            "accelerate: got a convolution alone; codegen.to_torch(codegen.from_torch(it)) replaces it"
        )
    paths = {path: part for path, part in module.named_modules(remove_duplicate=False) if TORCH.kind(part)}
    skip = (skip,) if isinstance(skip, str) else tuple(skip)
    known = dict(module.named_modules(remove_duplicate=False))
    for word in skip:
        if word not in known:
            raise UsageError(f"skip: no module `{plainly(word)}`; the convolutions are {', '.join(paths)}")
    made: dict[int, Any] = {}
    left: dict[str, str] = {}
    for path, part in paths.items():
        if any(path == word or path.startswith(f"{word}.") for word in skip):
            left[path] = "skipped, as asked"
            continue
        try:
            if id(part) not in made:
                made[id(part)] = _replacement(part, options)
        except GenConvError as wrong:
            left[path] = str(wrong)
            continue
        place, _, name = path.rpartition(".")
        known[place]._modules[name] = made[id(part)]
    return left


def _replacement(part: Any, options: Mapping[str, Any]) -> Any:
    """A GenConv1d that shares the part's Parameters. Raises ConversionError."""
    if part.weight.device.type != "cpu" or str(part.weight.dtype) not in ("torch.float32", "torch.float64"):
        raise ConversionError(
            f"got {part.weight.dtype} on {part.weight.device}, expected float32 or float64 on the CPU"
        )
    if part._forward_hooks or part._forward_pre_hooks or part._backward_hooks or part._backward_pre_hooks:
        raise ConversionError("has hooks, which a replacement would lose: remove them, or register them afterwards")
    if base(part, ROOT, READERS) not in (type(part),) or getattr(part, "parametrizations", None):
        raise ConversionError(f"{type(part).__name__} computes its weight or its output in a way of its own")
    found = _standing_for(part, options)
    for name in ("weight", "bias"):  # a grouped one takes the whole ones, too
        if getattr(part, name) is not None:
            setattr(found, name, getattr(part, name))
    found.training = part.training
    return found


def _standing_for(part: Any, options: Mapping[str, Any]) -> GenConv1d:
    """The module for one convolution, with weights that are not yet its own."""
    if TORCH.kind(part) != "ConvTranspose1d" or part.groups == 1:
        return module_of(_layer(part, options))
    if part.groups > MOST_GROUPS:
        raise ConversionError(
            f"has {part.groups} groups with a call for each: above {MOST_GROUPS} PyTorch's own is faster"
        )
    sizes = {name: getattr(part, name) for name in ("kernel_size", "stride", "padding", "output_padding", "dilation")}
    channels, filters = part.in_channels // part.groups, part.out_channels // part.groups
    one = type(part)(channels, filters, **sizes, bias=part.bias is not None, dtype=part.weight.dtype)
    return GroupedTranspose(_layer(one, options), part.groups)


def _layer(part: Any, options: Mapping[str, Any]) -> Layer:
    found = convert.converted(TORCH, TORCH, part, options)
    assert isinstance(found, Layer)  # of one convolution
    return found

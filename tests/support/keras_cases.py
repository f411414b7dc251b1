"""Keras' own test cases, read from its wheel and run with this project's classes where Keras' stood.

Each file of FILES is executed with an `__import__` of its own: what it imports from `keras.src` as layers, activations,
initializers, regularizers and constraints are the stand-ins below; everything else is Keras' own. The adapters do what
a backend would (a symbolic call, a Variable's `assign`) and nothing that a layer is asked for.
"""

from __future__ import annotations

import builtins
import inspect
import unittest
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras.src.testing
import numpy as np
import pytest
from keras.src.backend import KerasTensor

import codegen
from codegen.functions import activations, constraints, initializers, regularizers
from codegen.functions.registry import Call
from codegen.layers import optimizers
from codegen.layers.kinds import LAYERS

SOURCE = Path(keras.src.__file__).parent
FILES = (
    "layers/convolutional/conv_test.py",
    "layers/convolutional/depthwise_conv_test.py",
    "layers/convolutional/separable_conv_test.py",
    "layers/convolutional/conv_transpose_test.py",
    "initializers/constant_initializers_test.py",
    "initializers/initializer_test.py",
    "initializers/random_initializers_test.py",
    "regularizers/regularizers_test.py",
    "constraints/constraints_test.py",
    "activations/activations_test.py",
)


class Elsewhere(Exception):
    """A class of Keras that is not of this project was used."""


def elsewhere(name: str) -> type:
    """A class that can be named, as decorators do, and not made."""

    def refuse(self: Any, *arguments: Any, **options: Any) -> None:
        raise Elsewhere(f"{name} is not of this project")

    return type(name, (), {"__init__": refuse})


class Namespace:
    """A module's stand-in: `ours` first, then what `rest` has by that name."""

    def __init__(self, ours: dict[str, Any], rest: Callable[[str], Any]) -> None:
        vars(self).update(ours)
        self._rest = rest

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        vars(self)[name] = found = self._rest(name)
        return found


class Variable(np.ndarray):
    """A weight as Keras' tests handle it: an array with `assign` and `constraint`."""

    @classmethod
    def of(cls, layer: Any, name: str) -> Variable:
        weights = dict(zip(layer.spec.weight_shapes(), layer.weights, strict=True))
        if name not in weights:
            raise AttributeError(name)
        found = weights[name].view(cls)
        found.layer, found.name = layer, name
        return found

    def assign(self, value: Any) -> None:
        names = list(self.layer.spec.weight_shapes())
        arrays = dict(zip(names, self.layer.get_weights(), strict=True))
        self.layer.set_weights(list((arrays | {self.name: np.asarray(value)}).values()))

    @property
    def constraint(self) -> Any:
        return getattr(self.layer.spec, f"{self.name.removesuffix('_kernel')}_constraint")


class Adapter:
    """What a Keras layer gets from its backend: symbolic calls, variables, lists that only Keras' models ask for."""

    supports_masking = False
    non_trainable_variables = ()
    _seed_generators = ()

    def __call__(self, x: Any, training: bool = False) -> Any:
        if not isinstance(x, KerasTensor):
            return super().__call__(x)
        self.build(x.shape)
        return KerasTensor(self.compute_output_shape(x.shape), dtype=self.dtype)

    @property
    def torch_params(self) -> list[Any]:
        return self.weights

    def _flatten_layers(self, *_: Any) -> list[Any]:
        return [self]


def adapted(cls: type) -> type:
    """The layer class with what Adapter adds; its weights are Variables."""

    def variable(name: str) -> property:
        return property(lambda self: Variable.of(self, name))

    words = ("kernel", "bias", "depthwise_kernel", "pointwise_kernel")
    return type(cls.__name__, (Adapter, cls), {name: variable(name) for name in words})


CLASSES = {cls.__name__: adapted(cls) for cls in LAYERS.values()}


@dataclass(frozen=True)
class Fused:
    """An activation as a function of an array: what a pointwise layer with a kernel of ones makes of it, compiled."""

    name: str

    def __call__(self, x: Any, *places: Any, **options: Any) -> np.ndarray:
        axis = options.pop("axis", -1)
        x = np.asarray(x)
        x = x.astype(np.float32 if x.dtype == np.float32 else np.float64)
        call = Call(self.name, places, tuple(options.items()))
        rowwise = activations.row(activations.get(call)).rowwise
        return along(x, axis, call) if rowwise else pointwise(x.reshape(-1, 1), call).reshape(x.shape)


def along(x: np.ndarray, axis: int | tuple[int, ...], call: Call) -> np.ndarray:
    """The row activation over `axis`, one or several, which becomes the channels."""
    axes = tuple(a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,)))
    moved = np.moveaxis(x, axes, range(-len(axes), 0))
    y = pointwise(moved.reshape(-1, prod(moved.shape[-len(axes) :])), call)
    shape = moved.shape if len(axes) > 1 else (*moved.shape[:-1], y.shape[-1])
    return np.moveaxis(y.reshape(shape), range(-len(axes), 0), axes)


def pointwise(rows: np.ndarray, call: Call) -> np.ndarray:
    """A Conv1D of one tap, its kernel the identity, on (steps, channels)."""
    channels = rows.shape[1]
    layer = codegen.Conv1D(channels, 1, activation=call, use_bias=False, dtype=str(rows.dtype))
    layer.build((None, None, channels))
    layer.set_weights([np.eye(channels)[None]])
    return layer(rows[None])[0]


def activation_named(value: Any) -> Fused:
    return Fused(activations.get(value).name)


class TestCase(keras.src.testing.TestCase):
    """Keras' own, but that a layer is trained by this project's gradients and optimizer.

    A class is made known to Keras' deserialization as Keras wants classes that are not its own: by its name.
    """

    def assertEqual(self, first: Any, second: Any, msg: Any = None) -> None:
        """A message of ours has Keras' own on a line of its own."""
        if not (isinstance(first, str) and f"(Keras: {second})" in first):
            super().assertEqual(first, second, msg)  # noqa: PT009  # unittest's own, overridden

    def run_class_serialization_test(self, instance: Any, custom_objects: Any = None) -> Any:
        cls = type(instance)
        return super().run_class_serialization_test(instance, {cls.__name__: cls})

    def run_layer_test(self, layer_cls: Any, init_kwargs: Any, **options: Any) -> None:
        super().run_layer_test(layer_cls, init_kwargs, run_training_check=False, **options)
        layer = layer_cls(**init_kwargs)
        x = np.random.default_rng(0).random(options["input_shape"], np.float32)
        y = layer(x)
        before = layer.get_weights()
        optimizers.SGD(0.01).apply(layer, layer.gradients(x, np.ones_like(y)))
        assert all((a != b).any() for a, b in zip(before, layer.get_weights(), strict=True))
        assert layer(x).sum() < y.sum(), "the loss is the sum of the outputs"


def skip_if_backend(*_: str) -> Callable[[Any], Any]:
    """What Keras' conftest.py has by that name, which is not in its wheel; no backend that is meant is used here."""
    return lambda test: test


STAND_INS = {
    "layers": Namespace({**CLASSES, "Input": keras.layers.Input}, elsewhere),
    "activations": Namespace({"get": activation_named}, Fused),
    "initializers": initializers,
    "regularizers": regularizers,
    "constraints": constraints,
    "testing": Namespace({"TestCase": TestCase}, lambda name: getattr(keras.src.testing, name)),
    "backend": Namespace({"Variable": np.asarray}, lambda name: getattr(keras.src.backend, name)),
}
MARKS = Namespace({"requires_trainable_backend": lambda test: test}, lambda name: getattr(pytest.mark, name))
DEEPER = {
    "pytest": Namespace({"mark": MARKS}, lambda name: getattr(pytest, name)),
    "conftest": SimpleNamespace(skip_if_backend=skip_if_backend),
    "keras.src.initializers.random_initializers": initializers,
    "keras.src.layers.attention.multi_head_attention": Namespace({}, elsewhere),
    "keras.src.regularizers.regularizers": SimpleNamespace(
        validate_float_arg=lambda value, name: regularizers.L1(value).l1
    ),
}


def stand_in(name: str, *arguments: Any) -> Any:
    """`__import__` as the test files see it; they import each other, too."""
    if name in DEEPER:
        return DEEPER[name]
    if name.startswith("keras.src.") and name.endswith("_test"):
        return SimpleNamespace(**executed(name.removeprefix("keras.src.").replace(".", "/") + ".py"))
    found = builtins.__import__(name, *arguments)
    return Namespace(STAND_INS, lambda word: getattr(found, word)) if name == "keras.src" else found


@cache
def executed(file: str) -> dict[str, Any]:
    """The names that a test file defines. Raises ImportError where it wants what is not installed."""
    where = SOURCE / file
    names = {"__name__": f"keras.src.{file[:-3].replace('/', '.')}", "__file__": str(where)}
    names["__builtins__"] = vars(builtins) | {"__import__": stand_in}  # type: ignore[assignment]
    exec(compile(where.read_text("utf-8"), str(where), "exec"), names)
    return names


def cases() -> Iterator[tuple[str, unittest.TestCase | ImportError]]:
    """Each test case by `file::class::method`; a file that cannot be imported is one case, with the reason."""
    for file in FILES:
        name = file.rpartition("/")[2]
        try:
            found = [one for one in executed(file).values() if inspect.isclass(one) and issubclass(one, TestCase)]
        except ImportError as missing:
            yield name, missing
            continue
        for cls in found:
            for method in unittest.defaultTestLoader.getTestCaseNames(cls):
                yield f"{name}::{cls.__name__}::{method}", cls(method)

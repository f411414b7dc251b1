"""Any object as any argument: it serves, or an error of ours names the argument and quotes a line of it at most."""

from __future__ import annotations

import collections
import decimal
import fractions
import inspect
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.errors import GenConvError
from codegen.errors.quoting import cut, exactly, plainly
from codegen.functions import constraints, initializers, regularizers
from codegen.layers.kinds import LAYERS
from codegen.layers.optimizers import SGD, Adam

LONGEST = 1_200  # characters of an error: the argument's rule, one value by our words and by Keras', the words it takes


class Mute:
    """It cannot tell of itself."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


class Rude:
    """It can be neither compared nor hashed, and is neither true nor false."""

    __hash__ = None  # type: ignore[assignment]  # as lists do

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not comparable")

    def __bool__(self) -> bool:
        raise RuntimeError("neither")


class Misnamed:
    """Its name is no word."""

    name: Any = ()


class Unnameable:
    """Its name cannot be asked for."""

    @property
    def name(self) -> str:
        raise RuntimeError("no name")


def odd() -> dict[str, Any]:
    endless: list[Any] = []
    endless.append(endless)
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    return {
        "dict": {}, "list": [], "set": {1}, "object": object(), "array": np.array([1, 2]), "number array": np.array(3),
        "text array": np.array(["a", "b"]), "records": np.zeros(2, [("a", "i4")]), "nan": float("nan"),
        "inf": float("inf"), "huge": 10**5_000, "huge below 0": -(10**5_000), "huge inside": [[10**4_000]],
        "bytes": b"relu", "surrogate": "\ud800", "nul": "a\0b", "lines": "a\nb", "long": "x" * 100_000, "empty": "",
        "mute": Mute(), "rude": Rude(), "misnamed": Misnamed(), "unnameable": Unnameable(), "endless": endless,
        "deep": deep, "long list": list(range(20_000)), "generator": (i for i in range(3)), "complex": 1j,
        "decimal": decimal.Decimal("1.5"), "fraction": fractions.Fraction(1, 2), "beyond floats": 10**400,
        "type": int, "a type of this test": Misnamed, "type with arguments": fractions.Fraction,
        "array type": np.ndarray,
        "module": sys, "tuple": (1, 2, 3), "nones": (None, None), "true": True, "zero": 0, "numpy int": np.int64(3),
        "numpy float": np.float64(1.5), "numpy bool": np.bool_(True), "dtype": np.dtype("f4"), "range": range(3),
        "ellipsis": ..., "memory": memoryview(b"ab"), "error": ValueError(), "counts": collections.Counter("aab"),
        "config of lists": {"class_name": [], "config": 3}, "config of numbers": {1: 2},
        "config": {"class_name": "Zeros", "config": {1: 2}}, "long config": {"class_name": "x" * 100_000},
    }  # fmt: skip


ODD = odd()


def held_to(make: Callable[[Any], object], argument: str) -> Iterator[tuple[str, str]]:
    """Makes it with each odd object; what is wrong, by the object's name."""
    for name, value in ODD.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                make(value)
        except GenConvError as error:
            told = str(error)
            if len(told) > LONGEST:
                yield name, f"{len(told)} characters"
            if argument not in told and argument.rpartition("_")[2] not in told:
                yield name, f"does not name it: {told[:200]}"
        except Exception as error:  # which is what this test is for
            yield name, type(error).__name__


def arguments(*makers: Any) -> list[tuple[Any, str]]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [
        (one, name) for one in makers for name, spot in inspect.signature(one).parameters.items() if spot.kind in kinds
    ]


TABLES = [cls for table in (initializers, regularizers, constraints) for cls in table.REGISTRY.classes]
OPTIMIZERS = [
    *arguments(SGD, Adam),
    *((SGD, name) for name in ("clipnorm", "clipvalue", "global_clipnorm", "weight_decay")),
]


@pytest.mark.long
@pytest.mark.in_turn(2)
@pytest.mark.parametrize(
    ("cls", "argument"), arguments(*LAYERS.values()), ids=lambda one: getattr(one, "__name__", one)
)
def test_a_layers_argument(cls: Any, argument: str) -> None:
    needed = {
        name: 8 if name == "filters" else 3
        for name in ("filters", "kernel_size")
        if name in dict(inspect.signature(cls).parameters)
    }
    for given in (needed, needed | {"input_shape": (9, 8)}):
        wrong = dict(held_to(lambda value, given=given: cls(**given | {argument: value}), argument))
        assert not wrong


@pytest.mark.long
@pytest.mark.parametrize(
    ("cls", "argument"), [*arguments(*TABLES), *OPTIMIZERS], ids=lambda one: getattr(one, "__name__", one)
)
def test_an_option_of_what_a_layer_may_name(cls: Any, argument: str) -> None:
    assert not dict(held_to(lambda value: cls(**{argument: value}), argument))


@pytest.mark.long
@pytest.mark.parametrize("argument", ["target", "accuracy", "rigor", "threads", "storage", "seed", "weights"])
def test_an_argument_of_load(argument: str) -> None:
    text = "conv1d a { filters = 1, kernel_size = 1, input_shape = (4, 4) }"
    assert not dict(held_to(lambda value: codegen.load(text, **{argument: value}), argument))


@pytest.mark.parametrize(
    ("place", "use"),
    [
        ("weights", lambda layer, value: layer.set_weights(value)),
        ("lay/kernel", lambda layer, value: layer.set_weights([value, np.zeros(8)])),
        ("build", lambda layer, value: layer.build(value)),
        ("build", lambda layer, value: codegen.Conv1D(1, 1).build((None, None, value))),
        ("build", lambda layer, value: codegen.Conv1D(1, 1).build((None, value, 1))),
        ("compute_output_shape", lambda layer, value: layer.compute_output_shape(value)),
        ("build_from_config", lambda layer, value: layer.build_from_config(value)),
        ("weight", lambda layer, value: layer.load_weights(value)),
        ("x", lambda layer, value: layer(value)),
        ("out", lambda layer, value: layer(np.ones((1, 9, 8)), out=value)),
        ("copy", lambda layer, value: layer(np.ones((1, 9, 8)), copy=value)),
        ("gradients", lambda layer, value: SGD().apply(layer, {"kernel": value, "bias": np.zeros(8)})),
        ("from_keras", lambda layer, value: codegen.from_keras(value)),
        ("from_torch", lambda layer, value: codegen.from_torch(value)),
    ],
)
def test_what_a_built_layer_is_handed(place: str, use: Any) -> None:
    layer = codegen.Conv1D(8, 3, input_shape=(9, 8), name="lay")
    wrong = dict(held_to(lambda value: use(layer, value), place))
    assert not {
        name: told
        for name, told in wrong.items()
        if "`lay`: got" not in told and "x has" not in told and "input_shape" not in told
    }


def test_unhashable_and_ambiguous_arguments_are_told_by_their_own_names() -> None:
    for make, told in [
        (lambda: codegen.Conv1D(1, 1, target={}), "unknown target `{}`: expected one of native, scalar"),  # type: ignore[arg-type]  # the test
        (lambda: codegen.Conv1D(1, 1, dtype=np.array([1, 2])), "`dtype` must be float32, float64 or int8, got [1 2]"),
        (lambda: codegen.Conv1D(1, 1, dtype=0), "`dtype` must be float32, float64 or int8, got 0"),
        (
            lambda: codegen.Conv1D(1, 1, name=""),
            '`name` must start with a letter and hold letters, digits and _, 63 at most, got ""',
        ),
    ]:
        with pytest.raises(GenConvError) as caught:
            make()
        assert told in str(caught.value)
    assert codegen.Conv1D(1, 1, threads=np.int64(2))._how.threads == 2


def test_quoting() -> None:
    assert plainly("a\nb") == "a\\u{000a}b"
    assert plainly(np.arange(4).reshape(2, 2)) == "[[0 1] [2 3]]"
    assert exactly("it's") == '"it\'s"'
    assert plainly(10**5_000) == "<int>"
    assert exactly(Mute()) == "<Mute>"
    assert plainly("x" * 61) == "x" * 59 + "…"
    assert len(plainly("\0" * 60)) == 60
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"

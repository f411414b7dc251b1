"""Copies and pickles: a copy answers as the original, shares nothing that changes, and compiles nothing by itself."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import errors, pipeline
from codegen.layers.kinds import LAYERS
from codegen.layers.layer import Layer
from codegen.layers.optimizers import SGD, Adam, Optimizer
from codegen.layers.origin import Origin

RNG = np.random.default_rng(5)
X = RNG.integers(-4, 5, (2, 9, 4)).astype(np.float32)
ROOT = Path(__file__).resolve().parents[2]


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


COPIES: dict[str, Callable[[Any], Any]] = {"pickle": pickled, "copy": copy.copy, "deepcopy": copy.deepcopy}
BY = pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
KINDS = pytest.mark.parametrize("cls", LAYERS.values(), ids=lambda cls: cls.__name__)


def made(cls: type[Layer], **options: Any) -> Layer:
    sizes = {"kernel_size": 3, **({"filters": 2} if "filters" in cls.__annotations__ else {})}
    return cls(**sizes, **options)  # type: ignore[call-arg]  # each kind has its own


def answer(layer: Layer) -> np.ndarray:
    return layer(X)


def assert_refuses_writes(layer: Layer) -> None:
    for array in layer.weights:
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 7


@pytest.mark.compiles
@KINDS
@BY
@pytest.mark.parametrize("stage", ["new", "built", "called", "set"])
def test_a_copy_of_a_layer_answers_alike_and_stands_by_itself(cls: type[Layer], duplicate: Any, stage: str) -> None:
    layer = made(cls, padding="same", activation="relu", trainable=False)
    if stage != "new":
        layer.build((None, None, 4))
    if stage == "called":
        layer(X)
    if stage == "set":
        layer.set_weights([RNG.integers(-3, 4, array.shape) for array in layer.weights])
    twin = duplicate(layer)
    assert type(twin) is cls
    assert twin.built == layer.built == (stage != "new")
    assert (twin.name, twin.dtype, twin.trainable) == (layer.name, layer.dtype, False)
    assert (answer(twin) == answer(layer)).all(), "initializers without a seed, too, have drawn one"
    assert layer.built
    assert_refuses_writes(twin)
    before = answer(layer)
    twin.set_weights([array + 1 for array in twin.get_weights()])
    assert (answer(twin) != before).any()
    assert (answer(layer) == before).all()
    twin.trainable = True
    assert not layer.trainable


@pytest.mark.compiles
@BY
def test_a_copy_of_an_unbuilt_layer_builds_itself_alone(duplicate: Any) -> None:
    layer = codegen.Conv1D(2, 3)
    twin = duplicate(layer)
    twin(X)
    assert twin.built
    assert not layer.built
    assert layer(X[:, :, :3]).shape == (2, 7, 2)


@pytest.mark.compiles
@BY
def test_a_copy_calls_as_directly_as_the_original(duplicate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = codegen.Conv1D(2, 3)
    expected = layer(X)
    twin = duplicate(layer)
    twin(X)
    monkeypatch.delattr(Layer, "_checked")  # the long way round
    assert (twin(X) == expected).all()


@pytest.mark.compiles
@BY
def test_what_else_a_layer_holds(duplicate: Any) -> None:
    layer = codegen.Conv1D(
        2, 3, storage="bfloat16", target="scalar", accuracy="exact", threads=2, activity_regularizer="l2"
    )
    layer.origin = Origin("keras", "Conv1D", "stem")
    layer.remark = "an attribute of the user's own"  # type: ignore[attr-defined]  # as Python allows
    layer(X)
    twin = duplicate(layer)
    assert (twin.storage, twin.origin, twin.remark, twin.losses) == (
        "bfloat16",
        layer.origin,
        layer.remark,
        layer.losses,
    )
    assert (twin(X) == layer(X)).all()
    assert repr(twin) == repr(layer)
    assert twin.get_config() == layer.get_config()


@pytest.mark.compiles
@BY
def test_a_model(duplicate: Any) -> None:
    model = codegen.load(
        "conv1d a { filters = 2, kernel_size = 3, input_shape = (9, 4) }\n"
        "conv1d b { filters = 1, kernel_size = 2, input_shape = (7, 2) }"
    )
    expected = model.b(model.a(X))
    twin = duplicate(model)
    assert list(twin) == ["a", "b"]
    assert (twin.b(twin.a(X)) == expected).all()
    assert repr(twin) == repr(model)
    assert (twin.left_out, twin.origins) == ({}, {})
    with pytest.raises(TypeError):
        twin.left_out["c"] = "Dense"
    assert (twin.a is model.a) == (duplicate is copy.copy), "a shallow copy has the same layers, as a dict's"


def trained(optimizer: Optimizer, layer: Layer, steps: int) -> list[np.ndarray]:
    for step in range(steps):
        optimizer.minimize(layer, X, lambda y, step=step: (0.0, np.full_like(y, 0.25 * step - 0.5)))
    return layer.get_weights()


OPTIMIZERS = pytest.mark.parametrize(
    "make", [lambda: SGD(0.1, momentum=0.5), lambda: Adam(0.1, amsgrad=True, clipnorm=1.0), lambda: SGD(0.5)]
)


@pytest.mark.compiles
@OPTIMIZERS
@BY
@pytest.mark.parametrize("storage", ["float32", "float16"])
def test_a_layer_and_its_optimizer_go_on_together(make: Any, duplicate: Any, storage: str) -> None:
    """Two layers of one name are told apart by their weights."""
    optimizer = make()
    layers = [codegen.Conv1D(2, 3, name="twice", storage=storage) for _ in range(2)]
    trained(optimizer, layers[1], 1)
    trained(optimizer, layers[0], 3)
    if duplicate is copy.copy:
        twins, other = [copy.copy(layer) for layer in layers], copy.copy(optimizer)
    else:
        twins, other = duplicate((layers, optimizer))
    assert [other.iterations(layer) for layer in twins] == [3, 1]
    assert [optimizer.iterations(layer) for layer in layers] == [3, 1]
    for layer, twin in zip(layers, twins, strict=True):
        expected = trained(optimizer, layer, 3)
        for found, wanted in zip(trained(other, twin, 3), expected, strict=True):
            assert (found == wanted).all()


@pytest.mark.compiles
@OPTIMIZERS
@BY
def test_an_optimizer_alone_goes_on_with_the_layer_of_that_name(make: Any, duplicate: Any) -> None:
    optimizer, layer = make(), codegen.Conv1D(2, 3, name="one")
    trained(optimizer, layer, 3)
    other = duplicate(optimizer)
    twin, stranger = codegen.Conv1D(2, 3, name="one"), codegen.Conv1D(3, 3, name="one")
    assert other.iterations(codegen.Conv1D(2, 3, name="one")) == 0, "which is not built yet"
    for each in (twin, stranger):
        each.build((None, None, 4))
    twin.set_weights(layer.get_weights())
    assert other.iterations(stranger) == 0, "its weights have another shape"
    assert other.iterations(twin) == 3
    expected = trained(optimizer, layer, 3)
    for found, wanted in zip(trained(other, twin, 3), expected, strict=True):
        assert (found == wanted).all()
    assert other.iterations(twin) == optimizer.iterations(layer) == 6


@pytest.mark.compiles
def test_a_copied_optimizer_leaves_the_original_alone() -> None:
    optimizer, layer = SGD(0.5, momentum=0.5), codegen.Conv1D(1, 1, name="one", kernel_initializer="ones")
    trained(optimizer, layer, 2)
    other = copy.copy(optimizer)
    other.learning_rate = 0.0
    trained(other, layer, 2)
    assert optimizer.learning_rate == 0.5
    assert optimizer.iterations(layer) == 2
    assert other.iterations(layer) == 4


@pytest.mark.compiles
@BY
def test_gradients_specs_and_plans(duplicate: Any) -> None:
    layer = codegen.Conv1D(2, 3, activation="relu", kernel_regularizer="l2", input_shape=(9, 4))
    gradients = layer.gradients(X, np.ones_like(layer(X)))
    twin = duplicate(gradients)
    assert (twin.x == gradients.x).all()
    assert (twin.kernel == gradients.kernel).all()
    for value in (layer.spec, layer.spec.lower(), pipeline.plan(layer.spec), pipeline.generate(layer.spec)):
        assert duplicate(value) == value
        assert repr(duplicate(value)) == repr(value)


@pytest.mark.compiles
def test_a_compiled_kernel_says_what_to_pickle() -> None:
    kernel = pipeline.kernel_for(codegen.Conv1D(2, 3, input_shape=(9, 4)).spec)
    assert copy.copy(kernel) is copy.deepcopy(kernel) is kernel
    with pytest.raises(TypeError, match="belongs to its process: pickle the layer, or the plan"):
        pickle.dumps(kernel)


def test_every_error_comes_back_from_another_process() -> None:
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.GenConvError)]
    assert len(classes) == 10
    for cls in classes:
        arguments = {errors.SpecError: ("E201", "wrong"), errors.SpecErrors: ((errors.Diagnostic("E201", "wrong"),),)}
        error = cls(*arguments.get(cls, ("wrong",)))
        assert str(pickled(error)) == str(error)
    with pytest.raises(errors.SpecErrors) as caught:
        codegen.load("conv1d a { filters = 0,\n pading = same }")
    assert str(pickled(caught.value)) == str(caught.value)
    with pytest.raises(errors.SpecError) as one:
        codegen.Conv1D(0, 3)
    assert vars(pickled(one.value)) == vars(one.value)


@pytest.mark.compiles
def test_unpickling_neither_compiles_nor_opens_a_kernel(tmp_path: Path) -> None:
    layer = codegen.Conv1D(2, 3, name="one")
    layer(X)
    optimizer = Adam()
    trained(optimizer, layer, 1)
    (tmp_path / "held").write_bytes(pickle.dumps((layer, optimizer)))
    code = """
import pickle, sys
layer, optimizer = pickle.load(open(sys.argv[1], "rb"))
assert optimizer.iterations(layer) == 1
assert layer.kernel.shape == (3, 4, 2)
print(*sorted({"codegen.machine.loader", "codegen.machine.compilers", "subprocess"} & set(sys.modules)))
"""
    run = [sys.executable, "-c", code, str(tmp_path / "held")]
    assert subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split() == []


def in_another_process(job: tuple[Layer, Optimizer, np.ndarray]) -> tuple[np.ndarray, Layer, Optimizer]:
    layer, optimizer, x = job
    y = layer(x)
    trained(optimizer, layer, 2)
    return y, layer, optimizer


@pytest.mark.compiles
def test_a_layer_works_in_a_spawned_process_and_comes_back_trained() -> None:
    layer, optimizer = codegen.Conv1D(2, 3, name="far"), SGD(0.25, momentum=0.5)
    trained(optimizer, layer, 1)
    expected = layer(X)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        y, back, their = pool.map(in_another_process, [(layer, optimizer, X)])[0]
    assert (y == expected).all()
    assert their.iterations(back) == 3
    expected_weights = trained(optimizer, layer, 2)
    for found, wanted in zip(back.get_weights(), expected_weights, strict=True):
        assert (found == wanted).all()
    assert_refuses_writes(back)

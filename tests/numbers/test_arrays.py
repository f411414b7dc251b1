"""What other libraries hand over as arrays: taken with their right numbers, or refused in words, at every door."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codegen import Conv1D, ShapeError, WeightsError
from codegen.errors import GenConvError
from codegen.layers.optimizers import SGD

X = np.arange(-12, 12, dtype=np.float32).reshape(1, 8, 3)


class Signed:
    """A tensor as PyTorch's: its numbers are the negatives of those in memory, which DLPack hands over as they lie."""

    def __init__(self, memory: np.ndarray, negative: bool = True) -> None:
        self.memory, self.negative = memory, negative

    def is_neg(self) -> bool:
        return self.negative

    def resolve_neg(self) -> Signed:
        return Signed(-self.memory, negative=False) if self.negative else self

    def __dlpack__(self, **options: Any) -> Any:
        return self.memory.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.memory.__dlpack_device__()


class Elsewhere:
    """An array in another device's memory, which neither protocol can hand over."""

    def __dlpack__(self, **options: Any) -> Any:
        raise BufferError("on device 7")

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 7

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise OSError("copy it to the host first" + "!" * 9_999)


def layer(**options: Any) -> Conv1D:
    """Sums of three taps of three channels."""
    found = Conv1D(1, 3, input_shape=(8, 3), name="sums", kernel_initializer="ones", **options)
    found.build((None, 8, 3))
    return found


def sums(x: np.ndarray) -> np.ndarray:
    return np.stack([x[:, t : t + 3].sum((1, 2)) for t in range(6)], axis=1)[:, :, None]


def doors() -> dict[str, tuple[tuple[int, ...], Callable[[Any], np.ndarray], type[GenConvError]]]:
    """By name: the shape that goes in, what comes out of the layer for it, the error's class."""

    def weights(kernel: Any) -> np.ndarray:
        held = layer()
        held.set_weights([kernel, np.zeros(1)])
        return held.kernel

    def gradient(kernel: Any) -> np.ndarray:
        held = layer()
        SGD(1.0).apply(held, {"kernel": kernel, "bias": np.zeros(1)})
        return 1 - held.kernel

    def own(y: Any) -> np.ndarray:
        return layer(activation=lambda z: y)(X)

    return {
        "x": (X.shape, layer(), ShapeError),
        "kernel": ((3, 3, 1), weights, WeightsError),
        "initializer": (
            (3, 3, 1),
            lambda kernel: Conv1D(1, 3, input_shape=(8, 3), kernel_initializer=lambda s, d: kernel).kernel,
            WeightsError,
        ),
        "dy": ((1, 6, 1), lambda dy: layer().gradients(X, dy).bias[0], ShapeError),
        "z": (
            (1, 6, 1),
            lambda z: layer(activation="relu").gradients(X, np.arange(6.0).reshape(1, 6, 1), z=z).bias[0],
            ShapeError,
        ),
        "gradient": ((3, 3, 1), gradient, ShapeError),
        "activation": ((1, 6, 1), own, ShapeError),
    }


DOORS = doors()


@pytest.mark.compiles
@pytest.mark.parametrize("door", DOORS)
def test_a_sign_that_is_only_noted_is_carried_out(door: str) -> None:
    shape, answer, _ = DOORS[door]
    numbers = np.linspace(-3, 4, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    expected = answer(numbers)
    assert np.any(answer(-numbers) != expected), "the door sees the sign"
    assert np.all(answer(Signed(-numbers)) == expected)
    assert np.all(answer(Signed(numbers, negative=False)) == expected)


@pytest.mark.compiles
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda shape: Elsewhere(), "got Elsewhere, which does not become an array (copy it to the host first!!"),
        (lambda shape: np.ma.masked_array(np.ones(shape), np.ones(shape)), "masked values, which have no number"),
        (lambda shape: [*np.ma.masked_array(np.ones(shape), np.ones(shape))], "masked values, which have no number"),
        (lambda shape: np.full(shape, 1j), "got type complex128, expected float"),
        (lambda shape: np.full(shape, "7"), "got type <U1, expected float"),
        (lambda shape: np.zeros(shape, [("a", "f4")]), "got type [('a', '<f4')], expected float"),
    ],
)
def test_what_holds_no_numbers_is_refused(door: str, make: Any, told: str) -> None:
    shape, answer, error = DOORS[door]
    with pytest.raises(error) as caught:
        answer(make(shape))
    assert told in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.compiles
def test_an_array_that_masks_nothing_is_one() -> None:
    assert (layer()(np.ma.masked_array(X)) == sums(X)).all()
    with pytest.raises(ShapeError, match="out: got MaskedArray"):
        layer()(X, out=np.ma.masked_array(np.zeros((1, 6, 1), np.float32)))


@pytest.mark.parametrize("x", [Signed(X), X.astype(float).tolist()], ids=["lazy sign", "list"])
def test_a_binding_reads_the_callers_memory_or_refuses(x: Any) -> None:
    held = layer(dtype="float64" if isinstance(x, list) else "float32")
    with pytest.raises(ShapeError, match=r'got an array that is made of what it was handed.*with copy="never"'):
        held.bind(x, np.zeros((1, 6, 1), held.dtype))


def torch_tensors() -> dict[str, tuple[Callable[[Any, Any], Any], str | None]]:
    """By what is odd about it: a tensor of PyTorch that holds X, and what is told where it is none for NumPy."""
    found: dict[str, tuple[Callable[[Any, Any], Any], str | None]] = {
        "negated": (lambda torch, x: torch.conj(torch.complex(-x, -x)).imag, None),
        "negated view": (lambda torch, x: torch.conj(torch.complex(-x.mT, -x.mT)).imag.mT, None),
        "float16": (lambda torch, x: x.half(), None),
        "int64": (lambda torch, x: x.long(), None),
        "strided": (lambda torch, x: x.repeat_interleave(2, 1)[:, ::2], None),
        "inference": (lambda torch, x: x.clone(), None),
        "conjugated": (lambda torch, x: torch.conj(torch.complex(x, x)), "complex64"),
        "trained": (lambda torch, x: x.clone().requires_grad_(), "detach()"),
        "parameter": (lambda torch, x: torch.nn.Parameter(x), "detach()"),
        "bfloat16": (lambda torch, x: x.bfloat16(), "float()"),
        "sparse": (lambda torch, x: x.to_sparse(), "to_dense()"),
        "quantized": (lambda torch, x: torch.quantize_per_tensor(x, 1.0, 0, torch.qint8), "QInt8"),
        "no memory": (lambda torch, x: x.to("meta"), "cpu()"),
    }
    return found


@pytest.mark.live
@pytest.mark.compiles
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("make", "told"), torch_tensors().values(), ids=torch_tensors())
def test_tensors_of_pytorch(make: Any, told: str | None) -> None:
    torch = pytest.importorskip("torch", reason="needs the `live` extra: pip install torch==2.13.0 keras onnx")
    x, held = make(torch, torch.from_numpy(X)), layer()
    if told is None:
        assert (held(x) == sums(X)).all()
        held.set_weights([x[0, :3, :, None], np.zeros(1)])
        assert (held.kernel == X[0, :3, :, None]).all()
        return
    for door in (held, lambda x: held.set_weights([x[0], np.zeros(1)])):
        with pytest.raises((ShapeError, WeightsError)) as caught:
            door(x)
        assert told in str(caught.value)


@pytest.mark.parametrize("word", ["bfloat16", "float8_e4m3fn"])
def test_types_that_numpy_does_not_know(word: str) -> None:
    types = importlib.import_module("ml_dtypes") if importlib.util.find_spec("ml_dtypes") else None
    if types is None:
        pytest.skip("needs ml_dtypes, which comes with jax and keras")
    with pytest.raises(ShapeError, match=rf'got type {word}, expected float32 .*; x.astype\("float32"\)'):
        layer()(X.astype(getattr(types, word)))

"""`map_blocks`: what a call of the whole gives, from arrays and memory maps, a few blocks of which are resident."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import codegen
from codegen.errors import ShapeError, UsageError
from codegen.layers import blocks, progress, windows

Array = np.ndarray[Any, np.dtype[Any]]


def layers() -> list[tuple[Any, tuple[int, ...]]]:
    """Layers of class `exact`, and the shape of an input of each, without the batch."""
    how: dict[str, Any] = {"accuracy": "exact", "bias_initializer": "random_normal", "target": "scalar"}
    return [
        (codegen.Conv1D(3, 5, padding="causal", **how), (207, 2)),
        (codegen.Conv1D(4, 6, strides=3, padding="same", data_format="channels_first", **how), (2, 200)),
        (codegen.DepthwiseConv1D(7, dilation_rate=2, padding=(40, 55), **how), (90, 3)),
        (codegen.SeparableConv1D(4, 4, padding="same", accuracy="exact", target="scalar"), (101, 3)),
    ]


@pytest.mark.compiles
def test_the_bits_are_those_of_the_whole(tmp_path: Path) -> None:
    """Blocks of one output, of a few, of all; other dtypes are cast; with a batch and without; into maps of files."""
    rng = np.random.default_rng(1)
    for number, (layer, shape) in enumerate(layers()):
        x = rng.integers(-300, 300, (2, *shape)).astype("int16")
        whole = layer(x)
        assert len(np.unique(whole)) > 100
        for block in (1, 17, None):
            found = codegen.map_blocks(layer, x, block=block)
            assert found.tobytes() == whole.tobytes(), (layer, block)
        samples = np.lib.format.open_memmap(tmp_path / f"x{number}.npy", "w+", "int16", shape)
        outputs = np.lib.format.open_memmap(tmp_path / f"y{number}.npy", "w+", "float32", whole.shape[1:])
        samples[:] = x[1]
        assert codegen.map_blocks(layer, samples, out=outputs, block=23) is outputs
        assert np.load(tmp_path / f"y{number}.npy").tobytes() == whole[1].tobytes()
        assert (np.load(tmp_path / f"x{number}.npy") == x[1]).all()


@pytest.mark.compiles
def test_what_is_read_and_written_by_slices(tmp_path: Path) -> None:
    """Datasets of HDF5, with chunks: blocks end where chunks of the output do."""
    layer, shape = layers()[1]
    x = np.random.default_rng(4).integers(-300, 300, (2, *shape)).astype("int16")
    whole = layer(x)
    with h5py.File(tmp_path / "file.h5", "w") as file:
        given = file.create_dataset("x", data=x, chunks=(1, 1, 50))
        out = file.create_dataset("y", whole.shape, "float32", chunks=(1, 4, 16))
        assert codegen.map_blocks(layer, given, out=out) is out
        assert out[:].tobytes() == whole.tobytes()
        with pytest.raises(ShapeError, match=r"is float32 \(2, 4, 67\), expected a writable array of float32 \(4, 67"):
            codegen.map_blocks(layer, x[0], out=out)
    plain = np.zeros((2, 9, 4))
    assert windows.Samples(plain, "x", True).together == 1
    assert windows.Samples(_Chunked(plain, (1, 5, 4)), "x", True).together == 5
    assert [blocks._block(layer.spec.problem, None, together) % together for together in (1, 7, 10**7)] == [0, 0, 0]


class _Chunked:
    """An array that says how it is stored."""

    def __init__(self, array: Array, chunks: tuple[int, ...]) -> None:
        self.shape, self.dtype, self.chunks, self._array = array.shape, array.dtype, chunks, array

    def __getitem__(self, at: Any) -> Any:
        return self._array[at]


def test_a_window_is_the_steps_and_the_zeros_that_outputs_read() -> None:
    problem = codegen.Conv1D(1, 5, padding=(2, 9), input_shape=(None, 1)).spec.problem
    assert windows.window(problem, 10, 0, 3) == windows.Window(0, 5, 2, 0)
    assert windows.window(problem, 10, 8, 2) == windows.Window(6, 10, 0, 2)
    assert windows.window(problem, 10, 15, 2) == windows.Window(10, 10, 0, 6)
    assert windows.window(problem, 10, 15, 2).samples == 6


@pytest.mark.compiles
def test_an_activation_of_the_users_own_and_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int, Any, list[int]]] = []

    class Bar:
        def __init__(self, title: str, total: int, wanted: Any) -> None:
            told.append((title, total, wanted, []))

        def __enter__(self) -> Any:
            return told[-1][3].append

        def __exit__(self, *error: object) -> None:
            pass

    monkeypatch.setattr(progress, "bar", Bar)
    layer = codegen.Conv1D(2, 3, activation=lambda z: z + 1, use_bias=False, name="plus", target="scalar")
    x = np.ones((2, 32, 4), "float32")
    assert np.array_equal(codegen.map_blocks(layer, x, block=12, progress=True), layer(x))
    assert told == [("plus", 60, True, [12, 24, 30, 42, 54, 60])]


def test_the_bar_is_one_line_of_a_log_and_nothing_where_none_is_wanted() -> None:
    log, silent = io.StringIO(), io.StringIO()
    for stream, wanted in ((log, True), (silent, None), (silent, False)):
        with progress.bar("plus", 60, wanted, stream) as tell:
            for done in (12, 60):
                tell(done)
    assert log.getvalue().count("\n") == 1
    assert "plus" in log.getvalue()
    assert "100%" in log.getvalue()
    assert silent.getvalue() == ""


MAPPED = """
import sys, numpy as np, codegen
x = np.memmap(sys.argv[1], "float32", "w+", shape=(1, 24_000_000))
y = np.memmap(sys.argv[2], "float32", "w+", shape=x.shape)
layer = codegen.DepthwiseConv1D(3, padding="causal", data_format="channels_first", target="scalar")
layer.build((None, 1, None))
layer.set_weights([np.ones((3, 1, 1)), np.ones(1)])
codegen.map_blocks(layer, x, out=y, block=1_000_000)
of_files = next(line for line in open("/proc/self/status") if line.startswith("RssFile"))
print(int(of_files.split()[1]), float(y[0, ::100_001].sum()), float(y[0, 23_999_999]))
"""


@pytest.mark.compiles
@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells what is resident in /proc")
def test_maps_of_files_do_not_stay_resident(tmp_path: Path) -> None:
    """Two files of 96 MB each; beside them NumPy's own libraries are what is resident of files."""
    words = [sys.executable, "-c", MAPPED, str(tmp_path / "x"), str(tmp_path / "y")]
    resident, *values = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert int(resident) < 80_000
    assert [float(value) for value in values] == [240.0, 1.0]


def test_what_cannot_be_mapped() -> None:
    layer, shape = layers()[0]
    x = np.ones(shape)
    with pytest.raises(ShapeError, match="shape \\(207,\\) and dtype float64"):
        codegen.map_blocks(layer, x[:, 0])
    with pytest.raises(ShapeError, match="dtype complex128"):
        codegen.map_blocks(layer, x * 1j)
    with pytest.raises(ShapeError, match="`out` is float64 \\(207, 3\\), expected a writable array of float32"):
        codegen.map_blocks(layer, x, out=np.empty((207, 3)))
    room = np.zeros((400, 3), "float32")
    with pytest.raises(ShapeError, match="shares memory"):
        codegen.map_blocks(layer, room[:207, :2], out=room[100:307])
    with pytest.raises(UsageError, match="whole number of outputs"):
        codegen.map_blocks(layer, x, block=0)
    with pytest.raises(UsageError, match="transposed"):
        codegen.map_blocks(codegen.Conv1DTranspose(2, 3, strides=2), x)
    assert blocks.map_blocks is codegen.map_blocks

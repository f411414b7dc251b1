"""Arrays of zarr, dask and xarray: what a call of the whole gives, in their chunks and on their schedulers."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
import codegen.dask
from codegen.errors import ShapeError, UsageError
from tests.layers.test_blocks import layers

pytestmark = [pytest.mark.live, pytest.mark.compiles]
dask = pytest.importorskip("dask", reason="dask is not installed: pip install 'gen-conv[live]'")
da = pytest.importorskip("dask.array", reason="dask is not installed: pip install 'gen-conv[live]'")
zarr = pytest.importorskip("zarr", reason="zarr is not installed: pip install 'gen-conv[live]'")
xarray = pytest.importorskip("xarray", reason="xarray is not installed: pip install 'gen-conv[live]'")
distributed = pytest.importorskip("distributed", reason="distributed is not installed: pip install 'gen-conv[live]'")


def test_zarr_to_zarr(tmp_path: Path) -> None:
    """Chunks that no block begins at, a batch and none; what a chunk holds is written once."""
    rng = np.random.default_rng(2)
    for number, (layer, shape) in enumerate(layers()[:2]):
        x = rng.integers(-300, 300, (2, *shape)).astype("int16")
        whole = layer(x)
        given = zarr.create_array(tmp_path / f"x{number}", shape=x.shape, dtype=x.dtype, chunks=(1, 2, 31))
        out = zarr.create_array(tmp_path / f"y{number}", shape=whole.shape, dtype="float32", chunks=(2, 19, 1))
        given[:] = x
        for block in (None, 13):
            out[:] = 0
            assert codegen.map_blocks(layer, given, out=out, block=block) is out
            assert out[:].tobytes() == whole.tobytes(), (layer, block)
        assert codegen.map_blocks(layer, given).tobytes() == whole.tobytes()
    same = codegen.DepthwiseConv1D(3, padding="same")
    with pytest.raises(ShapeError, match="shares memory"):
        codegen.map_blocks(same, out, out=zarr.open_array(tmp_path / f"y{number}"))
    with pytest.raises(ShapeError, match="expected a writable array"):
        codegen.map_blocks(layer, given, out=zarr.open_array(tmp_path / f"y{number}", mode="r"))


def test_every_chunking_has_the_bits_of_the_whole() -> None:
    """Chunks below the kernel's reach, of it, and of all; in threads and with a batch or without."""
    rng = np.random.default_rng(0)
    for layer, shape in layers():
        x = rng.integers(-300, 300, (2, *shape)).astype("int16")
        whole, time = layer(x), 1 if layer._spec.channels_last else 2
        for chunk in (3, 17, 40, 1000):
            chunks = [1, 1, 1]
            chunks[time] = chunk
            given = da.from_array(x, chunks=tuple(chunks))
            y = codegen.dask.conv(layer, given)
            assert (y.shape, y.dtype) == (whole.shape, whole.dtype)
            assert y.compute(scheduler="threads").tobytes() == whole.tobytes(), (layer, chunk)
        alone = codegen.dask.conv(layer, given[1])
        assert alone.compute(scheduler="sync").tobytes() == whole[1].tobytes()


def test_weights_are_those_of_the_moment() -> None:
    layer = codegen.Conv1D(1, 2, use_bias=False, accuracy="exact", target="scalar")
    layer.build((None, None, 1))
    layer.set_weights([np.ones((2, 1, 1))])
    before = codegen.dask.conv(layer, da.ones((40, 1), chunks=(10, 1)))
    layer.set_weights([np.full((2, 1, 1), 5.0)])
    after = codegen.dask.conv(layer, da.ones((40, 1), chunks=(10, 1)))
    assert before.name != after.name
    assert (before.sum().compute(), after.sum().compute()) == (78, 390)


def _die_once(chunk: Any, mark: str, block_id: tuple[int, ...] = ()) -> Any:
    """The chunk; the process that comes to the fourth one first is killed on the spot."""
    if block_id[0] == 3 and not os.path.exists(mark):
        Path(mark).touch()
        os.kill(os.getpid(), 9)
    return chunk


def test_processes_and_a_cluster_whose_worker_is_killed(tmp_path: Path) -> None:
    layer, shape = layers()[0]
    x = np.random.default_rng(3).standard_normal((12 * shape[0], shape[1])).astype("float32")
    whole = layer(x[None])[0]
    given = da.from_array(x, chunks=(200, 1))
    y = codegen.dask.conv(layer, given)
    assert y.compute(scheduler="processes", num_workers=2).tobytes() == whole.tobytes()
    mark = tmp_path / "killed"
    failing = da.map_blocks(_die_once, given, mark=str(mark), dtype=x.dtype, meta=given._meta)
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "local_directory": str(tmp_path)}
    patient = dask.config.set(
        {"distributed.comm.timeouts.connect": "300s", "distributed.scheduler.allowed-failures": 9}
    )
    with patient, distributed.LocalCluster(**options) as cluster, distributed.Client(cluster):
        assert codegen.dask.conv(layer, failing).compute().tobytes() == whole.tobytes()
    assert mark.exists()


def test_xarray_keeps_its_coordinates() -> None:
    """Of steps and channels, by name; a stride takes every other time, and other filters have no channels' names."""
    times = np.arange(50) / 250
    names = ["Fz", "Cz"]
    coords = {"time": times, "channel": names, "subject": 7}
    x = xarray.DataArray(np.ones((2, 50)), coords, ("channel", "time"), "eeg", {"unit": "uV"})
    first = {"data_format": "channels_first", "accuracy": "exact", "target": "scalar"}
    fir = codegen.DepthwiseConv1D(5, padding="same", **first)
    for y in (codegen.map_blocks(fir, x), codegen.dask.conv(fir, x.chunk(time=20))):
        assert y.dims == x.dims
        assert (y.name, y.attrs) == ("eeg", {"unit": "uV"})
        assert (y.time.values == times).all()
        assert list(y.channel.values) == names
        assert int(y.subject) == 7
        assert np.array_equal(y.values, fir(x.values[None])[0])
    slower = codegen.map_blocks(codegen.Conv1D(3, 4, strides=2, **first), x)
    assert (slower.time.values == times[:48:2]).all()
    assert "channel" not in slower.coords
    wider = codegen.map_blocks(codegen.DepthwiseConv1D(3, padding=(4, 4), **first), x)
    assert wider.shape == (2, 56)
    assert "time" not in wider.coords
    batch = codegen.map_blocks(codegen.Conv1D(2, 3, padding="causal", target="scalar"), x.T.expand_dims("subject"))
    assert batch.dims == ("subject", "time", "channel")
    assert (batch.time.values == times).all()


def test_what_dask_does_not_take() -> None:
    picked = da.from_array(np.ones((30, 2), "f4"), chunks=(10, 2))
    picked = picked[picked[:, 0] > 0]
    with pytest.raises(ShapeError, match=r"chunks of an unknown size.*compute_chunk_sizes"):
        codegen.dask.conv(codegen.Conv1D(2, 3), picked)
    assert codegen.dask.conv(codegen.Conv1D(2, 3), picked.compute_chunk_sizes()).shape == (28, 2)
    with pytest.raises(ShapeError, match="x is ndarray, expected an array of dask"):
        codegen.dask.conv(codegen.Conv1D(2, 3), np.ones((9, 1)))
    with pytest.raises(UsageError, match="transposed"):
        codegen.dask.conv(codegen.Conv1DTranspose(2, 3, strides=2), da.ones((9, 1)))
    with pytest.raises(ShapeError, match="expected two or three axes"):
        codegen.dask.conv(codegen.Conv1D(2, 3), da.ones(9))
    with pytest.raises(ShapeError, match="no output is left"):
        codegen.dask.conv(codegen.Conv1D(2, 30), da.ones((9, 1)))


def test_the_example_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "fir.md").read_text("utf-8")
    [example] = re.findall(r"^```text\n(import dask.*?)^```$", page, re.M | re.S)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "fir.md", "exec"), {})

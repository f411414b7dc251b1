"""Arrays that are kept beside the kernels: whole and our own or not at all, read-only, and the first to be pruned."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen import installed, pipeline
from codegen.functions import initializers
from codegen.layers import bound
from codegen.layers.layer import Layer
from codegen.machine import cache, kept, pruning
from codegen.machine.loader import CompiledKernel

NAME = "5e" * 32
posix = pytest.mark.skipif(os.name != "posix", reason="modes and owners are POSIX'")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, in a process that trusts the package's files; the smallest arrays are kept, too."""
    monkeypatch.setenv("GENCONV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_PRIVATE", {})
    monkeypatch.setattr(kept, "LEAST_BYTES", 1)
    monkeypatch.setattr(installed, "fingerprint", lambda: "as it is")
    with cache.folder() as place:
        return place.path


class Made:
    """Makes the numbers from 0 on, and counts how often."""

    def __init__(self, size: int = 500) -> None:
        self.size, self.count = size, 0

    def __call__(self) -> np.ndarray[Any, Any]:
        self.count += 1
        return np.arange(self.size, dtype=np.float32)

    def found(self, name: str | None = NAME) -> bool:
        """Whether the numbers are right and were not made."""
        before = self.count
        found = kept.array(name, (self.size,), "float32", self)
        np.testing.assert_array_equal(found, np.arange(self.size))
        return self.count == before


@pytest.fixture
def entry(folder: Path) -> Path:
    assert not Made().found()
    (path,) = folder.glob("*.weights")
    return path


def test_an_array_is_made_once_and_mapped_read_only(entry: Path) -> None:
    assert Made().found()
    assert entry.name == f"{NAME}.weights"
    assert entry.stat().st_mode & 0o077 == 0
    found = kept.array(NAME, (4, 125), "float32", Made())
    assert found.shape == (4, 125)
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 1
    assert not Made(501).found()  # of another size: it is another array
    assert not Made().found(None)


@pytest.mark.long
def test_a_torn_or_changed_entry_is_made_again(entry: Path, share: Callable[..., Any]) -> None:
    whole, made = entry.read_bytes(), Made()
    for size in (*range(0, len(whole), 97), len(whole) - 1):
        entry.write_bytes(whole[:size])
        assert not made.found(), size
        assert made.found(), size
    for bit in share(random.Random(0).sample(range(8 * len(whole)), 512), 4):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        entry.write_bytes(data)
        assert not made.found(), bit
    assert entry.read_bytes() == whole
    entry.with_name(f"{'ab' * 32}.weights").write_bytes(whole)
    assert not made.found("ab" * 32)  # under another's name


@posix
def test_only_a_file_that_we_alone_can_have_written_is_taken(entry: Path, tmp_path: Path) -> None:
    made, data = Made(), entry.read_bytes()
    for mode in (0o620, 0o602, 0o777):
        entry.chmod(mode)
        assert not made.found(), oct(mode)
    (tmp_path / "elsewhere").write_bytes(data)
    for lay in (Path.symlink_to, Path.hardlink_to):
        entry.unlink()
        lay(entry, tmp_path / "elsewhere")
        assert not made.found()
    entry.parent.chmod(0o755)
    assert not made.found()
    entry.parent.chmod(0o700)
    assert made.found()


def test_a_full_disk_and_no_room_only_cost_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        assert not Made().found()
    assert [path.suffix for path in folder.iterdir()] == []
    monkeypatch.setenv("GENCONV_CACHE_MAX_MB", "0.007")  # less than four times the 2,000 bytes
    assert not Made().found()
    assert not list(folder.iterdir())


def test_beyond_some_maps_arrays_are_read(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_MAPPED", 0)
    made = Made()
    assert made.found()
    assert not kept.array(NAME, (500,), "float32", made).flags.writeable


def test_arrays_are_pruned_before_libraries(entry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = entry.with_name(f"{NAME}.so")
    library.write_bytes(bytes(3000))
    os.utime(library, (1, 1))
    monkeypatch.setenv("GENCONV_CACHE_MAX_MB", "0.004")
    pruning.prune(entry.parent)
    assert library.exists()
    assert not entry.exists()


def test_names_are_of_what_every_process_makes() -> None:
    shape = (3, 4, 5)
    named = initializers.drawn(initializers.HeNormal(seed=1), shape, "float32")
    assert named == initializers.drawn(initializers.HeNormal(seed=1), shape, "float32")
    others = initializers.HeNormal(seed=2), initializers.HeUniform(seed=1)
    assert len({named, *(initializers.drawn(other, shape, "float32") for other in others)}) == 3
    assert initializers.drawn(initializers.HeNormal(seed=1), (4, 3, 5), "float32") != named
    assert initializers.drawn(initializers.HeNormal(seed=1), shape, "float64") != named

    class Own(initializers.HeNormal):
        pass

    without = initializers.HeNormal(), initializers.Orthogonal(seed=1), Own(seed=1), initializers.Constant([1.0, 2.0])
    assert [initializers.drawn(one, shape, "float32") for one in without] == [None] * 4


class Packs:
    """Counts what kernels pack, by part."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.parts: list[int | None] = []
        pack = CompiledKernel.pack

        def counted(kernel: CompiledKernel, *given: Any, part: Any = None) -> Any:
            self.parts.append(part and part.number)
            return pack(kernel, *given, part=part)

        patch.setattr(CompiledKernel, "pack", counted)


def layer(**options: Any) -> Layer:
    given = {
        "name": "held",
        "kernel_initializer": initializers.HeNormal(seed=1),
        "input_shape": (None, 32),
        "padding": "same",
    }
    return codegen.Conv1D(32, 16, **(given | {"input_shape": (None, 32)} | options))


def of_another_process(made: Layer, x: Any) -> Any:
    """The outputs where nothing is remembered but what lies on the disk."""
    pipeline.compiled.cache_clear()
    return made(x)


@pytest.mark.compiles
def test_each_part_packs_once_and_only_what_it_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    short, long = (rng.standard_normal((1, steps, 32), np.float32) for steps in (2, 900))
    plan = layer().plan
    assert plan.algorithm.name == "by_length", "another layer whose parts pack otherwise is wanted here"
    assert plan.algorithm.serving
    numbers = [plan.algorithm.serving(plan, steps).number for steps in (2, 900)]
    assert numbers[0] != numbers[1]
    whole = layer(kernel_initializer=initializers.HeNormal())
    whole.set_weights(layer().get_weights())
    before = [whole(x) for x in (short, long)]
    packs = Packs(monkeypatch)
    first = layer()
    np.testing.assert_array_equal(first(short), before[0])
    assert packs.parts[-1] == numbers[0]
    np.testing.assert_array_equal(first(long), before[1])
    assert packs.parts[-1] == numbers[1]
    count = len(packs.parts)
    again = layer()
    np.testing.assert_array_equal(of_another_process(again, long), before[1])
    np.testing.assert_array_equal(again(short), before[0])
    y = np.empty_like(before[1])
    again.bind(long, y)()
    np.testing.assert_array_equal(y, before[1])
    assert len(packs.parts) == count  # all was found
    again.set_weights([2 * array for array in again.get_weights()])
    np.testing.assert_array_equal(again(long), 2 * before[1])
    assert len(packs.parts) == count + 1  # what a training step sets is packed, and not kept
    again.save_weights(tmp_path / "held.safetensors")
    for _ in range(2):
        loaded = layer()
        loaded.load_weights(tmp_path / "held.safetensors")
        np.testing.assert_array_equal(loaded(long), 2 * before[1])
    assert len(packs.parts) == count + 2


@pytest.mark.compiles
def test_changed_weights_on_the_disk_are_never_anothers(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    x = np.ones((1, 40, 32), np.float32)
    expected = layer()(x)
    for path in folder.glob("*.weights"):  # as a faulty disk would
        data = bytearray(path.read_bytes())
        data[5] ^= 255
        path.write_bytes(data)
    np.testing.assert_array_equal(of_another_process(layer(), x), expected)
    assert bound.Weights({}).named is None

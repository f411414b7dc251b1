"""Folders for a while: where a compiler works, and where kernels go without a cache; swept if their owner is gone."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from codegen.machine import ownership
from codegen.machine.ownership import Held

__all__ = ["made", "remove", "workshop"]

PREFIX = "gen-conv-"
OUTPUT_BYTES = 256 << 20  # of one file that a compiler may write there
STALE_SECONDS = 3600.0


@contextmanager
def workshop() -> Iterator[Held]:
    """A private folder, removed in the end; by its own name, which any compiler can do with, where that is safe.

    tempfile.TemporaryDirectory is not used, as the exit of a child forked meanwhile would remove it under the compiler.
    Raises OSError where no folder can be had that other users cannot reach into.
    """
    folder = made()
    try:
        yield folder if _danger(folder.path.parent) else replace(folder, inside=folder.path)
    finally:
        remove(folder)


def made() -> Held:
    """A new folder in the system's place for temporary files, held until `remove`; a lock says that its owner lives.

    Where other users can move what lies in that place, only a descriptor leads to it safely. Raises OSError.
    """
    place = Path(tempfile.gettempdir())
    danger = _danger(place)
    if not danger:
        _sweep(place)
    folder = ownership.hold(Path(tempfile.mkdtemp(prefix=PREFIX, dir=place)))
    if danger and not folder.needed:
        remove(folder)
        raise danger
    if folder.descriptor is not None:
        with suppress(OSError):
            _lock(folder.descriptor)
    return folder


def _danger(place: Path) -> OSError | None:
    """Why other users could move or replace what lies in `place`; None where they cannot."""
    try:
        ownership.safe_folder(place, "TMPDIR")
    except OSError as error:
        return error
    return None


def remove(folder: Held) -> None:
    """Remove a folder of `made` with all that is in it, and let go of it. Raises nothing.

    Nothing is done where its name no longer leads to what its descriptor is: a program may close what it did not open,
    and the number then stands for another folder.
    """
    if folder.descriptor is None:
        shutil.rmtree(folder.path, ignore_errors=True)
        return
    with suppress(OSError):
        if os.path.samestat(os.fstat(folder.descriptor), os.lstat(folder.path)):
            shutil.rmtree(os.path.join(folder.inside, "."), ignore_errors=True)
            folder.path.rmdir()
            os.close(folder.descriptor)


@lru_cache(maxsize=8)
def _sweep(place: Path) -> None:
    """Remove what killed processes left in `place` more than an hour ago; once in a process. Raises nothing."""
    with suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    _remove_if_left(ownership.hold(Path(entry.path)))


def _remove_if_left(folder: Held) -> None:
    """Let go of a folder; remove it first where its owner no longer lives."""
    if folder.descriptor is None:
        return
    if os.fstat(folder.descriptor).st_mtime < time.time() - STALE_SECONDS:
        with suppress(OSError):
            _lock(folder.descriptor)
            remove(folder)
            return
    os.close(folder.descriptor)


def _lock(descriptor: int) -> None:
    """Lock an open folder as long as it is open. Raises OSError where another has, and where there are no locks."""
    try:
        import fcntl
    except ImportError:
        raise OSError("there is no flock") from None
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

"""Compiled libraries on disk, one file an entry, found by the hash of all that made them. Knows files, not kernels.

An entry is a shared library with a trailer behind it (loaders ignore what follows an image): what it is, and the
sha256 of everything before. It is verified before it is opened, because a loader that maps a torn file dies by SIGBUS.
Nobody writes into a published entry: a new one is complete on disk under another name, then renamed over it. So
between the check and the opening, a name can only pass from one whole entry of that key to another, and a mapped file
stays as it was. Locks save work only; no answer depends on one. docs/jit.md tells it to users.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import stat
import struct
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from codegen.errors import UsageError

__all__ = ["Description", "Recipe", "describe", "fetch", "find", "folder", "own_bytes", "warn_once", "written"]

Library = TypeVar("Library")

TRAILER = struct.Struct("<16s32s16sQ")  # magic, key, target, bytes of the library; the sha256 of all before follows
MAGIC = b"gen-conv entry 1"
WAIT_SECONDS = 60.0  # for another's compilation of the same entry; then this one compiles too
STALE_SECONDS = {".tmp": 3600.0, ".alias": 30 * 86400.0}  # left by a killed process; unused for a month
UNTRUSTED = stat.S_IWGRP | stat.S_IWOTH


@dataclass(frozen=True)
class Description:
    """What `gen-conv doctor` says about the cache; `problem` is why it is not used."""

    path: Path | None
    entries: int
    bytes: int
    problem: str | None


@dataclass(frozen=True)
class Recipe(Generic[Library]):
    """How an entry comes to be: `key` (64 hex digits) and `target` are written into it.

    `build` gives the library's bytes. `open` raises OSError where a file cannot be loaded from its folder (noexec).
    `check` raises for a library that must not be published.
    """

    key: str
    target: str
    build: Callable[[], bytes]
    open: Callable[[Path], Library]
    check: Callable[[Library], None]


def fetch(recipe: Recipe[Library]) -> tuple[Path, Library]:
    """The file and the opened library of an entry; built, checked and published where there is none.

    Without a usable cache it lives in a folder of this process, with one warning; raises OSError if that fails too, and
    whatever `build` and `check` raise.
    """
    try:
        return _fetch(folder(), recipe)
    except OSError as error:
        found = _fetch(_private_folder(), recipe)
        warn_once(f"compiled kernels are not kept, as the cache cannot be used: {error}")
        return found


def find(recipe: Recipe[Library]) -> tuple[Path, Library] | None:
    """The file and the opened library of an entry that is there and right; None otherwise, nothing is built."""
    try:
        return _opened(folder() / f"{recipe.key}.so", recipe)
    except OSError:
        return None


def folder() -> Path:
    """The folder of the entries, made and found safe: 0700, ours, no link. Raises OSError with the reason."""
    path = root() / "kernels"
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(f"{path} is not a folder; remove it, or set GENCONV_CACHE_DIR")
    if not _ours(status):
        raise PermissionError(f"{path} belongs to another user; set GENCONV_CACHE_DIR to a folder of your own")
    if os.name == "posix" and status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise PermissionError(f"{path} is open to others (mode {mode:04o}); `chmod 700` it if that is wrong")
    return path


def describe() -> Description:
    """Where the cache is and what it holds; raises nothing."""
    try:
        path = folder()
        sizes = [entry.stat().st_size for entry in path.glob("*.so")]
        if not os.access(path, os.W_OK):
            return Description(path, len(sizes), sum(sizes), "it cannot be written to")
    except (OSError, UsageError) as error:
        return Description(None, 0, 0, str(error))
    return Description(path, len(sizes), sum(sizes), None)


def root() -> Path:
    """GENCONV_CACHE_DIR, or the user's own cache folder."""
    if value := os.environ.get("GENCONV_CACHE_DIR", "").strip():
        return Path(value).absolute()
    import platformdirs

    with suppress(RuntimeError):  # an unknown user without HOME; older platformdirs leave `~` as it is
        path = Path(platformdirs.user_cache_dir("gen-conv", appauthor=False))
        if path.is_absolute():
            return path
    raise FileNotFoundError("this user has no home folder; set GENCONV_CACHE_DIR")


def _fetch(place: Path, recipe: Recipe[Library]) -> tuple[Path, Library]:
    path = place / f"{recipe.key}.so"
    if found := _opened(path, recipe):
        return found
    with _turn(place / f"{recipe.key[:2]}.lock"):
        if found := _opened(path, recipe):  # another's work, while we waited
            return found
        with written(place, _sealed(recipe.build(), recipe)) as temporary:
            library = recipe.open(temporary)
            recipe.check(library)
            os.replace(temporary, path)
    with suppress(OSError):
        _prune(place)
    return path, library


def _opened(path: Path, recipe: Recipe[Library]) -> tuple[Path, Library] | None:
    """The entry at `path` if it is there and right."""
    if not _verified(path, recipe):
        return None
    try:
        return path, recipe.open(path)
    except OSError:
        if path.exists():
            raise
        return None  # pruned by another process since it was verified


def _sealed(library: bytes, recipe: Recipe[Library]) -> bytes:
    """The bytes of an entry: the library, what it is, the hash of both."""
    content = library + TRAILER.pack(MAGIC, bytes.fromhex(recipe.key), recipe.target.encode(), len(library))
    return content + hashlib.sha256(content).digest()


def _verified(path: Path, recipe: Recipe[Library]) -> bool:
    """Whether `path` is a whole entry of this recipe that only this user can have written; marks it as used."""
    data = own_bytes(path)
    if data is None or data != _sealed(data[: -TRAILER.size - hashlib.sha256().digest_size], recipe):
        return False
    with suppress(OSError):
        os.utime(path)
    return True


def own_bytes(path: Path) -> bytes | None:
    """What is in a regular file that only this user can have written, under this name alone; None for any other."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or not _ours(status) or status.st_nlink > 1:
                return None
            if os.name == "posix" and status.st_mode & UNTRUSTED:
                return None
            return file.read()
    except OSError:
        return None


def _ours(status: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


@contextmanager
def written(place: Path, data: bytes) -> Iterator[Path]:
    """`data` on the disk under a name that nobody else uses, gone at the end unless it was renamed."""
    descriptor, name = tempfile.mkstemp(suffix=".tmp", dir=place)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        yield Path(name)
    finally:
        with suppress(OSError):
            os.unlink(name)


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Wait, for a while, until nobody else builds this entry: threads and processes alike.

    The lock is the kernel's own on an open file (flock): it ends with its holder, however that ends, and no Python lock
    is held, so a child forked meanwhile cannot hang. Where there is no flock, nobody waits.
    """
    try:
        import fcntl

        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except (ImportError, OSError):
        yield
        return
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.01)
            except OSError:
                break  # a file system without locks
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a child forked meanwhile holds the descriptor too
        os.close(descriptor)


def _prune(place: Path) -> None:
    """Remove what killed processes left and, above GENCONV_CACHE_MAX_MB (256), the entries longest unused."""
    entries = []
    for path in place.iterdir():
        with suppress(OSError):
            status = path.stat()
            if path.suffix == ".so":
                entries.append((status.st_mtime, status.st_size, path))
            elif status.st_mtime < time.time() - STALE_SECONDS.get(path.suffix, float("inf")):
                path.unlink()
    total, limit = sum(size for _, size, _ in entries), _limit_bytes()
    for _, size, path in sorted(entries)[:-1]:
        if total <= limit:
            break
        with suppress(OSError):
            path.unlink()
            total -= size


def _limit_bytes() -> float:
    value = os.environ.get("GENCONV_CACHE_MAX_MB", "").strip() or "256"
    with suppress(ValueError):
        if (limit := float(value)) >= 0:
            return limit * 1e6
    raise UsageError(f"GENCONV_CACHE_MAX_MB={value!r}: expected a number of megabytes, 0 or more")


_PRIVATE: dict[int, Path] = {}  # the folder of each process: this one's, and of those it was forked from


def _private_folder() -> Path:
    """A folder for this process alone, removed at its end. Raises OSError if there can be none."""
    process = os.getpid()
    if process not in _PRIVATE:
        made = Path(tempfile.mkdtemp(prefix="gen-conv-"))
        if _PRIVATE.setdefault(process, made) is not made:  # another thread was first
            made.rmdir()
        else:
            atexit.register(_remove, process, made)
    return _PRIVATE[process]


def _remove(process: int, path: Path) -> None:
    if os.getpid() == process:  # not in a child forked from it
        shutil.rmtree(path, ignore_errors=True)


_WARNED: set[int] = set()  # the processes that have had their one warning


def warn_once(message: str) -> None:
    """Say once in a process, whatever the warning filters are, that it runs worse than it could."""
    if os.getpid() not in _WARNED:
        _WARNED.add(os.getpid())
        warnings.warn(message, RuntimeWarning, stacklevel=3)

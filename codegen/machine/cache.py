"""Compiled libraries on disk, one file an entry, found by the hash of all that made them. Knows files, not kernels.

An entry is a shared library with a trailer behind it (loaders ignore what follows an image): what it is, and the
sha256 of everything before. It is verified before it is opened, because a loader that maps a torn file dies by SIGBUS.
Nobody writes into a published entry: a new one is complete on disk under another name, then renamed over it. The folder
is one that no other user can reach into or replace, held open while it is used (`ownership.py`). So between the check
and the opening, a name can only pass from one whole entry of that key to another, and a mapped file stays as it was.
Locks save work only; no answer depends on one. docs/jit.md tells it to users.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import struct
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Generic, TypeVar

from codegen.errors import ToolchainError, UsageError
from codegen.machine import ownership, pruning, work_folders
from codegen.machine.ownership import Held
from codegen.records import dataclass

__all__ = ["Description", "Recipe", "describe", "fetch", "find", "folder", "warn_once", "written"]

Library = TypeVar("Library")

TRAILER = struct.Struct("<16s32s16sQ")  # magic, key, target, bytes of the library; the sha256 of all before follows
MAGIC = b"gen-conv entry 1"
HASH_BYTES = hashlib.sha256().digest_size
MOST_BYTES = work_folders.OUTPUT_BYTES + TRAILER.size + HASH_BYTES  # of an entry: a compiler writes no larger library
WAIT_SECONDS = 60.0  # for another's compilation of the same entry; then this one compiles too


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

    `build` gives the library's bytes. `open` raises OSError where a file cannot be loaded from its folder (noexec), and
    ToolchainError for a library that cannot be loaded from any. `check` raises for one that must not be published.
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
        with folder() as place, _told_by_name(place):
            return _fetch(place, recipe)
    except OSError as error:
        why = str(error)
    with ownership.held(_private_folder()) as place, _told_by_name(place):
        found = _fetch(place, recipe)
    warn_once(f"compiled kernels are not kept, as the cache cannot be used: {why}")
    return found


@contextmanager
def _told_by_name(place: Held) -> Iterator[None]:
    """An OSError from inside names the folder as its owner knows it, not by a descriptor."""
    try:
        yield
    except OSError as error:
        raise OSError(str(error).replace(str(place.inside), str(place.path))) from error


def find(place: Held, recipe: Recipe[Library]) -> tuple[Path, Library] | None:
    """The file and the opened library of an entry that is in `place` and right; None otherwise, nothing is built."""
    try:
        return _opened(place, recipe)
    except OSError:
        return None


@contextmanager
def folder() -> Iterator[Held]:
    """The folder of the entries, made and found safe: 0700, ours, no link, below none that others can write to.

    Raises OSError with the reason, and UsageError for a setting of the cache that is none.
    """
    pruning.limit_bytes()
    path = ownership.safe_folder(root(), "GENCONV_CACHE_DIR") / "kernels"
    with ownership.held(path) as place:
        yield place


def describe() -> Description:
    """Where the cache is and what it holds; raises nothing."""
    try:
        with folder() as place:
            sizes = [entry.stat().st_size for entry in place.inside.iterdir() if entry.suffix in pruning.ENTRIES]
            problem = None if os.access(place.inside, os.W_OK) else "it cannot be written to"
            return Description(place.path, len(sizes), sum(sizes), problem)
    except (OSError, UsageError) as error:
        return Description(None, 0, 0, str(error))


def root() -> Path:
    """GENCONV_CACHE_DIR, or the user's own cache folder. Raises OSError where there is no home."""
    if value := os.environ.get("GENCONV_CACHE_DIR", "").strip():
        return ownership.named(value, "GENCONV_CACHE_DIR")
    import platformdirs

    with suppress(RuntimeError):  # an unknown user without HOME; older platformdirs leave `~` as it is
        path = Path(platformdirs.user_cache_dir("gen-conv", appauthor=False))
        if path.is_absolute():
            return path
    raise FileNotFoundError("this user has no home folder; set GENCONV_CACHE_DIR")


def _fetch(place: Held, recipe: Recipe[Library]) -> tuple[Path, Library]:
    if found := _opened(place, recipe):
        return found
    with _turn(place.inside / f"{recipe.key[:2]}.lock"):
        if found := _opened(place, recipe):  # another's work, while we waited
            return found
        with written(place.inside, _sealed(recipe.build(), recipe)) as temporary:
            library = recipe.open(temporary)
            recipe.check(library)
            os.replace(temporary, place.inside / _name(recipe))
    with suppress(OSError):
        pruning.prune(place.inside)
    return place.path / _name(recipe), library


def _opened(place: Held, recipe: Recipe[Library]) -> tuple[Path, Library] | None:
    """The entry in `place` if it is there and right."""
    path = place.inside / _name(recipe)
    if not _verified(path, recipe):
        return None
    try:
        return place.path / _name(recipe), recipe.open(path)
    except ToolchainError:
        return None  # it can no longer be loaded, as after a change of the system's libraries
    except OSError:
        if path.exists():
            raise
        return None  # pruned by another process since it was verified


def _name(recipe: Recipe[Library]) -> str:
    return f"{recipe.key}.so"


def _sealed(library: bytes, recipe: Recipe[Library]) -> bytes:
    """The bytes of an entry: the library, what it is, the hash of both."""
    content = library + _trailer(recipe, len(library))
    return content + hashlib.sha256(content).digest()


def _trailer(recipe: Recipe[Library], size: int) -> bytes:
    return TRAILER.pack(MAGIC, bytes.fromhex(recipe.key), recipe.target.encode(), size)


def _verified(path: Path, recipe: Recipe[Library]) -> bool:
    """Whether `path` is a whole entry of this recipe that only this user can have written; marks it as used."""
    with ownership.own_file(path) as file, suppress(OSError):
        if file is None:
            return False
        whole = os.fstat(file.fileno()).st_size
        size = whole - TRAILER.size - HASH_BYTES
        if size < 0 or whole > MOST_BYTES:
            return False
        file.seek(size)  # the little that says what it is, before the rest of what may be anything
        if file.read(TRAILER.size) != _trailer(recipe, size):
            return False
        file.seek(0)
        data = memoryview(file.read(whole))
        if hashlib.sha256(data[:-HASH_BYTES]).digest() != data[-HASH_BYTES:]:
            return False
        with suppress(OSError):
            os.utime(file.fileno() if os.utime in os.supports_fd else path)
        return True
    return False


@contextmanager
def written(place: Path, *data: bytes | memoryview, flushed: bool = True) -> Iterator[Path]:
    """`data` in a file under a name that nobody else uses, gone at the end unless it was renamed.

    It is on the disk, or unless it is to be `flushed`, will be when the system sees fit.
    """
    descriptor, name = tempfile.mkstemp(suffix=".tmp", dir=place)
    try:
        with open(descriptor, "wb") as file:
            file.writelines(data)
            file.flush()
            if flushed:
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


_PRIVATE: dict[int, Held] = {}  # the folder of each process: this one's, and of those it was forked from


def _private_folder() -> Path:
    """A folder for this process alone, removed at its end. Raises OSError if there can be none."""
    own = os.getpid()
    if own not in _PRIVATE:
        made = work_folders.made()
        if _PRIVATE.setdefault(own, made) is not made:  # another thread was first
            work_folders.remove(made)
        else:
            atexit.register(_remove, own, made)
    return _PRIVATE[own].path


def _remove(owner: int, place: Held) -> None:
    if os.getpid() == owner:  # not in a child forked from it
        work_folders.remove(place)


_WARNED: set[int] = set()  # the processes that have had their one warning


def warn_once(message: str) -> None:
    """Say once in a process, whatever the warning filters are, that it runs worse than it could."""
    if os.getpid() not in _WARNED:
        _WARNED.add(os.getpid())
        warnings.warn(message, RuntimeWarning, stacklevel=3)

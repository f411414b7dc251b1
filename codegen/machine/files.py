"""Output files: written atomically, all or none, and only where their bytes differ."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_ident
from typing import Literal

from codegen.errors import UsageError

__all__ = ["State", "prepare", "state", "write_all"]

State = Literal["missing", "differs", "unchanged"]
KINDS = {  # what may lie where a file is to go
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a FIFO",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


def prepare(folder: Path) -> None:
    """Make `folder` and what is above it; raises UsageError where it cannot be one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UsageError(f"cannot write into `{folder}`: it is a file or lies below one; name a folder") from None
    except OSError as error:
        raise UsageError(f"cannot make the folder `{folder}`: {error.strerror}; choose another with -o") from None


def state(path: Path, data: bytes) -> State:
    """How the file on disk compares with `data`.

    Raises UsageError for a file that cannot be read, and for a folder, a FIFO or a device, where reading may not end.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            what = next((word for is_one, word in KINDS.items() if is_one(mode)), "no regular file")
            raise UsageError(
                f"`{path}` is {what}, and a file is to be written there: remove it, or choose another place"
            )
        return "unchanged" if path.read_bytes() == data else "differs"
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except OSError as error:
        raise UsageError(f"cannot read `{path}`, which would be replaced: {error.strerror}") from None


def write_all(files: Sequence[tuple[Path, bytes]]) -> list[State]:
    """Write each file whose bytes differ, and say what was found before.

    Every new text is on disk under a temporary name before the first file is replaced: a full disk leaves all alone.
    """
    found = [state(path, data) for path, data in files]
    changed = [item for item, was in zip(files, found, strict=True) if was != "unchanged"]
    with staged(changed) as temporaries:
        for (path, _), temporary in zip(changed, temporaries, strict=True):
            try:
                os.replace(temporary, os.path.realpath(path))
            except OSError as error:
                raise UsageError(f"cannot replace `{path}`: {error.strerror}") from None
    return found


@contextmanager
def staged(files: Sequence[tuple[Path, bytes]]) -> Iterator[list[str]]:
    """The texts under temporary names beside their files; whatever is left of them goes away at the end."""
    temporaries: list[str] = []
    try:
        for path, data in files:
            temporaries.append(os.path.realpath(path) + f".{os.getpid()}.{get_ident()}.tmp")
            try:
                _write(temporaries[-1], data, like=path)
            except OSError as error:
                raise UsageError(f"cannot write `{path}`: {error.strerror}; choose another folder with -o") from None
        yield temporaries
    finally:
        for temporary in temporaries:
            with suppress(OSError):
                os.unlink(temporary)


def _write(name: str, data: bytes, like: Path) -> None:
    """One new file, never through a link that lies there, with the permissions of the file it will replace."""
    with suppress(FileNotFoundError):
        os.unlink(name)
    with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    with suppress(OSError):
        os.chmod(name, like.stat().st_mode & 0o777)

"""Files and folders that no other user can have written or can put another in the place of. POSIX; elsewhere all pass.

As sshd does for a user's keys: each folder above must be root's or ours, and closed to other writers unless it is
sticky, where a name can be moved only by its owner. A folder that was found safe is then held by a descriptor, so that
what is opened in it is what was looked at, even where the names above are changed meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from codegen.records import dataclass

__all__ = ["Held", "followed", "held", "hold", "is_own", "named", "ours", "own_bytes", "own_file", "safe_folder"]

POSIX = os.name == "posix"
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
LOOK = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
ROOT = 0


@dataclass(frozen=True)
class Held:
    """A folder of our own: its `path`, and `inside`, by which its files are reached while it is held.

    Where the system has names for open descriptors (Linux' /proc) `inside` is that of `descriptor`: it stays the folder
    that was checked, wherever that is moved to, and is plain ASCII whatever the path is.
    """

    path: Path
    inside: Path
    descriptor: int | None = None

    @property
    def needed(self) -> tuple[int, ...]:
        """The descriptors without which `inside` leads nowhere: what a child process must have."""
        return (self.descriptor,) if self.descriptor is not None and self.inside != self.path else ()


def hold(path: Path) -> Held:
    """The folder `path`, made where there is none, no link to one: ours, with mode 0700. Raises OSError."""
    if not POSIX:
        path.mkdir(exist_ok=True)
        return Held(path, path)
    try:
        descriptor = os.open(path, LOOK | os.O_DIRECTORY)
    except FileNotFoundError:
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        return hold(path)
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise NotADirectoryError(f"{path} is not a folder; remove it, or set GENCONV_CACHE_DIR") from None
        raise
    status = os.fstat(descriptor)
    if ours(status) and not status.st_mode & 0o077:
        return Held(path, _name(descriptor, status) or path, descriptor)
    os.close(descriptor)
    if not ours(status):
        raise PermissionError(f"{path} belongs to another user; set GENCONV_CACHE_DIR to a folder of your own")
    raise PermissionError(f"{path} is open to others {_mode(status)}; `chmod 700` it if that is wrong")


@contextmanager
def held(path: Path) -> Iterator[Held]:
    """The same, let go at the end."""
    folder = hold(path)
    try:
        yield folder
    finally:
        if folder.descriptor is not None:
            os.close(folder.descriptor)


def safe_folder(path: Path, variable: str) -> Path:
    """The real place of the folder `path`, made as far as it is missing, with mode 0700 at each step.

    Raises OSError where another user could put anything in the place of it or of what is in it; the message names
    `variable`, which chose the path.
    """
    real = os.path.realpath(path)
    if not POSIX:
        os.makedirs(real, exist_ok=True)
        return Path(real)
    ends = [at for at, character in enumerate(real) if character == "/"]
    for folder in ("/", *(real[:at] for at in ends[1:]), real):  # downwards: what is safe so far can no longer be moved
        try:
            status = os.lstat(folder)
        except FileNotFoundError:
            with suppress(FileExistsError):
                os.mkdir(folder, mode=0o700)
            status = os.lstat(folder)
        _demand_safe(folder, status, variable)
    return Path(real)


@contextmanager
def own_file(path: Path) -> Iterator[IO[bytes] | None]:
    """A regular file that only this user can have written, under this name alone, open; None for any other."""
    try:
        descriptor = os.open(path, LOOK | getattr(os, "O_BINARY", 0))
    except OSError:
        yield None
        return
    try:
        status = os.fstat(descriptor)
        sound = stat.S_ISREG(status.st_mode) and ours(status) and status.st_nlink == 1
        if not sound or (POSIX and status.st_mode & OTHERS_WRITE):
            yield None
            return
        with open(descriptor, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(descriptor)


def followed(path: Path) -> Path:
    """Where `path` leads, for one who writes there. Raises PermissionError for a link that another user has laid."""
    with suppress(FileNotFoundError):
        if stat.S_ISLNK((status := path.lstat()).st_mode) and not ours(status):
            raise PermissionError(f"{path} is another user's link")
    return Path(os.path.realpath(path))


def own_bytes(path: Path, most: int) -> bytes | None:
    """What is in such a file of at most so many bytes; None for any other."""
    with own_file(path) as file:
        if file is None or os.fstat(file.fileno()).st_size > most:
            return None
        with suppress(OSError):
            return file.read(most)
    return None


def named(value: str, variable: str) -> Path:
    """The path that a variable gives, `~` and `~user` read as by a shell. Raises OSError for an unknown home."""
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError:
        raise FileNotFoundError(f"{variable}={value!r}: there is no such home folder") from None


def is_own(path: Path) -> bool:
    """Whether there is such a file."""
    with own_file(path) as file:
        return file is not None


def ours(status: os.stat_result) -> bool:
    """Whether a file is this user's."""
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def _demand_safe(folder: str, status: os.stat_result, variable: str) -> None:
    """Raise OSError unless only root and we can move or replace what is in `folder`, or each its own (sticky)."""
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(f"{folder} is not a folder; remove it, or set {variable}")
    way_out = f"set {variable} to a folder that is yours, below folders that are yours or root's"
    if status.st_uid != ROOT and not ours(status):
        raise PermissionError(f"{folder} belongs to another user; {way_out}")
    if status.st_mode & OTHERS_WRITE and not status.st_mode & stat.S_ISVTX and not _group_of_one(folder, status):
        told = f"other users can write to {folder} {_mode(status)}, and so replace what lies below it"
        raise PermissionError(f"{told}; `chmod go-w` it, or {way_out}")


def _group_of_one(folder: str, status: os.stat_result) -> bool:
    """Whether those of the group who can write there are this user alone.

    So it is where each user has a group of the same name and the umask is 002. An access list hides behind the same
    bits of the mode and is not taken.
    """
    try:
        import grp
        import pwd

        user, group = pwd.getpwuid(os.geteuid()), grp.getgrgid(status.st_gid)
        listed = hasattr(os, "listxattr") and "system.posix_acl_access" in os.listxattr(folder)
    except (ImportError, KeyError, OSError):
        return False
    alone = group.gr_gid == user.pw_gid and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}
    return alone and not listed and not status.st_mode & stat.S_IWOTH


def _name(descriptor: int, status: os.stat_result) -> Path | None:
    """A path that leads to an open folder wherever it is, None where the system has none."""
    name = f"/proc/self/fd/{descriptor}"
    with suppress(OSError):
        if os.path.samestat(os.stat(name), status):
            return Path(name)
    return None


def _mode(status: os.stat_result) -> str:
    return f"(mode {stat.S_IMODE(status.st_mode):04o})"

"""Where the templates and the grammar lie: inside the installed package, or beside it in a checkout.

A row that is registered for a while (a toy of the tests, an extension) hands its templates by `texts`.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeVar, cast

PACKAGE = Path(__file__).resolve().parent
STARTED = time.time_ns()  # of what is changed later, this process may have loaded what was there before
HANDED: list[Mapping[str, str]] = []  # texts of templates by name, the last one first; not empty while a row is a guest


class Cached(Protocol):
    """A function with functools' cache."""

    def cache_clear(self) -> None: ...


T = TypeVar("T")
AnyCached = TypeVar("AnyCached", bound=Cached)
_forgetful: list[Callable[[], None]] = []


def forgetful(function: AnyCached) -> AnyCached:
    """`function`, whose cache depends on the package's tables, and is cleared when a guest comes or goes."""
    _forgetful.append(function.cache_clear)
    return function


@contextmanager
def texts(more: Mapping[str, str]) -> Iterator[None]:
    """Within it, templates are found in `more` by name before those of the folder; for all threads of the process.

    What is compiled meanwhile is known by its text alone, and what the package remembers of its tables is forgotten
    before and after: whoever registers a row for a while does so within this, with no texts if it needs none.
    """
    HANDED.append(more)
    _forget()
    try:
        yield
    finally:
        HANDED.pop()
        _forget()


@contextmanager
def registering(table: dict[str, T], rows: Mapping[str, T], more: Mapping[str, str]) -> Iterator[None]:
    """Within it `table` holds `rows` too, in place of its own under the same names, and templates are found in `more`.

    The tables' own `registered` functions are this.
    """
    before = dict(table)
    with texts(more):
        table.update(rows)
        try:
            yield
        finally:
            table.clear()
            table.update(before)


def _forget() -> None:
    for clear in _forgetful:
        clear()


def handed(name: str) -> str | None:
    """The text handed for the template `name`, None where the folder's is meant."""
    return next((more[name] for more in reversed(HANDED) if name in more), None)


def folder(name: str) -> Path:
    """The folder or file `name` (templates, bench/free.conv) of the installed package or of the checkout around it.

    Of a package that was imported from a zip it is a zipfile.Path, which is read in the same way.
    """
    inside, around = PACKAGE / name, PACKAGE.parent / name
    if inside.exists() or around.exists():
        return inside if inside.exists() else around
    archive = getattr(__spec__.loader, "archive", None)
    if archive is None:
        return inside
    from zipfile import Path as Zipped

    return cast(Path, Zipped(archive, f"{PACKAGE.relative_to(Path(archive).resolve()).as_posix()}/{name}/"))


@lru_cache(maxsize=1)
def fingerprint() -> str | None:
    """A hash over the place, size and times of all modules and templates; None where these may not be what this
    process has loaded: one was changed since it started, or they are no files of their own.
    """
    told = []
    try:
        for root, suffix in ((PACKAGE, ".py"), (folder("templates"), "")):
            for path, status in _files(str(root), suffix):
                if max(status.st_mtime_ns, status.st_ctime_ns) > STARTED:
                    return None
                told.append(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ctime_ns}")
    except OSError:
        return None
    return hashlib.sha256("\0".join(sorted(told)).encode("utf-8", "surrogateescape")).hexdigest()


def _files(root: str, suffix: str) -> Iterator[tuple[str, os.stat_result]]:
    """(path, status) of files under `root` whose names end so, none of those compiled of them. Raises OSError."""
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(entry.path, suffix) if entry.name != "__pycache__" else ()
            elif entry.name.endswith(suffix):
                yield entry.path, entry.stat()

"""Where the templates and the grammar lie: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
STARTED = time.time_ns()  # of what is changed later, this process may have loaded what was there before


def folder(name: str) -> Path:
    """The folder `name` (templates, grammar) of the installed package or of the checkout around it."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


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

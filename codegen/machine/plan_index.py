"""Which entry of the cache holds a plan's library, known without rendering the plan's text.

An alias is a small file beside the entries: the entry's key and a seal over both names, so that a torn, moved or
edited one counts as none. Its own name is the hash of all that the text and the library depend on: whatever changes,
another alias is looked for. The entry is verified as ever; an alias only saves work.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path

from codegen import installed
from codegen.machine import cache, ownership
from codegen.machine.ownership import Held

__all__ = ["name", "recall", "remember"]

MAGIC = "gen-conv alias 1"
CONTENT, CONTENT_BYTES = re.compile(r"([0-9a-f]{64})\n([0-9a-f]{64})\n"), 130


def name(*parts: str) -> str | None:
    """The alias (64 hex digits) of what is made of `parts` by this package as its files are; None if that is unsure."""
    state = None if installed.HANDED else installed.fingerprint()
    return _hash(MAGIC, state, *parts) if state else None


def recall(name: str, place: Held) -> str | None:
    """The key of the entry that `name` stands for in the cache's folder; None where no sound alias is found."""
    with suppress(OSError):
        path = place.inside / _file(name)
        data = ownership.own_bytes(path, CONTENT_BYTES)
        found = CONTENT.fullmatch((data or b"").decode("ascii", "replace"))
        if found and found[2] == _hash(MAGIC, name, found[1]):
            os.utime(path)
            return found[1]
    return None


def remember(name: str, entry: Path) -> None:
    """Let `name` stand for a published entry; one of a process's own folder is left nameless. Raises nothing."""
    with suppress(OSError), cache.folder() as place:
        if place.path != entry.parent:
            return
        content = f"{entry.stem}\n{_hash(MAGIC, name, entry.stem)}\n".encode()
        with cache.written(place.inside, content) as temporary:
            os.replace(temporary, place.inside / _file(name))


def _file(name: str) -> str:
    return f"{name}.alias"


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

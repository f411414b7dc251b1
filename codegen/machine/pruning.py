"""What leaves the cache: the debris of killed processes, and the entries longest unused above GENCONV_CACHE_MAX_MB."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from codegen.errors import UsageError

__all__ = ["ENTRIES", "limit_bytes", "prune"]

LIBRARY = ".so"
ENTRIES = (LIBRARY, ".weights")  # and arrays that were kept
MOST_MB = "1024"  # without GENCONV_CACHE_MAX_MB
MONTH = 30 * 86400.0
STALE_SECONDS = {".tmp": 3600.0, ".alias": MONTH, ".plan": MONTH}  # left by a killed process; unused


def prune(place: Path) -> None:
    """Remove what killed processes left and, above GENCONV_CACHE_MAX_MB, the entries longest unused, arrays first."""
    entries = []
    for entry in os.scandir(place):
        with suppress(OSError):
            status, suffix = entry.stat(), os.path.splitext(entry.name)[1]
            if suffix in ENTRIES:
                entries.append((suffix == LIBRARY, status.st_mtime, status.st_size, entry.path))
            elif status.st_mtime < time.time() - STALE_SECONDS.get(suffix, float("inf")):
                os.unlink(entry.path)
    total, limit = sum(size for _, _, size, _ in entries), limit_bytes()
    for _, _, size, path in sorted(entries)[:-1]:
        if total <= limit:
            break
        with suppress(OSError):
            os.unlink(path)
            total -= size


def limit_bytes() -> float:
    """What the entries may take together. Raises UsageError for a GENCONV_CACHE_MAX_MB that is no such number."""
    value = os.environ.get("GENCONV_CACHE_MAX_MB", "").strip() or MOST_MB
    with suppress(ValueError):
        if (limit := float(value)) >= 0:
            return limit * 1e6
    raise UsageError(f"GENCONV_CACHE_MAX_MB={value!r}: expected a number of megabytes, 0 or more")

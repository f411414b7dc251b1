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
STALE_SECONDS = {".tmp": 3600.0, ".alias": 30 * 86400.0}  # left by a killed process; unused for a month


def prune(place: Path) -> None:
    """Remove what killed processes left and, above GENCONV_CACHE_MAX_MB, the entries longest unused, arrays first."""
    entries = []
    for path in place.iterdir():
        with suppress(OSError):
            status = path.stat()
            if path.suffix in ENTRIES:
                entries.append((path.suffix == LIBRARY, status.st_mtime, status.st_size, path))
            elif status.st_mtime < time.time() - STALE_SECONDS.get(path.suffix, float("inf")):
                path.unlink()
    total, limit = sum(size for _, _, size, _ in entries), limit_bytes()
    for _, _, size, path in sorted(entries)[:-1]:
        if total <= limit:
            break
        with suppress(OSError):
            path.unlink()
            total -= size


def limit_bytes() -> float:
    """What the entries may take together. Raises UsageError for a GENCONV_CACHE_MAX_MB that is no such number."""
    value = os.environ.get("GENCONV_CACHE_MAX_MB", "").strip() or MOST_MB
    with suppress(ValueError):
        if (limit := float(value)) >= 0:
            return limit * 1e6
    raise UsageError(f"GENCONV_CACHE_MAX_MB={value!r}: expected a number of megabytes, 0 or more")

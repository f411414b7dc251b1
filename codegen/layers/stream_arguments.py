"""What streams of layers and of models are handed beside their input: a number of samples, and a state as bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.errors import UsageError
from codegen.errors.quoting import exactly

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["hold_batch", "taken"]

MOST_BATCH = 1 << 20


def hold_batch(batch: object) -> None:
    """Raises UsageError for what is no number of samples that stream side by side."""
    if not isinstance(batch, int) or isinstance(batch, bool) or not 1 <= batch <= MOST_BATCH:
        raise UsageError(f"`batch` must be a whole number from 1 to {MOST_BATCH:,}, got {exactly(batch)}")


def taken(kept: object, size: int, batch: int) -> NDArray[Any]:
    """`kept`, so many bytes, as a row a sample. Raises UsageError for anything else."""
    if not isinstance(kept, (bytes, bytearray, memoryview)) or len(kept) != size:
        got = f"{len(kept):,} bytes" if isinstance(kept, (bytes, bytearray, memoryview)) else exactly(kept)
        raise UsageError(f"`state`: got {got}, expected {size:,} bytes, as `state` of it gives them")
    return np.frombuffer(kept, np.uint8).reshape(batch, -1)

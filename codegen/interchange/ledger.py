"""Ledger: what of a model cannot be read, listed all at once, and the parts that are to be skipped."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from codegen.errors import ConversionError, SpecError, SpecErrors, UsageError
from codegen.errors.quoting import NAME, plainly

__all__ = ["Ledger"]

MOST = 50  # that are told


class Ledger:
    """`skip` are words of parts that pass their input on: each a part's path, name or class."""

    def __init__(self, skip: Collection[str] = ()) -> None:
        if isinstance(skip, str) or not all(isinstance(word, str) for word in skip):
            raise UsageError(f"skip: got {plainly(skip)}, expected names of parts, as in skip=['dropout_1']")
        self.skip, self._used = frozenset(skip), set[str]()
        self.wrong: dict[str, str] = {}
        self.skipped: dict[str, str] = {}

    def skips(self, place: str, kind: str, *words: str) -> bool:
        """Whether a part is to be skipped, which is noted."""
        found = self.skip & {place, kind, *words}
        self._used |= found
        if found:
            self.skipped[plainly(place, NAME)] = plainly(kind, NAME)
        return bool(found)

    @contextmanager
    def at(self, place: str, kind: str) -> Iterator[None]:
        """What is wrong within it is kept with the part's place."""
        try:
            yield
        except SpecErrors as wrong:
            self._keep(place, kind, "; ".join(str(one) for one in wrong.diagnostics))
        except (ConversionError, SpecError) as wrong:
            self._keep(place, kind, str(wrong))

    def _keep(self, place: str, kind: str, told: str) -> None:
        self.wrong.setdefault(plainly(place, NAME), f"{plainly(kind, NAME)} {told}")

    def took(self, other: Ledger) -> None:
        """Notes what another walk over the same model skipped."""
        self._used |= other._used
        self.skipped |= other.skipped

    def settle(self) -> None:
        """Raises ConversionError with all that is wrong, UsageError for words of `skip` that no part has."""
        if self.wrong:
            lines = [f"`{place}`: {told}" for place, told in self.wrong.items()]
            more = [f"and {len(lines) - MOST} more"] if len(lines) > MOST else []
            head = [f"{len(lines)} parts cannot be read:"] if len(lines) > 1 else []
            raise ConversionError("\n  ".join([*head, *lines[:MOST], *more]))
        unused = sorted(self.skip - self._used)
        if unused:
            raise UsageError(f"skip: no part is called `{plainly(unused[0], NAME)}`")

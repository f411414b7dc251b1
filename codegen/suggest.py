"""Suggest: of the known words the one that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

_LONGEST = 64  # characters of a word that are compared
_MOST = 64  # words that it is compared with


def closest(word: str, known: Iterable[str], other: Mapping[str, str] | None = None) -> str | None:
    """The known word that `word` means: by another library's word for it (`other`), by case, or by likeness."""
    plain = _plain(word[:_LONGEST])
    if other and (plain in other or word in other):
        return other.get(word) or other[plain]
    spelled = {_plain(name): name for name in [*(other or ()), *known]}
    if plain in spelled:
        found: str | None = spelled[plain]
    else:
        alike = [name for name in spelled if abs(len(name) - len(plain)) <= 4 and set(name[:3]) & set(plain[:3])]
        close = get_close_matches(plain, alike[:_MOST], n=1, cutoff=0.7)
        found = spelled[close[0]] if close else None
    return other.get(found, found) if other and found else found


def _plain(word: str) -> str:
    return word.lower().replace("_", "")

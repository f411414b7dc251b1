"""Suggest: of the known words the one that was probably meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_LONGEST = 64  # characters of a word that are compared
_MOST = 1_000  # words that it is compared with
_TRIED = 64  # of them closely


def closest(word: str, known: Iterable[str], other: Mapping[str, str] | None = None) -> str | None:
    """The known word that `word` means: by another library's word for it (`other`), by case, or by likeness."""
    meant = {name: name for name in known}
    if len(word) > _LONGEST or len(meant) > _MOST:
        return None
    meant = {**(other or {}), **meant}
    if word in meant:
        return meant[word]
    from difflib import get_close_matches  # late, as most runs have nothing to suggest

    alike = sorted(meant, key=lambda name: -_shared(name, word))[:_TRIED]
    spelled = {_plain(name): name for name in reversed(alike)}
    close = get_close_matches(_plain(word), list(spelled), n=1, cutoff=0.7)
    return meant[spelled[close[0]]] if close else None


def _shared(name: str, word: str) -> int:
    """Letters that both have, however placed: cheap, and enough to say which words are worth a closer look."""
    return len(set(name.lower()) & set(word.lower())) - abs(len(name) - len(word))


def _plain(word: str) -> str:
    return word.lower().replace("_", "")


def expected(word: object, known: Iterable[str], other: Mapping[str, str] | None = None) -> str:
    """The end of a message about a word that is none of `known`: what was probably meant, and what there is."""
    words = list(known)
    near = closest(word, words, other) if isinstance(word, str) else None
    return f"{f'did you mean `{near}`? ' if near else ''}expected one of {', '.join(words)}"

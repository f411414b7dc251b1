"""Naming: other libraries' names and paths as names of layers, which become C functions and files."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator

from codegen.specs import names

ROOM = 6  # characters for a number that keeps long names apart


class Names:
    """Names that are given one after another, no two alike whatever the case, none of them one of `words`."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._claimed = {word.casefold() for word in words}

    def fresh(self, theirs: str) -> str:
        """A name for `theirs`, which stays as it is where it may.

        `features.0` becomes features_0, `0` layer_0, `float` layer_float, `größe` grosse, and an empty one layer.
        """
        word = next(word for word in _spellings(_plain(theirs)) if not self._claimed & _claims(word))
        self._claimed |= _claims(word)
        return word


def identifiers(theirs: Iterable[str]) -> list[str]:
    """A name for each of `theirs`, in their order, as Names gives them."""
    names_ = Names()
    return [names_.fresh(name) for name in theirs]


def _plain(name: str) -> str:
    """ASCII letters, digits and _ alone; letters without their accents."""
    bare = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    kept = "".join(char for char in bare if not unicodedata.combining(char))
    word = re.sub(r"[^A-Za-z0-9_]+", "_", kept)
    return word if word == name else word.strip("_")


def _spellings(word: str) -> Iterator[str]:
    """The word, then word_1, word_2, …; each a name that a layer may have."""
    if not word[:1].isalpha() or names.taken(word):
        word = f"layer_{word.strip('_')}".rstrip("_")
    yield word[: names.LONGEST]
    for count in itertools.count(1):
        yield f"{word[: names.LONGEST - ROOM]}_{count}"


def _claims(word: str) -> set[str]:
    """What a layer of that name puts into a header, and its files' stem: no other layer may be called so."""
    return {word.casefold(), *(f"{word}_{suffix}".casefold() for suffix in names.SUFFIXES)}

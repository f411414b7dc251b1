"""Naming: other libraries' names and paths as names of layers, which become C functions and files."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator

from codegen.specs import names

ROOM = 6  # characters for a number that keeps long names apart


def identifiers(theirs: Iterable[str]) -> list[str]:
    """A name for each of `theirs`, in their order, no two alike whatever the case; those that may stay do.

    `features.0` becomes features_0, `0` layer_0, `float` layer_float, `größe` grosse, and an empty one layer.
    """
    claimed: set[str] = set()
    found = []
    for name in theirs:
        word = next(word for word in _spellings(_plain(name)) if not claimed & _claims(word))
        claimed |= _claims(word)
        found.append(word)
    return found


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

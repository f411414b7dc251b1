"""The names of the vector spelling: each stands in a text between two marks, until the text is finished.

So a text itself tells what must be declared before it, whatever has been made of it on the way. Marks are printed by
`spelled`, and by every template, where `vN_word` is written as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from codegen.problem.targets import Target
from codegen.records import dataclass

__all__ = ["NOTHING", "Shuffle", "Wanted", "apart", "finished", "marked", "renamed", "shuffles", "spelled", "wanted"]

BEGIN, END = "\x01", "\x02"
_owner: ContextVar[str] = ContextVar("owner", default="")
_PRINTED = r"\{\{ [\w.]+ \}\}"
_IN_A_TEMPLATE = re.compile(rf"\bv(?:\d+|{_PRINTED})(?:\w|{_PRINTED})*|\bhold(?=\(\))")

SEVERAL = {  # what each word is written with, of a vector of several numbers; templates/simd/
    "_load": ("_any",),
    "_store": ("_any",),
    "_set1": ("",),
    "_strided": ("",),
    "_pair": ("",),
    "_evens": ("",),  # and _odds
    "_mixed": ("",),  # and _mixed_on, _lefts, _rights
    "_join": ("", "_load", "_evens"),
    "_low": ("", "_store", "_evens"),
    "_bits": ("u",),
    "_number": ("",),
    "_abs": ("_bits", "_number"),
    "_copysign": ("_bits", "_number"),
    "_where": ("", "_bits", "_number"),
    "_min": ("", "_bits", "_number"),
    "_max": ("", "_bits", "_number"),
    "_excess": ("", "_bits", "_number"),
    "_fma": (),
    "_any": (),
    "_load_half": ("",),
    "_set1_half": ("",),
    "u": (),
    "": (),
}
HALVES = {"_join": ("", "_store"), "_low": ("", "_load")}  # with what of vectors half as wide, before GCC 12
APART = ("_any", "_set1_half", "_pair", "_evens", "_mixed", "_join", "_low")  # there is none of one
ONE = {word: below for word, below in SEVERAL.items() if word not in APART}
ONE |= {"_load": (), "_store": (), "_set1": (), "_strided": (), "_bits": ("", "u"), "_number": ("", "u")}
ONE |= {"_load_half": (), "_where": (), "_min": ("",), "_max": ("",)}
FUSED = {"_excess": ("_fma",)}  # where a product and a sum are rounded once


@dataclass(frozen=True)
class Wanted:
    """The names that a file's text uses, and what these stand on. Of each word the widths, the widest first."""

    widths: dict[str, tuple[int, ...]]
    hold: bool

    def __getattr__(self, word: str) -> tuple[int, ...]:
        """`wanted.fma` are the widths of `vN_fma`; `type` those of `vN` itself, `u` of `vNu`."""
        known = {"type": "", "u": "u"}.get(word, f"_{word}")
        if known not in SEVERAL:
            raise AttributeError(word)
        return self.widths.get(known, ())

    @property
    def memory(self) -> bool:
        """Whether a vector, or one number in its place, is named, loaded or stored."""
        return any(self.widths.get(word) for word in ("", "_any", "_load", "_store", "_set1", "_strided"))


@dataclass(frozen=True)
class Shuffle:
    """Which numbers of two vectors of `n`, the second's counted on from the first's, words of the spelling take."""

    n: int

    @property
    def half(self) -> int:
        return self.n // 2

    @property
    def evens(self) -> range:
        return range(0, 2 * self.n, 2)

    @property
    def odds(self) -> range:
        return range(1, 2 * self.n, 2)

    @property
    def mixed(self) -> tuple[int, ...]:
        """Two of both by turns, the first two of each four."""
        return self._of_fours((0, self.n, 1, self.n + 1))

    @property
    def mixed_on(self) -> tuple[int, ...]:
        """The other two of each four."""
        return self._of_fours((2, self.n + 2, 3, self.n + 3))

    @property
    def lefts(self) -> tuple[int, ...]:
        """Of each four every second one, from the first on, then those of the second vector."""
        return self._of_fours((0, 2, self.n, self.n + 2))

    @property
    def rights(self) -> tuple[int, ...]:
        """The others."""
        return self._of_fours((1, 3, self.n + 1, self.n + 3))

    def _of_fours(self, four: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(at + one for at in range(0, self.n, 4) for one in four)

    @property
    def all(self) -> range:
        """Of two halves."""
        return range(self.n)

    @property
    def low(self) -> range:
        return range(self.half)


def shuffles(wanted: Wanted) -> tuple[Shuffle, ...]:
    """Those of the widths whose numbers are parted or joined."""
    return tuple(Shuffle(n) for n in sorted({*wanted.evens, *wanted.mixed}, reverse=True))


NOTHING = Wanted({}, hold=False)


def spelled(lanes: int, word: str = "") -> str:
    """`vN`, or `vN` and the word, marked."""
    return f"{BEGIN}v{lanes}{word}{END}"


def marked(template: str) -> str:
    """The text of a template in which each name of the spelling is marked, what is printed in it included."""
    return _IN_A_TEMPLATE.sub(lambda found: f"{BEGIN}{found[0]}{END}", template)


def renamed(text: str, words: Mapping[str, str]) -> str:
    """The text in which each marked name `vN_word` has another word in its place, as `words` tells."""
    first, *rest = text.split(BEGIN)
    kept = [first]
    for part in rest:
        name, _, after = part.partition(END)
        word = name.lstrip("v").lstrip("0123456789")
        kept.append(f"{BEGIN}{name.removesuffix(word)}{words.get(word, word)}{END}{after}" if word else BEGIN + part)
    return "".join(kept)


def finished(text: str) -> tuple[str, frozenset[str]]:
    """The text without its marks, and the names that were marked; within `apart` they are another's in the text."""
    first, *rest = text.split(BEGIN)
    kept, names, owner = [first], set[str](), _owner.get()
    for part in rest:
        word, _, after = part.partition(END)
        names.add(word)
        kept += (owner, word, after)
    return "".join(kept), frozenset(names)


@contextmanager
def apart(owner: str) -> Iterator[None]:
    """Begin all names of the spelling that are finished meanwhile with `owner`: for a file of several kernels."""
    before = _owner.set(owner)
    try:
        yield
    finally:
        _owner.reset(before)


def wanted(names: Iterable[str], lanes: Iterable[int], target: Target) -> Wanted:
    """What must be declared for `names`, of vectors of `lanes` numbers."""
    used, widths = set(names), dict[str, list[int]]()
    for n in sorted(set(lanes), reverse=True):
        below = (SEVERAL if n > 1 else ONE) | (FUSED if target.fma else {})
        waiting = {word for word in below if f"v{n}{word}" in used}
        found = set[str]()
        while waiting:
            word = waiting.pop()
            found.add(word)
            waiting |= set(below[word]) - found
            used |= {f"v{n // 2}{half}" for half in HALVES.get(word, ())}
        for word in found:
            widths.setdefault(word, []).append(n)
    return Wanted({word: tuple(found) for word, found in widths.items()}, "hold" in used)

"""Parameters: what a field of a spec holds and takes. Its default, check, doc and other words are here, once.

A check takes the parameter's name and a value and returns what the spec holds; it raises SpecError with Keras' reason.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import field, fields
from math import inf
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from codegen.errors import SpecError, quoting
from codegen.errors.suggest import closest
from codegen.records import dataclass

Check: TypeAlias = Callable[[str, object], object]

LARGEST = 2**31


@dataclass(frozen=True)
class Worded:
    """A check with the `words` that it may take, most usual first: for help and completion, which try each."""

    check: Check
    words: Collection[str]

    def __call__(self, name: str, value: object) -> Any:
        return self.check(name, value)


class _Mark:
    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


REQUIRED: Final[Any] = _Mark("REQUIRED")
UNKNOWN: Final[Any] = _Mark("UNKNOWN")  # a value that could not be read: the definition fails, without a second error


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kind; `also` are the words that other libraries have for it."""

    name: str
    default: Any
    doc: str
    check: Check
    also: tuple[str, ...]

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def words(self) -> tuple[str, ...]:
        """The words that it takes."""
        words = self.check.words if isinstance(self.check, Worded) else ()
        return tuple(word for word in words if self._takes(word))

    def _takes(self, word: str) -> bool:
        try:
            self.check(self.name, TRUTH.get(word, word))
        except SpecError as wrong:
            return wrong.code in ("E231", "E232")  # one that needs an option
        return True


def parameter(check: Check, doc: str, default: Any = REQUIRED, *, also: Sequence[str] = ()) -> Any:
    """A dataclass field that is a parameter."""
    return field(default=default, metadata={"check": check, "doc": doc, "also": tuple(also)})


_TABLES: dict[type[Any], Mapping[str, Parameter]] = {}


def parameters(kind: type[Any]) -> Mapping[str, Parameter]:
    """The parameters of a spec's class by name, in the order of the class."""
    if kind not in _TABLES:
        found = (spot for spot in fields(kind) if "check" in spot.metadata)
        table = {spot.name: Parameter(spot.name, spot.default, **spot.metadata) for spot in found}
        _TABLES[kind] = MappingProxyType(table)
    return _TABLES[kind]


def shown(value: object, most: int = quoting.MOST) -> str:
    """A value as a message shows it: as the language writes it, cut where it is long."""
    return (
        quoting.cut(f'"{quoting.plainly(value, most)}"', most)
        if isinstance(value, str)
        else quoting.plainly(value, most)
    )


def whole(least: int) -> Check:
    """A whole number from `least` to 2**31: int or NumPy's; no bool, and no float even if it is whole."""

    def check(name: str, value: object) -> int:
        if isinstance(value, Integral) and not isinstance(value, bool) and least <= int(value) <= LARGEST:
            return int(value)
        hint = f"write {name} = {max(least, 1)}, or another number from {least} to 2**31"
        if isinstance(value, float):
            hint = "`/` gives a float: use `//`, or write the number without a point"
        message = f"`{name}` must be a whole number {'greater than 0' if least == 1 else f'from {least} on'}"
        raise SpecError("E201", f"{message}, got {shown(value)}", hint=hint)

    return check


def positive(name: str, value: object) -> float:
    """A finite number greater than 0, NumPy's too; no bool."""
    if isinstance(value, Real) and not isinstance(value, bool) and 0 < float(value) < inf:
        return float(value)
    message = f"`{name}` must be a number greater than 0, got {shown(value)}"
    raise SpecError("E201", message, hint=f"write {name} = 0.001, or another number greater than 0")


def single(check: Check) -> Check:
    """What `check` takes, or a tuple or list of one of it, as Keras' 1-D layers do."""

    def either(name: str, value: object) -> object:
        if isinstance(value, (tuple, list)):
            if len(value) != 1:
                message = f"`{name}` must be one number, or a tuple of 1 number, got {shown(value)}"
                raise SpecError("E201", message, hint=f"a 1-D layer takes one: write {name} = 1")
            value = value[0]
        return check(name, value)

    return either


def _way(name: str, value: object, words: Sequence[str], elsewhere: Mapping[str, str]) -> str:
    """The hint for a word that is none of `words`: what `elsewhere` says of it, the one that was meant, or all."""
    word = quoting.plainly(value).lower()
    if word in elsewhere:
        return elsewhere[word]
    return f"write {name} = {closest(word, words) or _listed(words)}"


def _listed(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join((", ".join(words[:-1]), words[-1]))


TRUTH = {"True": True, "False": False}  # words of the language that are no text


def _flag(name: str, value: object) -> bool:
    """True or False, NumPy's too."""
    if isinstance(value, bool):
        return value
    if type(value).__name__ in ("bool_", "bool") and type(value).__module__ == "numpy":
        return bool(value)
    raise SpecError("E204", f"`{name}` must be True or False, got {shown(value)}", hint=f"write {name} = True")


flag = Worded(_flag, tuple(TRUTH))


def one_of(*words: str) -> Check:
    """One of `words`, whatever the case."""
    return row_of(dict.fromkeys(words), {})


def row_of(table: Mapping[str, object], elsewhere: Mapping[str, str]) -> Check:
    """The name of a row that `table` has when it is asked, whatever the case; a dtype's own object counts as its name.

    `elsewhere` says of words that are not taken here where what they mean is found.
    """

    def check(name: str, value: object) -> str:
        word, words = value if isinstance(value, str) else _own_name(value), tuple(table)
        if isinstance(word, str) and word.lower() in words:
            return word.lower()
        hint = _way(name, word if isinstance(word, str) else value, words, elsewhere)
        raise SpecError("E203", f"`{name}` must be {_listed(words)}, got {shown(value)}", hint=hint)

    return Worded(check, table)


_BEFORE = "zeros only: pad x before the layer, as numpy.pad(…, mode={}) does, and write padding = valid"
PADDED = {
    **{word: _BEFORE.format(f'"{word}"') for word in ("reflect", "symmetric", "edge", "wrap", "constant")},
    **{word: _BEFORE.format('"edge"') for word in ("replicate", "replication", "border", "nearest")},
    **{word: _BEFORE.format('"wrap"') for word in ("circular", "periodic", "cyclic")},
    "full": "write (n, n), n being dilation_rate * (kernel_size - 1): the zeros before and after the input",
    "zeros": "write same, causal, or the zeros on each side: (left, right)",
    "same_upper": "write padding = same, which puts the odd zero after the input",
    "same_lower": "write (left, right), the zeros before and after the input: same puts the odd one after it",
    "notset": "write (left, right), the zeros before and after the input",
}
_STORED = 'sums are of float32: for kernels of 16 bits say --storage {0}, in Python storage="{0}"'
DTYPES_ELSEWHERE = {
    **{word: _STORED.format("float16") for word in ("float16", "half", "fp16", "f16", "mixed_float16")},
    **{word: _STORED.format("bfloat16") for word in ("bfloat16", "bf16", "mixed_bfloat16")},
    **dict.fromkeys(("double", "f64", "fp64"), "write dtype = float64"),
    **dict.fromkeys(("float", "single", "f32", "fp32", "int16", "uint8", "int32"), "write dtype = float32"),
}


def _own_name(value: object) -> object:
    """What an object says that it is called, as types do."""
    try:
        return getattr(value, "name", getattr(value, "__name__", None))
    except Exception:  # a stranger's property
        return None


PADDING = ("valid", "same", "causal")


def _padding(name: str, value: object) -> str | tuple[int, int]:
    """valid, same or causal, whatever the case; or (left, right), zeros in samples."""
    if isinstance(value, str) and value.lower() in PADDING:
        return value.lower()
    message = f"`{name}` must be valid, same, causal or (left, right), got {shown(value)}"
    if isinstance(value, str):
        raise SpecError("E203", message, hint=_way(name, value, PADDING, PADDED))
    pair = tuple(value) if isinstance(value, (tuple, list)) else ()
    least = [isinstance(side, Integral) and not isinstance(side, bool) and 0 <= int(side) <= LARGEST for side in pair]
    if len(pair) == 2 and all(least):
        return int(pair[0]), int(pair[1])
    hint = "give two whole numbers from 0 on: the zeros before and after the input"
    if isinstance(value, int) and 0 <= value <= LARGEST:
        hint = f"write {name} = ({value:d}, {value:d}), the zeros before and after the input"
    raise SpecError("E205", message, hint=hint)


padding = Worded(_padding, PADDING)


def shape(name: str, value: object) -> tuple[int | None, int | None] | None:
    """None, or two sizes, each a whole number greater than 0 or None; which is which is data_format's to say."""
    if value is None:
        return None
    pair = tuple(value) if isinstance(value, (tuple, list)) else ()
    expected = f"`{name}` must be two sizes, (steps, channels), got {shown(value)}"
    if len(pair) != 2:
        hint = "write (steps, channels)"
        if len(pair) == 3:
            hint = f"leave the batch out: {name} = {shown(pair[1:])}"
        raise SpecError("E301", expected, hint=hint)
    count = whole(1)
    try:
        first, second = (None if size is None else count(name, size) for size in pair)
    except SpecError as wrong:
        hint = "each is a whole number greater than 0; None as steps means any number of them"
        raise SpecError("E301", expected, hint=hint) from wrong
    return first, second  # type: ignore[return-value]  # whole(1) returns int


def from_table(
    get: Callable[[object], object], names: Sequence[str], default: object = None, *, rank: int = 0
) -> Check:
    """What a registry's `get` makes of a name, a call, a config or an instance; None means `default`.

    `names` are the table's. Raises SpecError E233 for one that cannot serve an array of `rank` axes.
    """

    def check(name: str, value: object) -> object:
        try:
            found = get(default if value is None else value)
        except SpecError as wrong:
            wrong.hint = wrong.hint or f"`gen-conv explain {wrong.code}` shows a right example"
            raise
        why_not = getattr(found, "why_not", None)
        reason = why_not(rank) if rank and why_not else None
        if reason:
            raise SpecError("E233", f"`{name}`: {reason}", hint="choose one for arrays of that rank")
        return found

    return Worded(check, names)

"""Typed C: the only ways in which a number or a name reaches the text of a kernel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from codegen.emission.shortest import of_singles
from codegen.errors import GenConvError, counting
from codegen.numbers.formats import Format
from codegen.planning.plan import Algorithm

if TYPE_CHECKING:
    import numpy as np

IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
WORDS = re.compile(r"[\w.,:()+=/ -]*", re.ASCII)  # of our own tables: a target's flags, a transform's name
PIECE = 4096  # numbers of an array that are written at a time
OCTETS = 28  # in a line
OCTAL = tuple(f"\\{octet:03o}" for octet in range(256))
LARGEST = 2**63 - 1  # of a literal that every C99 compiler reads


class CText(str):
    """Text that may stand in a C file: the only kind of string that a template prints (codegen/emission/printing.py).

    Whoever makes one answers for what is in it; what comes from outside becomes one by the functions here alone.
    """

    __slots__ = ()


def identifier(name: str) -> CText:
    """`name` if it is a plain ASCII identifier; the last gate before text becomes C. Raises GenConvError."""
    if not IDENTIFIER.fullmatch(name):
        raise GenConvError(f"{name!r} is no C identifier")
    return CText(name)


def integer(value: int) -> CText:
    """A decimal integer literal. Raises GenConvError for anything that is not an int, or is none that C can read."""
    if type(value) is not int:
        raise GenConvError(f"expected an int of 64 bits for the C text, got {repr(value)[:60]}")
    if abs(value) > LARGEST:
        raise GenConvError(f"expected an int of 64 bits for the C text, got one of {value.bit_length()}")
    return CText(value)


def typed(value: object, declared: str = "") -> None:
    """Raises GenConvError unless a plan is made of numbers, words of our tables, and tuples and dataclasses of these.

    Index expressions are written of its numbers and words. Where a field is `declared` an int, it holds one, no bool.
    """
    if declared == "int":
        integer(value)  # type: ignore[arg-type]  # it raises for what is none
    elif isinstance(value, Algorithm):
        typed(value.name)
    elif is_dataclass(value):
        for field in fields(value):
            if field.name not in ("cost", "rejected", "source"):  # an estimate, and sentences: none is for the C
                typed(getattr(value, field.name), str(field.type))
    elif isinstance(value, tuple):
        for one in value:
            typed(one)
    elif isinstance(value, str):
        if not WORDS.fullmatch(value):
            raise GenConvError(f"a plan holds {value[:60]!r}, which is no word of C's")
    elif type(value) is int:
        integer(value)
    elif value is not None and type(value) not in (bool, float):
        raise GenConvError(f"a plan holds {repr(value)[:60]}, a {type(value).__name__}")


def written(value: Any) -> Any:
    """Text that a module of ours wrote, and tuples, lists and dicts of such, as a template may print it."""
    if isinstance(value, str):
        return value if isinstance(value, CText) else CText(value)
    if isinstance(value, (tuple, list)):
        return [written(one) for one in value]
    if isinstance(value, Mapping):
        return {name: written(one) for name, one in value.items()}
    return value


def literal(value: float, dtype: Format) -> CText:
    """The shortest decimal literal of `dtype` that reads back as the same bits; NaN and inf as constant quotients.

    A number beyond the largest of `dtype` is inf. Raises GenConvError for what is no number.
    """
    return CText(_literal(value, dtype))


def _literal(value: float, dtype: Format) -> str:
    """The same as a plain string, for tables of millions."""
    if dtype.whole and type(value) is int:
        return str(value)
    if type(value) is not float and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise GenConvError(f"expected a number for the C text, got {repr(value)[:60]}")
    text = _shortest(value, dtype)
    if text == "nan":
        return f"(0.0{dtype.suffix} / 0.0{dtype.suffix})"
    if text.endswith("inf"):
        return f"({text[:-3]}1.0{dtype.suffix} / 0.0{dtype.suffix})"
    return text + dtype.suffix


def _shortest(number: float, dtype: Format) -> str:
    """With a point or an exponent, as floats are written; or nan, inf, -inf."""
    text = repr(float(number))
    if not dtype.single or _short(text):
        return text
    import numpy as np

    if abs(number) > dtype.largest:
        with np.errstate(over="ignore"):
            return str(np.float32(number))
    return str(np.float32(number))


def _short(text: str) -> bool:
    """Whether a float that is written so is written so as a float32, too: of six digits no two are one float32.

    Said of 0 and of 1e-3 to 1e6, where no such number comes as near to the middle of two float32 as a double rounds.
    """
    digits = text.removeprefix("-").replace(".", "").strip("0")
    return not digits or (digits.isdigit() and len(digits) <= 6 and 1e-3 <= abs(float(text)) < 1e6)


def told(value: float) -> CText:
    """A number as a comment tells it. Raises GenConvError for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise GenConvError(f"expected a number for the C text, got {repr(value)[:60]}")
    return CText(value)


def counted(number: int, noun: str) -> CText:
    """`1 tap`, `2 taps`, for a comment."""
    return CText(f"{integer(number)} {counting.plural(number, noun)}")


def ordinal(number: int) -> CText:
    """`1st`, `2nd`, for a comment."""
    return CText(counting.ordinal(number))


def table(values: Iterable[Any], stored: Format, indent: str = "    ") -> CText:
    """The inside of an initializer: literals, eight to a line; of a format of codes these, in hexadecimal, twelve."""
    if stored.coded:
        return _rows((f"0x{value:0{2 * stored.bytes}x}" for value in values), 12, indent)
    return _rows((_literal(value, stored) for value in values), 8, indent)


def array_table(array: np.ndarray, stored: Format) -> CText:
    """The same of an array with one axis; finite floats of the format's own type take a third of the time."""
    import numpy as np

    if stored.whole and array.dtype == stored.array:
        return _rows(chain.from_iterable(map(str, piece.tolist()) for piece in _pieces(array)), 8, "    ")
    if stored.coded or stored.whole or array.dtype != stored.array or not np.isfinite(array).all():
        return table(array.tolist(), stored)
    words = (of_singles(piece) if stored.single else map(repr, piece.tolist()) for piece in _pieces(array))
    return _rows(chain.from_iterable(words), 8, "    ", stored.suffix)


def octets(codes: np.ndarray) -> CText:
    """The same of int8 codes as string literals: no text to read, but compilers take a twentieth of the time."""
    given = codes.tobytes()
    lines = (given[start : start + OCTETS] for start in range(0, len(given), OCTETS))
    return CText("\n".join(f'    "{"".join(map(OCTAL.__getitem__, line))}"' for line in lines))


def _pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    return (array[start : start + PIECE] for start in range(0, len(array), PIECE))


def _rows(words: Iterator[str], per_line: int, indent: str, suffix: str = "") -> CText:
    """Line by line, so that millions of words are never held at once; `suffix` goes behind each."""
    rows = iter(lambda: list(islice(words, per_line)), [])
    return CText(",\n".join(indent + f"{suffix}, ".join(row) + suffix for row in rows))


def comment(text: str) -> CText:
    """`text` with nothing that could end a comment or continue its line: printable ASCII, no `*/`, `??`, backslash."""
    kept = "".join(char if " " <= char <= "~" and char != "\\" else "?" for char in text)
    return CText(re.sub(r"\?(?=\?)", "? ", kept.replace("*/", "* /").replace("/*", "/ *")))


def times(factor: int, variable: str) -> str:
    """`factor * variable`, or the variable alone."""
    return variable if factor == 1 else f"{factor} * {variable}"


def grouped(sum_: str) -> str:
    """A sum in brackets, where it is more than a term."""
    return f"({sum_})" if " " in sum_ else sum_


def scaled(factor: int, sum_: str) -> str:
    """A factor times a sum, which is in brackets where the factor is not 1: an argument, no term of another sum."""
    return sum_ if factor == 1 else times(factor, grouped(sum_))


def floor_over(sum_: str, divisor: int) -> str:
    """A sum that is not negative, divided and rounded down."""
    if divisor == 1:
        return sum_
    return f"{grouped(sum_)} / {divisor}"


def ceil_over(variable: str, divisor: int) -> str:
    """A number that is not negative, divided and rounded up; `-x` may be given for a negative x."""
    if divisor == 1:
        return variable
    total = f"{divisor - 1} - {variable[1:]}" if variable.startswith("-") else f"{variable} + {divisor - 1}"
    return f"({total}) / {divisor}"


def nest(heads: Iterable[str], text: str, depth: int = 1) -> str:
    """`text` under `for` heads without braces, each a level deeper; `depth` is the level of the first."""
    lines = []
    for depth_now, head in enumerate(heads, depth):
        lines.append("    " * depth_now + head)
    inner = "    " * (depth + len(lines))
    return "\n".join(lines + [inner + line if line else line for line in text.strip("\n").split("\n")])


def braced(heads: Sequence[str], text: str, depth: int = 1) -> str:
    """Several statements under `for` heads, in braces; without heads they stand where they are.

    A last head that is empty opens a block alone.
    """
    if not heads:
        return nest((), text, depth)
    opened = (*heads[:-1], f"{heads[-1]} {{".lstrip())
    return f"{nest(opened, text, depth)}\n{'    ' * (depth + len(heads) - 1)}}}"


def looped(heads: Sequence[str], lines: Sequence[str], depth: int = 0) -> str:
    """Statements under `for` heads, in braces where there are several."""
    text = "\n".join(lines)
    return nest(heads, text, depth) if len(lines) == 1 else braced(heads, text, depth)


def fold(text: str, most: int = 118) -> str:
    """`text` with no blank line twice and no line of code or comment longer than `most`, where it can be broken."""
    lines = [part for line in text.split("\n") for part in (_folded(line, most) if len(line) > most else (line,))]
    text = "\n".join(lines)
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text


def _folded(line: str, most: int) -> list[str]:
    """A line broken after a comma, a semicolon or a brace; a banner's after a space."""
    if line.startswith("#") or line.endswith("\\"):
        return [line]
    parts: list[str] = []
    told = re.match(r" \* +", line) if line.startswith(" * ") else None
    pad = told[0] if told else line[: len(line) - len(line.lstrip())] + "    "
    least = len(pad) + 1
    while len(line) > most:  # of a table each of 10^5 lines
        if told:
            at = line.rfind(" ", least, most)
        else:
            at = max(line.rfind("; ", least, most), line.rfind(", ", least, most)) + 1
        if at < least:
            break
        parts.append(line[:at].rstrip())
        line = pad + line[at:].lstrip()
    return [*parts, line]

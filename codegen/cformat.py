"""Typed C: the only ways in which a number or a name reaches the text of a kernel."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from codegen.dtypes import DType
from codegen.errors import GenConvError

IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)


def identifier(name: str) -> str:
    """`name` if it is a plain ASCII identifier; the last gate before text becomes C. Raises GenConvError."""
    if not IDENTIFIER.fullmatch(name):
        raise GenConvError(f"{name!r} is no C identifier")
    return name


def integer(value: int) -> str:
    """A decimal integer literal. Raises GenConvError for anything that is not an int."""
    if type(value) is not int:
        raise GenConvError(f"expected an int for the C text, got {value!r}")
    return str(value)


def literal(value: float, dtype: DType) -> str:
    """The shortest decimal literal of `dtype` that reads back as the same bits; inf and NaN as constant quotients."""
    number = float(value)
    if math.isfinite(number):
        text = _shortest(number, dtype)
        return text + dtype.suffix if "." in text or "e" in text else f"{text}.0{dtype.suffix}"
    if math.isnan(number):
        return f"(0.0{dtype.suffix} / 0.0{dtype.suffix})"
    return f"({'-' if number < 0 else ''}1.0{dtype.suffix} / 0.0{dtype.suffix})"


def _shortest(number: float, dtype: DType) -> str:
    if dtype.bytes == 8:
        return repr(number)
    import numpy as np

    return str(np.float32(number))


def table(values: Iterable[float], dtype: DType, per_line: int = 8, indent: str = "    ") -> str:
    """The inside of an initializer: literals, `per_line` to a line."""
    return _rows((literal(value, dtype) for value in values), per_line, indent)


def codes(values: Iterable[int], per_line: int = 12, indent: str = "    ") -> str:
    """The same of numbers of 16 bits, in hexadecimal."""
    return _rows((f"0x{value:04x}" for value in values), per_line, indent)


def _rows(words: Iterator[str], per_line: int, indent: str) -> str:
    """Line by line, so that millions of words are never held at once."""
    return ",\n".join(indent + ", ".join(row) for row in iter(lambda: list(islice(words, per_line)), []))


def comment(text: str) -> str:
    """`text` with nothing that could end a comment or continue its line: printable ASCII, no `*/`, `??`, backslash."""
    kept = "".join(char if " " <= char <= "~" and char != "\\" else "?" for char in text)
    return kept.replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")


def times(factor: int, variable: str) -> str:
    """`factor * variable`, or the variable alone."""
    return variable if factor == 1 else f"{factor} * {variable}"


def floor_over(sum_: str, divisor: int) -> str:
    """A sum that is not negative, divided and rounded down."""
    return sum_ if divisor == 1 else f"({sum_}) / {divisor}"


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


def fold(text: str, most: int = 118) -> str:
    """`text` with no blank line twice and no line of code or comment longer than `most`, where it can be broken."""
    lines = [part for line in text.split("\n") for part in (_folded(line, most) if len(line) > most else (line,))]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def _folded(line: str, most: int) -> list[str]:
    """A line broken after a comma, a semicolon or a brace; a banner's after a space."""
    parts: list[str] = []
    lead = re.match(r" \* +|\s*", line)
    pad = lead[0] if lead and lead[0].startswith(" *") else (lead[0] if lead else "") + "    "
    while len(line) > most and not line.startswith("#") and not line.endswith("\\"):
        marks = (" ",) if pad.startswith(" *") else ("; ", ", ")
        at = max(line.rfind(mark, len(pad) + 1, most) + len(mark) - 1 for mark in marks)
        if at <= len(pad):
            break
        parts.append(line[:at].rstrip())
        line = pad + line[at:].lstrip()
    return [*parts, line]


def thousands(value: int) -> str:
    """1234567 as 1,234,567, for comments."""
    return f"{value:,}"

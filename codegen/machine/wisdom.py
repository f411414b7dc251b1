"""Wisdom: which of the planner's candidates was the fastest when they were timed; a text file, one line an entry.

    v2 TARGET WEIGHTS ACCURACY COMPILER PROBLEM KEY MICROSECONDS # the plan in words

A line can only choose among the plans that the planner offers for the very same request, so wisdom from a stranger can
make a kernel slow, never wrong. What is torn, foreign or out of date is passed over. After FFTW's wisdom (Frigo and
Johnson, "The Design and Implementation of FFTW3", 2005, section V.A). docs/planning.md tells it to users.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from codegen.errors import UsageError
from codegen.machine import cache, files, ownership
from codegen.numbers.storage import AS_COMPUTED
from codegen.problem.chain import Chain
from codegen.problem.stages import BIASED
from codegen.records import dataclass

if TYPE_CHECKING:
    from codegen.machine.compilers import Compiler
    from codegen.planning.plan import KernelPlan, Request
    from codegen.problem.conv_problem import ConvProblem
    from codegen.problem.problem import Problem

__all__ = ["Entry", "export_to", "forget", "import_from", "path", "recall", "remember", "strays"]

MOST_BYTES = 1 << 23  # of a file that is read; some 30,000 entries
MOST_TOLD = 500  # letters of a problem in a line; more would leave no room for what is asked beside it
MOST_ENTRIES = 10_000  # that are kept, the newest
VERSION = "v2"  # of a line: v1's keys were made of the names of Python's classes and fields
LINE = re.compile(
    VERSION + r" (?P<target>\w{1,16}) (?P<weights>packed|argument) (?P<accuracy>\w{1,16}) (?P<compiler>[0-9a-f]{12})"
    r" (?P<problem>[\w=,.()+-]{1,600}) (?P<key>\w{1,32}-[0-9a-f]{12}) (?P<microseconds>\d{1,12}\.\d{1,6})"
    r" # (?P<words>[ -~]{0,300})",
    re.ASCII,
)
ANY_LINE = re.compile(r"v\d{1,4}( [!-~]{1,600}){4,12} # [ -~]{0,300}", re.ASCII)  # of whichever version
FASTEST = "speed"  # the objective of all that is timed
Question = tuple[str, str, str, str, str]  # target, weights, accuracy, compiler, problem


@dataclass(frozen=True)
class Entry:
    """One line: for this question the plan of that key was the fastest; `words` are for people."""

    target: str
    weights: str
    accuracy: str
    compiler: str
    problem: str
    key: str
    microseconds: float
    words: str

    @property
    def question(self) -> Question:
        return self.target, self.weights, self.accuracy, self.compiler, self.problem

    def __str__(self) -> str:
        return f"{VERSION} {' '.join(self.question)} {self.key} {self.microseconds:.3f} # {self.words}"

    @classmethod
    def of(cls, line: str) -> Entry | None:
        """The entry of a line, None for any other text."""
        found = LINE.fullmatch(line)
        if not found:
            return None
        return cls(**{**found.groupdict(), "microseconds": float(found["microseconds"])})  # type: ignore[arg-type]  # a float among the words


def path() -> Path:
    """The user's wisdom: GENCONV_WISDOM, or `wisdom` in the cache's folder. Raises OSError where there is no home."""
    value = _chosen()
    return ownership.named(value, "GENCONV_WISDOM") if value else cache.root() / "wisdom"


def recall(request: Request, compiler: Compiler | None, file: Path | None = None) -> Entry | None:
    """What `file` (the user's own by default) knows of the request, None if nothing; raises nothing.

    It is of the fastest plans alone. Without a compiler the latest word on any compiler's code counts: emitted files
    may meet every one.
    """
    if request.ask.objective != FASTEST:
        return None
    known = _known(file)
    if compiler is not None:
        return known.get(_question(request, compiler))
    target, weights, accuracy, _, problem = _question(request, None)
    for (t, w, a, _, p), entry in reversed(known.items()):
        if (t, w, a, p) == (target, weights, accuracy, problem):
            return entry
    return None


def remember(
    request: Request, compiler: Compiler, plan: KernelPlan, seconds: float, words: str, file: Path | None = None
) -> None:
    """Add the answer to a request to `file`, the user's own by default. Raises UsageError."""
    words = "".join(c if " " <= c <= "~" else "?" for c in words)[:300]
    _write(file or _own(), [Entry(*_question(request, compiler), plan.key, seconds * 1e6, words)])


def export_to(target: str | os.PathLike[str]) -> int:
    """Write all of the user's wisdom into a new file `target`; returns the number of entries. Raises UsageError."""
    entries = _known(None).values()
    _replace(Path(target), entries)
    return len(entries)


def import_from(source: str | os.PathLike[str]) -> int:
    """Add a file's entries to the user's wisdom, before its own in case of doubt; returns their number.

    Raises UsageError for a file that cannot be read and for one without any entry of any version.
    """
    others, entries = strays(source), _read(Path(source))
    if not entries and not others:
        raise _no_wisdom(Path(source))
    _write(_own(), entries)
    return len(entries)


def strays(file: str | os.PathLike[str]) -> int:
    """The number of lines in a file of wisdom that are no entry and no remark: torn, foreign or of another version.

    Raises UsageError for a file that cannot be read, and for one that holds other text and no entry of any version:
    whoever named it meant another one.
    """
    file = Path(file)
    try:
        lines = [line for line in _lines(file) if line.strip()]
    except OSError as error:
        raise UsageError(f"cannot read wisdom from `{file}`: {error.strerror or error}") from None
    others = [line for line in lines if Entry.of(line) is None]
    if lines and not any(map(ANY_LINE.fullmatch, lines)):
        raise _no_wisdom(file)
    return sum(not line.startswith("#") for line in others)


def _no_wisdom(file: Path) -> UsageError:
    return UsageError(f"`{file}` holds no wisdom: expected lines that begin with `{VERSION}`, as export_to writes them")


def forget() -> None:
    """Remove the user's wisdom."""
    with suppress(OSError):
        path().unlink()


def asked(problem: Problem) -> str:
    """The problem in one word: its sizes, and what is not as usual. The names are wisdom's own, not those of fields."""
    if isinstance(problem, Chain):
        return _stage_by_stage(problem)
    return _sizes(problem)


def _stage_by_stage(chain: Chain) -> str:
    """The sizes of both where the chain is one sum; else those of each stage, or their hash where they are many."""
    each, *_, last = chain.stages
    if chain.mixes_channels:
        both = replace(each, filters=last.filters, groups=1, epilogue=last.epilogue)
        return _sizes(both, depth_multiplier=each.group_filters)
    told = "+".join(f"({_sizes(stage)})" for stage in chain.stages)
    return told if len(told) <= MOST_TOLD else f"chain={hashlib.sha256(told.encode()).hexdigest()}"


def _sizes(p: ConvProblem, depth_multiplier: int = 0) -> str:
    sizes = {"steps": p.steps, "channels": p.channels, "filters": p.filters, "kernel_size": p.kernel_size}
    others: dict[str, tuple[object, object]] = {  # (is, usually)
        "stride": (p.stride, 1),
        "dilation": (p.dilation, 1),
        "groups": (p.groups, 1),
        "pad_left": (p.pad_left, 0),
        "pad_right": (p.pad_right, 0),
        "centred": (p.centred, False),
        "up": (p.up, 1),
        "depth_multiplier": (depth_multiplier, 0),
        "channels_last": (p.channels_last, True),
        "dtype": (p.dtype, "float32"),
        "zero": (p.zero, 0),
    }
    told = sizes | {name: value for name, (value, usual) in others.items() if value != usual}
    absent = [stage for stage in BIASED.stages if stage not in p.epilogue.stages]
    told |= {stage.name: False for stage in absent}
    told |= {stage.name: stage.values for stage in p.epilogue.stages if stage not in BIASED.stages}
    return ",".join(f"{name}={value}" for name, value in told.items()).replace(" ", "")


def _question(request: Request, compiler: Compiler | None) -> Question:
    """Baked weights lie as packed ones do: what is known of these serves those."""
    ask = request.ask.of_part()
    problem = asked(request.problem) + (f",storage={ask.numbers}" if ask.numbers != AS_COMPUTED else "")
    return ask.target.name, ask.weights, ask.accuracy, _mark(compiler), problem


def _mark(compiler: Compiler | None) -> str:
    """Who the compiler says that it is, and the arguments that it is given, as 12 hex digits; not where it lies."""
    told = () if compiler is None else (compiler.version, *compiler.command[1:])
    return hashlib.sha256("\0".join(told).encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _chosen() -> str:
    """The file that the user has named, empty for none: that may be whose it will, the cache's must be ours alone."""
    return os.environ.get("GENCONV_WISDOM", "").strip()


def _own() -> Path:
    try:
        if not _chosen():
            ownership.safe_folder(cache.root(), "GENCONV_CACHE_DIR")
        return path()
    except OSError as error:
        raise UsageError(f"there is no place for wisdom: {error}; or name a file in GENCONV_WISDOM") from None


def _default(file: Path) -> bool:
    """Whether the file's name is nobody's choice, so that what lies there is ours to replace."""
    with suppress(OSError):
        return file == cache.root() / "wisdom"
    return False


def _known(file: Path | None) -> dict[Question, Entry]:
    """The entries of a file by their question; nothing of one that is absent, unreadable or no file."""
    with suppress(OSError):
        if file is None and not _chosen() and not ownership.is_own(path()):
            return {}
        file = path() if file is None else file
        status = file.stat()
        return _parsed(file, status.st_mtime_ns, status.st_size, status.st_ino)
    return {}


@lru_cache(maxsize=4)
def _parsed(file: Path, *_state: int) -> dict[Question, Entry]:
    """Read once for each state of the file; not to be changed."""
    return {entry.question: entry for entry in _read(file)}


def _read(file: Path) -> list[Entry]:
    """The entries in a file's order. Raises OSError."""
    return [entry for entry in map(Entry.of, _lines(file)) if entry]


def _lines(file: Path) -> list[str]:
    """Raises OSError, for what is no regular file too: reading a FIFO may never end."""
    if file.exists() and not file.is_file():
        raise OSError("it is no file that can be read to its end")
    with open(file, "rb") as stream:
        return stream.read(MOST_BYTES).decode("utf-8", "replace").splitlines()


def _write(file: Path, added: Iterable[Entry]) -> None:
    """Add entries, each in the place of an older answer. Two writers at once may lose one's: it is measured again.

    Raises UsageError for a file that a person named and that is no wisdom: it stays as it is.
    """
    if file.exists() and not _default(file):
        strays(file)
    entries = dict(_known(file))
    for entry in added:
        entries.pop(entry.question, None)
        entries[entry.question] = entry
    _replace(file, list(entries.values())[-MOST_ENTRIES:])


def _replace(file: Path, entries: Iterable[Entry]) -> None:
    """The whole file anew, under another name first. Raises UsageError, for a FIFO or a device in its place too."""
    files.state(file, b"")
    data = "".join(f"{entry}\n" for entry in entries).encode()
    temporary = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(suffix=".tmp", dir=file.parent)
        with open(descriptor, "wb") as stream:
            stream.write(data)
        os.replace(temporary, ownership.followed(file))
    except OSError as error:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)
        raise UsageError(f"cannot write wisdom to `{file}`: {error.strerror or error}") from None

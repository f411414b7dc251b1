"""Files that gen-conv emitted, known by the banner at their head: whose they are, and how they were asked for.

The C names no path, so that a spec gives the same bytes wherever it lies: a file tells its layer, never its spec.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from codegen.errors import UsageError
from codegen.machine.files import State, state, write_all
from codegen.records import dataclass

__all__ = ["Head", "hold_distinct", "hold_foreign", "left_over", "reasons", "unasked", "write"]

WRITTEN = b"written by gen-conv"
HEAD_BYTES = 1 << 14  # more than a banner has
KINDS = ("*.c", "*.h", "*.S")
SHOWN = 3  # reasons, and files of an error
FURTHER = ("_backward", "_test", "_causal")  # files of a layer
_BANNER = re.compile(r"/\*\r?\n(.*?)^ \*/", re.S | re.M)
_FIRST = re.compile(r"(\w+): .*\bwritten by gen-conv (\S+)\.")
_PARAMETER = re.compile(r"    (\w+) = (.*)")
_FACTS = (
    *("computes", "stream", "forward", "algorithm", "input", "kernel", "work", "sums", "rounding", "memory", "size"),
    *("holds", "flash", "RAM", "executes", "cycles", "floats", "build"),
)
_FACT = re.compile(rf"({'|'.join(_FACTS)}) {{2,}}(\S.*)")


@dataclass(frozen=True)
class Head:
    """What the banner of a file says: `layer` is NAME, or NAME_backward and so on for its further files."""

    layer: str
    version: str
    parameters: Mapping[str, str]
    facts: Mapping[str, str]
    sliced: bool

    @classmethod
    def of(cls, data: bytes) -> Head | None:
        """The head of a file's bytes; None for a file that gen-conv did not write."""
        text = data.decode("utf-8", "replace")
        found = _BANNER.match(text[:HEAD_BYTES])
        lines = [line.removeprefix(" *").removeprefix(" ") for line in found[1].splitlines()] if found else []
        facts: dict[str, str] = {}
        parameters: dict[str, str] = {}
        first, place, key = "", facts, ""
        for line in lines:
            if fact := _FACT.fullmatch(line):
                place, key = facts, fact[1]
                facts[key] = fact[2]
            elif parameter := _PARAMETER.fullmatch(line):
                place, key = parameters, parameter[1]
                parameters[key] = parameter[2]
            elif key and line.strip():  # a long line was folded
                place[key] += f" {line.strip()}"
            elif line.strip():
                first += f" {line.strip()}"
        named = _FIRST.match(first.strip())
        return cls(named[1], named[2], parameters, facts, f"{named[1]}_slice(" in text) if named else None

    @property
    def options(self) -> str:
        """The options of the command that the text shows to have been given, as they are written there."""
        from codegen.problem.targets import TARGETS

        memory, how = self.facts.get("memory", ""), self.facts.get("algorithm") or self.facts.get("input", "")
        target, half = re.search(rf"\bfor ({'|'.join(TARGETS)})\b", how), re.search(r"the kernel's are (\w+)", memory)
        given = {
            f"--target {target[1]}" if target else "": target is not None,
            "--weights FILE or --init": "(const tables" in memory,
            "--packed": "as packed" in memory,
            f"--storage {half[1]}" if half else "": half is not None,
            "--accuracy fast or wide": "direct's rounding error" in how,
            "--optimize size": "the fewest of all plans" in self.facts.get("size", ""),
            "--sliced": self.sliced,
            "--measured": "executes" in self.facts,
            "--stream": "stream" in self.facts,
        }
        return " ".join(option for option, was in given.items() if was)


def reasons(old: bytes, new: bytes) -> str:
    """Why a file on disk is not what this run makes of its layer, in words."""
    before, now = Head.of(old), Head.of(new)
    if before is None or now is None:
        return "not written by gen-conv"
    found = list(_differences(before, now))
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    same = "the head is the same: other weights, or edited by hand; --diff shows where"
    return "; ".join(found[:SHOWN]) + more if found else same


def _differences(before: Head, now: Head) -> Iterator[str]:
    if before.version != now.version:
        yield f"written by gen-conv {before.version}, this is {now.version}"
    if before.options != now.options:
        yield f"made with {before.options}, now {now.options}"
    for name in {**before.parameters, **now.parameters}:
        old, new = (head.parameters.get(name, "not given") for head in (before, now))
        if old != new:
            yield f"{name} = {old}, now {new}"
    if before.parameters == now.parameters and before.options == now.options:
        for fact, told in before.facts.items():
            if told != now.facts.get(fact):
                yield f"{fact}: {told}, now {now.facts.get(fact, 'nothing')} (--accuracy and --wisdom choose the plan)"
                return


def hold_distinct(names: Iterable[str]) -> None:
    """Raises UsageError for two texts of one file name; case does not tell two files apart everywhere."""
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            raise UsageError(f"two layers would be written to `{name}`: rename one of them")
        seen.add(name.casefold())


def write(files: Sequence[tuple[Path, bytes]], *, force: bool = False) -> list[State]:
    """Write each file whose bytes differ, all or none, and say what was found before.

    Raises UsageError where a file would be replaced that gen-conv did not write, unless `force` says so, and for what
    is no file.
    """
    for path, data in files:
        state(path, data)  # raises for what is no file
    if not force:
        hold_foreign(files)
    return write_all(files)


def hold_foreign(files: Sequence[tuple[Path, bytes]]) -> None:
    """Raises UsageError where a file that gen-conv did not write would be replaced; an empty one holds nothing."""
    foreign = []
    for path, data in files:
        old = path.read_bytes() if path.is_file() else b""
        if old.strip() and old != data and Head.of(old) is None and not _ours(path, old):
            foreign.append(f"`{path}`")
    if foreign:
        more = f" and {len(foreign) - SHOWN} more" if foreign[SHOWN:] else ""
        told = f"{', '.join(foreign[:SHOWN])}{more}: not written by gen-conv, so not overwritten"
        raise UsageError(f"{told}; choose another folder with -o, another name for the layer, or say --force")


def _ours(path: Path, data: bytes) -> bool:
    """Whether a build system's file says that gen-conv wrote it."""
    return path.suffix not in (".c", ".h", ".S") and WRITTEN in data[:HEAD_BYTES]


def left_over(folder: Path, layers: Collection[str]) -> list[Path]:
    """The files that gen-conv wrote into `folder` for layers that are none of `layers`."""
    return [path for path, layer in _written(folder) if not _owners(layer) & set(layers)]


def unasked(folder: Path, layers: Collection[str], asked: Collection[Path]) -> list[Path]:
    """The files that gen-conv wrote into `folder` for `layers`, but for those that are asked for: gradients."""
    written = [path for path, layer in _written(folder) if _owners(layer) & set(layers)]
    return [path for path in written if path not in asked]


def _written(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each file in `folder` that gen-conv wrote, and whose it is as its head says; what cannot be read is passed by."""
    for path in sorted(path for kind in KINDS for path in folder.glob(kind)):
        head = None
        with suppress(OSError):
            if path.is_file():
                with open(path, "rb") as file:
                    head = Head.of(file.read(HEAD_BYTES))
        if head and head.layer == path.stem:
            yield path, head.layer


def _owners(layer: str) -> set[str]:
    """The layers whose file may be called so."""
    return {layer, *(layer.removesuffix(word) for word in FURTHER)}

"""Diagnostics: every error code's rule, with a wrong and a right example and where the rule comes from.

The words are in grammar/errors.toml; `gen-conv explain` and docs/errors.md print them, and a test reads each example.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from codegen.installed import folder
from codegen.records import dataclass

__all__ = ["CODES", "Explanation"]

_MANY = "{…}"


@dataclass(frozen=True)
class Explanation:
    """A code's entry. `wrong` is as a page shows it; `wrong_text` as a file holds it, with nothing left out."""

    code: str
    title: str
    rule: str
    wrong: str
    wrong_text: bytes
    right: str
    source: str
    strict_keras: bool
    baked: bool

    def explanation(self) -> str:
        """The page of `gen-conv explain`."""
        examples = f"Wrong:\n\n{_indented(self.wrong)}\n\nRight:\n\n{_indented(self.right)}"
        return f"{self.code}: {self.title}\n\n{self.rule}\n\n{examples}\n\nFrom: {self.source}"


class Codes(Mapping[str, Explanation]):
    """The catalogue by code, in the order of the codes; read when it is first asked."""

    def __getitem__(self, code: str) -> Explanation:
        return _catalogue()[code]

    def __iter__(self) -> Iterator[str]:
        return iter(_catalogue())

    def __len__(self) -> int:
        return len(_catalogue())


CODES: Mapping[str, Explanation] = Codes()


@cache
def _catalogue() -> dict[str, Explanation]:
    import tomllib

    entries = tomllib.loads((folder("grammar") / "errors.toml").read_text(encoding="utf-8"))
    return {code: _entry(code, entry) for code, entry in sorted(entries.items())}


def _entry(code: str, entry: dict[str, Any]) -> Explanation:
    """`repeat` and `times` say what stands for {…} in a wrong example that is too long to print."""
    repeat, times = entry.get("repeat", ""), entry.get("times", 0)
    return Explanation(
        code=code,
        title=entry["title"],
        rule=" ".join(entry["rule"].split()),
        wrong=entry["wrong"].strip().replace(_MANY, repeat * 3 + "…"),
        wrong_text=entry["wrong"].replace(_MANY, repeat * times).encode(entry.get("encoding", "utf-8")),
        right=entry["right"].strip(),
        source=entry["source"],
        strict_keras=entry.get("strict_keras", False),
        baked=entry.get("baked", False),
    )


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())

"""Writes docs/errors.md from the catalogue of error codes: `python docs/write_errors.py`."""

from __future__ import annotations

from pathlib import Path

from codegen.errors.catalogue import CODES
from codegen.errors.source import visible

HEAD = """\
# Error codes

One run reports everything that is wrong in a file, each error with a code. `gen-conv explain CODE` prints the same.
This page is written by `docs/write_errors.py`; a test holds it to the code, and every example to what it says.
"""


def page() -> str:
    """The page: a table of contents, then each code's rule, examples and source."""
    rows = "\n".join(f"| [{entry.code}](#{entry.code.lower()}) | {entry.title} |" for entry in CODES.values())
    parts = [HEAD, f"| code | what |\n|---|---|\n{rows}\n"]
    for entry in CODES.values():
        parts.append(
            f"## {entry.code}\n\n**{entry.title[0].upper()}{entry.title[1:]}.** {entry.rule}\n\n"
            f"Wrong:\n\n```text\n{shown(entry.wrong)}\n```\n\n"
            f"Right:\n\n```conv\n{entry.right}\n```\n\n"
            f"From: {entry.source}\n"
        )
    return "\n".join(parts)


def shown(text: str) -> str:
    """`text` with what no page should hold escaped: control characters, bidi overrides."""
    return "\n".join(map(visible, text.split("\n")))


if __name__ == "__main__":
    Path(__file__).with_name("errors.md").write_text(page(), encoding="utf-8")

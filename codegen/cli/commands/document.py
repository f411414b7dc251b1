"""The JSON document of `--json`: one envelope for every command. docs/json.md holds its schema.

A field may be added under the same `schema` number; one that goes away or changes its meaning raises it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from codegen.errors import Diagnostic, GenConvError, SpecError, SpecErrors

__all__ = ["SCHEMA", "text"]

SCHEMA = 1


def text(command: str, code: int, failure: GenConvError | None, report: Mapping[str, Any]) -> str:
    """One document, with a final newline; `report` is what the command itself told."""
    from codegen import __version__

    envelope = {
        "schema": SCHEMA,
        "command": command,
        "version": __version__,
        "ok": code == 0,
        "exit_code": code,
        "errors": [] if failure is None else errors(failure),
    }
    return json.dumps({**envelope, **report}, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def errors(failure: GenConvError) -> list[dict[str, Any]]:
    """Each thing wrong, with its place where it has one."""
    if isinstance(failure, SpecError):
        failure = SpecErrors([Diagnostic.of(failure)])
    if not isinstance(failure, SpecErrors):
        return [{"kind": type(failure).__name__, "code": None, "message": str(failure)}]
    return [
        {
            "kind": "SpecError",
            "code": item.code,
            "message": item.message,
            "hint": item.hint,
            "field": item.field,
            "file": item.file,
            "line": item.line,
            "column": item.column,
        }
        for item in failure.diagnostics
    ]

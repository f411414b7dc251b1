"""Where the templates and the grammar lie: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder `name` (templates, grammar) of the installed package or of the checkout around it."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name

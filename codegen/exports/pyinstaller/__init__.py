"""For PyInstaller, which finds its hook here by an entry point: a program that is frozen takes the package along."""

from __future__ import annotations

from pathlib import Path

__all__ = ["hook_dirs"]


def hook_dirs() -> list[str]:
    """The folder of the hook."""
    return [str(Path(__file__).resolve().parent)]

"""`gen-conv doctor`: the compiler, the target and the cache that this machine offers, in under a second."""

from __future__ import annotations

import argparse
import dataclasses
import platform
from pathlib import PurePath
from typing import Any

from codegen.cli.terminal import Terminal
from codegen.errors import UsageError

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document (docs/json.md) and nothing else")


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    """Print what was found; 3 where no compiler was, as then nothing can be compiled."""
    from codegen.machine import cache, compilers

    compiler = compilers.describe()
    report = {
        "versions": versions(),
        "target": target(),
        "compiler": plain(dataclasses.asdict(compiler)),
        "cache": plain(dataclasses.asdict(cache.describe())) | {"wisdom": wisdom_told()},
    }
    terminal.report.update(report)
    for heading, values in report.items():
        terminal.result(heading)
        terminal.result("\n".join(f"  {name:<12} {said(value)}" for name, value in values.items()))
    return 0 if compiler.path else 3


def versions() -> dict[str, str]:
    """gen-conv's own version and those of what it stands on, without importing any of it."""
    from importlib.metadata import PackageNotFoundError, version

    from codegen import __version__

    found = {"gen-conv": __version__, "python": platform.python_version(), "system": platform.platform()}
    for package in ("numpy", "cffi", "jinja2"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def target() -> dict[str, Any]:
    from codegen.problem.targets import TARGETS, native, runs_here

    here = [one.name for one in TARGETS.values() if runs_here(one)]
    return {"native": native().name, "run here": here, "emit only": [name for name in TARGETS if name not in here]}


def wisdom_told() -> str:
    """The user's file of wisdom, and whether it is any."""
    from codegen.machine import wisdom

    try:
        path = wisdom.path()
        if not path.exists():
            return f"none yet at {path}"
        strays = wisdom.strays(path)
    except UsageError as error:
        return str(error)
    except OSError as error:
        return f"no place for it: {error}"
    return f"{path}" + (f", {strays} lines of no use in it" if strays else "")


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """The same with paths as text."""
    return {name: str(value) if isinstance(value, PurePath) else value for name, value in values.items()}


def said(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)

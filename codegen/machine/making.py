"""A plan → its compiled library: from the cache or a compiler, opened, proved when new; of plans of every kind."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

from codegen import __version__
from codegen.errors import ToolchainError
from codegen.machine import cache, compilers, linking, plan_index
from codegen.problem.targets import Target, runs_here
from codegen.records import dataclass

__all__ = ["Making", "compiled", "known", "loaded"]

Made = TypeVar("Made")


@dataclass(frozen=True)
class Making(Generic[Made]):
    """What it takes to make a plan's library: its C text, when needed, and the proof of a fresh one.

    `open(plan, path, library, threads)` is what is made of an opened library, whose function is `entry`. `alone` says
    that nothing else, no NumPy, can do its work.
    """

    plan: Any
    text: Callable[[], str]
    prove: Callable[[Made, compilers.Compiler], None]
    open: Callable[[Any, Path, Any, int], Made]
    entry: str = "genconv_run_v1"
    alone: bool = False


Try = Callable[[Making[Made], compilers.Compiler, int], Made]  # with a compiler, for so many threads


def loaded(making: Making[Made], target: Target, threads: int, attempt: Try[Made]) -> Made | None:
    """What `attempt` makes with the first compiler that can; else None, with one warning.

    Raises ToolchainError if this CPU lacks what the target needs, if the compiler that the user configured fails, or if
    all do and nothing else can do the work.
    """
    if not runs_here(target):
        needs = ", ".join(target.cpu or target.machines)
        raise ToolchainError(f'this CPU cannot run `{target.name}` code, which needs {needs}; target="native" fits it')
    why = "no C compiler was found; install gcc or clang, or `pip install gen-conv[zig]`"
    for compiler in compilers.chain():
        try:
            return attempt(making, compiler, threads if threads > 1 and making.plan.sliced else 1)
        except ToolchainError as error:
            if compiler.configured and compiler.way_out not in str(error):
                raise ToolchainError(f"{error}{compiler.way_out}") from error
            if compiler.configured:
                raise
            why = str(error)
        except OSError as error:
            why = f"no folder for compiled code can be had: {error}"
            break
    if making.alone:
        raise ToolchainError(why)
    cache.warn_once(f"layers run in NumPy, slowly, as {why}")
    return None


def known(making: Making[Made], compiler: compilers.Compiler, threads: int) -> Made:
    """The library that the plan's alias names, without its text; else from the text, whose entry is then named."""
    name = plan_index.name(*_made_by(making, compiler), repr(making.plan))
    if name:
        with suppress(OSError), cache.folder() as place:
            key = plan_index.recall(name, place)
            found = cache.find(place, _recipe(key, making, compiler, threads)) if key else None
            if found:
                return making.open(making.plan, *found, threads)
    path, library = _fetched(making, compiler, threads)
    if name:
        plan_index.remember(name, path)
    return making.open(making.plan, path, library, threads)


def compiled(making: Making[Made], compiler: compilers.Compiler, threads: int) -> Made:
    """The library from the cache or from `compiler`. Raises ToolchainError, or OSError where nothing can be written."""
    return making.open(making.plan, *_fetched(making, compiler, threads), threads)


def _fetched(making: Making[Made], compiler: compilers.Compiler, threads: int) -> tuple[Path, Any]:
    """Its file, and the same opened."""
    key = hashlib.sha256("\0".join((*_made_by(making, compiler), making.text())).encode()).hexdigest()
    return cache.fetch(_recipe(key, making, compiler, threads))


def _made_by(making: Making[Made], compiler: compilers.Compiler) -> tuple[str, ...]:
    """All but the text that a library depends on."""
    target = making.plan.target
    return (__version__, target.name, compiler.identity, *compiler.flags(target))


def _recipe(key: str, making: Making[Made], compiler: compilers.Compiler, threads: int) -> cache.Recipe[Any]:
    plan = making.plan

    def check(opened: Any) -> None:
        with linking.same_arithmetic(compiler):
            making.prove(making.open(plan, Path(), opened, threads), compiler)

    return cache.Recipe(
        key,
        plan.target.name,
        build=lambda: compiler.shared(making.text(), plan.target),
        open=lambda path: linking.opened(path, compiler, making.entry),
        check=check,
    )

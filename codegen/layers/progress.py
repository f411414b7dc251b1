"""Progress: a bar on standard error for work that takes seconds, gone when it is done; in a log one line at the end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def bar(
    title: str, total: int, wanted: bool | None = None, stream: TextIO | None = None
) -> Iterator[Callable[[int], None]]:
    """A function that takes how many of `total` are done. `wanted` None: where the stream is a terminal."""
    stream = stream or sys.stderr
    if wanted is False or (wanted is None and not (stream is not None and stream.isatty())):
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=stream)
    with Progress(console=console, transient=console.is_terminal) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done: progress.update(task, completed=done)

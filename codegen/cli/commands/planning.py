"""How the plans of a command are chosen: the accuracy class, a file of wisdom, and whether to measure for it."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from codegen.cli.terminal import Terminal
from codegen.errors import ToolchainError, UsageError

if TYPE_CHECKING:
    from codegen.machine.measure import Tell
    from codegen.planning.ask import Accuracy, Ask, Objective, Rigor, Stream
    from codegen.specs.kinds import Spec

__all__ = [
    "arguments",
    "asked",
    "asks_for",
    "of_accuracy",
    "of_limits",
    "of_objective",
    "of_rigor",
    "of_storage",
    "of_stream",
    "stream_asked",
    "wisdom_for",
]

MOST_DIGITS = 12


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `generate` and `show` have."""
    of_accuracy(parser)
    of_storage(parser)
    of_objective(parser)
    of_rigor(parser)
    of_limits(parser)
    parser.add_argument("--wisdom", type=Path, metavar="FILE", help="take the plans that this file of wisdom names")
    parser.add_argument("--packed", action="store_true", help="kernels as an emitted NAME_pack lays them out: faster")


def of_stream(parser: argparse.ArgumentParser) -> None:
    """What `generate` and `show` have for input that comes in blocks."""
    parser.add_argument("--stream", action="store_true", help="for input in blocks: NAME_process, NAME_flush, a state")
    parser.add_argument("--block", type=int, metavar="N", help="with --stream: the steps of most blocks (64)")
    parser.add_argument(
        "--clock", metavar="C", help="with --stream: count, or rate: outputs at the input's rate (count)"
    )


def stream_asked(options: argparse.Namespace) -> Stream | None:
    """What the options say of blocks; None where none are asked for. Raises UsageError."""
    from codegen.planning.ask import Stream

    given = {name: getattr(options, name) for name in ("block", "clock") if getattr(options, name) is not None}
    if given and not options.stream:
        raise UsageError(f"--{next(iter(given))} says how a stream is cut: say --stream, too")
    return Stream(**given) if options.stream else None


def asks_for(options: argparse.Namespace, specs: Sequence[Spec], baked: Collection[str]) -> list[Ask]:
    """What is asked for each layer, whose weights are known (its name is in `baked`), packed or plain arguments."""
    if options.packed and baked:
        raise UsageError("--packed is for kernels that are arguments: leave it out with --weights or --init")
    ask = asked(options)
    return [replace(ask, weights="baked") if spec.name in baked else ask for spec in specs]


def asked(options: argparse.Namespace, target: str = "") -> Ask:
    """What the options ask for, for `target` or theirs; a command that has not all of them leaves the rest as usual."""
    from codegen.planning.ask import PLAIN, Ask, Limits
    from codegen.problem.targets import target_named

    given = vars(options)
    return Ask(
        target_named(target or options.target),
        "packed" if given.get("packed") else "argument",
        options.accuracy,
        given.get("storage", PLAIN.numbers),
        given.get("optimize", PLAIN.objective),
        Limits(given.get("max_flash"), given.get("max_ram")),
        sliced=given.get("sliced", False),
        apart=bool(given.get("amalgamate")),
    )


def of_accuracy(parser: argparse.ArgumentParser, default: str = "exact") -> None:
    parser.add_argument(
        "--accuracy",
        type=accuracy,
        default=default,
        metavar="CLASS",
        help=f"exact, fast or wide: what rounding an algorithm may show (default: {default})",
    )


def of_storage(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--storage",
        type=storage,
        default="float32",
        metavar="S",
        help="float16 or bfloat16: kernels in half the bytes, sums in float32 (default: float32, as computed with)",
    )


def of_objective(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--optimize",
        type=objective,
        default="speed",
        metavar="WHAT",
        help="speed, or size: the fewest bytes of code and memory, by the estimates (default: speed)",
    )


def of_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-flash", type=count_of_bytes, metavar="N", help="bytes of code and tables, or 16K, at most"
    )
    parser.add_argument("--max-ram", type=count_of_bytes, metavar="N", help="bytes of workspace and stack, at most")


def count_of_bytes(text: str) -> int:
    """A whole number of bytes, or of KiB with a K behind it."""
    digits, k = text.removesuffix("K").removesuffix("k"), text[-1:] in ("K", "k")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > MOST_DIGITS:
        raise argparse.ArgumentTypeError(f"`{text}` is no number of bytes: expected one such as 16384 or 16K")
    return int(digits) * (1024 if k else 1)


def of_rigor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rigor",
        type=rigor,
        default="estimate",
        metavar="R",
        help="estimate, or measure: time the best few plans once and keep the fastest as wisdom (default: estimate)",
    )


def accuracy(text: str) -> Accuracy:
    from codegen.planning.ask import accuracy_named

    return accuracy_named(text)


def objective(text: str) -> Objective:
    from codegen.planning.ask import objective_named

    return objective_named(text)


def storage(text: str) -> str:
    from codegen.numbers.storage import checked

    return checked(text)


def rigor(text: str) -> Rigor:
    from codegen.planning.ask import rigor_named

    return rigor_named(text)


def wisdom_for(
    options: argparse.Namespace, specs: Sequence[Spec], asks: Sequence[Ask], terminal: Terminal
) -> Path | None:
    """The file of wisdom to follow, None for none; with --rigor measure it answers for each layer in the end."""
    known: Path | None = options.wisdom
    if options.rigor == "measure" and options.optimize == "size":
        raise UsageError("--rigor measure finds the fastest plan: leave it out with --optimize size")
    if known is not None and known.exists():
        _hold_wisdom(known, terminal)
    if options.rigor == "measure":
        return _measured(known, specs, asks, terminal)
    if known is not None and not known.exists():
        raise UsageError(f"no file `{known}`: --rigor measure writes one, and so does codegen.wisdom.export_to")
    return known


def _hold_wisdom(file: Path, terminal: Terminal) -> None:
    """Raises UsageError for a file that is no wisdom; tells of the lines that are passed over."""
    from codegen.machine import wisdom

    if count := wisdom.strays(file):
        lines = "1 line holds" if count == 1 else f"{count:,} lines hold"
        terminal.warn(f"`{file}`: {lines} no wisdom of this version, so passed over")


def _measured(known: Path | None, specs: Sequence[Spec], asks: Sequence[Ask], terminal: Terminal) -> Path:
    if known is None:
        raise UsageError("--rigor measure keeps what it finds: name the file, --wisdom FILE")
    from codegen import pipeline
    from codegen.machine import compilers, measure

    if compilers.find() is None:
        raise ToolchainError("no C compiler was found, so nothing can be timed: `gen-conv doctor` has details")
    for spec, ask in zip(specs, asks, strict=True):
        with _progress(terminal) as tell:
            measure.choice(pipeline.request(spec, ask), "measure", known, tell)
    return known


@contextmanager
def _progress(terminal: Terminal) -> Iterator[Tell | None]:
    """A bar on a terminal, as a layer may take seconds; gone when it is done."""
    if terminal.quiet or not terminal.err.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(file=terminal.err), transient=True) as progress:
        task = progress.add_task("measuring")
        yield lambda what, done, turns: progress.update(task, description=what, completed=done, total=turns)

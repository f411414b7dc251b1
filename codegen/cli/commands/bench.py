"""`gen-conv bench`: our kernels and their peers on the same layers, in turns, in one run. docs/bench.md tells more."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codegen.cli.commands import planning
from codegen.cli.terminal import Terminal, coloured
from codegen.errors import UsageError

if TYPE_CHECKING:
    from codegen.bench.contest import Settings
    from codegen.bench.results import Report, Row

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "shapes", nargs="*", metavar="SHAPE", help="a letter A to S, a .conv file or FILE.conv:LAYER (default: A to S)"
    )
    parser.add_argument("--target", default="native", metavar="T", help="the target of our kernels (default: native)")
    parser.add_argument(
        "--peers", default="all", metavar="LIST", help="all, none, or a comma list; a wrong word lists them"
    )
    parser.add_argument(
        "--backward", action="store_true", help="the gradients, beside PyTorch's own (default shapes: A E H L N S)"
    )
    parser.add_argument(
        "--training",
        action="store_true",
        help="SGD steps, beside PyTorch's (default: training.conv and A E H L N S)",
    )
    parser.add_argument(
        "--int8", action="store_true", help="layers of int8, beside LiteRT's, ONNX Runtime's and OpenVINO's"
    )
    parser.add_argument(
        "--models", action="store_true", help="models whole and in blocks, beside PyTorch, ONNX Runtime, LiteRT"
    )
    parser.add_argument("--from", dest="tables", choices=("python", "c", "both"), default="both", help="which table")
    parser.add_argument("--rounds", type=_count, default=30, metavar="N", help="turns of each contestant (default: 30)")
    parser.add_argument(
        "--threads",
        type=_count,
        default=1,
        metavar="N",
        help="threads of each contestant (default: 1); from Python only",
    )
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu: leaves out what other processes take"
    )
    planning.of_accuracy(parser, default="fast")
    planning.of_objective(parser)
    planning.of_rigor(parser)
    _of_lengths(parser)
    _of_files(parser)


def _of_files(parser: argparse.ArgumentParser) -> None:
    """What is written beside the tables."""
    parser.add_argument("--json", metavar="FILE", help="write the results as JSON too")
    parser.add_argument("--picture", metavar="FILE", help="write an SVG of bars and a roofline too")


def _of_lengths(parser: argparse.ArgumentParser) -> None:
    """What the layers are timed on."""
    parser.add_argument("--batch", type=_count, metavar="N", help="samples a call (default: 1, for S 32)")
    parser.add_argument(
        "--data-format", choices=("channels_last", "channels_first"), help="turn every layer to this order of axes"
    )
    parser.add_argument(
        "--steps", type=_lengths, default=(), metavar="LIST", help="time each layer at these numbers of input steps"
    )
    parser.add_argument(
        "--free", action="store_true", help="our layers do not know their length (default: the layers of free.conv)"
    )
    parser.add_argument("--cold", action="store_true", help="empty the caches before each call")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1 << 16):
        raise argparse.ArgumentTypeError(f"`{text}`: expected a whole number from 1 to 65535")
    return int(text)


def _lengths(text: str) -> tuple[int, ...]:
    return tuple(map(_count, text.split(",")))


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    """Time, draw the tables, write the files."""
    _hold_places(options)
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(options.threads)  # read by the peers' own thread pools as they are loaded
    from codegen.bench import backward, case, contest, training
    from codegen.bench.whole import contest as whole

    settings = _settings(options)
    if options.models:
        from codegen.bench.models import contest as models

        return _shown(models.run(settings, lambda row: _tell(row, terminal)), options, terminal)
    shapes = options.shapes or (backward.TRAINING if options.backward else ())
    if options.free and not options.shapes:
        cases = list(case.free_lengths(options.data_format))
    elif options.training and not options.shapes:
        cases = list(training.shapes(options.data_format, options.batch))
    else:
        sizes: dict[str, Any] = {"data_format": options.data_format, "batch": options.batch, "steps": options.steps}
        cases = list(case.cases(shapes, **sizes, free=options.free))
    run_all = backward.run if options.backward else training.run if options.training else contest.run
    run_all = whole.run if options.int8 else run_all
    return _shown(run_all(cases, settings, lambda row: _tell(row, terminal)), options, terminal)


def _shown(report: Report, options: argparse.Namespace, terminal: Terminal) -> int:
    """Draw the tables, write the files."""
    from codegen.bench import table

    colour = coloured(terminal.out)
    terminal.result(table.text(report, width=_width(colour), colour=colour))
    _write(options, report)
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    from codegen.bench import contest, peers, results, timing
    from codegen.layers.how import How
    from codegen.problem.targets import runs_here, target_named

    target = target_named(options.target)
    if not runs_here(target):
        raise UsageError(f"this machine cannot run target `{target.name}`: `gen-conv doctor` lists those that it can")
    if options.backward and options.training:
        raise UsageError("--training times all of a step, --backward its gradients: leave one out")
    others = options.shapes or options.backward or options.training or options.int8 or options.free
    if options.models and (others or options.tables == "c" or options.threads > 1 or options.steps):
        raise UsageError("--models times its own models from Python in one thread: leave shapes and other tables out")
    if options.int8 and (options.backward or options.training or options.free or options.tables == "c"):
        raise UsageError("--int8 times calls from Python at a known length: leave the other tables and --free out")
    step = "--backward" if options.backward else "--training" if options.training else ""
    if step and (options.threads > 1 or options.tables == "c"):
        raise UsageError(f"{step} is of one thread, from Python: leave --threads and --from out")
    if step and (options.free or options.cold):
        raise UsageError(f"{step} has its own lengths and warm caches: leave --free and --cold out")
    if options.threads > 1:
        if options.tables == "c":
            raise UsageError("--from c is of one thread: its loop calls one kernel after another")
        options.tables = "python"
    return contest.Settings(
        how=How(target.name, options.accuracy, options.rigor, options.threads, optimize=options.optimize),
        peers=peers.chosen(options.peers),
        tables=results.TABLES if options.tables == "both" else (options.tables,),
        rounds=options.rounds,
        clock=timing.CLOCKS[options.clock],
        cold=options.cold,
    )


def _tell(row: Row, terminal: Terminal) -> None:
    """One line a row on standard error, as a run takes minutes."""
    if terminal.quiet:
        return
    against = "no peer" if row.ratio is None else f"{row.ratio:.2f} times as fast as {row.best}"
    terminal.err.write(f"{row.label} {row.layer} from {row.table}: {1e6 * row.ours:,.4g} µs, {against}\n")


def _width(colour: bool) -> int | None:
    import shutil

    return shutil.get_terminal_size().columns if colour else None


def _hold_places(options: argparse.Namespace) -> None:
    """Raises UsageError for a file that cannot be written, before minutes of work."""
    from codegen.machine import files

    for path in map(Path, filter(None, (options.json, options.picture))):
        files.state(path, b"")
        if not path.parent.is_dir():
            raise UsageError(f"cannot write `{path}`: there is no folder `{path.parent}`")


def _write(options: argparse.Namespace, report: Report) -> None:
    from codegen.bench import picture
    from codegen.cli.commands import document
    from codegen.machine import files

    texts = []
    if options.json:
        texts.append((Path(options.json), document.text("bench", 0, None, {"bench": report.document()}).encode()))
    if options.picture:
        texts.append((Path(options.picture), picture.draw(report.document()).encode()))
    files.write_all(texts)

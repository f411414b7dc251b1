"""The command `gen-conv`: argv to a command, and every way it can end to an exit code.

0 fine   1 the spec, or drift   2 usage   3 compiler or verification   70 a bug   130 Ctrl-C   141 a closed pipe
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import NoReturn

from codegen.commands import COMMANDS
from codegen.errors import GenConvError, UsageError
from codegen.terminal import Terminal

__all__ = ["main"]

BUG, INTERRUPTED, PIPE_CLOSED = 70, 130, 141
EPILOG = "commands (gen-conv COMMAND --help tells more; a file of such a name is ./show):\n" + "\n".join(
    f"  {name:9} {what}" for name, what in COMMANDS.items()
)
REPORT = """gen-conv: this is a bug in gen-conv, not in your file: {error}
Please report it with the command, the .conv file and the output of `gen-conv doctor`; -v shows the traceback."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `gen-conv` on `argv` (the process' own by default) and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path or a character that the locale cannot spell
    terminal = Terminal(
        sys.stdout,
        sys.stderr,
        verbose="-v" in arguments or "--verbose" in arguments,
        json="--json" in arguments and arguments[0] != "bench",  # whose --json names a file
    )
    try:
        code = _run(arguments, terminal)
        terminal.out.flush()
        return code
    except SystemExit as stop:  # argparse, after --help and --version
        return stop.code if isinstance(stop.code, int) else 0
    except KeyboardInterrupt:
        terminal.complain("gen-conv: interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _silence(terminal)
        return PIPE_CLOSED
    except Exception as error:  # the one place where the unexpected ends
        return _bug(error, terminal)


def _run(arguments: list[str], terminal: Terminal) -> int:
    """Parse and run; an expected error is drawn, or told in the JSON document."""
    name = arguments[0] if arguments[:1] and arguments[0] in COMMANDS else "generate"
    failure: GenConvError | None = None
    try:
        command = import_module(f"codegen.commands.{name}")
        options = _parser(name, command.arguments).parse_args(arguments[name in COMMANDS :])
        terminal.quiet = options.quiet
        code: int = command.run(options, terminal)
    except GenConvError as error:
        failure, code = error, error.exit_code
    if terminal.json:
        from codegen.commands import document

        terminal.out.write(document.text(name, code, failure, terminal.report))
    elif failure is not None:
        text = str(failure)
        terminal.complain(text if text.startswith("error[") else f"gen-conv: error: {text}")
    return code


class _Parser(argparse.ArgumentParser):
    """argparse that raises a UsageError where it would exit."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}\n{self.format_usage().rstrip()}")


def _parser(name: str, arguments: Callable[[argparse.ArgumentParser], None]) -> argparse.ArgumentParser:
    main_command = name == "generate"
    parser = _Parser(
        prog="gen-conv" if main_command else f"gen-conv {name}",
        description="Specialised C for exactly your convolution layers." if main_command else COMMANDS[name] + ".",
        epilog=EPILOG if main_command else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    arguments(parser)
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument("-q", "--quiet", action="store_true", help="print errors and what was asked for only")
    loudness.add_argument("-v", "--verbose", action="store_true", help="tell more, and show the traceback of a bug")
    return parser


def _bug(error: Exception, terminal: Terminal) -> int:
    with suppress(OSError):
        if terminal.verbose:
            import traceback

            terminal.err.write("".join(traceback.format_exception(error)))
        terminal.complain(REPORT.format(error=f"{type(error).__name__}: {error}"))
    return BUG


def _silence(terminal: Terminal) -> None:
    """The reader has gone: let the interpreter's last flush go nowhere instead of complaining."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), terminal.out.fileno())


if __name__ == "__main__":
    sys.exit(main())

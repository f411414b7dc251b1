"""The command `gen-conv`: argv to a command, and every way it can end to an exit code.

0 fine   1 the spec, or drift   2 usage   3 compiler or verification   70 a bug   130 Ctrl-C   141 a closed pipe
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from typing import NoReturn, TextIO, cast

from codegen.cli.commands import COMMANDS, MODULES
from codegen.cli.terminal import OutputError, ReaderGone, Stream, Terminal, hold_descriptors
from codegen.errors import GenConvError, SpecErrors, UsageError
from codegen.errors.suggest import closest, expected

__all__ = ["main"]

BUG, INTERRUPTED, PIPE_CLOSED = 70, 130, 141
EPILOG = "commands (gen-conv COMMAND --help has more; a file of such a name is ./show):\n" + "\n".join(
    f"  {name:9} {what}" for name, what in COMMANDS.items()
)
REPORT = """gen-conv: this is a bug in gen-conv, not in your file: {error}
Please report it with the command, the .conv file and the output of `gen-conv doctor`; -v shows the traceback."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `gen-conv` on `argv` (the process' own by default) and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    hold_descriptors()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path or a character that the locale cannot spell
    out, err = Stream(sys.stdout, results=True), Stream(sys.stderr, results=False)
    terminal = Terminal(
        cast(TextIO, out),
        cast(TextIO, err),
        verbose="-v" in arguments or "--verbose" in arguments,
        json="--json" in arguments and arguments[0] != "bench",  # whose --json names a file
    )
    try:
        with redirect_stdout(terminal.out):  # what argparse prints, too
            code = _run(arguments, terminal)
        out.flush()
        return code
    except KeyboardInterrupt:
        terminal.complain("gen-conv: interrupted")
        return INTERRUPTED
    except ReaderGone:
        return PIPE_CLOSED
    except OutputError as error:
        terminal.complain(f"gen-conv: error: {error}")
        return error.exit_code
    except Exception as error:  # the one place where the unexpected ends
        return _bug(error, terminal)
    finally:
        err.flush()


def _run(arguments: list[str], terminal: Terminal) -> int:
    """Parse and run; an expected error is drawn, or told in the JSON document."""
    failure: GenConvError | None = None
    name = "generate"
    try:
        name, arguments = _command(arguments)
        command = import_module(f"codegen.cli.commands.{MODULES.get(name, name)}")
        parser = _parser(name, command.arguments)
        if not arguments and name == "generate":
            terminal.err.write(parser.format_help())
            return UsageError.exit_code
        options = parser.parse(arguments)
        terminal.quiet = options.quiet
        code: int = command.run(options, terminal)
    except SystemExit as stop:  # argparse, after --help and --version
        return stop.code if isinstance(stop.code, int) else 0
    except OutputError:  # the one place to tell it is main's
        raise
    except GenConvError as error:
        failure, code = error, error.exit_code
    if terminal.json:
        from codegen.cli.commands import document

        terminal.out.write(document.text(name, code, failure, terminal.report))
    elif failure is not None:
        text = str(failure)
        terminal.complain(text if text.startswith("error[") else f"gen-conv: error: {text}")
        if isinstance(failure, SpecErrors):
            terminal.complain(f"\n{_closing(failure)}")
    return code


def _command(arguments: list[str]) -> tuple[str, list[str]]:
    """The command's name and the words behind it; `help` and `help COMMAND` are its --help."""
    first = arguments[0] if arguments else ""
    if first == "help":
        if arguments[1:2] and arguments[1] not in COMMANDS:
            raise UsageError(f"no command `{arguments[1]}`: {expected(arguments[1], COMMANDS)}")
        return (arguments[1], ["--help"]) if arguments[1:] else ("generate", ["--help"])
    return (first, arguments[1:]) if first in COMMANDS else ("generate", arguments)


def _closing(failure: SpecErrors) -> str:
    """How many errors there are, and where their rules are explained."""
    codes = list(dict.fromkeys(one.code for one in failure.diagnostics))
    count = len(failure.diagnostics)
    rule = f"`gen-conv explain {codes[0]}` explains {'the first' if codes[1:] else 'it'}"
    return f"gen-conv: {count} error{'s' * (count > 1)} ({', '.join(codes)}); {rule}"


class _Parser(argparse.ArgumentParser):
    """argparse that raises a UsageError where it would exit, and says which option was meant."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; `{self.prog} --help` lists the options")

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """The options, wherever they stand among the words."""
        options, unknown = self.parse_known_intermixed_args(arguments)
        if unknown:
            strays = [word for word in unknown if word.startswith("-")]  # what stands behind one may be its value
            self.error(", ".join(map(self._stray, strays)) if strays else f"unexpected argument `{unknown[0]}`")
        return options

    def _stray(self, word: str) -> str:
        known = {name.lstrip("-"): name for name in self._option_string_actions if name.startswith("--")}
        near = closest(word.partition("=")[0].lstrip("-"), known)
        return f"unknown option `{word}`" + (f" (did you mean `{known[near]}`?)" if near else "")


def _parser(name: str, arguments: Callable[[argparse.ArgumentParser], None]) -> _Parser:
    main_command = name == "generate"
    parser = _Parser(
        prog="gen-conv" if main_command else f"gen-conv {name}",
        description="Specialised C for exactly your convolution layers."
        if main_command
        else f"{COMMANDS[name][0].upper()}{COMMANDS[name][1:]}.",
        epilog=EPILOG if main_command else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    arguments(parser)
    loudness = parser.add_mutually_exclusive_group()
    loudness.add_argument("-q", "--quiet", action="store_true", help="print errors and what was asked for only")
    loudness.add_argument("-v", "--verbose", action="store_true", help="say more, and show the traceback of a bug")
    return parser


def _bug(error: Exception, terminal: Terminal) -> int:
    if terminal.verbose:
        import traceback

        terminal.err.write("".join(traceback.format_exception(error)))
    terminal.complain(REPORT.format(error=f"{type(error).__name__}: {error}"))
    return BUG


if __name__ == "__main__":
    sys.exit(main())

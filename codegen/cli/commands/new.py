"""`gen-conv new NAME`: a commented .conv file to start from; never over a file that is there."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from codegen.cli.terminal import Terminal
from codegen.errors import UsageError

__all__ = ["STARTER", "arguments", "run"]

STARTER = """\
# {name}.conv: what is computed. `gen-conv {name}.conv` writes build/{name}.c and build/{name}.h.

conv1d {name} {{
    input_shape   = (98, 40)        # (steps, channels) of one sample; None steps = any length
    filters       = 64              # output channels
    kernel_size   = 3
    strides       = 1
    dilation_rate = 1
    padding       = same            # valid, same, causal, or zeros on each side: (left, right)
    groups        = 1               # divides the channels and the filters
    activation    = relu            # linear, tanh, sigmoid, silu, gelu, leaky_relu(0.1), ...
    use_bias      = True
}}

# More than one layer? Each block is a layer; `let` names a value, `defaults` holds for the layers below it:
#
#     let width = 64
#     defaults {{ activation = relu }}
#
#     for d in (1, 2, 4) {{
#         conv1d dilated[d] {{ input_shape = (None, width), filters = width, kernel_size = 3, dilation_rate = d }}
#     }}
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    told = "the layer's name, a C identifier; the file is NAME.conv; or gen_conv.cmake, gen_conv.mk: for your build"
    parser.add_argument("name", metavar="NAME", help=told)
    parser.add_argument("--json", action="store_true", help="print one JSON document (docs/json.md) and nothing else")


def run(options: argparse.Namespace, terminal: Terminal) -> int:
    if Path(options.name).suffix in (".cmake", ".mk"):
        return _of_build(Path(options.name), terminal)
    path = Path(options.name if options.name.endswith(".conv") else f"{options.name}.conv")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", path.stem):
        raise UsageError(f"`{path.stem}` cannot name a layer: expected letters, digits and _, a letter first")
    text = STARTER.format(name=path.stem)
    _check(text, path)
    _write(path, text)
    terminal.say(f"wrote {path}; `gen-conv {path}` makes C of it")
    terminal.report["path"] = str(path)
    return 0


def _of_build(path: Path, terminal: Terminal) -> int:
    """A file for CMake or Make. Raises UsageError for another name."""
    from codegen import exports

    if path.name not in exports.BUILD_FILES:
        raise UsageError(f"no file `{path.name}` for builds: there are {' and '.join(exports.BUILD_FILES)}")
    _write(path, exports.build_file(path.name))
    terminal.say(f"wrote {path}; its head says how it is used")
    terminal.report["path"] = str(path)
    return 0


def _write(path: Path, text: str) -> None:
    """A new file. Raises UsageError where there is one."""
    try:
        with open(path, "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"`{path}` is there already and stays as it is: choose another name") from None
    except OSError as error:
        raise UsageError(f"cannot write `{path}`: {error.strerror}") from None


def _check(text: str, path: Path) -> None:
    """A keyword is an identifier too: what the language refuses as a name is refused here, in its words."""
    from codegen.errors import SpecErrors
    from codegen.language import reader

    try:
        reader.read(text, path.name)
    except SpecErrors as error:
        raise UsageError(f"`{path.stem}` cannot name a layer:\n{error}") from None

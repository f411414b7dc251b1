"""Wrappers: the folder that a build system wants round the layers' files, a row each; texts in templates/exports/."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codegen import __version__
from codegen.emission import cformat
from codegen.emission.cformat import CText
from codegen.emission.heads import templates
from codegen.emission.render import GeneratedSource
from codegen.errors import UsageError
from codegen.records import dataclass

__all__ = ["WRAPPERS", "Wrapper", "files", "umbrella"]

STEPS = 64  # of an input of a free length, in the example
WORD = 8  # bytes of a number of the example's workspace, which aligns it


@dataclass(frozen=True)
class Wrapper:
    """A build system: the layers' files lie in `sources`, `texts` are (path, template) of its own; `told` of it."""

    sources: str
    texts: tuple[tuple[str, str], ...]
    told: str


WRAPPERS: dict[str, Wrapper] = {
    "cmake": Wrapper(
        "src",
        (("CMakeLists.txt", "CMakeLists.txt"), ("example/main.c", "main.c")),
        "a CMake target, for add_subdirectory",
    ),
    "arduino": Wrapper(
        "gen_conv_layers/src",
        (
            ("gen_conv_layers/library.properties", "library.properties"),
            ("gen_conv_layers/src/gen_conv_layers.h", "gen_conv_layers.h"),
            ("gen_conv_layers/examples/call/call.ino", "call.ino"),
        ),
        "an Arduino library",
    ),
    "platformio": Wrapper(
        "lib/gen_conv_layers/src",
        (
            ("lib/gen_conv_layers/library.json", "library.json"),
            ("src/main.c", "main.c"),
            ("platformio.ini", "platformio.ini"),
        ),
        "a PlatformIO library in a project that calls it",
    ),
    "zephyr": Wrapper(
        "src",
        (
            ("zephyr/module.yml", "module.yml"),
            ("CMakeLists.txt", "zephyr.cmake"),
            ("Kconfig", "Kconfig"),
            ("samples/call/CMakeLists.txt", "sample.cmake"),
            ("samples/call/prj.conf", "prj.conf"),
            ("samples/call/src/main.c", "main.c"),
        ),
        "a Zephyr module",
    ),
    "esp-idf": Wrapper(
        "components/gen_conv_layers/src",
        (
            ("components/gen_conv_layers/CMakeLists.txt", "component.cmake"),
            ("CMakeLists.txt", "project.cmake"),
            ("main/CMakeLists.txt", "main.cmake"),
            ("main/main.c", "app_main.c"),
        ),
        "an ESP-IDF component in a project that calls it",
    ),
    "cmsis-pack": Wrapper(
        "src",
        (("gen_conv.gen_conv_layers.pdsc", "pdsc"), ("example/main.c", "main.c")),
        "the folder of a CMSIS-Pack",
    ),
}
"""By the words of `--emit`."""


@dataclass(frozen=True)
class Layer:
    """A layer in an example: numbers of x and y, words of workspace; `call` is its call."""

    name: CText
    type: CText
    x: int
    y: int
    workspace: int
    call: CText


@dataclass(frozen=True)
class View:
    """What a wrapper's text prints: `sources` are the layers' files that are compiled."""

    version: CText
    layers: tuple[Layer, ...]
    sources: tuple[CText, ...]
    assembly: bool
    flags: tuple[CText, ...]
    bare: bool


@dataclass(frozen=True)
class Umbrella:
    """A header of the name `stem`, and those that it includes."""

    stem: CText
    version: CText
    headers: tuple[CText, ...]


def files(word: str, sources: Sequence[GeneratedSource]) -> tuple[tuple[str, str], ...]:
    """((path, text), …) below a folder of the wrapper's name. Raises UsageError for weights that are arguments."""
    wrapper, view = WRAPPERS[word], _view(sources, word)
    inside = [(f"{wrapper.sources}/{name}", text) for source in sources for name, text in source.files]
    texts = ((path, templates().get_template(f"exports/{name}.j2").render({"v": view})) for path, name in wrapper.texts)
    return tuple((f"{word}/{path}", text) for path, text in (*inside, *texts))


def umbrella(name: str, headers: Sequence[str]) -> str:
    """The text of a header NAME.h that includes others, in their order."""
    stem = cformat.identifier(name.removesuffix(".h"))
    view = Umbrella(stem, CText(__version__), tuple(map(CText, headers)))
    return templates().get_template("exports/umbrella.h.j2").render({"v": view})


def _view(sources: Sequence[GeneratedSource], word: str) -> View:
    names = [name for source in sources for name, _ in source.files if not name.endswith(".h")]
    dialect = sources[0].plan.target.dialect
    return View(
        CText(__version__),
        tuple(_layers(sources, word)),
        tuple(CText(name) for name in names),
        any(name.endswith(".S") for name in names),
        tuple(map(CText, dialect.flags)),
        dialect.bare,
    )


def _layers(sources: Sequence[GeneratedSource], word: str) -> Iterator[Layer]:
    for source in sources:
        plan, name = source.plan, cformat.identifier(source.name)
        p = plan.problem
        if plan.weights != "baked" or p.epilogue.of_outputs:
            raise UsageError(f"`{name}`: --emit {word} wraps whole layers: give --weights FILE, or --init")
        steps = STEPS if p.steps is None else p.steps
        words = -(-plan.workspace(steps) // WORD)
        given = [f"{name}_x", *([str(steps)] if p.steps is None else []), f"{name}_y"]
        given += [f"{name}_workspace"] if plan.has_workspace else []
        call = CText(f"{name}({', '.join(given)})")
        yield Layer(name, CText(p.format.c), steps * p.channels, p.out_steps(steps) * p.out_filters, words, call)

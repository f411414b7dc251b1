"""NAME.S: the text of a kernel in assembly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from codegen.emission import cformat
from codegen.emission.cformat import CText
from codegen.emission.cortex import dsp_line, dsp_pairs, helium_line, helium_quads
from codegen.emission.cortex.sums import Sums
from codegen.emission.heads import templates
from codegen.planning.assembly.shape import Shape
from codegen.records import dataclass

AnyView = dsp_line.View | dsp_pairs.View | helium_line.View | helium_quads.View


@dataclass(frozen=True)
class Texts:
    """Of a kernel: what makes its view, the template of its function, and that of what fills its buffer."""

    view: Callable[[Sums, Shape, str], AnyView | None]
    kernel: str
    fill: str


TEXTS: dict[str, Texts] = {
    "dsp_pairs": Texts(dsp_pairs.view, "cortex/dsp_pairs.S.j2", "cortex/dsp_fill.j2"),
    "dsp_line": Texts(dsp_line.view, "cortex/dsp_line.S.j2", "cortex/dsp_fill.j2"),
    "helium_quads": Texts(helium_quads.view, "cortex/helium_quads.S.j2", "cortex/helium_fill.j2"),
    "helium_line": Texts(helium_line.view, "cortex/helium_line.S.j2", "cortex/helium_fill.j2"),
}


@dataclass(frozen=True)
class Part:
    """A stage: its word in names, "" for one alone; how it is computed; its numbers; where in the workspace it writes.

    The last one writes y.
    """

    word: str
    over: Shape
    sums: Sums
    to: int = 0


@dataclass(frozen=True)
class Kernel:
    """What cortex/file.S.j2 prints of a stage: `alone`, its function is the layer's own."""

    view: AnyView
    code: CText
    alone: bool


@dataclass(frozen=True)
class Call:
    """A stage's function, and the bytes from the workspace on to what it makes."""

    function: str
    to: int


@dataclass(frozen=True)
class Bands:
    """Outputs that all stages make in turn: `size` at a time, the last from output `last` on, of `filters` each.

    The first tap of output t is sample t * `stride` - `left`. Of the last band `copied` bytes are y's, which one stage
    alone makes in the workspace first; 0 for all, which lie in y at once.
    """

    size: int
    last: int
    stride: int
    left: int
    filters: int
    copied: int = 0

    @property
    def strided(self) -> bool:
        return self.stride > 1


@dataclass(frozen=True)
class Lengths:
    """The outputs of a free length: its steps and `room`, less a `stride`'s rest; of kernels that make `least` at once.

    Fewer are made in the workspace from byte `few` on, and copied; they have `filters` each. The first tap of output t
    is sample t * `stride` - `left`; where it is `centred` both sides have `pads` rows less what is left of a stride.
    Where it is `banded` all stages make `least` in turn, and what lies between them from byte `between` on.
    """

    room: int
    left: int
    pads: int
    centred: bool
    stride: int
    least: int
    few: int
    filters: int
    banded: bool
    between: int

    @property
    def strided(self) -> bool:
        return self.stride > 1


@dataclass(frozen=True)
class Assembly:
    """The text, and the condition of the preprocessor under which it holds the function."""

    text: str
    guard: CText


def assembly(over: Shape, sums: Sums, name: str, banner: Sequence[str] = ()) -> Assembly | None:
    """The kernel of `over` with these weights; None where their sums are too large for it."""
    return written((Part("", over, sums),), name, banner)


def written(
    parts: Sequence[Part],
    name: str,
    banner: Sequence[str] = (),
    bands: Bands | None = None,
    lengths: Lengths | None = None,
) -> Assembly | None:
    """The kernels of all stages and the function that calls them; None where the sums of one are too large for it."""
    name = cformat.identifier(name)
    found = [_kernel(part, name) for part in parts]
    kernels = [one for one in found if one]
    if len(kernels) < len(parts):
        return None
    calls = tuple(Call(one.view.name, part.to) for one, part in zip(kernels, parts, strict=True))
    guard = " && ".join(dict.fromkeys(one.view.guard for one in kernels))
    given = {"parts": tuple(kernels), "guard": CText(guard), "name": name, "bands": bands, "n": lengths}
    called = {"calls": calls if bands or lengths or len(parts) > 1 else ()}
    whole = given | called | {"banner": tuple(map(cformat.comment, banner))}
    return Assembly(cformat.fold(templates().get_template("cortex/file.S.j2").render(whole)), CText(guard))


def _kernel(part: Part, name: str) -> Kernel | None:
    texts, own = TEXTS[part.over.kernel], cformat.identifier(f"{name}_{part.word}") if part.word else name
    view = texts.view(part.sums, part.over, own)
    if view is None:
        return None
    view = replace(view, tag=f"{part.word}_" if part.word else "")
    code = "".join(templates().get_template(text).render({"v": view}) for text in (texts.kernel, texts.fill))
    return Kernel(view, CText(code), not part.word)

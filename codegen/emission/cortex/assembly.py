"""NAME.S: the text of a kernel in assembly."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
class Assembly:
    """The text, and the condition of the preprocessor under which it holds the function."""

    text: str
    guard: CText


def assembly(over: Shape, sums: Sums, name: str, banner: Sequence[str] = ()) -> Assembly | None:
    """The kernel of `over` with these weights; None where their sums are too large for it."""
    texts = TEXTS[over.kernel]
    view = texts.view(sums, over, cformat.identifier(name))
    if view is None:
        return None
    given = {"v": view}
    code = templates().get_template(texts.kernel).render(given) + templates().get_template(texts.fill).render(given)
    whole = {"v": view, "code": CText(code), "banner": tuple(map(cformat.comment, banner))}
    return Assembly(cformat.fold(templates().get_template("cortex/file.S.j2").render(whole)), CText(view.guard))

"""NAME.S: the text of a kernel in assembly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codegen.emission import cformat
from codegen.emission.cformat import CText
from codegen.emission.cortex import dsp_line, dsp_pairs, helium_line, helium_quads
from codegen.emission.cortex.sums import Sums
from codegen.emission.heads import templates

AnyView = dsp_line.View | dsp_pairs.View | helium_line.View | helium_quads.View


@dataclass(frozen=True)
class Assembly:
    """The text, the bytes of workspace and their alignment."""

    text: str
    workspace: int
    align: int


def dsp(sums: Sums, name: str, banner: Sequence[str] = ()) -> Assembly | None:
    """For the DSP extension (Cortex-M4, M7, M33); None where the portable C serves alone."""
    label = cformat.identifier(name)
    if sums.problem.group_filters == 1 or sums.problem.group_channels == 1 < sums.problem.groups:
        line = dsp_line.view(sums, label)
        return _filled(line, "cortex/dsp_line.S.j2", "cortex/dsp_fill.j2", banner) if line else None
    view = dsp_pairs.view(sums, label)
    return _filled(view, "cortex/dsp_pairs.S.j2", "cortex/dsp_fill.j2", banner) if view else None


def helium(sums: Sums, name: str, banner: Sequence[str] = ()) -> Assembly | None:
    """For Helium (Cortex-M55); None where the portable C serves alone."""
    label = cformat.identifier(name)
    if sums.problem.group_filters < helium_quads.FILTERS or sums.problem.group_channels == 1 < sums.problem.groups:
        line = helium_line.view(sums, label)
        return _filled(line, "cortex/helium_line.S.j2", "cortex/helium_fill.j2", banner) if line else None
    view = helium_quads.view(sums, label)
    return _filled(view, "cortex/helium_quads.S.j2", "cortex/helium_fill.j2", banner) if view else None


def _filled(view: AnyView, kernel: str, fill: str, banner: Sequence[str]) -> Assembly:
    given = {"v": view}
    code = templates().get_template(kernel).render(given) + templates().get_template(fill).render(given)
    whole = {"v": view, "code": CText(code), "banner": tuple(map(cformat.comment, banner))}
    text = templates().get_template("cortex/file.S.j2").render(whole)
    return Assembly(cformat.fold(text), view.workspace, 4)

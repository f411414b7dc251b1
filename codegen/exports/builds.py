"""Files that a project keeps, by which its build calls `gen-conv`: the texts are in templates/builds/."""

from __future__ import annotations

from codegen import __version__
from codegen.emission.cformat import CText
from codegen.emission.heads import templates
from codegen.problem.targets import TARGETS
from codegen.records import dataclass

__all__ = ["BUILD_FILES", "build_file"]

BUILD_FILES = ("gen_conv.cmake", "gen_conv.mk")


@dataclass(frozen=True)
class Flags:
    """A target's name, and what its compiler is given."""

    name: CText
    flags: tuple[CText, ...]


def build_file(name: str) -> str:
    """The text of one of BUILD_FILES."""
    targets = [Flags(CText(one.name), tuple(map(CText, one.flags))) for one in TARGETS.values()]
    return templates().get_template(f"builds/{name}.j2").render(version=CText(__version__), targets=targets)

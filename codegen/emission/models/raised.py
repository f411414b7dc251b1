"""A kernel with zeros between its input's steps, in a stream: windows of it, of whose outputs not all are wanted."""

from __future__ import annotations

from codegen.emission.cformat import grouped
from codegen.emission.cfunction import CFunction, Parameter, numbers
from codegen.emission.expressions import Place
from codegen.emission.interface import whole
from codegen.emission.microkernel import index
from codegen.emission.models.kernels import called, given
from codegen.emission.models.stream_surroundings import StreamSurroundings
from codegen.emission.models.written import Surroundings, Written
from codegen.emission.render import piece, within
from codegen.graph.plans.stages import Raised

__all__ = ["raised"]


def raised(stage: Raised, around: Surroundings) -> Written:
    """The kernel of a plan for windows, and the function that leaves out what is not wanted of their outputs."""
    assert isinstance(around, StreamSurroundings)
    assert stage.spare is not None
    plan, way, m = stage.plan, around.way, around.m(around.tick)
    held = given(stage, around) | {
        "from": f"{grouped(index((1, m), way.plus))} % {way.over}",
        "outs": around.outs,
        "room": around.spare(stage.spare),
    }
    activations = called(stage, around)

    def text(name: str) -> str:
        inner = CFunction(f"{name}_windows", whole(plan, name).parameters)
        view = {
            "face": _face(inner, plan.problem.format.c, name),
            "whole": inner.call(**_moved(inner, steps=index((1, "steps"), way.back), workspace=_behind(stage))),
            "one": inner.call(**_moved(inner, steps=str(1 + way.back), y="room", workspace=_behind(stage))),
            "up": way.over,
            "channels": plan.problem.channels,
            "filters": plan.problem.out_filters,
        }
        kernel = around.words.renamed(within(plan, inner.name, apart=True), activations)
        return kernel.strip("\n") + "\n\n" + piece("model/raised.c.j2", view)

    face = _face(CFunction("unnamed", whole(plan, "unnamed").parameters), plan.problem.format.c, "unnamed")
    arguments = tuple(held[one.name] for one in face.parameters)
    return Written((Raised, plan), "raised", text, arguments)


def _behind(stage: Raised) -> str:
    """The kernel's own room, behind the outputs of a step."""
    return Place.of(stage.aside).in_array("room")


def _moved(inner: CFunction, **names: str) -> dict[str, str]:
    known = {one.name for one in inner.parameters}
    return {name: value for name, value in names.items() if name in known}


def _face(inner: CFunction, c: str, name: str) -> CFunction:
    """The function that the turn calls: with places for `steps`, and always with room."""
    found = list[Parameter]()
    for one in inner.parameters:
        if one.name == "steps":
            found += numbers("from", "outs")
        elif one.name != "workspace":
            found.append(one)
    return CFunction(name, (*found, Parameter("room", f"{c} *")), linkage="static")

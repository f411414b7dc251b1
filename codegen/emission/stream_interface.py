"""What the header of a stream declares: its functions, each with its sentence, and its macros."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from codegen.emission import interface
from codegen.emission.cfunction import CFunction, Parameter
from codegen.emission.macros import Macro, Meaning, constant, macros
from codegen.emission.microkernel import index
from codegen.emission.packing import Pack, function, packs
from codegen.errors.counting import counted
from codegen.planning.streams import StreamPlan
from codegen.records import dataclass

__all__ = ["Declared", "Interface", "declared", "stream_macros"]


@dataclass(frozen=True)
class Declared:
    """A function of the header, and the sentence before it."""

    function: CFunction
    told: str


@dataclass(frozen=True)
class Interface:
    """The functions of the header of the stream `name`."""

    plan: StreamPlan
    name: str

    @property
    def state(self) -> Parameter:
        return Parameter("state", f"{self.name}_state *")

    @property
    def weights(self) -> tuple[Parameter, ...]:
        """The arguments that are weights, as a function of a whole layer has them."""
        plan = self.plan.inner.asked(weights=self.plan.ask.weights)
        named = {label for label, _ in interface.kernels(plan)} | {one.name for one in plan.problem.epilogue.operands}
        return tuple(one for one in interface.parameters(plan, self.name) if one.name in named)

    @property
    def reset(self) -> CFunction:
        return CFunction(f"{self.name}_reset", (self.state,))

    @property
    def prewarm(self) -> CFunction:
        return CFunction(f"{self.name}_prewarm", (self.state,))

    @property
    def starts(self) -> dict[str, CFunction]:
        """The functions that begin a stream, by their words."""
        return {"reset": self.reset, "prewarm": self.prewarm}

    @property
    def process(self) -> CFunction:
        found = (self.state, self._x("n"), Parameter("n", "ptrdiff_t", "steps, 0 or more"), *self.weights, self._y(""))
        return CFunction(f"{self.name}_process", found, "ptrdiff_t")

    @property
    def flush(self) -> CFunction:
        return CFunction(f"{self.name}_flush", (self.state, *self.weights, self._y("")), "ptrdiff_t")

    @property
    def whole(self) -> CFunction:
        steps = Parameter("steps", "ptrdiff_t", "input steps, 0 or more")
        room = Parameter("workspace", "void *", f"room for a {self.name}_state, any content; aligned as one is")
        y = self._y(self.outs)
        return CFunction(self.name, (self._x("steps"), steps, *self.weights, y, room))

    @property
    def outs(self) -> str:
        """The C of the outputs of a whole input, the zeros in front of them counted."""
        return self.out_steps.call() + (f" + {self.plan.delay}" if self.plan.delay else "")

    @property
    def out_steps(self) -> CFunction:
        return interface.out_steps(self.name, "static inline")

    @property
    def all(self) -> tuple[CFunction, ...]:
        return (self.out_steps, self.reset, self.prewarm, self.process, self.flush, self.whole)

    def _x(self, steps: str) -> Parameter:
        p = self.plan.problem
        shape = f"({steps}, {p.channels})" if p.channels_last else f"({p.channels}, {steps})"
        return Parameter("x", f"const {p.format.c} *", f"{shape}: {_axes(p.channels_last, 'steps', 'channels')}")

    def _y(self, outs: str) -> Parameter:
        p = self.plan.problem
        outs = outs or "outputs"
        shape = f"({outs}, {p.out_filters})" if p.channels_last else f"({p.out_filters}, {outs})"
        return Parameter("y", f"{p.format.c} *", f"{shape}: {_axes(p.channels_last, 'output steps', 'filters')}")


def _axes(last: bool, first: str, second: str) -> str:
    return f"{first}, {second}" if last else f"{second}, {first}"


def declared(plan: StreamPlan, face: Interface) -> tuple[Declared, ...]:
    """The functions of the header, each with its sentence."""
    upper = face.name.upper()
    first = f"; {counted(plan.delay, 'zero')} in front" if plan.delay else ""
    return (
        Declared(face.reset, "As before the first step: zeros came before it."),
        Declared(face.prewarm, "As after endless silence: every output that may come has come."),
        Declared(
            face.process, f"The outputs that come with `n` steps, {upper}_MAX_OUT(n) at most{first}: how many they are."
        ),
        Declared(face.flush, f"The rest, {upper}_MAX_FLUSH at most, and a reset: how many they are."),
        Declared(face.whole, f"All outputs of an input: a reset, one block, a flush{first}."),
        *(
            Declared(function(each, face.name), _packed(each))
            for each in packs(plan.inner)
            if plan.ask.weights == "packed"
        ),
    )


def _packed(pack: Pack) -> str:
    shape = ", ".join(map(str, pack.shape))
    numbers = counted(pack.count, "number")
    return f"Lays a kernel ({shape}) out as the other functions read it: {numbers}, once for all calls."


def stream_macros(
    plan: StreamPlan, name: str, constants: Mapping[str, int | float], beside: Collection[str]
) -> tuple[Macro, ...]:
    """The macros of the header, `constants` among them."""
    p = plan.problem
    by, more, over = plan.most_of_steps
    most = index((by, "(ptrdiff_t)(n)"), more)
    most = f"({most}) / {over}" if over > 1 else most
    found = {
        "LATENCY": Meaning(plan.state.latency, told="input steps that an output waits for beyond its own"),
        "BLOCK": Meaning(plan.blocks.block, told="steps that buffers are made for; a block may have any number"),
        "MAX_OUT": Meaning(f"(n) > 0 ? {most} : 0", "n"),
        "MAX_FLUSH": Meaning(plan.most_flushed),
        "CHANNELS": Meaning(p.channels),
        "FILTERS": Meaning(p.filters),
        "STATE_NUMBERS": Meaning(plan.state_numbers, told="of its history"),
    }
    if plan.delay:
        found["DELAY"] = Meaning(plan.delay, told="zeros in front of the outputs")
    if p.out_filters != p.filters:
        found["OUT_FILTERS"] = Meaning(p.out_filters)
    if plan.ask.weights == "packed":
        found |= {each.macro: Meaning(each.count, told="of a packed kernel") for each in packs(plan.inner)}
    found |= constant(constants)
    return tuple(replace(one, old=None) for one in macros(name, found, beside))

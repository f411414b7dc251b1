"""What the header of a model's stream declares: its functions, each with its sentence."""

from __future__ import annotations

from collections.abc import Mapping

from codegen.emission.cfunction import CFunction, Parameter
from codegen.graph.plans.streamed import StreamedModel
from codegen.records import dataclass

__all__ = ["Face", "declared"]


@dataclass(frozen=True)
class Face:
    """The functions of the header; `linkage` is static where the file alone knows them."""

    plan: StreamedModel
    name: str
    arguments: Mapping[int, str]
    linkage: str = ""

    def _ports(self, kind: str, constant: str) -> tuple[Parameter, ...]:
        c = self.plan.format.c
        return tuple(
            Parameter(self.arguments[at], f"{constant}{c} *", f"(steps, {buffer.channels}): steps, channels")
            for at, buffer in self.plan.of_kind(kind)
        )

    @property
    def counted(self) -> bool:
        """Whether rows are counted, and may come at the end: not where all of them are the input's steps."""
        return len(self.plan.clocks) > 1 or bool(self.plan.zeros)

    @property
    def state(self) -> Parameter:
        return Parameter("state", f"{self.name}_state *")

    @property
    def weights(self) -> tuple[Parameter, ...]:
        """The array of all weights, where they are an argument."""
        told = f"{self.plan.weight_numbers:,} numbers, as Python packs them"
        given = Parameter("weights", f"const {self.plan.format.c} *", told)
        return () if self.plan.ask.weights == "baked" else (given,)

    @property
    def reset(self) -> CFunction:
        return CFunction(f"{self.name}_reset", (self.state,), linkage=self.linkage)

    @property
    def prewarm(self) -> CFunction:
        return CFunction(f"{self.name}_prewarm", (self.state, *self.weights))

    @property
    def process(self) -> CFunction:
        n = Parameter("n", "ptrdiff_t", "steps, 0 or more")
        given = (self.state, *self._ports("input", "const "), n, *self.weights, *self._ports("output", ""))
        return CFunction(f"{self.name}_process", given, "ptrdiff_t", self.linkage)

    @property
    def flush(self) -> CFunction:
        given = (self.state, *self.weights, *self._ports("output", ""))
        return CFunction(f"{self.name}_flush", given, "ptrdiff_t", self.linkage)

    @property
    def turn(self) -> CFunction:
        """The function that does all of the work, of a block or of the end."""
        last = (*[Parameter("last", "int")] * self.counted, Parameter("m", "const ptrdiff_t *"))
        given = (self.state, *self._ports("input", "const "), *self.weights, *self._ports("output", ""))
        return CFunction(f"{self.name}_turn", (*given, *last, Parameter("n", "const ptrdiff_t *")), "void", "static")

    @property
    def whole(self) -> CFunction:
        steps = Parameter("steps", "ptrdiff_t", "input steps, 0 or more")
        room = Parameter("workspace", "void *", f"room for a {self.name}_state, any content; aligned as one is")
        given = (*self._ports("input", "const "), steps, *self.weights, *self._ports("output", ""), room)
        return CFunction(self.name, given, "ptrdiff_t")


def declared(face: Face) -> list[tuple[CFunction, str]]:
    """The functions of the header, each with its sentence."""
    upper = face.name.upper()
    return [
        (face.reset, "As before the first step: zeros came before it."),
        (face.prewarm, "As after endless silence: what comes of it has come, and goes on."),
        (face.process, f"The outputs that come with `n` steps, {upper}_MAX_OUT(n) at most: how many they are."),
        (face.flush, f"The rest, {upper}_MAX_FLUSH at most, and a reset: how many they are."),
        (face.whole, "All outputs of an input: a reset, one block, a flush; how many they are."),
    ]

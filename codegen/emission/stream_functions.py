"""The static functions of a stream's file, as values: declared and called by these alone."""

from __future__ import annotations

from dataclasses import replace

from codegen.emission import interface
from codegen.emission.cfunction import CFunction, Parameter, numbers, reads, static, writes
from codegen.emission.stream_interface import Interface
from codegen.records import dataclass

__all__ = ["StreamFunctions"]


@dataclass(frozen=True)
class StreamFunctions:
    """Those behind the functions of a header."""

    face: Interface

    @property
    def _c(self) -> str:
        return self.face.plan.problem.format.c

    def _static(self, word: str, *parameters: Parameter, returns: str = "void") -> CFunction:
        return static(f"{self.face.name}_{word}", *parameters, returns=returns)

    @property
    def _read_state(self) -> Parameter:
        return replace(self.face.state, type=f"const {self.face.state.type}")

    @property
    def steps(self) -> CFunction:
        """The inner function: a window's outputs."""
        return replace(interface.entry(self.face.plan.inner, f"{self.face.name}_steps"), linkage="static")

    @property
    def copy(self) -> CFunction:
        """Numbers to another place."""
        to = writes(self._c, "to", alone=False)
        return self._static("copy", *reads(self._c, "from", alone=False), *numbers("count"), *to)

    @property
    def clear(self) -> CFunction:
        """Zeros, or the codes that stand for them."""
        code = numbers("code") if self.face.plan.problem.format.whole else ()
        return self._static("clear", *writes(self._c, "to", alone=False), *numbers("count"), *code)

    @property
    def take(self) -> CFunction:
        """Steps of x into the ring."""
        apart = numbers("x_steps") if self.face.plan.turned[0] else ()
        x = reads(self._c, "x", alone=False)
        return self._static("take", self.face.state, *x, *apart, *numbers("from", "n"))

    @property
    def keep(self) -> CFunction:
        """The ring goes on."""
        return self._static("keep", self.face.state, *numbers("n"))

    @property
    def columns(self) -> CFunction:
        """Rows of outputs as columns of y."""
        y = writes(self._c, "y", alone=False)
        return self._static("columns", *reads(self._c, "rows", alone=False), *numbers("count"), *y, *numbers("columns"))

    @property
    def outs(self) -> CFunction:
        """The outputs that come with further steps."""
        return self._static("outs", self._read_state, *numbers("n"), returns="ptrdiff_t")

    @property
    def behind(self) -> CFunction:
        """The zeros behind the last step."""
        return self._static("behind", self._read_state, returns="ptrdiff_t")

    @property
    def push(self) -> CFunction:
        """Further steps, and the outputs that come with them."""
        face, (turned_in, turned_out) = self.face, self.face.plan.turned
        x, n = face.process.parameters[1:3]
        steps_in = numbers("x_steps") if turned_in else ()
        most = numbers("most") if face.plan.walk.up > 1 and face.plan.most_flushed > 0 else ()
        columns = numbers("columns") if turned_out else ()
        parameters = (face.state, x, *steps_in, n, *most, *face.weights, face.process.parameters[-1], *columns)
        return self._static("push", *parameters, returns="ptrdiff_t")

    @property
    def blocks(self) -> CFunction:
        """The outputs that come with a block: the header's own function, or one that takes the columns of y."""
        return self._of_columns("blocks", self.face.process)

    @property
    def rest(self) -> CFunction:
        """The outputs of the flush, as `blocks`."""
        return self._of_columns("rest", self.face.flush)

    def _of_columns(self, word: str, public: CFunction) -> CFunction:
        if not self.face.plan.turned[1]:
            return public
        return self._static(word, *public.parameters, *numbers("columns"), returns=public.returns)

"""How a layer is computed: what its constructor is told beside the definition, checked at once."""

from __future__ import annotations

from codegen.numbers.storage import AS_COMPUTED
from codegen.planning.ask import (
    LENGTHS,
    Ask,
    accuracy_named,
    lengths_asked,
    objective_named,
    rigor_named,
    threads_asked,
)
from codegen.problem.targets import target_named
from codegen.records import dataclass

__all__ = ["AS_USUAL", "How"]


@dataclass(frozen=True)
class How:
    """The words of `codegen.Conv1D`. `native` stays a word: it is this machine's, also after a copy to another one.

    Raises UsageError for an unknown word, and for a number of threads that cannot share a call.
    """

    target: str = "native"
    accuracy: str = "fast"
    rigor: str = "estimate"
    threads: int = 1
    storage: str = AS_COMPUTED
    optimize: str = "speed"
    specialize: int = LENGTHS

    def __post_init__(self) -> None:
        target_named(self.target)
        object.__setattr__(self, "threads", threads_asked(self.threads))
        object.__setattr__(self, "specialize", lengths_asked(self.specialize))
        rigor_named(self.rigor)
        _ = self.ask

    @property
    def ask(self) -> Ask:
        """What is asked of the kernel, whose weights are packed."""
        wanted = objective_named(self.optimize)
        return Ask(target_named(self.target), "packed", accuracy_named(self.accuracy), self.storage, wanted)


AS_USUAL = How()

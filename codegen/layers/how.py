"""How a layer is computed: what its constructor is told beside the definition, checked at once."""

from __future__ import annotations

from functools import lru_cache

from codegen.installed import forgetful
from codegen.numbers.storage import AS_COMPUTED, checked
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
        accuracy_named(self.accuracy)
        objective_named(self.optimize)
        checked(self.storage)

    @property
    def ask(self) -> Ask:
        """What is asked of the kernel, whose weights are packed."""
        return _asked(self.target, self.accuracy, self.storage, self.optimize)

    @property
    def training(self) -> Ask:
        """What is asked of the kernels of gradients, whose weights are not as they are stored."""
        return _asked(self.target, self.accuracy, AS_COMPUTED, self.optimize)


@forgetful
@lru_cache(maxsize=64)
def _asked(target: str, accuracy: str, storage: str, optimize: str) -> Ask:
    return Ask(target_named(target), "packed", accuracy_named(accuracy), storage, objective_named(optimize))


AS_USUAL = How()

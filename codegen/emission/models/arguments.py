"""How a model's inputs and outputs are called in C: by their names in the model, where these are free there."""

from __future__ import annotations

from codegen.emission import cformat
from codegen.graph.plans.tabled import Tabled
from codegen.specs import names

__all__ = ["argument_names"]

PARAMETERS = ("last", "m", "n", "room", "state", "steps", "weights", "workspace")
VARIABLES = ("blocks", "done", "f", "from", "n_", "outs", "part", "r", "scratch", "zeros")
NUMBERED = ("kept", "m", "n", "s")  # with the number of a clock, of a length or of a value that is kept


def argument_names(plan: Tabled, name: str) -> dict[int, str]:
    """The names of the arguments that are inputs and outputs, by their buffers, in the file of that `name`."""
    found: dict[int, str] = {}
    for kind, letter in (("input", "x"), ("output", "y")):
        for order, (at, buffer) in enumerate(plan.of_kind(kind)):
            free = buffer.name not in found.values() and _is_free(buffer.name, name)
            found[at] = buffer.name if free else f"{letter}_{order}_"
    return found


def _is_free(word: str, name: str) -> bool:
    """Whether an argument may be called so, beside all that C and the file of that `name` call by a name."""
    plain = bool(cformat.IDENTIFIER.fullmatch(word)) and names.taken(word) is None
    ours = (
        word in (*PARAMETERS, *VARIABLES, name) or word.startswith(f"{name}_") or word.rstrip("0123456789") in NUMBERED
    )
    return plain and not ours

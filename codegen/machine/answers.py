"""The planner's answers on disk: a process that asks what another one asked reads the plan and need not search for it.

An answer is a small file beside the kernels, named by the hash of the request and of the state of the package's files,
with a seal over name and content. It is a pickle of which only the frozen dataclasses of this package and the
algorithms of its table, by name, are read: nothing is called but these classes. The folder and the owner are held to
the same as for libraries (`ownership.py`), of which a stranger's would do worse.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from contextlib import suppress
from dataclasses import is_dataclass
from typing import Any

from codegen.errors import UsageError
from codegen.machine import cache, ownership, plan_index
from codegen.planning import planner
from codegen.planning.algorithms.table import ALGORITHMS
from codegen.planning.plan import Algorithm, AnyPlan, AnyRequest, KernelPlan

__all__ = ["answer"]

MOST_BYTES = 1 << 18
SEAL_BYTES = hashlib.sha256().digest_size
OURS = "codegen."


def answer(asked: AnyRequest, choice: str | None = None) -> AnyPlan:
    """As `planner.answer`, read from the disk where it was asked before. Raises PlanError."""
    name = plan_index.name("answer", repr(asked), str(choice))
    found = _recalled(name, asked) if name else None
    if found is None:
        found = planner.answer(asked, choice)
        if name:
            _remember(name, found)
    return found


def _recalled(name: str, asked: AnyRequest) -> AnyPlan | None:
    with suppress(OSError, UsageError), cache.folder() as place:
        path = place.inside / _file(name)
        data = ownership.own_bytes(path, MOST_BYTES)
        if data is None or data[:SEAL_BYTES] != _seal(name, data[SEAL_BYTES:]):
            return None
        with suppress(Exception):  # whatever a pickle of another state of the package raises
            found = _Reading(io.BytesIO(data[SEAL_BYTES:])).load()
            if isinstance(found, KernelPlan) and (found.problem, found.ask) == (asked.problem, asked.ask):
                os.utime(path)
                return found
    return None


def _remember(name: str, plan: AnyPlan) -> None:
    """Keep a plan that is read back as it is. Raises nothing."""
    with suppress(OSError, UsageError, pickle.PicklingError, pickle.UnpicklingError, AttributeError, TypeError):
        content = io.BytesIO()
        _Writing(content, pickle.HIGHEST_PROTOCOL).dump(plan)
        data = content.getvalue()
        if len(data) + SEAL_BYTES > MOST_BYTES or _Reading(io.BytesIO(data)).load() != plan:
            return
        with cache.folder() as place, cache.written(place.inside, _seal(name, data), data, flushed=False) as temporary:
            os.replace(temporary, place.inside / _file(name))


class _Writing(pickle.Pickler):
    """Writes algorithms by their names in the table."""

    def persistent_id(self, thing: Any) -> str | None:
        return thing.name if isinstance(thing, Algorithm) and ALGORITHMS.get(thing.name) is thing else None


class _Reading(pickle.Unpickler):
    """Reads these, and frozen dataclasses of the package; raises UnpicklingError for all else."""

    def persistent_load(self, name: Any) -> Any:
        return ALGORITHMS[name]

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith(OURS) and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type) and is_dataclass(found):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a plan")


def _file(name: str) -> str:
    return f"{name}.plan"


def _seal(name: str, data: bytes) -> bytes:
    return hashlib.sha256(name.encode() + data).digest()

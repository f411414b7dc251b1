"""The bytes of a stream's state as a stranger hands them over: whether the counters are any that a stream has."""

from __future__ import annotations

import numpy as np

from codegen.errors import UsageError
from codegen.planning.streams import StreamPlan

__all__ = ["check"]


def check(plan: StreamPlan, state: np.ndarray) -> None:
    """Raises UsageError for a state, its bytes in the order of the C struct, that would read or write beside itself."""
    names = ["started", *([] if plan.direct else ["at"]), *(count.name for count in plan.counters)]
    width = np.dtype(np.intp).itemsize
    found = dict(zip(names, state[: width * len(names)].view(np.intp).tolist(), strict=True))
    late = found.get("delay", 0) * plan.walk.stride  # what `ahead` has more until those zeros have come
    ranges = {
        "started": (0, 1),
        "at": (0, plan.ring - 1),
        "ahead": (late - plan.walk.stride, late + plan.history),
        "lead": (0, plan.lead),
        "skip": (0, plan.skip),
        "delay": (0, plan.delay),
    }
    for name, value in found.items():
        least, most = ranges[name]
        if not least <= value <= most:
            raise UsageError(
                f"`state`: `{name}` is {value}, expected {least} to {most}: no stream of this layer has it"
            )

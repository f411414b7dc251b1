"""Golden vectors: inputs and the outputs that they must have, as C, and a function that tries the kernel on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from codegen.emission import cformat, render
from codegen.emission.cfunction import CFunction, headers
from codegen.emission.expressions import Place, Variable
from codegen.emission.render import GeneratedSource
from codegen.errors import PlanError
from codegen.problem.problem import Problem

if TYPE_CHECKING:
    import numpy as np

    Arrays = Sequence[np.ndarray | None]

__all__ = ["source", "steps_of"]

PARTS = ("kernel_head.c", "golden/test.c", "golden/test.h")
OUTPUTS = 16  # of a free length
MOST = 1 << 20  # codes in the file: nobody's flash has more


def steps_of(p: Problem) -> int:
    """The input steps that are tried: all of a known length."""
    return p.reach + OUTPUTS * p.stride if p.steps is None else p.steps


def source(forward: GeneratedSource, arrays: Arrays, banner: Sequence[str]) -> GeneratedSource:
    """NAME_test.c and .h of the layer `forward`, whose tables are `arrays`: the kernel and what its epilogue reads.

    Raises PlanError for a layer of floats, whose last bits are its target's, and for one of too many codes.
    """
    import numpy as np

    from codegen.problem import reference

    p, name = forward.plan.problem, forward.name
    if not p.format.whole:
        raise PlanError(
            f"`{name}` computes in {p.dtype}: golden vectors are of int8, which has the same bits everywhere"
        )
    steps, (kernel, *operands) = steps_of(p), arrays
    assert kernel is not None
    x = np.random.default_rng(1).integers(-128, 128, p.in_shape(1, steps))
    y = reference.convolve(p, x, kernel, *operands, dtype="int64")
    if x.size + y.size > MOST:
        raise PlanError(f"`{name}`: {x.size + y.size:,} codes of input and output are too many for a test in C")
    function = next(one for one in forward.functions if one.name == name)
    handed = tuple(one for one in function.parameters if one.name in ("y", "workspace"))
    tried = CFunction(f"{name}_self_test", handed, "int")
    given = {"x": f"{name}_test_x"} | ({"steps": str(steps)} if p.steps is None else {})
    view = {
        "p": p,
        "name": f"{name}_test",
        "layer": name,
        "tried": tried,
        "call": function.call(**given),
        "x": cformat.table(x.ravel().tolist(), p.format),
        "y": cformat.table(y.ravel().tolist(), p.format),
        "inputs": x.size,
        "outputs": y.size,
        **_each(y.size),
        "headers": tuple(map(cformat.CText, headers([tried]))),
        "macros": (),
    }
    return render.filled(forward.plan, f"{name}_test", PARTS, view, banner=banner)


def _each(outputs: int) -> dict[str, Any]:
    """The loop over the outputs, and the place of one."""
    one = Variable.counted("i", outputs)
    return {"heads": tuple(map(cformat.CText, [one.loop] * (one.most > 0))), "at": Place.of((1, one)).text}

"""C programs of the vector spelling: a kernel of one loop for each function and width, arrays in, arrays out."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen.emission import vectors
from codegen.emission.heads import Head, slopes, values
from codegen.functions.activations import Activation
from codegen.numbers.formats import COMPUTED
from codegen.problem.stages import Activated
from codegen.problem.targets import Target
from tests.support.cprogram import LIGHT, SAME_BITS, WARNINGS, Toolchain, compile_c

MAIN = """
#include <stdio.h>
#include <stdlib.h>
int main(void)
{
    static union { float f[COUNT]; double d[COUNT]; } x, y;
    size_t i;
    for (i = 0; i < sizeof runs / sizeof *runs; ++i) {
        const size_t bytes = COUNT * runs[i].bytes;
        if (i == 0 || runs[i].bytes != runs[i - 1].bytes)
            if (fread(&x, 1, bytes, stdin) != bytes) return 2;
        runs[i].run(&x, &y);
        if (fwrite(&y, 1, bytes, stdout) != bytes) return 3;
    }
    return 0;
}
"""


@dataclass(frozen=True)
class Loop:
    """y[i] = result for i in steps of `lanes`: `result` is a C expression of the target's spelling over v, x + i, i."""

    name: str
    dtype: str
    lanes: int
    result: str
    text: str = ""  # C functions that `result` calls
    activation: Activation | None = None
    slope: bool = False  # of the activation


def activation_loop(activation: Activation, target: Target, dtype: str, lanes: int) -> Loop:
    return _curve(activation, target, dtype, lanes, slope=False)


def slope_loop(activation: Activation, target: Target, dtype: str, lanes: int) -> Loop:
    """The same for the activation's derivative."""
    return _curve(activation, target, dtype, lanes, slope=True)


def _curve(activation: Activation, target: Target, dtype: str, lanes: int, *, slope: bool) -> Loop:
    word = f"{activation.name}{'_slope' * slope}"
    name = f"{word}_{abs(hash(activation)):x}"
    return Loop(name, dtype, lanes, f"v{lanes}_{word}(v{lanes}_load(x + i))", activation=activation, slope=slope)


def header(target: Target, dtype: str, *lanes: int) -> str:
    """All of the spelling."""
    names = [f"v{n}{word}" for n in lanes for word in vectors.SEVERAL]
    return Head(target, COMPUTED[dtype], lanes).text([*names, "hold"])


def run(
    loops: Sequence[Loop],
    target: Target,
    tools: Toolchain,
    folder: Path,
    inputs: dict[str, np.ndarray],
    flags: Iterable[str] = LIGHT,
) -> list[np.ndarray]:
    """The outputs of each loop on the inputs of its dtype (one length for all, a multiple of every width)."""
    count = len(next(iter(inputs.values())))
    order = sorted(loops, key=lambda loop: loop.dtype)
    source, binary = folder / "loops.c", folder / "loops"
    source.write_text(program(order, target, count))
    static = ("-static",) if tools.runner else ()
    compile_c((*tools.compiler, *SAME_BITS, *WARNINGS, *flags, *static, str(source), "-o", str(binary)))
    given = b"".join(inputs[dtype].tobytes() for dtype in sorted({loop.dtype for loop in loops}))
    done = subprocess.run((*tools.runner, str(binary)), input=given, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    made, at = {}, 0
    for loop in order:
        made[id(loop)] = np.frombuffer(done.stdout, loop.dtype, count, at)
        at += made[id(loop)].nbytes
    assert at == len(done.stdout)
    return [made[id(loop)] for loop in loops]


def program(loops: Sequence[Loop], target: Target, count: int) -> str:
    """One translation unit; each loop has the spelling to itself, under a prefix."""
    parts = ["#include <stddef.h>\n"]
    rows = []
    for i, loop in enumerate(loops):
        c, width, name = COMPUTED[loop.dtype].c, COMPUTED[loop.dtype].bytes, f"run_{i}_{loop.name}"
        body = f"""
static void {name}(const void *from, void *to)
{{
    const {c} *x = from;
    {c} *y = to;
    ptrdiff_t i;
    (void)x; /* a result may not read it */
    for (i = 0; i < {count}; i += {loop.lanes})
        v{loop.lanes}_store(y + i, {loop.result});
}}
"""
        _, names = vectors.finished(vectors.marked(loop.text + body))
        stages = (Activated(loop.activation),) if loop.activation else ()
        declared = slopes(stages) if loop.slope else values(stages)
        head = Head(target, COMPUTED[loop.dtype], (loop.lanes,), functions=declared)
        text = f"{head.text(names)}\n{loop.text}{body}"
        parts.append(re.sub(r"\bv(\d+)(?=\b|_|u\b)", rf"{name}_v\1", text))
        rows.append(f"    {{{width}, {name}}},\n")
    table = "static const struct { size_t bytes; void (*run)(const void *, void *); } runs[] = {\n"
    return "".join((*parts, "\n", table, *rows, "};\n", MAIN.replace("COUNT", str(count))))

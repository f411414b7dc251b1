"""Functions of C as values: what they print, what they refuse, and that no template declares or calls one by itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from codegen.emission.cfunction import CFunction, numbers, reads, static, writes
from codegen.errors import GenConvError

TEMPLATES = Path(__file__).parents[2] / "templates"
SPELLING = ("simd", "activations", "numbers", "cortex")  # folders of names that are marked, and of assembly
AROUND = ("model", "exports", "firmware")  # a model's own functions, and programs around kernels

GATHER = static("k_gather", *reads("float", "x", alone=False), *numbers("at"), *writes("float", "to"), in_line=2)


def test_a_function_declares_and_calls_itself() -> None:
    assert GATHER.declarator == "static void k_gather(const float *x, ptrdiff_t at,\n    float *restrict to)"
    assert GATHER.of("x + 3", "2 * i", "panel") == "k_gather(x + 3, 2 * i, panel)"
    assert GATHER.call() == "k_gather(x, at, to)"
    assert GATHER.call("panel", at="t - 1") == "k_gather(x, t - 1, panel)"
    assert CFunction("k_outs", numbers("n"), "ptrdiff_t", "static inline").declarator == (
        "static inline ptrdiff_t k_outs(ptrdiff_t n)"
    )


def test_a_call_that_is_not_the_function_s_is_refused() -> None:
    for arguments in ((), ("x", "at"), ("x", "at", "to", "more")):
        with pytest.raises(GenConvError, match=r"k_gather takes \['x', 'at', 'to'\]"):
            GATHER.of(*arguments)
    with pytest.raises(GenConvError, match="'step'"):
        GATHER.call(step="1")
    with pytest.raises(GenConvError, match="4 last ones"):
        GATHER.call("x", "at", "to", "more")


def test_templates_declare_and_call_functions_by_their_values() -> None:
    """No declaration of a function and no call of the kernel's own stands in a template but of the vector spelling."""
    paths = [path for path in TEMPLATES.rglob("*.j2") if path.relative_to(TEMPLATES).parts[0] not in SPELLING + AROUND]
    paths = [path for path in paths if not path.name.endswith(".h.j2")]  # headers define macros of the layer's name
    assert len(paths) > 30
    found = {
        str(path.relative_to(TEMPLATES)): re.findall(
            r"^static (?!const)[^=]*\(.*|\{\{ (?:name|\w+\.name) \}\}\w*\(.*", path.read_text(), re.MULTILINE
        )
        for path in paths
    }
    macros = {"gradients/turn.c.j2"}  # NAME_pick is a macro of the preprocessor
    others = {"dots.c.j2", "dots_channels.c.j2", "requantise/code.c.j2"}  # of layers of int8
    assert {path for path, calls in found.items() if calls} == macros | others

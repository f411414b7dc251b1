"""Fuzz the way from a stranger's .conv to C: a diagnostic, or files whose every token is one of ours.

Half of the texts are definitions with hostile names, strings, words and numbers in their places, half are good
definitions with hostile text thrown in anywhere. A finding is an error that is none of ours, or a word, a string or a
character in the C, lexed by `clexer`, that neither the templates nor the layer's checked name account for.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from codegen import pipeline
from codegen.errors import GenConvError
from codegen.gradients import emit
from codegen.language import reader
from codegen.planning.ask import Ask
from codegen.problem.targets import TARGETS, target_named
from codegen.specs.kinds import Spec
from tests.fuzz import clexer
from tests.fuzz.emitted import Draw

ROOT = Path(__file__).resolve().parent.parent.parent
MARK = "zqx"  # in every hostile word, and in no word of ours
EVIL = (
    *(f"*/ int {MARK}; /*", f"*/{MARK}();", f"/* {MARK}", f"// {MARK}", f"{MARK} \\", f"{MARK} ??/", f"{MARK}???/"),
    *(f"\n#include <{MARK}>", f"\r\n{MARK};", f"\x00{MARK}", f"\u202e{MARK}\u2066", f"\u2028{MARK}", f"é{MARK}"),
    *(f"{{{{ {MARK} }}}}", f"{{% include '{MARK}' %}}", f"{{# {MARK} #}}", f"%s%n{MARK}", f"$({MARK})", f"`{MARK}`"),
    *(f'"); {MARK}(("', f"'; {MARK}", f"{MARK}(1)", f"{MARK}[0]", f"-{MARK}", f"<{MARK}>", f"L'{MARK}'", f"u8{MARK}"),
    *(f"__import__('{MARK}')", f"../{MARK}", f"/etc/{MARK}", f"{MARK}.h", f"a;{MARK}", f"_{MARK}", f"{MARK}\t"),
)
NAMES = (
    f"{MARK}",
    f"{MARK}_1",
    f"A{MARK}9",
    f"{MARK}__{MARK}",
    f"{MARK * 21}",
    "x",
    "y",
    "kernel",
    "main",
    "int",
    "math",
)
NUMBERS = ("1", "2", "3", "0", "-1", "1e3", "0x7", "1_0", "07", "1.5", "1e400", "nan", "inf", "2147483647", "9" * 30)
ENTRIES = {
    "padding": ("same", "valid", "causal", "(1, 2)"),
    "activation": ("relu", "gelu", "softmax", "elu(alpha=0.5)", "leaky_relu(0.1)", "threshold(0.5, -2)"),
    "data_format": ("channels_last", "channels_first"),
    "dtype": ("float32", "float64"),
    "kernel_initializer": ("zeros", "he_normal(seed=7)", "constant(0.5)"),
    "kernel_regularizer": ("L2(1e-4)", "none"),
    "strides": ("1", "2"),
    "use_bias": ("true", "false"),
}
KINDS = ("conv1d", "depthwise_conv1d", "separable_conv1d", "conv1d_transpose")
GOOD = tuple(
    path.read_text("utf-8")
    for path in (*sorted((ROOT / "examples").glob("*.conv")), ROOT / "tests" / "data" / "golden" / "golden.conv")
)
MOST_LAYERS = 3  # of a text that are emitted: its fault would be in each


def run(count: int, seed: int) -> tuple[int, list[str]]:
    """`count` hostile texts; (tried, findings)."""
    draw, findings = Draw(seed), []
    for number in range(count):
        text = _definition(draw) if number % 2 else _thrown_in(draw)
        found = fault(text, draw)
        if found:
            findings.append(f"{found}: {text!r}")
    return count, findings


def fault(text: str, draw: Draw) -> str | None:
    """What is wrong with what becomes of a text, None where nothing is."""
    try:
        specs = reader.read(text, "hostile.conv")
    except GenConvError as error:
        return None if str(error).strip() else "an error without a word"
    except Exception as error:  # whatever else comes out is what is looked for
        return f"{type(error).__name__}: {error}"
    for spec in specs[:MOST_LAYERS]:
        found = _emitted(spec, draw)
        if found:
            return found
    return None


def _emitted(spec: Spec, draw: Draw) -> str | None:
    target = draw.of(tuple(TARGETS))
    try:
        files: tuple[tuple[str, str], ...]
        if draw.of((True, False, False)):
            files = emit.emitted(spec, Ask(target_named(target))).files
        else:
            files = pipeline.generate(spec, target, packed=draw.of((True, False)), sliced=draw.of((True, False))).files
    except GenConvError:
        return None
    except Exception as error:  # as above
        return f"{type(error).__name__}: {error}"
    header = files[1][0]
    faults = (clexer.fault(text, spec.name, header) for _, text in files)
    return next((found for found in faults if found), None)


def _definition(draw: Draw) -> str:
    """A layer or two of few products, most of their places good, some hostile."""
    lines = [f"# {draw.of(EVIL)}".replace("\n", " ").replace("\r", " ")] if draw.of((True, False, False)) else []
    for _ in range(draw.of((1, 1, 2))):
        kind, name = draw.of(KINDS), draw.of((*NAMES, *NAMES, *NAMES, draw.of(EVIL)))
        entries: dict[str, Any] = {"input_shape": draw.of(("(9, 2)", "(None, 2)")), "kernel_size": draw.of(("3", "1"))}
        if kind != "depthwise_conv1d":
            entries["filters"] = draw.of(("2", "4"))
        for entry, values in ENTRIES.items():
            if draw.of((True, False, False)):
                entries[entry] = draw.of(values)
        if draw.of((True, False)):  # one hostile place
            place = draw.of((*entries, "name", draw.of(EVIL)))
            evil = draw.of((*EVIL, *NAMES))
            entries[place] = draw.of((evil, f'"{evil}"', draw.of(NUMBERS), f"constant({evil})", f'elu(alpha="{evil}")'))
        inside = "".join(f"    {entry} = {value}\n" for entry, value in entries.items())
        lines.append(f"{kind} {name} {{\n{inside}}}\n")
    return "\n".join(lines)


def _thrown_in(draw: Draw) -> str:
    """A good text with hostile pieces at any place, or instead of a word, or with a piece taken out."""
    text = draw.of(GOOD)
    for _ in range(draw.of((1, 1, 2, 4))):
        at = draw.of(range(len(text)))
        cut = draw.of((0, 0, 1, 3))
        piece = draw.of((*EVIL, *NAMES, *NUMBERS, '"', "{", "}", "(", ",", "#", "\n", "=", ""))
        text = text[:at] + piece + text[at + cut :]
    return text


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    tried, wrong = run(given.count, given.seed)
    print(*wrong, f"{tried} texts, {len(wrong)} findings", sep="\n")

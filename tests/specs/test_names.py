"""Layers' names as C has them: what is refused, and that what is not compiles and links, as C and as C++."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen import pipeline
from codegen.emission import causal
from codegen.emission.render import GeneratedSource, render
from codegen.errors import PlanError, SpecError, SpecErrors
from codegen.gradients import emit
from codegen.language import reader
from codegen.layers.kinds import Conv1D
from codegen.planning import planner
from codegen.planning.ask import Ask, Stream, clock_named
from codegen.planning.plan import Request
from codegen.planning.streams import StreamPlan
from codegen.problem.targets import TARGETS
from codegen.specs import names
from codegen.specs.kinds import Conv1DSpec, DepthwiseConv1DSpec, Spec
from tests.support import cprogram, strategies
from tests.support.cprogram import WARNINGS

POSIX = ("close", "select", "send", "dlopen", "getline", "poll", "pthread_create", "fork", "bind", "environ", "leaf")
TYPES = ("FILE", "M_PI", "float_t", "signgam", "DIR", "EINTR", "PRId64", "vaddq_f32", "svadd_f32_m", "int8x16x2_t")
HEADERS = ("math", "string", "stdint", "stddef", "features", "immintrin", "arm_neon", "memory", "unistd", "windows")
ODD = (
    *("x", "y", "kernel", "bias", "steps", "workspace", "slice", "t", "a", "w", "b", "v", "s", "c", "lane", "sums"),
    *("vector", "eof", "file", "dir", "b0", "array", "list", "layer_close", "std_", "i", "out", "outs", "step", "H"),
)
CAPITALS = (
    "Close",
    "CLOSE",
    "Signal",
    "EXP",
    "Expf",
    "Linux",
    "While",
    "UInt8_T",
    "Svadd_x",
    "Vaddq_F32",
    "GENCONV_CPU",
)


@pytest.mark.parametrize(
    "name", [*POSIX, *TYPES, *HEADERS, *CAPITALS, "Math", "STRING", "StdInt", "std", "v4w", "v8h_any"]
)
def test_what_c_has_taken_is_refused(name: str) -> None:
    with pytest.raises(SpecErrors) as caught:
        reader.read(f"conv1d {name} {{ input_shape = (9, 2), filters = 2, kernel_size = 3 }}")
    (told,) = caught.value.diagnostics
    assert told.code == "E121"
    assert f"`{name}`" in told.message
    assert told.hint == f"write layer_{name}"
    assert names.taken(f"layer_{name}") is None
    with pytest.raises(SpecError, match="cannot be named"):
        Conv1D(2, 3, name=name)


@pytest.mark.parametrize("suffix", ["pack", "slice", "backward", "out_steps", "KERNEL_NUMBERS", "backward_kernel", "H"])
def test_what_another_layers_c_defines_is_refused(suffix: str) -> None:
    layer = "{ input_shape = (9, 2), filters = 2, kernel_size = 3 }"
    for text in (f"conv1d a {layer}\nconv1d a_{suffix} {layer}", f"conv1d a_{suffix} {layer}\nconv1d a {layer}"):
        with pytest.raises(SpecErrors) as caught:
            reader.read(text)
        (told,) = caught.value.diagnostics
        assert told.code == "E122"
        assert "`a`" in told.message
        assert f"`a_{suffix}`" in told.message


@pytest.mark.parametrize("suffix", ["steps_1", "y_steps", "z_steps", "y_0__steps", "reset"])
def test_what_a_models_c_defines_is_refused(suffix: str) -> None:
    """The functions of its header that tell how many steps a value has, or an output."""
    text = (
        "conv1d c { filters = 2, kernel_size = 3, strides = 2 }\n"
        "model a {\n input x = (None, 3)\n h = c(x)\n output y = h\n output z = max_pool(h, size=2)\n}\n"
    )
    assert reader.read(text) == ()
    layer = "{ input_shape = (9, 2), filters = 2, kernel_size = 3 }\n"
    with pytest.raises(SpecErrors) as caught:
        reader.read(f"{text}conv1d a_{suffix} {layer}")
    assert [(told.code, f"`a_{suffix}`" in told.message) for told in caught.value.diagnostics] == [("E122", True)]


def emissions() -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Files of layers `k0`, `k1`, …: every algorithm, packed and sliced; halves of rows; backward."""
    layers = [*strategies.random_layers(30, 5, strategies.rewritten), *strategies.random_layers(6, 6)]
    layers += [
        *strategies.random_layers(4, 7, strategies.separable),
        *strategies.random_layers(8, 8, strategies.rowwise),
    ]
    for number, layer in enumerate(layers):
        spec = layer.spec(f"k{number}")
        source = pipeline.generate(spec, "avx2", packed=True, sliced=True, accuracy="fast")
        yield spec.name, source.files
        if spec.padding != "same":
            yield spec.name, streamed(spec).files
        if layer.kind == "conv1d" and not layer.free and layer.activation[0] not in strategies.ROWS:
            yield spec.name, emit.emitted(spec, Ask(TARGETS["avx2"])).files
    mixed = DepthwiseConv1DSpec(name="mixed", kernel_size=4, padding="causal", input_shape=(None, 3))
    yield "mixed", causal.emitted(mixed, Ask(TARGETS["avx2"])).files
    for source in of_int8():
        yield "whole", source.files


def of_int8() -> tuple[GeneratedSource, GeneratedSource]:
    """A layer of int8, which has its weights as tables, and its golden vectors."""
    spec = Conv1DSpec(
        name="whole", input_shape=(9, 2), filters=2, kernel_size=3, dtype="int8", input_scale=0.1, input_zero_point=1,
        output_scale=0.1, output_zero_point=2, use_bias=False,
    )  # fmt: skip
    arrays = {"kernel": np.ones((3, 2, 2), np.int8), "kernel_scale": np.ones(2, np.float32)}
    source = pipeline.generate(spec, weights=arrays)
    return source, pipeline.tested(spec, source, arrays)


def streamed(spec: Spec) -> GeneratedSource[StreamPlan]:
    """The layer in blocks, at the rate of its input where it can be."""
    for clock in ("rate", "count"):
        with suppress(PlanError):
            return pipeline.streamed(spec, Ask(TARGETS["avx2"], stream=Stream(clock=clock_named(clock))))
    raise AssertionError(spec)


@pytest.mark.long
def test_the_suffixes_are_all_that_is_emitted() -> None:
    """Files' stems, macros and functions of headers, read from the headers themselves."""
    found, capitals = set(), set()
    for name, files in emissions():
        (stem, header) = files[1]
        defined = set(re.findall(r"^#define (\w+)", header, re.MULTILINE))
        bare = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
        defined |= set(re.findall(r"^(?:(?:static inline )?ptrdiff_t|void|int) (\w+)\(", bare, re.MULTILINE))
        defined |= set(re.findall(r"^} (\w+);", bare, re.MULTILINE))
        capitals |= {word.removeprefix(name.upper()) for word in defined if word.startswith(name.upper())}
        defined = {word for word in defined if not word.startswith(name.upper())}
        found |= {word.removeprefix(name) for word in (*defined, stem.removesuffix(".h"))}
    assert found - {""} == {f"_{suffix}" for suffix in names.SUFFIXES}
    assert capitals == {f"_{suffix}" for suffix in names.MACROS}


def test_capitals_that_two_layers_share_are_left_out() -> None:
    """STEM_OUT_STEPS would be that of `stem` and of `stem_out`; one layer is named as a macro of another."""
    shape = "input_shape = (9, 2), kernel_size = 3"
    specs = reader.read(
        f"conv1d stem {{ {shape}, filters = 2 }}\nconv1d stem_out {{ {shape}, filters = 3, strides = 2 }}\n"
        f"conv1d STEM_FILTERS {{ {shape}, filters = 4 }}"
    )
    beside = [spec.name for spec in specs]
    first, second, third = (pipeline.generate(spec, beside=beside).header for spec in specs)
    assert "#define stem_OUT_STEPS 7\n" in first
    assert "#define STEM_STEPS 9\n" in first
    assert "#define stem_STEPS STEM_STEPS\n" in first
    assert "#define stem_FILTERS 2\n" in first
    assert "#define stem_out_STEPS 9\n" in second
    assert "#define STEM_OUT_CHANNELS 2\n" in second
    assert "#define STEM_FILTERS_FILTERS 4\n" in third
    defined = [word for text in (first, second, third) for word in re.findall(r"#define (\w+)", text)]
    assert len(set(defined)) == len(defined)
    assert not {"STEM_OUT_STEPS", "STEM_FILTERS"} & set(defined)
    assert "#define STEM_OUT_STEPS 7\n" in pipeline.generate(specs[0]).header
    for line in (line for text in (first, second, third) for line in text.splitlines()):
        assert not re.match(r"#define (\w+) \1$", line)


@pytest.mark.compiles
def test_odd_names_compile_and_link(need: Callable[..., Any], tmp_path: Path) -> None:
    """As C99 and as C++17, beside the system's headers, from a folder that stands before theirs."""
    gcc, gxx = need(cprogram.program, "gcc", "gcc"), need(cprogram.program, "g++", "g++")
    layers = "\n".join(f"conv1d {name} {{ input_shape = (4, 1), filters = 1, kernel_size = 2 }}" for name in ODD)
    for spec in reader.read(layers):
        for file, text in pipeline.generate(spec, sliced=True, packed=True).files:
            (tmp_path / file).write_text(text)
    lines = [f'#include "{name}.h"' for name in ODD]
    calls = [
        f"{{ float p[{name}_KERNEL_NUMBERS]; {name}_pack(k, p); {name}(in, p, zero, to); sum += to[2]; }}"
        for name in ODD
    ]
    body = "\n".join(calls)
    main = f"""
        {chr(10).join(lines)}
        int main(void)
        {{
            const float in[4] = {{1, 2, 3, 4}}, k[2] = {{1, 1}}, zero[1] = {{0}};
            float to[4], sum = 0;
            {body}
            return sum == 7 * {len(ODD)} ? 0 : 1;
        }}
    """
    c = "".join(f"#include <{h}.h>\n" for h in ("math", "string", "stdint", "stdio", "stdlib", "unistd", "pthread"))
    cxx = "".join(f"#include <{h}>\n" for h in ("cmath", "cstring", "vector", "array", "list", "thread", "csignal"))
    (tmp_path / "main.c").write_text(c + main)
    (tmp_path / "main.cpp").write_text(cxx + main)
    files = [f"{name}.c" for name in ODD]
    cprogram.compile_c((gcc, *WARNINGS, "-O1", "-I.", "-c", *files), folder=tmp_path)
    objects = [f"{name}.o" for name in ODD]
    cprogram.compile_c((gcc, "-std=c99", "-D_GNU_SOURCE", "-I.", "main.c", *objects, "-o", "c"), folder=tmp_path)
    cprogram.compile_c((gxx, "-std=c++17", "-I.", "main.cpp", *objects, "-o", "cxx"), folder=tmp_path)
    assert [subprocess.run([tmp_path / one], check=False).returncode for one in ("c", "cxx")] == [0, 0]


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@pytest.mark.parametrize("target", ["scalar", "avx2"])
def test_every_word_of_the_c_may_name_a_layer_or_is_refused(
    target: str, need: Callable[..., Any], share: Callable[..., Any], tmp_path: Path
) -> None:
    """Each identifier inside a kernel's own text as the name of that kernel: it compiles, if it is not taken."""
    gcc = need(cprogram.program, "gcc", "gcc")
    makers = (strategies.rewritten, strategies.rowwise, strategies.separable, strategies.transposed)
    files: dict[str, None] = {}
    for number, make in enumerate(makers):
        (layer,) = strategies.random_layers(1, 60 + number, make)
        found = planner.survey(Request(layer.spec("own").lower(), Ask(TARGETS[target], "argument", "fast"))).found
        plan = found[0].asked(sliced=True)
        text = re.sub(r"/\*.*?\*/", "", render(plan, "own").code, flags=re.DOTALL)
        words = {word for word in re.findall(r"[A-Za-z]\w*", text) if not word.startswith("own")}
        free = sorted(word for word in words if names.taken(word) is None and len(word) <= names.LONGEST)
        alike = {re.sub(r"\d+", "#", word): word for word in free}  # of a0_0, a0_1, … one
        assert len(alike) > 15
        for word in share(list(alike.values()), 2):
            for file, written in render(plan, word).files:
                (tmp_path / file).write_text(written)
            files[f"{word}.c"] = None
    flags = (*WARNINGS, *TARGETS[target].flags, "-ffp-contract=off", "-fsyntax-only")
    cprogram.compile_c((gcc, *flags, *files), folder=tmp_path)

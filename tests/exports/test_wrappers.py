"""What build systems take in: CMake builds it, the others' layouts are compiled by hand with their default flags."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from codegen import exports, pipeline
from codegen.cli.commands.generate import EMITTERS
from codegen.cli.main import main
from codegen.emission.render import GeneratedSource
from codegen.errors import UsageError
from codegen.language import reader
from codegen.planning.ask import Ask
from codegen.problem.targets import TARGETS
from tests.support.cprogram import program

TEXT = """
conv1d codes { input_shape = (20, 4), filters = 3, kernel_size = 3, padding = same, dtype = int8, input_scale = 0.1,
    input_zero_point = 0, output_scale = 0.1, output_zero_point = 2 }
conv1d floats { input_shape = (None, 4), filters = 3, kernel_size = 3, padding = same, activation = tanh }
"""
CORE = ("-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16", "--specs=picolibc.specs")
BY_HAND = {  # flags as each tool's core or SDK has them by default for such a chip; none of these tools is here
    "arduino": ("-std=gnu11", "-Os", "-ffunction-sections", "-fdata-sections", "-nostdlib"),
    "platformio": ("-std=gnu11", "-Os", "-ffunction-sections", "-fdata-sections"),
    "zephyr": ("-std=c99", "-Os", "-ffreestanding", "-fno-common", "-fno-strict-aliasing", "-Wall"),
    "esp-idf": ("-std=gnu17", "-Og", "-ffunction-sections", "-fdata-sections", "-Wall", "-Werror=all"),
    "cmsis-pack": ("-std=c99", "-O1", "-ffunction-sections"),
}


def sources() -> list[GeneratedSource]:
    rng = np.random.default_rng(0)
    arrays = {
        "codes": {
            "kernel": rng.integers(-9, 9, (3, 4, 3)).astype(np.int8),
            "kernel_scale": np.full(3, 0.01, np.float32),
            "bias": np.zeros(3, np.int32),
        },
        "floats": {"kernel": np.ones((3, 4, 3), np.float32), "bias": np.zeros(3, np.float32)},
    }
    ask = Ask(TARGETS["cortex-m4"], "baked")
    return [pipeline.emitted(spec, ask, arrays[spec.name]) for spec in reader.read(TEXT, "t")]


def written(word: str, folder: Path) -> Path:
    for name, text in exports.files(word, sources()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder / word


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_command_has_a_word_for_each() -> None:
    assert [word for word in EMITTERS if word in exports.WRAPPERS] == [*exports.WRAPPERS]


@pytest.mark.compiles
def test_cmake_builds_and_runs_on_a_host(tmp_path: Path, need: Callable[..., Any]) -> None:
    need(program, "cmake", "cmake")
    folder = written("cmake", tmp_path)
    run("cmake", "-S", ".", "-B", "build", cwd=folder)
    run("cmake", "--build", "build", cwd=folder)
    run("build/call_layers", cwd=folder)


@pytest.mark.compiles
def test_cmake_builds_the_assembly_for_a_core(tmp_path: Path, need: Callable[..., Any]) -> None:
    need(program, "cmake", "cmake")
    compiler = need(program, "arm-none-eabi-gcc", "gcc-arm-none-eabi picolibc-arm-none-eabi")
    folder = written("cmake", tmp_path)
    given = {
        "CMAKE_SYSTEM_NAME": "Generic",
        "CMAKE_C_COMPILER": compiler,
        "CMAKE_ASM_COMPILER": compiler,
        "CMAKE_TRY_COMPILE_TARGET_TYPE": "STATIC_LIBRARY",
        "CMAKE_C_FLAGS": " ".join(CORE),
        "CMAKE_ASM_FLAGS": " ".join(CORE),
    }
    run("cmake", "-S", ".", "-B", "build", *(f"-D{name}={value}" for name, value in given.items()), cwd=folder)
    run("cmake", "--build", "build", cwd=folder)
    told = run("arm-none-eabi-nm", "-A", "build/libgen_conv_layers.a", cwd=folder)
    [line] = [line for line in told.splitlines() if line.endswith(" T codes")]
    assert ".S" in line


@pytest.mark.compiles
@pytest.mark.parametrize("word", BY_HAND)
def test_layouts_compile_with_the_default_flags(word: str, tmp_path: Path, need: Callable[..., Any]) -> None:
    compiler = need(program, "arm-none-eabi-gcc", "gcc-arm-none-eabi picolibc-arm-none-eabi")
    folder = written(word, tmp_path)
    inside = folder / exports.WRAPPERS[word].sources
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".c", ".S"))
    assert {path.name for path in inside.iterdir() if path.suffix != ".h"} == {"codes.c", "codes.S", "floats.c"}
    for path in files:
        run(compiler, *CORE, *BY_HAND[word], f"-I{inside}", "-c", str(path), "-o", f"{path}.o", cwd=folder)
    for sketch in folder.rglob("*.ino"):
        words = (compiler, *CORE, "-x", "c++", "-std=gnu++11", "-Os", "-fno-exceptions", f"-I{inside}")
        run(*words, "-c", str(sketch), "-o", "sketch.o", cwd=folder)
    assert len(files) == (3 if word == "arduino" else 4)


def test_descriptions_are_what_their_tools_parse() -> None:
    made = {word: dict(exports.files(word, sources())) for word in exports.WRAPPERS}
    assert json.loads(made["platformio"]["platformio/lib/gen_conv_layers/library.json"])["name"] == "gen_conv_layers"
    pack = ElementTree.fromstring(made["cmsis-pack"]["cmsis-pack/gen_conv.gen_conv_layers.pdsc"])
    names = [one.get("name") for one in pack.iter("file")]
    assert names == ["src/", "src/codes.h", "src/floats.h", "src/codes.c", "src/codes.S", "src/floats.c"]
    assert all(f"cmsis-pack/{name}" in made["cmsis-pack"] for name in names[1:])
    properties = made["arduino"]["arduino/gen_conv_layers/library.properties"].splitlines()
    assert {line.partition("=")[0] for line in properties} >= {"name", "version", "author", "sentence", "architectures"}


@pytest.mark.long
def test_files_of_ours_are_replaced_and_others_are_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.conv").write_text("conv1d one { input_shape = (9, 2), filters = 2, kernel_size = 3 }")
    words = [str(tmp_path / "one.conv"), "--init", "--seed", "1", "--emit", "cmake", "-o", str(tmp_path / "out")]
    lists = tmp_path / "out" / "cmake" / "CMakeLists.txt"
    assert main(words) == 0
    text = lists.read_text()
    lists.write_text(text.replace("0.", "1."))
    assert main(words) == 0
    assert lists.read_text() == text
    lists.write_text("project(mine)")
    assert main(words) == 2
    assert "CMakeLists.txt`: not written by gen-conv" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "out")
    assert main([words[0], *words[4:]]) == 2
    assert "`one`: --emit cmake wraps whole layers: give --weights FILE, or --init" in capsys.readouterr().err
    with pytest.raises(UsageError, match="wraps whole layers"):
        exports.files("zephyr", [pipeline.generate(reader.read((tmp_path / "one.conv").read_text(), "t")[0])])

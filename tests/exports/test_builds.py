"""Builds that call the command: CMake, Make, Meson. Nothing is done anew without a change, and all of it after one."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegen.cli import main
from codegen.problem.targets import TARGETS
from tests.support.cprogram import program

ROOT = Path(__file__).resolve().parent.parent.parent
SPEC = "conv1d {name} {{ input_shape = (20, 4), filters = {filters}, kernel_size = 3, activation = relu }}\n"
MAIN = """\
#include <stdio.h>
#include "one.h"
#include "two.h"
static float x[ONE_STEPS * ONE_CHANNELS], y[ONE_OUT_STEPS * ONE_FILTERS], z[TWO_OUT_STEPS * TWO_FILTERS];
int main(void)
{
    one(x, y);
    two(x, z);
    printf("%d %d\\n", ONE_FILTERS, TWO_FILTERS);
    return 0;
}
"""
CMAKE = """\
cmake_minimum_required(VERSION 3.20)
project(app C)
include(gen_conv.cmake)
gen_conv_add(layers net.conv OPTIONS --init --seed 1)
add_executable(app main.c)
target_link_libraries(app PRIVATE layers)
"""
MAKE = """\
all: app
GEN_CONV_SPECS := net.conv
GEN_CONV_FLAGS := --init --seed 1
include gen_conv.mk
app: main.c $(GEN_CONV_LIBRARY) $(GEN_CONV_PC)
\t$(CC) main.c $$(PKG_CONFIG_PATH=$(GEN_CONV_DIR) pkg-config --cflags --libs layers) -o $@
"""
MESON = """\
project('app', 'c')
gen_conv = find_program('gen-conv')
options = ['--init', '--seed', '1', '-o', meson.current_build_dir()]
outputs = run_command(gen_conv, files('net.conv'), options, '--list-outputs', check: true).stdout().strip().split('\\n')
names = []
foreach path : outputs
  names += fs.name(path)
endforeach
layers = custom_target('layers', input: 'net.conv', output: names, depfile: 'layers.d',
  command: [gen_conv, '@INPUT@', options, '--quiet', '--depfile', '@DEPFILE@'])
executable('app', 'main.c', layers, c_args: ['-ffp-contract=off'])
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with net.conv and main.c, and this gen-conv on the PATH."""
    monkeypatch.chdir(tmp_path)
    command = tmp_path / "bin" / "gen-conv"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m codegen "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    write(4)
    Path("main.c").write_text(MAIN)
    return tmp_path


def write(filters: int) -> None:
    Path("net.conv").write_text(SPEC.format(name="one", filters=filters) + SPEC.format(name="two", filters=2))


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def times() -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in Path().rglob("*.o")}


def later(path: str) -> None:
    """Give the file a time after all that is there, and no time to come: Meson refuses a file of the future."""
    newest = max(each.stat().st_mtime_ns for each in Path().rglob("*") if each.is_file())
    while Path(path).stat().st_mtime_ns <= newest:
        os.utime(path)


def held(build: Callable[[], object], app: str) -> None:
    """Build, again without a change, after a change of one layer, and again after a touch alone."""
    build()
    assert run(app) == "4 2\n"
    before = times()
    assert before
    build()
    assert times() == before
    write(6)
    later("net.conv")
    build()
    assert run(app) == "6 2\n"
    after = times()
    assert {name for name in after if after[name] != before.get(name)} >= {name for name in after if "one" in name}
    assert all(after[name] == before[name] for name in after if "two" in name)
    build()
    assert times() == after


@pytest.mark.compiles
def test_cmake(project: Path, need: Callable[..., Any]) -> None:
    need(program, "cmake", "cmake")
    need(program, "ninja", "ninja-build")
    assert main.main(["new", "gen_conv.cmake", "-q"]) == 0
    Path("CMakeLists.txt").write_text(CMAKE)
    run("cmake", "-S", ".", "-B", "out", "-G", "Ninja")
    held(lambda: run("cmake", "--build", "out"), "out/app")
    assert "no work to do" in run("cmake", "--build", "out")


@pytest.mark.compiles
def test_cmake_with_a_target_for_each_cpu(project: Path, need: Callable[..., Any]) -> None:
    """Each file is compiled for its own target, and the program runs on a CPU that has none but the last."""
    need(program, "cmake", "cmake")
    need(program, "ninja", "ninja-build")
    if platform.machine() != "x86_64":
        pytest.skip("avx2 and avx512 are compiled on x86_64 alone")
    assert main.main(["new", "gen_conv.cmake", "-q"]) == 0
    Path("CMakeLists.txt").write_text(CMAKE.replace("net.conv", "net.conv TARGET avx2,avx512,scalar"))
    run("cmake", "-S", ".", "-B", "out", "-G", "Ninja", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
    run("cmake", "--build", "out")
    assert run("out/app") == "4 2\n"
    commands = {
        Path(one["file"]).name: one["command"] for one in json.loads(Path("out/compile_commands.json").read_text())
    }
    flags = {name: {word for word in command.split() if word.startswith("-m")} for name, command in commands.items()}
    assert {"one.c", "one_avx2.c", "one_avx512.c", "one_scalar.c"} < set(flags)
    for target in ("avx2", "avx512", "scalar"):
        assert flags[f"two_{target}.c"] == set(TARGETS[target].flags)
    assert flags["one.c"] == set()


@pytest.mark.compiles
def test_make(project: Path, need: Callable[..., Any]) -> None:
    need(program, "make", "make")
    need(program, "pkg-config", "pkg-config")
    assert main.main(["new", "gen_conv.mk", "-q"]) == 0
    Path("Makefile").write_text(MAKE)
    held(lambda: run("make"), "./app")


@pytest.mark.compiles
def test_meson(project: Path, need: Callable[..., Any]) -> None:
    need(program, "meson", "meson")
    need(program, "ninja", "ninja-build")
    Path("meson.build").write_text(MESON.replace("project('app', 'c')", "project('app', 'c')\nfs = import('fs')"))
    run("meson", "setup", "out")
    held(lambda: run("ninja", "-C", "out"), "out/app")


def test_a_file_for_builds_is_told_by_name(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["new", "conv.cmake"]) == 2
    assert "there are gen_conv.cmake and gen_conv.mk" in capsys.readouterr().err
    assert main.main(["new", "gen_conv.mk"]) == 0
    assert main.main(["new", "gen_conv.mk"]) == 2


class TestOptions:
    def test_outputs_are_listed_and_not_written(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main.main(["net.conv", "--list-outputs", "--emit", "c,backward", "--header", "all.h", "-o", "o"]) == 0
        wanted = ["one.c", "one.h", "two.c", "two.h", "one_backward.c", "one_backward.h", "two_backward.c"]
        wanted += ["two_backward.h", "all.h"]
        assert capsys.readouterr().out.split() == [f"o/{name}" for name in wanted]
        assert not Path("o").exists()

    def test_a_rule_names_what_was_read(self, project: Path) -> None:
        Path("a b#$.conv").write_text(Path("net.conv").read_text())
        assert main.main(["a b#$.conv", "-q", "-o", "o", "--depfile", "d/x.d"]) == 0
        assert Path("d/x.d").read_text() == "o/one.c o/one.h o/two.c o/two.h: a\\ b\\#$$.conv\n"
        assert main.main(["net.conv", "-q", "-o", "o", "--depfile", "x.d", "--stamp", "x.stamp"]) == 0
        assert Path("x.d").read_text() == "x.stamp: net.conv\n"

    def test_a_stamp_is_new_each_time_and_files_are_not(self, project: Path) -> None:
        words = ["net.conv", "-q", "-o", "o", "--stamp", "x.stamp"]
        assert main.main(words) == 0
        before = Path("o/one.c").stat().st_mtime_ns
        os.utime("x.stamp", ns=(0, 0))
        assert main.main(words) == 0
        assert Path("x.stamp").stat().st_mtime_ns > 0
        assert Path("o/one.c").stat().st_mtime_ns == before

    def test_no_stamp_after_an_error(self, project: Path) -> None:
        Path("net.conv").write_text("conv1d x {")
        assert main.main(["net.conv", "-q", "-o", "o", "--stamp", "x.stamp", "--depfile", "x.d"]) == 1
        assert not Path("x.stamp").exists()
        assert not Path("x.d").exists()

    @pytest.mark.parametrize("word", ["--stamp", "--depfile"])
    @pytest.mark.parametrize(
        ("place", "why"),
        [
            ("/dev/null", "`/dev/null` is a device"),
            ("folder", "`folder` is a folder"),
            ("net.conv", "that file is read"),
            ("o/../o/one.h", "that file is written with the C"),
        ],
    )
    def test_nothing_is_written_where_one_of_them_cannot_be(
        self, project: Path, capsys: pytest.CaptureFixture[str], word: str, place: str, why: str
    ) -> None:
        Path("folder").mkdir()
        text = Path("net.conv").read_text()
        assert main.main(["net.conv", "-q", "-o", "o", word, place]) == 2
        assert why in capsys.readouterr().err
        assert not Path("o").exists()
        assert Path("net.conv").read_text() == text

    def test_a_rule_and_its_stamp_are_two_files(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main.main(["net.conv", "-q", "-o", "o", "--depfile", "x", "--stamp", "./x"]) == 2
        assert "that file is the --depfile" in capsys.readouterr().err
        assert not Path("x").exists()

    def test_a_model_keeps_its_weights_under_a_prefix(self, project: Path) -> None:
        """Also of a layer that is emitted beside it, and of one that is called as another is with the prefix."""
        names = ("low", "my_low")
        layers = [f"conv1d {name} {{ input_shape = (9, 2), filters = 2, kernel_size = 3 }}" for name in names]
        model = "model both { input x = (9, 2); output y = low(x) + my_low(x) }"
        (project / "both.conv").write_text("\n".join([*layers, model.replace("; ", "\n"), ""]))
        for folder, more in (("o", []), ("p", ["--prefix", "my_"])):
            assert main.main(["both.conv", "-q", "-o", folder, "--init", "--seed", "1", *more]) == 0
        for name in (*names, "both"):
            bare, begun = (project / folder / f"{word}{name}.c" for folder, word in (("o", ""), ("p", "my_")))
            tables = [re.findall(r"= \{([^{}]*)\};", path.read_text()) for path in (bare, begun)]
            assert tables[0] == tables[1]
            assert any("f" in table for table in tables[0])

    def test_a_prefix_begins_all_names(self, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main.main(["net.conv", "-q", "-o", "o", "--prefix", "my_", "--init", "--seed", "1"]) == 0
        assert sorted(path.name for path in Path("o").iterdir()) == ["my_one.c", "my_one.h", "my_two.c", "my_two.h"]
        text = Path("o/my_one.h").read_text()
        assert "#define MY_ONE_FILTERS 4" in text
        assert "void my_one(" in text
        assert main.main(["net.conv", "-q", "-o", "o", "--prefix", "my_", "--init", "--seed", "1", "--check"]) == 0
        for word in ("9", "a-b", "x;y", ""):
            assert main.main(["net.conv", "-o", "p", "--prefix", word]) == 2
        Path("net.conv").write_text(SPEC.format(name="trlen", filters=2))
        assert main.main(["net.conv", "-o", "p", "--prefix", "s"]) != 0
        assert "cannot be named `strlen`" in capsys.readouterr().err
        assert not Path("p").exists()

    def test_a_header_includes_the_others(self, project: Path) -> None:
        words = ["net.conv", "-q", "-o", "o", "--header", "all.h"]
        assert main.main(words) == 0
        assert [line for line in Path("o/all.h").read_text().splitlines() if "#include" in line] == [
            '#include "one.h"',
            '#include "two.h"',
        ]
        assert main.main([*words, "--check"]) == 0
        assert main.main(["net.conv", "-q", "-o", "o", "--check"]) == 1  # it is left over

    @pytest.mark.parametrize("words", ["--stamp s --check", "--depfile d -o -", "--list-outputs --diff"])
    def test_of_written_files_alone(self, project: Path, words: str) -> None:
        assert main.main(["net.conv", *words.split()]) == 2
        assert not Path("build").exists()

"""Tests do not lean on each other: a cache for each, each alone, and those that compile say so."""

from __future__ import annotations

import os
import subprocess
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.machine import cache, compilers, loader, self_test
from tests.support import alone, cprogram, isolation, precompiled, rotation

ROOT = Path(__file__).parent.parent
LEANING = """
import os
import codegen
import numpy as np
found = []
def test_first(): found.append(1)
def test_second(): assert found, "leans on the first"
def test_has_an_empty_cache(): assert not os.path.exists(os.environ["GENCONV_CACHE_DIR"])
"""
COMPILING = """
import subprocess
import codegen
import numpy as np
import pytest
def test_starting(): subprocess.run(["true"])
def test_unMarked(): codegen.Conv1D(1, 2)(np.ones((1, 9, 1), "f"))
@pytest.mark.compiles
def test_Marked(): codegen.Conv1D(1, 2)(np.ones((1, 9, 1), "f"))
"""


def run(folder: Path, text: str, *options: str) -> tuple[int, str]:
    """pytest's exit code and output for a folder with one file of tests and this project's options."""
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.conftest"]\n')
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = compiles: as in pyproject.toml\n")
    (folder / "test_one.py").write_text(text)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        words,
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.compiles
def test_nothing_that_a_neighbour_compiled_serves(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Of the same text in another test the compiler's work is spared, and nothing of what follows."""
    isolation.spare_the_compiler(monkeypatch, tmp_path_factory)  # as every test but with --alone
    proved, built, x = [], [], np.ones((1, 9, 1), "f")
    real = self_test.prove
    monkeypatch.setattr(loader.self_test, "prove", lambda *given: (proved.append(1), real(*given)))
    build = compilers.Compiler.build
    monkeypatch.setattr(compilers.Compiler, "build", lambda *given: (built.append(1), build(*given))[1])
    for test in range(3):
        isolation.forget()
        monkeypatch.setenv("GENCONV_CACHE_DIR", isolation.empty_cache(tmp_path_factory))
        assert not cache.root().exists()
        assert codegen.Conv1D(1, 2, kernel_initializer="ones", input_shape=(9, 1))(x)[0, 0, 0] == 2
        assert len(list((cache.root() / "kernels").glob("*.so"))) == 1
        assert (len(proved), len(built) <= 1) == (test + 1, True)


@pytest.mark.live
def test_a_test_that_leans_on_another_fails_alone(tmp_path: Path) -> None:
    code, said = run(tmp_path, LEANING)
    assert (code, "3 passed" in said) == (0, True), said
    code, said = run(tmp_path, LEANING, "--alone", "1/1")
    assert code == 1
    assert "1 failed, 2 passed" in said
    assert "leans on the first" in said


@pytest.mark.live
def test_a_test_that_compiles_or_starts_a_program_says_so(tmp_path: Path) -> None:
    if compilers.find() is None:
        pytest.skip("needs a C compiler")
    code, said = run(tmp_path, COMPILING, "-m", "not compiles and not live")
    assert code == 1
    assert "2 failed, 1 deselected" in said
    assert "it starts ['true'] and does not say so: give it @pytest.mark.compiles, or live" in said
    assert said.count("and does not say so: give it @pytest.mark.compiles") >= 2


@pytest.mark.compiles
def test_a_precompiled_header_changes_no_byte(
    need: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two texts of one header: the first reads it, the second has it precompiled, with the same object in the end."""
    gcc = need(cprogram.program, "gcc", "gcc")
    monkeypatch.setattr(precompiled, "HEADERS", ("stdint.h",))
    monkeypatch.setattr(precompiled, "kept", tmp_path / "kept")
    text, objects = "#include <stdint.h>\nint32_t f(int32_t x) { return x + INT32_C(3); }\n", []
    precompiled.keep(tmp_path / "kept")
    (tmp_path / "f.c").write_text(text)
    command = (gcc, "-std=c99", "-Og", "-c", "f.c", "-o")
    for number in range(2):
        more = precompiled.words(command, [text])
        assert more == (() if not number else ("-include", str(next((tmp_path / "kept").glob("*/stdint.h")))))
        words = (*command, f"{number}.o", *more, "-Winvalid-pch", "-Werror")
        subprocess.run(words, cwd=tmp_path, check=True)
        objects.append((tmp_path / f"{number}.o").read_bytes())
    assert objects[0] == objects[1]
    assert len(list((tmp_path / "kept").glob("*/stdint.h.gch"))) == 1
    for other in ("int f;", "#define _GNU_SOURCE\n" + text):
        assert precompiled.words(command, [text, other]) == ()
    assert precompiled.words(("tcc", *command[1:]), [text]) == ()


def test_shares_are_numbered_from_one() -> None:
    assert alone.share("3/10") == (3, 10)
    for wrong in ("0/10", "11/10", "3", "a/b", "3/"):
        with pytest.raises(ArgumentTypeError, match="expected K/N with 1 <= K <= N"):
            alone.share(wrong)


@dataclass(frozen=True)
class Marked:
    """What `rotation` asks of a test."""

    nodeid: str
    parts: int = 0
    mark: str = "in_turn"
    place: tuple[str, ...] = ()

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        return getattr(pytest.mark, name)(self.parts, *self.place).mark if self.parts and name == self.mark else None


def in_turn(items: Sequence[Marked], turn: int) -> list[Marked]:
    return rotation.in_turn(items, turn)  # type: ignore[arg-type, return-value]  # as much of a test as it looks at


def test_parameters_take_turns() -> None:
    others, sweep = [Marked("a.py::one[x]"), Marked("a.py::two")], [Marked(f"a.py::sweep[{i}]", 3) for i in range(7)]
    turns = [in_turn([*sweep[:4], *others, *sweep[4:]], turn) for turn in range(3)]
    assert all(one in taken for taken in turns for one in others)
    assert sorted(item.nodeid for taken in turns for item in taken if item in sweep) == [one.nodeid for one in sweep]
    assert sorted(len(taken) - 2 for taken in turns) == [2, 2, 3]
    assert [in_turn(sweep[:1], turn) for turn in range(3)] == [sweep[:1]] * 3  # asked for by its name
    assert [len(in_turn(sweep[:2], turn)) for turn in range(3)] == [1, 1, 1]


def test_tests_of_one_place_have_the_same_parameters() -> None:
    both = [Marked(f"a.py::{test}[{i}]", 4, place=("made",)) for test in ("one", "two") for i in range(12)]
    for turn in range(4):
        words = [item.nodeid.removeprefix("a.py::") for item in in_turn(both, turn)]
        assert len(words) == 6
        assert {word[3:] for word in words[:3]} == {word[3:] for word in words[3:]}


def test_the_quick_loop_runs_a_part_of_the_long_tests() -> None:
    """Each of them once in so many turns, and all others always."""
    others, long = [Marked("a.py::one"), Marked("a.py::two", 3)], [Marked(f"a.py::l{i}", 1, "long") for i in range(40)]
    turns = [rotation.quick([*others, *long], turn) for turn in range(rotation.QUICK)]  # type: ignore[list-item]  # as above
    assert all(taken[:2] == others for taken in turns)
    assert sorted(item.nodeid for taken in turns for item in taken[2:]) == sorted(one.nodeid for one in long)
    assert max(map(len, turns)) < 20


def test_the_ci_runs_each_share_in_its_turn() -> None:
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert '--alone "$share/10"' in script
    assert "-m 'not compiles and not live'" in script

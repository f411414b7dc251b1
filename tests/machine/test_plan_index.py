"""The warm path: a plan's library is found without its text, and never another plan's."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen import installed
from codegen.emission.render import GeneratedSource, render
from codegen.functions import activations
from codegen.machine import cache, loader, making, plan_index
from codegen.planning import planner
from codegen.planning.algorithms.table import ALGORITHMS
from codegen.planning.ask import Ask
from codegen.planning.plan import Algorithm, KernelPlan, Request
from codegen.problem import reference
from codegen.problem.chain import separable
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.stages import ending
from codegen.problem.targets import TARGETS, native
from tests.support import strategies

pytestmark = pytest.mark.compiles

WAKE = ConvProblem(20, 5, 8, 3, pad_left=1, pad_right=1)
KEY, OTHER = "5e" * 32, "ab" * 32
PROBLEMS = (
    WAKE,
    replace(WAKE, steps=None),
    replace(WAKE, channels_last=False),
    replace(WAKE, dtype="float64"),
    ConvProblem(64, 16, 16, 3, pad_left=1, pad_right=1),
    ConvProblem(64, 16, 16, 9, pad_left=4, pad_right=4),
    ConvProblem(64, 16, 16, 3, stride=2, pad_left=1),
    ConvProblem(64, 16, 16, 3, channels_last=False),
    ConvProblem(64, 2, 8, 8, stride=4, channels_last=False),
    ConvProblem(64, 16, 16, 3, dilation=2),
    ConvProblem(64, 16, 16, 4, groups=16),
    ConvProblem(400, 1, 1, 65),
    ConvProblem(400, 3, 3, 65, groups=3),
    ConvProblem(None, 2, 2, 400, groups=2),
    ConvProblem(64, 16, 48, 3, groups=4),
    ConvProblem(64, 16, 16, 3, up=2),
    separable(ConvProblem(64, 16, 16, 3), 2),
    ConvProblem(64, 16, 16, 3, epilogue=ending(activation=activations.get("softmax"))),
)


@pytest.fixture(autouse=True)
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, in a process that trusts the package's files: these may have been edited just now."""
    monkeypatch.setenv("GENCONV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_PRIVATE", {})
    monkeypatch.setattr(installed, "fingerprint", lambda: "as it is")
    with cache.folder() as place:
        return place.path


def recall(name: str) -> str | None:
    with cache.folder() as place:
        return plan_index.recall(name, place)


class Writer:
    """Renders, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, plan: KernelPlan) -> GeneratedSource:
        self.count += 1
        return render(plan, "conv1d")


def written(plan: KernelPlan, threads: int = 1) -> int:
    """How often the text is rendered until the kernel of `plan` is there, which then gives the reference's numbers."""
    writer = Writer()
    kernel = loader.load_plan(plan, writer, threads)
    p, rng = plan.problem, np.random.default_rng(3)
    steps = p.steps or 50
    x, w = (rng.integers(-4, 5, size).astype(p.dtype) for size in (p.in_shape(2, steps), p.kernel_shape))
    bias = rng.integers(-4, 5, p.filters).astype(p.dtype)
    y = np.empty(p.out_shape(2, steps), p.dtype)
    kernel.run(x, y, kernel.pack(w), bias)
    np.testing.assert_allclose(y, reference.convolve(p, x, w, bias), atol=1e-3)
    return writer.count


def plan_of(problem: ConvProblem = WAKE, **changes: Any) -> KernelPlan:
    return replace(planner.plan(problem, Ask(native(), "packed")), **changes)


def test_the_second_load_renders_nothing(kernels: Path) -> None:
    plan = plan_of()
    assert [written(plan), written(plan), written(plan)] == [1, 0, 0]
    (entry,), (left,) = kernels.glob("*.so"), kernels.glob("*.alias")
    assert left.read_text().splitlines()[0] == entry.stem
    assert left.stat().st_mode & 0o077 == 0
    assert loader.load(render(plan, "conv1d"), plan.target).path == entry


def test_whatever_changes_asks_for_another_text(kernels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of()
    assert written(plan) == 1
    assert written(plan_of(replace(WAKE, filters=9))) == 1
    assert written(planner.plan(WAKE, Ask(TARGETS["scalar"], "packed"))) == 1
    monkeypatch.setenv("GENCONV_CC", "cc -g0")
    assert [written(plan), written(plan)] == [1, 0]
    monkeypatch.setattr(making, "__version__", "0.0.0")
    assert [written(plan), written(plan)] == [1, 0]
    monkeypatch.setattr(installed, "fingerprint", lambda: "edited")
    assert [written(plan), written(plan)] == [1, 0]
    monkeypatch.setattr(installed, "fingerprint", lambda: None)
    assert [written(plan), written(plan)] == [1, 1]


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"\xff" * 130, b"5e" * 32, b"5e" * 32 + b"\n", b"5E" * 32 + b"\n" + b"5e" * 32 + b"\n"],
)
def test_a_torn_or_odd_alias_counts_as_none_and_is_replaced(kernels: Path, content: bytes) -> None:
    plan = plan_of()
    written(plan)
    (left,) = kernels.glob("*.alias")
    whole = left.read_bytes()
    for odd in (content, whole[:-1], whole + b"\n", whole.replace(whole[:1], b"g")):
        left.write_bytes(odd)
        assert [written(plan), written(plan)] == [1, 0], odd
        assert left.read_bytes() == whole


def test_every_other_digit_of_an_alias_is_refused(kernels: Path) -> None:
    plan_index.remember(KEY, kernels / f"{OTHER}.so")
    path = kernels / f"{KEY}.alias"
    whole = path.read_text()
    assert recall(KEY) == OTHER
    for at, digit in enumerate(whole):
        path.write_text(whole[:at] + ("0" if digit != "0" else "1") + whole[at + 1 :])
        assert recall(KEY) is None, at


def test_an_alias_under_another_name_is_not_taken(kernels: Path) -> None:
    """The wrong kernel would be whole, sealed and of the right target."""
    one, other = plan_of(), plan_of(replace(WAKE, filters=9))
    written(one)
    (first,) = kernels.glob("*.alias")
    written(other)
    (second,) = set(kernels.glob("*.alias")) - {first}
    second.write_bytes(first.read_bytes())
    assert [written(other), written(other), written(one)] == [1, 0, 0]


def test_only_an_alias_that_we_alone_can_have_written_is_taken(kernels: Path, tmp_path: Path) -> None:
    plan = plan_of()
    written(plan)
    (left,) = kernels.glob("*.alias")
    left.chmod(0o622)
    assert written(plan) == 1
    shutil.copy(left, tmp_path / "elsewhere")
    for make in (left.symlink_to, left.hardlink_to):
        left.unlink()
        make(tmp_path / "elsewhere")
        assert written(plan) == 1
    left.unlink()
    os.mkfifo(left)
    assert [written(plan), written(plan)] == [1, 0]


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-1])])
def test_an_alias_whose_entry_is_gone_or_torn_builds_it_again(kernels: Path, damage: Any) -> None:
    plan = plan_of()
    written(plan)
    (entry,) = kernels.glob("*.so")
    whole = entry.stat().st_size
    damage(entry)
    assert [written(plan), written(plan)] == [1, 0]
    assert entry.stat().st_size == whole


def test_slices_and_threads_have_kernels_of_their_own(kernels: Path) -> None:
    plan = plan_of().asked(sliced=True)
    assert [written(plan_of()), written(plan, 2), written(plan, 2)] == [1, 1, 0]
    assert [written(plan, 1), written(plan_of())] == [0, 0]
    assert loader.load_plan(plan, Writer(), 2).threads == 2  # type: ignore[union-attr]  # there is a compiler


def test_a_private_folder_keeps_no_alias(kernels: Path) -> None:
    plan_index.remember(KEY, kernels.parent / "elsewhere" / f"{OTHER}.so")
    assert recall(KEY) is None


def test_an_alias_that_is_long_unused_goes(kernels: Path) -> None:
    plan_index.remember(KEY, kernels / f"{OTHER}.so")
    plan_index.remember(OTHER, kernels / f"{OTHER}.so")
    for name in (KEY, OTHER):
        os.utime(kernels / f"{name}.alias", (0, 0))
    assert recall(KEY) == OTHER  # used now
    written(plan_of())
    assert recall(KEY) == OTHER
    assert recall(OTHER) is None


TWO = """
from codegen.machine import loader
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen import installed
from codegen.problem.conv_problem import ConvProblem
from codegen.emission.render import render
from codegen.problem.targets import native
installed.fingerprint = lambda: "as it is"
count = 0
def write(plan):
    global count
    count += 1
    return render(plan, "conv1d")
plan = planner.plan(ConvProblem(20, 5, 8, 3, pad_left=1, pad_right=1), Ask(native(), "packed"))
print(loader.load_plan(plan, write).path.name, count)
"""


def test_processes_at_once_agree_and_later_ones_render_nothing(kernels: Path) -> None:
    def some(count: int) -> list[list[str]]:
        command = [sys.executable, "-c", TWO]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
        return [process.communicate(timeout=120)[0].split() for process in running]

    first, then = some(3), some(2)
    assert len({name for name, _ in first + then}) == 1
    assert [count for _, count in then] == ["0", "0"]
    assert len(list(kernels.glob("*.alias"))) == 1


# The package's files.


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package, all of it older than this process."""
    monkeypatch.undo()
    root = tmp_path / "copy"
    for name, source in (("codegen", installed.PACKAGE), ("templates", installed.folder("templates"))):
        shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(installed, "PACKAGE", root / "codegen")
    monkeypatch.setattr(installed, "STARTED", 1 << 62)
    return root


def state() -> str | None:
    installed.fingerprint.cache_clear()
    try:
        return installed.fingerprint()
    finally:
        installed.fingerprint.cache_clear()


@pytest.mark.parametrize("file", ["codegen/emission/direct_filters.py", "templates/tile.c.j2", "templates/abi.h"])
def test_an_edited_added_or_removed_file_is_another_package(package: Path, file: str) -> None:
    states = [state()]
    assert states[0] == state()
    path = package / file
    path.write_text(path.read_text() + "\n")
    states.append(state())
    shutil.copy(path, path.with_name("added" + path.suffix))
    states.append(state())
    path.unlink()
    states.append(state())
    assert None not in states
    assert len(set(states)) == 4


def test_the_same_length_at_another_time_is_another_package(package: Path) -> None:
    path = package / "templates" / "tile.c.j2"
    status, before = path.stat(), state()
    path.write_text(path.read_text().replace("the", "The"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # the change of its inode cannot be hidden
    assert path.stat().st_size == status.st_size
    assert state() != before


def test_a_file_changed_since_this_process_started_leaves_no_trust(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = max(path.stat().st_ctime_ns for path in package.rglob("*") if path.is_file())
    monkeypatch.setattr(installed, "STARTED", newest)
    assert state() is not None
    monkeypatch.setattr(installed, "STARTED", newest - 1)
    assert state() is None
    assert plan_index.name("anything") is None


# What a plan's repr must be.


def plain(value: Any) -> bool:
    """Whether repr tells all of it, and tells it alike in each process."""
    if isinstance(value, Algorithm):
        return ALGORITHMS[repr(value)] == value
    if dataclasses.is_dataclass(value):
        return all(field.repr and plain(getattr(value, field.name)) for field in dataclasses.fields(value))
    if isinstance(value, tuple):
        return all(map(plain, value))
    return value is None or type(value) in (str, int, float, bool)


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
@pytest.mark.parametrize("accuracy", ["exact", "wide"])
def test_a_plans_repr_is_the_whole_plan(problem: ConvProblem, accuracy: Any) -> None:
    found = planner.survey(Request(problem, Ask(TARGETS["avx2"], "packed", accuracy))).found
    assert all(map(plain, found))
    assert len({repr(plan) for plan in found}) == len(set(found))
    for plan in found:
        for one in dataclasses.fields(plan.schedule):  # type: ignore[arg-type]  # every schedule is a dataclass
            assert f"{one.name}={getattr(plan.schedule, one.name)!r}" in repr(plan)


def test_the_problems_here_have_a_plan_of_every_algorithm() -> None:
    asked = [Request(problem, Ask(TARGETS["avx2"], "packed", "wide")) for problem in PROBLEMS]
    assert {plan.algorithm.name for each in asked for plan in planner.survey(each).found} == strategies.FLOATING

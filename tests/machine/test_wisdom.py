"""Wisdom: measured once, taken ever after; a file from anywhere can only choose among the planner's own plans."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import codegen
from codegen import pipeline
from codegen.cli import main
from codegen.errors import UsageError
from codegen.functions.activations import get
from codegen.language.reader import read
from codegen.machine import compilers, measure, wisdom
from codegen.machine.compilers import Compiler
from codegen.planning import planner
from codegen.planning.ask import Ask
from codegen.planning.plan import KernelPlan, Request
from codegen.problem.chain import separable
from codegen.problem.conv_problem import ConvProblem
from codegen.problem.epilogue import Epilogue
from codegen.problem.stages import ending
from codegen.problem.targets import TARGETS, native

HERE = native()
SMALL = ConvProblem(64, 8, 16, 3)
REQUEST = Request(SMALL, Ask(HERE, "packed", "fast"))
GCC = Compiler(("/usr/bin/gcc",), "gcc", "gcc (Debian 12.2.0-14) 12.2.0", "0" * 64)
TEXT = "conv1d stem { input_shape = (64, 8), filters = 16, kernel_size = 3, activation = leaky_relu }"

needs_compiler = pytest.mark.skipif(compilers.find() is None, reason="needs a C compiler")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENCONV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("GENCONV_WISDOM", raising=False)
    return tmp_path


def last(request: Request) -> KernelPlan:
    """A plan that no estimate would take."""
    return planner.survey(request).found[-1]


def remember(request: Request, plan: KernelPlan, compiler: Compiler = GCC, file: Path | None = None) -> None:
    wisdom.remember(request, compiler, plan, 1.5e-6, "words", file)


def recall(request: Request, compiler: Compiler | None = GCC, file: Path | None = None) -> str | None:
    entry = wisdom.recall(request, compiler, file)
    return entry.key if entry else None


# The file


def test_where_it_lies(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wisdom.path() == folder / "cache" / "wisdom"
    monkeypatch.setenv("GENCONV_WISDOM", str(folder / "mine"))
    remember(REQUEST, last(REQUEST))
    assert (folder / "mine").read_text().startswith(f"v2 {HERE.name} packed fast ")
    assert recall(REQUEST) == last(REQUEST).key


def test_what_is_asked_is_what_is_answered() -> None:
    """Nothing known of one question answers another; baked weights are packed ones."""
    remember(REQUEST, last(REQUEST))
    assert recall(replace(REQUEST, ask=replace(REQUEST.ask, weights="baked"))) == last(REQUEST).key
    others = (
        replace(REQUEST, ask=replace(REQUEST.ask, weights="argument")),
        replace(REQUEST, ask=replace(REQUEST.ask, accuracy="exact")),
        replace(REQUEST, ask=replace(REQUEST.ask, target=TARGETS["scalar"])),
        *(
            replace(REQUEST, problem=replace(SMALL, **change))
            for change in (
                {"steps": None}, {"steps": 65}, {"channels": 16}, {"kernel_size": 4}, {"stride": 2}, {"dilation": 2},
                {"groups": 2}, {"pad_left": 1}, {"pad_right": 1}, {"centred": True}, {"channels_last": False},
                {"dtype": "float64"}, {"epilogue": Epilogue()},
            )
        ),
    )  # fmt: skip
    assert [recall(other) for other in others] == [None] * len(others)
    assert recall(REQUEST, replace(GCC, version="clang version 14.0.6")) is None
    assert recall(REQUEST, replace(GCC, command=("/usr/bin/gcc", "-m32"))) is None
    assert recall(REQUEST, replace(GCC, command=("/opt/gcc",), identity="1" * 64)) == last(REQUEST).key


def test_options_of_activations_are_part_of_the_question() -> None:
    specs = [read(TEXT.replace("leaky_relu", f"leaky_relu(negative_slope={slope})"), "x")[0] for slope in (0.1, 0.25)]
    first, second = (pipeline.request(spec, Ask(HERE, "packed", "fast")) for spec in specs)
    remember(first, last(first))
    assert recall(first) == last(first).key
    assert recall(second) is None


def test_emission_takes_the_latest_of_any_compiler() -> None:
    plans = planner.survey(REQUEST).found
    remember(REQUEST, plans[1])
    remember(REQUEST, plans[2], replace(GCC, version="clang version 14.0.6"))
    assert recall(REQUEST, None) == plans[2].key
    remember(REQUEST, plans[0])
    assert recall(REQUEST, None) == plans[0].key
    assert len(wisdom.path().read_text().splitlines()) == 2


def test_export_import_forget(folder: Path) -> None:
    remember(REQUEST, last(REQUEST))
    assert wisdom.export_to(folder / "out") == 1
    wisdom.forget()
    wisdom.forget()
    assert recall(REQUEST) is None
    remember(REQUEST, planner.survey(REQUEST).found[0])
    other = replace(REQUEST, ask=replace(REQUEST.ask, accuracy="exact"))
    remember(other, last(other))
    assert wisdom.import_from(folder / "out") == 1
    assert recall(REQUEST) == last(REQUEST).key
    assert recall(other) == last(other).key


def test_what_cannot_be_imported_or_written_is_told(folder: Path) -> None:
    with pytest.raises(UsageError, match="cannot read wisdom from"):
        wisdom.import_from(folder / "absent")
    with pytest.raises(UsageError, match="is no file"):
        wisdom.import_from(folder)
    (folder / "text").write_text("hello\n")
    with pytest.raises(UsageError, match="holds no wisdom"):
        wisdom.import_from(folder / "text")
    with pytest.raises(UsageError, match="cannot write wisdom to"):
        wisdom.export_to(folder / "text" / "below")


def test_the_caches_own_wisdom_is_ours_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is named may be whose it will."""
    plan = last(REQUEST)
    remember(REQUEST, plan)
    file = folder / "cache" / "wisdom"
    assert (file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    file.chmod(0o666)
    assert recall(REQUEST) is None
    assert recall(REQUEST, file=file) == plan.key
    monkeypatch.setenv("GENCONV_WISDOM", str(file))
    assert recall(REQUEST) == plan.key


def test_wisdom_is_not_written_where_others_can_lay_a_link(folder: Path) -> None:
    (folder / "cache").mkdir()
    (folder / "cache").chmod(0o777)
    with pytest.raises(UsageError, match=r"no place for wisdom: other users .*name a file in GENCONV_WISDOM"):
        remember(REQUEST, last(REQUEST))
    assert list((folder / "cache").iterdir()) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root, to give a link away")
def test_another_users_link_is_not_written_through(folder: Path) -> None:
    precious, link = folder / "precious", folder / "wisdom"
    precious.touch()
    link.symlink_to(precious)
    remember(REQUEST, last(REQUEST), file=link)  # our own link is followed
    mine = precious.read_text()
    assert mine.startswith("v2 ")
    os.lchown(link, 65534, 65534)
    with pytest.raises(UsageError, match=f"cannot write wisdom to `{link}`: {link} is another user's link"):
        remember(REQUEST, planner.survey(REQUEST).found[0], file=link)
    assert precious.read_text() == mine


def test_torn_and_foreign_lines_are_passed_over(folder: Path) -> None:
    remember(REQUEST, last(REQUEST))
    good = wisdom.path().read_bytes()
    for torn in (
        good[: len(good) // 2],
        good[:60] + b"\n",
        b"v1" + good[2:],
        b"\x00\xff\n",
        b"",
        good.replace(b" ", b"  "),
    ):
        wisdom.path().write_bytes(torn)
        assert recall(REQUEST) is None, torn
    wisdom.path().write_bytes(b"# a remark\n" + good[:50] + b"\n\xff\xfe\n" + good + good[:30])
    assert recall(REQUEST) == last(REQUEST).key
    wisdom.path().unlink()
    wisdom.path().mkdir()
    assert recall(REQUEST) is None


def test_a_file_that_is_no_wisdom_is_not_replaced(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was named by mistake; what lies in the cache's own folder is nobody's but ours."""
    text = folder / "notes"
    text.write_text("# remember the milk\n")
    with pytest.raises(UsageError, match=r"`.*notes` holds no wisdom"):
        wisdom.remember(REQUEST, GCC, last(REQUEST), 1e-6, "words", text)
    monkeypatch.setenv("GENCONV_WISDOM", str(text))
    with pytest.raises(UsageError, match=r"`.*notes` holds no wisdom"):
        remember(REQUEST, last(REQUEST))
    os.mkfifo(folder / "fifo")
    with pytest.raises(UsageError, match=r"cannot read wisdom from `.*fifo`"):
        wisdom.remember(REQUEST, GCC, last(REQUEST), 1e-6, "words", folder / "fifo")
    with pytest.raises(UsageError, match="fifo` is a FIFO"):
        wisdom.export_to(folder / "fifo")
    assert (folder / "fifo").is_fifo()
    assert text.read_text() == "# remember the milk\n"
    monkeypatch.delenv("GENCONV_WISDOM")
    wisdom.path().parent.mkdir(exist_ok=True)
    wisdom.path().write_text("torn")
    remember(REQUEST, last(REQUEST))
    assert recall(REQUEST) == last(REQUEST).key


def test_lines_that_are_passed_over_are_counted(folder: Path) -> None:
    remember(REQUEST, last(REQUEST))
    good = wisdom.path().read_text()
    for text, count in {good: 0, "": 0, f"# a remark\n\n{good}": 0, f"v3 x\n{good}{good[:50]}\n": 2}.items():
        (folder / "text").write_text(text)
        assert wisdom.strays(folder / "text") == count
    for text in ("v3 x\n", "\0\xff", "# a remark\n", "garbage"):
        (folder / "text").write_text(text)
        with pytest.raises(UsageError, match="expected lines that begin with `v2`"):
            wisdom.strays(folder / "text")


def test_a_file_of_another_version_is_passed_over_with_a_word(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever names it: followed, imported, written over; its answers count for nothing, and nothing is an error."""
    remember(REQUEST, last(REQUEST))
    now = wisdom.path().read_text()
    for version in ("v1", "v3", "v1000"):
        older = folder / version
        older.write_text(now.replace("v2", version))
        assert wisdom.strays(older) == 1
        assert recall(REQUEST, file=older) is None
        assert wisdom.import_from(older) == 0
        remember(REQUEST, last(REQUEST), file=older)
        assert older.read_text() == now
    assert recall(REQUEST) == last(REQUEST).key
    (folder / "none").write_text("")
    with pytest.raises(UsageError, match="holds no wisdom"):
        wisdom.import_from(folder / "none")


@pytest.mark.long
@given(st.binary(max_size=400))
def test_no_text_is_too_strange(text: bytes) -> None:
    lines = text.decode("utf-8", "replace").splitlines()
    assert [wisdom.Entry.of(line) for line in lines] == [None] * len(lines)


def test_every_entry_reads_back_as_it_was() -> None:
    entry = wisdom.Entry(
        "avx2", "packed", "fast", "0123456789ab", wisdom.asked(SMALL), "fft-0123456789ab", 1234.5, "a b"
    )
    assert wisdom.Entry.of(str(entry)) == entry


def test_a_problems_word_tells_each_of_its_fields_in_words_of_its_own() -> None:
    """Whatever the fields are called: a field that the word leaves out would give one problem's answer to another."""
    assert wisdom.asked(SMALL) == "steps=64,channels=8,filters=16,kernel_size=3"
    other = replace(
        ConvProblem(None, 4, 6, 5, 2, 3, 2, 7, 8, True, 2, False, "float64"),
        epilogue=ending(False, get("leaky_relu")),
    )
    assert wisdom.asked(other) == (
        "steps=None,channels=4,filters=6,kernel_size=5,stride=2,dilation=3,groups=2,pad_left=7,pad_right=8,centred=True,"
        "up=2,channels_last=False,dtype=float64,bias=False,activation=leaky_relu(negative_slope=0.2)"
    )
    assert wisdom.asked(separable(replace(SMALL, stride=2, channels_last=False), 3)) == (
        "steps=64,channels=8,filters=16,kernel_size=3,stride=2,depth_multiplier=3,channels_last=False"
    )
    changes = {bool: lambda value: not value, int: lambda value: value + 1, str: lambda value: "float64"}
    words = {wisdom.asked(SMALL)}
    for each in fields(SMALL):
        value = getattr(SMALL, each.name)
        words.add(
            wisdom.asked(replace(SMALL, **{each.name: changes.get(type(value), lambda value: Epilogue())(value)}))
        )
    assert len(words) == len(fields(SMALL)) + 1
    for bias, activation in ((True, get("relu")), (False, get("relu")), (True, get("leaky_relu"))):
        words.add(wisdom.asked(replace(SMALL, epilogue=ending(bias, activation))))
    assert len(words) == len(fields(SMALL)) + 4


@pytest.mark.live
def test_writers_at_once_leave_a_whole_file(folder: Path) -> None:
    """Whoever comes last may undo another's entry; the file is never torn."""
    code = (
        "import sys\n"
        "from codegen.machine import wisdom\n"
        "from codegen.planning import planner\n"
        "from codegen.planning.ask import Ask\n"
        "from codegen.planning.plan import Request\n"
        "from codegen.problem.conv_problem import ConvProblem\n"
        "from codegen.problem.targets import native\n"
        "from codegen.machine.compilers import Compiler\n"
        "for steps in range(20):\n"
        "    asked = Request(ConvProblem(64 + steps, 8, 16, 3), Ask(native(), 'packed'))\n"
        "    mark = Compiler(('/cc',), 'cc', sys.argv[1], '0')\n"
        "    wisdom.remember(asked, mark, planner.survey(asked).found[0], 1e-6, 'words')\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(i)]) for i in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    lines = wisdom.path().read_text().splitlines()
    assert 20 <= len(lines) <= 60
    assert all(map(wisdom.Entry.of, lines))
    assert os.listdir(folder / "cache") == ["wisdom"]


# What follows it


@pytest.mark.compiles
@needs_compiler
def test_measured_once_and_taken_ever_after(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, int, int]] = []
    key = measure.choice(REQUEST, "measure", None, lambda *turn: told.append(turn))
    assert key in [plan.key for plan in measure.contenders(REQUEST)]
    assert told[-1][0] == "done"
    assert [turn for _, turn, _ in told] == sorted(turn for _, turn, _ in told)
    entry = wisdom.recall(REQUEST, compilers.find())
    assert entry is not None
    assert entry.microseconds > 0
    monkeypatch.setattr(measure, "measure", lambda *_: pytest.fail("measured again"))
    assert measure.choice(REQUEST, "measure") == measure.choice(REQUEST, "estimate") == key


@needs_compiler
def test_the_fastest_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slowest contender by a clock that says otherwise; the planner's first keeps its place in a draw."""
    plans = measure.contenders(REQUEST)
    assert len(plans) >= 3
    assert len({plan.algorithm.name for plan in plans}) >= 2
    seconds = {plan.key: 3.0 for plan in plans} | {plans[2].key: 1.0, plans[0].key: 1.01}

    def ready(plan: KernelPlan) -> Any:
        return lambda: plan.key

    monkeypatch.setattr(measure, "_ready", ready)
    monkeypatch.setattr(measure, "_time", lambda call, calls, clock: seconds[call()])
    assert [each.plan.key for each in measure.measure(REQUEST)][:2] == [plans[0].key, plans[2].key]
    seconds[plans[2].key] = 0.9
    best = measure.measure(REQUEST)[0]
    assert (best.plan.key, best.seconds) == (plans[2].key, 0.9)
    assert measure.choice(REQUEST, "measure") == plans[2].key


@pytest.mark.compiles
@needs_compiler
def test_layers_follow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = codegen.Conv1D(16, 3, input_shape=(64, 8), target=HERE.name)
    request = pipeline.request(layer.spec, Ask(HERE, "packed", "fast"))
    compiler = compilers.find()
    assert compiler is not None
    x = np.random.default_rng(0).standard_normal((2, 64, 8)).astype("f")
    before = layer(x)
    remember(request, last(request), compiler)
    kernel = pipeline.kernel_for(layer.spec, Ask(HERE, accuracy="fast"))
    assert kernel.plan.key == last(request).key
    assert kernel.plan.key != pipeline.plan(layer.spec, Ask(HERE, "packed", "fast")).key
    other = codegen.Conv1D(16, 3, input_shape=(64, 8), target=HERE.name)
    other.set_weights(layer.get_weights())
    np.testing.assert_allclose(other(x), before, atol=1e-5)
    out = np.empty_like(before)
    layer.bind(x, out)()  # the kernel that packed its weights, not the one that wisdom would name now
    assert np.array_equal(out, before)


@needs_compiler
def test_a_plan_that_is_not_offered_is_not_made() -> None:
    compiler = compilers.find()
    assert compiler is not None
    remember(REQUEST, last(REQUEST), compiler)
    for key in ("fft-000000000000", "no_such-0123456789ab"):
        text = wisdom.path().read_text()
        wisdom.path().write_text(text.replace(wisdom.recall(REQUEST, compiler).key, key))  # type: ignore[union-attr]  # it is there
        assert measure.choice(REQUEST) is None


def test_packed_emission_takes_wisdom_of_packed_weights(folder: Path) -> None:
    (spec,) = read(TEXT, "x")
    request = pipeline.request(spec, Ask(TARGETS["avx2"], "packed", "fast"))
    first = pipeline.packed_plan(spec, Ask(TARGETS["avx2"], accuracy="fast"))
    other = next(plan for plan in planner.survey(request).found if plan.algorithm.name != first.algorithm.name)
    remember(request, other, file=folder / "named")
    assert pipeline.generate(spec, "avx2", accuracy="fast", packed=True).plan.key == first.key
    told = pipeline.generate(spec, "avx2", accuracy="fast", packed=True, known=folder / "named")
    assert told.plan.key == other.key


def test_written_files_ignore_it_unless_a_file_is_named(folder: Path) -> None:
    (spec,) = read(TEXT, "x")
    request = pipeline.request(spec, Ask(TARGETS["avx2"], "argument", "exact"))
    plain = pipeline.generate(spec, "avx2")
    other = next(plan for plan in planner.survey(request).found if plan.schedule != plain.plan.schedule)
    for file in (None, folder / "named"):
        remember(request, other, file=file)
    assert pipeline.generate(spec, "avx2").digest == plain.digest
    told = pipeline.generate(spec, "avx2", known=folder / "named")
    assert told.plan.key == other.key
    assert told.digest != plain.digest


# The command line


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    out, real = io.StringIO(), sys.stdout
    sys.stdout = out
    try:
        code = main.main([*arguments, "--json"])
    finally:
        sys.stdout = real
    return code, json.loads(out.getvalue())


@pytest.fixture
def conv(folder: Path) -> str:
    (folder / "stem.conv").write_text(TEXT)
    return str(folder / "stem.conv")


@pytest.mark.compiles
@needs_compiler
def test_show_measures_and_tells(conv: str, folder: Path) -> None:
    chosen = ("--target", HERE.name, "--init", "--seed", "1", "--accuracy", "fast")
    code, before = run("show", conv, *chosen)
    assert (code, before["layers"][0]["wisdom"], before["layers"][0]["accuracy"]) == (0, None, "fast")
    named = ("--wisdom", str(folder / "w"))
    code, after = run("show", conv, *chosen, *named, "--rigor", "measure")
    layer = after["layers"][0]
    assert code == 0
    assert layer["wisdom"]["followed"]
    assert layer["wisdom"]["plan"] == layer["plan"]
    assert layer["wisdom"]["microseconds"] > 0
    code, again = run("show", conv, *chosen, *named)
    assert again["layers"] == after["layers"]


def test_options_that_do_not_fit_are_told(conv: str, folder: Path) -> None:
    for arguments, message in (
        (("--rigor", "measure"), "name the file, --wisdom FILE"),
        (("--wisdom", str(folder / "absent")), "no file"),
        (("--accuracy", "quick"), "expected one of exact, fast, wide"),
        (("--rigor", "patient"), "expected one of estimate, measure"),
    ):
        code, document = run("show", conv, *arguments)
        assert code == 2
        assert message in document["errors"][0]["message"]


@needs_compiler
def test_generate_follows_a_named_file(conv: str, folder: Path) -> None:
    (spec,) = read(TEXT, "x")
    request = pipeline.request(spec, Ask(TARGETS["scalar"], "argument", "exact"))
    remember(request, last(request), file=folder / "w")
    code, _ = run(conv, "-o", str(folder / "plain"))
    code, _ = run(conv, "-o", str(folder / "wise"), "--wisdom", str(folder / "w"))
    assert code == 0
    words = last(request).describe()
    assert words in (folder / "wise" / "stem.c").read_text()
    assert words not in (folder / "plain" / "stem.c").read_text()


@pytest.mark.compiles
@needs_compiler
def test_verify_holds_transforms_to_directs_rms(folder: Path) -> None:
    conv = str(folder / "wide.conv")
    Path(conv).write_text("conv1d wide { input_shape = (128, 64), filters = 64, kernel_size = 9 }")
    code, document = run("verify", conv, "--accuracy", "fast")
    whole, normal = document["findings"]
    assert code == 0
    assert whole["most_rms"] is None
    assert 0 < normal["rms"] <= normal["most_rms"]
    assert normal["outputs"] >= 4096
    code, document = run("verify", conv)
    assert [each["most_rms"] for each in document["findings"]] == [None, None]

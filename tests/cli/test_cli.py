"""The command: what it writes, says and returns, for good input and for every kind of bad input."""

from __future__ import annotations

import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codegen.cli import main
from codegen.graph.elementwise import Arithmetic
from codegen.machine import compilers

ROOT = Path(__file__).resolve().parents[2]
ONE = """\
conv1d one {
    input_shape = (8, 2)
    filters     = 3
    kernel_size = 3
    padding     = same
    activation  = relu
}
"""
TWO = ONE + "conv1d two { input_shape = (None, 3), filters = 4, kernel_size = 2, padding = causal }\n"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """main() on some words in an empty folder that holds one.conv and two.conv: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NO_COLOR", raising=False)
    (tmp_path / "one.conv").write_text(ONE)
    (tmp_path / "two.conv").write_text(TWO)

    def go(*words: str, stdin: str | None = None) -> tuple[int, str, str]:
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = main.main(list(words))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return go


def document(out: str) -> dict[str, Any]:
    """The JSON document in `out`, held against the schema of docs/json.md."""
    import jsonschema

    text = re.search(r"```json\n(.*?)```", (ROOT / "docs" / "json.md").read_text("utf-8"), re.S)
    assert text
    found: dict[str, Any] = json.loads(out)
    jsonschema.Draft202012Validator(json.loads(text[1])).validate(found)
    return found


def examples_of_layers() -> list[Path]:
    """The examples without a model; those have tests of their own (tests/graph/test_model_examples.py)."""
    found = sorted((ROOT / "examples").glob("*.conv"))
    return [path for path in found if not re.search("^model ", path.read_text("utf-8"), re.M)]


class TestGenerate:
    def test_writes_a_pair_for_each_layer_into_build(self, run: Run, tmp_path: Path) -> None:
        code, out, err = run("two.conv")
        assert (code, err) == (0, "")
        assert out.splitlines() == [f"wrote {Path('build', name)}" for name in ("one.c", "one.h", "two.c", "two.h")]
        assert prototype((tmp_path / "build" / "one.h").read_text()) == (
            "void one( const float *x, const float *kernel, const float *bias, float *y);"
        )

    def test_writes_only_what_differs(self, run: Run, tmp_path: Path) -> None:
        run("two.conv")
        with (tmp_path / "build" / "one.h").open("a") as file:
            file.write("edited")
        before = (tmp_path / "build" / "one.c").stat()
        code, out, _ = run("two.conv")
        assert code == 0
        assert [line.split()[0] for line in out.splitlines()] == ["unchanged", "rewrote", "unchanged", "unchanged"]
        assert (tmp_path / "build" / "one.c").stat().st_mtime_ns == before.st_mtime_ns
        assert (tmp_path / "build" / "one.c").stat().st_ino == before.st_ino

    def test_same_spec_same_bytes_whatever_the_folder_or_the_name_of_the_file(self, run: Run, tmp_path: Path) -> None:
        shutil.copy("one.conv", "other.conv")
        run("one.conv", "-o", "a")
        run("other.conv", "-o", "deep/b")
        for name in ("one.c", "one.h"):
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "deep" / "b" / name).read_bytes()

    def test_prints_all_layers_and_reads_standard_input(self, run: Run, tmp_path: Path) -> None:
        run("two.conv")
        written = [(tmp_path / "build" / name).read_text() for name in ("one.c", "one.h", "two.c", "two.h")]
        code, out, err = run("-", "-o", "-", stdin=TWO)
        assert (code, err) == (0, "")
        assert out == "\n".join(written)

    def test_target_reaches_the_code(self, run: Run) -> None:
        assert "__AVX2__" in run("one.conv", "-o", "-", "--target", "avx2")[1]
        assert "__AVX2__" not in run("one.conv", "-o", "-")[1]

    def test_weights_are_baked(self, run: Run) -> None:
        rng = np.random.default_rng(0)
        kernel = rng.standard_normal((3, 2, 3)).astype("float32")
        np.savez("w.npz", **{"one/kernel": kernel, "one/bias": np.float32([0.5, 0.25, 0.125])})
        code, out, err = run("one.conv", "-o", "-", "--weights", "w.npz")
        assert (code, err) == (0, "")
        numbers = {np.float32(text) for text in re.findall(r"-?\d+\.\d+(?:e-?\d+)?(?=f)", out)}
        assert set(kernel.ravel()) <= numbers
        assert prototype(out) == "void one( const float *x, float *y);"

    def test_init_needs_a_seed_and_repeats(self, run: Run) -> None:
        code, _, err = run("one.conv", "-o", "-", "--init")
        assert code == 1
        assert "--seed" in err
        first = run("one.conv", "-o", "-", "--init", "--seed", "7")
        assert first[0] == 0
        assert first == run("one.conv", "-o", "-", "--init", "--seed", "7")
        assert first != run("one.conv", "-o", "-", "--init", "--seed", "8")

    def test_strict_keras_refuses_what_keras_refuses(self, run: Run, tmp_path: Path) -> None:
        text = ONE.replace("padding     = same", "strides = 2\n    dilation_rate = 2")
        (tmp_path / "both.conv").write_text(text)
        assert run("both.conv")[0] == 0
        code, _, err = run("both.conv", "--strict-keras")
        assert code == 1
        assert re.search(r"error\[E\d+\].*\n *--> both\.conv:", err)

    def test_check_and_diff_write_nothing(self, run: Run, tmp_path: Path) -> None:
        assert run("one.conv", "--check")[0] == 1
        assert not (tmp_path / "build").exists()
        run("one.conv")
        assert run("one.conv", "--check")[:2] == (
            0,
            f"up to date {Path('build/one.c')}\nup to date {Path('build/one.h')}\n",
        )
        assert run("one.conv", "--diff")[:2] == (0, "")
        path = tmp_path / "build" / "one.h"
        right = path.read_text()
        path.write_text(right.replace("void one(", "int one("))
        code, out, _ = run("one.conv", "--diff")
        assert code == 1
        assert re.findall(r"^[-+].*\bone\(", out, re.M) == re.findall(r"^[-+](?:int|void) one\(", out, re.M)
        assert re.search(r"^-int one\(", out, re.M)
        assert re.search(r"^\+void one\(", out, re.M)
        assert path.read_text() != right

    def test_check_tells_an_error_in_the_spec(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "bad.conv").write_text(ONE.replace("kernel_size", "kernal_size"))
        code, out, err = run("bad.conv", "--check")
        assert (code, out) == (1, "")
        assert "did you mean `kernel_size`?" in err

    def test_nothing_is_written_when_a_later_layer_is_wrong(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "bad.conv").write_text(TWO.replace("filters = 4", "filters = 0"))
        assert run("bad.conv")[0] == 1
        assert not (tmp_path / "build").exists()

    def test_lines_of_wisdom_that_are_passed_over_are_told(self, run: Run) -> None:
        word = "steps=64,channels=8,filters=16,kernel_size=3"
        good = f"v2 avx2 argument exact 0123456789ab {word} direct_steps-0123456789ab 1234.5 # words\n"
        Path("w").write_text(good + "v3 of the future\n")
        code, out, err = run("one.conv", "--wisdom", "w")
        assert (code, out[:5]) == (0, "wrote")
        assert err == "gen-conv: `w`: 1 line holds no wisdom of this version, so passed over\n"
        assert run("one.conv", "--wisdom", "w", "-q") == (0, "", "")

    def test_verbose_tells_the_plan(self, run: Run) -> None:
        code, out, err = run("one.conv", "-v", "--target", "avx2")
        assert (code, out.splitlines()[0]) == (0, f"wrote {Path('build/one.c')}")
        assert re.fullmatch(r"one: direct\w* for avx2: .*\n", err)

    def test_quiet_says_nothing(self, run: Run) -> None:
        assert run("one.conv", "-q") == (0, "", "")

    @pytest.mark.live
    def test_emits_an_extension_module(self, run: Run, tmp_path: Path) -> None:
        code, out, err = run("one.conv", "--emit", "c,pyext", "--weights", weights_file(tmp_path))
        assert (code, err) == (0, "")
        assert out.splitlines()[:2] == [f"wrote {Path('build/one.c')}", f"wrote {Path('build/one.h')}"]
        [built] = [path for path in (tmp_path / "build").iterdir() if path.suffix in (".so", ".pyd")]
        assert out.splitlines()[2] == f"built {built.relative_to(tmp_path)}"


def prototype(text: str) -> str:
    """The declaration of the function `one`, comments and line ends left out."""
    found = re.search(r"void one\([^;{]*;", re.sub(r"\s*/\*.*?\*/\s*", " ", text, flags=re.S))
    assert found
    return re.sub(r"\s+", " ", found[0])


def weights_file(folder: Path) -> str:
    arrays = {"one/kernel": np.ones((3, 2, 3), "float32"), "one/bias": np.zeros(3, "float32")}
    np.savez(folder / "ones.npz", **arrays)
    return str(folder / "ones.npz")


class TestBadInput:
    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            (["nowhere.conv"], 2, "no file `nowhere.conv`"),
            (["ona.conv"], 2, "did you mean `one.conv`?"),
            (["shwo"], 2, "did you mean the command `gen-conv show`?"),
            (["."], 2, "`.` is a folder"),
            (["empty.conv"], 1, "there is no layer in this file"),
            (["comment.conv"], 1, "there is no layer in this file"),
            (["let.conv"], 1, "there is no layer in this file"),
            (["binary.conv"], 1, "is not UTF-8"),
            (["\0.conv"], 2, "cannot read"),
            (["one.conv", "-o", "one.conv"], 2, "cannot write into `one.conv`: it is a file"),
            (["one.conv", "-o", "one.conv/deeper"], 2, "it is a file or lies below one"),
            (["one.conv", "--target", "mmx"], 2, "unknown target `mmx`: expected one of native, scalar"),
            (["one.conv", "--emit", "rust"], 2, "cannot emit `rust`: expected a comma list of c, pyext, backward"),
            (["one.conv", "--emit", "pyext", "-o", "-"], 2, "--emit pyext compiles a file"),
            (["one.conv", "--check", "-o", "-"], 2, "--check and --diff compare with files"),
            (["one.conv", "--seed", "3"], 2, "--seed N says what --init draws"),
            (["one.conv", "--init", "--seed", "-3"], 2, "`-3` is no seed"),
            (["one.conv", "--init", "--weights", "w.npz"], 2, "exclude each other"),
            (["one.conv", "--weights", "w.npz"], 2, "no weight file `w.npz`: codegen.weights.save writes one"),
            (["one.conv", "--weights", "one.npz"], 2, "no weight file `one.npz`: did you mean `ones.npz`?"),
            (["one.conv", "--weights", "."], 2, "`.` is no regular file"),
            (["one.conv", "--weights", "w\0.npz"], 2, "cannot read `w"),
            (["one.conv", "--wisdom", "comment.conv"], 2, "`comment.conv` holds no wisdom: expected lines"),
            (["show", "one.conv", "--wisdom", "comment.conv"], 2, "`comment.conv` holds no wisdom: expected lines"),
            (["one.conv", "--wisdom", "."], 2, "cannot read wisdom from `.`: it is no file"),
            (["one.conv", "--wisdom", "let.conv", "--rigor", "measure"], 2, "`let.conv` holds no wisdom"),
            (["one.conv", "--prune", "--check"], 2, "--prune removes files"),
            (["one.conv", "--weights", "one.conv"], 1, "one.conv"),
            (["one.conv", "two.conv"], 2, "`one.conv` and `two.conv` both have a layer `one`"),
            (["one.conv", "--colour"], 2, "unknown option `--colour`; `gen-conv --help` lists the options"),
            (["one.conv", "--targt", "avx2"], 2, "unknown option `--targt` (did you mean `--target`?)"),
            (["-weights=w.npz", "one.conv"], 2, "unknown option `-weights=w.npz` (did you mean `--weights`?)"),
            (["doctor", "--sed"], 2, "unknown option `--sed`; `gen-conv doctor --help` lists the options"),
            (["explain", "E104", "E105"], 2, "unexpected argument `E105`"),
            (
                ["one.conv", "--target", "AVX2"],
                2,
                "unknown target `AVX2`: did you mean `avx2`? expected one of",
            ),
            (
                ["one.conv", "--accuracy", "Fats"],
                2,
                "unknown accuracy `Fats`: did you mean `fast`? expected one of",
            ),
            (["one.conv", "--storage", "fp16"], 2, "unknown storage `fp16`: did you mean `float16`? expected one of"),
            (["one.conv", "--rigor", "mesure"], 2, "unknown rigor `mesure`: did you mean `measure`? expected one of"),
            (["one.conv", "--emit", "C"], 2, "cannot emit `C`: did you mean `c`? expected a comma list"),
            (["shwo", "one.conv"], 2, "did you mean the command `gen-conv show`?"),
            (["weigh", "one.conv"], 2, "no command of that name: there are show, verify, size, bench, warm, quantize"),
            (["size", "one.conv"], 2, "its tables are counted, too: give --weights FILE, or --init for any"),
            (["size", "one.conv", "--init", "--seed", "1", "--target", "cortex-m4,mmx"], 2, "unknown target `mmx`"),
            (["verify", "one.conv", "--target", "cortex-m4,cortex-m55"], 2, "several targets, and here it is one"),
            (
                ["size", "one.conv", "--init", "--seed", "1", "--target", "avx2"],
                2,
                "`avx2` is no microcontroller: expected one of",
            ),
            (["one.conv", "--max-ram", "16M"], 2, "`16M` is no number of bytes: expected one such as 16384 or 16K"),
            (["help", "shwo"], 2, "no command `shwo`: did you mean `show`? expected one of show, verify"),
            (["one.conv", "-q", "-v"], 2, "not allowed with argument"),
            (["-q"], 2, "the following arguments are required: SPEC"),
            (["show"], 2, "the following arguments are required: SPEC"),
            (["explain", "E999"], 2, "no error has the code `E999`"),
            (["new", "two-words"], 2, "`two-words` cannot name a layer"),
            (["new", "while"], 2, "`while` cannot name a layer"),
            (
                ["verify", "one.conv", "--target", "avx2" if platform.machine() in ("aarch64", "arm64") else "neon"],
                2,
                "cannot run",
            ),
        ],
    )
    def test_is_an_error_that_says_what_to_do(
        self, run: Run, tmp_path: Path, words: list[str], code: int, message: str
    ) -> None:
        (tmp_path / "empty.conv").write_bytes(b"")
        (tmp_path / "comment.conv").write_bytes(b"# nothing yet\n")
        (tmp_path / "ones.npz").write_bytes(b"")
        (tmp_path / "let.conv").write_bytes(b"let width = 3\n")
        (tmp_path / "binary.conv").write_bytes(bytes(range(256)))
        before = sorted(tmp_path.rglob("*"))
        found, out, err = run(*words)
        assert message in err
        assert (found, out) == (code, "")
        assert err.startswith(("gen-conv: error: ", "error[E"))
        assert "Traceback" not in err
        assert sorted(tmp_path.rglob("*")) == before

    def test_an_unreadable_file_and_an_unwritable_folder(self, run: Run, tmp_path: Path) -> None:
        if os.geteuid() == 0:  # root reads and writes everything: a loop of links and a name too long cannot be
            (tmp_path / "loop.conv").symlink_to("loop.conv")
            unreadable, unwritable = "loop.conv", "x" * 300
        else:
            (tmp_path / "secret.conv").write_text(ONE)
            (tmp_path / "secret.conv").chmod(0)
            (tmp_path / "shut").mkdir(mode=0o500)
            unreadable, unwritable = "secret.conv", "shut"
        code, _, err = run(unreadable)
        assert (code, err.startswith(f"gen-conv: error: cannot read `{unreadable}`")) == (2, True)
        code, _, err = run("one.conv", "-o", unwritable)
        assert (code, err.startswith("gen-conv: error: cannot ")) == (2, True)

    def test_every_error_of_a_file_is_told_in_one_run(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "bad.conv").write_text(ONE.replace("filters", "filtres").replace("relu", "rleu"))
        _, _, err = run("bad.conv")
        assert "did you mean `filters`?" in err
        assert "did you mean `relu`?" in err

    def test_control_characters_of_a_name_do_not_reach_the_terminal(self, run: Run) -> None:
        _, _, err = run("\x1b[31m\u202egreen.conv")
        assert "\x1b" not in err
        assert "\u202e" not in err


class TestShow:
    def test_tells_shapes_cost_plan_and_the_roads_not_taken(self, run: Run) -> None:
        code, out, err = run("show", "two.conv", "--why")
        assert (code, err) == (0, "")
        one, two = out.split("\n\n")
        rows = dict(re.findall(r"^  (\S.*?)  +(\S.*)$", one, re.M))
        assert one.startswith("one (conv1d, float32)")
        assert rows["input"] == "(8, 2)"
        assert rows["output"] == "(8, 3)"
        assert rows["receptive field"] == "3 steps"
        assert rows["MACs"] == f"{8 * 3 * 2 * 3}"
        assert rows["weights"] == f"{4 * (3 * 2 * 3 + 3)} bytes"
        assert " for scalar: " in rows["plan"]
        assert any(name.startswith("not ") for name in rows)
        assert re.search(r"input +\(None, 3\)\n +output +\(None, 4\)", two)
        assert re.search(rf"^  MACs +{2 * 3 * 4} an output step$", two, re.M)

    def test_the_other_objective_stands_beside_the_plan(self, run: Run) -> None:
        for optimize, other in (("speed", "size"), ("size", "speed")):
            code, out, _ = run("show", "one.conv", "--why", "--optimize", optimize)
            assert code == 0
            rows = dict(re.findall(r"^  (\S.*?)  +(\S.*)$", out, re.M))
            assert rows["code"].endswith("(estimated for gcc -O2)")
            assert f"optimize {other}" in rows
            assert ("rolled for scalar" in rows["plan"]) == (optimize == "size")
            assert ("rolled for scalar" in rows[f"optimize {other}"]) == (other == "size")
            (layer,) = json.loads(run("show", "one.conv", "--optimize", optimize, "--json")[1])["layers"]
            assert (layer["objective"], layer["otherwise"]["objective"]) == (optimize, other)
            bytes_ = {each["objective"]: each["code_bytes"] for each in (layer, layer["otherwise"])}
            assert bytes_["size"] < bytes_["speed"]
        code, _, err = run("show", "one.conv", "--optimize", "sise")
        assert (code, "unknown optimize objective `sise`" in err) == (2, True)
        code, _, err = run("one.conv", "--optimize", "size", "--rigor", "measure", "--wisdom", "known")
        assert (code, "--rigor measure finds the fastest plan" in err) == (2, True)

    def test_a_line_a_layer_and_the_totals(self, run: Run) -> None:
        code, out, err = run("show", "two.conv")
        assert (code, err) == (0, "")
        heading, one, two, total = (re.split(r"  +", line.strip()) for line in out.splitlines())
        assert heading[4:] == [
            "MACs",
            "weight bytes",
            "code bytes",
            "stack bytes",
            "workspace bytes",
            "algorithm",
            "cycles",
        ]
        assert one[:6] == ["one", "conv1d", "(8, 2)", "(8, 3)", f"{8 * 3 * 2 * 3}", f"{4 * (3 * 2 * 3 + 3)}"]
        code_bytes, stack, workspace = (int(cell.replace(",", "")) for cell in one[6:9])
        assert 200 < code_bytes < 20_000
        assert 8 <= stack < 1_000
        assert workspace == 0
        assert two[:5] == ["two", "conv1d", "(None, 3)", "(None, 4)", f"{2 * 3 * 4} a step"]
        assert two[-1].endswith(" for 1,024 steps")
        assert total[:3] == ["2 layers", "-", f"{int(one[5]) + int(two[5])}"]  # a free length has no sum
        assert total[5:] == ["0", "-"]
        _, out, _ = run("show", "one.conv")
        assert [line.split()[0] for line in out.splitlines()] == ["layer", "one"]

    def test_packed_weights_count_as_they_lie_in_memory(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "many.conv").write_text(
            "conv1d many { input_shape = (200, 16), filters = 24, kernel_size = 9, padding = same }"
        )
        options = ("many.conv", "--packed", "--accuracy", "fast", "--target", "avx2")
        code, out, _ = run("show", *options, "--json")
        (layer,) = json.loads(out)["layers"]
        assert (code, layer["weights"]) == (0, "packed")
        assert run(*options)[0] == 0
        (numbers,) = re.findall(r"MANY_KERNEL_NUMBERS (\d+)", (tmp_path / "build/many.h").read_text())
        assert layer["weight_bytes"] == 4 * (int(numbers) + 24) > 4 * (9 * 16 * 24 + 24)
        assert f"{layer['weight_bytes']:,} bytes of weights (arguments, as packed)" in run(*options, "-o", "-")[1]
        code, _, err = run("show", "many.conv", "--packed", "--init", "--seed", "1")
        assert (code, "leave it out with --weights or --init" in err) == (2, True)

    def test_channels_first_shapes_follow_the_data_format(self, run: Run) -> None:
        code, out, _ = run("show", "-", "--why", stdin=ONE.replace("(8, 2)", "(2, 8)\n data_format = channels_first"))
        assert code == 0
        assert re.search(r"input +\(2, 8\)\n +output +\(3, 8\)", out)

    def test_a_table_on_a_terminal(self, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
        monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True, raising=False)
        monkeypatch.setenv("NO_COLOR", "1")
        code, out, _ = run("show", "one.conv")
        assert code == 0
        assert "│" in out
        assert "\x1b[36m" not in out


class TestVerify:
    @pytest.mark.compiles
    @pytest.mark.parametrize("target", ["scalar", "native"])
    def test_a_right_kernel_passes(self, run: Run, target: str) -> None:
        code, out, err = run("verify", "two.conv", "--target", target)
        assert (code, err) == (0, "")
        lines = out.splitlines()
        assert all(line.endswith("ok") for line in lines)
        assert lines[0].startswith("one  8 steps  whole numbers: error 0, bound 0, 48 outputs")
        assert lines[1].startswith("one  8 steps  random: error ")
        assert len([line for line in lines if line.startswith("two  ")]) >= 6

    @pytest.mark.in_turn(4)
    @pytest.mark.compiles
    @pytest.mark.parametrize("path", examples_of_layers(), ids=lambda path: path.stem)
    def test_the_examples_are_right_on_this_machine(self, run: Run, path: Path) -> None:
        code, out, err = run("verify", str(path))
        assert (code, err) == (0, "")
        assert all(line.endswith("ok") for line in out.splitlines())
        assert re.search(r"whole numbers: error 0, bound 0, [1-9]", out) or path.stem == "motion"  # gelu rounds

    @pytest.mark.compiles
    def test_models_as_they_are_emitted(self, run: Run, tmp_path: Path) -> None:
        """Baked and packed, whole and in random splits: the files' own functions beside the definition."""
        path = tmp_path / "net.conv"
        path.write_text(
            "conv1d a { filters = 3, kernel_size = 3, padding = same }\nlstm b { units = 2, return_sequences = True }\n"
            "model net { input x = (None, 2)\noutput y = b(a(x) + a(x[:])) }\n"
        )
        code, out, _ = run("verify", str(path), "--init", "--seed", "1")
        assert code == 0
        assert re.fullmatch(r"(net  \d+ steps  given weights: error \S+, bound \S+, [1-9]\d* outputs  ok\n){3}", out), (
            out
        )
        code, out, _ = run("verify", str(path), "--stream", "--block", "8", "--clock", "rate")
        assert code == 0
        line = r"net  \d+ steps  blocks: 0 of [\d,]+ outputs differ in 8 splits; error .*  ok\n"
        assert re.fullmatch(f"({line}){{2}}", out), out
        code, _, err = run("verify", str(path), "--as-emitted", "--backward")
        assert code == 2
        assert "is a model" in err

    @pytest.mark.compiles
    def test_a_wrong_model_is_caught(self, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "net.conv"
        path.write_text("model net { input x = (None, 2)\noutput y = x * 2 }\n")
        monkeypatch.setattr(Arithmetic, "reference", lambda self, inputs, weights: inputs[0] * 2.001)
        code, out, err = run("verify", str(path))
        assert code == 3
        assert "WRONG" in out
        assert "3 comparisons left their bound: net" in err

    @pytest.mark.compiles
    def test_given_weights_are_used(self, run: Run, tmp_path: Path) -> None:
        code, out, _ = run("verify", "one.conv", "--weights", weights_file(tmp_path))
        assert code == 0
        assert "given weights: error " in out

    @pytest.mark.compiles
    def test_a_wrong_kernel_is_caught(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        from codegen.problem import reference

        right = reference.convolve
        monkeypatch.setattr(reference, "convolve", lambda *a, **k: right(*a, **k) + 1e-3)
        code, out, err = run("verify", "one.conv")
        assert code == 3
        assert "WRONG" in out
        assert "left their bound: one" in err

    def test_without_a_compiler_there_is_nothing_to_verify(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GENCONV_CC", "/nowhere/cc")
        code, _, err = run("verify", "one.conv")
        assert code == 3
        assert "GENCONV_CC" in err
        monkeypatch.delenv("GENCONV_CC")
        monkeypatch.setenv("PATH", "/nowhere")
        monkeypatch.setitem(sys.modules, "ziglang", None)
        code, _, err = run("verify", "one.conv")
        assert code == 3
        assert "no C compiler was found" in err


class TestDoctorExplainNew:
    @pytest.mark.live
    def test_doctor_names_compiler_target_and_cache_and_compiles_nothing(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(compilers.Compiler, "build", lambda *_: pytest.fail("compiles"))
        code, out, err = run("doctor")
        assert (code, err) == (0, "")
        for heading in ("versions", "target", "compiler", "cache"):
            assert re.search(rf"^{heading}$", out, re.M)

    @pytest.mark.live
    def test_doctor_says_what_the_wisdom_is(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GENCONV_WISDOM", "two.conv")
        _, out, _ = run("doctor")
        assert re.search(r"^  wisdom +`.*two\.conv` holds no wisdom", out, re.M)
        monkeypatch.setenv("GENCONV_WISDOM", "nowhere")
        assert re.search(r"^  wisdom +none yet at .*nowhere$", run("doctor")[1], re.M)

    @pytest.mark.live
    def test_doctor_says_what_is_wrong_with_the_compiler(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GENCONV_CC", "/nowhere/cc")
        code, out, _ = run("doctor")
        assert code == 3
        assert "/nowhere/cc" in out

    def test_explain_tells_the_rule_and_lists_all_codes(self, run: Run) -> None:
        code, out, _ = run("explain", "E104")
        assert code == 0
        assert "E104" in out
        assert run("explain", "e104")[1] == out
        listed = run("explain")[1].splitlines()
        assert len(listed) > 10
        assert listed == sorted(listed)
        assert "did you mean" in run("explain", "E1004")[2]

    def test_new_writes_a_file_that_compiles_and_never_overwrites(self, run: Run, tmp_path: Path) -> None:
        code, out, _ = run("new", "fresh")
        assert (code, out.split(";")[0]) == (0, "wrote fresh.conv")
        assert run("fresh.conv", "--strict-keras")[0] == 0
        (tmp_path / "fresh.conv").write_text("mine")
        code, _, err = run("new", "fresh.conv")
        assert (code, (tmp_path / "fresh.conv").read_text()) == (2, "mine")
        assert "is there already" in err

    def test_a_file_with_a_commands_name_is_given_with_its_folder(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "show").write_text(ONE)
        assert run("./show", "-o", "out")[0] == 0
        assert (tmp_path / "out" / "one.c").exists()


class TestJson:
    @pytest.mark.compiles
    @pytest.mark.parametrize(
        ("words", "code", "field"),
        [
            (["two.conv"], 0, "files"),
            (["two.conv", "-o", "-"], 0, "files"),
            (["two.conv", "--check"], 1, "files"),
            (["show", "two.conv"], 0, "layers"),
            (["verify", "one.conv"], 0, "findings"),
            (["doctor"], 0, "compiler"),
            (["explain", "E104"], 0, "codes"),
            (["explain"], 0, "codes"),
            (["new", "fresh"], 0, "path"),
            (["warm", "two.conv"], 0, "warmed"),
        ],
    )
    def test_one_document_that_fits_the_schema(self, run: Run, words: list[str], code: int, field: str) -> None:
        found, out, err = run(*words, "--json")
        told = document(out)
        assert (found, told["exit_code"], told["ok"], err) == (code, code, code == 0, "")
        assert told[field]
        assert told["errors"] == []

    @pytest.mark.parametrize(
        ("words", "code", "kind"),
        [
            (["nowhere.conv"], 2, "UsageError"),
            (["one.conv", "--weights", "none.npz"], 2, "UsageError"),
            (["one.conv", "--weights", "two.conv"], 1, "WeightsError"),
            (["one.conv", "--no-such-option"], 2, "UsageError"),
        ],
    )
    def test_an_error_is_a_document_too(self, run: Run, words: list[str], code: int, kind: str) -> None:
        found, out, err = run(*words, "--json")
        told = document(out)
        assert (found, told["exit_code"], told["ok"], err) == (code, code, False, "")
        assert [error["kind"] for error in told["errors"]] == [kind]

    def test_the_errors_of_a_spec_have_their_places(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "bad.conv").write_text(ONE.replace("kernel_size", "kernal_size"))
        errors = document(run("bad.conv", "--json")[1])["errors"]
        [unknown] = [error for error in errors if error["code"] == "E104"]
        assert (unknown["file"], unknown["line"], unknown["column"]) == ("bad.conv", 4, 5)
        assert "kernel_size" in unknown["hint"]


class TestProcess:
    """What only a process of its own shows."""

    def command(self, *words: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "codegen", *words],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})},
            capture_output=True,
            text=True,
            timeout=60,
            **options,
        )

    @pytest.mark.live
    def test_reads_a_pipe_and_writes_files(self, tmp_path: Path) -> None:
        done = self.command("-", cwd=tmp_path, input=ONE)
        assert (done.returncode, done.stderr) == (0, "")
        assert sorted(path.name for path in (tmp_path / "build").iterdir()) == ["one.c", "one.h"]

    @pytest.mark.live
    def test_a_closed_pipe_is_no_error_message(self, tmp_path: Path) -> None:
        (tmp_path / "many.conv").write_text(
            "for n in range(60) { conv1d layer[n] { input_shape = (64, 8), filters = 8, kernel_size = 5 } }"
        )
        command = f"{sys.executable} -m codegen many.conv -o - | head -c 10; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
            capture_output=True,
            text=True,
        )
        assert (done.stdout[10:].strip(), done.stderr) == ("141", "")

    @pytest.mark.live
    def test_version_imports_nothing_that_takes_time(self, tmp_path: Path) -> None:
        assert re.fullmatch(r"gen-conv \d+\.\d+\.\d+\n", self.command("--version", cwd=tmp_path).stdout)
        code = "import sys; from codegen.cli.main import main; main(['--version']); print(*sys.modules)"
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        words = [sys.executable, "-c", code]
        loaded = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout.split()
        assert "codegen" in loaded
        assert not {"numpy", "jinja2", "lark", "cffi", "rich", "platformdirs", "subprocess"} & set(loaded)

    @pytest.mark.live
    def test_an_ascii_terminal_is_no_crash(self, tmp_path: Path) -> None:
        (tmp_path / "one.conv").write_text(ONE, "utf-8")
        done = self.command("one.conv", "-o", "bücher", cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
        assert (done.returncode, done.stdout.splitlines()[0]) == (0, "wrote b\\xfccher/one.c")


class TestEndings:
    def test_a_bug_asks_for_a_report_and_hides_the_traceback(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        from codegen.language import reader

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("a wheel came off")

        monkeypatch.setattr(reader, "document", broken)
        code, out, err = run("one.conv")
        assert (code, out) == (70, "")
        assert "RuntimeError: a wheel came off" in err
        assert "gen-conv doctor" in err
        assert "Traceback" not in err
        assert "Traceback" in run("one.conv", "-v")[2]
        code, out, err = run("one.conv", "--json")
        assert (code, out, "a wheel came off" in err) == (70, "", True)

    def test_a_pipe_that_breaks_elsewhere_is_no_reader_that_went_away(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from codegen.language import reader

        def broken(*_: object, **__: object) -> None:
            raise BrokenPipeError(32, "Broken pipe")

        monkeypatch.setattr(reader, "document", broken)
        code, _, err = run("one.conv")
        assert (code, "BrokenPipeError" in err) == (70, True)

    def test_ctrl_c_is_one_line(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        from codegen.language import reader

        def interrupted(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(reader, "document", interrupted)
        assert run("one.conv") == (130, "", "gen-conv: interrupted\n")

    def test_no_word_at_all_prints_the_help(self, run: Run) -> None:
        code, out, err = run()
        assert (code, out) == (2, "")
        assert err == run("--help")[1]

    def test_help_is_a_word_too(self, run: Run) -> None:
        assert run("help") == run("--help")
        assert run("help", "show") == run("show", "--help")
        assert run("help")[0] == 0

    def test_options_stand_before_between_and_behind_files(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "three.conv").write_text(ONE.replace("one", "three"))
        wanted = run("one.conv", "three.conv", "--target", "avx2", "-o", "-")
        assert wanted[0] == 0
        assert run("one.conv", "-o", "-", "--target", "avx2", "three.conv") == wanted
        assert run("-o", "-", "one.conv", "three.conv", "--target", "avx2") == wanted

    def test_the_errors_of_a_spec_end_in_their_number_and_a_way(self, run: Run, tmp_path: Path) -> None:
        for wrong, closing in {
            ONE.replace("relu", "rleu"): "1 error (E230); `gen-conv explain E230` explains it",
            ONE.replace("relu", "rleu").replace("filters", "filtres").replace("same", "sane"): (
                "3 errors (E104, E203, E230); `gen-conv explain E104` explains the first"
            ),
        }.items():
            (tmp_path / "bad.conv").write_text(wrong)
            for words in (["bad.conv"], ["show", "bad.conv"], ["verify", "bad.conv"]):
                code, out, err = run(*words)
                assert (code, out, err.splitlines()[-1]) == (1, "", f"gen-conv: {closing}")
        code, explained, _ = run("explain", "E230")
        assert (code, explained[:5]) == (0, "E230:")

    def test_help_names_every_option_and_command(self, run: Run) -> None:
        code, out, _ = run("--help")
        assert code == 0
        page = (ROOT / "docs" / "cli.md").read_text("utf-8")
        for option in re.findall(r"--[a-z-]+", out):
            assert option in page, option
        for word in ("show", "verify", "doctor", "explain", "new"):
            assert f"  {word} " in out
            assert run(word, "--help")[0] == 0

    def test_colour_is_for_terminals_without_no_color(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "\x1b[" not in run("nowhere.conv")[2]
        monkeypatch.setattr(type(sys.stderr), "isatty", lambda _: True, raising=False)
        monkeypatch.setenv("TERM", "xterm")
        assert run("nowhere.conv")[2].startswith("\x1b[1;31mgen-conv: error\x1b[0m: no file")
        drawn = run("-", stdin=ONE.replace("kernel_size", "kernal_size"))[2]
        assert "\x1b[1;31merror[E104]\x1b[0m: unknown parameter" in drawn
        assert "\x1b[1;34m  |\x1b[0m     \x1b[1;31m^^^^^^^^^^^ did you mean `kernel_size`?\x1b[0m\n" in drawn
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b[" not in run("nowhere.conv")[2]

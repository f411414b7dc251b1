"""The folder that is written to: what is overwritten, what is not, what is left over, and what --check tells of it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import codegen
from codegen.cli import main
from codegen.layers import weights
from codegen.machine import emitted

Run = Callable[..., tuple[int, str, str]]
LAYER = "conv1d {} {{ input_shape = (400, 8), filters = 16, kernel_size = 9, padding = same, activation = relu }}\n"
OPTIONS = {  # options of the command → how the head of a file tells them
    "--target avx2": "--target avx2",
    "--target neon --sliced": "--target neon --sliced",
    "--packed": "--target scalar --packed",
    "--storage bfloat16 --target avx512": "--target avx512 --storage bfloat16",
    "--weights w.npz": "--target scalar --weights FILE or --init",
    "--init --seed 3 --target sse2": "--target sse2 --weights FILE or --init",
    "--packed --accuracy fast --target avx2": "--target avx2 --packed --accuracy fast or wide",
}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """main() on the words of a line, in a folder with one.conv, of one layer, and two.conv, of two."""
    monkeypatch.chdir(tmp_path)
    Path("one.conv").write_text(LAYER.format("one"))
    Path("two.conv").write_text(LAYER.format("one") + LAYER.format("two"))
    weigh(1.0)

    def go(line: str) -> tuple[int, str, str]:
        code = main.main(line.split())
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return go


def weigh(value: float) -> None:
    """w.npz, all of whose numbers are that one."""
    weights.save("w.npz", {"one/kernel": np.full((9, 8, 16), value), "one/bias": np.full(16, value)})


def names(folder: str = "build") -> list[str]:
    return sorted(os.listdir(folder))


class TestOverwriting:
    @pytest.mark.parametrize("name", ["one.c", "one.h"])
    def test_a_file_by_hand_stays_unless_forced(self, run: Run, name: str) -> None:
        os.mkdir("build")
        Path("build", name).write_text("/* written with care */\nint one;\n")
        code, out, err = run("one.conv")
        assert (code, out) == (2, "")
        assert f"`{Path('build', name)}`: not written by gen-conv, so not overwritten" in err
        assert "--force" in err
        assert names() == [name]  # nor is the other one written
        assert Path("build", name).read_text().endswith("int one;\n")
        assert run("one.conv --check")[1].count("not written by gen-conv") == 1
        assert run("one.conv --force")[0] == 0
        assert emitted.Head.of(Path("build", name).read_bytes())

    def test_what_gen_conv_wrote_is_overwritten_and_so_is_an_empty_file(self, run: Run) -> None:
        os.mkdir("build")
        Path("build/one.c").write_text("\n")
        assert run("one.conv -q") == (0, "", "")
        Path("build/one.c").write_bytes(Path("build/one.c").read_bytes().replace(b"\n", b"\r\n"))  # git may do that
        code, out, _ = run("one.conv")
        assert (code, out.splitlines()[0].split(" (")[0]) == (0, f"rewrote {Path('build/one.c')}")

    def test_a_rewritten_file_tells_what_was_there(self, run: Run) -> None:
        run("one.conv -q")
        Path("other.conv").write_text(LAYER.format("one").replace("16", "12").replace("relu", "tanh"))
        code, out, _ = run("other.conv")
        why = "(activation = relu, now tanh; filters = 16, now 12)"
        assert (code, out.splitlines()) == (0, [f"rewrote {Path('build', name)} {why}" for name in ("one.c", "one.h")])

    @pytest.mark.long
    @pytest.mark.parametrize("kind", ["fifo", "device", "socket", "folder", "loop"])
    @pytest.mark.parametrize("line", ["one.conv", "one.conv --check", "one.conv --diff", "one.conv --force"])
    def test_what_is_no_file_is_neither_read_nor_replaced(self, run: Run, kind: str, line: str) -> None:
        os.mkdir("build")
        place = Path("build/one.h")
        if kind == "fifo":
            os.mkfifo(place)
        elif kind == "device":
            place.symlink_to("/dev/zero")
        elif kind == "folder":
            place.mkdir()
        elif kind == "loop":
            place.symlink_to("one.h")
        else:
            with socket.socket(socket.AF_UNIX) as listening:
                listening.bind(str(place))
        before = place.lstat()
        code, _, err = run(line)
        assert code == 2
        assert f"`{place}`" in err
        assert (place.lstat().st_ino, place.lstat().st_mode) == (before.st_ino, before.st_mode)
        assert names() == ["one.h"]

    def test_no_folder_but_something_else(self, run: Run) -> None:
        os.mkfifo("build")
        code, _, err = run("one.conv")
        assert (code, "cannot write into `build`" in err) == (2, True)

    def test_two_specs_with_a_layer_of_one_name(self, run: Run) -> None:
        for line in ("one.conv two.conv", "show one.conv two.conv", "verify one.conv two.conv"):
            code, out, err = run(line)
            assert (code, out) == (2, "")
            assert "`one.conv` and `two.conv` both have a layer `one`: rename one, or give each spec a folder" in err
        Path("case.conv").write_text(LAYER.format("ONE"))
        assert run("one.conv case.conv")[0] == 2
        Path("late.conv").write_text(LAYER.format("one_backward"))
        code, _, err = run("one.conv late.conv --emit c,backward")
        assert (code, "two layers would be written to `one_backward.c`" in err) == (2, True)
        assert not Path("build").exists()

    def test_errors_of_two_specs_come_at_once(self, run: Run) -> None:
        Path("bad.conv").write_text(LAYER.format("a").replace("filters", "filter"))
        Path("worse.conv").write_text(LAYER.format("b").replace("same", "sane"))
        code, _, err = run("bad.conv one.conv worse.conv")
        assert code == 1
        assert "--> bad.conv:1:" in err
        assert "--> worse.conv:1:" in err
        assert err.endswith("gen-conv: 2 errors (E104, E203); `gen-conv explain E104` explains the first\n")


class TestLeftOver:
    def test_files_of_a_layer_that_is_gone(self, run: Run) -> None:
        run("two.conv -q --emit c,backward")
        left = [str(Path("build", f"two{end}")) for end in (".c", ".h", "_backward.c", "_backward.h")]
        code, out, _ = run("one.conv")
        assert (code, out.splitlines()[2]) == (
            0,
            f"left over {', '.join(left)}: of no layer of one.conv; --prune removes them",
        )
        code, out, err = run("one.conv --check --emit c,backward")
        assert (code, err) == (1, "")
        assert out.splitlines()[4:] == [f"left over {path}: of no layer of one.conv" for path in left]
        assert json.loads(run("one.conv --check --json")[1])["left_over"] == left
        code, out, _ = run("one.conv --diff")
        assert (code, out.count("+++ /dev/null")) == (1, 4)
        assert run("one.conv two.conv -q")[0] == 2  # and not by the other layer of that name
        code, out, _ = run("one.conv --prune")
        assert (code, out.splitlines()[2:]) == (0, [f"removed {path}" for path in left])
        assert names() == ["one.c", "one.h", "one_backward.c", "one_backward.h"]
        assert run("one.conv --check --emit c,backward")[0] == 0

    def test_what_gen_conv_did_not_write_is_never_left_over(self, run: Run) -> None:
        run("two.conv -q")
        Path("build/main.c").write_text("int main(void) { return 0; }\n")
        os.rename("build/two.c", "build/kept.c")  # a copy under a name of its user's
        os.mkfifo("build/pipe.c")
        os.remove("build/two.h")
        code, out, _ = run("one.conv --prune")
        assert (code, "removed" in out, "left over" in out) == (0, False, False)
        assert names() == ["kept.c", "main.c", "one.c", "one.h", "pipe.c"]

    @pytest.mark.long
    def test_specs_that_share_a_folder_are_checked_in_one_run(self, run: Run) -> None:
        Path("second.conv").write_text(LAYER.format("second"))
        assert run("one.conv second.conv -q")[0] == 0
        assert run("one.conv second.conv --check -q") == (0, "", "")
        assert run("one.conv --check -q")[0] == 1

    def test_gradients_that_were_not_asked_for_are_told(self, run: Run) -> None:
        run("one.conv -q --emit c,backward")
        code, _, err = run("one.conv --check")
        assert (code, err.count("--emit c,backward compares it too")) == (0, 2)


class TestReasons:
    @pytest.mark.long
    @pytest.mark.parametrize("options", OPTIONS)
    def test_a_check_without_the_options_tells_them(self, run: Run, options: str) -> None:
        run(f"one.conv -q {options}")
        code, out, _ = run("one.conv --check --target scalar")
        why = f"made with {OPTIONS[options]}, now --target scalar"
        assert (code, out.splitlines()) == (1, [f"differs {Path('build', name)}: {why}" for name in ("one.c", "one.h")])
        code, out, _ = run(f"one.conv --check {options}")
        assert (code, out.count("up to date")) == (0, 2)

    def test_gradients_tell_their_target(self, run: Run) -> None:
        run("one.conv -q --emit backward --target avx2")
        _, out, _ = run("one.conv --check --emit backward")
        assert out.count("made with --target avx2, now --target scalar") == 2

    def test_other_weights_or_an_edit(self, run: Run) -> None:
        run("one.conv -q --weights w.npz")
        weigh(2.0)
        code, out, _ = run("one.conv --check --weights w.npz")
        why = "the head is the same: other weights, or edited by hand; --diff shows where"
        assert (code, out.splitlines()[0]) == (1, f"differs {Path('build/one.c')}: {why}")
        [c, _] = json.loads(run("one.conv --check --weights w.npz --json")[1])["files"]
        assert (c["state"], c["reason"].split(":")[0]) == ("differs", "the head is the same")

    def test_another_version(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        from codegen.emission import banner

        with monkeypatch.context() as old:
            old.setattr(banner, "__version__", "0.0.9")
            run("one.conv -q")
        _, out, _ = run("one.conv --check")
        assert out.count(f": written by gen-conv 0.0.9, this is {codegen.__version__}\n") == 2

    def test_every_kind_of_file_is_known_by_its_head(self, run: Run) -> None:
        longest = "n" + "_23456789" * 6
        Path("kinds.conv").write_text(
            LAYER.format(longest)
            + "separable_conv1d b { input_shape = (40, 8), filters = 16, kernel_size = 9 }\n"
            + "conv1d_transpose c { input_shape = (None, 8), filters = 16, kernel_size = 9, strides = 4 }\n"
            + "depthwise_conv1d d { input_shape = (8, 40), kernel_size = 9, data_format = channels_first }\n"
            + "conv1d e { input_shape = (40, 8), filters = 16, kernel_size = 4, activation = softmax }\n"
        )
        Path("trained.conv").write_text(
            LAYER.format(longest) + "depthwise_conv1d d { input_shape = (40, 8), kernel_size = 9 }\n"
        )
        assert run("kinds.conv -q --target avx2 --accuracy fast")[0] == 0
        assert run("trained.conv -q -o trained --target avx2 --emit backward")[0] == 0
        paths = [*Path("build").iterdir(), *Path("trained").iterdir()]
        assert len(paths) == 14
        for path in paths:
            head = emitted.Head.of(path.read_bytes())
            assert head, path
            assert head.layer == path.stem
            assert head.options.startswith("--target avx2")
            assert head.parameters or head.layer.endswith("_backward")

"""`--amalgamate`: all that is emitted in one .c and one .h: it compiles without a warning and gives the same bits."""

from __future__ import annotations

import ctypes
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import codegen
from codegen.cli import main
from codegen.emission import vectors
from codegen.errors import SpecError, UsageError

ROOT = Path(__file__).resolve().parent.parent.parent
LAYERS = """
conv1d one { input_shape = (64, 4), filters = 8, kernel_size = 3, activation = leaky_relu(negative_slope = 0.1) }
conv1d two { input_shape = (None, 4), filters = 8, kernel_size = 5, activation = leaky_relu(negative_slope = 0.3) }
depthwise_conv1d four { input_shape = (None, 4), kernel_size = 31, activation = gelu, dtype = float64 }
separable_conv1d five { input_shape = (70, 4), filters = 6, kernel_size = 3, activation = elu, padding = same }
conv1d_transpose six { input_shape = (20, 4), filters = 6, kernel_size = 3, strides = 2, activation = tanh }
conv1d seven { input_shape = (4, 300), data_format = channels_first, filters = 16, kernel_size = 9, strides = 2 }
conv1d eight { input_shape = (40, 4), filters = 8, kernel_size = 3, activation = softmax }
"""
FLAGS = ["-std=c99", "-Og", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
MACHINE = {"scalar": [], "avx2": ["-mavx2", "-mfma"]}


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.conv").write_text(LAYERS)
    return Path("net.conv")


def compiled(*files: str, target: str = "avx2", shared: str = "") -> None:
    how = ["-shared", "-fPIC", "-o", shared] if shared else ["-c", "-o", "one.o"]
    subprocess.run(["gcc", *FLAGS, *MACHINE[target], *files, *how], check=True, timeout=240)


@pytest.mark.in_turn(2)
@pytest.mark.compiles
@pytest.mark.parametrize("target", MACHINE)
def test_every_kind_of_text_is_part_of_one_file(spec: Path, target: str) -> None:
    """Layers with the same activation of other options, of two precisions, gradients, streams, and models."""
    words = ["-q", "--target", target, "--amalgamate", "all", "-o"]
    models = [str(ROOT / "examples" / "amp.conv")]
    Path("two.conv").write_text(
        "".join(re.findall(r"^conv1d (?:one|eight).*\n", LAYERS, re.M)).replace("softmax", "gelu")
    )
    assert main.main([str(spec), *models, *words, "layers", "--sliced"]) == 0
    assert main.main([str(spec), *models, *words, "streams", "--stream"]) == 0
    assert main.main(["two.conv", *words, "trained", "--emit", "c,backward"]) == 0
    for folder in ("layers", "streams", "trained"):
        assert sorted(path.name for path in Path(folder).iterdir()) == ["all.c", "all.h"]
        compiled(f"{folder}/all.c", target=target)


@pytest.mark.compiles
def test_the_bits_are_those_of_files_of_their_own(spec: Path) -> None:
    words = ["-q", "--init", "--seed", "3", "-o", "apart"]
    assert main.main([str(spec), *words]) == 0
    assert main.main([str(spec), *words[:-1], "one", "--amalgamate", "all"]) == 0
    compiled(*map(str, sorted(Path("apart").glob("*.c"))), target="scalar", shared="apart.so")
    compiled("one/all.c", target="scalar", shared="one.so")
    x = np.random.default_rng(0).standard_normal(64 * 4).astype("float32")
    found = []
    for name in ("./apart.so", "./one.so"):
        y = np.zeros((2, 62 * 8), "float32")
        library = ctypes.CDLL(name)
        library.one(x.ctypes.data_as(ctypes.c_void_p), y[0].ctypes.data_as(ctypes.c_void_p))
        library.eight(x.ctypes.data_as(ctypes.c_void_p), y[1].ctypes.data_as(ctypes.c_void_p))
        found.append(y)
    assert np.ptp(found[0]) > 0.5
    assert found[0].tobytes() == found[1].tobytes()


@pytest.mark.long
def test_the_files_are_known_and_checked(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(spec), "--amalgamate", "all", "-o", "o"]
    assert main.main([*words, "--list-outputs"]) == 0
    assert capsys.readouterr().out.split() == ["o/all.c", "o/all.h"]
    assert main.main(words) == 0
    assert main.main([*words, "--check"]) == 0
    spec.write_text(LAYERS.replace("filters = 16", "filters = 12"))
    assert main.main([*words, "--check"]) == 1
    assert main.main([*words, "--prune"]) == 0
    assert sorted(path.name for path in Path("o").iterdir()) == ["all.c", "all.h"]
    assert Path("o/all.c").read_text().startswith("/*\n * all: 7 sources in one file, written by gen-conv ")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--amalgamate", "one"], "a layer has this name"),
        (["--amalgamate", "all", "--emit", "c,test"], "of --emit c, backward and causal-conv alone"),
        (["--amalgamate", "all", "--target", "avx2,scalar"], "one file holds the C of one target"),
        (["--amalgamate", "a-b"], "begins no name in C"),
    ],
)
def test_what_is_no_one_file(spec: Path, more: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main([str(spec), "-o", "o", *more]) == 2
    assert told in capsys.readouterr().err
    assert not Path("o").exists()


@pytest.mark.long
def test_python_writes_the_same(spec: Path) -> None:
    """`codegen.generate` with its option, of layers and models; a name that C cannot have is refused."""
    Path("both.conv").write_text(LAYERS + (ROOT / "examples" / "tcn.conv").read_text())
    assert main.main(["both.conv", "-q", "-o", "o", "--amalgamate", "all"]) == 0
    found = codegen.generate("both.conv", amalgamate="all")
    assert {name: text.encode() for name, text in found.items()} == {
        path.name: path.read_bytes() for path in Path("o").iterdir()
    }
    with pytest.raises(SpecError, match="a keyword of C"):
        codegen.generate("both.conv", amalgamate="while")
    with pytest.raises(UsageError, match="leave test out"):
        codegen.generate("both.conv", amalgamate="all", emit="c,test")


def test_names_are_apart_within_alone() -> None:
    text = f"{vectors.spelled(8)} a = {vectors.spelled(8, '_load')}(x);"
    with vectors.apart("one_"):
        assert vectors.finished(text) == ("one_v8 a = one_v8_load(x);", {"v8", "v8_load"})
    assert vectors.finished(text)[0] == "v8 a = v8_load(x);"

"""From Python to files: the bytes that the command writes, all or none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import codegen
from codegen.cli import main
from codegen.errors import PlanError, UsageError

EXAMPLE = str(Path(__file__).parent.parent.parent / "examples" / "wake_word.conv")
OPTIONS = [
    ({}, []),
    ({"target": "avx2", "emit": "c,backward"}, ["--target", "avx2", "--emit", "c,backward"]),
    ({"packed": True, "accuracy": "fast", "target": "avx2"}, ["--packed", "--accuracy", "fast", "--target", "avx2"]),
    ({"optimize": "size", "sliced": True}, ["--optimize", "size", "--sliced"]),
    ({"storage": "float16"}, ["--storage", "float16"]),
    (
        {"max_flash": 4000, "max_ram": 400, "target": "cortex-m4"},
        ["--max-flash", "4000", "--max-ram", "400", "--target", "cortex-m4"],
    ),
]


@pytest.mark.long
@pytest.mark.parametrize(("options", "words"), OPTIONS)
def test_it_is_what_the_command_writes(options: dict[str, object], words: list[str], tmp_path: Path) -> None:
    assert main.main([EXAMPLE, "-q", "-o", str(tmp_path), *words]) == 0
    texts = codegen.generate(EXAMPLE, **options)
    assert texts == {path.name: path.read_text() for path in tmp_path.iterdir()}


def test_a_model_with_its_weights_is_what_the_command_writes_of_its_files(tmp_path: Path) -> None:
    model = codegen.load(EXAMPLE, seed=3)
    model.save_weights(tmp_path / "w.npz")
    written = model.emit(tmp_path / "ours", target="avx2")
    assert (
        main.main(
            [EXAMPLE, "-q", "--weights", str(tmp_path / "w.npz"), "--target", "avx2", "-o", str(tmp_path / "theirs")]
        )
        == 0
    )
    assert {path.name for path in written} == {f"{name}.{end}" for name in model for end in "ch"}
    for path in written:
        assert path.read_bytes() == (tmp_path / "theirs" / path.name).read_bytes()


@pytest.mark.long
@pytest.mark.parametrize("baked", [False, True])
def test_models_are_what_the_command_writes_of_them(baked: bool, tmp_path: Path) -> None:
    path = str(Path(EXAMPLE).parent / "tcn.conv")
    weights = tmp_path / "w.npz"
    codegen.load(path, seed=3).save_weights(weights)
    words = ["--weights", str(weights)] if baked else []
    assert main.main([path, "-q", "-o", str(tmp_path / "theirs"), *words]) == 0
    texts = codegen.generate(path, weights=weights if baked else None)
    assert texts == {one.name: one.read_text() for one in (tmp_path / "theirs").iterdir()}


def test_weights_are_those_of_the_moment(tmp_path: Path) -> None:
    layer = codegen.Conv1D(1, 2, name="fir", use_bias=False, input_shape=(9, 1))
    for taps in ([1.5, 2.5], [3.25, 4.75]):
        layer.set_weights([np.reshape(np.float32(taps), (2, 1, 1))])
        text = layer.emit(tmp_path)[0].read_text()
        assert all(f"{tap}f" in text for tap in taps)
        text = layer.emit(tmp_path / "free", baked=False)[0].read_text()
        assert not any(f"{tap}f" in text for tap in taps)


def test_its_storage_goes_along(tmp_path: Path) -> None:
    layer = codegen.Conv1D(4, 3, name="fir", storage="float16", input_shape=(9, 2))
    assert "the kernel's are float16" in layer.emit(tmp_path)[0].read_text()


def test_what_others_wrote_is_kept(tmp_path: Path) -> None:
    layer = codegen.Conv1D(4, 3, name="fir", input_shape=(9, 2))
    (tmp_path / "fir.h").write_text("mine")
    with pytest.raises(UsageError, match="not written by gen-conv"):
        layer.emit(tmp_path)
    assert not (tmp_path / "fir.c").exists()
    layer.emit(tmp_path, force=True)
    assert "mine" not in (tmp_path / "fir.h").read_text()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"targt": "avx2"}, "unknown option `targt`: did you mean `target`?"),
        ({"target": "avx3"}, "unknown target `avx3`"),
        ({"emit": "c,backwards"}, "cannot emit `backwards`: did you mean `backward`?"),
        ({"packed": True}, "packed=True is for kernels that are arguments"),
    ],
)
def test_a_wrong_option_writes_nothing(options: dict[str, object], told: str, tmp_path: Path) -> None:
    layer = codegen.Conv1D(4, 3, name="fir", input_shape=(9, 2))
    with pytest.raises(UsageError, match=told.replace("?", r"\?")):
        layer.emit(tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def test_an_activation_of_ones_own_has_no_c(tmp_path: Path) -> None:
    layer = codegen.Conv1D(4, 3, name="fir", activation=lambda z: z, input_shape=(9, 2))
    with pytest.raises(PlanError, match="is Python's and has no C"):
        layer.emit(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_what_takes_more_than_is_allowed_is_refused_with_the_nearest_that_fits() -> None:
    with pytest.raises(PlanError, match=r"no plan fits; .*--max-flash \d+ and --max-ram \d+ let it in"):
        codegen.generate(EXAMPLE, target="cortex-m4", max_flash=100)
    with pytest.raises(UsageError, match="`ram` must be a whole number of bytes"):
        codegen.generate(EXAMPLE, max_ram=-1)

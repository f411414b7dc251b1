"""Models and the package's face: a .conv file's layers by name, their weights, and what `codegen` exports."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import codegen
from codegen import GenConvError, ShapeError, SpecErrors, UsageError, WeightsError

ROOT = Path(__file__).resolve().parents[2]
TWO = """
conv1d stem { input_shape = (None, 3), filters = 4, kernel_size = 3, padding = same, activation = relu }
depthwise_conv1d keys { input_shape = (20, 4), kernel_size = 5, strides = 2, use_bias = False }
"""


def arrays() -> dict[str, np.ndarray]:
    """Whole numbers for TWO, so that outputs are exact."""
    rng = np.random.default_rng(0)
    shapes = {"stem/kernel": (3, 3, 4), "stem/bias": (4,), "keys/kernel": (5, 4, 1)}
    return {name: rng.integers(-3, 4, shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "two.conv"
    path.write_text(TWO)
    return path


def test_a_model_is_a_mapping_in_the_files_order(file: Path) -> None:
    model = codegen.load(file)
    assert isinstance(model, Mapping)
    assert list(model) == ["stem", "keys"]
    assert len(model) == 2
    assert "stem" in model
    assert "head" not in model
    assert model.stem is model["stem"]
    assert [layer.name for layer in model.values()] == ["stem", "keys"]
    assert isinstance(model["stem"], codegen.Conv1D)
    assert isinstance(model["keys"], codegen.DepthwiseConv1D)
    assert "stem" in dir(model)


def test_a_name_that_mappings_have_is_reached_by_brackets(file: Path) -> None:
    model = codegen.load(file)
    assert list(model.keys()) == ["stem", "keys"]
    assert model["keys"].name == "keys"


def test_a_name_that_is_not_there(file: Path) -> None:
    model = codegen.load(file)
    with pytest.raises(KeyError, match="no layer `head`; there are stem, keys"):
        model["head"]
    with pytest.raises(AttributeError, match="no layer `head`; there are stem, keys"):
        model.head  # noqa: B018  # looked up for its error
    with pytest.raises(TypeError):
        model["stem"] = model["keys"]  # type: ignore[index]  # that it cannot be set is the point


def test_the_repr_is_a_table_of_contents(file: Path) -> None:
    lines = repr(codegen.load(file)).splitlines()
    assert lines == [
        f"<Model {file}, 2 layers",
        "  stem  conv1d            (None, 3) → (None, 4)  40 weights",
        "  keys  depthwise_conv1d  (20, 4) → (8, 4)       20 weights>",
    ]


@pytest.mark.compiles
@pytest.mark.parametrize("suffix", [".npz", ".safetensors", None])
def test_weights_from_a_file_or_a_mapping(suffix: str | None, file: Path, tmp_path: Path) -> None:
    given: object = arrays()
    if suffix:
        given = tmp_path / f"two{suffix}"
        codegen.weights.save(given, arrays())
    model = codegen.load(str(file), weights=given)
    assert (model.stem.kernel == arrays()["stem/kernel"]).all()
    assert model["keys"].bias is None
    x = np.random.default_rng(1).integers(-5, 6, (2, 20, 3)).astype(np.float32)
    kernel, bias = arrays()["stem/kernel"], arrays()["stem/bias"]
    padded = np.pad(x, ((0, 0), (1, 1), (0, 0)))
    y = np.maximum(sum(padded[:, k : k + 20] @ kernel[k] for k in range(3)) + bias, 0)
    assert (model.stem(x) == y).all()
    z = sum(y[:, k : k + 16 : 2] * arrays()["keys/kernel"][k, :, 0] for k in range(5))
    assert (model["keys"](y) == z).all()


def test_weights_that_do_not_fit(file: Path) -> None:
    with pytest.raises(WeightsError, match=r"`keys/kernel`: got shape \(5, 4\), expected \(5, 4, 1\)"):
        codegen.load(file, arrays() | {"keys/kernel": np.zeros((5, 4))})
    with pytest.raises(WeightsError, match="`head/kernel`: not expected"):
        codegen.load(file, arrays() | {"head/kernel": np.zeros(3)})
    with pytest.raises(WeightsError, match="`stem/bias`: missing"):
        codegen.load(file, {name: array for name, array in arrays().items() if name != "stem/bias"})


def test_a_seed_stands_in_for_those_that_initializers_lack() -> None:
    same = "input_shape = (None, 3), filters = 4, kernel_size = 3"
    text = f"{TWO}conv1d own {{ {same}, kernel_initializer = he_normal(seed=7) }}\nconv1d last {{ {same} }}"
    first, again, other = (codegen.load(text, seed=seed) for seed in (5, 5, 6))
    for name in ("stem", "last", "keys"):
        assert (first[name].kernel == again[name].kernel).all()
        assert (first[name].kernel != other[name].kernel).any()
    assert (first["own"].kernel == other["own"].kernel).all()
    assert (first["stem"].kernel != first["last"].kernel).any(), "equal layers differ"
    state = random.getstate()
    try:  # as Keras draws after keras.utils.set_random_seed(5)
        random.seed(5)
        drawn = codegen.initializers.GlorotUniform()
    finally:
        random.setstate(state)
    assert (first["stem"].kernel == drawn((3, 3, 4))).all()


def test_without_a_seed_two_loads_differ(file: Path) -> None:
    assert (codegen.load(file).stem.kernel != codegen.load(file).stem.kernel).any()


# Path or text


def test_a_text_is_known_by_its_brace_or_line_break(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(codegen.load(TWO)) == list(codegen.load(file)) == list(codegen.load(str(file)))
    one = TWO.strip().splitlines()[0]
    assert list(codegen.load(one)) == ["stem"]
    odd = tmp_path / "{odd}.conv"
    odd.write_text(one)
    assert list(codegen.load(odd)) == ["stem"]
    monkeypatch.chdir(tmp_path)
    assert list(codegen.load("two.conv")) == ["stem", "keys"]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("nowhere.conv", "no file `nowhere.conv`; give the path of a .conv file, or its text"),
        (".", "`.` is a folder: name a .conv file in it"),
        ("a\0b", "cannot read `a\\u{0000}b`"),
    ],
)
def test_a_file_that_cannot_be_read(source: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        codegen.load(source)
    assert told in str(caught.value)


def test_errors_in_the_file_are_all_told_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "bad.conv"
    first = "conv1d a { input_shape = (None, 3), filters = 0, kernel_size = 3 }"
    path.write_text(f"{first}\nconv1d b {{ filters = 2, kernal_size = 3 }}\n")
    with pytest.raises(SpecErrors) as caught:
        codegen.load(path)
    text = str(caught.value)
    assert f"{path}:1:" in text
    assert f"{path}:2:" in text
    assert "did you mean `kernel_size`?" in text
    assert isinstance(caught.value, ValueError)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "bad.conv"
    path.write_bytes(b"conv1d \xff { }")
    with pytest.raises(SpecErrors, match="UTF-8"):
        codegen.load(path)


@pytest.mark.compiles
def test_targets() -> None:
    scalar = codegen.load(TWO, arrays(), "scalar")
    assert "target=scalar" in repr(scalar.stem)
    x = np.arange(60, dtype=np.float32).reshape(1, 20, 3)
    assert (scalar.stem(x) == codegen.load(TWO, arrays()).stem(x)).all()
    with pytest.raises(UsageError, match="unknown target `mmx`"):
        codegen.load(TWO, target="mmx")


def test_a_fixed_layer_of_a_file_holds_its_length() -> None:
    with pytest.raises(ShapeError, match="x has 21 steps, expected 20"):
        codegen.load(TWO)["keys"](np.zeros((1, 21, 4)))


# The package's face


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert codegen.__version__ == project["version"]


def test_everything_exported_is_there_and_typed() -> None:
    tree = ast.parse((ROOT / "codegen" / "__init__.py").read_text("utf-8"))
    for_checkers = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        for statement in node.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert for_checkers | {"__version__"} == set(codegen.__all__)
    assert set(dir(codegen)) == set(codegen.__all__)
    for name in codegen.__all__:
        assert getattr(codegen, name) is not None
    with pytest.raises(AttributeError, match="module `codegen` has no attribute `Conv2D`"):
        codegen.Conv2D  # noqa: B018  # looked up for its error
    assert (ROOT / "codegen" / "py.typed").is_file()


def test_every_error_is_a_gen_conv_error_and_those_about_values_are_value_errors() -> None:
    errors = [getattr(codegen, name) for name in codegen.__all__ if name.endswith(("Error", "Errors"))]
    assert len(errors) >= 9
    assert all(issubclass(error, GenConvError) for error in errors)
    values = {error.__name__ for error in errors if issubclass(error, ValueError)}
    assert values == {"SpecError", "SpecErrors", "WeightsError", "ShapeError", "PlanError", "ConversionError"}


@pytest.mark.live
def test_importing_it_imports_next_to_nothing() -> None:
    code = "import sys; before = set(sys.modules); import codegen; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("codegen")} == {"codegen"}
    assert not loaded & {"numpy", "typing", "dataclasses", "pathlib", "cffi", "lark", "jinja2"}

"""Keras' files: models against recorded outputs, the text that is written of them, hostile and damaged files.

tests/live/models.py wrote tests/data/foreign with Keras itself.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codegen
from codegen.cli import main
from codegen.errors import ConversionError, UsageError
from codegen.graph import reference
from codegen.language import reader as language

h5py = pytest.importorskip("h5py", reason="needs the `test` extra: pip install h5py")

FOREIGN = Path(__file__).resolve().parent.parent / "data" / "foreign"
FILES = ("motion.keras", "residual.keras", "residual.h5")


def outputs(net: Any, x: Any) -> list[Any]:
    return list(reference.run(net.graph, {"x": x}, net.weights).values())


def only(model: codegen.Model) -> Any:
    (net,) = model.nets.values()
    return net


@pytest.mark.parametrize("file", FILES)
def test_files_compute_what_keras_does(file: str) -> None:
    """In float64 from the same float32 weights."""
    recorded = np.load(FOREIGN / f"{file.split('.')[0]}.npz")
    made = outputs(only(codegen.read(FOREIGN / file)), recorded["x"])
    assert len(made) == len(recorded.files) - 1
    for i, y in enumerate(made):
        expected = recorded[f"y{i}"]
        assert np.abs(y.reshape(expected.shape) - expected).max() < 1e-6 * np.sqrt((expected**2).mean())


@pytest.mark.long
def test_a_model_is_emitted_as_the_command_does(tmp_path: Path) -> None:
    out, weights = str(tmp_path / "net.conv"), str(tmp_path / "net.safetensors")
    assert main.main(["import", str(FOREIGN / "motion.keras"), "-o", out]) == 0
    paths = codegen.load(out, weights=weights).emit(tmp_path / "a", target="scalar")
    assert [path.name for path in paths] == ["motion_net.c", "motion_net.h"]
    assert main.main([out, "--weights", weights, "--target", "scalar", "-o", str(tmp_path / "b")]) == 0
    assert all(path.read_bytes() == (tmp_path / "b" / path.name).read_bytes() for path in paths)
    with pytest.raises(UsageError, match="is emitted as C alone"):
        codegen.read(FOREIGN / "motion.keras").emit(tmp_path / "c", emit="c,test")


@pytest.mark.parametrize("file", FILES)
def test_the_text_means_the_same_graph(file: str) -> None:
    model = codegen.read(FOREIGN / file)
    document = language.document(model.to_conv(), file)
    assert not document.diagnostics
    (one,) = document.models
    net, x = only(model), np.load(FOREIGN / f"{file.split('.')[0]}.npz")["x"]
    again = reference.run(one.graph, {"x": x}, net.weights)
    assert list(again) == [name for name, _ in net.graph.outputs]
    for ours, y in zip(again.values(), outputs(net, x), strict=True):
        assert np.array_equal(ours, y)


@pytest.mark.compiles
def test_a_model_is_called_on_arrays_and_written(tmp_path: Path) -> None:
    recorded = np.load(FOREIGN / "motion.npz")
    model = codegen.read(FOREIGN / "motion.keras", target="scalar")
    assert list(model) == ["stem", "depthwise_conv1d", "separable_conv1d", "conv1d", "conv1d_1"]
    y = model(recorded["x"])
    assert y.shape == (2, 1, 5)
    np.testing.assert_allclose(y[:, 0], recorded["y0"], rtol=1e-4, atol=1e-6)
    out = tmp_path / "motion.conv"
    assert main.main(["import", str(FOREIGN / "motion.keras"), "-o", str(out)]) == 0
    again = codegen.load(out, weights=out.with_suffix(".safetensors"), target="scalar")
    assert np.array_equal(again["motion_net"](recorded["x"]), y)


def changed(tmp_path: Path, change: Callable[[dict[str, Any]], Any], file: str = "motion.keras") -> Path:
    """A copy of a .keras file with another config."""
    path = tmp_path / file
    with zipfile.ZipFile(FOREIGN / file) as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename == "config.json":
                config = json.loads(data)
                change(config["config"]["layers"])
                data = json.dumps(config).encode()
            new.writestr(info, data)
    return path


def layers_named(layers: Any, name: str) -> Any:
    return next(layer for layer in layers if layer["config"]["name"] == name)


def spoil(layers: Any) -> None:
    layers_named(layers, "spatial_dropout1d")["class_name"] = "Attention"
    layers_named(layers, "re_lu").update(module="mine", registered_name="mine>ReLU")
    layers_named(layers, "stem")["config"]["padding"] = "full"


def test_all_that_cannot_be_read_is_told_at_once(tmp_path: Path) -> None:
    path = changed(tmp_path, spoil)
    with pytest.raises(ConversionError) as caught:
        codegen.read(path)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{path}: 3 parts cannot be read:"
    told = "\n".join(lines[1:])
    assert '`stem`: Conv1D `padding` must be valid, same, causal or (left, right), got "full"' in told
    assert "`re_lu`: ReLU is a class of somebody's own; replace it, or leave it out with skip=['re_lu']" in told
    assert "`spatial_dropout1d`: Attention multiplies values by values" in told


def test_parts_are_skipped_by_path_name_or_class(tmp_path: Path) -> None:
    def spoil_two(layers: Any) -> None:
        layers_named(layers, "spatial_dropout1d")["class_name"] = "Attention"
        layers_named(layers, "dropout")["class_name"] = "Mystery"

    path = changed(tmp_path, spoil_two)
    model = codegen.read(path, skip=["Attention", "dropout"])
    recorded = np.load(FOREIGN / "motion.npz")
    np.testing.assert_allclose(outputs(only(model), recorded["x"])[0][:, 0], recorded["y0"], rtol=1e-6)
    assert model.notes == ("spatial_dropout1d, Attention, is left out", "dropout, Mystery, is left out")
    assert model.to_conv().startswith("# spatial_dropout1d, Attention, is left out\n")
    with pytest.raises(UsageError, match="skip: no part is called `dropuot`"):
        codegen.read(path, skip=["Attention", "Mystery", "dropuot"])


HOSTILE: dict[str, tuple[Callable[[Any], None], str]] = {
    "an endless reshape": (
        lambda layers: layers_named(layers, "dropout").update(
            class_name="Reshape", config={"name": "dropout", "target_shape": [7, 3]}
        ),
        "`reshape` of",
    ),
    "a size beyond all": (
        lambda layers: layers_named(layers, "zero_padding1d")["config"].update(padding=[2**40, 0]),
        "expected a whole number from 0 to 1,048,576",
    ),
    "no layers": (lambda layers: layers.clear(), "has 0 layers"),
    "another kernel": (
        lambda layers: layers_named(layers, "stem")["config"].update(kernel_size=[7]),
        "`stem`: Conv1D has `kernel` of shape (5, 6, 8), expected (7, 6, 8)",
    ),
    "two numbers for one": (
        lambda layers: layers_named(layers, "re_lu")["config"].update(threshold=[1, 2]),
        "expected one number",
    ),
    "nothing to add": (
        lambda layers: layers_named(layers, "dropout").update(class_name="Concatenate", config={"name": "dropout"}),
        "`axis` is missing",
    ),
    "no name": (lambda layers: layers_named(layers, "stem")["config"].pop("name"), "`name` is missing"),
    "a name in two lines": (
        lambda layers: layers_named(layers, "stem").update(class_name="Nothing\n\x1b[2Jhere"),
        r"Nothing\u{000a}\u{001b}[2Jhere is not known here",
    ),
}


GRAPHS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "called on nothing": (
        lambda layers: layers_named(layers, "concatenate").update(inbound_nodes=[[]]),
        "`concatenate`: Concatenate is called on no tensor",
    ),
    "one name twice": (lambda layers: layers_named(layers, "cut_0").update(name="a_0"), "has two layers of one name"),
    "a circle": (
        lambda layers: (
            layers_named(layers, "cut_0").update(inbound_nodes=[[["b_0", 0, 0, {}]]])
            or layers_named(layers, "a_0").update(inbound_nodes=[[["norm_0", 0, 0, {}]]])
        ),
        "reads a tensor that no layer makes",
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_of_strangers(name: str, tmp_path: Path) -> None:
    change, told = GRAPHS[name]
    with pytest.raises(ConversionError) as caught:
        codegen.read(changed(tmp_path, change, "residual.keras"))
    assert told in str(caught.value)


@pytest.mark.parametrize("name", HOSTILE)
def test_configs_of_strangers(name: str, tmp_path: Path) -> None:
    change, told = HOSTILE[name]
    with pytest.raises((ConversionError, codegen.WeightsError)) as caught:
        codegen.read(changed(tmp_path, change))
    assert told in str(caught.value)


def legacy(change: Callable[[Any], Any]) -> bytes:
    """residual.h5, changed."""
    held = io.BytesIO((FOREIGN / "residual.h5").read_bytes())
    with h5py.File(held, "r+") as file:
        change(file)
    return held.getvalue()


def replaced(file: Any, **options: Any) -> None:
    group = file["model_weights/a_0/a_0"]
    array = group["kernel"][()]
    del group["kernel"]
    group.create_dataset("kernel", data=array, **options)


def linked(file: Any, link: Any) -> None:
    group = file["model_weights/a_0/a_0"]
    del group["kernel"]
    group["kernel"] = link


HOSTILE_FILES: dict[str, tuple[Callable[[], bytes], str]] = {
    "no file of it": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(64), "is no readable HDF5 file"),
    "weights alone": (lambda: legacy(lambda file: file.attrs.pop("model_config")), "it holds weights alone"),
    "packed": (lambda: legacy(lambda file: replaced(file, compression="gzip", chunks=True)), "is packed or lies"),
    "elsewhere": (
        lambda: legacy(lambda file: linked(file, h5py.ExternalLink("/etc/passwd", "/"))),
        "is a link to elsewhere, which is not followed",
    ),
    "a soft link": (
        lambda: legacy(lambda file: linked(file, h5py.SoftLink("/model_weights"))),
        "is a link to elsewhere",
    ),
    "whole numbers": (
        lambda: legacy(lambda file: linked(file, np.zeros((3, 8, 8), "int32"))),
        "is of int32, expected floats",
    ),
    "no layer": (lambda: legacy(lambda file: file.pop("model_weights/b_1")), "`b_1`: Conv1D has no arrays in the file"),
    "deep": (lambda: legacy(lambda file: file.attrs.modify("model_config", "[" * 100_000)), "is no readable JSON"),
}


@pytest.mark.parametrize("name", HOSTILE_FILES)
def test_hdf5_of_strangers(name: str, tmp_path: Path) -> None:
    make, told = HOSTILE_FILES[name]
    path = tmp_path / "net.h5"
    path.write_bytes(make())
    with pytest.raises(ConversionError) as caught:
        codegen.read(path)
    assert told in str(caught.value)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("cut", [0, 100, 40_000])
def test_a_truncated_file(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    path.write_bytes((FOREIGN / "motion.keras").read_bytes()[:cut])
    with pytest.raises(ConversionError, match=r"is no readable \.keras file"):
        codegen.read(path)

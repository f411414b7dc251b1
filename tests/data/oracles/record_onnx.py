"""Writes tests/data/oracles/onnx.npz: the eight `test_Conv1d*` cases that the onnx wheel ships, without protobuf.

pip install onnx && python -m tests.data.oracles.record_onnx
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


def record(path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    root = Path(onnx.__file__).parent / "backend/test/data/pytorch-converted"
    cases, arrays = [], {}
    for folder in sorted(root.glob("test_Conv1d*")):
        model = onnx.load(folder / "model.onnx")
        (node,) = model.graph.node
        attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        cases.append({"name": folder.name, "attributes": attributes})
        read = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        files = [folder / f"test_data_set_0/input_{index}.pb" for index in range(len(node.input))]
        found = iter([file for file in files if file.exists()])
        for role, name in zip(("x", "w", "b"), node.input, strict=False):
            array = read[name] if name in read else numpy_helper.to_array(onnx.load_tensor(next(found)))
            arrays[f"{folder.name}/{role}"] = array
        arrays[f"{folder.name}/y"] = numpy_helper.to_array(onnx.load_tensor(folder / "test_data_set_0/output_0.pb"))
    text = np.frombuffer(json.dumps(cases).encode(), np.uint8)
    np.savez_compressed(path, cases=text, **arrays)
    print(f"{path}: {len(cases)} cases, {path.stat().st_size:,} bytes")
    for case in cases:
        shapes = {role: arrays[f"{case['name']}/{role}"].shape for role in "xwby" if f"{case['name']}/{role}" in arrays}
        print(" ", case, shapes)


if __name__ == "__main__":
    record(Path(__file__).with_name("onnx.npz"))

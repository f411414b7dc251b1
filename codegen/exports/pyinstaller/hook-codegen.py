"""What PyInstaller cannot see: templates, the grammar, and modules that are imported by a name that is put together."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

OTHERS = ("torch", "keras", "dask", "h5py", "onnx", "onnxruntime", "openvino", "scipy", "xarray", "zarr", "pygls")

datas = collect_data_files("codegen", excludes=["bench/**"])
hiddenimports = [
    *collect_submodules("codegen", filter=lambda name: not name.startswith(("codegen.bench", "codegen.exports.py"))),
    "_cffi_backend",
]
excludedimports = list(OTHERS)  # a program that uses one of them imports it itself

"""The wheel: what is in it, and that it works in an empty environment; the metadata that people rely on."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.compiles

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def run(*command: str | Path, cwd: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built from the checkout without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, ROOT, cwd=folder)
    return next(folder.glob("*.whl"))


def offline(message: str) -> bool:
    return any(word in message for word in ("Could not find a version", "ConnectionError", "Failed to establish"))


def test_the_wheel_holds_the_package_with_its_templates_and_grammar(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    left_out = {one[1:] for one in settings["tool"]["hatch"]["build"]["targets"]["wheel"]["exclude"] if ".py" in one}
    for folder, inside in (("codegen", "codegen"), ("templates", "codegen/templates"), ("grammar", "codegen/grammar")):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                tool = path.relative_to(ROOT).as_posix() in left_out
                assert (f"{inside}/{path.relative_to(ROOT / folder)}" in names) is not tool
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"codegen"}
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert "codegen/py.typed" in names


def test_the_wheel_works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env")
    scripts = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    pip = (sys.executable, "-m", "pip", "--python", scripts / "python", "install", "-q", "--no-compile")
    try:
        run(*pip, wheel, cwd=tmp_path)
    except AssertionError as error:
        if offline(str(error)) and not os.environ.get("CI"):
            pytest.skip("installing the dependencies needs a network")
        raise
    out = run(scripts / "gen-conv", ROOT / "examples" / "wake_word.conv", cwd=tmp_path)
    assert "wrote build/stem.c" in out.replace(os.sep, "/")
    assert sorted(path.name for path in (tmp_path / "build").iterdir()) == sorted(
        f"{name}.{kind}" for name in ("stem", "smooth", "squeeze") for kind in "ch"
    )
    code = """
import numpy as np, codegen
layer = codegen.load("conv1d one { input_shape = (4, 1), filters = 1, kernel_size = 2 }",
                     weights={"one/kernel": np.array([[[2.0]], [[3.0]]]), "one/bias": np.array([1.0])})["one"]
print(layer(np.array([[[1.0], [2.0], [3.0], [4.0]]], "float32")).ravel().tolist())
print("/env/" in codegen.__file__.replace("\\\\", "/"))
"""
    assert run(scripts / "python", "-c", code, cwd=tmp_path).splitlines() == ["[9.0, 14.0, 19.0]", "True"]


def test_the_package_is_read_from_a_zip(wheel: Path, tmp_path: Path) -> None:
    """The wheel itself on the path: modules, templates, the grammar and the errors come out of the file."""
    (tmp_path / "one.conv").write_text("conv1d one { input_shape = (4, 1), filters = 1, kernel_size = 2 }")
    code = f"import sys; sys.path.insert(0, {str(wheel)!r}); from codegen.cli.main import main; sys.exit(main())"
    out = run(sys.executable, "-c", code, "one.conv", cwd=tmp_path)
    assert "wrote build/one.c" in out.replace(os.sep, "/")
    assert ".whl" in run(
        sys.executable,
        "-c",
        code.replace("sys.exit(main())", "print(codegen.__file__)").replace(
            "from codegen", "import codegen; from codegen"
        ),
        cwd=tmp_path,
    )
    out = run(sys.executable, "-c", code, "explain", "E301", cwd=tmp_path)
    assert "channels" in out


FROZEN = """
import sys
import numpy as np
import codegen
from codegen.cli.main import main
layer = codegen.load("conv1d one { input_shape = (4, 1), filters = 1, kernel_size = 2 }",
                     weights={"one/kernel": np.array([[[2.0]], [[3.0]]]), "one/bias": np.array([1.0])})["one"]
print(layer(np.array([[[1.0], [2.0], [3.0], [4.0]]], "float32")).ravel().tolist())
sys.exit(main(["one.conv", "--emit", "c,backward"]))
"""


def test_a_frozen_program_takes_the_package_along(wheel: Path, tmp_path: Path) -> None:
    """By the hook that PyInstaller finds through the entry point of the installed wheel, or here by its folder."""
    pytest.importorskip("PyInstaller", reason="PyInstaller is not installed: pip install 'gen-conv[release]'")
    (tmp_path / "program.py").write_text(FROZEN)
    (tmp_path / "one.conv").write_text("conv1d one { input_shape = (4, 1), filters = 1, kernel_size = 2 }")
    hooks = ROOT / "codegen" / "exports" / "pyinstaller"
    words = ["--noconfirm", "--log-level", "ERROR", "--additional-hooks-dir", hooks]
    pip = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile", "-t", tmp_path / "in")
    run(*pip, wheel, cwd=tmp_path)
    run(sys.executable, "-m", "PyInstaller", *words, "--paths", tmp_path / "in", "program.py", cwd=tmp_path)
    (tmp_path / "in").rename(tmp_path / "elsewhere")
    out = run(tmp_path / "dist" / "program" / "program", cwd=tmp_path)
    assert out.splitlines()[0] == "[9.0, 14.0, 19.0]"
    assert "wrote build/one_backward.c" in out.replace(os.sep, "/")
    assert not list((tmp_path / "dist").rglob("torch*"))


def test_what_is_uploaded_passes_the_check(wheel: Path, tmp_path: Path) -> None:
    pytest.importorskip("twine", reason="twine is not installed: pip install 'gen-conv[release]'")
    build = "import sys, hatchling.build; print(hatchling.build.build_sdist(sys.argv[1]))"
    sdist = run(sys.executable, "-c", build, tmp_path, cwd=ROOT).split()[-1]
    out = run(sys.executable, "-m", "twine", "check", "--strict", wheel, tmp_path / sdist, cwd=tmp_path)
    assert out.count("PASSED") == 2
    with tarfile.open(tmp_path / sdist) as held:
        names = {name.partition("/")[2] for name in held.getnames()}
    assert {
        "pyproject.toml",
        "README.md",
        "packaging/metadata.py",
        "templates/kernel.c.j2",
        "tests/conftest.py",
    } <= names


def test_a_release_has_links_that_lead_to_the_project() -> None:
    spec = importlib.util.spec_from_file_location("metadata", ROOT / "packaging" / "metadata.py")
    assert spec
    assert spec.loader
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    text = "[a](docs/a.md#b) ![p](docs/p.svg) [site](https://example.org) [here](#there)"
    assert made.absolute(text, "https://h/gen-conv", "1.2") == (
        "[a](https://h/gen-conv/blob/v1.2/docs/a.md#b) ![p](https://h/gen-conv/raw/v1.2/docs/p.svg) "
        "[site](https://example.org) [here](#there)"
    )
    assert not made.LINK.search(made.absolute((ROOT / "README.md").read_text("utf-8"), "https://h/g", "1"))
    assert all(url.startswith("https://h/g") for url in made.urls("https://h/g").values())


def test_the_recipe_for_conda_has_the_version_and_the_dependencies_of_the_project() -> None:
    text = (ROOT / "packaging" / "conda-forge" / "recipe.yaml").read_text("utf-8")
    assert f'version: "{PROJECT["project"]["version"]}"' in text
    run = text.partition("  run:\n")[2].partition("\ntests:")[0]
    told = {line.strip(" -").replace(" ", "") for line in run.splitlines() if line.strip()}
    assert told - {"python>=${{python_min}}"} == set(PROJECT["project"]["dependencies"])
    [script] = PROJECT["project"]["scripts"].items()
    assert f"- {' = '.join(script)}" in text


def test_the_release_fills_the_sum_of_the_sdist_into_the_recipe(tmp_path: Path) -> None:
    version = PROJECT["project"]["version"]
    sdist, other = tmp_path / f"gen_conv-{version}.tar.gz", tmp_path / "gen_conv-9.9.tar.gz"
    for path in (sdist, other):
        path.write_bytes(b"abc")
    script = ROOT / "packaging" / "conda_recipe.py"
    made = run(sys.executable, script, sdist, cwd=tmp_path)
    assert "sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n" in made
    plain = (ROOT / "packaging" / "conda-forge" / "recipe.yaml").read_text("utf-8")
    assert sum(a != b for a, b in zip(made, plain, strict=True)) > 50
    assert subprocess.run([sys.executable, script, other], capture_output=True, check=False).returncode


def test_an_editable_install_runs_the_checkout(tmp_path: Path) -> None:
    """What `pip install -e .` does: the build backend's editable wheel, installed, leads back to these files."""
    (tmp_path / "wheel").mkdir()
    build = "import sys, hatchling.build; hatchling.build.build_editable(sys.argv[1])"
    run(sys.executable, "-c", build, tmp_path / "wheel", cwd=ROOT)
    [made] = (tmp_path / "wheel").glob("*.whl")
    assert not [name for name in zipfile.ZipFile(made).namelist() if name.startswith(("codegen", "templates", "bench"))]
    venv.create(tmp_path / "env")
    scripts = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    pip = (sys.executable, "-m", "pip", "--python", scripts / "python", "install", "-q", "--no-deps", "--no-index")
    run(*pip, made, cwd=tmp_path)
    ours = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})"  # the dependencies, without a network
    code = f"{ours}\nimport codegen, sys; from codegen.cli.main import main; print(codegen.__file__); sys.exit(main())"
    out = run(scripts / "python", "-c", code, ROOT / "examples" / "wake_word.conv", cwd=tmp_path)
    assert out.splitlines()[0] == str(ROOT / "codegen" / "__init__.py")
    assert "wrote build/stem.c" in out.replace(os.sep, "/")
    assert (scripts / "gen-conv").exists() or (scripts / "gen-conv.exe").exists()


def test_the_version_stands_once_and_is_the_same_everywhere() -> None:
    import codegen
    from codegen.cli.main import main

    assert codegen.__version__ == PROJECT["project"]["version"]
    assert main(["--version"]) == 0


def test_the_package_itself_is_the_command(tmp_path: Path) -> None:
    """`python -m codegen`, for whom no script is on the PATH."""
    given = "conv1d one { input_shape = (4, 1), filters = 1, kernel_size = 2 }"
    (tmp_path / "one.conv").write_text(given)
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import runpy; runpy.run_module('codegen', run_name='__main__')"
    )
    assert run(sys.executable, "-c", code, "one.conv", cwd=tmp_path).splitlines()[0].startswith("wrote build")


def test_the_test_extra_is_light_and_the_live_one_has_the_oracles() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    heavy = ("torch", "tensorflow", "keras", "jax", "onnx")
    assert not [one for one in (*PROJECT["project"]["dependencies"], *extras["test"]) if one.startswith(heavy)]
    oracles = {"ai-edge-litert", "keras", "onnx", "scipy", "tflite-micro", "torch"}
    oracles |= {"dask[array]", "distributed", "xarray", "zarr"}
    assert {one.split(">=")[0] for one in extras["live"]} == oracles


def test_build_holds_nothing_but_its_ignore_file() -> None:
    told = (ROOT / ".git").exists() and shutil.which("git")
    tracked = run("git", "ls-files", "build", cwd=ROOT).split() if told else ["build/.gitignore"]
    assert tracked == ["build/.gitignore"]
    assert (ROOT / "build" / ".gitignore").read_text("utf-8") == "*\n!.gitignore\n"


def test_the_licence_is_apache_2_in_full() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text

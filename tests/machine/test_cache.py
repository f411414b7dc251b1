"""The cache: never a wrong, torn or foreign library, never a crash for want of a folder, one build for many who ask."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegen.errors import ToolchainError, UsageError
from codegen.machine import cache

KEY = "5e" * 32
LIBRARY = bytes(range(256))
pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes, owners and signals are POSIX'")


class Log:
    """A recipe's functions, and what they were called with: opening a library is reading its file."""

    def __init__(self) -> None:
        self.built, self.opened, self.checked = 0, list[Path](), 0

    def build(self) -> bytes:
        self.built += 1
        return LIBRARY

    def open(self, path: Path) -> bytes:
        self.opened.append(path.resolve())
        return path.read_bytes()

    def check(self, library: bytes) -> None:
        self.checked += 1

    def recipe(self, key: str = KEY, target: str = "scalar") -> cache.Recipe[bytes]:
        return cache.Recipe(key, target, self.build, self.open, self.check)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENCONV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_WARNED", set())
    monkeypatch.setattr(cache, "_PRIVATE", {})
    return tmp_path / "cache"


@pytest.fixture
def entry(root: Path) -> Path:
    """A published entry."""
    path, _ = cache.fetch(Log().recipe())
    return path


def test_a_miss_builds_checks_and_publishes_and_a_hit_only_opens(root: Path) -> None:
    log = Log()
    path, library = cache.fetch(log.recipe())
    assert path == root / "kernels" / f"{KEY}.so"
    assert library.startswith(LIBRARY)
    assert (log.built, log.checked) == (1, 1)
    assert log.opened[0].suffix == ".tmp"  # before anybody could find it
    assert cache.fetch(log.recipe()) == (path, library)
    assert (log.built, log.checked, log.opened[1:]) == (1, 1, [path])
    assert sorted(file.suffix for file in path.parent.iterdir()) == [".lock", ".so"]
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o077 == 0


def mended(path: Path, recipe: Callable[[Log], cache.Recipe[bytes]] = Log.recipe) -> bool:
    """Whether a fetch builds anew, opens nothing but the new file, and leaves a right entry."""
    log = Log()
    found, library = cache.fetch(recipe(log))
    assert found == path
    assert library.startswith(LIBRARY)
    again = Log()
    cache.fetch(recipe(again))
    assert again.built == 0
    return log.built == 1 and [one.suffix for one in log.opened] == [".tmp"]


def test_every_truncation_is_found(entry: Path) -> None:
    whole = entry.read_bytes()
    log = Log()
    for size in range(len(whole)):
        entry.write_bytes(whole[:size])
        assert not cache._verified(entry, log.recipe()), size
    for size in (0, 1, 100, len(whole) - 1):
        entry.write_bytes(whole[:size])
        assert mended(entry)


@pytest.mark.long
def test_every_bit_counts(entry: Path, share: Callable[..., Any]) -> None:
    whole = entry.read_bytes()
    log = Log()
    bits = random.Random(0).sample(range(8 * len(whole)), min(4096, 8 * len(whole)))
    for bit in share(bits, 4):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        entry.write_bytes(data)
        assert not cache._verified(entry, log.recipe()), bit
    assert mended(entry)
    entry.write_bytes(whole + b"\0")
    assert mended(entry)


def test_an_entry_under_another_name_is_not_taken(entry: Path) -> None:
    other = "ab" * 32
    (entry.parent / f"{other}.so").write_bytes(entry.read_bytes())
    assert mended(entry.parent / f"{other}.so", lambda log: log.recipe(key=other))
    assert mended(entry, lambda log: log.recipe(target="avx2"))


def test_only_a_file_that_we_alone_can_have_written_is_taken(entry: Path, tmp_path: Path) -> None:
    data = entry.read_bytes()
    for mode in (0o620, 0o602, 0o777):
        entry.chmod(mode)
        assert mended(entry), oct(mode)
    (tmp_path / "elsewhere").write_bytes(data)
    entry.unlink()
    entry.symlink_to(tmp_path / "elsewhere")
    assert mended(entry)
    entry.unlink()
    os.link(tmp_path / "elsewhere", entry)
    assert mended(entry)
    entry.unlink()
    os.mkfifo(entry)  # which would wait for a writer
    assert mended(entry)
    entry.unlink()
    entry.symlink_to("/dev/zero")
    assert mended(entry)


def test_the_size_of_an_entry_is_checked_before_it_is_read(entry: Path) -> None:
    recipe, whole = Log().recipe(), entry.read_bytes()
    end = whole[len(LIBRARY) :]
    tracemalloc.start()
    try:
        for size in (1 << 27, 1 << 40):  # with and without the end of an entry behind a hole
            with open(entry, "r+b") as file:
                file.truncate(size)
            assert not cache._verified(entry, recipe)
            with open(entry, "r+b") as file:
                file.seek(0, os.SEEK_END)
                file.write(end)
            assert not cache._verified(entry, recipe)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert mended(entry)


def test_a_folder_in_an_entrys_place_costs_the_cache_but_no_answer(entry: Path) -> None:
    entry.unlink()
    entry.mkdir()
    private(Log(), "compiled kernels are not kept")


def test_a_file_or_folder_of_another_user_is_not_taken(
    entry: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: entry.stat().st_uid + 1)
    assert not cache._verified(entry, Log().recipe())
    with pytest.raises(PermissionError, match="belongs to another user; set GENCONV_CACHE_DIR"), cache.folder():
        pass


def private(log: Log, match: str) -> Path:
    """Fetch without a usable cache: one warning, a folder of this process, and still only one build."""
    with pytest.warns(RuntimeWarning, match=match):
        path, library = cache.fetch(log.recipe())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cache.fetch(log.recipe()) == (path, library)
    assert library.startswith(LIBRARY)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    return path


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o707])
def test_a_folder_open_to_others_is_not_used(root: Path, mode: int) -> None:
    (root / "kernels").mkdir(parents=True)
    (root / "kernels").chmod(mode)
    assert root not in private(Log(), "open to others").parents
    assert list((root / "kernels").iterdir()) == []


def test_a_linked_folder_is_not_used(root: Path, tmp_path: Path) -> None:
    (tmp_path / "target").mkdir(mode=0o700)
    root.mkdir()
    (root / "kernels").symlink_to(tmp_path / "target")
    private(Log(), "is not a folder")
    assert list((tmp_path / "target").iterdir()) == []


def test_a_file_in_the_folders_place_is_not_used(root: Path) -> None:
    root.write_text("not a folder")
    private(Log(), "cache cannot be used")
    assert root.read_text() == "not a folder"


def test_a_private_folder_that_was_swept_away_is_made_again(root: Path) -> None:
    """As by a system that empties its temporary folders."""
    root.write_text("not a folder")
    shutil.rmtree(private(Log(), "is not a folder").parent)
    log = Log()
    path, library = cache.fetch(log.recipe())
    assert (log.built, library[: len(LIBRARY)], path.parent.stat().st_mode & 0o777) == (1, LIBRARY, 0o700)


def test_a_user_without_a_home_computes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    for name in ("GENCONV_CACHE_DIR", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    private(Log(), "no home folder; set GENCONV_CACHE_DIR")


@pytest.mark.parametrize("function", ["open", "mkdir", "fsync", "replace"])
def test_each_write_may_fail_once(root: Path, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk each of these raises; the library comes all the same, and the next fetch is right."""
    real, failures = getattr(os, function), [OSError(errno.ENOSPC, "No space left on device")]

    def once(*arguments: object, **options: object) -> object:
        if failures and (function == "fsync" or root in Path(str(arguments[0])).resolve().parents):
            raise failures.pop()
        return real(*arguments, **options)

    monkeypatch.setattr(os, function, once)
    log = Log()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        _, library = cache.fetch(log.recipe())
    assert not failures
    assert library.startswith(LIBRARY)
    assert len(warned) <= 1
    assert cache.fetch(Log().recipe())[1].startswith(LIBRARY)
    assert not list(root.rglob("*.tmp"))


def test_a_folder_from_which_nothing_can_be_loaded_is_not_used(root: Path) -> None:
    class NoExec(Log):
        def open(self, path: Path) -> bytes:
            if root in path.resolve().parents:
                raise OSError("failed to map segment from shared object")
            return super().open(path)

    private(NoExec(), "failed to map segment")
    assert not list(root.rglob("*.so"))


def test_without_any_folder_it_is_an_os_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root.write_text("")

    def full(**options: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache.tempfile, "mkdtemp", full)
    with pytest.raises(OSError, match="No space left"):
        cache.fetch(Log().recipe())


def test_a_library_that_fails_its_check_is_not_published(root: Path) -> None:
    class Wrong(Log):
        def check(self, library: bytes) -> None:
            raise ToolchainError("wrong")

    with pytest.raises(ToolchainError, match="wrong"):
        cache.fetch(Wrong().recipe())
    assert not [file for file in root.rglob("*") if file.suffix in (".so", ".tmp")]


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, **environment, "PYTHONPATH": path}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)


FETCH = """
import os, signal, sys, time, warnings
from codegen.machine import cache
warnings.simplefilter("ignore")
def build():
    open(os.environ["COUNT"], "a").write("built\\n")
    {build}
    return bytes(range(256))
recipe = cache.Recipe("5e" * 32, "scalar", build, lambda path: path.read_bytes(), lambda library: None)
"""


@pytest.mark.live
def test_a_private_folder_goes_with_its_process(root: Path, tmp_path: Path) -> None:
    root.write_text("")
    (tmp_path / "tmp").mkdir()
    code = (
        FETCH.format(build="pass")
        + "print(cache.fetch(recipe)[0].exists(), flush=True)\nif os.fork() == 0: sys.exit()\nos.wait()"
    )
    code += "\nprint(cache.fetch(recipe)[0].exists())"  # a child's end has not removed it
    done = run_python(code, COUNT=str(tmp_path / "count"), TMPDIR=str(tmp_path / "tmp"))
    assert done.stdout.split() == ["True", "True"], done.stderr
    assert list((tmp_path / "tmp").iterdir()) == []


def test_many_threads_build_once(root: Path) -> None:
    class Slow(Log):
        def build(self) -> bytes:
            time.sleep(0.1)
            return super().build()

    log = Slow()
    threads = [threading.Thread(target=cache.fetch, args=(log.recipe(),)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.built == 1
    assert len(log.opened) == 16


def test_a_holder_that_hangs_delays_but_does_not_stop(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "WAIT_SECONDS", 0.1)
    with cache.folder() as place, cache._turn(place.inside / f"{KEY[:2]}.lock"):
        log = Log()
        assert cache.fetch(log.recipe())[1].startswith(LIBRARY)
        assert log.built == 1


@pytest.mark.live
def test_a_killed_builder_leaves_nothing_that_matters(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 in the middle of writing, lock held: the next run is right at once, and sweeps up later."""
    code = FETCH.format(build="pass") + (
        "real = os.fsync\ndef die(file):\n    real(file)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "os.fsync = die\ncache.fetch(recipe)"
    )
    assert run_python(code, COUNT=str(tmp_path / "count")).returncode == -signal.SIGKILL
    (left,) = root.rglob("*.tmp")
    with monkeypatch.context() as patch:
        patch.setattr(time, "sleep", lambda _: pytest.fail("waits for the dead"))
        assert mended(root / "kernels" / f"{KEY}.so")
    assert left.exists()  # it could be another's, at work
    os.utime(left, (0, 0))
    cache.fetch(Log().recipe(key="cd" * 32))
    assert not left.exists()


@pytest.mark.live
def test_a_child_forked_during_a_build_is_not_stuck(root: Path, tmp_path: Path) -> None:
    code = FETCH.format(build="time.sleep(0.02)") + (
        "import threading\nwrong = 0\n"
        "for number in range(40):\n"
        "    recipe = cache.Recipe('%064x' % number, 'scalar', build, recipe.open, recipe.check)\n"
        "    thread = threading.Thread(target=cache.fetch, args=(recipe,))\n"
        "    thread.start()\n    time.sleep(0.001 * (number % 20))\n"
        "    child = os.fork()\n"
        "    if not child:\n        signal.alarm(20)\n"
        "        os._exit(0 if cache.fetch(recipe)[1][:256] == bytes(range(256)) else 1)\n"
        "    thread.join()\n    wrong += os.waitpid(child, 0)[1] != 0\n"
        "print(wrong)"
    )
    done = run_python(code, COUNT=str(tmp_path / "count"))
    assert done.stdout.strip() == "0", done.stderr


def test_the_longest_unused_entries_go_first(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(cache._sealed(LIBRARY, Log().recipe()))
    keys = [f"{number:02x}" * 32 for number in range(6)]
    for age, key in enumerate(keys[:5]):
        path, _ = cache.fetch(Log().recipe(key=key))
        os.utime(path, (1000 + age, 1000 + age))
    cache.fetch(Log().recipe(key=keys[0]))  # used now
    monkeypatch.setenv("GENCONV_CACHE_MAX_MB", str(3 * size / 1e6))
    cache.fetch(Log().recipe(key=keys[5]))
    assert sorted(path.stem for path in root.rglob("*.so")) == [keys[0], keys[4], keys[5]]
    monkeypatch.setenv("GENCONV_CACHE_MAX_MB", "0")
    cache.fetch(Log().recipe())
    assert [path.stem for path in root.rglob("*.so")] == [KEY]  # the newest stays, whatever the bound


@pytest.mark.parametrize("value", ["much", "-1", "nan"])
def test_a_bound_that_is_none_is_refused_before_any_work(
    root: Path, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENCONV_CACHE_MAX_MB", value)
    log = Log()
    with pytest.raises(UsageError, match=f"GENCONV_CACHE_MAX_MB='{value}': expected a number of megabytes"):
        cache.fetch(log.recipe())
    assert log.built == 0
    assert not root.exists()
    assert f"GENCONV_CACHE_MAX_MB='{value}'" in str(cache.describe().problem)


def test_a_library_that_can_no_longer_be_loaded_is_built_again(entry: Path) -> None:
    """As after the system's own libraries were changed: the entry is whole, and of no use."""

    class Outdated(Log):
        def open(self, path: Path) -> bytes:
            if path.suffix == ".so":
                raise ToolchainError("GLIBC_9.99 not found")
            return super().open(path)

    log = Outdated()
    assert cache.fetch(log.recipe())[0] == entry
    assert log.built == 1


def test_an_entry_pruned_between_the_check_and_the_opening_is_built_again(entry: Path) -> None:
    class Pruned(Log):
        def open(self, path: Path) -> bytes:
            if path.resolve() == entry and not self.opened:
                path.unlink()
            return super().open(path)

    log = Pruned()
    assert cache.fetch(log.recipe())[1].startswith(LIBRARY)
    assert log.built == 1


def test_doctor_is_told_what_there_is(entry: Path, root: Path) -> None:
    found = cache.describe()
    assert found == cache.Description(root / "kernels", 1, entry.stat().st_size, None)
    entry.parent.chmod(0o755)
    assert "open to others" in str(cache.describe().problem)

"""Whose a folder is, and who else could put another in its place: of all that lies above it, too."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from codegen.machine import ownership, work_folders
from tests.fuzz import swaps

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes, owners and links are POSIX'")
root_only = pytest.mark.skipif(os.name == "posix" and os.geteuid() != 0, reason="needs root, to give files away")


@pytest.fixture(autouse=True)
def no_umask() -> Iterator[None]:
    """Whatever is made with a mode of its own has just that."""
    before = os.umask(0)
    yield
    os.umask(before)


def safe(path: Path) -> Path:
    return ownership.safe_folder(path, "GENCONV_CACHE_DIR")


def test_what_is_missing_is_made_for_us_alone(tmp_path: Path) -> None:
    assert safe(tmp_path / "a" / "b" / "c") == tmp_path / "a" / "b" / "c"
    for folder in (tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (tmp_path / "a").chmod(0o755)
    assert safe(tmp_path / "a" / "b") == tmp_path / "a" / "b"  # what others may only look at stays as it is
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755


@pytest.mark.parametrize("mode", [0o777, 0o757, 0o702])
@pytest.mark.parametrize("above", [0, 1, 2])
def test_no_folder_above_may_be_open_to_other_writers(tmp_path: Path, mode: int, above: int) -> None:
    path = tmp_path / "a" / "b" / "c"
    path.mkdir(parents=True, mode=0o700)
    for folder in (tmp_path / "a", tmp_path / "a" / "b"):
        folder.chmod(0o700)
    opened = [path, *path.parents][above]
    opened.chmod(mode)
    with pytest.raises(PermissionError) as caught:
        safe(path)
    assert str(caught.value).startswith(
        f"other users can write to {opened} (mode {mode:04o}), and so replace what lies"
    )
    assert "`chmod go-w` it, or set GENCONV_CACHE_DIR to a folder that is yours" in str(caught.value)
    opened.chmod(mode | stat.S_ISVTX)  # as /tmp: each moves only what is its own
    assert safe(path) == path


def test_nothing_is_made_below_an_open_folder(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o777)
    with pytest.raises(PermissionError):
        safe(tmp_path / "open" / "cache")
    assert list((tmp_path / "open").iterdir()) == []


@root_only
@pytest.mark.parametrize("mode", [0o700, 0o755, 0o1777])
def test_a_folder_of_another_user_is_none_to_build_on(tmp_path: Path, mode: int) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    theirs.chmod(mode)
    os.chown(theirs, swaps.OTHER, swaps.OTHER)
    with pytest.raises(PermissionError, match=f"^{theirs} belongs to another user; set GENCONV_CACHE_DIR"):
        safe(theirs / "cache")


def test_a_link_counts_as_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "open").mkdir(mode=0o777)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "trap").symlink_to("open")
    assert safe(tmp_path / "link" / "cache") == tmp_path / "real" / "cache"
    with pytest.raises(PermissionError, match=f"other users can write to {tmp_path / 'open'} "):
        safe(tmp_path / "trap" / "cache")


def test_a_file_above_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match=f"{tmp_path / 'file'} is not a folder; remove it, or set GENCONV"):
        safe(tmp_path / "file" / "cache")


def test_a_group_of_one_is_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a umask of 002 all that a user makes can be written to by a group that holds this user only."""
    grp, pwd = pytest.importorskip("grp"), pytest.importorskip("pwd")
    me = pwd.struct_passwd(("ann", "x", os.geteuid(), os.getegid(), "", "/", ""))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: me)
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o775)

    def group(name: str, members: list[str], number: int = os.getegid()) -> None:
        monkeypatch.setattr(grp, "getgrgid", lambda _: grp.struct_group((name, "x", number, members)))

    for members in ([], ["ann"]):
        group("ann", members)
        assert safe(folder) == folder
    for name, members, number in (("staff", [], os.getegid()), ("ann", ["bob"], os.getegid()), ("ann", [], 4242)):
        group(name, members, number)
        with pytest.raises(PermissionError, match="other users can write to"):
            safe(folder)
    group("ann", [])
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match="other users can write to"):
        safe(folder)
    folder.chmod(0o775)
    monkeypatch.setattr(os, "listxattr", lambda _: ["system.posix_acl_access"], raising=False)
    with pytest.raises(PermissionError, match="other users can write to"):  # an access list may name anybody
        safe(folder)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs names for open descriptors (Linux' /proc)")
def test_a_held_folder_stays_the_one_that_was_looked_at(tmp_path: Path) -> None:
    for name in ("cache", "other"):
        (tmp_path / name).mkdir(mode=0o700)
        (tmp_path / name / "which").write_text(name)
    with ownership.held(tmp_path / "cache") as folder:
        (tmp_path / "cache").rename(tmp_path / "moved")
        (tmp_path / "other").rename(tmp_path / "cache")
        assert (folder.inside / "which").read_text() == "cache"
        assert (folder.path / "which").read_text() == "other"


def test_a_file_is_not_read_beyond_what_it_may_hold(tmp_path: Path) -> None:
    path = tmp_path / "alias"
    path.write_bytes(b"x" * 130)
    path.chmod(0o600)
    assert ownership.own_bytes(path, 130) == b"x" * 130
    assert ownership.own_bytes(path, 129) is None
    os.truncate(path, 1 << 40)  # a terabyte of nothing
    assert ownership.own_bytes(path, 130) is None


def test_a_home_is_what_a_shell_takes_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ownership.named("~/kernels", "GENCONV_CACHE_DIR") == tmp_path / "kernels"
    assert ownership.named("kernels", "GENCONV_CACHE_DIR") == Path.cwd() / "kernels"
    with pytest.raises(FileNotFoundError, match="GENCONV_CACHE_DIR='~nobody-of-that-name/x': there is no such home"):
        ownership.named("~nobody-of-that-name/x", "GENCONV_CACHE_DIR")


@pytest.mark.compiles
@pytest.mark.skipif(swaps.missing() is not None, reason=str(swaps.missing()))
def test_no_swap_of_another_user_makes_us_load_theirs() -> None:
    tried, findings = swaps.run(150, seed=20)
    assert not findings
    assert tried >= 150


# Folders for a while.


@pytest.fixture
def tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, not swept yet."""
    (tmp_path / "tmp").mkdir(mode=0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    work_folders._sweep.cache_clear()
    return tmp_path / "tmp"


@pytest.mark.live
def test_what_a_killed_process_left_is_swept(tmp: Path) -> None:
    code = (
        "import os, sys, tempfile\nfrom codegen.machine import work_folders\ntempfile.tempdir = sys.argv[1]\n"
        "with work_folders.workshop() as folder:\n"
        "    (folder.inside / 'cc1.s').write_text('half')\n    print(folder.path, flush=True)\n    os._exit(9)"
    )
    left = Path(subprocess.run([sys.executable, "-c", code, tmp], capture_output=True, text=True).stdout.strip())
    other, young = tmp / "not-ours", tmp / "gen-conv-young"
    for folder in (other, young):
        folder.mkdir(mode=0o700)
    assert (left / "cc1.s").exists()
    for folder in (left, other):
        os.utime(folder, (0, 0))
    with work_folders.workshop() as here:
        assert set(tmp.iterdir()) == {here.path, other, young}
    assert set(tmp.iterdir()) == {other, young}


def test_what_a_living_process_uses_is_not_swept(tmp: Path) -> None:
    folder = work_folders.made()
    os.utime(folder.path, (0, 0))
    work_folders._sweep.cache_clear()
    with work_folders.workshop():
        assert folder.path.is_dir()
    work_folders.remove(folder)
    assert list(tmp.iterdir()) == []


def test_only_what_was_made_is_removed(tmp: Path, tmp_path: Path) -> None:
    """A program may close descriptors that it has not opened, and their numbers then stand for other folders."""
    folder = work_folders.made()
    assert folder.descriptor is not None
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    other = os.open(tmp_path / "precious", os.O_RDONLY)
    os.dup2(other, folder.descriptor)
    work_folders.remove(folder)
    assert (tmp_path / "precious" / "file").exists()
    assert os.path.samestat(os.fstat(folder.descriptor), os.fstat(other))  # and not closed
    os.close(other)
    os.close(folder.descriptor)


def test_no_link_of_that_name_is_followed(tmp: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir(mode=0o700)
    (tmp_path / "precious" / "file").touch()
    os.utime(tmp_path / "precious", (0, 0))
    (tmp / "gen-conv-link").symlink_to(tmp_path / "precious")
    with work_folders.workshop():
        pass
    assert (tmp_path / "precious" / "file").exists()


def test_where_others_could_move_it_a_compiler_works_by_descriptor(tmp: Path) -> None:
    with work_folders.workshop() as folder:
        assert folder.inside == folder.path
    tmp.chmod(0o777)
    with work_folders.workshop() as folder:
        assert folder.inside != folder.path
        (folder.inside / "kernel.c").touch()
        assert [path.name for path in folder.path.iterdir()] == ["kernel.c"]
    assert list(tmp.iterdir()) == []

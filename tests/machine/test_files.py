"""Output files: all or none, only where bytes differ, never through a link, with the permissions of what was there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from codegen.errors import UsageError
from codegen.machine import files


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_what_is_missing_and_what_differs_and_leaves_the_rest_alone(tmp_path: Path) -> None:
    same, old, new = (tmp_path / name for name in ("same.c", "old.c", "new.c"))
    same.write_bytes(b"same\n")
    old.write_bytes(b"before\n")
    os.utime(same, ns=(1, 1))
    assert files.write_all([(same, b"same\n"), (old, b"after\n"), (new, b"new\n")]) == [
        "unchanged",
        "differs",
        "missing",
    ]
    assert [path.read_bytes() for path in (same, old, new)] == [b"same\n", b"after\n", b"new\n"]
    assert same.stat().st_mtime_ns == 1
    assert names(tmp_path) == ["new.c", "old.c", "same.c"]


def test_new_files_follow_the_umask_and_old_ones_keep_their_mode(tmp_path: Path) -> None:
    kept = tmp_path / "kept.c"
    kept.write_bytes(b"x")
    kept.chmod(0o640)
    before = os.umask(0o027)
    try:
        files.write_all([(kept, b"y"), (tmp_path / "fresh.c", b"y")])
    finally:
        os.umask(before)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "fresh.c").stat().st_mode) == 0o640


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.c").write_bytes(b"old")
    (tmp_path / "a.c").symlink_to(tmp_path / "real" / "a.c")
    files.write_all([(tmp_path / "a.c", b"new")])
    assert (tmp_path / "a.c").is_symlink()
    assert (tmp_path / "real" / "a.c").read_bytes() == b"new"


def test_when_one_file_cannot_be_staged_none_is_replaced(tmp_path: Path) -> None:
    first = tmp_path / "first.c"
    first.write_bytes(b"before")
    with pytest.raises(UsageError, match=r"cannot write `.*second\.c`"):
        files.write_all([(first, b"after"), (tmp_path / "nowhere" / "second.c", b"after")])
    assert first.read_bytes() == b"before"
    assert names(tmp_path) == ["first.c"]


def test_a_full_disk_leaves_everything_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first.c", tmp_path / "second.c"
    first.write_bytes(b"before")
    full = iter([None, OSError(28, "No space left on device")])

    def sync(_: int) -> None:
        if error := next(full):
            raise error

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(UsageError, match="No space left on device"):
        files.write_all([(first, b"after"), (second, b"after")])
    assert first.read_bytes() == b"before"
    assert names(tmp_path) == ["first.c"]


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.c").mkdir()
    with pytest.raises(UsageError, match=r"a\.c"):
        files.write_all([(tmp_path / "a.c", b"x")])


def test_the_folder_is_made_with_what_is_above_it(tmp_path: Path) -> None:
    files.prepare(tmp_path / "a" / "b")
    files.prepare(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_where_the_folder_should_be_is_an_error(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="it is a file or lies below one"):
        files.prepare(tmp_path / "file" / below if below else tmp_path / "file")

"""Storage without hard links, as network drives, FUSE mounts and object-store mounts are."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lstm_fcn.errors import StorageError
from lstm_fcn.spark.files import LocalFiles
from lstm_fcn.spark.scoring.lock import hold
from lstm_fcn.spark.scoring.lock_places import LockFile
from lstm_fcn.storage import write_atomically

NONE = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES, errno.EMLINK)


def refuse(code: int):
    def call(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return call


@pytest.mark.parametrize("code", NONE)
def test_one_of_two_gets_a_file_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int):
    monkeypatch.setattr(os, "link", refuse(code))
    files, path = LocalFiles(), str(tmp_path / "new" / "_lock.json")
    assert files.create(path, "first")
    assert not files.create(path, "second")
    assert files.read(path) == "first"
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["_lock.json"]


def test_the_lock_works_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from lstm_fcn.errors import BusyError

    monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    place = LockFile(LocalFiles(), str(tmp_path / "_lock.json"))
    with hold(place, "20260101T000000Z-00000000") as require_own:
        require_own()
        with pytest.raises(BusyError, match="is writing there"), hold(place, "20260102T000000Z-00000000"):
            pass
    assert not list(tmp_path.iterdir())


RACE = """
import os, sys
def refuse(*_): raise PermissionError(1, "Operation not permitted")
os.link = refuse
from lstm_fcn.spark.files import LocalFiles
input()
print(LocalFiles().create(sys.argv[1], sys.argv[2]))
"""


def test_of_processes_that_start_at_once_one_gets_it(tmp_path: Path):
    path, start = tmp_path / "_lock.json", [sys.executable, "-c", RACE]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([*start, str(path), f"run {i}"], **pipes) for i in range(4)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert sorted(process.communicate()[0].strip() for process in processes) == ["False"] * 3 + ["True"]


def test_storage_that_has_neither_is_refused_by_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    monkeypatch.setattr(Path, "open", refuse(errno.EOPNOTSUPP))
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: 0)
    with pytest.raises(
        StorageError, match=r"neither hard links nor exclusive creation \(O_EXCL: .*another disk, or a t"
    ):
        LocalFiles().create(str(tmp_path / "_lock.json"), "first")


def test_a_full_disk_leaves_no_empty_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    open_ = Path.open

    def open_full(path: Path, mode: str = "r", **options: object):
        created = open_(path, mode, **options)
        if mode == "x":
            created.close()
            return full.open("w", **options)
        return created

    monkeypatch.setattr(Path, "write_text", lambda *_, **__: 0)
    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(StorageError, match="No space left"):
        LocalFiles().create(str(tmp_path / "_lock.json"), "first")
    assert not list(tmp_path.iterdir())


def test_files_are_written_where_nothing_can_be_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "fsync", refuse(errno.EINVAL))
    write_atomically(tmp_path / "x.json", b"{}")
    assert (tmp_path / "x.json").read_bytes() == b"{}"
    monkeypatch.setattr(os, "fsync", refuse(errno.EIO))
    with pytest.raises(StorageError):
        write_atomically(tmp_path / "x.json", b"[]")
    assert (tmp_path / "x.json").read_bytes() == b"{}"

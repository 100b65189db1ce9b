from pathlib import Path

import pytest

from lstm_fcn.errors import StorageError
from lstm_fcn.storage import write_atomically


def test_a_reader_of_the_old_file_keeps_its_content(tmp_path: Path):
    path = tmp_path / "new folder" / "file"
    write_atomically(path, b"old")
    with path.open("rb") as reader:
        write_atomically(path, b"new and longer")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new and longer"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["file/below", "n" * 252])
def test_what_cannot_be_written_is_named(tmp_path: Path, name: str):
    (tmp_path / "file").write_bytes(b"no folder")
    with pytest.raises(StorageError, match=r"cannot write .* \(3 bytes\): .*; nothing was left there"):
        write_atomically(tmp_path / name, b"new")

"""Writing local files so that a reader finds the old content or the new one, never a part."""

import contextlib
import errno
import os
from pathlib import Path

from lstm_fcn.errors import StorageError


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; one that is there is replaced in one step.

    Raises
    ------
    StorageError
        If the disk is full or the folder cannot be written to. What was there before is as it was.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            _sync(file.fileno())
        draft.replace(path)
    except OSError as error:
        was = "the one that was there is unchanged" if path.exists() else "nothing was left there"
        raise StorageError(f"cannot write {path} ({len(content):,} bytes): {error.strerror}; {was}") from error
    finally:
        with contextlib.suppress(OSError):  # the first error is the one to report
            draft.unlink()


def _sync(descriptor: int) -> None:
    """Have the content on the disk before the file gets its name, on storage that knows how."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP):
            raise

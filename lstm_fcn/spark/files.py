"""The few things that a run does to files beside Spark: rename, remove, and write a small text."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from lstm_fcn.errors import SettingsError, StorageError
from lstm_fcn.spark.session import is_classic
from lstm_fcn.storage import write_atomically

_NOT_OFFERED = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


class Files(Protocol):
    """Paths are texts, as Spark takes them."""

    def exists(self, path: str) -> bool:
        """Check whether there is a file or a folder."""

    def names(self, folder: str) -> list[str]:
        """List what is in a folder, sorted; nothing where it is not there."""

    def read(self, path: str) -> str | None:
        """Read a text; None where it is not there."""

    def create(self, path: str, text: str) -> bool:
        """Write a new file; False where there is one."""

    def replace(self, path: str, text: str) -> None:
        """Write a file whole or not at all, over the one that is there."""

    def rename(self, source: str, target: str) -> None:
        """Move a file or a folder to where there is none, in one step."""

    def remove(self, path: str) -> None:
        """Remove a file or a folder with all that is in it, if it is there."""


def files_at(spark: SparkSession, path: str) -> Files:
    """Return what handles files at a path: Python for the local disk, Hadoop's classes for all else.

    Raises
    ------
    SettingsError
        Under Spark Connect, if the path is not local: then nothing but tables can be handled.
    """
    scheme = split_scheme(path)[0]
    if is_classic(spark):
        files = HadoopFiles(spark)
        return LocalFiles() if files.scheme(path) == "file" else files
    if scheme not in ("", "file"):
        raise SettingsError(
            f"under Spark Connect expected --output to be a folder on a disk that client and server share, or, of "
            f"score.py, a table (schema.table); found {path}"
        )
    return LocalFiles()


class LocalFiles:
    """On a disk of this machine."""

    def exists(self, path: str) -> bool:
        return _local(path).exists()

    def names(self, folder: str) -> list[str]:
        return sorted(entry.name for entry in _local(folder).iterdir()) if _local(folder).is_dir() else []

    def read(self, path: str) -> str | None:
        with _storage_errors(path):
            try:
                return _local(path).read_text(encoding="utf-8")
            except FileNotFoundError:
                return None

    def create(self, path: str, text: str) -> bool:
        file = _local(path)
        draft = file.with_name(f".{file.name}.{os.getpid()}.tmp")
        with _storage_errors(path):
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                draft.write_text(text, encoding="utf-8")
                return _link_or_create(draft, file, text)
            finally:
                draft.unlink(missing_ok=True)

    def replace(self, path: str, text: str) -> None:
        write_atomically(_local(path), text.encode())

    def rename(self, source: str, target: str) -> None:
        with _storage_errors(target):
            _local(target).parent.mkdir(parents=True, exist_ok=True)
            _local(source).rename(_local(target))

    def remove(self, path: str) -> None:
        with _storage_errors(path):
            if _local(path).is_dir():
                shutil.rmtree(_local(path))
            else:
                _local(path).unlink(missing_ok=True)


def _link_or_create(draft: Path, file: Path, text: str) -> bool:
    """Give a file its name, if it is free; a link does so with the content, for one process only."""
    try:
        os.link(draft, file)
    except FileExistsError:
        return False
    except OSError:  # whatever network drives, FUSE mounts and object stores answer
        return _create_exclusively(file, text)
    return True


def _create_exclusively(file: Path, text: str) -> bool:
    """Create a file where storage has no hard links; a reader may find it empty for a moment."""
    try:
        created = file.open("x", encoding="utf-8")
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NOT_OFFERED:
            raise
        raise StorageError(
            f"the storage of {file.parent} has neither hard links nor exclusive creation (O_EXCL: {error.strerror}), "
            "without which two runs could write there at once: give a folder on another disk, or a table"
        ) from error
    try:
        with created:
            created.write(text)
    except OSError:
        file.unlink()
        raise
    return True


class HadoopFiles:
    """On any storage that this session's Spark knows."""

    def __init__(self, spark: SparkSession) -> None:
        self._jvm: Any = spark.sparkContext._jvm
        self._gateway: Any = spark.sparkContext._gateway
        self._conf: Any = spark.sparkContext._jsc.hadoopConfiguration()

    def scheme(self, path: str) -> str:
        """Name the kind of storage, e.g. 'file' or 'hdfs'."""
        with _java_errors(path):
            return str(self._system(path).getUri().getScheme())

    def exists(self, path: str) -> bool:
        with _java_errors(path):
            return bool(self._system(path).exists(self._path(path)))

    def names(self, folder: str) -> list[str]:
        with _java_errors(folder):
            if not self._system(folder).exists(self._path(folder)):
                return []
            return sorted(entry.getPath().getName() for entry in self._system(folder).listStatus(self._path(folder)))

    def read(self, path: str) -> str | None:
        if not self.exists(path):
            return None
        with _java_errors(path):
            stream = self._system(path).open(self._path(path))
            try:
                return str(self._jvm.org.apache.commons.io.IOUtils.toString(stream, "UTF-8"))
            finally:
                stream.close()

    def create(self, path: str, text: str) -> bool:
        try:
            with _java_errors(path):
                self._write(path, text, overwrite=False)
        except StorageError:
            if self.exists(path):
                return False
            raise
        return True

    def replace(self, path: str, text: str) -> None:
        draft = f"{path}.tmp"
        with _java_errors(path):
            self._write(draft, text, overwrite=True)
            self._rename(draft, path, "OVERWRITE")

    def rename(self, source: str, target: str) -> None:
        with _java_errors(target):
            self._system(target).mkdirs(self._path(target).getParent())
            self._rename(source, target, "NONE")

    def remove(self, path: str) -> None:
        with _java_errors(path):
            self._system(path).delete(self._path(path), True)

    def _path(self, path: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(path)

    def _system(self, path: str) -> Any:
        return self._path(path).getFileSystem(self._conf)

    def _rename(self, source: str, target: str, option: str) -> None:
        kind = self._jvm.org.apache.hadoop.fs.Options.Rename
        options = self._gateway.new_array(kind, 1)
        options[0] = kind.valueOf(option)
        context = self._jvm.org.apache.hadoop.fs.FileContext.getFileContext(self._system(target).getUri(), self._conf)
        context.rename(self._path(source), self._path(target), options)

    def _write(self, path: str, text: str, overwrite: bool) -> None:
        stream = self._system(path).create(self._path(path), overwrite)
        try:
            stream.write(bytearray(text.encode()))
        finally:
            stream.close()


def split_scheme(path: str) -> tuple[str, str, str]:
    """Take a path apart as Hadoop does, which gives no character after the host a meaning: scheme, host, rest."""
    scheme, colon, rest = path.partition(":")
    if not colon or "/" in scheme:
        scheme, rest = "", path
    if not rest.startswith("//"):
        return scheme, "", rest
    host, slash, below = rest[2:].partition("/")
    return scheme, host, slash + below


def _local(path: str) -> Path:
    return Path(split_scheme(path)[2])


@contextmanager
def _storage_errors(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error


@contextmanager
def _java_errors(path: str) -> Iterator[None]:
    try:
        yield
    except Py4JJavaError as error:
        raise StorageError(f"cannot reach {path}: {error.java_exception}") from error

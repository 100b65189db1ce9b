from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lstm_fcn.errors import StorageError
from lstm_fcn.spark.files import Files, HadoopFiles, LocalFiles, files_at


@pytest.fixture(params=[LocalFiles, HadoopFiles])
def files(spark: SparkSession, request: pytest.FixtureRequest) -> Files:
    return request.param() if request.param is LocalFiles else HadoopFiles(spark)


def test_a_file_is_created_once_and_replaced_whole(files: Files, tmp_path: Path):
    path = f"{tmp_path}/a folder/é.json"
    assert files.read(path) is None
    assert files.create(path, "ä")
    assert not files.create(path, "other")
    assert files.read(path) == "ä"
    files.replace(path, "new")
    assert files.read(path) == "new"
    assert files.names(f"{tmp_path}/a folder") == ["é.json"]


def test_files_and_folders_are_moved_with_their_parents_made(files: Files, tmp_path: Path):
    files.create(f"{tmp_path}/a/b/c", "x")
    files.rename(f"{tmp_path}/a/b", f"{tmp_path}/d/e/f")
    assert files.read(f"{tmp_path}/d/e/f/c") == "x"
    assert files.names(f"{tmp_path}/a") == []
    assert files.names(f"{tmp_path}/none") == []
    files.remove(f"{tmp_path}/d")
    files.remove(f"{tmp_path}/d")
    assert not files.exists(f"{tmp_path}/d")


def test_what_cannot_be_written_is_a_storage_error_with_its_path(files: Files, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="file/below"):
        files.create(f"{tmp_path}/file/below", "x")
    with pytest.raises(StorageError, match="file/below"):
        files.rename(f"{tmp_path}/file", f"{tmp_path}/file/below")


def test_a_folder_is_not_moved_onto_one_with_files(files: Files, tmp_path: Path):
    files.create(f"{tmp_path}/a/x", "1")
    files.create(f"{tmp_path}/b/y", "2")
    with pytest.raises(StorageError):
        files.rename(f"{tmp_path}/a", f"{tmp_path}/b")
    assert files.names(f"{tmp_path}/b") == ["y"]


def test_the_local_disk_needs_no_java_and_a_path_is_the_one_that_spark_takes(spark: SparkSession, tmp_path: Path):
    assert isinstance(files_at(spark, str(tmp_path)), LocalFiles)
    for name in ("a%20b", "a#b", "a b"):
        path = f"file:{tmp_path}/{name}"
        spark.range(1).write.parquet(path)
        assert "_SUCCESS" in files_at(spark, path).names(path)
        assert (tmp_path / name).is_dir()

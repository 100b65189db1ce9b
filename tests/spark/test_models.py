from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from lstm_fcn.errors import ModelError
from lstm_fcn.model import file as modelfile
from lstm_fcn.spark.models import fetch_model


def test_a_model_is_read_by_path_or_uri(spark: SparkSession, model_file: Path):
    by_path, by_uri = fetch_model(spark, str(model_file)), fetch_model(spark, model_file.as_uri())
    assert by_path == by_uri
    assert by_path.header.name == "small"


def test_nothing_and_a_folder_are_no_model(spark: SparkSession, model_file: Path):
    with pytest.raises(ModelError, match="no model file at .*none, and no pretrained"):
        fetch_model(spark, str(model_file.parent / "none"))
    with pytest.raises(ModelError, match="found a folder"):
        fetch_model(spark, str(model_file.parent))


def test_a_file_that_is_too_large_is_refused_unread(
    spark: SparkSession, model_file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(modelfile, "MAX_FILE_BYTES", 100)
    with pytest.raises(ModelError, match=r"of at most 100 bytes at .*, found sizes \[\d+\]"):
        fetch_model(spark, model_file.as_uri())
    with pytest.raises(ModelError, match="larger than 100 bytes"):
        fetch_model(spark, str(model_file))

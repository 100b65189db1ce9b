"""The published table, rebuilt from the real records in the folder that MITDB names."""

import logging
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lstm_fcn.beats import Beats
from lstm_fcn.engine import Engine
from lstm_fcn.labels import GROUP_OF_RECORD
from lstm_fcn.metrics import measures
from lstm_fcn.modelfile import find_model
from lstm_fcn.spark.tables import write_table
from lstm_fcn.spark.wfdb_records import beats_of_records

MITDB = Path(os.environ.get("MITDB") or "nowhere")
KAGGLE = MITDB.parent / "kaggle"

pytestmark = pytest.mark.skipif(
    not MITDB.is_dir(), reason="MITDB does not name the folder of the MIT-BIH Arrhythmia Database"
)

FINGERPRINT = "b6e6d408fc72ef3acc71a4052547910f68e4eab71ec3b0437e1e7ec06d17a916"
"""Of all beats in the order of record and sample, from a table of which rows 1-999 of the published test file were
checked value by value."""


@pytest.fixture(scope="module")
def table(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    path = tmp_path_factory.mktemp("real") / "beats"
    write_table(beats_of_records(spark, str(MITDB)), str(path))
    return pd.read_parquet(path).sort_values(["record", "sample"], ignore_index=True)


def test_all_109446_beats_are_there_with_the_published_counts(table: pd.DataFrame):
    assert len(table) == 109_446
    assert np.bincount(table["label"]).tolist() == [90_589, 2_779, 7_236, 803, 8_039]
    assert np.bincount(table.query("split == 'test'")["label"]).tolist() == [18_118, 556, 1_448, 162, 1_608]
    assert set(table["split"]) == {"train", "test"}


def test_every_value_of_every_beat_is_the_published_one(table: pd.DataFrame):
    assert Beats(np.stack(table["beat"]), table["label"].to_numpy()).fingerprint() == FINGERPRINT


def test_each_record_is_a_task_of_its_own(spark: SparkSession):
    beats = beats_of_records(spark, str(MITDB)).select("record", F.spark_partition_id().alias("task"))
    assert beats.distinct().groupBy("task").count().where("count > 1").count() == 0


def test_groups_and_lengths(table: pd.DataFrame):
    assert table["record"].nunique() == 48
    assert (table["group"] == table["record"].map(GROUP_OF_RECORD)).all()
    assert table["length"].max() == 733
    assert (table["length"] > 187).sum() == 931


def test_the_corrected_annotations_of_102_change_three_rows(
    spark: SparkSession, table: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    for suffix in (".hea", ".dat", ".atr"):
        shutil.copy(MITDB / f"102{suffix}", tmp_path)
    with caplog.at_level(logging.WARNING):
        corrected = beats_of_records(spark, str(tmp_path)).orderBy("sample").toPandas()
    original = table.query("record == '102'").reset_index(drop=True)
    differs = [
        (one != other).any() or a != b
        for one, other, a, b in zip(
            original["beat"], corrected["beat"], original["sample"], corrected["sample"], strict=True
        )
    ]
    assert corrected["sample"][differs].tolist() == [589_680, 589_971, 590_262]
    assert "589680, 589971 and 590262" in caplog.text
    assert (corrected["split"] == original["split"]).all()


@pytest.mark.skipif(not KAGGLE.is_dir(), reason="no published rows beside the folder that MITDB names")
class TestPublishedRows:
    """Against the published file itself, where its rows lie in the folder `kaggle` beside the records."""

    def test_999_of_999_rows_are_identical(self, table: pd.DataFrame):
        published = pd.read_csv(KAGGLE / "mitbih_test_rows_1-999.csv", index_col=0).to_numpy()
        order = pd.read_csv(KAGGLE / "test_rows.csv", dtype={"record": str})[1:1000]
        rows = order.merge(table, on=["record", "sample"], how="left", validate="one_to_one")
        same = (np.stack(rows["beat"]) == published[:, :187].astype(np.float32)).all(axis=1)
        assert same.sum() == 999
        assert (rows["label"] == published[:, 187]).all()
        assert set(rows["split"]) == {"test"}

    def test_the_21892_test_rows_are_the_published_ones(self, table: pd.DataFrame):
        published = pd.read_csv(KAGGLE / "test_rows.csv", dtype={"record": str})[["record", "sample"]]
        found = table.query("split == 'test'")[["record", "sample"]]
        assert sorted(map(tuple, found.to_numpy())) == sorted(map(tuple, published.to_numpy()))


def test_the_pretrained_model_reaches_its_figures_on_the_published_test_rows(table: pd.DataFrame):
    test = table.query("split == 'test'")
    found = figures("mitbih", test)
    assert found == pytest.approx({"accuracy": 0.9885, "macro_f1": 0.9342}, abs=2e-4)


def test_the_inter_patient_model_reaches_its_figures_on_ds2(table: pd.DataFrame):
    found = figures("mitbih-inter-patient", table.query("group == 'DS2'"))
    assert found == pytest.approx({"accuracy": 0.8183, "macro_f1": 0.3107}, abs=2e-4)


@pytest.mark.parametrize(
    ("name", "rows"),
    [("mitbih", "index >= 0"), ("mitbih", "split == 'test'"), ("mitbih-inter-patient", "group == 'DS2'")],
    ids=["all beats", "published test rows", "DS2"],
)
def test_the_engines_give_the_labels_of_the_plain_network(table: pd.DataFrame, name: str, rows: str):
    series, model = np.stack(table.query(rows)["beat"]), find_model(name)
    exact = Engine(model, threads=2).probabilities(series)
    if rows == "index >= 0":
        network = model.network()
        with torch.inference_mode():
            plain = np.concatenate([network(batch).numpy() for batch in torch.from_numpy(series).split(16)])
        assert len(series) == 109_446
        assert np.abs(exact - plain).max() <= 5e-6
        assert (exact.argmax(axis=1) == plain.argmax(axis=1)).all()
    engine = Engine(model, precision="int8", threads=2)
    rough = engine.probabilities(series)
    changed = int((rough.argmax(axis=1) != exact.argmax(axis=1)).sum())
    assert changed <= len(series) / 10_000
    assert np.abs(rough - exact).max() < 0.2
    assert 0 < engine.looked_twice < 0.03 * len(series)


def figures(name: str, rows: pd.DataFrame) -> dict[str, float]:
    probabilities = Engine(find_model(name), batch_size=64, threads=2).probabilities(np.stack(rows["beat"]))
    confusion = np.zeros((5, 5), np.int64)
    np.add.at(confusion, (rows["label"].to_numpy(), probabilities.argmax(axis=1)), 1)
    overall = {row.metric: row.value for row in measures(confusion, "NSVFQ") if row.class_ == "all"}
    return {name: overall[name] for name in ("accuracy", "macro_f1")}

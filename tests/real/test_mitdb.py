"""The published table, rebuilt from the real records in the folder that MITDB names."""

import logging
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lstm_fcn.context.form import CONTEXT_FORM
from lstm_fcn.data.beats import Beats
from lstm_fcn.data.labels import GROUP_OF_RECORD
from lstm_fcn.evaluation.metrics import metric_rows
from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.file import load_model
from lstm_fcn.spark.prepare.output import write_beats
from lstm_fcn.spark.prepare.records import Reading, beats_of_records
from lstm_fcn.spark.scoring.record_summary import summarize_records

MITDB = Path(os.environ.get("MITDB") or "nowhere")
KAGGLE = MITDB.parent / "kaggle"

pytestmark = pytest.mark.skipif(
    not MITDB.is_dir(), reason="MITDB does not name the folder of the MIT-BIH Arrhythmia Database"
)

Predict = Callable[[str, str], np.ndarray]
TEST, DS2 = "split == 'test'", "group == 'DS2'"

FINGERPRINT = "b6e6d408fc72ef3acc71a4052547910f68e4eab71ec3b0437e1e7ec06d17a916"
"""Of all beats in the order of record and sample, from a table of which rows 1-999 of the published test file were
checked value by value."""


@pytest.fixture(scope="module")
def written(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("real") / "beats"
    write_beats(beats_of_records(spark, str(MITDB)), str(path), replace=False, most_failed=0)
    return path


@pytest.fixture(scope="module")
def table(written: Path) -> pd.DataFrame:
    columns = ["record", "sample", "symbol", "label", "length", "beat", "split", "group"]
    return pd.read_parquet(written, columns=columns).sort_values(["record", "sample"], ignore_index=True)


@pytest.fixture(scope="module")
def predict(table: pd.DataFrame) -> Predict:
    """Predict the probabilities of some rows with a pretrained model, in float32; once for all tests."""

    @cache
    def probabilities(name: str, rows: str) -> np.ndarray:
        return Engine(load_model(name), batch_size=64, threads=2).probabilities(np.stack(table.query(rows)["beat"]))

    return probabilities


def test_all_109446_beats_are_there_with_the_published_counts(table: pd.DataFrame):
    assert len(table) == 109_446
    assert np.bincount(table["label"]).tolist() == [90_589, 2_779, 7_236, 803, 8_039]
    assert np.bincount(table.query("split == 'test'")["label"]).tolist() == [18_118, 556, 1_448, 162, 1_608]
    assert set(table["split"]) == {"train", "test"}


def test_every_value_of_every_beat_is_the_published_one(table: pd.DataFrame):
    assert Beats(np.stack(table["beat"]), table["label"].to_numpy()).fingerprint() == FINGERPRINT


def test_few_records_share_a_task(spark: SparkSession):
    some = Reading(only=("100", "101", "103", "105", "106", "108", "109", "111", "112", "113", "114", "115"))
    beats = beats_of_records(spark, str(MITDB), some).select("record", F.spark_partition_id().alias("task"))
    records = [row["count"] for row in beats.distinct().groupBy("task").count().collect()]
    assert sum(records) == 12
    assert max(records) <= 2
    assert len(records) > 9


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


@pytest.mark.parametrize(
    ("name", "accuracy", "macro_f1"), [("mitbih", 0.9885, 0.9342), ("mitbih-small", 0.9880, 0.9312)]
)
def test_the_pretrained_models_reach_their_figures_on_the_published_test_rows(
    name: str, accuracy: float, macro_f1: float, table: pd.DataFrame, predict: Predict
):
    found = figures(predict(name, TEST), table.query(TEST))
    assert found == pytest.approx({"accuracy": accuracy, "macro_f1": macro_f1}, abs=2e-4)


@pytest.mark.nightly
def test_the_inter_patient_model_reaches_its_figures_on_ds2(table: pd.DataFrame, predict: Predict):
    found = figures(predict("mitbih-inter-patient", DS2), table.query(DS2))
    assert found == pytest.approx({"accuracy": 0.8183, "macro_f1": 0.3107}, abs=2e-4)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        pytest.param("mitbih", "index >= 0", id="all beats", marks=pytest.mark.nightly),
        pytest.param("mitbih", f"{TEST} and index % 10 == 0", id="a tenth of the published test rows"),
        pytest.param("mitbih-small", TEST, id="the published test rows, small"),
        pytest.param("mitbih-inter-patient", DS2, id="DS2", marks=pytest.mark.nightly),
    ],
)
def test_the_engines_give_the_labels_of_the_plain_network(table: pd.DataFrame, predict: Predict, name: str, rows: str):
    series, model = np.stack(table.query(rows)["beat"]), load_model(name)
    exact = predict(name, rows)
    if name != "mitbih-inter-patient":
        network = model.network()
        with torch.inference_mode():
            plain = np.concatenate([network(batch).numpy() for batch in torch.from_numpy(series).split(16)])
        assert np.abs(exact - plain).max() <= 5e-6
        assert (exact.argmax(axis=1) == plain.argmax(axis=1)).all()
    engine = Engine(model, precision="int8", threads=2)
    rough = engine.probabilities(series)
    changed = int((rough.argmax(axis=1) != exact.argmax(axis=1)).sum())
    assert changed <= len(series) / 10_000
    assert np.abs(rough - exact).max() < 0.2
    assert 0 < engine.looked_twice < 0.03 * len(series)


def figures(probabilities: np.ndarray, rows: pd.DataFrame) -> dict[str, float]:
    confusion = np.zeros((5, 5), np.int64)
    np.add.at(confusion, (rows["label"].to_numpy(), probabilities.argmax(axis=1)), 1)
    overall = {row.metric: row.value for row in metric_rows(confusion, "NSVFQ") if row.class_ == "all"}
    return {name: overall[name] for name in ("accuracy", "macro_f1")}


def test_the_summary_of_the_records_counts_what_a_plain_loop_counts(spark: SparkSession, written: Path):
    named = "elt(label + 1, 'N', 'S', 'V', 'F', 'Q') AS predicted_class"
    scored = ["string(NULL) AS error", "array(1d) AS probability", "'m' AS model", "'r' AS run_id"]
    table = spark.read.parquet(str(written)).selectExpr("record", "time_s", named, *scored)
    found = summarize_records(table, []).toPandas().set_index("record")
    assert len(found) == 48
    rows = pd.read_parquet(written, columns=["record", "time_s", "label"]).sort_values(["record", "time_s"])
    for record, beats in rows.groupby("record"):
        runs: list[list[int]] = []  # of each: class, beats
        for label, interval in zip(beats["label"], np.diff(beats["time_s"], prepend=np.inf), strict=True):
            if runs and runs[-1][0] == label and interval <= 10:
                runs[-1][1] += 1
            else:
                runs.append([label, 1])
        for name, label in (("s", 1), ("v", 2)):
            lengths = [length for of, length in runs if of == label]
            row = found.loc[record]
            assert row[f"{name}_beats"] == sum(lengths), record
            assert row[f"{name}_couplets"] == lengths.count(2), record
            assert row[f"{name}_runs"] == sum(length >= 3 for length in lengths), record
            assert np.nan_to_num(row[f"{name}_longest_run"]) == max([0, *(n for n in lengths if n >= 3)]), record
    assert found["v_runs"].sum() > 50


def test_the_model_for_new_patients_has_its_figures_on_patients_it_has_not_seen(written: Path):
    rows = pd.read_parquet(written, columns=["label", CONTEXT_FORM], filters=[("group", "==", "DS2")])
    confusion = np.zeros((5, 5), np.int64)
    probabilities = Engine(load_model("new-patients"), threads=2).probabilities(np.stack(rows[CONTEXT_FORM]))
    np.add.at(confusion, (rows["label"].to_numpy(), probabilities.argmax(axis=1)), 1)
    found = {(row.class_, row.metric): row.value for row in metric_rows(confusion, "NSVFQ")}
    expected = {("S", "Se"): 0.755, ("S", "+P"): 0.439, ("V", "Se"): 0.980, ("V", "+P"): 0.895}
    for name, value in {**expected, ("all", "accuracy"): 0.942, ("all", "macro_f1_nsv"): 0.820}.items():
        assert found[name] == pytest.approx(value, abs=0.002), name

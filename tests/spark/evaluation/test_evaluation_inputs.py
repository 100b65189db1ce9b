"""Predictions of all row_counts to evaluation: other classes, errors of others, no records, rivals with less."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import DataError, SettingsError
from tests.spark.results import predictions


def add(spark: SparkSession, path: Path, **columns: str) -> Path:
    """Predictions with further columns, given in SQL."""
    table = spark.read.parquet(str(path))
    other = path.with_name(f"{path.name}, and {', '.join(columns)}")
    table.select("*", *(F.expr(sql).alias(name) for name, sql in columns.items())).write.parquet(str(other))
    return other


def value(metrics: pd.DataFrame, metric: str) -> float:
    (found,) = metrics[metrics["group_by"].isna() & (metrics["class"] == "all")].query("metric == @metric")["value"]
    return float(found)


def test_classes_that_have_other_names_in_the_predictions_are_refused(save, evaluation, spark: SparkSession):
    named = "element_at(array('wake', 'rem', 'n1', 'n2', 'n3'), prediction + 1)"
    table = add(spark, save(predictions(200)), predicted_class=named)
    with pytest.raises(
        DataError, match="'predicted_class' has '(wake|rem|n.)' for ., which is '.' among N, S, V, F, Q"
    ):
        evaluation(table)
    metrics = evaluation(table, "--classes", "wake,rem,n1,n2,n3")
    assert {"wake", "n3"} < set(metrics["class"])
    ours = add(spark, save(predictions(200), "ours"), predicted_class="element_at(split('NSVFQ', ''), prediction + 1)")
    assert "Q" in set(evaluation(ours)["class"])


@pytest.mark.parametrize("error", ["false", "''", "' '", "0.1D"])
def test_an_error_that_is_no_reason_leaves_no_row_out(
    save, evaluation, spark: SparkSession, tmp_path: Path, error: str
):
    rows = predictions(200).drop(columns="error")
    evaluation(add(spark, save(rows), error=error))
    (manifest,) = (json.loads(file.read_text()) for file in (tmp_path / "evaluated" / "runs").iterdir())
    assert (manifest["evaluated"], manifest["failed"]) == (200, 0)


def test_figures_by_record_are_there_once(save, evaluation):
    metrics = evaluation(save(predictions()), "--by", "record")
    assert not metrics.duplicated(["run_id", "group_by", "group", "class", "metric"]).any()
    assert metrics.query("group_by == 'record' and metric == 'accuracy'")["low"].isna().all()


@pytest.mark.parametrize(("without", "warning"), [(600, "no intervals"), (100, "100 beats have no 'record'")])
def test_beats_without_a_record_are_not_a_patient_unsaid(
    save, evaluation, tmp_path: Path, caplog: pytest.LogCaptureFixture, without: int, warning: str
):
    rows = predictions()
    evaluation(save(rows.assign(record=rows["record"].where(rows.index >= without, None))))
    assert warning in caplog.text
    report = (tmp_path / "evaluated" / "report.html").read_text()
    assert ("There are no intervals" in report) == (without == 600)
    assert ("100 beats have no record" in report) == (without == 100)


def test_probabilities_can_be_done_without(save, evaluation, spark: SparkSession):
    table = add(spark, save(predictions(200).drop(columns="probability")), probability="0.5D")
    with pytest.raises(DataError, match="expected column 'probability' to be array<float> or array<double>"):
        evaluation(table)
    assert "brier" not in set(evaluation(table, "--probability", "none")["metric"])


def test_a_confidence_of_a_float_reaches_its_threshold(save, evaluation):
    rows = predictions(200)
    rows["probability"] = [np.where(np.arange(5) == predicted, 0.9, 0.025) for predicted in rows["prediction"]]
    metrics = evaluation(save(rows))
    assert value(metrics, "coverage@0.9") == 1
    assert value(metrics, "coverage@0.95") == 0


def test_a_rival_needs_neither_records_of_the_same_name_nor_probabilities(
    save, evaluation, spark: SparkSession, tmp_path: Path
):
    rows = predictions(300)
    first = add(spark, save(rows), patient="record")
    other = save(predictions(300, seed=1).drop(columns="probability"), "other")
    evaluation(first, "--against", other, "--record", "patient", "--probability", "probability")
    changed = pd.read_parquet(tmp_path / "evaluated" / "changed")
    assert changed["other_confidence"].isna().all()
    assert changed["first_confidence"].notna().all()
    with pytest.raises(DataError, match=r"other has no column 'sample\+'"):
        evaluation(add(spark, first, **{"sample+": "sample"}), "--against", other, "--keys", "sample+", output="again")


def test_changed_beats_of_other_keys_are_not_mixed(save, evaluation, tmp_path: Path):
    first, other = save(predictions(300)), save(predictions(300, seed=1), "other")
    evaluation(first, "--against", other)
    before = len(pd.read_parquet(tmp_path / "evaluated" / "metrics"))
    with pytest.raises(SettingsError, match="changed beats with other columns than these .*record string"):
        evaluation(first, "--against", other, "--keys", "sample")
    assert len(pd.read_parquet(tmp_path / "evaluated" / "metrics")) == before


def test_the_report_does_not_go_into_a_folder_of_score(save, evaluation, tmp_path: Path):
    (tmp_path / "scored" / "predictions").mkdir(parents=True)
    with pytest.raises(SettingsError, match="is a folder of score.py"):
        evaluation(save(predictions(50)), output="scored")


def test_no_class_can_have_the_name_all(save, evaluation):
    with pytest.raises(SettingsError, match="no class can have the name 'all'"):
        evaluation(save(predictions(50)), "--classes", "all,b,c,d,e")


class TestGallery:
    """Beats to show that are there twice, or not at all."""

    @pytest.fixture
    def series(self, beats: Beats) -> pd.DataFrame:
        rows = predictions(300)[["record", "sample"]]
        return rows.assign(beat=[beats.series[i % 200].tolist() for i in rows.index])

    @pytest.fixture
    def table(self, spark: SparkSession, tmp_path: Path):
        def write(rows: pd.DataFrame) -> Path:
            frame = spark.createDataFrame(
                list(rows.itertuples(index=False)), "record string, sample int, beat array<float>"
            )
            frame.write.parquet(str(tmp_path / "beats"))
            return tmp_path / "beats"

        return write

    def test_a_beat_that_is_there_twice_is_refused(self, save, evaluation, table, series: pd.DataFrame):
        beats = table(pd.concat([series, series]))
        with pytest.raises(DataError, match=r"hold more than one row with one key \(record=r., sample=\d+\)"):
            evaluation(save(predictions(300)), "--beats", beats)

    def test_keys_that_several_beats_share_are_refused(self, save, evaluation, table, series: pd.DataFrame):
        with pytest.raises(DataError, match=r"hold more than one row with one key \(record=r.\)"):
            evaluation(save(predictions(300)), "--beats", table(series), "--keys", "record")

    def test_beats_that_are_missing_are_counted(
        self, save, evaluation, table, series: pd.DataFrame, caplog: pytest.LogCaptureFixture
    ):
        evaluation(save(predictions(300)), "--beats", table(series[::2]))
        assert "beats to show are not in --beats" in caplog.text

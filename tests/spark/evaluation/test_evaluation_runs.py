"""Evaluations of predictions tables, against scikit-learn on the same rows."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    cohen_kappa_score,
    f1_score,
    recall_score,
    roc_auc_score,
)

from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import DataError, ModelError, SettingsError
from lstm_fcn.model.file import Model
from tests.spark.results import predictions


def overall(metrics: pd.DataFrame) -> pd.Series:
    rows = metrics[metrics["group_by"].isna()]
    return rows.set_index(["class", "metric"])["value"]


def test_figures_are_scikit_learns(save, evaluation):
    rows = predictions()
    found = overall(evaluation(save(rows)))
    label, predicted, p = rows["label"], rows["prediction"], np.stack(rows["probability"]).astype(float)
    assert found["all", "accuracy"] == pytest.approx((label == predicted).mean())
    assert found["all", "balanced_accuracy"] == pytest.approx(balanced_accuracy_score(label, predicted))
    assert found["all", "macro_f1"] == pytest.approx(f1_score(label, predicted, average="macro"))
    assert found["all", "kappa"] == pytest.approx(cohen_kappa_score(label, predicted))
    assert found["all", "brier"] == pytest.approx(((p - np.eye(5)[label]) ** 2).sum(axis=1).mean(), rel=1e-6)
    recalls = recall_score(label, predicted, average=None)
    for i, name in enumerate("NSVFQ"):
        is_class = label == i
        assert found[name, "Se"] == pytest.approx(recalls[i])
        assert found[name, "brier"] == pytest.approx(brier_score_loss(is_class, p[:, i]), rel=1e-6)
        area, precision = roc_auc_score(is_class, p[:, i]), average_precision_score(is_class, p[:, i])
        assert abs(found[name, "roc_auc"] - area) <= found[name, "roc_auc_error"] < 0.01
        assert abs(found[name, "average_precision"] - precision) <= found[name, "average_precision_error"] < 0.1


def test_confidences_are_counted_as_they_are(save, evaluation):
    rows = predictions()
    found = overall(evaluation(save(rows)))
    p, right = np.stack(rows["probability"]).astype(float), rows["label"] == rows["prediction"]
    confidence = p.max(axis=1)
    sure = confidence >= 0.9
    assert found["all", "coverage@0.9"] == pytest.approx(sure.mean())
    assert found["all", "accuracy@0.9"] == pytest.approx(right[sure].mean())
    bins = np.minimum((confidence * 10).astype(int), 9)
    error = sum(abs(right[bins == b].mean() - confidence[bins == b].mean()) * (bins == b).mean() for b in set(bins))
    assert found["all", "ece"] == pytest.approx(error, abs=1e-6)


def test_figures_by_group_and_by_record(save, evaluation):
    rows = predictions()
    metrics = evaluation(save(rows), "--by", "split")
    by_split = metrics.query("group_by == 'split' and metric == 'accuracy'").set_index("group")["value"]
    right = rows["label"] == rows["prediction"]
    assert by_split.to_dict() == pytest.approx(right.groupby(rows["split"]).mean().to_dict())
    by_record = metrics.query("group_by == 'record' and metric == 'accuracy'").set_index("group")["value"]
    assert by_record.to_dict() == pytest.approx(right.groupby(rows["record"]).mean().to_dict())
    assert by_record.is_monotonic_increasing


def test_many_records_are_drawn_in_groups_of_whole_ones(save, evaluation):
    few, many = (
        overall_with_intervals(evaluation(save(predictions(3000, records=n), f"p{n}"), output=f"e{n}"))
        for n in (90, 1500)
    )
    width = {name: found["high"] - found["low"] for name, found in (("few", few), ("many", many))}
    assert few["value"] == many["value"]
    assert 0.5 < width["few"] / width["many"] < 2


def overall_with_intervals(metrics: pd.DataFrame) -> pd.Series:
    return metrics[metrics["group_by"].isna()].query("metric == 'accuracy'").iloc[0]


def test_rows_that_cannot_be_evaluated_are_counted_and_named(save, evaluation, tmp_path: Path):
    rows = predictions(100)
    rows["label"] = rows["label"].astype(object)
    rows["prediction"] = rows["prediction"].astype(object)
    rows.loc[:4, "label"] = 9
    rows.loc[5:6, "label"] = None
    rows.loc[10:12, "prediction"], rows.loc[10:12, "error"] = None, "the beat is NULL"
    rows.loc[10:12, "probability"] = None
    metrics = evaluation(save(rows))
    assert metrics[metrics["metric"] == "accuracy"].iloc[0]["support"] == 90
    manifest = json.loads(next((tmp_path / "evaluated" / "runs").iterdir()).read_text())
    assert (manifest["rows"], manifest["evaluated"], manifest["failed"]) == (100, 90, 3)
    assert manifest["errors"] == {"the beat is NULL": 3}
    assert manifest["unknown_labels"] == {"9": 5, "None": 2}


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        (lambda rows: rows.drop(columns="label"), (), "has no column 'label'; found: record"),
        (lambda rows: rows.head(0), (), "predictions has no rows"),
        (
            lambda rows: rows.assign(label=9),
            (),
            r"of 20 rows none can be evaluated: .* found in 'label': 9 \(20 rows\)",
        ),
        (lambda rows: rows.assign(prediction=5), (), "20 values of the column 'prediction' are none of the 5 classes"),
        (lambda rows: rows, ("--classes", "a,b,c,d,e,f"), "are not 6 probabilities between 0 and 1"),
        (lambda rows: rows, ("--by", "sample", "--where", "sample >= 0"), None),
        (lambda rows: rows, ("--by", "nothing"), "has no column 'nothing'"),
        (lambda rows: rows, ("--record", "nothing"), "has no column 'nothing'"),
        (lambda rows: rows, ("--probability", "sample"), "expected column 'sample' to be array<float>"),
    ],
)
def test_what_cannot_be_evaluated_is_one_clear_error(save, evaluation, change, arguments, message):
    source = save(change(predictions(20)))
    if message is None:
        assert len(evaluation(source, *arguments)) > 20
        return
    with pytest.raises(DataError, match=message):
        evaluation(source, *arguments)


def test_a_column_with_too_many_values_is_refused(save, evaluation):
    with pytest.raises(DataError, match="the column 'sample' has more than 100 values"):
        evaluation(save(predictions(300)), "--by", "sample")


def test_predictions_without_probabilities_and_records_have_the_figures_of_their_counts(
    save, evaluation, caplog: pytest.LogCaptureFixture, spark: SparkSession, tmp_path: Path
):
    rows = predictions(100)
    spark.read.parquet(str(save(rows))).select("label", "prediction").write.parquet(str(tmp_path / "bare"))
    metrics = evaluation(tmp_path / "bare")
    assert overall(metrics)["all", "accuracy"] == pytest.approx((rows["label"] == rows["prediction"]).mean())
    assert metrics["low"].isna().all()
    assert "roc_auc" not in set(metrics["metric"])
    assert "no column 'probability'" in caplog.text
    assert "no column 'record'" in caplog.text


def test_probabilities_in_columns_are_the_same(save, evaluation, spark: SparkSession, tmp_path: Path):
    source = save(predictions(100))
    spread = spark.read.parquet(str(source)).selectExpr("*", *(f"probability[{i}] AS p_{i + 1}" for i in range(5)))
    spread.drop("probability").write.parquet(str(tmp_path / "spread"))
    one, other = overall(evaluation(source)), overall(evaluation(tmp_path / "spread", output="other"))
    pd.testing.assert_series_equal(one, other)


def test_a_second_evaluation_adds_its_metrics_and_replaces_the_report(save, evaluation, tmp_path: Path):
    source = save(predictions(60))
    evaluation(source)
    first = (tmp_path / "evaluated" / "report.html").read_text()
    metrics = evaluation(source, "--where", "split = 'test'")
    assert metrics["run_id"].nunique() == 2
    second = (tmp_path / "evaluated" / "report.html").read_text()
    assert "rows with split = &#39;test&#39;" in second
    assert second != first
    assert len(list((tmp_path / "evaluated" / "runs").iterdir())) == 2


def test_the_report_may_not_go_where_the_predictions_are(save, evaluation, tmp_path: Path):
    source = save(predictions(20))
    for output in ("predictions", "predictions/report", "."):
        with pytest.raises(SettingsError, match="are one, or one is in the other"):
            evaluation(source, output=output)


class TestAgainst:
    """Two predictions of the same beats."""

    def test_pairs_are_found_by_their_keys_and_changed_beats_are_written(self, save, evaluation, tmp_path: Path):
        first, other = predictions(300), predictions(300, seed=5)
        evaluation(save(first), "--against", save(other.sample(frac=1, random_state=0).head(290), "other"))
        pairs = first.merge(other, on=["record", "sample"], suffixes=("", "_other")).head(300)
        changed = pd.read_parquet(tmp_path / "evaluated" / "changed").set_index("sample")
        kept = set(other.sample(frac=1, random_state=0).head(290)["sample"])
        right, other_right = (pairs["label"] == pairs[f"prediction{end}"] for end in ("", "_other"))
        expected = pairs[(right != other_right) & pairs["sample"].isin(kept)].set_index("sample")
        assert set(changed.index) == set(expected.index)
        assert (changed["gained"] == (expected["label"] == expected["prediction"])[changed.index]).all()
        assert changed.columns.tolist() == [
            *("run_id", "record", "true_class", "first_class", "other_class"),
            *("first_confidence", "other_confidence", "gained"),
        ]
        report = (tmp_path / "evaluated" / "report.html").read_text()
        assert "The same 290 beats in both" in report
        assert "10 that only these predictions" in report

    def test_a_key_that_is_there_twice_is_refused(self, save, evaluation):
        rows = predictions(50)
        other = save(pd.concat([rows, rows.head(1)]), "other")
        with pytest.raises(DataError, match=r"those of --against hold 2 rows with one key \(record=r0, sample=0\)"):
            evaluation(save(rows), "--against", other)

    def test_other_labels_for_the_same_beat_are_refused(self, save, evaluation):
        rows = predictions(50)
        with pytest.raises(DataError, match="different labels of one beat"):
            evaluation(save(rows), "--against", save(rows.assign(label=(rows["label"] + 1) % 5), "other"))

    def test_what_is_wrong_with_the_others_is_said_of_them(self, save, evaluation):
        rows = predictions(50)
        with pytest.raises(DataError, match="other: 50 values of the column 'prediction' are none of the 5 classes"):
            evaluation(save(rows), "--against", save(rows.assign(prediction=7), "other"))
        with pytest.raises(DataError, match="unlabelled has no column 'label'"):
            evaluation(save(rows, "again"), "--against", save(rows.drop(columns="label"), "unlabelled"))

    def test_nothing_in_common_is_refused(self, save, evaluation):
        rows = predictions(50)
        with pytest.raises(DataError, match="no beat is in both"):
            evaluation(save(rows), "--against", save(rows.assign(sample=rows["sample"] + 1000), "other"))


class TestGallery:
    """The beats that were predicted wrongly."""

    @pytest.fixture
    def table(self, spark: SparkSession, beats: Beats, tmp_path: Path) -> Path:
        rows = predictions(600)
        series = [(row["record"], int(row["sample"]), beats.series[i % 200].tolist()) for i, row in rows.iterrows()]
        frame: DataFrame = spark.createDataFrame(series, "record string, sample int, beat array<float>")
        frame.write.parquet(str(tmp_path / "beats"))
        return tmp_path / "beats"

    def test_the_most_confident_errors_of_each_class_are_shown(
        self, save, evaluation, table: Path, model: Model, model_file: Path, tmp_path: Path
    ):
        rows = predictions(600, model=model.reference)
        evaluation(save(rows), "--beats", table, "--model", model_file)
        report = (tmp_path / "evaluated" / "report.html").read_text()
        rows["confidence"] = [p.max() for p in rows["probability"]]
        wrong = rows[rows["label"] != rows["prediction"]].sort_values("confidence", ascending=False)
        for label, of_class in wrong.groupby("label"):
            shown = [
                f"record {row.record}, sample {row[2]}: labelled {'NSVFQ'[label]}" for row in of_class.itertuples()
            ]
            assert all(each in report for each in shown[:6])
            assert not any(each in report for each in shown[6:])
        assert "What speaks most for" in report
        assert "187 values" in report
        assert "10 beats of nowhere (all), versionAsOf=3" in report

    def test_another_model_than_the_predictions_is_refused(self, save, evaluation, table: Path, model_file: Path):
        with pytest.raises(ModelError, match="the predictions were made by m@1, and --model is small@"):
            evaluation(save(predictions(50)), "--beats", table, "--model", model_file)

    def test_beats_of_others_are_refused(self, save, evaluation, table: Path):
        rows = predictions(100)
        with pytest.raises(DataError, match="the beats that were predicted wrongly are not in --beats"):
            evaluation(save(rows.assign(sample=rows["sample"] + 5000)), "--beats", table)
        with pytest.raises(DataError, match="--beats has no column 'split'; found: record, sample, beat"):
            evaluation(save(rows, "again"), "--beats", table, "--keys", "record,split")

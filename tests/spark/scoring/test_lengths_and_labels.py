"""Beats that cannot fit the model, labels of any type, and results that a run must not replace."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from jobs import evaluate, score
from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import DataError, SettingsError


@pytest.fixture
def run(tmp_path: Path, model_file: Path) -> Callable[..., list[tuple]]:
    """Score into one output, and return what it then holds."""

    def run_job(source: Path | str, *arguments: str) -> "object":
        score.main(["--beats", str(source), "--model", str(model_file), "--output", str(tmp_path / "out"), *arguments])
        return pq.read_table(tmp_path / "out" / "predictions").to_pandas()

    return run_job


def save(path: Path, series: object, **columns: object) -> Path:
    kind = pa.list_(pa.float32())
    pq.write_table(pa.table({"beat": pa.array(list(series), kind), **columns}), path)
    return path


def write_csv(path: Path, beats: Beats, header: str | None) -> Path:
    rows = [",".join(map(str, [*map(float, row), float(i % 5)])) for i, row in enumerate(beats.series[:8])]
    path.write_text("\n".join(([header] if header else []) + rows) + "\n")
    return path


CSV = ("--beats-format", "csv", "--beats-options")
NAMES = [*(f"x_{i}" for i in range(1, 188)), "label"]


def test_columns_that_are_no_beat_are_refused_by_name(beats: Beats, run, tmp_path: Path):
    good = save(tmp_path / "good.parquet", beats.series[:20])
    before = run(good)
    bare = write_csv(tmp_path / "bare.csv", beats, None)
    options = (*CSV, "inferSchema=true", "--beat-prefix", "_c")
    with pytest.raises(
        DataError, match=r"found 188 columns, _c0 to _c187; if _c187 is the label, say so: --label _c187"
    ):
        run(bare, *options)
    short = write_csv(tmp_path / "short.csv", beats, ",".join(NAMES))
    with pytest.raises(DataError, match="the table has no columns y_1"):
        run(short, *CSV, "header=true", "--beat-prefix", "y")
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("sep=,\n" + short.read_text())
    with pytest.raises(DataError, match="begins with the line 'sep=,', which is no row: remove this line"):
        run(sheet, *CSV, "header=true", "--beat-prefix", "x")
    assert pq.read_table(tmp_path / "out" / "predictions").to_pandas().equals(before)
    assert len(list((tmp_path / "out" / "runs").iterdir())) == 1


def test_the_label_among_the_values_can_be_named(beats: Beats, run, tmp_path: Path):
    found = run(
        write_csv(tmp_path / "bare.csv", beats, None),
        *CSV,
        "inferSchema=true",
        "--beat-prefix",
        "_c",
        "--label",
        "_c187",
    )
    assert found["prediction"].notna().all()
    assert sorted(found["_c187"]) == [0, 0, 1, 1, 2, 2, 3, 4]
    metrics = pq.read_table(tmp_path / "out" / "metrics").to_pandas()
    assert metrics.loc[metrics["metric"] == "accuracy", "support"].item() == 8


def test_spaces_before_names_can_be_taken_away(beats: Beats, run, tmp_path: Path):
    spaced = write_csv(tmp_path / "spaced.csv", beats, ", ".join(NAMES))
    options = "header=true,inferSchema=true,ignoreLeadingWhiteSpace=true"
    assert run(spaced, *CSV, options, "--beat-prefix", "x")["prediction"].notna().all()


def test_arrays_of_another_length_are_refused_before_anything_is_scored(beats: Beats, run, tmp_path: Path):
    before = run(save(tmp_path / "good.parquet", beats.series[:20]))
    long = save(tmp_path / "long.parquet", [None, *np.ones((5, 250), np.float32)])
    with pytest.raises(DataError, match=r"to hold 187 values a beat.*the first beats have 250"):
        run(long)
    assert len(list((tmp_path / "out" / "runs").iterdir())) == 1  # not even that of a failed run
    # With all allowed to fail it is scored, and yet replaces nothing.
    with pytest.raises(DataError, match=r"6 of 6 rows \(100.0%\) could not be scored, not one could; nothing was pub"):
        run(long, "--max-error-fraction", "1")
    assert pq.read_table(tmp_path / "out" / "predictions").to_pandas().equals(before)


def test_few_bad_rows_are_published_and_many_are_not(beats: Beats, run, tmp_path: Path):
    few, many = beats.series[:40].tolist(), beats.series[:40].tolist()
    few[3:6], many[3:9] = [None] * 3, [None] * 6
    assert run(save(tmp_path / "few.parquet", few))["error"].notna().sum() == 3
    with pytest.raises(DataError, match=r"6 of 40 rows \(15.0%\) .* --max-error-fraction 0.1 allows"):
        run(save(tmp_path / "many.parquet", many))
    assert run(save(tmp_path / "all.parquet", many), "--max-error-fraction", "0.2")["error"].notna().sum() == 6


def test_a_part_does_not_replace_results_without_partitions(beats: Beats, run, tmp_path: Path):
    source = save(tmp_path / "beats.parquet", beats.series[:20], id=list(range(20)))
    assert len(run(source)) == 20
    with pytest.raises(
        SettingsError, match="would replace all results .* has no partitions and holds those of all beats"
    ):
        run(source, "--where", "id < 5")
    with pytest.raises(SettingsError, match="would replace all results"):
        run(source, "--where", "id < 5", "--dry-run")
    assert len(pq.read_table(tmp_path / "out" / "predictions")) == 20


def test_the_same_part_can_be_scored_again_and_all_after_a_part(beats: Beats, run, tmp_path: Path):
    source = save(tmp_path / "beats.parquet", beats.series[:20], id=list(range(20)))
    for _ in range(2):
        assert len(run(source, "--where", "id < 5")) == 5
    with pytest.raises(SettingsError, match="holds those of --where 'id < 5'"):
        run(source, "--where", "id >= 5")
    assert len(run(source)) == 20


LABELS = {
    "double": pa.array([float(i % 5) for i in range(20)]),
    "float": pa.array([float(i % 5) for i in range(20)], pa.float32()),
    "uint64": pa.array([i % 5 for i in range(20)], pa.uint64()),
    "uint8": pa.array([i % 5 for i in range(20)], pa.uint8()),
    "decimal": pa.array([Decimal(i % 5) for i in range(20)], pa.decimal128(6, 2)),
    "digits": pa.array([str(i % 5) for i in range(20)]),
    "fractions": pa.array([f" {i % 5}.0" for i in range(20)]),
}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=() if kind in ("double", "fractions") else pytest.mark.nightly) for kind in LABELS],
)
def test_labels_of_any_type_are_counted_and_carried_as_they_are(beats: Beats, run, tmp_path: Path, kind: str):
    found = run(save(tmp_path / "beats.parquet", beats.series[:20], label=LABELS[kind]))
    metrics = pq.read_table(tmp_path / "out" / "metrics").to_pandas()
    right = sum(
        int(float(label)) == prediction for label, prediction in zip(found["label"], found["prediction"], strict=True)
    )
    accuracy = metrics[metrics["metric"] == "accuracy"]
    assert (accuracy["support"].item(), accuracy["value"].item()) == (20, right / 20)
    assert [str(label) for label in found["label"]] == [str(label) for label in LABELS[kind].to_pandas()]
    evaluate.main(["--predictions", str(tmp_path / "out"), "--output", str(tmp_path / "report"), "--draws", "100"])
    rows = pq.read_table(tmp_path / "report" / "metrics").to_pandas()
    assert rows.loc[rows["metric"] == "accuracy", "value"].item() == right / 20


@pytest.mark.parametrize("labels", [["N", "S"] * 10, [True, False] * 10, [[1]] * 20])
def test_a_default_label_that_does_not_fit_costs_the_metrics_alone(
    beats: Beats, run, tmp_path: Path, caplog: pytest.LogCaptureFixture, labels: list
):
    source = save(tmp_path / "beats.parquet", beats.series[:20], label=labels)
    assert run(source)["prediction"].notna().all()
    assert "expected column 'label' to hold the numbers of classes" in caplog.text
    assert ": no metrics" in caplog.text
    assert "accuracy" not in set(pq.read_table(tmp_path / "out" / "metrics").to_pandas()["metric"])
    with pytest.raises(
        DataError, match=r"found (string such as 'N'|boolean|array<bigint>); --label none scores without"
    ):
        run(source, "--label", "label")


def test_no_label_is_asked_for(beats: Beats, run, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    source = save(tmp_path / "beats.parquet", beats.series[:20], label=[i % 5 for i in range(20)])
    assert "label" in run(source, "--label", "none")
    assert "accuracy" not in set(pq.read_table(tmp_path / "out" / "metrics").to_pandas()["metric"])
    assert "no metrics" not in caplog.text


def test_predictions_of_pyspark_ml_are_evaluated(spark: SparkSession, tmp_path: Path):
    from pyspark.ml.linalg import Vectors

    rows = [(float(i % 2), float(i % 3 == 0), Vectors.dense([0.25, 0.75])) for i in range(30)]
    frame = spark.createDataFrame(rows, ["label", "prediction", "probability"])
    frame.write.parquet(str(tmp_path / "predictions"))
    evaluate.main(
        [
            *("--predictions", str(tmp_path / "predictions"), "--output", str(tmp_path / "report"), "--draws", "100"),
            *("--classes", "no,yes"),
        ]
    )
    rows_of = pq.read_table(tmp_path / "report" / "metrics").to_pandas()
    assert rows_of.loc[rows_of["metric"] == "accuracy", "value"].item() == 0.5
    assert rows_of.loc[(rows_of["metric"] == "brier"), "value"].notna().all()

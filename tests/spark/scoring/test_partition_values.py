"""Texts as partition values, from the beats through the results to an evaluation and the next run."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs import evaluate, score
from lstm_fcn.data.beats import Beats
from tests.spark.frames import frame_of

SITES = ("01", "1", "1d", "04015", "118e00")


@pytest.fixture
def write(spark: SparkSession, beats: Beats) -> Callable[..., str]:
    """Write beats with a text as site and as day; partitioned in folders where it is asked for."""

    def write_beats(path: Path, by: tuple[str, ...] = (), per_site: int = 4) -> str:
        series = beats.series.tolist()
        rows = [
            (100 * i + j, site, "2026-01-01", f"r{j}", j % 5, series[10 * i + j])
            for i, site in enumerate(SITES)
            for j in range(per_site)
        ]
        schema = "id long, site string, day string, record string, label int, beat array<float>"
        frame = frame_of(spark, rows, schema)
        frame.write.partitionBy(*by).parquet(str(path)) if by else frame.write.parquet(str(path))
        return str(path)

    return write_beats


def run(table: str, output: Path | str, model: Path, *arguments: str) -> None:
    score.main(["--beats", table, "--model", str(model), "--output", str(output), *arguments])


def manifests(output: Path) -> list[dict]:
    return [json.loads(file.read_text()) for file in sorted((output / "runs").iterdir())]


@pytest.mark.parametrize("inner", ["", "/predictions", "/predictions/"])
def test_an_evaluation_reads_the_texts_that_were_written(
    write, tmp_path: Path, model_file: Path, capsys: pytest.CaptureFixture[str], inner: str
):
    output, report = tmp_path / "scored", tmp_path / "report"
    run(write(tmp_path / "beats"), output, model_file, "--partition-by", "site,day")
    assert manifests(output)[-1]["partition_types"] == {"site": "string", "day": "string"}
    evaluate.main(
        [
            *("--predictions", f"{output}{inner}", "--output", str(report), "--by", "site,day", "--draws", "100"),
            *("--where", "startswith(day, '2026')"),  # which no date would take in every version of Spark
        ]
    )
    metrics = pd.read_parquet(report / "metrics")
    beats_of = metrics[(metrics["metric"] == "accuracy") & (metrics["group_by"] == "site")]
    assert dict(zip(beats_of["group"], beats_of["support"], strict=True)) == dict.fromkeys(SITES, 4)


def test_folders_of_others_are_scored_by_their_texts_and_nothing_is_new_afterwards(
    write, spark: SparkSession, tmp_path: Path, model_file: Path
):
    beats, output = write(tmp_path / "beats", ("site",)), tmp_path / "scored"
    by = ("--partition-by", "site", "--incremental")
    run(beats, output, model_file, *by)
    assert {path.name for path in (output / "predictions").iterdir() if path.is_dir()} == {f"site={s}" for s in SITES}
    run(beats, output, model_file, *by)
    assert len(manifests(output)) == 1
    run(beats, output, model_file, *by[:2], "--where", "site = '01'")
    assert manifests(output)[-1]["scored"] == [["01"]]
    assert len(manifests(output)[-1]["partitions"]) == len(SITES)


def test_texts_in_a_table_of_the_catalog(write, spark: SparkSession, tmp_path: Path, model_file: Path):
    name = "default.sites_scored"
    beats = write(tmp_path / "beats", ("site",))
    run(beats, name, model_file, "--partition-by", "site")
    assert dict(spark.table(name).dtypes)["site"] == "string"
    run(beats, name, model_file, "--partition-by", "site", "--where", "site = '1'")
    counts = {row["site"]: row["count"] for row in spark.table(name).groupBy("site").count().collect()}
    assert counts == dict.fromkeys(SITES, 4)


def test_partitions_that_stay_with_another_type_make_the_column_text(
    spark: SparkSession, beats: Beats, tmp_path: Path, model_file: Path
):
    output, series = tmp_path / "scored", beats.series.tolist()
    for kind, value in (("string", "09"), ("int", 10)):
        frame = frame_of(spark, [(value, series[0]), (value, series[1])], f"hour {kind}, beat array<float>")
        frame.write.parquet(str(tmp_path / kind))
        run(str(tmp_path / kind), output, model_file, "--partition-by", "hour", "--where", f"hour = '{value}'")
    assert manifests(output)[-1]["partition_types"] == {"hour": "string"}


def test_keys_of_two_types_are_compared_as_texts(
    write, spark: SparkSession, tmp_path: Path, model_file: Path, capsys: pytest.CaptureFixture[str]
):
    beats, output = write(tmp_path / "beats"), tmp_path / "scored"
    run(beats, output, model_file)
    frame = spark.read.parquet(beats).where("site IN ('1')").withColumn("site", F.lit(1))
    frame.write.parquet(str(tmp_path / "numbers"))
    evaluate.main(
        [
            *("--predictions", str(output), "--output", str(tmp_path / "report"), "--draws", "100"),
            *("--beats", str(tmp_path / "numbers"), "--keys", "site,id"),
        ]
    )
    assert "Wrong, and sure of it" in (tmp_path / "report" / "report.html").read_text()

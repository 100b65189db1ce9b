"""The places that results of the scoring job go to, beats to score into them, and predictions to evaluate."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from pyspark.sql import SparkSession

from jobs import evaluate, score
from lstm_fcn.data.beats import Beats
from tests.spark.frames import frame_of
from tests.spark.results import PREDICTIONS, Place


@pytest.fixture(params=["folder", "table"])
def place(spark: SparkSession, tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    if request.param == "folder":
        return Place(spark, str(tmp_path / "the results"))
    name = f"default.scored_{abs(hash(str(tmp_path)))}"
    return Place(spark, name)


@pytest.fixture
def folder(spark: SparkSession, tmp_path: Path) -> Place:
    return Place(spark, str(tmp_path / "the results"))


@pytest.fixture
def run(model_file: Path) -> Callable[..., None]:
    def run_job(beats: Path | str, place: Place, *arguments: str, model: Path = model_file) -> None:
        score.main(["--beats", str(beats), "--model", str(model), "--output", place.output, *arguments])

    return run_job


@pytest.fixture
def write_days(spark: SparkSession, beats: Beats, tmp_path: Path) -> Callable[..., Path]:
    """Write beats of some days; days that are there already stay."""

    def write(**days: int) -> Path:
        series = beats.series.tolist()
        for day, count in days.items():
            number = int(day[1:])
            rows = [(100 * number + i, "A", i % 5, series[(number + i) % 200]) for i in range(count)]
            frame = frame_of(spark, rows, "id long, site string, label int, beat array<float>")
            frame.repartition(2).write.mode("overwrite").parquet(f"{tmp_path}/beats/day=2026-01-{number:02d}")
        return tmp_path / "beats"

    return write


@pytest.fixture
def save(spark: SparkSession, tmp_path: Path) -> Callable[..., Path]:
    def save(rows: pd.DataFrame, name: str = "predictions") -> Path:
        if "probability" in rows:
            arrays = [list(map(float, p)) if p is not None else None for p in rows["probability"]]
            rows = rows.assign(probability=arrays)
        columns = PREDICTIONS.split(", ")
        kept = [column for column in columns if column.split()[0] in rows]
        frame = spark.createDataFrame(
            list(rows[[column.split()[0] for column in kept]].astype(object).itertuples(index=False)), ", ".join(kept)
        )
        frame.repartition(3).write.parquet(str(tmp_path / name))
        return tmp_path / name

    return save


@pytest.fixture
def evaluation(spark: SparkSession, tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """Run the job and read its metrics."""

    def run(source: Path, *arguments: str | Path, output: str = "evaluated") -> pd.DataFrame:
        given = ["--predictions", source, "--output", tmp_path / output, "--draws", "100", *arguments]
        evaluate.main([str(each) for each in given])
        return pd.read_parquet(tmp_path / output / "metrics")

    return run

"""The places that results of the scoring job go to, beats to score into them, and predictions to judge."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs import evaluate, score
from lstm_fcn.beats import Beats
from lstm_fcn.manifest import Manifest, parse_manifest

BY_DAY = ("--partition-by", "day")


@dataclass
class Place:
    """Where a test's results go."""

    spark: SparkSession
    output: str

    @property
    def is_table(self) -> bool:
        return "/" not in self.output

    def predictions(self) -> DataFrame:
        if self.is_table:
            return self.spark.table(self.output)
        return self.spark.read.parquet(f"{self.output}/predictions")

    def metrics(self) -> DataFrame:
        return (
            self.spark.table(f"{self.output}_metrics")
            if self.is_table
            else self.spark.read.parquet(f"{self.output}/metrics")
        )

    def manifests(self) -> list[Manifest]:
        if not self.is_table:
            files = sorted(Path(self.output, "runs").iterdir())
            return [parse_manifest(file.read_text(), str(file)) for file in files]
        rows = self.spark.table(f"{self.output}_runs").where("status != 'publishing'").orderBy("run_id").collect()
        return [parse_manifest(row["manifest"], "table") for row in rows]

    def rows(self) -> list[tuple]:
        wanted = ["id", "day", "prediction", "error"]
        return sorted(tuple(row) for row in self.predictions().select(*wanted).collect())

    def runs_of_days(self) -> dict[str, set[str]]:
        rows = self.predictions().selectExpr("string(day) AS day", "run_id").distinct().collect()
        return {day: {row["run_id"] for row in rows if row["day"] == day} for day in {row["day"] for row in rows}}


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
            frame = spark.createDataFrame(rows, "id long, site string, label int, beat array<float>")
            frame.coalesce(2).write.mode("overwrite").parquet(f"{tmp_path}/beats/day=2026-01-{number:02d}")
        return tmp_path / "beats"

    return write


PREDICTIONS = (
    "record string, sample long, split string, label int, prediction int, probability array<float>, error string, "
    "model string"
)


def predictions(count: int = 600, seed: int = 0, records: int = 6, model: str = "m@1") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    label = np.random.default_rng(7).choice(5, count, p=[0.6, 0.1, 0.15, 0.05, 0.1])
    logits = rng.normal(0, 1.5, (count, 5)) + 3 * np.eye(5)[label]
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return pd.DataFrame(
        {
            "record": [f"r{i % records}" for i in range(count)],
            "sample": np.arange(count),
            "split": np.where(np.arange(count) % 3, "test", "train"),
            "label": label,
            "prediction": probability.argmax(axis=1),
            "probability": list(probability.astype(np.float32)),
            "error": None,
            "model": model,
        }
    )


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
def judge(spark: SparkSession, tmp_path: Path) -> Callable[..., pd.DataFrame]:
    """Run the job and read its metrics."""

    def run(source: Path, *arguments: str | Path, output: str = "evaluated") -> pd.DataFrame:
        given = ["--predictions", source, "--output", tmp_path / output, "--draws", "100", *arguments]
        evaluate.main([str(each) for each in given])
        return pd.read_parquet(tmp_path / output / "metrics")

    return run

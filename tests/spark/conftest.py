"""The places that results of the scoring job go to, and beats to score into them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from jobs import score
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

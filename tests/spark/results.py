"""What the scoring job writes, to look into, and predictions made up to evaluate."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.spark.files import LocalFiles
from lstm_fcn.spark.scoring.manifest import Manifest, parse_manifest

BY_DAY = ("--partition-by", "day")

table_at_night = pytest.mark.parametrize(
    "place", ["folder", pytest.param("table", marks=pytest.mark.nightly)], indirect=True
)
"""Marks a test of what a folder and a table of files do alike: in a folder every day."""


class Killed(BaseException):
    """Stands for the end of the process: nothing but `finally` runs after it."""


def dying_at(step: int) -> Callable[[LocalFiles, str, str], None]:
    """Make a rename of `LocalFiles` that is the end of the process, the given time that it is called."""
    rename, left = LocalFiles.rename, step

    def rename_or_die(self: LocalFiles, source: str, target: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed
        rename(self, source, target)

    return rename_or_die


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


PREDICTIONS = (
    "record string, sample long, split string, label int, prediction int, probability array<float>, error string, "
    "model string, time_s double, lead string"
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

"""One way to score as a process of its own, to be timed: this package's job, or what one would write instead.

python tests/benchmarks/rivals.py WAY MASTER FOLDER TABLE...

The tables are scored one after the other. A line with the seconds that it took is printed after each; those of
the first include Spark's start.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from plain_network import PlainScorer
from pyspark.ml.functions import predict_batch_udf
from pyspark.sql import Column, SparkSession
from pyspark.sql.functions import pandas_udf
from pyspark.sql.types import ArrayType, FloatType

from lstm_fcn.model.file import load_model

WHOLE_ARROW_BATCH = 10_000
ROOT = Path(__file__).parents[2]


def loaded(batch_size: int) -> PlainScorer:
    torch.set_num_threads(1)
    return PlainScorer(load_model("mitbih").network(), batch_size)


def by_predict_batch_udf(batch_size: int) -> Callable[[Column], Column]:
    def make() -> Callable[[np.ndarray], np.ndarray]:
        return loaded(batch_size).probabilities

    return predict_batch_udf(
        make, return_type=ArrayType(FloatType()), batch_size=batch_size, input_tensor_shapes=[[187]]
    )


_scorers: dict[int, PlainScorer] = {}


def by_pandas_udf(batch_size: int) -> Callable[[Column], Column]:
    @pandas_udf("array<float>")
    def plain(beats: pd.Series) -> pd.Series:
        import rivals  # the worker keeps what an imported module holds

        scorer = rivals._scorers.get(batch_size) or rivals._scorers.setdefault(batch_size, rivals.loaded(batch_size))
        return pd.Series(list(scorer.probabilities(np.stack(beats))))

    return plain


def by_mlflow(spark: SparkSession, folder: str) -> Callable[[Column], Column]:
    import mlflow

    mlflow.pyfunc.save_model(folder, python_model=str(ROOT / "tests/benchmarks/mlflow_network.py"))
    kind = ArrayType(FloatType())
    return mlflow.pyfunc.spark_udf(spark, folder, result_type=kind, env_manager="local")


def session(master: str) -> SparkSession:
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master(master).config("spark.ui.enabled", False)
    return builder.config("spark.ui.showConsoleProgress", False).getOrCreate()


def our_job(precision: str) -> Callable[[str, str], None]:
    from jobs import score

    def run(table: str, output: str) -> None:
        score.main(["--beats", table, "--model", "mitbih", "--output", output, "--precision", precision])

    return run


def rival(way: str, spark: SparkSession, batch_size: int, folder: str) -> Callable[[str, str], None]:
    if way.startswith("predict_batch_udf"):
        score = by_predict_batch_udf(batch_size)
    elif way.startswith("pandas_udf"):
        score = by_pandas_udf(batch_size)
    else:
        score = by_mlflow(spark, f"{folder}/model")

    def run(table: str, output: str) -> None:
        beats = spark.read.parquet(table)
        beats.withColumn("probability", score(beats["beat"])).drop("beat").write.parquet(output)

    return run


def main() -> None:
    started = time.perf_counter()
    way, master, folder, *tables = sys.argv[1:]
    as_documented = 1024 if way.startswith("predict_batch_udf") else WHOLE_ARROW_BATCH
    batch_size = 16 if way.endswith(".small") else as_documented
    os.environ["PLAIN_BATCH_SIZE"] = str(batch_size)  # before the workers start, which take it along
    spark = session(master)
    run = our_job(way) if way in ("float32", "int8") else rival(way, spark, batch_size, folder)
    for number, table in enumerate(tables):
        run(table, f"{folder}/{number}")
        print(f"seconds {time.perf_counter() - started}", flush=True)
        started = time.perf_counter()


if __name__ == "__main__":
    main()

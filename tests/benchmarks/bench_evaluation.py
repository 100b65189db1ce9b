"""Evaluating many predictions: jobs/evaluate.py on simulated ones, its speed and its driver's memory at two sizes.

python tests/benchmarks/bench_evaluation.py [--rows 10000000] [--output FILE.json]

The job runs as a process of its own on two cores with spark.driver.memory=512m; its JVM is driver and executor in one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil
from pyspark.sql import SparkSession
from timed_beats import processor

ROOT = Path(__file__).parents[2]
MEBIBYTE = 2**20
RECORDS = 2_000
SMALLER = 10


class Measured(NamedTuple):
    rows: int
    seconds: float
    jvm_mib: float
    python_mib: float


def write_predictions(spark: SparkSession, rows: int, folder: Path) -> None:
    """Softmax of five random logits, of which the true class's is raised."""
    logits = ", ".join(f"2 * randn({i}) + 3 * int(label = {i})" for i in range(5))
    frame = spark.range(rows, numPartitions=8).selectExpr(
        f"concat('r', pmod(xxhash64(id div 5000), {RECORDS})) AS record",
        "id AS sample",
        "CASE WHEN rand(9) < .83 THEN 0 WHEN rand(9) < .86 THEN 1 WHEN rand(9) < .93 THEN 2 "
        "WHEN rand(9) < .94 THEN 3 ELSE 4 END AS label",
    )
    exponents = frame.selectExpr("*", f"transform(array({logits}), x -> exp(x)) AS e")
    scored = exponents.selectExpr(
        "record",
        "sample",
        "label",
        "transform(e, x -> float(x / aggregate(e, double(0), (a, b) -> a + b))) AS probability",
    )
    predicted = scored.selectExpr("*", "int(array_position(probability, array_max(probability)) - 1) AS prediction")
    predicted.write.parquet(str(folder))


def measure(rows: int, predictions: Path, output: Path) -> Measured:
    command = [sys.executable, ROOT / "jobs" / "evaluate.py", "--predictions", predictions, "--output", output]
    submit = "--master local[2] --conf spark.driver.memory=512m --conf spark.ui.enabled=false pyspark-shell"
    environment = os.environ | {"PYSPARK_SUBMIT_ARGS": submit, "SPARK_LOCAL_IP": "127.0.0.1"}
    started, jvm, python = time.perf_counter(), 0.0, 0.0
    with (output.with_suffix(".log")).open("w") as log:
        job = psutil.Popen([str(part) for part in command], env=environment, stdout=log, stderr=subprocess.STDOUT)
        while job.poll() is None:
            try:
                python = max(python, float(job.memory_info().rss))
                jvm = max([jvm, *(float(each.memory_info().rss) for each in job.children(recursive=True))])
            except psutil.NoSuchProcess:
                pass  # it has just ended
            time.sleep(0.2)
    if job.returncode:
        raise RuntimeError(output.with_suffix(".log").read_text()[-3000:])
    return Measured(rows, time.perf_counter() - started, jvm / MEBIBYTE, python / MEBIBYTE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the larger table; the other has a tenth")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    options = parser.parse_args()
    sizes = (options.rows // SMALLER, options.rows)
    with tempfile.TemporaryDirectory() as name:
        spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", False).getOrCreate()
        for rows in sizes:
            write_predictions(spark, rows, Path(name) / str(rows))
        spark.stop()
        print(f"{'predictions':>12}{'seconds':>9}{'JVM MiB':>9}{'Python MiB':>12}")
        found = [measure(rows, Path(name) / str(rows), Path(name) / f"report-{rows}") for rows in sizes]
    for each in found:
        print(f"{each.rows:>12,}{each.seconds:>9.0f}{each.jvm_mib:>9.0f}{each.python_mib:>12.0f}")
    small, large = found
    growth = (large.jvm_mib + large.python_mib) / (small.jvm_mib + small.python_mib)
    print(f"{SMALLER} times the rows: {growth:.2f} times the memory of the driver; {processor()}")
    if options.output is not None:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps([each._asdict() for each in found], indent=1))


if __name__ == "__main__":
    main()

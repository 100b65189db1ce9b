"""The scoring job on Spark: jobs/score.py against what one would write instead, on one table with one model.

python tests/benchmarks/bench_job.py [--output FILE.json]; with MITDB=DIR on the real beats.

Every job is a process of its own, run on a small and on a large table: what the additional rows take gives the
speed after start-up, the rest of the time is the start-up. With local[1] the job has one core for all of its
processes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from timed_beats import processor, read_all_beats

from lstm_fcn.beats import Beats
from lstm_fcn.engine import Engine
from lstm_fcn.modelfile import find_model

FILES = 16
OURS = ("float32", "int8")
RIVALS = ("predict_batch_udf", "mlflow", "pandas_udf")
MEBIBYTE = 2**20


class Measured(NamedTuple):
    seconds: float
    jvm: float
    worker: float


def write_beats(beats: Beats, rows: int, folder: Path) -> None:
    folder.mkdir()
    drawn = np.random.default_rng(0).integers(0, len(beats), rows)
    length = beats.series.shape[1]
    for number, part in enumerate(np.array_split(drawn, FILES)):
        offsets = pa.array(np.arange(len(part) + 1, dtype=np.int32) * length)
        series = pa.ListArray.from_arrays(offsets, pa.array(beats.series[part].ravel()))
        columns = {"sample": part, "label": beats.labels[part].astype(np.int32), "beat": series}
        pq.write_table(pa.table(columns), folder / f"part-{number:02d}.parquet")


def measure(way: str, cores: int, table: Path, folder: Path) -> Measured:
    """Run a job and watch its processes; memory in MiB, of the JVM and of the largest Python worker."""
    command = [sys.executable, str(Path(__file__).with_name("rivals.py")), way, f"local[{cores}]", str(table)]
    output = folder / f"{way}-{cores}-{table.name}"
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[2])])
    environment = os.environ | {"PYTHONPATH": path, "SPARK_LOCAL_IP": "127.0.0.1", "MLFLOW_TRACKING_URI": str(folder)}
    started = time.perf_counter()
    with (folder / "log").open("w") as log:
        job = psutil.Popen(
            [*command, str(output)],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
            preexec_fn=lambda: os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores]),
        )
        jvm = worker = 0.0
        while job.poll() is None:
            java, python = _memory(job)
            jvm, worker = max(jvm, java), max(worker, python)
            time.sleep(0.2)
    if job.returncode:
        raise subprocess.CalledProcessError(job.returncode, command, (folder / "log").read_text()[-5000:])
    return Measured(time.perf_counter() - started, jvm / MEBIBYTE, worker / MEBIBYTE)


def _memory(job: psutil.Process) -> tuple[float, float]:
    java = python = 0.0
    for process in job.children(recursive=True):
        try:
            name, size = process.name(), float(process.memory_info().rss)
        except psutil.NoSuchProcess:
            continue
        if name == "java":
            java = max(java, size)
        else:
            python = max(python, size)
    return java, python


def compare(way: str, cores: int, tables: Sequence[tuple[int, Path]], folder: Path) -> dict[str, float]:
    (few, small), (many, large) = tables
    first, second = measure(way, cores, small, folder), measure(way, cores, large, folder)
    rate = (many - few) / (second.seconds - first.seconds)
    found = {
        "beats_per_s": rate,
        "start_s": first.seconds - few / rate,
        "jvm_mib": second.jvm,
        "worker_mib": second.worker,
        "jvm_mib_small": first.jvm,
        "worker_mib_small": first.worker,
    }
    print(
        f"{way:<26}{cores:>6}{rate:>9.0f}{found['start_s']:>9.1f}{first.jvm:>8.0f}{second.jvm:>7.0f}"
        f"{first.worker:>8.0f}{second.worker:>7.0f}   {few:,} and {many:,} rows",
        flush=True,
    )
    return found


def engines_alone(beats: Beats) -> dict[str, float]:
    series = beats.series[np.random.default_rng(0).integers(0, len(beats), 20_000)]
    rates = {}
    for precision in OURS:
        engine = Engine(find_model("mitbih"), precision=precision)
        engine.probabilities(series)
        started = time.perf_counter()
        engine.probabilities(series)
        rates[precision] = len(series) / (time.perf_counter() - started)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rows", type=int, default=100_000, help="of the small table; the large one has 4 times as many"
    )
    parser.add_argument("--rivals-rows", type=int, default=10_000, help="the same for the slower ways")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    options = parser.parse_args()
    beats, result = read_all_beats(), {"processor": processor()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = {size: folder / str(size) for rows in (options.rows, options.rivals_rows) for size in (rows, 4 * rows)}
        for size, path in sizes.items():
            write_beats(beats, size, path)
        print(f"{'way':<26}{'cores':>6}{'beats/s':>9}{'start s':>9}{'JVM MiB':>15}{'worker MiB':>15}")
        jobs = {}
        for cores in (1, 2):
            for way in [*OURS, *RIVALS, *(f"{rival}.small" for rival in RIVALS)]:
                rows = options.rows if way in OURS else options.rivals_rows
                tables = [(size, sizes[size]) for size in (rows, 4 * rows)]
                jobs[f"{way}, {cores}"] = compare(way, cores, tables, folder)
    alone = engines_alone(beats)
    for way in OURS:
        one, two = jobs[f"{way}, 1"]["beats_per_s"], jobs[f"{way}, 2"]["beats_per_s"]
        usual = [jobs[f"{rival}, 1"]["beats_per_s"] for rival in RIVALS]
        tuned = [jobs[f"{rival}.small, 1"]["beats_per_s"] for rival in RIVALS]
        print(
            f"{way}: {one / max(usual):.1f} to {one / min(usual):.1f} times the ways as documented, "
            f"{one / max(tuned):.1f} times the best with batches of 16; {two / one:.2f} times with two cores; "
            f"{1 - one / alone[way]:.1%} outside the engine, which alone scores {alone[way]:.0f} beats/s"
        )
    print(f"{result['processor']}; local[1] on one core")
    if options.output is not None:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(result | {"jobs": jobs, "engines": alone}, indent=1))


if __name__ == "__main__":
    main()

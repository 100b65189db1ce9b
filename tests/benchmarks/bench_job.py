"""The scoring job on Spark: jobs/score.py against what one would write instead, on one table with one model.

python tests/benchmarks/bench_job.py [--output FILE.json]; with MITDB=DIR on the real beats.

Every way is a process of its own. It scores a few beats first, which starts all that has to start, and then the
table that is timed; this package's job after that one four times as large. With local[1] all processes of a way
share one core.
"""

import argparse
import json
import os
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
from watched import memory_of

from lstm_fcn.data.beats import Beats
from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.file import load_model

FILES = 16
OURS = ("float32", "int8")
RIVALS = ("predict_batch_udf", "mlflow", "pandas_udf")
FEW = 1_000


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


def measure(way: str, cores: int, tables: Sequence[Path], folder: Path) -> list[Measured]:
    """Score the tables: of each the seconds, and the peaks of memory until then of JVM and largest worker."""
    output = folder / f"{way}-{cores}"
    output.mkdir()
    script, root = Path(__file__).with_name("rivals.py"), Path(__file__).parents[2]
    command = [sys.executable, script, way, f"local[{cores}]", output, *tables]
    environment = {"PYTHONPATH": f"{script.parent}{os.pathsep}{root}", "SPARK_LOCAL_IP": "127.0.0.1"}
    log = output / "log"
    with log.open("w") as file:
        job = psutil.Popen(
            [str(part) for part in command],
            env=os.environ | environment,
            cwd=output,
            stdout=file,
            stderr=file,
            preexec_fn=lambda: os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores]),
        )
        found: list[Measured] = []
        jvm = worker = 0.0
        running = True
        while running:
            running = job.poll() is None
            java, python = memory_of(job) if running else (0.0, 0.0)
            jvm, worker = max(jvm, java), max(worker, python)
            seconds = [float(line.split()[1]) for line in log.read_text().splitlines() if line.startswith("seconds ")]
            found += [Measured(each, jvm, worker) for each in seconds[len(found) :]]
            time.sleep(0.2)
    if job.returncode or len(found) != len(tables):
        raise RuntimeError(f"{way} failed:\n{log.read_text()[-5000:]}")
    return found


def compare(way: str, cores: int, sizes: Sequence[int], folder: Path) -> dict[str, float]:
    """Time a way; the first size only starts it."""
    few, *others = sizes
    first, *timed = measure(way, cores, [folder / str(size) for size in sizes], folder)
    found = {"start_s": first.seconds - few * timed[0].seconds / others[0]}
    for rows, measured in zip(others, timed, strict=True):
        found[f"beats_per_s_{rows}"] = rows / measured.seconds
        found |= {f"jvm_mib_{rows}": measured.jvm, f"worker_mib_{rows}": measured.worker}
        print(
            f"{way:<26}{cores:>6}{rows:>9}{rows / measured.seconds:>9.0f}{found['start_s']:>9.1f}"
            f"{measured.jvm:>9.0f}{measured.worker:>12.0f}",
            flush=True,
        )
    return found


def engines_alone(beats: Beats) -> dict[str, float]:
    series = beats.series[np.random.default_rng(0).integers(0, len(beats), 20_000)]
    rates = {}
    for precision in OURS:
        engine = Engine(load_model("mitbih"), precision=precision)
        engine.probabilities(series)
        started = time.perf_counter()
        engine.probabilities(series)
        rates[precision] = len(series) / (time.perf_counter() - started)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="of the table; and four times as many")
    parser.add_argument("--rivals-rows", type=int, default=40_000, help="of the table for the slower ways")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    options = parser.parse_args()
    beats, jobs = read_all_beats(), {}
    ours, rivals = (FEW, options.rows, 4 * options.rows), (FEW, options.rivals_rows)
    alone = engines_alone(beats)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for size in {*ours, *rivals}:
            write_beats(beats, size, folder / str(size))
        print(f"{'way':<26}{'cores':>6}{'rows':>9}{'beats/s':>9}{'start s':>9}{'JVM MiB':>9}{'worker MiB':>12}")
        for cores in (1, 2):
            for way in OURS:
                jobs[f"{way}, {cores}"] = compare(way, cores, ours, folder)
        for way in (*RIVALS, *(f"{rival}.small" for rival in RIVALS)):
            jobs[way] = compare(way, 1, rivals, folder)
    large, speed = f"beats_per_s_{ours[-1]}", f"beats_per_s_{options.rivals_rows}"
    for way in OURS:
        one, two = (jobs[f"{way}, {cores}"][large] for cores in (1, 2))
        usual = [jobs[rival][speed] for rival in RIVALS]
        tuned = [jobs[f"{rival}.small"][speed] for rival in RIVALS]
        print(
            f"{way}: {one / max(usual):.1f} to {one / min(usual):.1f} times the ways as documented, "
            f"{one / max(tuned):.1f} times the best with batches of 16; {two / one:.2f} times with two cores; "
            f"{1 - one / alone[way]:.1%} outside the engine, which alone scores {alone[way]:.0f} beats/s"
        )
    print(f"{processor()}; local[1] on one core")
    if options.output is not None:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        result = {"processor": processor(), "jobs": jobs, "engines": alone}
        options.output.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

"""The tuning job on one core and on two: the same search, as ratio of its speed.

python tests/benchmarks/bench_tuning.py [--output FILE.json]; with MITDB=DIR on the real beats.

The trials differ in their learning rate alone, so that each costs the same. With local[1] all processes of the job
share one core. The time is the search's, the start of the Python workers included, that of Spark left out.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from timed_beats import processor, read_all_beats

ROOT = Path(__file__).parents[2]
SEARCH = ("--max-jobs", "12", "--epochs", "2", "--space", '{"lr": {"low": 0.0003, "high": 0.01, "log": true}}')


def write_beats(beats: int, path: Path) -> None:
    found = read_all_beats()
    some = found.take(np.random.default_rng(0).permutation(len(found))[:beats])
    np.savetxt(path, np.column_stack([some.series, some.labels]), delimiter=",", fmt="%.6g")


def seconds_on(cores: int, beats: Path, output: Path) -> float:
    submit = f"--master local[{cores}] --conf spark.ui.enabled=false pyspark-shell"
    done = subprocess.run(
        [sys.executable, ROOT / "jobs" / "tune.py", "--beats", beats, "--output", output, *SEARCH],
        env=os.environ | {"PYSPARK_SUBMIT_ARGS": submit, "PYSPARK_PYTHON": sys.executable},
        preexec_fn=lambda: os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores]),
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"stage=search trials=12 fitted_now=12 seconds=([\d.]+)", done.stderr)
    if found is None:
        raise RuntimeError(done.stderr)
    return float(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beats", type=int, default=1500, help="of the search")
    parser.add_argument("--output", type=Path, help="JSON file for the result")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_beats(options.beats, folder / "beats.csv")
        seconds = {cores: seconds_on(cores, folder / "beats.csv", folder / str(cores)) for cores in (1, 2)}
        tables = [pd.read_parquet(folder / str(cores) / "trials") for cores in seconds]
    result = {
        "seconds": seconds,
        "ratio": seconds[1] / seconds[2],
        "seconds_of_a_trial": [float(table["seconds"].median()) for table in tables],
        "same_result": tables[0]["macro_f1"].equals(tables[1]["macro_f1"]),
        "processor": processor(),
    }
    print(f"12 trials: {seconds[1]:.1f} s on one core, {seconds[2]:.1f} s on two: {result['ratio']:.2f} times as fast")
    print(f"the same macro-F1 of every trial: {result['same_result']}; {result['processor']}")
    if options.output is not None:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

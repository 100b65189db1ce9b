"""A day of ECG without annotations, put together from the MIT-BIH records, to its row in `records/`.

MITDB=DIR python tests/benchmarks/holter_day.py

Seconds contain the start of Spark. The 48 records are joined one behind the other; where they meet, a beat has no
honest context, which is 47 places of some 110,000.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import wfdb
from timed_beats import processor
from watched import peaks, run_job

HERTZ = 360


def write_day(source: Path, folder: Path) -> None:
    """Write the first leads of all records as one record."""
    folder.mkdir()
    signals = [wfdb.rdrecord(str(path.with_suffix("")), channels=[0]) for path in sorted(source.glob("*.hea"))]
    day = np.concatenate([each.p_signal for each in signals])
    print(f"{len(signals)} records, {len(day) / HERTZ / 3600:.1f} hours", flush=True)
    wfdb.wrsamp(
        *("day", HERTZ, ["mV"], ["ECG"], day),
        fmt=["16"],
        adc_gain=[200.0],
        baseline=[0],
        write_dir=str(folder),
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_day(Path(os.environ["MITDB"]), folder / "day")
        beats, scored = folder / "beats", folder / "scored"
        prepared = run_job("prepare", "--records", folder / "day", "--output", beats)
        scoring = run_job("score", "--beats", beats, "--model", "new-patients", "--output", scored)
        print(peaks([("prepare.py", prepared), ("score.py", scoring)]))
        print(pd.read_parquet(scored / "records").T.to_string(header=False))
    print(processor())


if __name__ == "__main__":
    main()

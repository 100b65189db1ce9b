"""The beats that the benchmarks are run on: the real ones in MITDB, else simulated ones of like length."""

import os
import platform
import tempfile
from pathlib import Path

import numpy as np

from lstm_fcn.data.beats import Beats
from lstm_fcn.data.cutting import cut_beats
from lstm_fcn.data.simulate import write_records
from lstm_fcn.data.wfdb_files import read_wfdb


def read_all_beats() -> Beats:
    if os.environ.get("MITDB"):
        return _cut(Path(os.environ["MITDB"]))
    with tempfile.TemporaryDirectory() as folder:
        write_records(Path(folder), records=10, seconds=600, seed=0)
        return _cut(Path(folder))


def _cut(folder: Path) -> Beats:
    tables = [cut_beats(read_wfdb(folder, path.stem, leads=("0",))) for path in sorted(folder.glob("*.hea"))]
    return Beats(
        np.concatenate([np.stack(table["beat"]) for table in tables]),
        np.concatenate([table["label"].to_numpy(np.int64) for table in tables]),
    )


def processor() -> str:
    """The name and what it has for short numbers, where the system says it."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    lines = dict(line.split(":", 1) for line in info.read_text().split("\n\n")[0].splitlines())
    fields = {name.strip(): value.strip() for name, value in lines.items()}
    flags = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "avx512_vnni") if flag in fields.get("flags", "")]
    return f"{fields.get('model name', platform.machine())} ({', '.join(flags)})"

"""The beats that the benchmarks are run on: the real ones in MITDB, else simulated ones of like length."""

import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.context.record import record_context
from lstm_fcn.data.beats import Beats
from lstm_fcn.data.cutting import cut_beats
from lstm_fcn.data.labels import LABEL_OF_SYMBOL
from lstm_fcn.data.records import Record
from lstm_fcn.data.simulate import write_records
from lstm_fcn.data.wfdb_files import read_wfdb


def read_all_beats() -> Beats:
    tables = [cut_beats(record) for record in _records()]
    return Beats(
        np.concatenate([np.stack(table["beat"]) for table in tables]),
        np.concatenate([table["label"].to_numpy(np.int64) for table in tables]),
    )


def read_contexts(count: int) -> NDArray[np.float32]:
    """The contexts of the first beats."""
    found: list[NDArray[np.float32]] = []
    for record in _records():
        is_beat = np.array([symbol in LABEL_OF_SYMBOL for symbol in record.symbols or []])
        found.append(record_context(record.signal, record.fs, record.samples[is_beat]))
        if sum(map(len, found)) >= count:
            break
    return np.concatenate(found)[:count]


def _records() -> Iterator[Record]:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(os.environ.get("MITDB") or made)
        if not os.environ.get("MITDB"):
            write_records(folder, records=10, seconds=600, seed=0)
        for path in sorted(folder.glob("*.hea")):
            yield read_wfdb(folder, path.stem, leads=("0",))


def processor() -> str:
    """The name and what it has for short numbers, where the system says it."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor()
    lines = dict(line.split(":", 1) for line in info.read_text().split("\n\n")[0].splitlines())
    fields = {name.strip(): value.strip() for name, value in lines.items()}
    flags = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "avx512_vnni") if flag in fields.get("flags", "")]
    return f"{fields.get('model name', platform.machine())} ({', '.join(flags)})"

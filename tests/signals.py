"""A table of signals, the README's lines that take it to predictions, and what these should be."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from lstm_fcn.data.cutting import cut_beats
from lstm_fcn.data.detection import detect_beats
from lstm_fcn.data.simulate import write_records
from lstm_fcn.data.wfdb_files import read_wfdb
from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.file import load_model
from tests.processes import ROOT

NAMES = ("s01", "s02")


def signals_example() -> str:
    """The block of the README."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "lstm_fcn" / "README.md").read_text(), re.M | re.S)
    (example,) = (block for block in blocks if "beats_of_signals" in block)
    assert len([line for line in example.splitlines() if line]) == 5
    return str(example)


def write_signals(folder: Path) -> tuple[Path, list[list[object]]]:
    """Write simulated signals at 250 Hz as Parquet; and the record, sample and class of each beat, in their order."""
    write_records(folder / "records", records=len(NAMES), seconds=30, seed=4, fs=250)
    records = [read_wfdb(folder / "records", name, annotator="detect", detect=detect_beats) for name in NAMES]
    table = pd.DataFrame(
        {"record": NAMES, "fs": 250.0, "signal": [record.signal.astype(np.float32) for record in records]}
    )
    table.to_parquet(folder / "signals.parquet")
    beats = pd.concat([cut_beats(record).assign(record=record.name) for record in records])
    model = load_model("mitbih")
    predicted = Engine(model).probabilities(np.stack(beats["beat"])).argmax(axis=1)
    classes = [model.header.classes[i] for i in predicted]
    return folder / "signals.parquet", [
        list(row) for row in zip(beats["record"], beats["sample"], classes, strict=True)
    ]

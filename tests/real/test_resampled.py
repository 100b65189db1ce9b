"""The MIT-BIH records at other frequencies and in other files: the same beats, and the same predictions.

The signals are resampled here by FFT, not with what is tested, and their annotations are rounded to the new samples.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import edfio
import numpy as np
import pandas as pd
import pytest
import scipy.fft
import wfdb
from numpy.typing import NDArray
from pyspark.sql import SparkSession
from scipy.signal import resample

from lstm_fcn.data.cutting import cut_beats
from lstm_fcn.data.labels import GROUP_OF_RECORD
from lstm_fcn.data.records import Record
from lstm_fcn.data.splits import published_test_samples
from lstm_fcn.data.wfdb_files import read_wfdb
from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.file import load_model
from lstm_fcn.spark.prepare.records import beats_of_records
from lstm_fcn.spark.prepare.signals import beats_of_signals

MITDB = Path(os.environ.get("MITDB") or "nowhere")

pytestmark = pytest.mark.skipif(
    not MITDB.is_dir(), reason="MITDB does not name the folder of the MIT-BIH Arrhythmia Database"
)

FREQUENCIES = (125, 250, 257, 500, 1000)
LARGEST = {"16": 2**15, "80": 2**7, "212": 2**11, "24": 2**23}
"""Format of WFDB -> what its values are smaller than."""

FORMS = (*LARGEST, "edf", "table")

FEW = ("208", "209", "217")
"""Beats of every class: N, V and F; N and S; paced."""

SHARE = 0.98
"""Of the labels that stay."""

Labels = Callable[[pd.DataFrame], NDArray[np.int64]]
"""Scores beats with `mitbih`."""


def resampled(record: Record, fs: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A record's signal at a frequency, around zero, and its annotations."""
    signal = record.signal.astype(np.float64) - np.median(record.signal)
    length = -(-len(signal) * fs // int(record.fs))
    # An FFT takes its signal for one that repeats: what is added leads from the end back to the beginning.
    seconds = scipy.fft.next_fast_len(len(signal) // int(record.fs) + 10)
    back = np.linspace(signal[-1], signal[0], seconds * int(record.fs) - len(signal))
    values = resample(np.concatenate([signal, back]), seconds * fs)[:length]
    return values, np.rint(record.samples * fs / record.fs).astype(np.int64)


def write_record(
    folder: Path, form: str, record: Record, fs: int, values: NDArray[np.float64], samples: NDArray[np.int64]
) -> None:
    name, most = record.name, np.abs(values).max()
    if form == "edf":
        whole = np.pad(values, (0, -len(values) % fs), mode="edge")  # EDF has whole seconds
        signal = edfio.EdfSignal(whole, fs, label=record.lead, physical_dimension="uV", physical_range=(-most, most))
        notes = [edfio.EdfAnnotation(at / fs, None, symbol) for at, symbol in zip(samples, record.symbols, strict=True)]
        edfio.Edf([signal], annotations=notes).write(folder / f"{name}.edf")
    elif form == "table":
        row = {"record": name, "fs": float(fs), "signal": values.astype(np.float32)}
        pd.DataFrame([row]).to_parquet(folder / f"{name}.signal.parquet")
        beats = pd.DataFrame({"record": name, "sample": samples, "symbol": record.symbols})
        beats.to_parquet(folder / f"{name}.beats.parquet")
    else:
        gain = (LARGEST[form] - 1) / most  # the signal fills the format
        wfdb.wrsamp(
            name,
            fs=fs,
            units=["mV"],
            sig_name=[record.lead],
            d_signal=np.rint(values * gain).astype(np.int64)[:, None],
            fmt=[form],
            adc_gain=[200 * gain],
            baseline=[0],
            write_dir=str(folder),
        )
        wfdb.wrann(name, "atr", samples, record.symbols, write_dir=str(folder))


def read_beats(spark: SparkSession, folder: Path, form: str) -> pd.DataFrame:
    if form == "table":
        signals, beats = (spark.read.parquet(f"{folder}/*.{kind}.parquet") for kind in ("signal", "beats"))
        table = beats_of_signals(signals, beats)
    else:
        table = beats_of_records(spark, str(folder))
    table = table.select("record", "sample", "symbol", "beat", "fs", "time_s")
    return table.toPandas().sort_values(["record", "sample"], kind="stable", ignore_index=True)


class Originals:
    """Records at 360 Hz, their beats, and the labels of those beats that are published test rows."""

    def __init__(self, names: Sequence[str], labels: Labels) -> None:
        self.records = [read_wfdb(MITDB, name, leads=("0",)) for name in names]
        self._resampled: dict[int, list[tuple[NDArray[np.float64], NDArray[np.int64]]]] = {}
        beats = [cut_beats(record).assign(record=record.name) for record in self.records]
        self.beats = pd.concat(beats, ignore_index=True)
        keys = {(name, int(sample)) for name in names for sample in published_test_samples()[name]}
        self.is_test = np.array([key in keys for key in zip(self.beats["record"], self.beats["sample"], strict=True)])
        self.labels = labels(self.beats[self.is_test])

    def write(self, folder: Path, form: str, fs: int) -> None:
        """Write all records at a frequency."""
        if fs not in self._resampled:
            self._resampled = {fs: [resampled(record, fs) for record in self.records]}
        for record, (values, samples) in zip(self.records, self._resampled[fs], strict=True):
            write_record(folder, form, record, fs, values, samples)


@pytest.fixture(scope="module")
def labels() -> Labels:
    engine = Engine(load_model("mitbih"))
    return lambda beats: engine.probabilities(np.stack(beats["beat"]).astype(np.float32)).argmax(axis=1)


@pytest.fixture(scope="module")
def few(labels: Labels) -> Originals:
    return Originals(FEW, labels)


@pytest.fixture(scope="module")
def every(labels: Labels) -> Originals:
    return Originals(sorted(GROUP_OF_RECORD), labels)


def share_of_equal_labels(
    spark: SparkSession, originals: Originals, labels: Labels, form: str, fs: int, folder: Path
) -> float:
    """Write, read and score the records; see that the beats are the same ones."""
    originals.write(folder, form, fs)
    found = read_beats(spark, folder, form)
    shutil.rmtree(folder)  # a gigabyte at 1,000 Hz
    assert found["symbol"].tolist() == originals.beats["symbol"].tolist()
    assert found["record"].tolist() == originals.beats["record"].tolist()
    assert (found["fs"] == fs).all()
    moved = np.abs(found["time_s"] - originals.beats["sample"] / 360)
    assert moved.max() <= 1 / fs
    share = float((labels(found[originals.is_test]) == originals.labels).mean())
    print(f"{form} at {fs} Hz: {share:.4%} of {len(originals.labels)} labels")  # noqa: T201, for those who look (-rP)
    return share


@pytest.mark.parametrize(
    ("form", "fs"), [("16", 250), ("80", 1000), ("212", 125), ("24", 500), ("edf", 257), ("table", 125)]
)
def test_records_of_another_frequency_and_form_have_the_same_beats_and_labels(
    spark: SparkSession, few: Originals, labels: Labels, form: str, fs: int, tmp_path: Path
):
    assert share_of_equal_labels(spark, few, labels, form, fs, tmp_path) >= SHARE


@pytest.mark.nightly
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("fs", FREQUENCIES)
def test_all_records_of_every_frequency_and_form_have_the_same_beats_and_labels(
    spark: SparkSession, every: Originals, labels: Labels, form: str, fs: int, tmp_path: Path
):
    assert share_of_equal_labels(spark, every, labels, form, fs, tmp_path) >= SHARE

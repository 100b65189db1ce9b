"""Beats made up for tests, and tables of them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lstm_fcn.data.beats import BEAT_LENGTH, Beats

BEATS = pa.schema({"id": pa.int64(), "label": pa.int32(), "beat": pa.list_(pa.float32())})


def make_beats(count: int) -> Beats:
    """Random beats of random lengths, of all five classes."""
    rng = np.random.default_rng(1)
    series = rng.random((count, BEAT_LENGTH), dtype=np.float32)
    for row, length in zip(series, rng.integers(40, 400, count), strict=True):
        row[length:] = 0
    return Beats(series, np.arange(count) % 5)


def series_of(ends_at: list[int], length: int, seed: int = 0) -> NDArray[np.float32]:
    """Series that end at these positions, with zeros after it and some inside."""
    rng = np.random.default_rng(seed)
    series = rng.normal(0.4, 1, (len(ends_at), length)).astype(np.float32)
    series[rng.random(series.shape) < 0.1] = 0
    for row, end in zip(series, ends_at, strict=True):
        row[end:] = 0
        row[end - 1 : end] = 1
    return series


def bumps(per_class: list[int], seed: int = 0) -> Beats:
    """Beats whose class is where their bump is."""
    labels = np.repeat(np.arange(len(per_class)), per_class)
    rng = np.random.default_rng(seed)
    series = rng.normal(0, 0.05, (len(labels), BEAT_LENGTH)).astype(np.float32)
    for row, label in zip(series, labels, strict=True):
        row[30 * label : 30 * label + 15] += 1
    return Beats(series, labels)


def noisy(per_class: int, seed: int) -> Beats:
    """Beats of which some look like those of another class."""
    beats = bumps([per_class] * 5, seed)
    beats.series[:] += np.random.default_rng(seed + 10).normal(0, 0.8, beats.series.shape)
    return beats


def waves(count: int, length: int = 40) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Noisy series of three kinds that differ in where they are high, and their kinds."""
    rng = np.random.default_rng(0)
    kinds = np.arange(count) % 3
    series = rng.normal(0, 0.3, (count, length))
    for row, kind in zip(series, kinds, strict=True):
        row[12 * kind : 12 * kind + 10] += 1
    return series, kinds


def write_csv(beats: Beats, path: Path) -> Path:
    """The published form: a column a value, the label last."""
    np.savetxt(path, np.column_stack([beats.series, beats.labels]), delimiter=",", fmt="%.6g")
    return path


def write_days(folder: Path, beats: Beats, days: Mapping[str, int], rows_of_a_file: int) -> Path:
    """A table in folders by day, some small files each, with ids that are unique."""
    first = 0
    for day, count in days.items():
        (folder / f"day={day}").mkdir(parents=True)
        for start in range(0, count, rows_of_a_file):
            ids = list(range(first + start, first + min(start + rows_of_a_file, count)))
            series = [beats.series[i % len(beats)].tolist() for i in ids]
            part = pa.table({"id": ids, "label": [i % 5 for i in ids], "beat": series}, schema=BEATS)
            pq.write_table(part, folder / f"day={day}" / f"{start}.parquet")
        first += count
    return folder


def write_beats_to_train_on(beats: Beats, folder: Path) -> Path:
    """A table of these beats, and of test beats that would be refused if they were read."""
    schema = pa.schema(
        {"beat": pa.list_(pa.float32()), "label": pa.int32(), "record": pa.string(), "split": pa.string()}
    )
    records = [f"r{i % 10}" for i in range(len(beats))]
    columns = {"beat": list(beats.series), "label": beats.labels, "record": records, "split": ["train"] * len(beats)}
    rotten = {"beat": [None, [0.0]], "label": [None, 99], "record": ["r1", "r2"], "split": ["test", "test"]}
    folder.mkdir()
    pq.write_table(pa.table(columns, schema=schema), folder / "train.parquet")
    pq.write_table(pa.table(rotten, schema=schema), folder / "test.parquet")
    return folder

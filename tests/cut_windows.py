"""Windows around the beats of a record, as somebody else may have cut them."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from lstm_fcn.data.labels import LABEL_OF_SYMBOL
from lstm_fcn.data.records import Record

Scale = Callable[[np.ndarray], np.ndarray]


def only_beats(record: Record) -> Record:
    """The record without the annotations that are no beats."""
    symbols = record.symbols or []
    kept = [i for i, symbol in enumerate(symbols) if symbol in LABEL_OF_SYMBOL]
    at = record.samples[kept]
    return Record(record.name, record.signal, record.fs, record.lead, at, [symbols[i] for i in kept], "atr")


def windows_around(record: Record, before: float, after: float, scale: Scale | None = None) -> pd.DataFrame:
    """From so many seconds before to so many after the R peak, as far as the record goes."""
    ends = record.samples + round(after * record.fs)
    return _windows(record, np.maximum(record.samples - round(before * record.fs), 0), ends, scale)


def windows_to_the_next(record: Record, scale: Scale | None = None) -> pd.DataFrame:
    """From the R peak to a fifth of the interval behind the next one."""
    following = np.append(record.samples, [len(record.signal)] * 2)
    ends = following[1:-1] + (0.2 * np.diff(following)[1:]).astype(int)
    return _windows(record, record.samples, ends, scale)


def own_extremes(values: np.ndarray) -> np.ndarray:
    """Scale to [0, 1]."""
    scaled: np.ndarray = (values - values.min()) / np.ptp(values)
    return scaled


def _windows(record: Record, starts: np.ndarray, ends: np.ndarray, scale: Scale | None) -> pd.DataFrame:
    parts = [record.signal[start:end] for start, end in zip(starts, ends, strict=True)]
    return pd.DataFrame(
        {
            "record": record.name,
            "fs": record.fs,
            "time_s": record.samples / record.fs,
            "window": [part if scale is None else scale(part) for part in parts],
            "before_s": (record.samples - starts) / record.fs,
            "symbol": record.symbols,
        }
    )

"""The published train/test split: which beats of the MIT-BIH records are rows of `mitbih_test.csv`.

The split is random by beat over all 48 records (Kachuee et al. 2018), so the patients of the test rows
are known from training. `lstm_fcn.data.labels.GROUP_OF_RECORD` is the split that keeps patients apart.
"""

from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.data.labels import GROUP_OF_RECORD

FREQUENCY = 360.0
"""Of the MIT-BIH records, Hz."""

_AGREEING = 0.99
"""Share of a record's published beats that have to be among its own; record 102 lacks one with today's annotations."""

ORIGINAL_ANNOTATIONS: dict[str, str] = {"102": "102-0"}
"""Records whose published beats were cut from an earlier annotation file than the current one."""

CORRECTED_ANNOTATIONS: dict[str, str] = {
    "102": "record 102: 102-0.atr is not there, so 102.atr is used. Its correction moved one beat, from "
    "sample 590296 to 590262, and a beat reaches to the two next annotations: three rows differ from the "
    "published table (samples 589680, 589971 and 590262)."
}
"""What to log where only the current annotation file is there."""


@cache
def published_test_samples() -> dict[str, NDArray[np.int64]]:
    """Annotation indices (at 360 Hz, ascending) of the 21,892 published test beats, by record."""
    packed = resources.files("lstm_fcn.data") / "published_test_beats.npz"
    with packed.open("rb") as file, np.load(file, allow_pickle=False) as gaps:
        return {record: np.cumsum(gaps[record], dtype=np.int64) for record in gaps.files}


def is_of_mitbih(record: str, samples: NDArray[np.int64], fs: float) -> bool:
    """Check whether a record of this name is MIT-BIH's: whether the published beats are among its own.

    Parameters
    ----------
    record : str
    samples : (n,) int array
        Annotation indices.
    fs : float
        Sampling frequency, Hz.
    """
    if record not in GROUP_OF_RECORD or fs != FREQUENCY:
        return False
    return bool(np.isin(published_test_samples()[record], samples).mean() > _AGREEING)


def split_beats(
    record: str, samples: NDArray[np.int64], is_mitbih: bool, test_records: tuple[str, ...] = ()
) -> tuple[NDArray[np.object_], str | None]:
    """Return for each beat on which side of the split it is, and the inter-patient group of its record.

    Parameters
    ----------
    record : str
        Name of the record, e.g. '100'.
    samples : (n,) int array
        Annotation indices of its beats.
    is_mitbih : bool
        Whether it is the MIT-BIH record of this name: only then the published split and the group apply.
    test_records : tuple of str
        Records to hold out whole, instead of the published split.

    Returns
    -------
    (n,) object array, str or None
        'train' or 'test', or None where nothing is held out and no split is published; 'DS1', 'DS2', 'paced' or None.
    """
    group = GROUP_OF_RECORD[record] if is_mitbih else None
    if test_records:
        return np.full(len(samples), "test" if record in test_records else "train", dtype=object), group
    if not is_mitbih:
        return np.full(len(samples), None, dtype=object), None
    in_test = np.isin(samples, published_test_samples()[record])
    return np.where(in_test, "test", "train").astype(object), group

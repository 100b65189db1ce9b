"""The published train/test split: which beats of the MIT-BIH records are rows of `mitbih_test.csv`.

The split is random by beat over all 48 records (Kachuee et al. 2018), so the patients of the test rows
are known from training. `lstm_fcn.labels.GROUP_OF_RECORD` is the split that keeps patients apart.
"""

from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.labels import GROUP_OF_RECORD

ORIGINAL_ANNOTATIONS: dict[str, str] = {"102": "102-0"}
"""Records whose published beats were cut from an earlier annotation file than the current one."""

CORRECTED_ANNOTATIONS: dict[str, str] = {
    "102": "record 102: 102-0.atr is not there, so 102.atr is used. Its correction moved one beat, from "
    "sample 590296 to 590262, and a beat reaches to the two next annotations: three rows differ from the "
    "published table (samples 589680, 589971 and 590262)."
}
"""What to tell where only the current annotation file is there."""


@cache
def published_test_samples() -> dict[str, NDArray[np.int64]]:
    """Annotation indices (at 360 Hz, ascending) of the 21,892 published test beats, by record."""
    packed = resources.files("lstm_fcn") / "data" / "published_test_beats.npz"
    with packed.open("rb") as file, np.load(file, allow_pickle=False) as gaps:
        return {record: np.cumsum(gaps[record], dtype=np.int64) for record in gaps.files}


def split_beats(record: str, samples: NDArray[np.int64], test_records: tuple[str, ...] = ()) -> NDArray[np.object_]:
    """Tell for each beat on which side of the split it is.

    Parameters
    ----------
    record : str
        Name of the record, e.g. '100'.
    samples : (n,) int array
        Annotation indices of its beats, at 360 Hz.
    test_records : tuple of str
        Records to hold out whole. Where it is empty, the published split of the MIT-BIH records applies.

    Returns
    -------
    (n,) object array
        'train' or 'test'; None for a record that is not MIT-BIH's when nothing is held out.
    """
    if test_records:
        return np.full(len(samples), "test" if record in test_records else "train", dtype=object)
    if record not in GROUP_OF_RECORD:
        return np.full(len(samples), None, dtype=object)
    in_test = np.isin(samples, published_test_samples()[record])
    return np.where(in_test, "test", "train").astype(object)

import numpy as np
import pytest

from lstm_fcn.evaluation.detection import detection_rates, match_beats


@pytest.mark.parametrize(
    ("reference", "detected", "pairs"),
    [
        ([1.0, 2.0, 3.0], [1.1, 2.0, 2.9], [(0, 0), (1, 1), (2, 2)]),
        ([1.0, 2.0], [1.16, 2.0], [(1, 1)]),
        ([1.0], [0.9, 1.01], [(0, 1)]),
        ([1.0, 1.1], [1.09], [(1, 0)]),
        ([], [1.0], []),
    ],
)
def test_beats_are_matched_once_and_to_the_nearest(reference: list, detected: list, pairs: list):
    found = match_beats(np.array(reference), np.array(detected))
    assert list(zip(found.reference.tolist(), found.detected.tolist(), strict=True)) == pairs


def test_rates_are_of_all_beats_with_intervals_over_records():
    counts = np.array([[90, 10, 0], [100, 0, 100]])
    (se, value, spread), (plus_p, other, _) = detection_rates(counts, 200, 0)
    assert (se, value, plus_p, other) == ("Se", 0.95, "+P", 190 / 290)
    assert spread == (0.9, 1.0)
    assert detection_rates(counts[:1], 200, 0)[0][2] is None

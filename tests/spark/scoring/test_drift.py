import math

import pytest

from lstm_fcn.spark.scoring.drift import drift, population_stability_index
from lstm_fcn.spark.scoring.manifest import ScoredRows


def test_equal_shares_have_no_drift():
    assert population_stability_index([1, 2, 3], [100, 200, 300]) == 0


def test_a_hand_worked_case():
    # Shares .5 .5 and .8 .2: .3 ln(1.6) - .3 ln(.4)
    expected = 0.3 * math.log(1.6) - 0.3 * math.log(0.4)
    assert population_stability_index([5, 5], [8, 2]) == pytest.approx(expected, abs=1e-6)


def test_an_empty_bin_is_finite_and_an_empty_histogram_is_nan():
    assert 0 < population_stability_index([1, 1], [2, 0]) < 10
    assert math.isnan(population_stability_index([1, 1], [0, 0]))
    assert math.isnan(population_stability_index([0, 0], [1, 1]))


def test_the_drift_of_a_run_is_against_training_and_none_without_rows_or_without_a_histogram():
    counts = ScoredRows(rows=4, scored=4, predicted={"N": 4}, lengths=[4, 0])
    found = drift(counts, ["N", "V"], [4, 4], [4, 0])
    assert found["predictions"] > 0.25
    assert found["beat_length"] == 0
    assert drift(counts, ["N", "V"], [4, 4], None)["beat_length"] is None
    assert drift(ScoredRows(rows=2, failed=2), ["N", "V"], [4, 4], [4, 0]) == {"predictions": None, "beat_length": None}

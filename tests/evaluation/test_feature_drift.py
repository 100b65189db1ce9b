import math

import numpy as np
import pytest

from lstm_fcn.context.form import FEATURE_GROUPS, FEATURES
from lstm_fcn.evaluation.drift import count_bins, feature_drift, population_stability_index
from lstm_fcn.training.contexts.data import ContextBeats
from lstm_fcn.training.contexts.distribution import describe_features
from tests.context_beats import make_context_beats


@pytest.fixture(scope="module")
def beats() -> ContextBeats:
    return make_context_beats(records=10, beats=300)


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


def test_every_feature_is_in_one_group():
    assert sorted(name for names in FEATURE_GROUPS.values() for name in names) == sorted(FEATURES)


def test_values_are_counted_between_edges():
    values = np.array([-1, 0, 0.5, 1, 1, 2], np.float32)
    assert count_bins(values, [0.0, 1.0]) == [2, 3, 1]
    assert count_bins(values, []) == [6]


def test_the_training_beats_have_no_drift_and_a_record_of_them_a_little(beats: ContextBeats):
    known = describe_features(beats)
    assert feature_drift(beats.features, known) == dict.fromkeys(FEATURE_GROUPS, 0.0)
    assert all(len(edges) == 9 for edges in known.edges.values())
    assert all(0 < known.farthest_ten[group] < known.farthest_one[group] < 0.2 for group in FEATURE_GROUPS)


@pytest.mark.parametrize("group", FEATURE_GROUPS)
def test_the_group_that_has_moved_is_told_from_the_others(beats: ContextBeats, group: str):
    known, features = describe_features(beats), beats.features.copy()
    features[:, [FEATURES.index(name) for name in FEATURE_GROUPS[group]]] += 0.1
    drift = feature_drift(features, known)
    assert {name for name, value in drift.items() if value > known.farthest_one[name]} == {group}


def test_a_feature_of_few_values_has_fewer_bins():
    beats = make_context_beats()
    beats.features[:, FEATURES.index("gap_before")] = np.arange(len(beats)) % 20 == 0
    known = describe_features(beats)
    assert (known.edges["gap_before"], known.counts["gap_before"]) == ([0.0], [1140, 60])

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from lstm_fcn.evaluation.curves import (
    CONFIDENCE_BINS,
    LOGIT_LIMIT,
    SCORE_BINS,
    average_precision,
    coverage,
    expected_calibration_error,
    precision_recall_curve,
    reliability,
    roc_auc,
    roc_curve,
)


def binned(true: NDArray[np.int64], logits: NDArray[np.float64]) -> NDArray[np.float64]:
    scores = np.zeros((SCORE_BINS, 2))
    bins = np.clip((logits + LOGIT_LIMIT) / (2 * LOGIT_LIMIT) * SCORE_BINS, 0, SCORE_BINS - 1).astype(int)
    np.add.at(scores, (bins, true), 1)
    return scores


CASES = {
    "well apart": (500, 3.0, 4.0),
    "hardly apart": (500, 0.1, 2.0),
    "all in a few bins": (400, 0.05, 0.05),
    "a rare class": (3000, 2.0, 3.0),
    "few beats": (12, 1.0, 1.0),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("rounded", [False, True], ids=["all different", "many equal"])
def test_areas_are_scikit_learns_within_the_error_that_is_reported(name: str, rounded: bool):
    count, apart, spread = CASES[name]
    rng = np.random.default_rng(0)
    true = (rng.random(count) < (0.02 if name == "a rare class" else 0.3)).astype(int)
    logits = np.clip(rng.normal(apart * (2 * true - 1), spread), -15, 15)
    logits = np.round(logits, 1) if rounded else logits
    scores = binned(true, logits)
    area, precision = roc_auc(scores), average_precision(scores)
    assert abs(area.value - roc_auc_score(true, logits)) <= area.error + 1e-12
    assert abs(precision.value - average_precision_score(true, logits)) <= precision.error + 1e-12
    if name in ("well apart", "a rare class"):
        assert area.error < 0.005
        assert precision.error < 0.05


def test_the_error_is_reached_by_the_worst_order_inside_a_bin():
    scores = np.zeros((SCORE_BINS, 2))
    scores[500] = [3, 2]
    assert roc_auc(scores) == (0.5, 0.5)
    value, error = average_precision(scores)
    assert value == 2 / 5
    assert value + error == 1  # both beats of the class before the others
    assert value - error <= (1 / 4 + 2 / 5) / 2


def test_the_error_covers_another_beat_before_all_of_the_class():
    true = np.array([0] + [1] * 10)
    scores = np.zeros((SCORE_BINS, 2))
    scores[500] = [1, 10]
    value, error = average_precision(scores)
    assert value - error <= average_precision_score(true, np.arange(11, 0, -1)) < value - 0.1


def test_bins_without_beats_of_both_kinds_cost_nothing():
    scores = np.zeros((SCORE_BINS, 2))
    scores[100, 0], scores[200, 1], scores[300, 0], scores[400, 1] = 4, 1, 2, 3
    assert roc_auc(scores) == ((3 * 6 + 1 * 4) / 24, 0)
    value, _ = average_precision(scores)
    assert value == pytest.approx((3 * 1 + 4 / 6) / 4)


def test_a_class_without_beats_has_no_area():
    scores = np.zeros((SCORE_BINS, 2))
    scores[3, 0] = 5
    assert np.isnan(roc_auc(scores).value)
    assert np.isnan(average_precision(scores).value)


def test_curves_run_from_corner_to_corner_and_leave_out_empty_bins():
    scores = np.zeros((SCORE_BINS, 2))
    scores[100, 0], scores[200, 1], scores[300, 0], scores[400, 1] = 4, 1, 2, 3
    roc = roc_curve(scores)
    assert roc.x.tolist() == pytest.approx([0, 0, 2 / 6, 2 / 6, 1])
    assert roc.y.tolist() == pytest.approx([0, 3 / 4, 3 / 4, 1, 1])
    curve = precision_recall_curve(scores)
    assert curve.x.tolist() == pytest.approx([0, 3 / 4, 3 / 4, 1, 1])
    assert curve.y.tolist() == pytest.approx([1, 1, 3 / 5, 4 / 6, 4 / 10])


def confident(rows: list[tuple[float, bool]]) -> NDArray[np.float64]:
    counts = np.zeros((CONFIDENCE_BINS, 3))
    for probability, right in rows:
        counts[min(int(probability * CONFIDENCE_BINS), CONFIDENCE_BINS - 1)] += [1, right, probability]
    return counts


def test_calibration_worked_by_hand():
    counts = confident([(0.95, True), (0.97, False), (0.55, True), (0.58, True)])
    beats, accuracy, mean = reliability(counts)
    assert beats.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 2]
    assert (accuracy[5], accuracy[9]) == (1, 0.5)
    assert mean[9] == pytest.approx(0.96)
    assert np.isnan(accuracy[0])
    assert expected_calibration_error(counts) == pytest.approx((2 * (1 - 0.565) + 2 * (0.96 - 0.5)) / 4)


def test_withholding_what_is_in_doubt():
    share, accuracy = coverage(confident([(0.95, True), (0.97, False), (0.55, False), (0.58, True)]))
    assert (share[0], accuracy[0]) == (1, 0.5)
    assert (share[56], accuracy[56]) == (0.75, pytest.approx(2 / 3))
    assert (share[60], accuracy[60]) == (0.5, 0.5)
    assert share[98] == 0
    assert np.isnan(accuracy[98])


def test_many_histograms_at_once_are_each_as_alone():
    rng = np.random.default_rng(1)
    many = rng.integers(0, 3, (4, SCORE_BINS, 2)).astype(float)
    assert roc_auc(many).value == pytest.approx([float(roc_auc(each).value) for each in many])
    assert average_precision(many).error == pytest.approx([float(average_precision(each).error) for each in many])


def test_the_steps_of_a_precision_recall_curve_have_the_average_precision_as_their_area():
    scores = binned(np.array([1, 1, 1, 1, 0, 0, 0, 1, 0, 0]), np.array([2, 2, 2, 2, 2, 2, 0.5, -1, -1, -1]))
    curve = precision_recall_curve(scores)
    assert (curve.x[0], curve.x[-1]) == (0, 1)
    assert np.sum(np.diff(curve.x) * curve.y[1:]) == pytest.approx(float(average_precision(scores).value))

"""EC57's rules on cases worked by hand."""

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from lstm_fcn.data.labels import CLASSES
from lstm_fcn.evaluation.metrics import metric_rows, metric_values

#                     N    S   V   F   Q   predicted
CONFUSION = np.array(
    [
        [900, 30, 20, 10, 0],  # N
        [40, 50, 10, 0, 0],  # S
        [15, 5, 170, 8, 2],  # V
        [6, 0, 9, 5, 0],  # F
        [2, 4, 3, 0, 1],  # Q
    ]
)


def value(class_: str, metric: str) -> float:
    return float(metric_values(CONFUSION.astype(float), CLASSES)[class_, metric])


def test_fusion_and_unclassifiable_beats_predicted_v_count_neither_for_nor_against():
    assert value("V", "+P") == pytest.approx(170 / (170 + 20 + 10 + 9 + 3))
    assert value("V", "+P_ec57") == pytest.approx(170 / (170 + 20 + 10))
    negatives = 960 + 100 + 20 + 10 - 9 - 3
    assert value("V", "FPR_ec57") == pytest.approx(30 / negatives)
    assert value("V", "FPR") == pytest.approx(42 / (960 + 100 + 20 + 10))


def test_unclassifiable_beats_predicted_s_count_neither_for_nor_against_but_fusion_beats_do():
    with_fusion = CONFUSION.copy()
    with_fusion[3] = [4, 2, 9, 5, 0]
    found = metric_values(with_fusion.astype(float), CLASSES)
    assert found["S", "+P_ec57"] == pytest.approx(50 / (50 + 30 + 5 + 2))
    assert found["S", "FPR_ec57"] == pytest.approx(37 / (960 + 200 + 20 + 10 - 4))
    se, plus_p = 50 / 100, 50 / 87
    assert found["S", "F1_ec57"] == pytest.approx(2 * se * plus_p / (se + plus_p))


def test_the_indices_of_s_and_v():
    true = np.repeat(np.repeat(np.arange(5), 5), CONFUSION.ravel())
    predicted = np.repeat(np.tile(np.arange(5), 5), CONFUSION.ravel())
    assert value("all", "kappa") == pytest.approx(cohen_kappa_score(true, predicted))
    j = 50 / 100 + 50 / (50 + 30 + 5) + 170 / 200 + 170 / 200
    assert value("all", "j") == pytest.approx(j)
    assert value("all", "jk") == pytest.approx(value("all", "kappa") / 2 + j / 8)


def test_a_perfect_classifier_has_the_indices_largest_values():
    found = metric_values(np.diag([50.0, 10, 10, 5, 5]), CLASSES)
    assert (found["all", "j"], found["all", "jk"], found["V", "FPR_ec57"]) == (4, 1, 0)


def test_what_is_never_predicted_v_has_no_positive_predictivity_and_no_index():
    never = CONFUSION.copy()
    never[:, 0] += never[:, 2]
    never[:, 2] = 0
    rows = {(row.class_, row.metric): row.value for row in metric_rows(never, CLASSES)}
    assert rows["V", "+P_ec57"] is None
    assert rows["all", "j"] is None
    assert rows["V", "F1_ec57"] == 0


def test_other_classes_have_no_figures_of_ec57():
    assert not [metric for _, metric in metric_values(np.eye(5), "abcde") if "ec57" in metric or metric.startswith("j")]


def test_many_matrices_at_once_are_each_as_alone():
    many = np.random.default_rng(0).integers(0, 9, (3, 5, 5)).astype(float)
    together = metric_values(many, CLASSES)
    for i, one in enumerate(many):
        for key, found in metric_values(one, CLASSES).items():
            assert together[key][i] == pytest.approx(float(found), nan_ok=True)

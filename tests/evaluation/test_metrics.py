import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    precision_recall_fscore_support,
)

from lstm_fcn.evaluation.metrics import format_metrics, metric_rows

CLASSES = ("N", "S", "V")


def values(confusion: list[list[int]]) -> dict[tuple[str, str], float | None]:
    return {(row.class_, row.metric): row.value for row in metric_rows(np.array(confusion), CLASSES)}


def test_measures_equal_scikit_learns():
    rng = np.random.default_rng(0)
    true, predicted = rng.integers(0, 3, 500), rng.integers(0, 3, 500)
    found = values(confusion_matrix(true, predicted).tolist())
    precision, recall, f1, _support = precision_recall_fscore_support(true, predicted)
    assert found["all", "accuracy"] == pytest.approx(accuracy_score(true, predicted))
    assert found["all", "balanced_accuracy"] == pytest.approx(balanced_accuracy_score(true, predicted))
    assert found["all", "macro_f1"] == pytest.approx(f1.mean())
    for i, name in enumerate(CLASSES):
        assert found[name, "Se"] == pytest.approx(recall[i])
        assert found[name, "+P"] == pytest.approx(precision[i])
        assert found[name, "F1"] == pytest.approx(f1[i])
        assert found[name, f"predicted_{name}"] == confusion_matrix(true, predicted)[i, i]


def test_a_case_worked_by_hand():
    found = values([[8, 2, 0], [1, 3, 0], [0, 1, 5]])
    assert found["S", "Se"] == 3 / 4
    assert found["S", "+P"] == 3 / 6
    assert found["S", "F1"] == pytest.approx(0.6)
    assert found["N", "predicted_S"] == 2
    assert found["all", "accuracy"] == 16 / 20


def test_what_is_not_defined_is_none_and_stays_out_of_the_averages():
    found = values([[4, 1, 0], [2, 3, 0], [0, 0, 0]])
    assert found["V", "Se"] is None
    assert found["V", "+P"] is None
    assert found["V", "F1"] is None
    assert found["all", "balanced_accuracy"] == pytest.approx((4 / 5 + 3 / 5) / 2)


def test_a_class_that_is_never_predicted_counts_as_missed():
    found = values([[4, 0, 0], [2, 0, 0], [0, 0, 3]])
    assert found["S", "Se"] == 0
    assert found["S", "+P"] is None
    assert found["S", "F1"] == 0
    assert found["all", "macro_f1"] == pytest.approx((0.8 + 0 + 1) / 3)


def test_fusion_and_unclassifiable_beats_are_in_no_average_over_n_s_and_v_but_as_errors():
    confusion = np.diag([10, 10, 10, 0, 0])
    confusion[3, 2] = confusion[4, 0] = 10
    found = {(row.class_, row.metric): row.value for row in metric_rows(confusion, "NSVFQ")}
    assert found["all", "macro_f1_nsv"] == pytest.approx((2 / 3 + 1 + 2 / 3) / 3)
    assert found["all", "macro_f1"] == pytest.approx((2 / 3 + 1 + 2 / 3 + 0 + 0) / 5)


def test_no_beats_give_no_figures():
    found = values([[0] * 3] * 3)
    assert found["all", "accuracy"] is None
    assert found["all", "macro_f1"] is None


def test_the_support_is_the_classes_true_beats():
    rows = metric_rows(np.array([[8, 2, 0], [1, 3, 0], [0, 1, 5]]), CLASSES)
    support = {row.class_: row.support for row in rows}
    assert support == {"all": 20, "N": 10, "S": 4, "V": 6}


def test_the_printed_table_has_a_line_a_class_and_a_dash_for_what_is_not_defined():
    text = format_metrics(metric_rows(np.array([[1000, 0, 0], [500, 0, 0], [0, 0, 0]]), CLASSES), CLASSES)
    lines = [line.split() for line in text.splitlines()]
    assert lines[1] == ["N", "1.0000", "0.6667", "0.8000", "1,000"]
    assert lines[2] == ["S", "0.0000", "-", "0.0000", "500"]
    assert lines[3] == ["V", "-", "-", "-", "0"]
    assert lines[4] == ["accuracy", "0.6667", "1,500"]

import numpy as np
import pytest

from lstm_fcn.evaluation.estimates import Counts, estimate
from lstm_fcn.evaluation.metrics import by_name, confusion_rows, format_metrics
from tests.evaluation.report_content import counts


def test_every_figure_lies_in_its_interval_and_a_seed_repeats_it():
    found = estimate(counts(8), 300, seed=1)
    assert found == estimate(counts(8), 300, seed=1)
    assert found != estimate(counts(8), 300, seed=2)
    inside = [each.low <= each.value <= each.high for each in found if each.low is not None]
    assert len(inside) > 60
    assert all(inside)


def test_the_interval_is_over_records_not_beats():
    agreeing = np.zeros((10, 2, 2), np.int64)
    agreeing[:, 0, 0], agreeing[:, 0, 1] = 900, 100  # each record right in 90 %
    apart = np.zeros((10, 2, 2), np.int64)
    apart[:9, 0, 0], apart[9, 0, 1] = 1000, 1000  # nine records all right, one all wrong
    same, different = (
        by_name(estimate(Counts(("a", "b"), each), 500, 0))["all", "accuracy"] for each in (agreeing, apart)
    )
    assert same.value == different.value == 0.9
    assert same.low == same.high == 0.9
    assert different.high - different.low > 0.25


def test_one_record_has_figures_without_intervals():
    found = by_name(estimate(counts(1), 100, 0))["all", "macro_f1"]
    assert found.value is not None
    assert (found.low, found.high) == (None, None)


def test_withheld_beats_are_counted_by_their_threshold():
    found = by_name(estimate(counts(3), 100, 0))
    confidence = counts(3).probabilities.confidence.sum(axis=0)
    assert found["all", "coverage@0.9"].value == pytest.approx(confidence[90:, 0].sum() / confidence[:, 0].sum())
    assert found["all", "accuracy@0.9"].value == pytest.approx(confidence[90:, 1].sum() / confidence[90:, 0].sum())


def test_the_counts_are_rows_too():
    confusion = counts(2).confusion.sum(axis=0)
    rows = {(row.class_, row.metric): row.value for row in confusion_rows(confusion, "NSVFQ")}
    assert rows["S", "predicted_N"] == confusion[1, 0]


def test_the_printed_table_has_intervals_where_there_are_some():
    lines = format_metrics(estimate(counts(1), 100, 0), "NSVFQ").splitlines()
    assert lines[0].split() == ["class", "Se", "+P", "F1", "beats"]
    assert "(" not in lines[1]
    printed = format_metrics(estimate(counts(4), 100, 0), "NSVFQ")
    assert printed.count("(") == 5 * 3 + 8


def test_a_draw_without_a_class_that_the_sample_has_is_no_average_over_the_others():
    confusion = np.zeros((20, 3, 3), np.int64)
    confusion[:, 0, 0], confusion[:, 1, 1] = 100, 100  # two classes always right
    confusion[:2, 2, 0] = 5  # the third in two records, always wrong
    found = by_name(estimate(Counts(("a", "b", "c"), confusion), 500, 0))
    assert found["all", "balanced_accuracy"].value == pytest.approx(2 / 3)
    assert found["all", "balanced_accuracy"].high == pytest.approx(2 / 3)
    assert found["all", "macro_f1"].high < 0.67
    assert found["c", "F1"].high == 0


def test_a_class_of_one_record_has_no_interval_and_many_draws_are_as_one():
    confusion = np.zeros((20, 2, 2), np.int64)
    confusion[:, 0, 0] = confusion[:10, 0, 1] = 10
    confusion[0, 1] = [3, 7]
    found = by_name(estimate(Counts(("a", "b"), confusion), 2500, 0))
    assert (found["b", "Se"].value, found["b", "Se"].low, found["b", "Se"].high) == (0.7, None, None)
    assert found["a", "Se"].low < found["a", "Se"].value < found["a", "Se"].high

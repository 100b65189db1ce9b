import numpy as np
import pytest
from pyspark.sql import SparkSession

from lstm_fcn.context.form import CONTEXT_FORM, FEATURE_GROUPS, FEATURES, WINDOW
from lstm_fcn.spark.scoring.drift import context_drift, drift
from lstm_fcn.spark.scoring.manifest import ScoredRows
from lstm_fcn.training.contexts.distribution import describe_features
from tests.context_beats import make_context_beats


def test_the_drift_of_a_run_is_against_training_and_none_without_rows_or_without_a_histogram():
    counts = ScoredRows(rows=4, scored=4, predicted={"N": 4}, lengths=[4, 0])
    found = drift(counts, ["N", "V"], [4, 4], [4, 0])
    assert found["predictions"] > 0.25
    assert found["beat_length"] == 0
    assert drift(counts, ["N", "V"], [4, 4], None)["beat_length"] is None
    assert drift(ScoredRows(rows=2, failed=2), ["N", "V"], [4, 4], [4, 0]) == {"predictions": None, "beat_length": None}


@pytest.mark.parametrize(("records", "of"), [(10, "ten records"), (9, "one record")])
def test_contexts_that_are_far_from_training_are_warned_of_by_group(
    spark: SparkSession, caplog: pytest.LogCaptureFixture, records: int, of: str
):
    beats = make_context_beats()
    known, contexts = describe_features(beats), beats.contexts.copy()
    contexts[:, 2 * WINDOW + FEATURES.index("pre/mean")] += 1
    contexts[:5, -1] = np.nan
    rows = [(each.tolist(), f"r{i % records}") for i, each in enumerate(contexts)] + [(None, "r"), ([1.0], "r")]
    table = spark.createDataFrame(rows, f"{CONTEXT_FORM} array<float>, record string")
    farthest = known.farthest_ten | {"rhythm": 0.2, "widths": 1.0}
    known = known.model_copy(update={"farthest_ten": farthest, "farthest_one": farthest | {"rhythm": 0.1}})
    found = context_drift(table, CONTEXT_FORM, len(rows), known, "r1")
    assert found.keys() == FEATURE_GROUPS.keys()
    (warning,) = [message for message in caplog.messages if "rhythm" in message]
    assert f"psi_rhythm={found['rhythm']:.2f}: these beats are farther from the training than any {of} of it" in warning
    assert "widths" not in caplog.text


def test_beats_without_a_whole_context_have_no_drift(spark: SparkSession):
    table = spark.createDataFrame([(None,)], f"{CONTEXT_FORM} array<float>")
    known = describe_features(make_context_beats())
    assert context_drift(table, CONTEXT_FORM, 1, known, "r1") == dict.fromkeys(FEATURE_GROUPS)

from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import RandomizedSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from lstm_fcn.errors import DataError, ModelError
from lstm_fcn.training.estimator import LSTMFCNClassifier
from tests.beat_tables import waves

SMALL = {"hidden_size": 8, "filters_1": 8, "filters_2": 8, "filters_3": 8, "batch_size": 16, "lr": 0.01, "epochs": 15}


# No check is left out: every one that scikit-learn has for such a classifier applies and passes.
@parametrize_with_checks([LSTMFCNClassifier(**{**SMALL, "epochs": 20})])
def test_scikit_learn_takes_it_for_a_classifier(estimator: LSTMFCNClassifier, check):
    check(estimator)


@pytest.mark.parametrize("labels", [["sinus", "ectopic", "paced"], [30, 10, 20], [-1.0, 0.0, 1.0]])
def test_labels_may_be_anything(labels: list):
    X, kinds = waves(90)
    y = np.array(labels)[kinds]
    classifier = LSTMFCNClassifier(**SMALL).fit(X, y)
    assert classifier.classes_.tolist() == sorted(labels)
    assert classifier.score(X, y) > 0.9
    probabilities = classifier.predict_proba(X)
    assert probabilities.shape == (90, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(classifier.predict(X), classifier.classes_[probabilities.argmax(axis=1)])


def test_several_labels_a_series():
    X, kinds = waves(90)
    y = np.eye(3, dtype=int)[kinds]
    y[:, 2] |= y[:, 0]
    classifier = LSTMFCNClassifier(**{**SMALL, "epochs": 30}).fit(X, y)
    assert classifier.model_.header.network.task == "multilabel"
    assert classifier.predict(X).shape == (90, 3)
    assert classifier.score(X, y) > 0.8


@pytest.mark.parametrize("labels", [["a", "b", "c"], [3, 5, 9]])
def test_it_comes_back_from_its_file(tmp_path: Path, labels: list):
    X, kinds = waves(90)
    classifier = LSTMFCNClassifier(**SMALL, class_weights="sqrt", random_state=3).fit(X, np.array(labels)[kinds])
    classifier.save(tmp_path / "m.safetensors")
    loaded = LSTMFCNClassifier.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X), classifier.predict(X))
    assert loaded.get_params() == {**classifier.get_params(), "task": "multiclass"}
    assert loaded.fit(X, kinds).score(X, kinds) > 0.9


def test_no_model_of_that_name(tmp_path: Path):
    with pytest.raises(ModelError, match="no model file at nothing, and no pretrained model of that name"):
        LSTMFCNClassifier.load("nothing")


def test_validation_data_stop_the_training_early():
    X, y = waves(90)
    classifier = LSTMFCNClassifier(**{**SMALL, "epochs": 60}, early_stopping=4)
    classifier.fit(X[:60], y[:60], validation_data=(X[60:], y[60:]))
    scores = [epoch.valid_macro_f1 for epoch in classifier.history_]
    assert len(scores) == int(np.argmax(scores)) + 5 < 60
    assert classifier.model_.header.metrics["valid_macro_f1"] == pytest.approx(max(scores), abs=0.05)


def test_validation_data_that_do_not_fit_are_refused():
    X, y = waves(90)
    with pytest.raises(ValueError, match=r"validation_data has labels that y has not: \[7\]"):
        LSTMFCNClassifier(**SMALL).fit(X, y, validation_data=(X[:2], [7, 0]))
    with pytest.raises(ValueError, match="expected validation_data or validation_share, found both"):
        LSTMFCNClassifier(**SMALL, validation_share=0.2).fit(X, y, validation_data=(X, y))
    with pytest.raises(ValueError, match=r"expected labels of shape \(n, 3\), 0 or 1 in each, found shape \(90, 2\)"):
        LSTMFCNClassifier(**SMALL).fit(X, np.eye(3, dtype=int)[y], validation_data=(X, np.eye(3, dtype=int)[y][:, :2]))


def test_it_works_where_scikit_learn_puts_classifiers():
    X, y = waves(60)
    scores = cross_val_score(make_pipeline(StandardScaler(), LSTMFCNClassifier(**SMALL)), X, y, cv=2)
    assert scores.min() > 0.6
    search = RandomizedSearchCV(
        LSTMFCNClassifier(**SMALL), {"hidden_size": [4, 8], "dropout": [0.1, 0.8]}, n_iter=2, cv=2
    )
    assert search.fit(X, y).best_estimator_.score(X, y) > 0.8


def test_a_label_left_in_the_series_is_refused():
    X, y = waves(90)
    with pytest.raises(DataError, match="'feature 40' determines the label"):
        LSTMFCNClassifier(**SMALL).fit(np.column_stack([X, y]), y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_size": 0}, "hidden_size=0: .*greater than or equal to 1"),
        ({"schedule": "weekly"}, "schedule='weekly': .*'constant' or 'one-cycle'"),
        ({"task": "multilabel"}, "task='multilabel', but y looks like multiclass with 3 classes"),
        ({"task": "binary"}, "task='binary', but y looks like multiclass"),
    ],
)
def test_impossible_parameters_are_refused_when_fitting(parameters: dict, message: str):
    with pytest.raises(ValueError, match=message):
        LSTMFCNClassifier(**{**SMALL, **parameters}).fit(*waves(90))

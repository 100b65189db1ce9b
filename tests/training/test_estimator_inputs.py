"""What people give the estimator: labels of every type, weights, channels, named columns, impossible parameters."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lstm_fcn.errors import DataError, ParameterError
from lstm_fcn.model import device
from lstm_fcn.training.estimator import LSTMFCNClassifier
from tests.beat_tables import waves

SMALL = {"hidden_size": 8, "filters_1": 8, "filters_2": 8, "filters_3": 8, "batch_size": 16, "lr": 0.01, "epochs": 2}


X, KINDS = waves(60)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_size": 0}, "^hidden_size=0: Input should be greater than or equal to 1$"),
        ({"random_state": -1}, "^random_state=-1: Input should be greater than or equal to 0$"),
        ({"schedule": "weekly"}, "^schedule='weekly': .*'constant' or 'one-cycle'"),
        (
            {"class_weights": "rare"},
            "^class_weights='rare': Input should be 'none', 'fourth-root', 'sqrt' or 'balanced'$",
        ),
        ({"class_weights": {9: 2.0}}, "^class_weights: no label 9 in y; expected some of 0, 1, 2$"),
        ({"class_weights": {1: 0.0}}, "^class_weights={1: 0.0}: Input should be greater than 0$"),
        ({"early_stopping": 2}, "early stopping needs beats to validate with: set validation_share"),
        *(
            ({"precision": asked}, "expected precision to be 'auto' or 'float32' or 'bfloat16', found ")
            for asked in ("fp32", "float16", None, 7)
        ),
    ],
)
def test_a_parameter_that_is_impossible_is_named_as_it_is_called_here(parameters: dict, message: str):
    with pytest.raises(ParameterError, match=message) as raised:
        LSTMFCNClassifier(**{**SMALL, **parameters}).fit(X, KINDS)
    assert isinstance(raised.value, ValueError)
    assert "\n" not in str(raised.value)


def test_a_precision_that_the_processor_has_not_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(device, "_computes_bfloat16", lambda _: False)
    with pytest.raises(ParameterError, match="precision bfloat16: this processor does not compute with it"):
        LSTMFCNClassifier(**SMALL, precision="bfloat16").fit(X, KINDS)
    assert device.choose_precision("auto", torch.device("cpu")) == torch.float32


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["2026-01-01", "2026-01-02", "2026-01-03"], "datetime64[ns]"),
        np.array([1, 2, 3], "timedelta64[s]"),
        np.array(["a\ud800", "b", "c"]),
        np.array([0, 1, 2**63 + 1], np.uint64),
        np.array([0.0, 1.0, np.inf]),
    ],
)
def test_labels_that_a_file_cannot_hold_are_refused_before_the_training(
    labels: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("lstm_fcn.training.estimator.train", lambda *_, **__: pytest.fail("it trains"))
    with pytest.raises(ValueError, match=r"model file can hold|infinity|Unknown label type"):
        LSTMFCNClassifier(**SMALL).fit(X, labels[KINDS])


@pytest.mark.parametrize(
    "labels",
    [
        np.array([2**53 + 1, 2**53 + 3, 2**62 + 1], np.uint64),
        np.array([-(2**53) - 1, 0, 2**53 + 1]),
        np.array(["ü", "ß", "é"]),
        np.array([-1.0, 1.0, 2.0], np.float32),
    ],
)
def test_labels_that_it_can_hold_come_back_as_they_are(labels: np.ndarray, tmp_path: Path):
    fitted = LSTMFCNClassifier(**SMALL).fit(X, labels[KINDS])
    fitted.save(tmp_path / "m")
    np.testing.assert_array_equal(LSTMFCNClassifier.load(tmp_path / "m").classes_, np.sort(labels))


def test_names_and_weights_of_a_fit_come_back_from_the_file(tmp_path: Path):
    table = pd.DataFrame(X, columns=[f"x_{i}" for i in range(X.shape[1])])
    weights = {30: 2.0, 10: 0.5}
    fitted = LSTMFCNClassifier(**SMALL, class_weights=weights).fit(table, np.array([30, 10, 20])[KINDS])
    fitted.save(tmp_path / "m")
    loaded = LSTMFCNClassifier.load(tmp_path / "m")
    assert loaded.feature_names_in_.tolist() == table.columns.tolist()
    assert loaded.class_weights == weights
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.predict(table[table.columns[::-1]])
    loaded.fit(table, np.array([30, 10, 20])[KINDS])


def test_a_class_weight_of_each_label_is_that_of_its_loss():
    """With weights as the classes' rarity has them, the training is the same."""
    y = np.where(np.arange(len(X)) % 4 == 0, 1, 0)  # 15 of 60
    balanced = LSTMFCNClassifier(**SMALL, class_weights="balanced").fit(X, y)
    by_label = LSTMFCNClassifier(**SMALL, class_weights={0: 60 / 90, 1: 2.0}).fit(X, y)
    np.testing.assert_allclose(by_label.predict_proba(X), balanced.predict_proba(X), rtol=1e-4)
    plain = LSTMFCNClassifier(**SMALL).fit(X, y)
    assert np.abs(plain.predict_proba(X) - balanced.predict_proba(X)).max() > 1e-3


def test_sample_weights_count():
    y = KINDS == 0
    plain = LSTMFCNClassifier(**SMALL).fit(X, y).predict_proba(X)
    weights = np.where(y, 2.5, 1.0)
    weighted = LSTMFCNClassifier(**SMALL).fit(X, y, sample_weight=weights).predict_proba(X)
    assert weighted[:, 1].mean() > plain[:, 1].mean() + 0.01
    # Weights of a class are weights of its beats, whose average is then 1.
    by_class = {False: 1 / weights.mean(), True: 2.5 / weights.mean()}
    same = LSTMFCNClassifier(**SMALL, class_weights=by_class).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(weighted, same, rtol=1e-4)


def test_whole_weights_are_so_many_series_in_any_order():
    weights = np.arange(len(X)) % 3
    order = np.random.default_rng(1).permutation(len(X))
    weighted = LSTMFCNClassifier(**SMALL).fit(X[order], KINDS[order], sample_weight=weights[order])
    repeated = LSTMFCNClassifier(**SMALL).fit(X.repeat(weights, axis=0), KINDS.repeat(weights))
    np.testing.assert_array_equal(weighted.predict_proba(X), repeated.predict_proba(X))
    with pytest.raises(ValueError, match="found only zeros"):
        LSTMFCNClassifier(**SMALL).fit(X, KINDS, sample_weight=np.zeros(len(X)))


def test_several_labels_a_series_take_weights_too():
    y = np.eye(3, dtype=int)[KINDS]
    plain = LSTMFCNClassifier(**SMALL).fit(X, y).predict_proba(X)
    weighted = LSTMFCNClassifier(**SMALL, class_weights={2: 9.0}).fit(X, y).predict_proba(X)
    assert weighted[:, 2].mean() > plain[:, 2].mean() + 0.05
    fitted = LSTMFCNClassifier(**SMALL).fit(X, y, sample_weight=np.where(KINDS == 1, 3.5, 1))
    assert fitted.predict_proba(X)[:, 1].mean() > plain[:, 1].mean() + 0.01


def test_one_channel_is_taken_as_others_have_it():
    flat = LSTMFCNClassifier(**SMALL).fit(X, KINDS)
    channels = X[:, None, :]
    fitted = LSTMFCNClassifier(**SMALL).fit(channels, KINDS, validation_data=None)
    np.testing.assert_array_equal(fitted.predict_proba(channels), flat.predict_proba(X))
    np.testing.assert_array_equal(flat.predict(list(channels)), flat.predict(X))
    LSTMFCNClassifier(**SMALL).fit(channels, KINDS, validation_data=(channels, KINDS))
    with pytest.raises(ValueError, match=r"of one channel, .* found \(60, 2, 40\); choose a channel"):
        LSTMFCNClassifier(**SMALL).fit(channels.repeat(2, axis=1), KINDS)
    with pytest.raises(ValueError, match="of one channel"):
        flat.predict(channels.repeat(2, axis=1))


def test_a_row_number_is_refused_by_its_name():
    table = pd.DataFrame(X, columns=[f"x_{i}" for i in range(X.shape[1])])
    table.insert(0, "Unnamed: 0", np.arange(len(X)))
    with pytest.raises(DataError, match="'Unnamed: 0' is no signal: it counts from row to row"):
        LSTMFCNClassifier(**SMALL).fit(table, KINDS)


def test_masked_values_are_no_values():
    masked = np.ma.masked_greater(X, 1.2)
    for data in ((masked, KINDS), (X, np.ma.masked_equal(KINDS, 2)), (X, KINDS, (masked, KINDS))):
        with pytest.raises(ValueError, match="expected no masked values"):
            LSTMFCNClassifier(**SMALL).fit(*data)
    fitted = LSTMFCNClassifier(**SMALL).fit(np.ma.array(X), KINDS)
    with pytest.raises(ValueError, match="expected no masked values"):
        fitted.predict(masked)


@pytest.mark.parametrize("data", [X, (X, KINDS, KINDS)])
def test_validation_data_that_is_no_pair_is_refused(data: object):
    with pytest.raises(ParameterError, match="expected validation_data to be a tuple of X and y, found a "):
        LSTMFCNClassifier(**SMALL).fit(X, KINDS, validation_data=data)


def test_a_path_in_the_home_folder_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    LSTMFCNClassifier(**SMALL).fit(X, KINDS).save("~/m.safetensors")
    assert (tmp_path / "m.safetensors").exists()
    assert LSTMFCNClassifier.load("~/m.safetensors").classes_.tolist() == [0, 1, 2]

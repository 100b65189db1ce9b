"""The models that ship with the package."""

import numpy as np
import pytest

from lstm_fcn.data.labels import CLASSES, GROUP_OF_RECORD
from lstm_fcn.errors import ModelError
from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.file import load_model, pretrained
from lstm_fcn.training.estimator import LSTMFCNClassifier
from tests.beat_tables import make_beats

NAMES = ["mitbih", "mitbih-inter-patient", "mitbih-small"]


def test_four_models_ship():
    assert list(pretrained()) == [*NAMES, "new-patients"]


def test_the_model_for_new_patients_takes_contexts_and_has_not_seen_ds2():
    model = load_model("new-patients")
    header = model.header
    assert len(model.content) <= 2 * 2**20
    assert (header.column, tuple(header.classes)) == ("context_1", CLASSES)
    assert header.training_data.rows == "all, without DS2, paced"
    assert header.training_data.class_counts == [261632, 15278, 17996, 836, 118]
    assert header.metrics["cv_macro_f1"] == pytest.approx(0.828, abs=0.001)
    assert not header.versions["git"].endswith("-dirty")
    assert all(source.startswith("out/") for source in header.training_data.source.split(", "))
    assert header.training_data.features is not None
    records = set(header.training_data.records)
    assert len(records) == 61
    assert records & GROUP_OF_RECORD.keys() == {name for name, group in GROUP_OF_RECORD.items() if group == "DS1"}
    assert header.training_data.known_records is None


@pytest.mark.parametrize(
    ("name", "rows"),
    [("mitbih", "split=train"), ("mitbih-inter-patient", "group=DS1"), ("mitbih-small", "split=train")],
)
def test_each_is_small_and_says_what_it_was_trained_on(name: str, rows: str):
    model = load_model(name)
    assert len(model.content) <= 2 * 2**20
    assert sum(parameter.numel() for parameter in model.network().parameters()) <= 450_000
    header = model.header
    assert header.require_int8().beats == 4096
    assert (header.name, tuple(header.classes), header.training_data.rows) == (name, CLASSES, rows)
    # The small one was trained before the program could mix beats itself.
    assert header.versions["git"].endswith("-dirty") == (name == "mitbih-small")
    assert "/" not in header.training_data.source.removeprefix("out/")


@pytest.mark.parametrize("name", ["mitbih", "mitbih-small"])
def test_the_intra_patient_models_have_seen_all_training_beats(name: str):
    data = load_model(name).header.training_data
    assert data.class_counts == [72471, 2223, 5788, 641, 6431]
    assert data.known_records == sorted(GROUP_OF_RECORD)


def test_the_small_model_learned_from_the_large_one():
    teaching = load_model("mitbih-small").header.training_data.teaching
    assert teaching.teachers == [load_model("mitbih").reference]
    assert len(load_model("mitbih-small").content) < len(load_model("mitbih").content)


def test_the_inter_patient_model_names_the_records_that_it_was_fitted_to_and_is_for_others():
    data = load_model("mitbih-inter-patient").header.training_data
    assert len(data.records) == 17
    assert {GROUP_OF_RECORD[name] for name in data.records} == {"DS1"}
    assert data.known_records is None


@pytest.mark.parametrize("name", NAMES)
def test_each_scores(name: str):
    beats = make_beats(20)
    probabilities = Engine(load_model(name)).probabilities(beats.series)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(LSTMFCNClassifier.load(name).predict(beats.series), probabilities.argmax(axis=1))


def test_a_name_that_is_nearly_right_is_helped():
    with pytest.raises(ModelError, match="no pretrained model of that name; did you mean 'mitbih'"):
        load_model("mitbh")
    with pytest.raises(ModelError, match="pretrained are: mitbih, mitbih-inter-patient, mitbih-small, new-patients"):
        load_model("resnet")

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lstm_fcn.data.labels import CLASSES
from lstm_fcn.errors import DataError, ModelError
from lstm_fcn.model.config import Optimization
from lstm_fcn.model.file import Model
from lstm_fcn.training.dataset import read_other_rows, read_training_set, read_validation
from lstm_fcn.training.training_set import TrainingSet
from lstm_fcn.training.warm_start import continued, require_same_form
from tests.beat_tables import make_beats

ONE_HOT = "y_1,y_2,y_3,x_1,x_2\n0,1,0,0.5,1\n1,0,0,2,3\n0,0,1,4,5\n"


def read(folder: Path, text: str, task: str = "multiclass", name: str = "t.csv") -> TrainingSet:
    (folder / name).write_text(text)
    return read_training_set(str(folder / name), "split=train", task)


def test_the_published_form_has_the_label_last_and_the_aami_classes(tmp_path: Path):
    beats = make_beats(10)
    np.savetxt(tmp_path / "mitbih.csv", np.column_stack([beats.series, beats.labels]), delimiter=",")
    found = read_training_set(str(tmp_path / "mitbih.csv"), "split=train", "multiclass")
    assert found.classes == CLASSES
    np.testing.assert_allclose(found.beats.series, beats.series, rtol=1e-6)
    assert found.beats.labels.tolist() == beats.labels.tolist()


def test_series_of_another_length_have_classes_named_by_their_labels(tmp_path: Path):
    found = read(tmp_path, "1,2,0\n3,4,2\n5,6,1\n")
    assert found.classes == ("0", "1", "2")
    assert found.beats.series.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert found.beats.labels.tolist() == [0, 2, 1]


def test_the_algorithms_form_has_one_hot_labels_and_names(tmp_path: Path):
    found = read(tmp_path, ONE_HOT)
    assert found.classes == ("y_1", "y_2", "y_3")
    assert found.columns == ["x_1", "x_2"]
    assert found.beats.labels.tolist() == [1, 0, 2]
    assert found.beats.series.tolist() == [[0.5, 1], [2, 3], [4, 5]]


def test_several_ones_are_several_labels(tmp_path: Path):
    text = ONE_HOT.replace("0,1,0,0.5", "0,1,1,0.5")
    assert read(tmp_path, text, "multilabel").beats.labels.tolist() == [[0, 1, 1], [1, 0, 0], [0, 0, 1]]
    with pytest.raises(DataError, match="a 1 in exactly one of y_1, y_2, y_3, found 2 in data row 1; .*multilabel"):
        read(tmp_path, text)


def test_a_single_y_column_is_binary(tmp_path: Path):
    found = read(tmp_path, "y,x1\n0,5\n1,6\n", "binary")
    assert found.classes == ("0", "1")
    assert found.beats.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,0\n3,,1\n", "1 missing values or other than numbers, the first in data row 2, 'column 2': nothing"),
        ("1,2,0\n3,x,1\n", "data row 2, 'column 2': x"),
        ("1,2,0.5\n", r"expected a label 0, 1, ... in the last column, found 0\.5"),
        ("1,2,-1\n", "expected a label 0, 1, ... in the last column, found -1"),
        (ONE_HOT.replace("4,5", "4,inf"), "data row 3, 'x_2': inf"),
        (ONE_HOT.replace("0,0,1", "0,0,3"), "expected 0 or 1 in the columns y_1, y_2, y_3"),
        ("a,b\n1,2\n", r"expected columns y\* and x\*, found a, b"),
        ("", "cannot read the CSV file"),
        ("1,2\n1,2,3,4\n", "cannot read the CSV file"),
    ],
)
def test_a_file_that_cannot_be_trained_on_is_refused(tmp_path: Path, text: str, message: str):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_values_are_ordered_by_the_numbers_of_their_columns(tmp_path: Path):
    assert read(tmp_path, "x_10,y_1,x_9,y_2\n1,0,2,1\n3,1,4,0\n").beats.series.tolist() == [[2, 1], [4, 3]]


def test_a_compressed_file_is_read(tmp_path: Path):
    with gzip.open(tmp_path / "T.CSV.gz", "wt") as file:
        file.write(ONE_HOT)
    assert len(read_training_set(str(tmp_path / "T.CSV.gz"), "", "multiclass").beats) == 3


@pytest.mark.parametrize(
    ("text", "task", "message"),
    [
        ("1,2,0\n3,4,0\n", "multiclass", "expected two classes or more, found 0"),
        ("1,2,0\n3,4,1\n5,6,2\n", "binary", "expected two classes, found 0, 1, 2"),
        ("1,2,0\n3,4,1\n", "multilabel", "--task multilabel needs a .csv file with several columns"),
        ("0\n1\n", "multiclass", "expected values and a label in each row, found a single column"),
        ("y_1,y_2,x_1\n", "multiclass", "has no rows"),
        ("1e39,2,0\n3,4,1\n", "multiclass", "data row 1, 'column 1': 1e\\+39"),
    ],
)
def test_what_does_not_fit_the_task_is_refused(tmp_path: Path, text: str, task: str, message: str):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, task)


def test_two_classes_of_187_values_are_not_taken_for_aami_classes(tmp_path: Path):
    beats = make_beats(4)
    np.savetxt(tmp_path / "ptbdb.csv", np.column_stack([beats.series, [0, 1, 0, 1]]), delimiter=",")
    assert read_training_set(str(tmp_path / "ptbdb.csv"), "", "binary").classes == ("0", "1")


def test_validation_columns_in_another_order_are_refused(tmp_path: Path):
    data = read(tmp_path, "xa,xb,y_1,y_2\n1,2,0,1\n3,4,1,0\n")
    (tmp_path / "v.csv").write_text("xb,xa,y_1,y_2\n1,2,0,1\n")
    with pytest.raises(DataError, match="in another order"):
        read_validation(str(tmp_path / "v.csv"), data, "multiclass")


def test_validation_beats_must_fit(tmp_path: Path):
    data = read(tmp_path, "1,2,0\n3,4,1\n5,6,2\n")
    (tmp_path / "v.csv").write_text("1,2,1\n")
    assert read_validation(str(tmp_path / "v.csv"), data, "multiclass").labels.tolist() == [1]
    (tmp_path / "v.csv").write_text("1,2,3\n")
    with pytest.raises(DataError, match="expected labels 0 to 2, found 3"):
        read_validation(str(tmp_path / "v.csv"), data, "multiclass")
    (tmp_path / "v.csv").write_text("1,2,3,0\n")
    with pytest.raises(DataError, match="expected series of 2 values as in training, found 3"):
        read_validation(str(tmp_path / "v.csv"), data, "multiclass")


def test_the_other_rows_of_a_table_are_read_without_labels(tmp_path: Path):
    beats = make_beats(5)
    rows = pd.DataFrame(
        {
            "record": ["a", "b", "c", "d", "e"],
            "label": [0, 1, 2, 3, None],
            "beat": [*beats.series[:4], None],
            "split": ["train", "test", "test", None, "test"],
        }
    )
    rows.to_parquet(tmp_path / "t.parquet")
    other = read_other_rows(str(tmp_path), "split=train")
    assert other.records.tolist() == ["b", "c"]
    np.testing.assert_array_equal(other.series, beats.series[1:3])


def test_only_the_rate_the_batch_and_the_epochs_are_the_calls_own(model: Model):
    asked = Optimization(lr=0.5, batch_size=7, epochs=3, seed=9, sampling="under")
    assert continued(model.header, asked) == model.header.optimization.model_copy(
        update={"lr": 0.5, "batch_size": 7, "epochs": 3}
    )


def test_another_class_set_or_length_cannot_be_trained_on(model: Model, tmp_path: Path):
    beats = make_beats(5)
    require_same_form(model.header, TrainingSet(beats, CLASSES, (), "all"))
    with pytest.raises(ModelError, match="knows the classes N, S, V, F, Q; found N, S"):
        require_same_form(model.header, TrainingSet(beats, CLASSES[:2], (), "all"))
    with pytest.raises(ModelError, match="takes series of 187 values, found 2"):
        require_same_form(model.header, read(tmp_path, "1,2,0\n3,4,1\n"))

"""CSV files that people train on: what spreadsheets add, labels of another meaning, columns that are no values."""

from pathlib import Path

import numpy as np
import pytest

from lstm_fcn.data.beats import BEAT_LENGTH, Beats
from lstm_fcn.data.label_scheme import LabelScheme, parse_classes
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.errors import DataError
from lstm_fcn.training.dataset import read_training_set, read_validation
from lstm_fcn.training.guards import refuse_counting, refuse_label_leak
from lstm_fcn.training.training_set import TrainingSet


def read(folder: Path, text: str, task: str = "multiclass", scheme: LabelScheme | None = None) -> TrainingSet:
    (folder / "t.csv").write_text(text)
    return read_training_set(str(folder / "t.csv"), "", task, *([scheme] if scheme else []))


def test_class_columns_go_by_their_numbers(tmp_path: Path):
    data = read(tmp_path, "y_3,x_1,y_1,y_2,x_2\n0,5,1,0,6\n1,7,0,0,8\n0,9,0,1,9\n")
    assert data.classes == ("y_1", "y_2", "y_3")
    assert data.beats.labels.tolist() == [0, 2, 1]
    (tmp_path / "v.csv").write_text("y_2,y_3,y_1,x_1,x_2\n1,0,0,5,6\n0,1,0,7,8\n")
    assert read_validation(str(tmp_path / "v.csv"), data, "multiclass").labels.tolist() == [1, 2]
    several = read(tmp_path, "y_10,y_9,x_1\n0,1,5\n1,1,6\n", "multilabel")
    assert (several.classes, several.beats.labels.tolist()) == (("y_9", "y_10"), [[1, 0], [1, 1]])
    (tmp_path / "v.csv").write_text("yb,ya,x_1\n1,0,5\n")
    named = read(tmp_path, "ya,yb,x_1\n1,0,5\n0,1,6\n")
    assert read_validation(str(tmp_path / "v.csv"), named, "multiclass").labels.tolist() == [1]


@pytest.mark.parametrize(
    "text",
    [
        "sep=,\n1,2,0\n3,4,1\n",
        "sep=;\n1;2;0\n3;4;1\n",
        "0,1,2\n1,2,0\n3,4,1\n",
        " x_1, x_2, label\n1,2,0\n3,4,1\n",
        "label,x_2,x_1\n0.0,2,1\n1.0,4,3\n",
    ],
)
def test_a_csv_file_is_read_with_what_spreadsheets_and_pandas_add(tmp_path: Path, text: str):
    data = read(tmp_path, text)
    assert data.beats.series.tolist() == [[1, 2], [3, 4]]
    assert data.beats.labels.tolist() == [0, 1]


def test_labels_of_a_csv_file_that_are_no_positions_are_asked_for(tmp_path: Path):
    text = "1,2,-1\n3,4,1\n"
    with pytest.raises(
        DataError, match=r"in the last column, found -1 in data row 1; name other labels with --classes"
    ):
        read(tmp_path, text)
    data = read(tmp_path, text, "binary", parse_classes(["-1=abnormal", "1=normal"]))
    assert (data.classes, data.labels, data.beats.labels.tolist()) == (("abnormal", "normal"), (-1, 1), [0, 1])
    data = read(tmp_path, "1,2,AF\n3,4,N\n", "binary", parse_classes(["N", "AF"]))
    assert (data.labels, data.beats.labels.tolist()) == (("N", "AF"), [1, 0])


def test_a_column_of_another_name_among_the_values_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="column 'x_label' is among the values"):
        read(tmp_path, "x_label,x_1,y_1,y_2\n0,5,1,0\n1,6,0,1\n")
    read(tmp_path, "x_time_1,x_time_2,y_1,y_2\n0,5,1,0\n1,6,0,1\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x_1,x_2,x_1,label\n1,2,3,0\n3,4,5,1\n", r"t\.csv: expected one column of each name, found 2 named 'x_1'$"),
        ("x_1;x_2;label\n1;2;0\n3;4;1\n", "expected commas between the values, found ';': write it with commas"),
        ("0,5\t1,0\t0\n", r"expected commas between the values, found '\\t': .* and with points in the decimals$"),
        ("1,2,\n3,4,\n", "found nothing in data row 1; take out the commas at the ends of the rows$"),
        ("1,2,\n3,4,1\n", "found nothing in data row 1; leave such rows out$"),
    ],
)
def test_a_csv_file_that_cannot_be_meant_so_is_refused_with_the_way_out(tmp_path: Path, text: str, message: str):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


COLUMNS = [f"column {i + 1}" for i in range(BEAT_LENGTH + 1)]


@pytest.mark.parametrize(
    "numbers",
    [
        np.arange(200),
        1000 - np.arange(200),
        np.arange(200) * 0.77,
        np.arange(200) // 5,
        np.random.default_rng(0).permutation(1000)[:200],
    ],
    ids=["row numbers", "downwards", "times", "record numbers", "shuffled"],
)
def test_a_column_that_counts_is_refused_by_its_name(numbers: np.ndarray, beats: Beats):
    series = np.column_stack([numbers, beats.series]).astype(np.float32)
    with pytest.raises(DataError, match="'column 1' is no signal: it counts from row to row"):
        refuse_counting(Beats(series, beats.labels), COLUMNS)


def test_honest_series_do_not_count(beats: Beats):
    rng = np.random.default_rng(0)
    refuse_counting(beats, COLUMNS)
    refuse_label_leak(beats, CLASSES, COLUMNS[:-1])
    for count in (20, 60, 500):
        raw = rng.integers(0, 2048, (count, BEAT_LENGTH)).astype(np.float32)  # as a converter gives them
        refuse_counting(Beats(raw, np.zeros(count, np.int64)), COLUMNS)
        padded = raw * (np.arange(BEAT_LENGTH) < 100)
        refuse_counting(Beats(padded.astype(np.float32), np.zeros(count, np.int64)), COLUMNS)

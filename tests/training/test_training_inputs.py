"""What people train on: tables as any library writes them, labels that mean something else, columns that are none."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from lstm_fcn.data.beats import BEAT_LENGTH, Beats, read_beats, read_other_beats
from lstm_fcn.data.label_scheme import as_label, parse_classes
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.errors import DataError, ModelError, SettingsError
from lstm_fcn.model.config import Optimization
from lstm_fcn.model.file import Model
from lstm_fcn.training.dataset import read_training_set
from lstm_fcn.training.sampling import require_every_class
from lstm_fcn.training.warm_start import refuse_other_values, scheme_of
from tests.beat_tables import make_beats

BEATS = make_beats(40)
RECORDS = np.array(["118e00", "01"], object)[np.arange(40) // 20]


def table() -> pa.Table:
    return pa.table(
        {
            "record": pa.array(RECORDS),
            "sample": pa.array(range(40)),
            "label": pa.array(BEATS.labels, pa.int32()),
            "beat": pa.array(list(BEATS.series), pa.list_(pa.float32())),
            "split": pa.array(["train", "test"] * 20),
        }
    )


def with_columns(**columns: Callable[[pa.Array], pa.Array]) -> pa.Table:
    whole = table()
    for name, change in columns.items():
        changed = change(whole.column(name).combine_chunks())
        whole = whole.set_column(whole.schema.get_field_index(name), name, changed)
    return whole


def confirm(path: Path) -> None:
    """The table is read as the plain one is."""
    beats = read_beats(str(path), "split", "train")
    expected = Beats(BEATS.series, BEATS.labels, RECORDS).take(np.arange(0, 40, 2))
    order = np.lexsort([np.arange(20), expected.records.astype(str)])
    np.testing.assert_array_equal(beats.series, expected.series[order])
    np.testing.assert_array_equal(beats.labels, expected.labels[order])
    assert beats.records is not None
    assert beats.records.tolist() == expected.records[order].tolist()
    other = read_other_beats(str(path), "split", "train")
    assert other.records is not None
    assert (len(other.series), set(other.records)) == (20, {"118e00", "01"})


FORMS = {
    "large": with_columns(
        beat=lambda c: c.cast(pa.large_list(pa.float32())),
        split=lambda c: c.cast(pa.large_string()),
        record=lambda c: c.cast(pa.large_string()),
    ),
    "fixed": with_columns(beat=lambda c: c.cast(pa.list_(pa.float32(), BEAT_LENGTH))),
    "categorical": with_columns(
        record=lambda c: c.dictionary_encode(),
        split=lambda c: c.cast(pa.large_string()).dictionary_encode(),
        label=lambda c: c.dictionary_encode(),
    ),
    "views": with_columns(
        beat=lambda c: pa.ListViewArray.from_arrays(c.offsets[:-1], pa.array([BEAT_LENGTH] * 40, pa.int32()), c.values),
        record=lambda c: c.cast(pa.string_view()),
        split=lambda c: c.cast(pa.string_view()),
    ),
    "doubles": with_columns(beat=lambda c: c.cast(pa.list_(pa.float64())), label=lambda c: c.cast(pa.float64())),
    "decimals": with_columns(label=lambda c: c.cast(pa.decimal128(12, 2))),
    "unsigned": with_columns(label=lambda c: c.cast(pa.uint64())),
    "text": with_columns(label=lambda c: c.cast(pa.string())),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_table_is_read_however_it_was_written(form: str, tmp_path: Path):
    pq.write_table(FORMS[form], tmp_path / "t.parquet")
    confirm(tmp_path)


def test_partition_values_are_text(tmp_path: Path):
    for i, names in enumerate((["split"], ["record", "split"], ["split", "record", "label"])):
        kinds = pa.schema([(name, table().schema.field(name).type) for name in names])
        path = tmp_path / str(i)
        pads.write_dataset(table(), path, format="parquet", partitioning=pads.partitioning(kinds, flavor="hive"))
        confirm(path)


def test_files_of_float_and_double_are_one_table(tmp_path: Path):
    pq.write_table(table()[:15], tmp_path / "a.parquet")
    pq.write_table(FORMS["doubles"][15:], tmp_path / "b.parquet")
    confirm(tmp_path)


def test_a_file_that_does_not_fit_is_named_with_its_column(tmp_path: Path):
    pq.write_table(table(), tmp_path / "a.parquet")
    pq.write_table(FORMS["doubles"], tmp_path / "b.parquet")
    named = with_columns(label=lambda c: pa.array([CLASSES[i] for i in c.to_pylist()]))
    pq.write_table(named, tmp_path / "c.parquet")
    with pytest.raises(DataError, match=r"c\.parquet: column 'label' is string, in the first file of .* it is int32"):
        read_beats(str(tmp_path), "split", "train")
    (tmp_path / "c.parquet").write_text("no Parquet")
    with pytest.raises(DataError, match=r"c\.parquet cannot be read: .*; remove this file, or repair it"):
        read_beats(str(tmp_path), "split", "train")


def test_what_is_no_such_table_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(
        SettingsError, match=r"ecg\.beats is a table of the catalog, .* give `spark`, .* \./ecg\.beats$"
    ):
        read_beats("ecg.beats", "split", "train")
    monkeypatch.chdir(tmp_path)
    Path("ecg.beats").mkdir()  # and which of the two is meant cannot be known
    with pytest.raises(SettingsError, match=r"here is a file or a folder of that name: write \./ecg\.beats for it"):
        read_beats("ecg.beats", "split", "train")
    (tmp_path / "beats.csv").write_text("1,2\n")
    with pytest.raises(DataError, match=r"it holds CSV files; make a beat table of them with jobs/prepare.py --csv"):
        read_beats(str(tmp_path), "split", "train")
    pq.write_table(table().drop(["split"]), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="no column 'split'; found: .*; name the rows to take with --rows"):
        read_beats(str(tmp_path / "t.parquet"), "split", "train")
    assert len(read_training_set(str(tmp_path / "t.parquet"), "all", "multiclass").beats) == 40
    with pytest.raises(DataError, match="has no row with record = '1'; found '01', '118e00'$"):
        read_training_set(str(tmp_path / "t.parquet"), "record=1", "multiclass")
    pq.write_table(with_columns(record=lambda c: pa.array(["a=b"] * len(c))), tmp_path / "t.parquet")
    assert len(read_training_set(str(tmp_path / "t.parquet"), "record=a=b", "multiclass").beats) == 40
    (tmp_path / "delta" / "_delta_log").mkdir(parents=True)
    pq.write_table(table(), tmp_path / "delta" / "t.parquet")
    with pytest.raises(DataError, match="is the folder of a Delta table, which may hold files that are no longer part"):
        read_beats(str(tmp_path / "delta"), "split", "train")


def test_text_labels_are_taken_as_they_are_named(tmp_path: Path):
    named = with_columns(label=lambda c: pa.array([CLASSES[i] for i in c.to_pylist()]))
    pq.write_table(named, tmp_path / "t.parquet")
    with pytest.raises(DataError, match="expected labels 0 to 4, found .*; say what .* --classes=F,N,Q,S,V"):
        read_training_set(str(tmp_path), "split=train", "multiclass")
    scheme = parse_classes(["N", "S", "V", "F", "Q"])
    data = read_training_set(str(tmp_path), "split=train", "multiclass", scheme)
    assert (data.classes, data.labels) == (CLASSES, CLASSES)
    np.testing.assert_array_equal(np.bincount(data.beats.labels), [4] * 5)


def test_two_classes_are_not_taken_for_aamis(tmp_path: Path):
    two = with_columns(label=lambda c: pa.array([i % 2 for i in c.to_pylist()]))
    pq.write_table(two, tmp_path / "t.parquet")
    data = read_training_set(str(tmp_path), "all", "multiclass")
    with pytest.raises(
        DataError, match="found none of V, F, Q; if the labels mean something else, name them with --cl"
    ):
        require_every_class(data.beats, data.classes)
    data = read_training_set(str(tmp_path), "all", "binary", parse_classes(["normal", "abnormal"]))
    assert (data.classes, data.labels) == (("normal", "abnormal"), None)
    data = read_training_set(str(tmp_path), "all", "binary", parse_classes(["1=sick", "0=well"]))
    assert (data.classes, data.labels) == (("sick", "well"), (1, 0))
    assert data.beats.labels.sum() == sum(label % 2 == 0 for label in BEATS.labels)


@pytest.mark.parametrize(
    ("value", "label"),
    [
        *((1, 1), (1.0, 1), ("1", 1), ("1.0", 1), (Decimal("1.00"), 1), (np.uint64(2**53 + 1), 2**53 + 1), (True, 1)),
        *((each, each) for each in ("01", "1d", "1e3", "1_0", "N")),
        *((0.5, "0.5"), ("-1", -1)),
    ],
)
def test_a_whole_number_is_a_label_in_any_form_and_text_stays_text(value: object, label: object):
    assert as_label(value) == label


def test_classes_that_cannot_be_are_refused():
    for entries, message in (
        (["a", "1=b"], "as names or all as LABEL=NAME"),
        (["a", "a"], "different names"),
        (["1=a", "1.0=b"], "different labels"),
        (["a"], "two --classes or more"),
    ):
        with pytest.raises(SettingsError, match=message):
            parse_classes(entries)


def test_a_warm_start_takes_what_the_model_has(model: Model):
    header = model.header
    refuse_other_values(header, {"hidden_size": header.network.hidden_size, "lr": 0.5, "sampling": "none"}, "m")
    with pytest.raises(SettingsError, match=r"--init-from m takes all but lr, .* which has hidden_size 8 \(found 9\)"):
        refuse_other_values(header, {"hidden_size": 9, "epochs": 3}, "m")
    assert scheme_of(header).labels is None
    other = header.model_copy(update={"labels": [7, 1, 2, 3, 4], "optimization": Optimization()})
    assert scheme_of(other).labels == (7, 1, 2, 3, 4)


def test_another_length_is_the_models_to_refuse(model: Model, tmp_path: Path):
    short = with_columns(beat=lambda c: pa.array([row[:100] for row in c.to_pylist()], pa.list_(pa.float32())))
    pq.write_table(short, tmp_path / "t.parquet")
    with pytest.raises(DataError, match="expected 187 values, found 100"):
        read_training_set(str(tmp_path), "all", "multiclass")
    data = read_training_set(str(tmp_path), "all", "multiclass", scheme_of(model.header))
    from lstm_fcn.training.warm_start import require_same_form

    with pytest.raises(ModelError, match="takes series of 187 values, found 100"):
        require_same_form(model.header, data)


def test_a_table_of_pandas_comes_with_its_own_types(tmp_path: Path):
    frame = pd.DataFrame({"beat": list(BEATS.series.astype(float)), "label": BEATS.labels.astype(float)})
    frame["split"] = pd.Categorical(["train", "test"] * 20)
    frame["record"] = np.arange(40) // 20
    frame.to_parquet(tmp_path / "t.parquet")
    beats = read_beats(str(tmp_path / "t.parquet"), "split", "train")
    np.testing.assert_array_equal(beats.series, BEATS.series[::2])
    assert set(beats.records) == {"0", "1"}


def test_series_of_another_scale_are_not_trained_on_and_do_not_calibrate(model: Model, beats: Beats):
    from lstm_fcn.training.warm_start import plausible_series

    assert len(plausible_series(model.header, beats.series)) == len(beats)
    few = beats.series.copy()
    few[:5] *= 1000
    few[5] = 0.5
    assert len(plausible_series(model.header, few)) == len(beats) - 6
    with pytest.raises(DataError, match=r"200 of 200 series are not such as the model small takes: values outside"):
        plausible_series(model.header, beats.series * 1000)

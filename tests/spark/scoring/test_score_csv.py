"""CSV files are scored as they come; a table that holds the classes' own columns too."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from jobs import score
from lstm_fcn.data.beats import BEAT_LENGTH, Beats
from lstm_fcn.errors import DataError
from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.config import Optimization
from lstm_fcn.model.file import read_model, write_model
from lstm_fcn.model.provenance import describe, describe_data
from tests.beat_tables import make_beats
from tests.models import SMALL, make_network

BEATS = make_beats(40)
X = [f"x_{i + 1}" for i in range(BEAT_LENGTH)]


def scored(source: Path, model: Path, output: Path, *options: str) -> pd.DataFrame:
    score.main(["--beats", str(source), "--model", str(model), "--output", str(output), *options])
    return pd.read_parquet(output / "predictions")


def confirm(found: pd.DataFrame, model: Path, beats: Beats = BEATS) -> None:
    expected = Engine(read_model(model)).probabilities(beats.series)
    assert found["error"].isna().all()
    np.testing.assert_allclose(np.stack(found["probability"]), expected, atol=1e-4)


def accuracy(output: Path) -> float:
    metrics = pd.read_parquet(output / "metrics")
    return float(metrics.query("metric == 'accuracy'")["value"].iloc[0])


@pytest.fixture(scope="module")
def named_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose classes are called as columns that begin with y_0."""
    path = tmp_path_factory.mktemp("named") / "m.safetensors"
    network = make_network(**SMALL, classes=5)
    classes = [f"y_{i}" for i in range(5)]
    header = describe("m", network, Optimization(), describe_data(BEATS, 5, "nowhere"), {}, classes=classes)
    write_model(path, network, header)
    return path


def test_a_row_with_too_many_or_too_few_values_is_not_scored(spark: SparkSession, model_file: Path, tmp_path: Path):
    pd.DataFrame(BEATS.series, columns=X).assign(label=BEATS.labels).to_csv(tmp_path / "beats.csv", index=False)
    lines = (tmp_path / "beats.csv").read_text().splitlines()
    lines[1] = "0.5," + lines[1]
    lines[2] = lines[2].partition(",")[2]
    (tmp_path / "beats.csv").write_text("\n".join(lines))
    options = ("--beat-prefix", "x", "--max-error-fraction", "0.5")
    found = scored(tmp_path / "beats.csv", model_file, tmp_path / "out", *options)
    assert found["error"].value_counts().to_dict() == {"the beat is NULL": 2}
    assert found["error"].notna().sum() == 2
    assert "_unfit" not in found
    confirm(found[found["error"].isna()].sort_index(), model_file, Beats(BEATS.series[2:], BEATS.labels[2:]))


@pytest.mark.parametrize("header", ["plain", "spaces"])
def test_a_csv_file_with_a_header_needs_no_options(spark: SparkSession, model_file: Path, tmp_path: Path, header: str):
    names = [*X, "record", "label"]
    table = pd.DataFrame(BEATS.series, columns=X).assign(record="0118e00", label=BEATS.labels.astype(float))
    table.columns = names if header == "plain" else [names[0], *(" " + name for name in names[1:])]
    table.to_csv(tmp_path / "beats.csv", index=False, float_format="%.9e")
    found = scored(tmp_path / "beats.csv", model_file, tmp_path / "out", "--beat-prefix", "x")
    confirm(found, model_file)
    assert set(found["record"]) == {"0118e00"}
    assert found["label"].tolist() == BEATS.labels.tolist()
    assert accuracy(tmp_path / "out") == pytest.approx(np.mean(found["prediction"] == BEATS.labels))


def test_a_csv_file_without_a_header_has_its_label_named(spark: SparkSession, model_file: Path, tmp_path: Path):
    rows = np.column_stack([BEATS.series, BEATS.labels])
    np.savetxt(tmp_path / "beats.csv", rows, delimiter=",", fmt="%.9e")
    found = scored(
        *(tmp_path / "beats.csv", model_file, tmp_path / "out", "--beat-prefix", "_c", "--label", f"_c{BEAT_LENGTH}")
    )
    confirm(found, model_file)
    assert accuracy(tmp_path / "out") == pytest.approx(np.mean(found["prediction"] == BEATS.labels))


@pytest.mark.parametrize("odd", ["0.7", "N", "1e20"])
def test_a_label_that_is_no_whole_number_among_such_is_named(
    spark: SparkSession, model_file: Path, tmp_path: Path, odd: str
):
    labels = [*BEATS.labels[:-1].astype(float).astype(str), odd]
    pd.DataFrame(BEATS.series, columns=X).assign(label=labels).to_csv(tmp_path / "beats.csv", index=False)
    given = (tmp_path / "beats.csv", model_file, tmp_path / "out", "--beat-prefix", "x")
    with pytest.raises(
        DataError, match=rf"beats\.csv: expected whole numbers in column 'label', found '{odd}'; --label"
    ):
        scored(*given)
    assert scored(*given, "--label", "none")["label"].tolist() == labels


def test_a_line_that_says_the_separator_is_named(spark: SparkSession, model_file: Path, tmp_path: Path):
    (tmp_path / "beats.csv").write_text("sep=,\nx_1,x_2\n1,2\n")
    with pytest.raises(DataError, match=r"beats\.csv begins with the line 'sep=,', which is no row: remove this line"):
        scored(tmp_path / "beats.csv", model_file, tmp_path / "out", "--beat-prefix", "x")


def test_one_hot_columns_give_metrics_beside_the_predictions_columns(
    spark: SparkSession, named_model: Path, tmp_path: Path
):
    hot = pd.DataFrame(np.eye(5, dtype=int)[BEATS.labels], columns=[f"y_{i}" for i in range(5)])
    table = pd.concat([hot[hot.columns[::-1]], pd.DataFrame(BEATS.series, columns=X)], axis=1)
    table.to_parquet(tmp_path / "beats.parquet")
    options = ("--beat-prefix", "x", "--form", "columns")
    found = scored(tmp_path / "beats.parquet", named_model, tmp_path / "out", *options)
    expected = Engine(read_model(named_model)).probabilities(BEATS.series)
    np.testing.assert_allclose(found[[f"p_{i}" for i in range(5)]], expected, atol=1e-4)
    np.testing.assert_array_equal(found[[f"y_{i}" for i in range(5)]], np.eye(5)[expected.argmax(axis=1)])
    np.testing.assert_array_equal(found[[f"true_y_{i}" for i in range(5)]], hot)
    for _, row in found.iterrows():
        assert row[row["predicted_class"]] == 1
    assert accuracy(tmp_path / "out") == pytest.approx(np.mean(expected.argmax(axis=1) == BEATS.labels))

    table.to_csv(tmp_path / "beats.csv", index=False, float_format="%.9e")
    again = scored(tmp_path / "beats.csv", named_model, tmp_path / "again", *options)
    assert again["label"].tolist() == BEATS.labels.tolist()
    np.testing.assert_array_equal(again[[f"y_{i}" for i in range(5)]], found[[f"y_{i}" for i in range(5)]])


@pytest.mark.parametrize("options", [(), ("--beats-options", "header=true")])
def test_two_columns_of_one_name_are_refused(
    spark: SparkSession, model_file: Path, tmp_path: Path, options: tuple[str, ...]
):
    file = tmp_path / "twice.csv"
    # Spark calls them x_54 and x_5187, which would be values 54 and 5187.
    file.write_text(",".join([*(name for name in X if name != "x_54"), '"x_5"']) + "\n" + ",".join(["0.5"] * 187))
    with pytest.raises(DataError, match=r"twice\.csv: expected one column of each name, found 2 named 'x_5'$"):
        scored(file, model_file, tmp_path / "o", "--beat-prefix", "x", *options)


def test_quoted_values_between_tabs_are_no_header(spark: SparkSession, model_file: Path, tmp_path: Path):
    rows = ["\t".join(f'"{value}"' for value in row) for row in BEATS.series.tolist()]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    options = ("--beats-options", r"sep=\t", "--beat-prefix", "_c", "--label", "none")
    confirm(scored(tmp_path / "t.csv", model_file, tmp_path / "o", *options), model_file)


@pytest.mark.parametrize(
    ("options", "encoding", "separator", "message"),
    [
        ((), "utf-8", ";", r"expected ',' between the values, found ';': --beats-options 'sep=;' takes it$"),
        ((), "utf-8", "\t", r"expected ',' between the values, found '\\t': --beats-options 'sep=\\t' takes it$"),
        (("--beats-options", "sep=;"), "utf-8", ",", "expected ';' between the values, found ','"),
        ((), "latin-1", ",", r"t\.csv is no text in UTF-8: write it so, or name .* encoding=ISO-8859-1$"),
        (("--beats-options", "sep=;"), "utf-8", ";", ""),
        (("--beats-options", "encoding=ISO-8859-1"), "latin-1", ",", ""),
    ],
)
def test_another_separator_or_encoding_is_named(
    spark: SparkSession,
    model_file: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    encoding: str,
    separator: str,
    message: str,
):
    rows = [separator.join(["größe", *X]), *(separator.join(map(str, [1, *row])) for row in BEATS.series.tolist())]
    (tmp_path / "t.csv").write_text("\n".join(rows), encoding=encoding)
    arguments = (tmp_path / "t.csv", model_file, tmp_path / "o", "--beat-prefix", "x", "--label", "none", *options)
    if message:
        with pytest.raises(DataError, match=message):
            scored(*arguments)
    else:
        confirm(scored(*arguments), model_file)

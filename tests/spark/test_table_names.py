"""Names with any character: what is a table, what is a path, and what is neither."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs import evaluate, prepare, score
from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.spark.sql import TableName
from lstm_fcn.spark.table_names import is_below, refuse_neither, table_name


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("ecg.scored", "ecg.scored"),
        ("main.ecg.scored", "main.ecg.scored"),
        ("my-catalog.ecg.scored", "`my-catalog`.ecg.scored"),
        ("`my-catalog`.ecg.`scored`", "`my-catalog`.ecg.scored"),
        ("`a.b`.`c``d`", "`a.b`.`c``d`"),
        ("`a/b`.c", "`a/b`.c"),
        ("my cat.größe", "`my cat`.`größe`"),
        ("ecg.2026", "ecg.`2026`"),
        ("`ecg`.`beats.parquet`", "ecg.`beats.parquet`"),
    ],
)
def test_names_of_tables(name: str, written: str):
    refuse_neither(name, "--output")
    assert str(table_name(name)) == written
    assert table_name(written) == table_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("out/scored", "./ecg.scored", "/a b/ä.ö", "s3a://bucket/x", "hdfs:x", "beats.parquet", "mitbih_test.csv.gz"),
        *("scored", "my-results", "größe", ".hidden", "..", "data.2026.01.30.csv", "beats.v1*"),
    ],
)
def test_paths(name: str):
    refuse_neither(name, "--beats")
    assert table_name(name) is None


@pytest.mark.parametrize(
    "name",
    ["a.b.c.d", "`scored`", "`ecg.scored", "ecg.`scored", "a..b", "a.b.", "", " ", "file:x", "$HOME/x", "${DIR}/x"],
)
def test_what_is_neither_is_refused(name: str):
    with pytest.raises(SettingsError, match="expected --output to be a (table .* or a )?path"):
        refuse_neither(name, "--output")


def test_names_beside_a_table():
    name = TableName(("my-catalog", "ecg", "a.b"))
    assert str(name.companion("_runs")) == "`my-catalog`.ecg.`a.b_runs`"
    assert (name.schema, name.bare) == ("`my-catalog`.ecg", "a.b")


@pytest.mark.parametrize(
    ("path", "folder", "expected"),
    [
        ("`ecg`.Scored", "ecg.scored", True),
        ("spark_catalog.ecg.scored", "ecg.scored", True),
        ("ecg.scored", "other.scored", False),
        ("ecg.scored", "ecg/scored", False),
        ("a/b/c", "a/b", True),
    ],
)
def test_one_table_by_two_names(path: str, folder: str, expected: bool):
    assert is_below(path, folder) == expected


@pytest.fixture
def source(spark: SparkSession, beats: Beats, tmp_path: Path) -> str:
    rows = [(i, "2026-01-01", i % 5, series) for i, series in enumerate(beats.series[:6].tolist())]
    path = tmp_path / "Größe & co. v1.2"
    spark.createDataFrame(rows, "id long, day string, label int, beat array<float>").write.parquet(str(path))
    return str(path)


@pytest.mark.parametrize(
    "name", ["my-catalog.ecg.scored", "`my-catalog`.ecg.scored", "my-schema.scored", "a.b.c.d", "`scored`", "größe.ä"]
)
def test_no_folder_is_made_of_a_name(
    spark: SparkSession, source: str, tmp_path: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    (tmp_path / "some.csv").write_text(",".join(["0.5"] * 187 + ["1"]) + "\n")
    scoring = ["--beats", source, "--model", str(model_file), "--output", name]
    for job, arguments in (
        (score, scoring),
        (score, [*scoring, "--partition-by", "day"]),
        (score, [*scoring[2:4], "--output", str(tmp_path / "out"), "--beats", name]),
        (prepare, ["--csv", str(tmp_path / "some.csv"), "--output", name]),
        (prepare, ["--csv", str(tmp_path / "some.csv"), "--output", name, "--replace"]),
        (evaluate, ["--predictions", source, "--output", name]),
        (evaluate, ["--predictions", name, "--output", str(tmp_path / "out")]),
    ):
        with pytest.raises((SettingsError, DataError)) as found:
            job.main(arguments)
        assert "\n" not in str(found.value)
        assert name in str(found.value) or str(table_name(name)) in str(found.value)
    assert not list(Path.cwd().iterdir())
    assert not (tmp_path / "out").exists()


def test_a_word_that_is_a_table_of_the_session_is_not_taken_for_a_folder(
    spark: SparkSession, source: str, tmp_path: Path, model_file: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    spark.sql("CREATE TABLE default.scored_by_name (x int) USING parquet")
    with pytest.raises(SettingsError, match=r"is a table: write default\.scored_by_name for it, or \./scored_by_name"):
        score.main(["--beats", source, "--model", str(model_file), "--output", "scored_by_name"])
    assert not Path("scored_by_name").exists()


def test_odd_paths_and_names_with_a_catalog_work(spark: SparkSession, source: str, tmp_path: Path, model_file: Path):
    output = str(tmp_path / "Öl & co. 100%41" / "scored.v1")
    score.main(["--beats", source, "--model", str(model_file), "--output", output, "--partition-by", "day"])
    evaluate.main(["--predictions", output, "--output", str(tmp_path / "bericht ü.1"), "--draws", "100"])
    assert (tmp_path / "bericht ü.1" / "report.html").exists()
    name = "`spark_catalog`.default.`in_catalog`"
    score.main(["--beats", source, "--model", str(model_file), "--output", name, "--partition-by", "day"])
    assert spark.table("default.in_catalog").count() == 6
    assert spark.catalog.tableExists("default.in_catalog_runs")
    with pytest.raises(SettingsError, match="are one, or one is in the other"):
        score.main(["--beats", "default.in_catalog", "--model", str(model_file), "--output", name])
    evaluate.main(["--predictions", name, "--output", str(tmp_path / "r2"), "--draws", "100"])

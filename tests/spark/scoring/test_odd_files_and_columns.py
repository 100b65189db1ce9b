"""Columns with odd names, files of two types, times that Spark does not read, views, and the CSV form to its end."""

import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from jobs import evaluate, prepare, score
from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import DataError

KINDS = {"float": pa.list_(pa.float32()), "double": pa.list_(pa.float64())}


def save(path: Path, beats: Beats, kind: str = "float", **columns: object) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"beat": pa.array(beats.series[:8].tolist(), KINDS[kind]), **columns}), path)
    return str(path)


def run(source: str, output: Path | str, model: Path, *arguments: str) -> None:
    score.main(["--beats", source, "--model", str(model), "--output", str(output), *arguments])


STRUCT = pa.struct([("heart-rate", pa.int64()), ("a b.c`d", pa.list_(pa.struct([("é", pa.string())])))])


def test_structs_with_fields_of_any_name_go_into_a_table(
    spark: SparkSession, beats: Beats, tmp_path: Path, model_file: Path
):
    meta = pa.array([{"heart-rate": 60 + i, "a b.c`d": [{"é": "x"}]} for i in range(8)], STRUCT)
    kinds = pa.array([[("k", {"x-y": 1})]] * 8, pa.map_(pa.string(), pa.struct([("x-y", pa.int32())])))
    source = save(tmp_path / "t.parquet", beats, meta=meta, day=["2026-01-01"] * 8, kinds=kinds)
    run(source, "default.of_structs", model_file, "--partition-by", "day")
    first = spark.table("default.of_structs").orderBy("meta.`heart-rate`").first()
    assert (first["meta"]["heart-rate"], first["meta"]["a b.c`d"][0]["é"]) == (60, "x")
    assert first["kinds"]["k"]["x-y"] == 1


def test_names_with_dots_and_quotes_everywhere(spark: SparkSession, beats: Beats, tmp_path: Path, model_file: Path):
    names = [*(f"ecg.{i}" for i in range(1, 188)), "true.label", "the `site.1", "rec ord.x", "k.1"]
    rows = [
        [*map(float, series), float(i % 5), f"s.{i % 2}", f"r{i % 3}", i] for i, series in enumerate(beats.series[:9])
    ]
    frame = spark.createDataFrame(
        rows, ", ".join(f"_{i} {'double' if i < 188 else 'string' if i < 190 else 'int'}" for i in range(191))
    )
    frame.toDF(*names).write.parquet(str(tmp_path / "t"))
    arguments = ("--beat-prefix", "ecg.", "--label", "true.label", "--partition-by", "the `site.1")
    for output in (tmp_path / "out", "default.with_dots"):
        run(str(tmp_path / "t"), output, model_file, *arguments)
    assert spark.table("default.with_dots").count() == 9
    for number, source in enumerate((str(tmp_path / "out"), "default.with_dots")):
        report = tmp_path / f"report{number}"
        evaluate.main(
            [
                *("--predictions", source, "--output", str(report), "--label", "true.label", "--draws", "100"),
                *("--by", "the `site.1", "--record", "rec ord.x", "--against", source, "--keys", "k.1"),
            ]
        )
        metrics = pq.read_table(report / "metrics").to_pandas()
        assert set(metrics.loc[metrics["group_by"] == "the `site.1", "group"]) == {"s.0", "s.1"}


def test_files_of_two_types_name_file_column_and_way_out(
    spark: SparkSession, beats: Beats, tmp_path: Path, model_file: Path
):
    save(tmp_path / "t" / "a.parquet", beats)
    save(tmp_path / "t" / "b.parquet", beats, "double")
    named = (
        r"[ab]\.parquet: expected column 'beat' to be of (float|double), as in other files of the table, found (DOU|FL)"
    )
    with pytest.raises(DataError, match=named) as found:
        run(str(tmp_path / "t"), tmp_path / "out", model_file)
    assert "write all files with one type" in str(found.value)
    assert "\n" not in str(found.value)


def test_times_in_nanoseconds_name_file_column_and_way_out(
    spark: SparkSession, beats: Beats, tmp_path: Path, model_file: Path
):
    times = pa.array(np.arange(8), pa.timestamp("ns"))
    save(tmp_path / "a b" / "1.parquet", beats, recorded=times, other=times)
    with pytest.raises(
        DataError,
        match=r"1\.parquet: expected timestamps of micro.*columns 'recorded', 'other'.*coerce_timestamps='us'",
    ) as found:
        run(str(tmp_path / "a b"), tmp_path / "out", model_file)
    assert "\n" not in str(found.value)


class Kept(logging.Handler):
    """Keeps what is logged; pyspark's own handler writes to where standard error was when it was made."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def test_a_view_is_scored_without_an_error_in_the_log(
    spark: SparkSession, beats: Beats, tmp_path: Path, model_file: Path
):
    loggers = pytest.importorskip("pyspark.logger", reason="pyspark 3.5 logs no such errors").PySparkLogger
    source, kept = save(tmp_path / "t.parquet", beats), Kept()
    spark.read.parquet(source).write.saveAsTable("default.under_a_view")
    spark.sql("CREATE OR REPLACE VIEW default.a_view_of_beats AS SELECT * FROM default.under_a_view")
    names = ("DataFrameQueryContextLogger", "SQLQueryContextLogger")
    for name in names:
        loggers.getLogger(name).addHandler(kept)
    try:
        run("default.a_view_of_beats", tmp_path / "out", model_file)
    finally:
        for name in names:
            loggers.getLogger(name).removeHandler(kept)
    assert kept.messages == []


@pytest.mark.parametrize("top", ["", "sep=,\n", ",".join(map(str, range(188))) + "\n", "\ufeff", "sep=,\r\n"])
def test_a_csv_file_goes_all_the_way_to_a_report_without_pictures_of_beats(
    spark: SparkSession, beats: Beats, tmp_path: Path, model_file: Path, caplog: pytest.LogCaptureFixture, top: str
):
    rows = [",".join(map(str, [*map(float, row), float(i % 5)])) for i, row in enumerate(beats.series[:20])]
    (tmp_path / "mitbih_test.csv").write_text(top + "\n".join(rows) + "\n")
    table = str(tmp_path / "beats")
    prepare.main(["--csv", str(tmp_path / "mitbih_test.csv"), "--output", table, "--csv-split", "test"])
    assert spark.read.parquet(table).count() == 20
    if top:
        return
    run(table, tmp_path / "out", model_file)
    report = ["--predictions", str(tmp_path / "out"), "--output", str(tmp_path / "report"), "--draws", "100"]
    evaluate.main([*report, "--beats", table, "--records", str(tmp_path), "--by", "split", "--model", str(model_file)])
    why = "the keys that find a beat in --beats are empty in the predictions (record, sample)"
    assert f"stage=gallery {why}" in caplog.text
    assert why in (tmp_path / "report" / "report.html").read_text()


def test_a_csv_file_with_another_header_says_so(spark: SparkSession, beats: Beats, tmp_path: Path):
    rows = [",".join(map(str, [*map(float, row), 1.0])) for row in beats.series[:2]]
    (tmp_path / "x.csv").write_text("\n".join([",".join(f"x_{i}" for i in range(188)), *rows]))
    with pytest.raises(DataError, match=r"1 bad rows, .*a value is not a number: remove the header"):
        prepare.main(["--csv", str(tmp_path / "x.csv"), "--output", str(tmp_path / "out")])

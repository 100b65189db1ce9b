"""The jobs on partitioned tables in Spark's embedded Hive metastore."""

import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lstm_fcn.data.beats import Beats
from tests.processes import ROOT, SPARK_CONF, job, run, start

pytestmark = pytest.mark.both_sparks

SCHEMA = "ecg"
TARGETS = {
    "made_by_the_job": "",
    "orc_table": "USING orc PARTITIONED BY (day)",
    "hive_table": "PARTITIONED BY (day date) STORED AS PARQUET",
}
COLUMNS = (
    "id bigint, label int, prediction int, predicted_class string, probability array<float>, error string, "
    "beat_length int, model string, run_id string"
)

SCRIPT = """
import json, sys
from jobs import score
from lstm_fcn.console import run_job
from lstm_fcn.spark.session import get_session

spark = get_session("hive")
schema, model, source, targets, columns = json.loads(sys.argv[1])
spark.sql(f"CREATE SCHEMA {schema}")
spark.read.parquet(source).write.partitionBy("day").saveAsTable(f"{schema}.beats")
catalog = spark.conf.get("spark.sql.catalogImplementation")
for name, form in targets.items():
    if form:
        day = "" if "day date" in form else ", day date"
        spark.sql(f"CREATE TABLE {schema}.{name} ({columns}{day}) {form}")
    arguments = ["--beats", f"{schema}.beats", "--model", model, "--output", f"{schema}.{name}", "--incremental"]
    score.main([*arguments, "--partition-by", "day"])

def counts(name):
    rows = spark.sql(f"SELECT string(day) AS day, count(*) AS n, count(DISTINCT id) AS ids, count(prediction) AS good,"
                     f" count(DISTINCT run_id) AS runs FROM {schema}.{name} GROUP BY day ORDER BY day").collect()
    return [list(row) for row in rows]

first = {name: counts(name) for name in targets}
spark.sql(f"ALTER TABLE {schema}.beats DROP PARTITION (day = '2026-01-01')")
more = spark.table(f"{schema}.beats").where("day = '2026-01-02'").selectExpr("id + 1000 AS id", "label", "beat",
                                                                            "date'2026-01-03' AS day")
more.localCheckpoint().write.insertInto(f"{schema}.beats")
for name in targets:
    arguments = ["--beats", f"{schema}.beats", "--model", model, "--output", f"{schema}.{name}", "--incremental"]
    score.main(arguments)
score.main(arguments)
tables = sorted(row.tableName for row in spark.sql(f"SHOW TABLES IN {schema}").collect())
runs = {name: spark.table(f"{schema}.{name}_runs").where("status = 'done'").count() for name in targets}
itself = f"{schema}.made_by_the_job"
code = run_job(score.main, ["--beats", itself, "--model", model, "--output", itself])
print(json.dumps([catalog, first, {name: counts(name) for name in targets}, runs, tables, code]))
"""


@pytest.fixture(scope="module")
def hive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Spark's settings for a metastore of its own."""
    folder = tmp_path_factory.mktemp("hive")
    settings = {
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.warehouse.dir": folder / "warehouse",
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={folder}/metastore;create=true",
        "spark.driver.extraJavaOptions": f"-Dderby.system.home={folder}",
        "spark.master": "local[2]",
    }
    lines = [f"{name} {value}\n" for name, value in settings.items()]
    (folder / "spark-defaults.conf").write_text((SPARK_CONF / "spark-defaults.conf").read_text() + "".join(lines))
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, beats: Beats) -> Path:
    import datetime as dt

    days = [dt.date(2026, 1, 1)] * 9 + [dt.date(2026, 1, 2)] * 4
    series = pa.array(beats.series[:13].tolist(), pa.list_(pa.float32()))
    labels = pa.array([i % 5 for i in range(13)], pa.int32())
    path = tmp_path_factory.mktemp("source") / "beats.parquet"
    pq.write_table(pa.table({"id": list(range(13)), "label": labels, "beat": series, "day": days}), path)
    return path


@pytest.mark.parametrize(
    "names", [("made_by_the_job", "hive_table"), pytest.param(tuple(TARGETS), marks=pytest.mark.nightly)]
)
def test_partitioned_tables_of_any_provider_are_replaced_by_partitions(
    names: tuple[str, ...], hive: Path, source: Path, model_file: Path
):
    schema, targets = f"{SCHEMA}_{len(names)}", {name: TARGETS[name] for name in names}
    given = json.dumps([schema, str(model_file), str(source), targets, COLUMNS])
    settings = {"SPARK_CONF_DIR": str(hive), "PYTHONPATH": str(ROOT)}
    done = run(sys.executable, "-c", SCRIPT, given, **settings)
    assert done.returncode == 0, done.stderr[-5000:]
    catalog, first, second, runs, tables, code = json.loads(done.stdout.splitlines()[-1])
    assert catalog == "hive"
    for name in targets:
        assert first[name] == [["2026-01-01", 9, 9, 9, 1], ["2026-01-02", 4, 4, 4, 1]]
        assert second[name] == [["2026-01-02", 4, 4, 4, 1], ["2026-01-03", 4, 4, 4, 1]]
        assert runs[name] == 2  # a third had nothing to do
    assert code == 2
    assert "are one, or one is in the other" in done.stderr
    assert tables == sorted(["beats", *(name + end for name in targets for end in ("", "_metrics", "_runs"))])

    # The job as a process of its own, on the same metastore, finds what the others wrote.
    output = f"{schema}.made_by_the_job"
    done = job(
        "score", "--beats", f"{schema}.beats", "--model", model_file, "--output", output, "--dry-run", **settings
    )
    assert done.returncode == 0, done.stderr[-5000:]
    assert done.stdout.splitlines()[:3] == [
        "would score 8 rows in 2 partitions:",
        "  day=2026-01-02  4 rows",
        "  day=2026-01-03  4 rows",
    ]


def test_a_run_into_a_table_that_is_stopped_while_it_scores_gives_its_lock_back(
    hive: Path, beats: Beats, save_model: Callable[..., Path], tmp_path: Path
):
    large = save_model(filters_2=512, filters_3=1024, kernel_size_2=15)  # so that there is time to stop it
    rows = {"id": list(range(20_000)), "beat": [beats.series[i % len(beats)].tolist() for i in range(20_000)]}
    schema = pa.schema({"id": pa.int64(), "beat": pa.list_(pa.float32())})
    pq.write_table(pa.table(rows, schema=schema).append_column("day", pa.array(["a"] * 20_000)), tmp_path / "b.parquet")
    given = ["--beats", tmp_path / "b.parquet", "--model", large, "--output", "default.stopped", "--batch-size", "1"]
    process = start("score", *given, "--partition-by", "day", SPARK_CONF_DIR=str(hive))
    process.wait_for("stage=plan")
    warehouse = hive / "warehouse"
    assert (warehouse / "stopped_lock").is_dir(), process.stderr
    time.sleep(3)  # tasks have begun
    process.ask(signal.SIGTERM)
    assert "error: stopped on request (SIGTERM)" in process.finish(143).splitlines()
    assert not (warehouse / "stopped_lock").exists()
    assert not (warehouse / "stopped").exists()


PREPARE = """
import json, sys
from jobs import prepare
from lstm_fcn.data.beats import BEAT_SCHEMA, read_beats
from lstm_fcn.spark.session import get_session

spark = get_session("hive")
spark.sql("CREATE SCHEMA prepared")
columns = ", ".join(each for each in BEAT_SCHEMA.replace("long", "bigint").split(", ") if each != "record string")
spark.sql(f"CREATE TABLE prepared.by_hive ({columns}) PARTITIONED BY (record string) STORED AS PARQUET")
counts = []
for name in ("prepared.by_hive", "prepared.by_the_job"):
    for only in ("s01,s02", "s02,s03"):
        prepare.main(["--records", sys.argv[1], "--only", only, "--output", name, "--replace"])
    counts.append(sorted(tuple(row) for row in spark.table(name).groupBy("record").count().collect()))
    assert len(read_beats(name, spark=spark)) == spark.table(name).count()
print(json.dumps([counts, sorted(row.tableName for row in spark.sql("SHOW TABLES IN prepared").collect())]))
"""


@pytest.mark.nightly
def test_records_are_replaced_one_by_one_in_a_table_of_any_provider(hive: Path, records: Path):
    done = run(sys.executable, "-c", PREPARE, records, SPARK_CONF_DIR=str(hive), PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stderr[-5000:]
    (by_hive, by_the_job), tables = json.loads(done.stdout.splitlines()[-1])
    assert by_hive == by_the_job
    assert [record for record, _ in by_hive] == ["s01", "s02", "s03"]
    assert tables == ["by_hive", "by_the_job"]

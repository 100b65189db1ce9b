"""The settings files for Delta and Iceberg, as their users give them to `spark-submit`."""

import json
import sys
from pathlib import Path

import pytest

from lstm_fcn.data.beats import Beats
from tests.beat_tables import write_days
from tests.processes import ROOT, SPARK_HOME, run
from tests.table_formats import formats, own_settings, why_without

SUBMIT = Path(sys.executable).with_name("spark-submit")
SCRIPT = """
import json, runpy, sys
from lstm_fcn.spark.session import get_session

schema, *sys.argv = sys.argv[1:]
spark = get_session("score")
spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {schema}")
runpy.run_path(sys.argv[0], run_name="__main__")
rows = spark.sql(f"DESCRIBE TABLE EXTENDED {schema}.scored").collect()
print(json.dumps([row["data_type"] for row in rows if row["col_name"] == "Provider"]))
print(json.dumps(spark.table(f"{schema}.scored").count()))
"""


def settings_of(kind: str, folder: Path) -> list[str]:
    """The file, with jars in place of the package and everything that is written below a folder."""
    own, given = own_settings(kind, folder), ["--properties-file", f"conf/spark-{kind}.conf"]
    return [*given, *(part for name, value in own.items() for part in ("--conf", f"{name}={value}"))]


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["delta", "iceberg"])
def test_a_settings_file_gives_results_in_a_table_of_its_format(
    kind: str, beats: Beats, model_file: Path, tmp_path: Path
):
    if kind not in formats():
        pytest.skip(why_without(kind))
    write_days(tmp_path / "beats", beats, {"2026-01-01": 6, "2026-01-02": 3}, 6)
    (tmp_path / "script.py").write_text(SCRIPT)
    schema = "ice.ecg" if kind == "iceberg" else "ecg"
    job = ["jobs/score.py", "--beats", tmp_path / "beats", "--model", model_file, "--output", f"{schema}.scored"]
    done = run(
        *(SUBMIT, "--master", "local[2]", *settings_of(kind, tmp_path), tmp_path / "script.py", schema, *job),
        PYSPARK_PYTHON=sys.executable,
        PYTHONPATH=str(ROOT),
        SPARK_HOME=str(SPARK_HOME),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert [json.loads(line) for line in done.stdout.splitlines()[-2:]] == [[kind], 9]
    assert [line for line in done.stderr.splitlines() if " ERROR " in line] == []


@pytest.mark.parametrize("kind", ["delta", "iceberg"])
def test_a_settings_file_has_what_every_cluster_needs_and_the_package_of_the_page(kind: str):
    def settings(name: str) -> dict[str, str]:
        lines = (ROOT / "conf" / name).read_text().splitlines()
        return dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))

    found = settings(f"spark-{kind}.conf")
    assert settings("spark-defaults.conf").items() <= found.items()
    assert f"`{found['spark.jars.packages']}`" in (ROOT / "conf" / "README.md").read_text()

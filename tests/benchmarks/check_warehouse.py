"""A few nights in a warehouse of Delta or of Iceberg, with real records: every job on its tables, and a kill.

MITDB=DIR TABLE_JARS=DIR python tests/benchmarks/check_warehouse.py delta   (or iceberg)

Each step is a process of its own, with conf/spark-delta.conf or conf/spark-iceberg.conf. What it logs of its stages is
printed, with the seconds from Spark's start on; in the end what was found of the results.
"""

import json
import os
import re
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from tests.processes import ROOT, Started, environment
from tests.table_formats import formats, own_settings, why_without

LAST, CHANGED, KILLED = "234", "100", "101"
COMPACT = {
    "delta": "OPTIMIZE {beats}",
    "iceberg": "CALL ice.system.rewrite_data_files(table => '{beats}', options => map('rewrite-all', 'true'))",
}
SQL = """
import json, sys
from lstm_fcn.spark.session import get_session

spark = get_session("sql")
for statement in sys.argv[1:]:
    print(json.dumps([row.asDict() for row in spark.sql(statement).collect()], default=str))
"""
SHOWN = re.compile(r"(\S+ \S+),\d+ \w+ (stage=(?:start|recover|plan|score|publish|done|prepare|evaluate)\b.*)")


class Warehouse:
    """Tables of a format in a folder, and the jobs on them."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.schema = "ice.ecg" if kind == "iceberg" else "ecg"
        self.beats, self.scored = f"{self.schema}.beats", f"{self.schema}.scored"
        lines = (ROOT / "conf" / f"spark-{kind}.conf").read_text().splitlines()
        settings = dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
        settings |= own_settings(kind, folder)
        (folder / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        own = {"SPARK_CONF_DIR": str(folder), "SPARK_SUBMIT_OPTS": ""}
        self._env = environment(**own, PYTHONPATH=str(ROOT), SPARK_LOCAL_IP="127.0.0.1")
        self._folder = folder

    def start(self, *command: str | Path) -> Started:
        return Started(sys.executable, *command, env=self._env, cwd=ROOT, stdout=self._folder / "stdout")

    def sql(self, *statements: str) -> list[list[dict[str, str]]]:
        """Run statements; the rows of each."""
        self.start("-c", SQL, *statements).finish()
        return [json.loads(line) for line in (self._folder / "stdout").read_text().splitlines()[-len(statements) :]]

    def job(self, name: str, *arguments: str | Path, kill_at: str | None = None) -> str:
        """Run a job, or kill it where it logs some words; print and return what it logged of its stages."""
        print(f"\n$ {name}.py", *(str(each) for each in arguments), "(killed)" if kill_at else "", flush=True)
        began = time.monotonic()
        process = self.start(f"jobs/{name}.py", *arguments)
        if kill_at is not None:
            process.wait_for(kill_at)
            process.stop()
            log = process.stderr
        else:
            log = process.finish()
        found = [match.groups() for match in map(SHOWN.match, log.splitlines()) if match]
        times = [datetime.fromisoformat(when).timestamp() for when, _ in found]
        for when, (_, what) in zip(times, found, strict=True):
            print(f"  +{when - times[0]:3.0f} s  {what}")
        print(f"  {time.monotonic() - began:.0f} s in all")
        return log

    def score(self, *more: str, kill_at: str | None = None) -> str:
        given = ["--beats", self.beats, "--model", "new-patients", "--output", self.scored, *more]
        return self.job("score", *given, "--partition-by", "record", "--incremental", kill_at=kill_at)


def nights(warehouse: Warehouse, kind: str, records: Path, report: Path) -> dict[str, bool]:
    """Run them; what holds and what not."""
    names = sorted(path.stem for path in records.glob("*.hea"))
    beats, scored, facts = warehouse.beats, warehouse.scored, {}
    warehouse.sql(f"CREATE NAMESPACE IF NOT EXISTS {warehouse.schema}")
    prepared = ["--records", records, "--output", beats]
    warehouse.job("prepare", *prepared, "--only", ",".join(name for name in names if name != LAST))
    facts["all records are scored"] = f"score={len(names) - 1} " in warehouse.score()
    facts["nothing is new"] = "nothing is new" in warehouse.score()
    warehouse.job("prepare", *prepared, "--only", LAST)
    facts["one that was added is scored"] = "score=1 remove=0" in warehouse.score()
    warehouse.sql(f"DELETE FROM {beats} WHERE record = '{CHANGED}' AND sample < 100000")
    facts["one that lost beats is scored"] = "score=1 remove=0" in warehouse.score()
    warehouse.sql(COMPACT[kind].format(beats=beats))
    facts["nothing is new after compacting"] = "nothing is new" in warehouse.score()
    warehouse.sql(f"DELETE FROM {beats} WHERE record = '{KILLED}' AND sample < 100000")
    warehouse.score(kill_at="stage=score")
    warehouse.score()
    facts["nothing is new after a kill and a run"] = "nothing is new" in warehouse.score()
    metrics = f"{warehouse.schema}.evaluated"
    warehouse.job("evaluate", "--predictions", scored, "--output", report, "--metrics", metrics)
    read, written, twice, rows = (
        result[0]["n"]
        for result in warehouse.sql(
            f"SELECT count(*) n FROM {beats} WHERE beat IS NOT NULL",
            f"SELECT count(*) n FROM {scored}",
            f"SELECT count(*) - count(DISTINCT record, sample) n FROM {scored}",
            f"SELECT count(*) n FROM {metrics}",
        )
    )
    facts[f"each of {read} beats has one prediction"] = read == written and not twice
    facts["metrics in a table"] = bool(rows)
    return facts


def main(kind: str) -> None:
    """Run, print, and exit with 1 if something does not hold."""
    if kind not in formats():
        sys.exit(f"error: {why_without(kind)}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        facts = nights(Warehouse(kind, folder), kind, Path(os.environ["MITDB"]).resolve(), folder / "report")
    print()
    for fact, holds in facts.items():
        print(f"{'ok' if holds else 'NOT SO'}: {fact}")
    sys.exit(not all(facts.values()))


if __name__ == "__main__":
    main(sys.argv[1])

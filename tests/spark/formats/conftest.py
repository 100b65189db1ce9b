"""A session with Delta and Iceberg, and every kind of output that results go to."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import expr

from lstm_fcn.data.beats import Beats
from tests.processes import run_here
from tests.spark.frames import frame_of
from tests.spark.results import Place
from tests.table_formats import formats, settings_of_catalogs, why_without

_COLUMNS = (
    "id bigint, site string, label int, prediction int, predicted_class string, probability array<float>, "
    "error string, beat_length int, model string, run_id string, day date"
)
_number = itertools.count()


@dataclass(frozen=True)
class Kind:
    """A kind of output: its format, how a table is made before the first run (None: by the run), how it is laid out."""

    name: str
    format: str | None
    ddl: str | None = None

    @property
    def by_condition(self) -> bool:
        """Whether it replaces rows by any condition."""
        return self.format in ("delta", "iceberg")

    def output(self, folder: Path) -> str:
        """A new name in this kind's catalog, or a folder."""
        name = f"{self.name}_{next(_number)}"
        return str(folder / name) if self.format is None else f"{self.schema}.{name}"

    @property
    def schema(self) -> str:
        return "ice.results" if self.format == "iceberg" else "results"


KINDS = [
    Kind("folder", None),
    Kind("files", "parquet", "USING parquet PARTITIONED BY (day)"),
    Kind("delta", "delta", "USING delta"),
    Kind("delta_partitioned", "delta", "USING delta PARTITIONED BY (day)"),
    Kind("delta_clustered", "delta", "USING delta CLUSTER BY (site)"),
    Kind("iceberg", "iceberg", ""),
    Kind("iceberg_partitioned", "iceberg", "PARTITIONED BY (day)"),
    Kind("iceberg_hidden", "iceberg", "PARTITIONED BY (bucket(2, site), months(day))"),
]
TRANSACTIONAL = [kind for kind in KINDS if kind.by_condition]
_EVERY_DAY = ("delta_clustered", "iceberg_hidden")
BY_DAY = ("--partition-by", "day")


def each(kinds: Sequence[Kind]) -> list[Any]:
    """The kinds as parameters of a test: the harder ones every day, the others at night."""
    marks: dict[bool, Any] = {True: (), False: pytest.mark.nightly}
    return [pytest.param(kind, id=kind.name, marks=marks[kind.name in _EVERY_DAY]) for kind in kinds]


def named(name: str) -> Kind:
    return next(kind for kind in KINDS if kind.name == name)


@pytest.fixture(scope="module")
def warehouse(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """A session beside the others', in which jobs run meanwhile, with the catalogs of the formats that are there."""
    session = spark.newSession()
    for name, value in settings_of_catalogs(tmp_path_factory.mktemp("iceberg")).items():
        session.conf.set(name, value)
    session.sql("CREATE SCHEMA IF NOT EXISTS results")
    if "iceberg" in formats():
        session.sql("CREATE NAMESPACE IF NOT EXISTS ice.results")
    SparkSession._instantiatedSession = session
    yield session
    SparkSession._instantiatedSession = spark


def require_format(kind: str | None) -> None:
    """Skip where the jars of a format are not there."""
    if kind in ("delta", "iceberg") and kind not in formats():
        pytest.skip(why_without(kind))


@dataclass(frozen=True)
class Night:
    """A place of some kind, and how to score into it."""

    kind: Kind
    place: Place
    model: Path
    spark: SparkSession

    def score(self, beats: Path | str, *arguments: str, code: int = 0) -> str:
        """Run the job; what it wrote to standard error."""
        given = ["--beats", str(beats), "--model", str(self.model), "--output", self.place.output, *arguments]
        done = run_here("score", *given)
        assert done.returncode == code, done.stderr[-3000:]
        return done.stderr

    def make(self, site: str = "string") -> None:
        """Make the table, as its owner does, with a column `site` of this type."""
        if self.kind.ddl is not None:
            columns = _COLUMNS.replace("site string", f"site {site}")
            self.spark.sql(f"CREATE TABLE {self.place.output} ({columns}) {self.kind.ddl}")

    def ids(self, where: str = "true") -> list[int]:
        return sorted(row["id"] for row in self.place.predictions().where(where).collect())

    def runs(self, by: str = "day") -> dict[str, str]:
        """The one run of each value of a column."""
        rows = self.place.predictions().selectExpr(f"string({by}) AS by", "run_id").distinct().collect()
        assert len({row["by"] for row in rows}) == len(rows)
        return {row["by"]: row["run_id"] for row in rows}

    def left_over(self) -> list[str]:
        """What a run should have dropped: tables beside this one and branches of it, or in the folder."""
        if self.kind.format is None:
            return [path.name for path in Path(self.place.output).glob("_*")]
        bare = self.place.output.rpartition(".")[2]
        names = [row["tableName"] for row in self.spark.sql(f"SHOW TABLES IN {self.kind.schema}").collect()]
        found = [name for name in names if name.startswith((f"{bare}_staging", f"{bare}_lock"))]
        if self.kind.format == "iceberg":
            found += [
                row["name"] for row in self.spark.table(f"{self.place.output}.refs").where("name != 'main'").collect()
            ]
        return found


@pytest.fixture
def open_night(warehouse: SparkSession, tmp_path: Path, model_file: Path) -> Callable[[Kind], Night]:
    def open_(kind: Kind) -> Night:
        require_format(kind.format)
        return Night(kind, Place(warehouse, kind.output(tmp_path)), model_file, warehouse)

    return open_


@pytest.fixture
def write_sites(warehouse: SparkSession, beats: Beats, tmp_path: Path) -> Callable[..., Path]:
    """Write a table of beats of some days; rows of a day are of the sites A and B in turn."""

    def write(site: str = "site", **days: int) -> Path:
        path = tmp_path / f"beats_{next(_number)}"
        frame = sites_and_days(warehouse, beats, **days)
        frame.withColumn("site", expr(site)).write.parquet(str(path))
        return path

    return write


@pytest.fixture
def source(warehouse: SparkSession, beats: Beats, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Make a table of beats in the catalog, and then add to it what other days have."""

    def make(kind: str, *commits: dict[str, int], properties: str = "") -> str:
        require_format(kind)
        number = abs(hash(request.node.name)) % 10**8
        name = f"results.beats_{number}" if kind == "delta" else f"ice.results.beats_{number}"
        for i, days in enumerate(commits):
            rows = sites_and_days(warehouse, beats, **days)
            if i == 0:
                warehouse.sql(
                    f"CREATE TABLE {name} (id bigint, site string, label int, beat array<float>, day date) "
                    f"USING {kind} {properties}"
                )
            rows.write.insertInto(name)
        return name

    return make


def sites_and_days(spark: SparkSession, beats: Beats, **days: int) -> DataFrame:
    series = beats.series.tolist()
    rows = [
        (100 * int(day[1:]) + i, "AB"[i % 2], i % 5, series[(int(day[1:]) + i) % 200], f"2026-01-{int(day[1:]):02d}")
        for day, count in days.items()
        for i in range(count)
    ]
    return frame_of(spark, rows, "id long, site string, label int, beat array<float>, day date")

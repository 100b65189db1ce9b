"""One version of a table of Delta or Iceberg: the one that is named, or the newest, which a run then keeps to."""

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.spark.catalog import describe_table
from lstm_fcn.spark.errors import as_data_errors
from lstm_fcn.spark.sql import TableName, literal, quoted

_NAMED_BY = {
    "delta": {"versionasof": "VERSION", "timestampasof": "TIMESTAMP"},
    "iceberg": {
        "snapshot-id": "VERSION",
        "branch": "VERSION",
        "tag": "VERSION",
        "versionasof": "VERSION",
        "timestampasof": "TIMESTAMP",
    },
}
_AS_WRITTEN = {"versionasof": "versionAsOf", "timestampasof": "timestampAsOf"}


@dataclass(frozen=True)
class Version:
    """A version of a table.

    Attributes
    ----------
    option : str
        That reads it, e.g. versionAsOf=12; of Iceberg with the number of the snapshot.
    committed : str
        When it was made.
    """

    option: str
    committed: str

    def __str__(self) -> str:
        return f"{self.option} ({self.committed})"

    @property
    def options(self) -> dict[str, str]:
        """The option, as a reader takes it."""
        return dict([self.option.split("=", 1)])


def read_version(spark: SparkSession, name: TableName, options: Mapping[str, str], flag: str) -> DataFrame:
    """Open a table of the catalog at the version that an option names.

    Raises
    ------
    SettingsError
        If an option has no effect on such a table.
    """
    provider = describe_table(spark, name).provider
    known = _NAMED_BY.get(provider, {})
    odd = [option for option in options if option.lower() not in known]
    if odd:
        able = ", ".join(_AS_WRITTEN.get(each, each) for each in known) or "none"
        raise SettingsError(
            f"{flag}-options {odd[0]}={options[odd[0]]} has no effect on {name}, a table of {provider} in the catalog: "
            f"expected one of: {able}"
        )
    if len(options) > 1:
        raise SettingsError(
            f"expected one option of {flag}-options to name the version of {name}, found {len(options)}"
        )
    option, value = next(iter(options.items()))
    written = value if value.isdigit() else literal(value)
    clause = f"{known[option.lower()]} AS OF {written}"
    return spark.sql(f"SELECT * FROM {name} {clause}")  # noqa: S608 - the name is quoted


def newest_version(spark: SparkSession, name: TableName | str, kind: str, options: Mapping[str, str]) -> Version | None:
    """Find the newest version of a table, or of a branch or a tag; None where there is no such thing.

    Parameters
    ----------
    spark : SparkSession
    name : TableName or str
        A table of the catalog, or the path of files.
    kind : str
        The format of the files.
    options : mapping
        What the table is read with. A version that they name is not looked for.

    Raises
    ------
    DataError
        If there is no such branch or tag, or the format does not say.
    """
    given = {option.lower(): value for option, value in options.items()}
    if given.keys() & {"versionasof", "timestampasof", "snapshot-id", "as-of-timestamp"}:
        return None
    if isinstance(name, TableName):
        kind = describe_table(spark, name).provider
    with as_data_errors(str(name)):
        if kind.lower() == "delta":
            return _newest_of_delta(spark, str(name) if isinstance(name, TableName) else f"delta.{quoted(name)}")
        if kind.lower() == "iceberg":
            return _newest_of_iceberg(spark, name, given.get("branch") or given.get("tag"))
    return None


def options_of(version: Version | None, options: Mapping[str, str]) -> dict[str, str]:
    """Return options with this version in them; without one, as they are."""
    if version is None:
        return dict(options)
    # A branch goes on, and so only its version is named.
    return {name: value for name, value in options.items() if name.lower() not in ("branch", "tag")} | version.options


def pin_version(spark: SparkSession, name: TableName, options: Mapping[str, str]) -> dict[str, str]:
    """Return options that read a table as it is now, whoever writes to it meanwhile; a table may have no versions.

    Parameters
    ----------
    spark : SparkSession
    name : TableName
        One that is not there is left to its reader.
    options : mapping
        What it is to be read with. A version that they name stays.
    """
    with as_data_errors(str(name)):
        if not spark.catalog.tableExists(str(name)):
            return dict(options)
    return options_of(newest_version(spark, name, "", options), options)


def _newest_of_delta(spark: SparkSession, name: str) -> Version:
    last = spark.sql(f"DESCRIBE HISTORY {name} LIMIT 1").select("version", F.col("timestamp").cast("string")).collect()
    return Version(f"versionAsOf={last[0][0]}", last[0][1])


def _newest_of_iceberg(spark: SparkSession, name: TableName | str, ref: str | None) -> Version | None:
    def metadata(which: str) -> DataFrame:
        if isinstance(name, TableName):
            return spark.table(f"{name}.{which}")
        return spark.read.format("iceberg").load(f"{name}#{which}")

    found = metadata("refs").where(F.col("name") == (ref or "main")).select("snapshot_id").collect()
    if not found and ref is None:
        return None  # nothing was ever written to it
    if not found:
        raise DataError(f"{name} has no branch and no tag {ref!r}")
    snapshot = metadata("snapshots").where(F.col("snapshot_id") == found[0][0])
    return Version(f"versionAsOf={found[0][0]}", snapshot.select(F.col("committed_at").cast("string")).collect()[0][0])

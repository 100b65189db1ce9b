"""What the catalog says of a table: its format, its partitions, and the format that a new one gets."""

from dataclasses import dataclass

from pyspark.sql import SparkSession

from lstm_fcn.errors import SettingsError
from lstm_fcn.spark.errors import as_data_errors
from lstm_fcn.spark.sql import TableName

_PARTITIONS, _DETAILS = "# Partition Information", "# Detailed Table Information"
_OF_ICEBERG_ALONE = "org.apache.iceberg.spark.SparkCatalog"
SESSION_CATALOG = "spark_catalog"


@dataclass(frozen=True)
class TableDescription:
    """A table as the catalog describes it.

    Attributes
    ----------
    provider : str
        Its format in small letters, e.g. 'delta'.
    is_view : bool
    partition_by : tuple of str
        The columns whose values are partitions; not those of hidden partitions.
    """

    provider: str
    is_view: bool
    partition_by: tuple[str, ...]


def describe_table(spark: SparkSession, name: TableName) -> TableDescription:
    """Describe a table or a view that is there."""
    lines = [tuple(row)[:2] for row in spark.sql(f"DESCRIBE TABLE EXTENDED {name}").collect()]
    names = [line[0] for line in lines]
    # A column could have the name of a detail too, so only what follows the heading counts.
    details = dict(lines[names.index(_DETAILS) :]) if _DETAILS in names else {}
    partitions: list[str] = []
    if _PARTITIONS in names:
        after = names[names.index(_PARTITIONS) + 2 :]
        partitions = after[: after.index("")] if "" in after else after
    return TableDescription(
        provider=str(details.get("Provider", "unknown")).lower(),
        is_view=details.get("Type") == "VIEW",
        partition_by=tuple(partitions),
    )


def find_output(
    spark: SparkSession, name: TableName, asked: str | None, flag: str = "--output"
) -> TableDescription | None:
    """Describe the table that rows go to; None where it is to be made.

    Parameters
    ----------
    spark : SparkSession
    name : TableName
    asked : str or None
        The format that is asked for.
    flag : str
        What the name is given with.

    Raises
    ------
    SettingsError
        If its schema is not there, it is a view, or has another format.
    """
    with as_data_errors(str(name)):
        if not spark.catalog.databaseExists(name.schema):
            raise SettingsError(f"{flag} {name}: the catalog has no schema {name.schema}; CREATE SCHEMA {name.schema}")
        found = describe_table(spark, name) if spark.catalog.tableExists(str(name)) else None
    if found is not None and found.is_view:
        raise SettingsError(f"{flag} {name} is a view: give a table, or a name that is free")
    if found is not None and asked not in (None, found.provider):
        raise SettingsError(
            f"{flag} {name} is a table of {found.provider}, found --table-format {asked}: leave it out, or name a new "
            "table"
        )
    return found


def catalog_of(spark: SparkSession, name: TableName) -> str:
    """Return the catalog that a name is in: the one that it names, or the session's current one."""
    return name.parts[0] if len(name.parts) > 2 else spark.catalog.currentCatalog()


def format_of_new_table(spark: SparkSession, name: TableName, asked: str | None) -> str:
    """Return the format of a table that is to be made: the one asked for, the catalog's only one, or the default.

    Raises
    ------
    SettingsError
        If the catalog makes tables of another format alone.
    """
    catalog = catalog_of(spark, name)
    if spark.conf.get(f"spark.sql.catalog.{catalog}", None) == _OF_ICEBERG_ALONE:
        if asked not in (None, "iceberg"):
            raise SettingsError(f"the catalog {catalog} makes tables of Iceberg; found --table-format {asked}")
        return "iceberg"
    return asked or str(spark.conf.get("spark.sql.sources.default")).lower()

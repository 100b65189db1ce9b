"""The metrics of evaluations in a table of the catalog, to which each run adds its rows."""

from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.settings.evaluate import EvaluateSettings
from lstm_fcn.spark.catalog import find_output, format_of_new_table
from lstm_fcn.spark.metrics import metrics_table
from lstm_fcn.spark.scoring.table_format import refuse_unknown_format
from lstm_fcn.spark.sql import TableName, column, create_table
from lstm_fcn.spark.table_names import refuse_neither, table_name


def find_metrics_table(spark: SparkSession, settings: EvaluateSettings) -> TableName | None:
    """Find the table that metrics are added to; None where they go to the folder of the report.

    Raises
    ------
    SettingsError
        If it is no table, or one of another format than the one asked for.
    DataError
        If it has other columns than metrics.
    """
    if settings.metrics is None:
        if settings.table_format is not None:
            raise SettingsError("--table-format is for the table of --metrics; without one, metrics are Parquet files")
        return None
    refuse_neither(settings.metrics, "--metrics")
    name = table_name(settings.metrics)
    if name is None:
        raise SettingsError(
            f"expected --metrics to be a table of the catalog (schema.table), found the path {settings.metrics}; "
            "without --metrics they go to metrics/ in the folder of --output"
        )
    if find_output(spark, name, settings.table_format, "--metrics") is not None:
        _refuse_other_columns(spark, name)
    else:
        refuse_unknown_format(str(name), format_of_new_table(spark, name, settings.table_format), "--metrics")
    return name


def _refuse_other_columns(spark: SparkSession, name: TableName) -> None:
    was, now = dict(spark.table(str(name)).dtypes), dict(metrics_table(spark, "", None, ()).dtypes)
    odd = sorted(f"{name} {kind}" for name, kind in was.items() ^ now.items())
    if odd:
        raise DataError(
            f"the columns of the table {name} are not those of the metrics of evaluate.py: {', '.join(odd)}. Name "
            "another table with --metrics"
        )


def add_metrics(spark: SparkSession, name: TableName, metrics: DataFrame, new_format: str | None) -> None:
    """Add metrics to a table, in one commit where its format has such; one that is not there is made."""
    if not spark.catalog.tableExists(str(name)):
        about = "figures that evaluate.py of lstm-fcn computed; each run added its rows"
        create_table(spark, name, metrics.schema, format_of_new_table(spark, name, new_format), comment=about)
    metrics.select(*map(column, spark.table(str(name)).columns)).write.insertInto(str(name))

"""Where the results of a scoring run go: a folder, or a table of the catalog."""

from pyspark.sql import SparkSession

from lstm_fcn.errors import SettingsError
from lstm_fcn.settings.score import ScoreSettings
from lstm_fcn.spark.scoring.folder_output import FolderOutput
from lstm_fcn.spark.scoring.output import Output
from lstm_fcn.spark.scoring.table_output import TableOutput, is_companion
from lstm_fcn.spark.table_names import is_below, refuse_name_of_table, refuse_neither, table_name


def open_output(spark: SparkSession, settings: ScoreSettings) -> Output:
    """Open the place where the results go.

    Raises
    ------
    SettingsError, DataError
        If it is the input, or holds what is not this job's.
    """
    refuse_neither(settings.beats, "--beats")
    refuse_neither(settings.output, "--output")
    if is_below(settings.beats, settings.output) or is_below(settings.output, settings.beats):
        raise SettingsError(f"--output {settings.output} and --beats {settings.beats} are one, or one is in the other")
    name, source = table_name(settings.output), table_name(settings.beats)
    if name is None:
        refuse_name_of_table(spark, settings.output)
        if settings.table_format is not None or settings.merge_schema:
            raise SettingsError(
                f"--table-format and --merge-schema are for a table; --output {settings.output} is a folder of Parquet "
                "files, whose columns stay the same"
            )
        return FolderOutput(spark, settings.output, settings.partition_by, settings.summary_by)
    if (
        source is not None
        and is_below(str(source.sibling(name.bare)), str(name))
        and is_companion(source.bare, name.bare)
    ):
        raise SettingsError(f"--beats {settings.beats} has the name of a table that runs into {settings.output} make")
    by = settings.partition_by, settings.summary_by
    return TableOutput(spark, name, *by, settings.table_format, merge_schema=settings.merge_schema)

"""ECGs, or the published CSV form, to a beat table."""

import logging
from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.console import run_command
from lstm_fcn.settings.prepare import PrepareSettings
from lstm_fcn.settings.sources import load_settings
from lstm_fcn.spark.catalog import find_output
from lstm_fcn.spark.prepare.output import describe_beats, refuse_output, write_beats
from lstm_fcn.spark.prepare.table_output import Written, write_table
from lstm_fcn.spark.session import get_session
from lstm_fcn.spark.table_names import refuse_name_of_table, table_name

log = logging.getLogger("prepare")


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(PrepareSettings, arguments, "prepare.py")
    refuse_output(settings)
    spark, name = get_session("lstm-fcn prepare"), table_name(settings.output)
    if name is not None:
        find_output(spark, name, settings.table_format)  # refused before anything is read
    else:
        refuse_name_of_table(spark, settings.output)
    written = _write(spark, _beats(spark, settings), settings)
    print(describe_beats(written.beats))
    if settings.windows is not None:
        from lstm_fcn.spark.prepare.windows import log_what_is_missing

        log_what_is_missing(written.beats)
    log.info("stage=prepare output=%s failed_records=%d", settings.output, written.failed)


def _write(spark: SparkSession, beats: DataFrame, settings: PrepareSettings) -> Written:
    name, most_failed = table_name(settings.output), settings.max_failed_records
    if name is not None:
        return write_table(
            beats, name, replace=settings.replace, most_failed=most_failed, new_format=settings.table_format
        )
    failed = write_beats(beats, settings.output, replace=settings.replace, most_failed=most_failed)
    return Written(spark.read.parquet(settings.output), failed)


def _beats(spark: SparkSession, settings: PrepareSettings) -> DataFrame:
    if settings.csv is not None:
        from lstm_fcn.spark.prepare.csv_form import beats_of_csv

        return beats_of_csv(spark, settings.csv, settings.csv_split, settings.classes)
    from lstm_fcn.spark.prepare.records import Reading, beats_of_records

    reading = Reading(
        leads=tuple(settings.lead),
        annotator="detect" if settings.detect else settings.annotator,
        test_records=tuple(settings.test_records),
        only=tuple(settings.only),
    )
    if settings.records is not None:
        return beats_of_records(spark, settings.records, reading)
    from lstm_fcn.spark.tables import read_table

    if settings.windows is not None:
        from lstm_fcn.spark.prepare.windows import beats_of_windows

        return beats_of_windows(read_table(spark, settings.windows, flag="--windows"), reading)
    from lstm_fcn.spark.prepare.signals import beats_of_signals

    annotations = read_table(spark, settings.annotations, flag="--annotations") if settings.annotations else None
    return beats_of_signals(read_table(spark, str(settings.signals), flag="--signals"), annotations, reading)


if __name__ == "__main__":
    run_command(main)

"""ECGs, or the published CSV form, to a beat table."""

import logging
from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.console import run_command
from lstm_fcn.settings.prepare import PrepareSettings
from lstm_fcn.settings.sources import load_settings
from lstm_fcn.spark.prepare.output import describe_beats, write_beats
from lstm_fcn.spark.session import get_session
from lstm_fcn.spark.tables import refuse_table_name

log = logging.getLogger("prepare")


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(PrepareSettings, arguments, "prepare.py")
    refuse_table_name(settings.output, "--output")
    spark = get_session("lstm-fcn prepare")
    beats = _beats(spark, settings)
    failed = write_beats(beats, settings.output, replace=settings.replace, most_failed=settings.max_failed_records)
    print(describe_beats(spark, settings.output))
    log.info("stage=prepare output=%s failed_records=%d", settings.output, failed)


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
    from lstm_fcn.spark.prepare.signals import beats_of_signals
    from lstm_fcn.spark.tables import read_table

    annotations = read_table(spark, settings.annotations, flag="--annotations") if settings.annotations else None
    return beats_of_signals(read_table(spark, str(settings.signals), flag="--signals"), annotations, reading)


if __name__ == "__main__":
    run_command(main)

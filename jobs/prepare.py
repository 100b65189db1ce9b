"""Annotated ECG records, or the published CSV form, to a beat table."""

import logging
from collections.abc import Sequence

from lstm_fcn.console import run_job
from lstm_fcn.job_settings import load_settings
from lstm_fcn.settings import PrepareSettings
from lstm_fcn.spark.session import get_session
from lstm_fcn.spark.tables import read_table, replace_table, write_table

log = logging.getLogger("prepare")


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(PrepareSettings, arguments, "prepare.py")
    spark = get_session("lstm-fcn prepare")
    if settings.records is not None:
        from lstm_fcn.spark.wfdb_records import beats_of_records

        beats = beats_of_records(spark, settings.records, tuple(settings.test_records))
    else:
        from lstm_fcn.spark.csv_form import beats_of_csv

        beats = beats_of_csv(spark, str(settings.csv), settings.csv_split)
    (replace_table if settings.replace else write_table)(beats, settings.output)
    counts = read_table(spark, settings.output).groupBy("split", "label").count().orderBy("split", "label")
    print(counts.toPandas().to_string(index=False))
    log.info("stage=prepare output=%s", settings.output)


if __name__ == "__main__":
    run_job(main)

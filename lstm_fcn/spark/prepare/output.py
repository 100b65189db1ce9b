"""Writing a beat table into a folder: the beats of the records that could be read, and the reasons of the others."""

import logging
from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstm_fcn.data.beats import BEAT_SCHEMA
from lstm_fcn.data.label_scheme import CLASSES_KEY
from lstm_fcn.data.labels import GROUP_OF_RECORD
from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.settings.prepare import PrepareSettings
from lstm_fcn.spark.errors import own_errors_of_tasks
from lstm_fcn.spark.files import Files, files_at
from lstm_fcn.spark.rows import few_rows
from lstm_fcn.spark.table_names import is_below, is_table_name, refuse_neither, refuse_pattern
from lstm_fcn.spark.tables import holds_files, require_replaceable

log = logging.getLogger(__name__)

NO_BEATS = "no beats"
"""In the column `failure`: the record was read, and is no failure; it has no row but this one."""

_NAMED_AT_MOST = 100


def refuse_output(settings: PrepareSettings) -> None:
    """Refuse a place for beats that is none, or is one of the sources.

    Raises
    ------
    SettingsError
    """
    output = settings.output
    refuse_neither(output, "--output")
    if settings.table_format is not None and not is_table_name(output):
        raise SettingsError(f"--table-format is for a table; --output {output} is a folder of Parquet files")
    for source in (settings.signals, settings.windows, settings.annotations):
        if source is not None and (is_below(source, output) or is_below(output, source)):
            raise SettingsError(f"--output {output} and {source} are one, or one is in the other")


def write_beats(beats: DataFrame, path: str, *, replace: bool, most_failed: int) -> int:
    """Write a beat table, and beside it `PATH_failures`, if records failed; a failed job leaves what was there.

    The table is written beside its place and takes it by renames.

    Parameters
    ----------
    beats : DataFrame
        With the columns of `lstm_fcn.data.beats.BEAT_SCHEMA` and `failure`, in which a record that failed, or that has
        no beats, is one row.
    path : str
    replace : bool
        Whether a beat table that is there may be replaced.
    most_failed : int
        Records that may fail.

    Returns
    -------
    int
        The number of records that failed.

    Raises
    ------
    DataError
        If there is something at the path, or more records failed than may. The message names them all, with their
        reasons.
    SettingsError
        If the path has a character of a pattern, or, under Spark Connect, is not on a disk of client and server.
    """
    refuse_pattern(path)
    spark, path = beats.sparkSession, path.rstrip("/")
    files = files_at(spark, path)
    folder, slash, name = path.rpartition("/")
    draft, old = (f"{folder}{slash}.{name}.{end}" for end in ("new", "old"))
    if files.exists(old) and not files.exists(path):  # somebody died between the renames
        files.rename(old, path)
    if replace:
        require_replaceable(spark.createDataFrame([], BEAT_SCHEMA), path, files)
    elif holds_files(spark, path):
        raise DataError(f"{path} is there already: remove it, write somewhere else, or --replace it")
    files.remove(draft)
    try:
        failures, beatless = _write_draft(beats, draft, files)
        log_beatless(beatless)
        refuse_too_many(failures, most_failed)
        _take_place(files, draft, path, old)
    finally:
        files.remove(draft)
    _write_failures(beats, failures, f"{path}_failures", files)
    return len(failures)


def _write_draft(beats: DataFrame, draft: str, files: Files) -> tuple[list[tuple[str, str]], list[str]]:
    """Write good beats and failures into folders of their own; return what `read_failures` does."""
    failed = F.col("failure").isNotNull()
    columns = [name for name in beats.columns if name not in ("failure", "symbol")]
    # The reason of a record that failed travels in its symbol, which it does not have.
    rows = beats.select(*columns, F.coalesce("failure", "symbol").alias("symbol"), failed.alias("_failed"))
    ordered = rows.select(*(F.col(f"`{name}`") for name in beats.columns if name != "failure"), "_failed")
    with own_errors_of_tasks():
        ordered.write.partitionBy("_failed").parquet(draft)
    if not files.exists(f"{draft}/_failed=false"):
        beats.sparkSession.createDataFrame([], BEAT_SCHEMA).write.parquet(f"{draft}/_failed=false")
    if not files.exists(f"{draft}/_failed=true"):
        return [], []
    return read_failures(beats.sparkSession.read.parquet(f"{draft}/_failed=true").select("record", "symbol"))


def read_failures(rows: DataFrame) -> tuple[list[tuple[str, str]], list[str]]:
    """Read the records that failed, with their reasons, and those that were read and have no beats; in order."""
    found = sorted((record, reason) for record, reason in rows.collect())
    failures = [(record, reason) for record, reason in found if reason != NO_BEATS]
    return failures, [record for record, reason in found if reason == NO_BEATS]


def log_beatless(records: Sequence[str]) -> None:
    """Log the records that were read and have no beats."""
    if records:
        more = ", ..." if len(records) > _NAMED_AT_MOST else ""
        named = ", ".join(records[:_NAMED_AT_MOST])
        log.warning("stage=prepare records without beats: %d: %s%s", len(records), named, more)


def refuse_too_many(failures: list[tuple[str, str]], most: int) -> None:
    """Log the records that failed, or refuse to go on where they are more than may fail.

    Raises
    ------
    DataError
    """
    if len(failures) <= most:
        for record, reason in failures:
            log.warning("stage=prepare failed record=%s reason=%r", record, reason)
        return
    named = "\n".join(f"  {record}: {reason}" for record, reason in failures[:_NAMED_AT_MOST])
    more = f"\n  and {len(failures) - _NAMED_AT_MOST} more" if len(failures) > _NAMED_AT_MOST else ""
    raise DataError(
        f"records that cannot be read: {len(failures)}, more than --max-failed-records {most} allows; nothing was "
        f"written:\n"
        f"{named}{more}"
    )


def describe_beats(table: DataFrame) -> str:
    """Lay out how many beats a table has by split and label, and log what was taken of the records."""
    for row in table.groupBy("lead", "fs", "annotator").agg(F.countDistinct("record").alias("n")).collect():
        if row["fs"] is not None:
            found = (row["n"], row["lead"], row["fs"], row["annotator"])
            log.info("stage=prepare records=%d lead=%s fs=%g annotator=%s", *found)
    classes = table.schema["label"].metadata.get(CLASSES_KEY, [])
    if classes:
        log.info("stage=prepare classes %s", ", ".join(f"{i}={name}" for i, name in enumerate(classes)))
    known = table.where(F.col("group").isNull() & F.col("record").isin(list(GROUP_OF_RECORD))).select("record")
    others = sorted(row["record"] for row in known.distinct().collect())
    if others:
        log.warning(
            "stage=prepare records %s have names of MIT-BIH records, and not their beats: no published split or group",
            ", ".join(others),
        )
    counts = table.groupBy("split", "label").count().orderBy("split", "label")
    return str(counts.toPandas().astype({"label": "Int64"}).to_string(index=False, na_rep="-"))


def _take_place(files: Files, draft: str, path: str, old: str) -> None:
    files.create(f"{draft}/_failed=false/_SUCCESS", "")  # as Spark leaves it
    files.remove(old)
    if files.exists(path):
        files.rename(path, old)
    files.rename(f"{draft}/_failed=false", path)
    files.remove(old)


def _write_failures(beats: DataFrame, failures: list[tuple[str, str]], path: str, files: Files) -> None:
    files.remove(path)
    if failures:
        rows = few_rows(beats.sparkSession, failures, {"record": "string", "reason": "string"})
        rows.write.parquet(path)

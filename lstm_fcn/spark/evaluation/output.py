"""What an evaluation leaves: metrics and changed beats as Parquet, the report, and last a manifest."""

import json
from collections.abc import Iterator

from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.errors import SettingsError
from lstm_fcn.evaluation.metrics import MetricRow
from lstm_fcn.evaluation.report.content import Content
from lstm_fcn.settings.evaluate import EvaluateSettings
from lstm_fcn.spark.errors import own_errors_of_tasks
from lstm_fcn.spark.evaluation.metrics_table import add_metrics, find_metrics_table
from lstm_fcn.spark.files import files_at
from lstm_fcn.spark.metrics import metrics_table
from lstm_fcn.spark.table_names import is_below, refuse_pattern, refuse_table_name
from lstm_fcn.spark.tables import holds_files


def refuse_output(spark: SparkSession, settings: EvaluateSettings) -> None:
    """Refuse a place where the report or the metrics cannot go.

    Raises
    ------
    SettingsError, DataError
    """
    output = settings.output
    refuse_table_name(output, "--output")
    refuse_pattern(output)
    for source in (settings.predictions, settings.beats, settings.against):
        if source is not None and (is_below(source, output) or is_below(output, source)):
            raise SettingsError(f"--output {output} and {source} are one, or one is in the other")
    files = files_at(spark, output)
    for name in ("predictions", "_lock.json"):
        if files.exists(f"{output}/{name}"):
            raise SettingsError(f"--output {output} is a folder of score.py (it has {name}): give the report its own")
    find_metrics_table(spark, settings)


def write_evaluation(
    spark: SparkSession, content: Content, changed: DataFrame | None, page: str, settings: EvaluateSettings
) -> str:
    """Write it; metrics and changed beats are added to those of earlier runs, the report replaces theirs.

    The manifest comes last, so a run that has none has not ended.

    Returns
    -------
    str
        Where the report is.

    Raises
    ------
    StorageError
        If it cannot be written.
    SettingsError
        If the changed beats of earlier runs have other keys.
    """
    output = settings.output.rstrip("/")
    files = files_at(spark, output)
    with own_errors_of_tasks():
        if changed is not None:
            _require_same_keys(spark, changed, f"{output}/changed")
            changed.write.mode("append").parquet(f"{output}/changed")
        metrics = metrics_table(spark, content.run_id, ", ".join(content.models) or None, _metric_rows(content))
        name = find_metrics_table(spark, settings)
        if name is None:
            metrics.write.mode("append").parquet(f"{output}/metrics")
        else:
            add_metrics(spark, name, metrics, settings.table_format)
    files.replace(f"{output}/report.html", page)
    files.replace(f"{output}/runs/{content.run_id}.json", _manifest(content, settings))
    return f"{output}/report.html"


def _require_same_keys(spark: SparkSession, changed: DataFrame, path: str) -> None:
    if not holds_files(spark, path):
        return
    was, now = spark.read.parquet(path).dtypes, changed.dtypes
    if was != now:
        odd = ", ".join(sorted(" ".join(each) for each in set(was) ^ set(now)))
        raise SettingsError(f"{path} has changed beats with other columns than these ({odd}): give another --output")


def _metric_rows(content: Content) -> Iterator[tuple[str | None, str | None, MetricRow]]:
    yield from ((None, None, row) for row in content.estimates)
    columns = [*content.groups.items(), (content.record, content.worst)]
    for column, group in ((column, group) for column, groups in columns for group in groups):
        yield from ((column, group.name, row) for row in group.estimates)


def _manifest(content: Content, settings: EvaluateSettings) -> str:
    metrics = {each.metric: [each.value, each.low, each.high] for each in content.estimates if each.class_ == "all"}
    return json.dumps(
        {
            "run_id": content.run_id,
            "finished": content.finished,
            "models": content.models,
            "rows": content.row_counts.rows,
            "evaluated": content.row_counts.evaluated,
            "failed": content.row_counts.failed,
            "errors": content.row_counts.errors,
            "unknown_labels": content.row_counts.unknown_labels,
            "metrics": metrics,
            "settings": settings.model_dump(mode="json"),
        },
        indent=1,
    )

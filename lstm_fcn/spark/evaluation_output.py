"""What an evaluation leaves: metrics and changed beats as Parquet, the report, and last a manifest."""

import json
from collections.abc import Iterator, Sequence

from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.errors import SettingsError
from lstm_fcn.evaluation import Estimate
from lstm_fcn.report.content import Content
from lstm_fcn.scoring_settings import EvaluateSettings
from lstm_fcn.spark.files import files_at
from lstm_fcn.spark.scoring_tables import is_below
from lstm_fcn.spark.sources import is_table_name
from lstm_fcn.spark.tables import PATTERN, holds_files, own_errors_of_tasks

_SCHEMA = (
    "run_id string, model string, group_by string, `group` string, `class` string, metric string, value double, "
    "low double, high double, support long"
)


def refuse_output(spark: SparkSession, settings: EvaluateSettings) -> None:
    """Refuse a place where the report cannot go.

    Raises
    ------
    SettingsError
    """
    output = settings.output
    if is_table_name(output) or PATTERN.search(output):
        raise SettingsError(f"expected --output to be a folder without any of * ? [ ] {{ }} \\, found {output}")
    for source in (settings.predictions, settings.beats, settings.against):
        if source is not None and (is_below(source, output) or is_below(output, source)):
            raise SettingsError(f"--output {output} and {source} are one, or one is in the other")
    files = files_at(spark, output)
    for name in ("predictions", "_lock.json"):
        if files.exists(f"{output}/{name}"):
            raise SettingsError(f"--output {output} is a folder of score.py (it has {name}): give the report its own")


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
        metrics = spark.createDataFrame(list(_metric_rows(content)), _SCHEMA).coalesce(1)
        metrics.write.mode("append").parquet(f"{output}/metrics")
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


def _metric_rows(content: Content) -> Iterator[tuple[object, ...]]:
    model = ", ".join(content.models) or None

    def rows(group_by: str | None, group: str | None, estimates: Sequence[Estimate]) -> Iterator[tuple[object, ...]]:
        return ((content.run_id, model, group_by, group, *each) for each in estimates)

    yield from rows(None, None, content.estimates)
    for column, groups in content.groups.items():
        for group in groups:
            yield from rows(column, group.name, group.estimates)
    for group in content.worst:
        yield from rows(content.record, group.name, group.estimates)


def _manifest(content: Content, settings: EvaluateSettings) -> str:
    figures = {each.metric: [each.value, each.low, each.high] for each in content.estimates if each.class_ == "all"}
    return json.dumps(
        {
            "run_id": content.run_id,
            "finished": content.finished,
            "models": content.models,
            "rows": content.kinds.rows,
            "judged": content.kinds.judged,
            "failed": content.kinds.failed,
            "errors": content.kinds.errors,
            "unknown_labels": content.kinds.unknown_labels,
            "figures": figures,
            "settings": settings.model_dump(mode="json"),
        },
        indent=1,
    )

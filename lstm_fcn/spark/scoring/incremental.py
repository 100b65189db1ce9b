"""What an incremental run need not score again: the version, the files or the rows are those of the last time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pyspark.sql import DataFrame

from lstm_fcn.settings.score import ScoreSettings
from lstm_fcn.spark.scoring.manifest import Key, Manifest, PartitionState
from lstm_fcn.spark.scoring.partitions import contents, in_partitions
from lstm_fcn.spark.scoring.plan import PartitionContent, has_same_files
from lstm_fcn.spark.versions import Version


def has_scored(last: Manifest | None, version: Version | None, settings: ScoreSettings, recipe: str) -> bool:
    """Check whether the last run has scored this very version of the input, with the same model and settings."""
    if last is None or version is None or last.beats_version != str(version):
        return False
    same = last.beats == settings.beats and last.settings.get("where") == settings.where
    return same and {state.recipe for state in last.partitions} == {recipe}


def with_content(
    found: Mapping[Key, PartitionContent],
    state: Mapping[Key, PartitionState],
    beats: DataFrame,
    partition_by: Sequence[str],
    names: Sequence[str],
) -> dict[Key, PartitionContent]:
    """Look at the rows of the partitions whose files are not known to be the same.

    Parameters
    ----------
    found : mapping
        What the input holds.
    state : mapping
        What it held when it was scored.
    beats : DataFrame
    partition_by : sequence of str
    names : sequence of str
        The columns that decide a prediction or are carried along.
    """
    unread = [key for key, each in found.items() if key not in state or not has_same_files(each, state[key])]
    read = contents(in_partitions(beats, partition_by, unread), partition_by, names) if unread else {}
    return {key: replace(each, content=read[key] if key in read else state[key].content) for key, each in found.items()}

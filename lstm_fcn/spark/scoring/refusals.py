"""What a run of the scoring job may not do, found before anything is written."""

from pyspark.sql import DataFrame

from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.settings.score import ScoreSettings
from lstm_fcn.spark.scoring.manifest import Manifest
from lstm_fcn.spark.scoring.output import (
    Output,
    refuse_columns_left_behind,
    refuse_key_columns,
    selects_partitions,
)


def condition_to_replace(where: str | None, beats: DataFrame, beat: str, output: Output) -> str | None:
    """Return the condition of the rows to replace, where these are not whole partitions or all.

    Parameters
    ----------
    where : str or None
        The condition of the beats to score.
    beats : DataFrame
    beat : str
        Their column that the model takes, which is not carried along.
    output : Output

    Raises
    ------
    SettingsError
        If the output cannot replace rows by it.
    """
    by = output.partition_by
    if where is None or (by and selects_partitions(where, beats, by)):
        return None
    if output.replaces_by_condition:
        refuse_columns_left_behind(where, beats, beat)
        return where
    if by:
        raise SettingsError(
            f"the results are replaced by partitions, so --where may only use their columns ({', '.join(by)}); "
            f"found {where!r}. A table of Delta or Iceberg can replace rows by any condition"
        )
    return None


def refuse_impossible(settings: ScoreSettings, beats: DataFrame, output: Output, condition: str | None) -> None:
    """Refuse settings that do not fit each other on this output.

    Parameters
    ----------
    settings : ScoreSettings
    beats : DataFrame
    output : Output
    condition : str or None
        As `condition_to_replace` returns it.

    Raises
    ------
    SettingsError, DataError
    """
    by = output.partition_by
    if settings.incremental and (not by or condition is not None):
        raise SettingsError(
            "--incremental works by partitions: give --partition-by, or a table that has some, and no --where on "
            "other columns"
        )
    refuse_key_columns(beats, by, "--partition-by")
    if settings.limit is not None and (by or condition is not None):
        raise SettingsError("--limit is for a trial and goes without partitions: give a folder as --output")


def refuse_earlier_id(run_id: str, last: Manifest | None) -> None:
    """Refuse a run whose id is not later than the last one's: the last one's state is what the next goes on from.

    Raises
    ------
    DataError
    """
    if last is not None and run_id <= last.run_id:
        raise DataError(
            f"run {last.run_id} has published in the meantime, and this one's id {run_id} is not later: start "
            "it again, and if that does not help compare the clocks of the machines"
        )


def refuse_part_for_whole(settings: ScoreSettings, output: Output) -> None:
    """Refuse to replace results without partitions by the part of the beats that a condition selects.

    Raises
    ------
    SettingsError
    """
    last, where = output.last, settings.where
    if output.replaces_by_condition or output.partition_by or last is None or where is None:
        return
    earlier = last.settings.get("where")
    if earlier == where:
        return
    before = f"--where {earlier!r}" if earlier else "all beats"
    raise SettingsError(
        f"--where {where!r} would replace all results in {settings.output}, which has no partitions and holds "
        f"those of {before}: give another --output, or one with --partition-by, of which the rest stays"
    )

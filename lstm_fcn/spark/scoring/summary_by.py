"""What the rows of the summary are of, as --summary-by says: what is refused before anything is scored."""

from collections.abc import Sequence

from pyspark.sql import DataFrame

from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.spark.scoring.output import refuse_key_columns
from lstm_fcn.spark.scoring.record_summary import HOUR, figures
from lstm_fcn.spark.tables import refuse_missing


def refuse_summary_by(by: Sequence[str], partition_by: Sequence[str], carried: DataFrame) -> None:
    """Refuse columns that the rows of a summary cannot be of.

    Parameters
    ----------
    by, partition_by : sequence of str
    carried : DataFrame
        The beats, with the columns that the predictions have too.

    Raises
    ------
    SettingsError, DataError
    """
    names = [name for name in by if name not in ("record", HOUR)]
    refuse_missing(names, carried, "what is carried along of the beat table")
    refuse_key_columns(carried, names, "--summary-by")
    made = {name.lower() for name in by} & {HOUR, *figures()}
    twice = [name for name in carried.columns if name.lower() in made]
    if twice:
        raise DataError(
            f"the summary makes a column '{twice[0]}' itself: expected --summary-by {','.join(by)} with a beat table "
            "that has none, rename its own"
        )
    if "record" in partition_by and "record" not in by:
        raise SettingsError(
            "with --partition-by record each record is replaced alone, so no row of the summary can be of several: "
            f"expected --summary-by with record, found {','.join(by)}"
        )


def keys_of_summary(columns: Sequence[str], name: str) -> list[str]:
    """Name the columns that say what the rows of a summary are of.

    Raises
    ------
    DataError
        If it is no summary of records, but has the name of one, and so would be replaced.
    """
    if not {"v_burden", "bigeminy"} <= set(columns):
        raise DataError(
            f"{name} is there and no run of this job wrote it, and it would be replaced by the summary of the records: "
            "move it, or give another --output"
        )
    made = figures()
    return [each for each in columns if each not in made]


def refuse_other_keys(there: Sequence[str], wanted: Sequence[str], name: str) -> None:
    """Refuse to put rows into a summary whose rows are of something else, such as records beside hours.

    Raises
    ------
    SettingsError
    """
    if {each.lower() for each in there} != {each.lower() for each in wanted}:
        raise SettingsError(
            f"{name} has a row for each {', '.join(there)}; with these --summary-by and --partition-by it would be "
            f"for each {', '.join(wanted)}. Give those of before, or another --output; or remove {name} and score all "
            "again, without --incremental"
        )

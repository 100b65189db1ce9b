"""Two predictions tables of the same beats, paired by their keys."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstm_fcn.errors import DataError
from lstm_fcn.spark.evaluation.counts import positions_of, to_dense
from lstm_fcn.spark.sql import column


@dataclass(frozen=True)
class Pairs:
    """What two tables have in common.

    Attributes
    ----------
    joint : (R, C, C, C) int array
        Beats by block, true class, the class that the first predicted, and the one that the other predicted.
    only_first, only_other : int
        Rows without a partner, which are not compared.
    """

    joint: NDArray[np.int64]
    only_first: int
    only_other: int


def pair(first: DataFrame, other: DataFrame, keys: Sequence[str]) -> DataFrame:
    """Join two tables of predictions by their keys.

    Parameters
    ----------
    first, other : DataFrame
        Rows with a label, as `lstm_fcn.spark.evaluation.rows.with_label` keeps them; `first` with blocks.
    keys : sequence of str

    Returns
    -------
    DataFrame
        The keys, `_block` and `_true`; `_predicted`, `_confidence` of the first, `_other`, `_other_confidence` of the
        other, which are NULL where there is no partner.

    Raises
    ------
    DataError
        If a key occurs twice in a table, or a beat has two labels.
    """
    first, other = with_comparable_keys(first, other, keys)
    for name, table in (("the predictions", first), ("those of --against", other)):
        _require_unique(table, keys, name)
    of_other = other.select(
        *map(column, keys),
        F.col("_true").alias("_other_true"),
        F.col("_predicted").alias("_other"),
        F.col("_confidence").alias("_other_confidence"),
    )
    of_first = first.select(*map(column, [*keys, "_block", "_true", "_predicted", "_confidence"]))
    pairs = of_first.join(of_other, on=list(keys), how="full")
    odd = pairs.where("_true != _other_true").select(*map(column, keys)).take(1)
    if odd:
        raise DataError(f"the two predictions have different labels of one beat ({_text(odd[0].asDict())})")
    return pairs.drop("_other_true")


def with_comparable_keys(first: DataFrame, other: DataFrame, keys: Sequence[str]) -> tuple[DataFrame, DataFrame]:
    """Make keys that are text in one of two tables text in both, since '118e00' is no number to compare with."""
    types = [dict(table.dtypes) for table in (first, other)]
    for name in keys:
        kinds = {of_table[name] for of_table in types}
        if "string" in kinds and len(kinds) > 1:
            first, other = (table.withColumn(name, column(name).cast("string")) for table in (first, other))
    return first, other


def _require_unique(table: DataFrame, keys: Sequence[str], name: str) -> None:
    rows = F.count(F.lit(1)).alias("_rows")
    twice = table.groupBy(*map(column, keys)).agg(rows).where("_rows > 1").take(1)
    if twice:
        key = {name: value for name, value in twice[0].asDict().items() if name != "_rows"}
        raise DataError(
            f"{name} hold {twice[0]['_rows']} rows with one key ({_text(key)}): name columns with --keys that "
            "identify every beat"
        )


def _text(key: dict[str, object]) -> str:
    return ", ".join(f"{name}={value}" for name, value in key.items())


def count_pairs(pairs: DataFrame, classes: int) -> Pairs:
    """Count pairs, as `pair` joins them.

    Raises
    ------
    DataError
        If not one beat is in both.
    """
    rows = pairs.groupBy("_block", "_true", "_predicted", "_other").count().toPandas()
    in_first, in_other = rows["_predicted"].notna(), rows["_other"].notna()
    both = rows[in_first & in_other]
    if both.empty:
        raise DataError("no beat is in both predictions: are the --keys the same in both?")
    blocks = pd.Index(sorted(both["_block"].unique()))
    place = [positions_of(blocks, both), *(both[name] for name in ("_true", "_predicted", "_other"))]
    joint = to_dense((len(blocks), classes, classes, classes), place, both["count"]).astype(np.int64)
    return Pairs(joint, int(rows.loc[~in_other, "count"].sum()), int(rows.loc[~in_first, "count"].sum()))


def changed_sides(pairs: DataFrame, keys: Sequence[str], classes: Sequence[str], run_id: str) -> DataFrame:
    """Select the beats that one of the two has right and the other has wrong.

    Returns
    -------
    DataFrame
        `run_id`, the keys, `true_class`, `first_class`, `other_class`, `first_confidence`, `other_confidence`, `gained`
        (boolean: the first has it right).
    """
    names = F.array(*(F.lit(name) for name in classes))
    first_right, other_right = F.col("_predicted") == F.col("_true"), F.col("_other") == F.col("_true")
    return pairs.where(first_right != other_right).select(
        F.lit(run_id).alias("run_id"),
        *map(column, keys),
        F.get(names, F.col("_true")).alias("true_class"),
        F.get(names, F.col("_predicted")).alias("first_class"),
        F.get(names, F.col("_other")).alias("other_class"),
        F.col("_confidence").alias("first_confidence"),
        F.col("_other_confidence").alias("other_confidence"),
        first_right.alias("gained"),
    )

"""One column a value, as the published algorithm has it: x_1..x_L in, y_1..y_C and p_1..p_C out."""

import re
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from lstm_fcn.errors import DataError

if TYPE_CHECKING:
    from lstm_fcn.header import Header

_NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double")


def gather_beat(table: DataFrame, prefix: str) -> DataFrame:
    """Gather the columns x_1, x_2, ... (or x1, x2, ...) into one array column `beat`, by their numbers.

    Raises
    ------
    DataError
        If there are none, one is missing or no number, or there is a column `beat`.
    """
    numbered: dict[int, str] = {}
    for name in table.columns:
        match = re.fullmatch(re.escape(prefix) + r"_?(\d+)", name)
        if match and int(match[1]) in numbered:
            raise DataError(f"the table has both columns {numbered[int(match[1])]} and {name}: drop one of them")
        if match:
            numbered[int(match[1])] = name
    if not numbered:
        raise DataError(f"the table has no columns {prefix}_1, {prefix}_2, ...; found: {', '.join(table.columns[:10])}")
    first, last = min(numbered), max(numbered)
    missing = sorted(set(range(first, last + 1)) - numbered.keys())
    if missing:
        raise DataError(f"of the columns {numbered[first]} to {numbered[last]} number {missing[0]} is missing")
    if "beat" in table.columns:
        raise DataError(f"the table has a column 'beat' beside {numbered[first]}, ...: drop one of them")
    types = dict(table.dtypes)
    odd = [name for name in numbered.values() if types[name] not in _NUMBERS]
    if odd:
        raise DataError(f"expected column '{odd[0]}' to be {' or '.join(_NUMBERS)}, found {types[odd[0]]}")
    values = [F.col(numbered[number]).cast("float") for number in sorted(numbered)]
    return table.withColumn("beat", F.array(*values)).drop(*numbered.values())


def gather_probabilities(predictions: DataFrame, name: str, classes: int) -> DataFrame:
    """Gather the columns p_1, ..., as `spread_predictions` makes them, into one array column.

    Raises
    ------
    DataError
        If one is missing.
    """
    names = [f"p_{i + 1}" for i in range(classes)]
    missing = [each for each in names if each not in predictions.columns]
    if missing:
        raise DataError(f"expected a probability of each of {classes} classes, found no column {missing[0]}")
    return predictions.withColumn(name, F.array(*(F.col(each).cast("double") for each in names)))


def spread_predictions(predictions: DataFrame, header: "Header") -> DataFrame:
    """Spread predictions over columns: y_i is 1 where class i is predicted, else 0; p_i is its probability.

    Parameters
    ----------
    predictions : DataFrame
        As `lstm_fcn.spark.score` makes it; `probability` is replaced.
    header : Header
        Of the model.

    Raises
    ------
    DataError
        If such columns are there already.
    """
    count, several = len(header.classes), header.network.task == "multilabel"
    called = [
        F.col("prediction")[i] if several else (F.col("prediction") == header.predictions[i]).cast("int")
        for i in range(count)
    ]
    new = {f"y_{i + 1}": column for i, column in enumerate(called)}
    new |= {f"p_{i + 1}": F.col("probability")[i] for i in range(count)}
    taken = [name for name in predictions.columns if name.lower() in new]
    if taken:
        raise DataError(f"the beat table already has the columns {', '.join(taken)}: rename or drop them")
    return predictions.select("*", *(column.alias(name) for name, column in new.items())).drop("probability")

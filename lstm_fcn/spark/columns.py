"""One column a value, as the published algorithm has it: x_1..x_L in, y_1..y_C and p_1..p_C out."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from lstm_fcn.errors import DataError
from lstm_fcn.spark.csv_input import UNFIT
from lstm_fcn.spark.sql import column, quoted

if TYPE_CHECKING:
    from lstm_fcn.model.header import Header

_NUMBERS = ("tinyint", "smallint", "int", "bigint", "decimal", "float", "double")

TRUE_PREFIX = "true_"
"""Of the input's own columns y_1, ... beside those that the model adds."""


def gather_beat(
    table: DataFrame, prefix: str, kept: Sequence[str] = (), length: int | None = None, *, is_text: bool = False
) -> DataFrame:
    """Gather the columns x_1, x_2, ... (or x1, x2, ...) into one array column `beat`, by their numbers.

    Blanks around a name do not count.

    Parameters
    ----------
    table : DataFrame
    prefix : str
    kept : sequence of str
        Columns that are no values, though named so: the label, such as _c187 behind the values _c0 to _c186, and those
        of partitions.
    length : int, optional
        Columns that are expected.
    is_text : bool
        Numbers may be text, as a CSV file has them; what is none becomes NULL.

    Raises
    ------
    DataError
        If there are none or a single one, one is missing or no number, there are fewer or more than expected, or there
        is a column `beat`.
    """
    numbered: dict[int, str] = {}
    for name in table.columns:
        match = re.fullmatch(re.escape(prefix.strip()) + r"_?(\d+)", name.strip())
        if not match or name in kept:
            continue
        if int(match[1]) in numbered:
            raise DataError(f"the table has both columns {numbered[int(match[1])]} and {name}: drop one of them")
        numbered[int(match[1])] = name
    _check_numbered(table, numbered, prefix, (*_NUMBERS, "string") if is_text else _NUMBERS, length)
    values = [F.expr(f"try_cast({quoted(numbered[number])} AS float)") for number in sorted(numbered)]
    return table.withColumn("beat", F.array(*values)).drop(*(column(name) for name in numbered.values()))


def _check_numbered(
    table: DataFrame, numbered: Mapping[int, str], prefix: str, expected: Sequence[str], length: int | None
) -> None:
    found = ", ".join(table.columns[:10])
    if not numbered:
        hint = _spelling_hint(table.columns, prefix)
        raise DataError(f"the table has no columns {prefix}_1, {prefix}_2, ...; found: {found}{hint}")
    first, last = min(numbered), max(numbered)
    if "beat" in table.columns:
        raise DataError(f"the table has a column 'beat' beside {numbered[first]}, ...: drop one of them")
    if length is not None and len(numbered) != length:
        _refuse_count(table, prefix, [numbered[number] for number in sorted(numbered)], length)
    if len(numbered) == 1 and length is None:
        raise DataError(
            f"of the columns {prefix}_1, {prefix}_2, ... the table has only {numbered[first]}; found: {found}"
        )
    missing = sorted(set(range(first, last + 1)) - numbered.keys())
    if missing:
        raise DataError(f"of the columns {numbered[first]} to {numbered[last]} number {missing[0]} is missing")
    types = dict(table.dtypes)
    odd = [name for name in numbered.values() if types[name].partition("(")[0] not in expected]
    if odd:
        raise DataError(f"expected column '{odd[0]}' to be {' or '.join(expected)}, found {types[odd[0]]}")


def _refuse_count(table: DataFrame, prefix: str, gathered: Sequence[str], length: int) -> NoReturn:
    found = f"{len(gathered)} columns, {gathered[0]} to {gathered[-1]}" if len(gathered) > 1 else f"only {gathered[0]}"
    hint = _spelling_hint(table.columns, prefix)
    if len(gathered) == length + 1:
        hint = f"; if {gathered[-1]} is the label, say so: --label {gathered[-1]}"
    raise DataError(
        f"expected --beat-prefix {prefix} to gather {length} columns, as the model takes them; found {found}{hint}"
    )


def _spelling_hint(names: Sequence[str], prefix: str) -> str:
    """Say which columns would be taken if it were not for quotes or upper case in their names."""
    near = re.escape(prefix.strip().lower()) + r"[\s_]*\d+"
    odd = [name for name in names if not re.fullmatch(re.escape(prefix.strip()) + r"_?\d+", name.strip())]
    odd = [name for name in odd if re.fullmatch(near, name.strip("\ufeff \t\"'").lower())]
    if not odd and names[:1] == ["sep="]:
        return "; the file begins with a line 'sep=,' of a spreadsheet: remove it"
    return f"; there is {odd[0]!r}" if odd else ""


def class_columns(classes: Sequence[str]) -> list[str]:
    """Name the columns of 0 and 1: as the classes, where these are named like columns y_3, else y_1, y_2, ..."""
    if all(re.fullmatch(r"y_?\d+", name) for name in classes):
        return list(classes)
    return [f"y_{i + 1}" for i in range(len(classes))]


def probability_columns(classes: Sequence[str]) -> list[str]:
    """Name the columns of the classes' probabilities: p_3 beside y_3."""
    return ["p" + name[1:] for name in class_columns(classes)]


def likeliest_probability(predictions: DataFrame, classes: Sequence[str]) -> Column:
    """Return the probability of the likeliest class, from predictions in either form."""
    if "probability" in predictions.columns:
        return F.array_max("probability")
    return F.array_max(F.array(*probability_columns(classes)))


def gather_probabilities(predictions: DataFrame, name: str, classes: Sequence[str]) -> DataFrame:
    """Gather the columns p_1, ..., as `spread_predictions` makes them, into one array column.

    Raises
    ------
    DataError
        If one is missing.
    """
    names = probability_columns(classes)
    missing = [each for each in names if each not in predictions.columns]
    if missing:
        raise DataError(f"expected a probability of each of {len(names)} classes, found no column {missing[0]}")
    return predictions.withColumn(name, F.array(*(F.col(each).cast("double") for each in names)))


def gather_labels(table: DataFrame, header: "Header", label: str) -> DataFrame:
    """Add the label that one-hot columns y_1, ... hold, where they are there and the label is not.

    Parameters
    ----------
    table : DataFrame
    header : Header
        Of the model, whose classes the columns are.
    label : str
        The column to add: the label of the class with the only 1, or NULL.

    Raises
    ------
    DataError
        If one of these columns holds something else than 0 and 1.
    """
    by_name = {name.strip().lower(): name for name in table.columns}
    names = [by_name.get(name.lower()) for name in class_columns(header.classes)]
    if label.lower() in by_name or header.network.task == "multilabel" or None in names:
        return table
    _refuse_other_than_0_and_1(table, [str(name) for name in names])
    is_hot = [F.expr(f"coalesce(try_cast({quoted(str(name))} AS double) = 1, false)") for name in names]
    several = sum((hot.cast("int") for hot in is_hot), F.lit(0)) != 1
    chosen = F.when(several, F.lit(None))
    for hot, own in zip(is_hot, header.predictions, strict=True):
        chosen = chosen.when(hot, F.lit(own))
    return table.withColumn(label, chosen.cast("int"))


def _refuse_other_than_0_and_1(table: DataFrame, names: Sequence[str]) -> None:
    rows = table.where(column(UNFIT).isNull()) if UNFIT in table.columns else table
    is_odd = {
        name: column(name).isNotNull() & ~F.expr(f"coalesce(try_cast({quoted(name)} AS double) IN (0, 1), false)")
        for name in names
    }
    found = rows.select(*(F.when(odd, column(name).cast("string")).alias(name) for name, odd in is_odd.items()))
    first = found.where(F.coalesce(*map(column, names)).isNotNull()).first()
    if first is not None:
        name = next(each for each in names if first[each] is not None)
        raise DataError(
            f"expected 0 or 1 in column '{name}', found '{first[name]}'; --label none scores without metrics"
        )


def rename_class_columns(table: DataFrame, header: "Header") -> DataFrame:
    """Call the columns y_1, ... and p_1, ... that are there true_y_1, ..., so that those of the model can be added.

    Raises
    ------
    DataError
        If there are columns of both names.
    """
    new = {*class_columns(header.classes), *probability_columns(header.classes)}
    names = [f"{TRUE_PREFIX}{name.strip()}" if name.strip().lower() in new else name for name in table.columns]
    twice = [name for name in names if name.startswith(TRUE_PREFIX) and names.count(name) > 1]
    if twice:
        raise DataError(
            f"the beat table has the columns {twice[0].removeprefix(TRUE_PREFIX)} and {twice[0]}: drop one of them"
        )
    return table.toDF(*names)


def spread_predictions(predictions: DataFrame, header: "Header") -> DataFrame:
    """Spread predictions over columns: y_i is 1 where class i is predicted, else 0; p_i is its probability.

    Classes that are named like columns (y_0, y_1, ...) have the columns of their names, others y_1, y_2, ...

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
    several = header.network.task == "multilabel"
    predicted = [
        F.col("prediction")[i] if several else (F.col("prediction") == own).cast("int")
        for i, own in enumerate(header.predictions)
    ]
    new = dict(zip(class_columns(header.classes), predicted, strict=True))
    new |= {name: F.col("probability")[i] for i, name in enumerate(probability_columns(header.classes))}
    taken = [name for name in predictions.columns if name.lower() in new]
    if taken:
        raise DataError(f"the beat table already has the columns {', '.join(taken)}: rename or drop them")
    return predictions.select("*", *(value.alias(name) for name, value in new.items())).drop("probability")

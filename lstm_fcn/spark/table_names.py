"""What a name says: a table of the catalog, or a path."""

import re
from pathlib import Path

from pyspark.sql import SparkSession

from lstm_fcn.data.table_names import FILE_SUFFIXES, table_parts
from lstm_fcn.errors import SettingsError
from lstm_fcn.spark.files import split_scheme
from lstm_fcn.spark.sql import TableName

_PATTERN = re.compile(r"[*?\[\]{}\\]")
"""What Spark takes for a pattern in a path when it reads, but not when it writes."""


def table_name(name: str) -> TableName | None:
    """Take a name for that of a table of the catalog, as `table_parts` does, or for a path: None."""
    parts = table_parts(name)
    return None if parts is None else TableName(parts)


def is_table_name(name: str) -> bool:
    """Check whether a name is that of a table of the catalog, not a path, as `table_name` does."""
    return table_name(name) is not None


def refuse_neither(name: str, flag: str) -> None:
    """Refuse what is neither the name of a table nor clearly a path, such as a.b.c.d or a lone backtick.

    Raises
    ------
    SettingsError
    """
    has_suffix = name.rpartition(".")[2].lower() in FILE_SUFFIXES
    is_plain = "." not in name and "`" not in name
    is_path = re.search(r"[/:\\*?\[\]{}]", name) is not None or name.startswith(".") or has_suffix or is_plain
    if re.match(r"file:(?!/)|\$", name):
        raise SettingsError(
            f"expected {flag} to be a path from / or from here, found {name!r}; variables are not replaced in settings"
        )
    if not name.strip() or (table_name(name) is None and not is_path):
        raise SettingsError(
            f"expected {flag} to be a table (schema.table or catalog.schema.table, with backticks or without) or a "
            f"path; found {name!r}. Write a path with a slash: ./{name}"
        )


def refuse_table_name(name: str, flag: str) -> None:
    """Refuse the name of a table where the result goes to a folder; and what is neither.

    Raises
    ------
    SettingsError
    """
    refuse_neither(name, flag)
    if is_table_name(name):
        raise SettingsError(f"expected {flag} to be a folder, found the name of a table, {name}; write ./{name}")


def refuse_name_of_table(spark: SparkSession, path: str) -> None:
    """Refuse a folder in this one with the name of a table in the session's schema, since either may be meant.

    Raises
    ------
    SettingsError
    """
    if re.fullmatch(r"\w+", path) and spark.catalog.tableExists(path):
        schema = spark.catalog.currentDatabase()
        raise SettingsError(f"--output {path} is a table: write {schema}.{path} for it, or ./{path} for a folder")


def is_below(path: str, folder: str) -> bool:
    """Check whether a path, or a table, is another one or lies in it."""
    table, other = table_name(path), table_name(folder)
    if table is None or other is None:
        return table is other and _parts(path)[: len(_parts(folder))] == _parts(folder)
    # Without its catalog, or with it: one ends as the other.
    pairs = zip(reversed(table.parts), reversed(other.parts), strict=False)
    return all(part.lower() == other_part.lower() for part, other_part in pairs)


def _parts(name: str) -> tuple[str, ...]:
    scheme, host, path = split_scheme(name)
    if scheme in ("", "file"):
        return Path(path).resolve().parts
    return (scheme, host, *Path(path).parts)


def refuse_pattern(path: str) -> None:
    """Refuse to write to a path with a character that Spark takes for a pattern when it reads.

    Raises
    ------
    SettingsError
    """
    if _PATTERN.search(path):
        raise SettingsError(f"expected --output without any of * ? [ ] {{ }} \\, found {path}")

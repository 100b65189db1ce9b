"""Which names are those of tables of the catalog, and which are paths; without Spark."""

import re
from pathlib import Path

from lstm_fcn.errors import SettingsError

FILE_SUFFIXES = (
    *("parquet", "orc", "avro", "json", "jsonl", "csv", "tsv", "txt", "delta", "gz", "bz2", "zst", "zip", "xz"),
)
"""What a file's name ends in, and a table's does not."""

_PART = r"(?:`(?:[^`]|``)+`|[^`./:\\*?\[\]{}]+)"
_NAME = re.compile(rf"{_PART}(?:\.{_PART})*")
_MOST_PARTS = 3


def table_parts(name: str) -> tuple[str, ...] | None:
    """Take a name of a table of the catalog (schema.table, catalog.schema.table) apart; None for a path.

    Each part may stand in backticks, and without them have any character but a dot. What ends like a file
    (beats.parquet) is a path, and so is what has a slash (./schema.table), a scheme (s3a:...) or no dot.
    """
    if not _NAME.fullmatch(name):
        return None
    parts = tuple(
        part[1:-1].replace("``", "`") if part.startswith("`") else part.strip() for part in re.findall(_PART, name)
    )
    is_path = "`" not in name and (len(parts) == 1 or parts[-1].lower() in FILE_SUFFIXES)
    return None if is_path or not 2 <= len(parts) <= _MOST_PARTS else parts


def is_in_catalog(name: str) -> bool:
    """Check whether a name is that of a table of the catalog, where a path would be read without Spark.

    Raises
    ------
    SettingsError
        If there is a file or a folder of that name here, since either may be meant.
    """
    if table_parts(name) is None:
        return False
    if Path(name).exists():
        raise SettingsError(
            f"{name} is the name of a table of the catalog, and here is a file or a folder of that name: write "
            f"./{name} for it"
        )
    return True

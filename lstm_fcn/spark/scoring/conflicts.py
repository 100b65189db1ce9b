"""Commits that another writer's commit was in the way of: tried again a few times."""

import logging
import re
import time
from collections.abc import Callable

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from lstm_fcn.errors import DataError

log = logging.getLogger(__name__)

_CONFLICT = re.compile(
    r"DELTA_CONCURRENT|DELTA_METADATA_CHANGED|Concurrent\w*Exception|MetadataChangedException|CommitFailedException|"
    r"Cannot fast-forward|Found conflicting files|Cannot commit.*stale"
)
_PAUSES = (1.0, 3.0, 9.0)


def try_again_at_conflicts(name: str, commit: Callable[[], None]) -> None:
    """Commit to a table; where another's commit was first, wait and do so again, a few times.

    Raises
    ------
    DataError
        If there was another's commit each time.
    """
    for pause in _PAUSES:
        conflict = _commit_or_conflict(commit)
        if conflict is None:
            return
        log.warning("stage=publish another has written to %s (%s): again in %g s", name, conflict, pause)
        time.sleep(pause)
    conflict = _commit_or_conflict(commit)
    if conflict is not None:
        raise DataError(
            f"others kept writing to {name}: {len(_PAUSES) + 1} commits of this run met one of theirs ({conflict}). "
            "Start the run again when they are done"
        )


def _commit_or_conflict(commit: Callable[[], None]) -> str | None:
    """Commit, or return what a format calls the conflict that it met."""
    try:
        commit()
    except (PySparkException, Py4JJavaError) as error:
        found = _CONFLICT.search(str(error))
        if found is None:
            raise
        return found[0]
    return None

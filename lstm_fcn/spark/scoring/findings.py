"""What a run found among the rows that it wrote: for the log, and to refuse them."""

import logging

from lstm_fcn.data.labels import is_aami
from lstm_fcn.errors import DataError
from lstm_fcn.model.header import Header
from lstm_fcn.spark.scoring.manifest import ScoredRows

log = logging.getLogger(__name__)

_RECORDS_NAMED = 3


def log_counts(counts: ScoredRows, header: Header, run_id: str) -> None:
    """Log how many rows could be scored, why others could not, and what the model does not know."""
    log.info("stage=check run_id=%s rows=%d scored=%d failed=%d", run_id, counts.rows, counts.scored, counts.failed)
    for reason, count in counts.errors.items():
        log.warning("stage=check run_id=%s not_scored=%d reason=%r", run_id, count, reason)
    for value, count in counts.unknown_labels.items():
        level = logging.INFO if value == "None" else logging.WARNING  # a beat without a label is nothing odd
        reason = "the model does not know this label"
        log.log(level, "stage=check run_id=%s left_out=%d label=%s reason=%r", run_id, count, value, reason)
    if counts.unknown_record_count:
        _warn_of_unknown_records(counts, header, run_id)


def _warn_of_unknown_records(counts: ScoredRows, header: Header, run_id: str) -> None:
    some = [repr(name) for name in counts.unknown_records][:_RECORDS_NAMED]
    more = [] if counts.unknown_record_count == len(some) else ["..."]
    way_out = "--model new-patients" if is_aami(header.classes) else "a model that was trained with records held out"
    log.warning(
        "stage=check run_id=%s unknown_records=%d (%s): the model %s is made for the records that it was trained on; "
        "for others use %s",
        *(run_id, counts.unknown_record_count, ", ".join([*some, *more]), header.name, way_out),
    )


def refuse_too_many_errors(counts: ScoredRows, most: float) -> None:
    """Refuse to publish rows of which a larger share than `most`, or every one, could not be scored.

    Raises
    ------
    DataError
    """
    fraction = counts.failed / counts.rows if counts.rows else 0
    if fraction > most or (counts.rows and not counts.scored):
        reason, count = next(iter(counts.errors.items()))
        much = f"more than --max-error-fraction {most:g} allows" if fraction > most else "not one could"
        raise DataError(
            f"{counts.failed} of {counts.rows} rows ({fraction:.1%}) could not be scored, {much}; nothing was "
            f"published. The most frequent reason: {reason} ({count} rows)"
        )

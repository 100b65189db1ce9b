"""What a search leaves: the table of its trials, and the best one's model."""

from collections.abc import Collection, Sequence
from io import BytesIO
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import ModelError
from lstm_fcn.model.config import Optimization
from lstm_fcn.model.file import Model, serialize
from lstm_fcn.model.provenance import describe, name_records
from lstm_fcn.model.search_space import SEARCHABLE
from lstm_fcn.settings.tune import TuneSettings
from lstm_fcn.training.guards import purpose
from lstm_fcn.training.training_set import TrainingSet
from lstm_fcn.tuning.trials import TrialResult

_REAL = ("lr", "dropout")
TRIALS_SCHEMA = pa.schema(
    [
        ("trial", pa.int32()),
        ("rung", pa.int32()),
        ("status", pa.string()),
        ("best", pa.bool_()),
        ("macro_f1", pa.float64()),
        ("accuracy", pa.float64()),
        ("seconds", pa.float64()),
        ("error", pa.string()),
        ("seed", pa.int64()),
        *((name, pa.float64() if name in _REAL else pa.int32()) for name in SEARCHABLE),
    ]
)
"""The table of the trials. Its `epochs` are what halving gives more of from rung to rung."""


class Row(NamedTuple):
    """A trial: on which rung of the halving it was (0 without), and what came of it."""

    rung: int
    record: TrialResult


class SearchResult(NamedTuple):
    """All trials of a search in the order in which they were drawn, and the best one's position."""

    rows: Sequence[Row]
    best: int

    def best_record(self) -> TrialResult:
        """Return the record of the best trial.

        Raises
        ------
        ModelError
            If all that could be it have failed.
        """
        record = self.rows[self.best].record
        if record.error is not None:
            last = [row for row in self.rows if row.rung == self.rows[-1].rung]
            which = " of the last rung" if last[0].rung else ""
            raise ModelError(f"all {len(last)} trials{which} failed, the first with: {last[0].record.error}")
        return record

    def table(self) -> pa.Table:
        """Lay the trials out by `TRIALS_SCHEMA`."""
        return pa.Table.from_pylist(
            [
                {
                    **record.model_dump(),
                    **record.parameters,
                    "trial": trial,
                    "rung": rung,
                    "status": "done" if record.error is None else "failed",
                    "best": trial == self.best and record.error is None,
                    "seed": record.parameters["random_state"],
                }
                for trial, (rung, record) in enumerate(self.rows)
            ],
            schema=TRIALS_SCHEMA,
        )

    def parquet(self) -> bytes:
        """Return the table as a file."""
        sink = BytesIO()
        pq.write_table(self.table(), sink)
        return sink.getvalue()

    def summary(self, searched: Collection[str]) -> str:
        """Lay the trials out to read, the best first, with the hyperparameters that were searched."""
        columns = dict.fromkeys(["trial", "rung", "status", "macro_f1", "accuracy", "seconds", "epochs", *searched])
        rows = self.table().to_pandas().sort_values(["rung", "macro_f1"], ascending=False, kind="stable")
        return str(rows[list(columns)].to_string(index=False, float_format="%.4g"))


def describe_best(
    model: Model, record: TrialResult, settings: TuneSettings, data: TrainingSet, fitted: Beats, held_out: Beats
) -> bytes:
    """Return a trial's model file, with all that `jobs/train.py` would say in it.

    Parameters
    ----------
    model : Model
    record : TrialResult
        Of the trial.
    settings : TuneSettings
    data : TrainingSet
        The beats of the search and the names of their classes.
    fitted, held_out : Beats
        Which of them the trials were fitted to and which were held out.
    """
    chosen = settings.model_dump() | {name: record.parameters[name] for name in SEARCHABLE}
    about = {
        "source": settings.beats,
        "rows": data.rows,
        "version": data.version,
        "records": name_records(fitted.records),
    }
    about |= {"made_for": purpose(fitted, held_out)}
    network = model.network()
    described = describe(
        "best",
        network,
        Optimization(**{name: chosen[name] for name in Optimization.model_fields}),
        model.header.training_data.model_copy(update=about),
        model.header.metrics,
        classes=data.classes,
        labels=data.labels,
    )
    # The trial may have been fitted by another run, with other versions.
    return serialize(network, described.model_copy(update={"versions": model.header.versions}))

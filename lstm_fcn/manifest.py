"""What a scoring run leaves in writing: the manifest, which the next run reads."""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from lstm_fcn.drift import population_stability_index
from lstm_fcn.errors import DataError
from lstm_fcn.metrics import OVERALL, Measure

Key = tuple[str | None, ...]
"""The values of the partition columns, as text; () where there are none."""


def key_text(key: Key, partition_by: Sequence[str]) -> str:
    """Write a key for people: day=2026-01-01/site=A."""
    return "/".join(f"{name}={value}" for name, value in zip(partition_by, key, strict=True)) or "all rows"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartitionState(_Part):
    """What the output holds of one partition."""

    key: Key
    rows: int = Field(description="in the input, and so in the output")
    run_id: str = Field(description="the run that scored it")
    fingerprint: str | None = Field(description="of the input's files then; None where the source has no files")
    recipe: str = Field(description="of the model and the settings that decide a prediction")


class Figures(_Part):
    """What was counted in the rows that a run wrote."""

    rows: int = 0
    scored: int = 0
    failed: int = 0
    errors: dict[str, int] = Field(default={}, description="reason -> rows, the most frequent ones")
    predicted: dict[str, int] = Field(default={}, description="class -> rows")
    lengths: list[int] = Field(default=[], description="scored rows by the beat's length, in equal bins")
    mean_confidence: float | None = Field(None, description="mean probability of the likeliest class")
    unknown_labels: dict[str, int] = Field(default={}, description="label that the model does not know -> rows")


class Manifest(_Part):
    """One run."""

    run_id: str
    status: Literal["done", "failed"]
    reason: str | None = Field(None, description="why it failed")
    started: str
    finished: str
    seconds: float
    beats_per_second: float | None = None
    beats: str = Field(description="the input")
    partition_by: list[str]
    model: str
    model_sha256: str
    versions: dict[str, str]
    settings: dict[str, JsonValue]
    figures: Figures
    drift: dict[str, float | None] = Field(default={}, description="population stability index, against training")
    scored: list[Key] = Field(default=[], description="the partitions that this run wrote")
    removed: list[Key] = Field(default=[], description="those that the input does not have any more")
    partitions: list[PartitionState] = Field(default=[], description="all that the output holds after this run")
    written: dict[str, list[str]] = Field(default={}, description="folder -> files that this run wrote there")
    metrics: list[Measure] = []

    @property
    def state(self) -> dict[Key, PartitionState]:
        """The partitions by their values."""
        return {partition.key: partition for partition in self.partitions}


def parse_manifest(text: str, source: str) -> Manifest:
    """Check the text of a manifest.

    Raises
    ------
    DataError
        If it is none.
    """
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        raise DataError(f"{source} is no manifest of a scoring run: {error.errors()[0]['msg']}") from error


def drift(
    figures: Figures, classes: Sequence[str], class_counts: Sequence[int], length_counts: Sequence[int] | None
) -> dict[str, float | None]:
    """Compare what was scored with what the model was trained on.

    Parameters
    ----------
    figures : Figures
    classes : sequence of C str
    class_counts : sequence of C int
        Training beats by class.
    length_counts : sequence of int or None
        Training beats by length; None where the model file does not tell.

    Returns
    -------
    dict
        Population stability index of 'predictions' and 'beat_length'; None where it is not defined.
    """
    if not figures.scored:
        return {"predictions": None, "beat_length": None}
    predicted = [figures.predicted.get(name, 0) for name in classes]
    lengths = None if length_counts is None else population_stability_index(length_counts, figures.lengths)
    return {"predictions": population_stability_index(class_counts, predicted), "beat_length": lengths}


def run_measures(manifest: Manifest) -> list[Measure]:
    """Give the figures of a run as rows of the metrics table."""
    figures, rate = manifest.figures, manifest.beats_per_second
    values: dict[str, float | None] = {
        "rows": figures.rows,
        "failed": figures.failed,
        "mean_confidence": figures.mean_confidence,
        **{f"psi_{name}": value for name, value in manifest.drift.items()},
        "beats_per_second": rate,
    }
    return [Measure(OVERALL, name, value, figures.rows) for name, value in values.items()]

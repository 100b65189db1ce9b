"""What a scoring run leaves in writing: the manifest, which the next run reads."""

from collections.abc import Sequence
from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from lstm_fcn.errors import DataError
from lstm_fcn.evaluation.metrics import OVERALL, MetricRow

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
    content: str | None = Field(None, description="of the input's rows then, as an incremental run reads them")
    recipe: str = Field(description="of the model and the settings that decide a prediction")


class ScoredRows(_Part):
    """What was counted in the rows that a run wrote."""

    rows: int = 0
    scored: int = 0
    failed: int = 0
    errors: dict[str, int] = Field(default={}, description="reason -> rows, the most frequent ones")
    predicted: dict[str, int] = Field(default={}, description="class -> rows")
    lengths: list[int] = Field(default=[], description="scored rows by the beat's length, in equal bins")
    mean_confidence: float | None = Field(None, description="mean probability of the likeliest class")
    unknown_labels: dict[str, int] = Field(default={}, description="label that the model does not know -> rows")
    unknown_records: dict[str, int] = Field(
        default={},
        description="record that the model, made for known ones, was not trained on -> rows; the most frequent",
    )
    unknown_record_count: int = Field(0, description="all such records")


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
    beats_version: str | None = Field(
        None, description="of a table with versions: the --beats-options that read the same rows, and when it was made"
    )
    partition_by: list[str]
    partition_types: dict[str, str] = Field(
        default={}, description="type of each of these columns in the results, which the names of folders do not say"
    )
    model: str
    model_sha256: str
    versions: dict[str, str]
    settings: dict[str, JsonValue]
    counts: ScoredRows = Field(validation_alias=AliasChoices("counts", "figures"))
    drift: dict[str, float | None] = Field(default={}, description="population stability index, against training")
    scored: list[Key] = Field(default=[], description="the partitions that this run wrote")
    removed: list[Key] = Field(default=[], description="those that the input does not have any more")
    replaced: str | None = Field(
        None, description="condition of the rows that this run replaced, where these are not whole partitions"
    )
    partitions: list[PartitionState] = Field(
        default=[], description="all that the output holds after this run, but those of which it replaced some rows"
    )
    written: dict[str, list[str]] = Field(default={}, description="folder -> files that this run wrote there")
    has_records: bool = Field(False, description="whether the records of the scored partitions are summarized")
    summary_by: list[str] = Field(["record"], description="what each row of that summary is of")
    written_records: dict[str, list[str]] = Field(default={}, description="as `written`, of the summary of the records")
    metrics: list[MetricRow] = []

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


def run_metrics(manifest: Manifest) -> list[MetricRow]:
    """Return what is known of a run as a whole as rows of the metrics table."""
    counts = manifest.counts
    values: dict[str, float | None] = {
        "rows": counts.rows,
        "failed": counts.failed,
        "mean_confidence": counts.mean_confidence,
        **{f"psi_{name}": value for name, value in manifest.drift.items()},
        "beats_per_second": manifest.beats_per_second,
    }
    known = {name: None if value is None else float(value) for name, value in values.items()}
    return [MetricRow(OVERALL, name, value, counts.rows) for name, value in known.items()]

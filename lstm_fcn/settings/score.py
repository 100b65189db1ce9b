"""Settings of jobs/score.py: a beat table and a model to predictions."""

from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import CliImplicitFlag, SettingsConfigDict

from lstm_fcn.model.config import SCORING_BATCH_SIZE, ScoringDevice, ScoringPrecision
from lstm_fcn.settings.sources import JobSettings, Names, as_options


class ScoreSettings(JobSettings):
    """Score a beat table with a model on Spark: predictions, and metrics where there is a label."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_SCORE_")

    beats: str = Field(
        description="what to score: a table of the catalog (schema.table), or the path of files; a name with a dot "
        "and no slash is that of a table"
    )
    beats_format: str = Field(
        "parquet", description="of the files, any that Spark reads; without it, csv for names like .csv"
    )
    beats_options: Names = Field(
        [], description="of that format, e.g. sep=; for csv, whose first line shows whether it is a header"
    )
    model: str = Field(description="name of a pretrained model, or model file on any storage that Spark reads")
    output: str = Field(
        description="where the results go: a table of the catalog (schema.table), or a folder for 'predictions', "
        "'metrics' and 'runs' (Parquet, JSON); what it holds is replaced when all is scored and checked"
    )
    where: str | None = Field(
        None,
        description="SQL condition on the beats to score, e.g. \"day = '2026-01-31'\"; the rest of the results "
        "stays: with --partition-by, and in a table of Delta or Iceberg without it too; elsewhere that is refused",
    )
    partition_by: Names = Field(
        [], description="columns by whose values results are replaced, and new ones partitioned, e.g. day"
    )
    summary_by: Names = Field(
        ["record"],
        min_length=1,
        description="what each row of the summary in 'records' is of: record, or record,hour (hours of the recording, "
        "from 0), or columns that are carried along, e.g. patient",
    )
    table_format: str | None = Field(
        None,
        description="format of a new table and those beside it, e.g. delta; without it, what the table's catalog makes",
    )
    merge_schema: CliImplicitFlag[bool] = Field(
        False, description="add columns that the input has gained to the table of --output; NULL in its old rows"
    )
    columns: Names = Field([], description="columns to carry along beside those of --partition-by; without it, all")
    beat: str | None = Field(
        None,
        description="column with what the model takes, an array; without it beat, or context_1 for a model that takes "
        "the context of a beat",
    )
    beat_prefix: str | None = Field(
        None,
        description="instead of --beat, for one column a value: x takes x_1, x_2, ... (or x1, x2, ...), as many as the "
        "model takes; not the one that --label names",
    )
    form: Literal["array", "columns"] = Field(
        "array",
        description="of the probabilities: one array, or columns p_1, p_2, ... beside y_1, y_2, ... (0 or 1), with the "
        "numbers of classes that are called y_0, y_1, ...; the input's own y_1, ... become true_y_1, ...",
    )
    label: str | None = Field(
        "label",
        description="column with the true label: whole numbers of any type, or texts of digits; without it, the "
        "one-hot columns y_1, ...; none: no metrics",
    )
    precision: ScoringPrecision = Field(
        "float32",
        description="int8: faster; float32 decides what is in doubt; pip install 'lstm-fcn[int8]'",
    )
    device: ScoringDevice = Field("cpu", description="cuda: the executors need a CUDA build of torch and a device")
    batch_size: int = Field(SCORING_BATCH_SIZE, ge=1, le=65536, description="beats the network takes at once")
    incremental: CliImplicitFlag[bool] = Field(
        False, description="score only partitions that are new, or whose files or model are others than last time"
    )
    max_error_fraction: float = Field(
        0.1,
        ge=0,
        le=1,
        description="share of rows that may fail; above it, or where all fail, nothing is published. A loose electrode "
        "spoils a few per cent of a night; a wrong column, length or scale nearly all",
    )
    limit: int | None = Field(
        None, ge=1, description="score only so many rows, for a trial into an --output of its own"
    )
    dry_run: CliImplicitFlag[bool] = Field(
        False, description="describe what would be read, scored and replaced, and do nothing"
    )

    @model_validator(mode="after")
    def _possible_together(self) -> "ScoreSettings":
        if self.beat_prefix is not None and "beat" in self.model_fields_set:
            raise ValueError("expected --beat or --beat-prefix, found both")
        if self.precision == "int8" and self.device == "cuda":
            raise ValueError("--precision int8 computes on the processor; on CUDA use --precision float32")
        if "hour" in self.summary_by and "record" not in self.summary_by:
            raise ValueError(
                f"hours are those of a recording: expected --summary-by record,hour, found {','.join(self.summary_by)}"
            )
        as_options(self.beats_options)
        return self

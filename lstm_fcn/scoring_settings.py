"""The settings of the jobs that score and judge."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import CliImplicitFlag, SettingsConfigDict

from lstm_fcn.hyperparameters import SCORING_BATCH_SIZE, ScoringDevice, ScoringPrecision
from lstm_fcn.job_settings import JobSettings, Names
from lstm_fcn.labels import CLASSES
from lstm_fcn.metrics import OVERALL

_MOST_CLASSES = 50


class ScoreSettings(JobSettings):
    """Score a beat table with a model on Spark: predictions, and metrics where there is a label."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_SCORE_")

    beats: str = Field(description="what to score: a table of the catalog (schema.table), or the path of files")
    beats_format: str = Field("parquet", description="of the files, any that Spark reads")
    beats_options: Names = Field([], description="of that format, e.g. header=true,inferSchema=true for csv")
    model: str = Field(description="name of a pretrained model, or model file on any storage that Spark reads")
    output: str = Field(
        description="where the results go: a table of the catalog (schema.table), or a folder for 'predictions', "
        "'metrics' and 'runs' (Parquet, JSON); what it holds is replaced when all is scored and checked"
    )
    where: str | None = Field(
        None,
        description="SQL condition on the beats to score, e.g. \"day = '2026-01-31'\"; the rest of the results stays",
    )
    partition_by: Names = Field([], description="columns by which the results are partitioned and replaced, e.g. day")
    columns: Names = Field([], description="columns to carry along beside those of --partition-by; without it, all")
    beat: str = Field("beat", description="column with the series, an array")
    beat_prefix: str | None = Field(
        None, description="instead of --beat, for one column a value: x takes x_1, x_2, ... (or x1, x2, ...)"
    )
    form: Literal["array", "columns"] = Field(
        "array", description="of the probabilities: one array, or columns p_1, p_2, ... beside y_1, y_2, ... (0 or 1)"
    )
    label: str = Field("label", description="column with the true label; without such a column, no metrics")
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
        1.0, ge=0, le=1, description="share of rows that may fail; above it nothing is published"
    )
    limit: int | None = Field(
        None, ge=1, description="score only so many rows, for a trial into an --output of its own"
    )
    dry_run: CliImplicitFlag[bool] = Field(
        False, description="say what would be read, scored and replaced, and do nothing"
    )
    pictures: Path | None = Field(None, description="local folder for a picture of the confusion matrix")

    @model_validator(mode="after")
    def _possible_together(self) -> "ScoreSettings":
        if self.beat_prefix is not None and "beat" in self.model_fields_set:
            raise ValueError("expected --beat or --beat-prefix, found both")
        if self.precision == "int8" and self.device == "cuda":
            raise ValueError("--precision int8 computes on the processor; on CUDA use --precision float32")
        odd = [option for option in self.beats_options if "=" not in option]
        if odd:
            raise ValueError(f"expected --beats-options as name=value,name=value, found {odd[0]}")
        return self


class EvaluateSettings(JobSettings):
    """Judge predictions by their labels: figures with intervals, and a report to read."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_EVALUATE_")

    predictions: str = Field(
        description="what to judge: the --output of score.py, any other Parquet table, or a table of the catalog"
    )
    output: str = Field(description="folder for 'report.html', 'metrics' (Parquet) and 'runs' (JSON)")
    where: str | None = Field(None, description="SQL condition on the predictions to judge, e.g. \"split = 'test'\"")
    label: str = Field("label", description="column with the true label, an integer")
    prediction: str = Field("prediction", description="column with the label that was called")
    probability: str | None = Field(
        "probability", description="column with the array of the classes' probabilities, else p_1, p_2, ...; or none"
    )
    record: str = Field("record", description="column that tells patients apart; intervals are drawn over its values")
    by: Names = Field([], description="columns to give figures of each value of, e.g. split,group")
    classes: Names = Field(
        list(CLASSES), description="names of the labels 0, 1, ...; not with --model, which has its own"
    )
    model: str | None = Field(
        None,
        description="that made the predictions, name or file: for its facts and its view of the beats it got wrong",
    )
    beats: str | None = Field(
        None, description="beat table with the series, to show the beats that were called wrongly"
    )
    beat: str = Field("beat", description="column of --beats with the series, an array")
    keys: Names = Field(
        ["record", "sample"], description="columns that tell a beat from others, in --beats and --against too"
    )
    records: Path | None = Field(
        None, description="local folder of WFDB records, to show these beats in mV; needs the keys record and sample"
    )
    against: str | None = Field(None, description="other predictions of the same beats, to compare with")
    draws: int = Field(1000, ge=100, le=100_000, description="of the bootstrap behind the intervals")
    seed: int = Field(0, ge=0, lt=2**32, description="of these draws")

    @model_validator(mode="after")
    def _possible_together(self) -> "EvaluateSettings":
        if self.records is not None and (self.beats is None or self.keys[:2] != ["record", "sample"]):
            raise ValueError("--records goes with --beats, and with --keys that begin with record,sample")
        if self.model is not None and "classes" in self.model_fields_set:
            raise ValueError("expected --classes or --model, which has its own, found both")
        if not 2 <= len(self.classes) <= _MOST_CLASSES or len(set(self.classes)) != len(self.classes):
            raise ValueError(f"expected 2 to {_MOST_CLASSES} different --classes, found {','.join(self.classes)}")
        if OVERALL in self.classes:
            raise ValueError(f"no class can be called '{OVERALL}', which stands for all of them")
        if not self.keys:
            raise ValueError("expected at least one column in --keys, found none")
        return self

"""The settings of the jobs: one typed class a job."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import CliImplicitFlag, NoDecode, SettingsConfigDict

from lstm_fcn.beats import is_csv
from lstm_fcn.hyperparameters import (
    SCORING_BATCH_SIZE,
    Architecture,
    Device,
    NetworkConfig,
    Optimization,
    Precision,
    ScoringDevice,
    ScoringPrecision,
)
from lstm_fcn.job_settings import JobSettings
from lstm_fcn.search_space import HALVING_FACTOR, parse_space


def _split_names(value: Any) -> Any:
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


Names = Annotated[list[str], NoDecode, BeforeValidator(_split_names)]
"""Names with commas between them, in every source; a YAML list is fine too."""


def _require_table(beats: str) -> None:
    if is_csv(beats):
        raise ValueError("--rows goes with a beat table; a .csv file is read whole")


def _require_local(flag: str, path: Path | None) -> None:
    if path is not None and ":/" in str(path):
        raise ValueError(f"expected {flag} to be a local path, found {path}")


class PrepareSettings(JobSettings):
    """Cut annotated ECG records (WFDB), or the published CSV form, into a beat table."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_PREPARE_")

    records: str | None = Field(None, description="folder with the .hea, .dat and .atr files of the records")
    csv: str | None = Field(None, description="instead of records: a file like mitbih_test.csv, without a header")
    output: str = Field(description="beat table to write (Parquet); must not be there yet")
    test_records: Names = Field(
        [], description="records to hold out whole, e.g. s09,s10; without it, MIT-BIH's published split"
    )
    csv_split: Literal["train", "test"] | None = Field(None, description="the split that the rows of --csv are")

    @model_validator(mode="after")
    def _one_source(self) -> "PrepareSettings":
        if (self.records is None) == (self.csv is None):
            raise ValueError("expected either --records or --csv, found " + ("both" if self.csv else "neither"))
        if self.csv is None and self.csv_split is not None:
            raise ValueError("--csv-split goes with --csv; the split of records is known or --test-records")
        if self.csv is not None and self.test_records:
            raise ValueError("--test-records goes with --records; the rows of a CSV file do not name theirs")
        return self


class SimulateSettings(JobSettings):
    """Write simulated ECG records with annotated beats (WFDB), to try the other jobs on."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_SIMULATE_")

    output: Path = Field(description="local folder to write the records to")
    records: int = Field(10, ge=1, le=99, description="how many: s01, s02, ...")
    seconds: int = Field(300, ge=10, le=86_400, description="length of each record")
    seed: int = Field(0, ge=0, lt=2**32, description="of the simulated patients and their beats")


class TrainSettings(JobSettings, Architecture, Optimization):
    """Train an LSTM-FCN. The same command goes on where an interrupted one stopped."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_TRAIN_")

    beats: str = Field(
        description="beat table (Parquet), or a .csv file: values and the label last without a header, "
        "or y* columns (one-hot) and x* columns with one"
    )
    rows: str = Field(
        "split=train", pattern="^[^=]+=[^=]+$", description="rows of the table to train on, COLUMN=VALUE; not for .csv"
    )
    validation: str | None = Field(
        None, description="beats that choose the best epoch, in the form of --beats, instead of --validation-share"
    )
    model: Path = Field(description="model file to write (safetensors)")
    init_from: str | None = Field(
        None, description="model to begin with; of the hyperparameters only lr, batch-size and epochs are then yours"
    )
    run: Path | None = Field(
        None, description="local folder for history, pictures and the checkpoint; without it MODEL.run"
    )
    checkpoint_seconds: float = Field(60, ge=0, description="how often to save an unfinished training")
    device: Device = Field("auto", description="auto: CUDA where torch finds a device")
    precision: Precision = Field("auto", description="of the products; auto: bfloat16 where the hardware has it")
    threads: int = Field(0, ge=0, description="processor threads to use; 0: as many as there are cores")

    @model_validator(mode="after")
    def _own_hyperparameters(self) -> "TrainSettings":
        fixed = (set(Architecture.model_fields) | set(Optimization.model_fields)) - {"lr", "batch_size", "epochs"}
        given = sorted(fixed & self.model_fields_set)
        if self.init_from is not None and given:
            raise ValueError(
                f"--init-from takes all but lr, batch_size and epochs from the model; remove {', '.join(given)}"
            )
        if self.validation is not None and self.validation_share:
            raise ValueError("expected --validation or --validation-share, found both")
        if self.validation_by == "record" and not self.validation_share:
            raise ValueError("--validation-by record goes with --validation-share")
        if "rows" in self.model_fields_set:
            _require_table(self.beats)
        _require_local("--model", self.model)
        _require_local("--run", self.run)
        return self

    @property
    def run_folder(self) -> Path:
        """Where history, pictures and the checkpoint go."""
        return self.run or self.model.with_name(self.model.name.removesuffix(".safetensors") + ".run")

    def network(self, length: int, classes: int) -> NetworkConfig:
        """Give the network's configuration for series of this length and so many classes."""
        return NetworkConfig(length=length, classes=classes, **self.model_dump(include=set(Architecture.model_fields)))

    def optimization(self) -> Optimization:
        """Give the part of the settings that says how to fit."""
        return Optimization(**self.model_dump(include=set(Optimization.model_fields)))


class TuneSettings(JobSettings, Architecture, Optimization):
    """Search for hyperparameters on Spark. The same command goes on where it was interrupted."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_TUNE_")

    beats: str = Field(description="beat table (Parquet) or .csv file, as train.py takes it")
    rows: str = Field(
        "split=train", pattern="^[^=]+=[^=]+$", description="rows of the table to search on, COLUMN=VALUE; not for .csv"
    )
    output: Path = Field(description="folder of the driver for the table 'trials', 'best.safetensors' and the state")
    search: Literal["random", "halving"] = Field(
        "random", description="halving: many trials of few epochs; the best third goes on with three times as many"
    )
    space: dict[str, Any] = Field(description="hyperparameter -> [values] or {low, high, log}; see conf/tune.yaml")
    max_jobs: int = Field(20, ge=1, le=100_000, description="trials in all, those of every rung counted")
    max_parallel_jobs: int = Field(0, ge=0, description="trials at a time; 0: as many as Spark has cores at the start")
    validation_share: float = Field(
        0.2, gt=0, le=0.5, description="share of the beats held out; their macro-F1 decides"
    )
    precision: Precision = Field("auto", description="of the products; auto: bfloat16 where the driver has it")

    @model_validator(mode="after")
    def _possible_search(self) -> "TuneSettings":
        twice = sorted(parse_space(self.space).keys() & self.model_fields_set)
        if twice:
            raise ValueError(f"{', '.join(twice)}: expected a fixed value or an entry in space, found both")
        if self.search == "halving" and "epochs" in self.space:
            raise ValueError("--search halving divides --epochs itself; take epochs out of space")
        if self.search == "halving" and (self.max_jobs <= HALVING_FACTOR or self.epochs < HALVING_FACTOR):
            raise ValueError(f"--search halving needs --max-jobs above {HALVING_FACTOR} and as many --epochs or more")
        if "rows" in self.model_fields_set:
            _require_table(self.beats)
        _require_local("--output", self.output)
        return self


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


class CalibrateSettings(JobSettings):
    """Measure on training beats what `score.py --precision int8` needs to know, and write it into the model file."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_CALIBRATE_")

    model: str = Field(description="model file, or name of a pretrained model")
    beats: str = Field(description="what the model was trained on: a beat table (Parquet) or a .csv file")
    rows: str = Field("split=train", pattern="^[^=]+=[^=]+$", description="rows of the table, COLUMN=VALUE")
    output: Path = Field(description="model file to write; it may be the one of --model")
    threads: int = Field(0, ge=0, description="processor threads to use; 0: as many as there are cores")

    @model_validator(mode="after")
    def _readable_and_writable(self) -> "CalibrateSettings":
        if "rows" in self.model_fields_set:
            _require_table(self.beats)
        _require_local("--output", self.output)
        if self.output.is_dir():
            raise ValueError(f"expected --output to name a file, found the folder {self.output}")
        return self

"""The settings of the jobs: one typed class a job."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import CliImplicitFlag, SettingsConfigDict

from lstm_fcn.beats import is_csv
from lstm_fcn.hyperparameters import (
    Architecture,
    Device,
    NetworkConfig,
    Optimization,
    Precision,
)
from lstm_fcn.job_settings import JobSettings, JsonObject, Names
from lstm_fcn.search_space import HALVING_FACTOR, parse_space


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
    output: str = Field(description="beat table to write (Parquet); must not be there yet, or see --replace")
    replace: CliImplicitFlag[bool] = Field(
        False,
        description="replace the beat table that is at --output, as a scheduler's retry does; if this fails, it stays",
    )
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
    space: JsonObject = Field(description="hyperparameter -> [values] or {low, high, log}; see conf/tune.yaml")
    max_jobs: int = Field(20, ge=1, le=100_000, description="trials in all, those of every rung counted")
    max_parallel_jobs: int = Field(0, ge=0, description="trials at a time; 0: as many as Spark has cores for")
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


class ExportSettings(JobSettings):
    """Give a model to other runtimes: as an ONNX file, as an MLflow model, or both."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_EXPORT_")

    model: str = Field(description="model file, or name of a pretrained model")
    output: Path | None = Field(None, description="ONNX file to write (.onnx)")
    mlflow: Path | None = Field(None, description="folder to write as an MLflow model; must not be there yet")
    mlflow_uri: str | None = Field(
        None, description="MLflow tracking server or store to log the model to, in a run of its own"
    )
    mlflow_name: str | None = Field(None, description="with --mlflow-uri: register it under this name")

    @model_validator(mode="after")
    def _somewhere(self) -> "ExportSettings":
        if self.output is None and self.mlflow is None and self.mlflow_uri is None:
            raise ValueError("expected --output, --mlflow or --mlflow-uri, found none of them")
        if self.output is not None and self.output.is_dir():
            raise ValueError(f"expected --output to name a file, found the folder {self.output}")
        if self.output is not None and self.output.suffix != ".onnx":
            raise ValueError(f"expected --output to end in .onnx, found {self.output}")
        if self.mlflow_name is not None and self.mlflow_uri is None:
            raise ValueError("--mlflow-name goes with --mlflow-uri")
        _require_local("--output", self.output)
        _require_local("--mlflow", self.mlflow)
        return self

"""Settings of jobs/train.py: a beat table to a model file."""

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from lstm_fcn.data.label_scheme import parse_classes
from lstm_fcn.model.config import Architecture, Device, Distillation, NetworkConfig, Optimization, Precision
from lstm_fcn.settings.sources import (
    CLASSES_HELP,
    VERSION_HELP,
    JobSettings,
    Names,
    require_local,
    require_table,
    require_version_of_table,
)


class TrainSettings(JobSettings, Architecture, Optimization, Distillation):
    """Train an LSTM-FCN. The same command goes on where an interrupted one stopped."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_TRAIN_")

    beats: str = Field(
        description="beat table (Parquet, or schema.table of the catalog), or a .csv file: values and the label last "
        "without a header, or y* columns (one-hot) or a column label, and x* columns with one"
    )
    beats_options: Names = Field([], description=VERSION_HELP)
    rows: str = Field(
        "split=train",
        pattern="^(all|[^=]+=.+)$",
        description="rows of the table to train on, COLUMN=VALUE or all; not for .csv",
    )
    classes: Names = Field([], description=CLASSES_HELP)
    validation: str | None = Field(
        None, description="beats that choose the best epoch, in the form of --beats, instead of --validation-share"
    )
    model: Path = Field(description="model file to write (safetensors)")
    init_from: str | None = Field(
        None,
        description="warm start: the model to begin with; its hyperparameters stay, but for lr, batch-size and epochs; "
        "others can be given where they are the model's",
    )
    teacher: Names = Field(
        [],
        description="models, FILE,FILE,...: learn what they say of beats that they were not fitted to, and the labels",
    )
    unlabelled: str | None = Field(
        None, description="with teachers: beats besides that need no labels, a beat table (Parquet or of the catalog)"
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
        if self.validation is not None and self.validation_share:
            raise ValueError("expected --validation or --validation-share, found both")
        if self.validation_by == "record" and not self.validation_share:
            raise ValueError("--validation-by record goes with --validation-share")
        if "rows" in self.model_fields_set:
            require_table(self.beats)
        require_version_of_table(self.beats, self.beats_options)
        if self.unlabelled is not None:
            require_table(self.unlabelled)
        taught = self.model_fields_set & {"teacher_share", "temperature", "mixed_beats", "unlabelled"}
        if taught and not self.teacher:
            raise ValueError(f"--{min(taught).replace('_', '-')} goes with --teacher")
        parse_classes(self.classes)
        require_local("--model", self.model)
        require_local("--run", self.run)
        return self

    @property
    def given(self) -> dict[str, Any]:
        """The hyperparameters that were given, with their values."""
        names = (Architecture.model_fields | Optimization.model_fields).keys() & self.model_fields_set
        return {name: getattr(self, name) for name in sorted(names)}

    @property
    def run_folder(self) -> Path:
        """Where history, pictures and the checkpoint go."""
        return self.run or self.model.with_name(self.model.name.removesuffix(".safetensors") + ".run")

    def network(self, length: int, classes: int) -> NetworkConfig:
        """Return the network's configuration for series of this length and so many classes."""
        return NetworkConfig(length=length, classes=classes, **self.model_dump(include=set(Architecture.model_fields)))

    def distillation(self) -> Distillation:
        """Return the part of the settings that says how much teachers count."""
        return Distillation(**self.model_dump(include=set(Distillation.model_fields)))

    def optimization(self) -> Optimization:
        """Return the part of the settings that says how to fit."""
        return Optimization(**self.model_dump(include=set(Optimization.model_fields)))

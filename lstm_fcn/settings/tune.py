"""Settings of jobs/tune.py: a search over hyperparameters."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from lstm_fcn.data.label_scheme import parse_classes
from lstm_fcn.model.config import Architecture, Optimization, Precision
from lstm_fcn.model.search_space import HALVING_FACTOR, parse_space
from lstm_fcn.settings.sources import (
    CLASSES_HELP,
    VERSION_HELP,
    JobSettings,
    JsonObject,
    Names,
    require_local,
    require_table,
    require_version_of_table,
)


class TuneSettings(JobSettings, Architecture, Optimization):
    """Search for hyperparameters on Spark. The same command goes on where it was interrupted."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_TUNE_")

    beats: str = Field(description="beat table (Parquet, or schema.table) or .csv file, as train.py takes it")
    beats_options: Names = Field([], description=VERSION_HELP)
    rows: str = Field(
        "split=train",
        pattern="^(all|[^=]+=.+)$",
        description="rows of the table to search on, COLUMN=VALUE or all; not for .csv",
    )
    classes: Names = Field([], description=CLASSES_HELP)
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
            require_table(self.beats)
        require_version_of_table(self.beats, self.beats_options)
        parse_classes(self.classes)
        require_local("--output", self.output)
        return self

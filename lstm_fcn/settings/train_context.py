"""Settings of jobs/train_context.py: beat tables with contexts to a model for patients it has never seen."""

from pathlib import Path

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from lstm_fcn.model.config import ContextConfig, ContextOptimization
from lstm_fcn.settings.sources import JobSettings, Names, require_local


class TrainContextSettings(JobSettings, ContextOptimization):
    """Train a model that takes the contexts of beats, for patients it has never seen."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_TRAIN_CONTEXT_")

    beats: Names = Field(
        description="beat tables (Parquet, or schema.table) with contexts, one or more; a record in two of them is "
        "two leads of it"
    )
    leave_out: Names = Field(
        ["DS2", "paced"], description="values of the column group whose records are not trained on"
    )
    model: Path = Field(description="model file to write (safetensors)")
    offsets: list[float] | None = Field(
        None,
        min_length=3,
        max_length=3,
        description="added to the logarithms of the probabilities of N, S and V, as [0,-1.5,-1]; without them "
        "cross-validation over records chooses them, which takes six trainings instead of one",
    )
    threads: int = Field(0, ge=0, description="processor threads to use; 0: as many as there are cores")

    @model_validator(mode="after")
    def _possible(self) -> "TrainContextSettings":
        if not self.beats:
            raise ValueError("expected at least one table in --beats, found none")
        require_local("--model", self.model)
        return self

    def optimization(self) -> ContextOptimization:
        """Return the part of the settings that says how to fit."""
        return ContextOptimization(**self.model_dump(include=set(ContextOptimization.model_fields)))

    def network(self) -> ContextConfig:
        """Return the network's configuration."""
        return ContextConfig(form="context_1")

"""Settings of jobs/calibrate.py: a model made ready for int8."""

from pathlib import Path

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from lstm_fcn.settings.sources import (
    VERSION_HELP,
    JobSettings,
    Names,
    require_local,
    require_table,
    require_version_of_table,
)


class CalibrateSettings(JobSettings):
    """Measure on training beats what `score.py --precision int8` needs to know, and write it into the model file."""

    model_config = SettingsConfigDict(env_prefix="LSTM_FCN_CALIBRATE_")

    model: str = Field(description="model file, or name of a pretrained model")
    beats: str = Field(
        description="what the model was trained on: a beat table (Parquet, or schema.table) or a .csv file"
    )
    beats_options: Names = Field([], description=VERSION_HELP)
    rows: str = Field("split=train", pattern="^(all|[^=]+=.+)$", description="rows of the table, COLUMN=VALUE or all")
    output: Path = Field(description="model file to write; it may be the one of --model")
    threads: int = Field(0, ge=0, description="processor threads to use; 0: as many as there are cores")

    @model_validator(mode="after")
    def _readable_and_writable(self) -> "CalibrateSettings":
        if "rows" in self.model_fields_set:
            require_table(self.beats)
        require_version_of_table(self.beats, self.beats_options)
        require_local("--output", self.output)
        if self.output.is_dir():
            raise ValueError(f"expected --output to name a file, found the folder {self.output}")
        return self

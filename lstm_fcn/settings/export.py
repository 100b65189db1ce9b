"""Settings of jobs/export.py: a model for other runtimes."""

from pathlib import Path

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from lstm_fcn.settings.sources import JobSettings, require_local


class ExportSettings(JobSettings):
    """Return a model to other runtimes: as an ONNX file, as an MLflow model, or both."""

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
        require_local("--output", self.output)
        require_local("--mlflow", self.mlflow)
        return self

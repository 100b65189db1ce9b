"""A model to the forms that other runtimes load: an ONNX file, an MLflow model."""

import logging
import os
from collections.abc import Sequence

from lstm_fcn.console import run_command
from lstm_fcn.settings.export import ExportSettings
from lstm_fcn.settings.sources import load_settings

log = logging.getLogger("export")


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(ExportSettings, arguments, "export.py")
    from lstm_fcn.model.file import load_model

    model = load_model(settings.model)
    if settings.output is not None:
        from lstm_fcn.inference.onnx_export import OPSET, onnx_file
        from lstm_fcn.storage import write_atomically

        write_atomically(settings.output, onnx_file(model))
        log.info("stage=export model=%s file=%s opset=%d", model.reference, settings.output, OPSET)
    if settings.mlflow is None and settings.mlflow_uri is None:
        return
    # MLflow reports every use to its makers; a job does so only where somebody has decided it.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from lstm_fcn.inference.mlflow_export import log_model, save_model

    if settings.mlflow is not None:
        save_model(model, settings.mlflow)
        log.info("stage=export model=%s folder=%s", model.reference, settings.mlflow)
    if settings.mlflow_uri is not None:
        print(log_model(model, settings.mlflow_uri, settings.mlflow_name))


if __name__ == "__main__":
    run_command(main)

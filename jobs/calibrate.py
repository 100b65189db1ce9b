"""A model file and beats that it was trained on to the same model, ready for int8."""

import logging
import os
from collections.abc import Sequence

from lstm_fcn.console import run_job
from lstm_fcn.job_settings import load_settings
from lstm_fcn.settings import CalibrateSettings

log = logging.getLogger("calibrate")


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(CalibrateSettings, arguments, "calibrate.py")
    from lstm_fcn.calibration import calibrate
    from lstm_fcn.incremental import require_same_length
    from lstm_fcn.modelfile import find_model
    from lstm_fcn.storage import write_atomically
    from lstm_fcn.training_set import read_training_set

    model = find_model(settings.model)
    data = read_training_set(settings.beats, settings.rows, model.header.network.task)
    require_same_length(model.header, data)
    calibrated = calibrate(model, data.beats.series, settings.threads or os.cpu_count() or 1)
    write_atomically(settings.output, calibrated.content)
    log.info("stage=calibrate model=%s file=%s", calibrated.reference, settings.output)
    print(calibrated.header.require_int8().model_dump_json(indent=1))


if __name__ == "__main__":
    run_job(main)

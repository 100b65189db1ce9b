"""A model file and beats that it was trained on to the same model, ready for int8."""

import logging
import os
from collections.abc import Sequence

from lstm_fcn.console import run_command, session_for
from lstm_fcn.settings.calibrate import CalibrateSettings
from lstm_fcn.settings.sources import as_options, load_settings

log = logging.getLogger("calibrate")


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(CalibrateSettings, arguments, "calibrate.py")
    from lstm_fcn.inference.calibration import calibrate
    from lstm_fcn.model.file import load_model
    from lstm_fcn.storage import write_atomically
    from lstm_fcn.training.dataset import read_training_set
    from lstm_fcn.training.guards import refuse_counting
    from lstm_fcn.training.warm_start import plausible_series, require_same_length, scheme_of

    model = load_model(settings.model)
    model.header.of_series()
    task, scheme = model.header.network.task, scheme_of(model.header)
    spark = session_for("lstm-fcn calibrate", settings.beats)
    options = as_options(settings.beats_options)
    data = read_training_set(settings.beats, settings.rows, task, scheme, spark=spark, options=options)
    refuse_counting(data.beats, data.columns)
    require_same_length(model.header, data)
    series = plausible_series(model.header, data.beats.series)
    calibrated = calibrate(model, series, settings.threads or os.cpu_count() or 1)
    write_atomically(settings.output, calibrated.content)
    log.info("stage=calibrate model=%s file=%s", calibrated.reference, settings.output)
    print(calibrated.header.require_int8().model_dump_json(indent=1))


if __name__ == "__main__":
    run_command(main)

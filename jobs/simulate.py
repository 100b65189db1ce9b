"""Simulated records to try the other jobs on."""

from collections.abc import Sequence

from lstm_fcn.console import run_job
from lstm_fcn.job_settings import load_settings
from lstm_fcn.settings import SimulateSettings


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(SimulateSettings, arguments, "simulate.py")
    from lstm_fcn.simulate import write_records

    names = write_records(settings.output, settings.records, settings.seconds, settings.seed)
    print(f"{len(names)} simulated records of {settings.seconds} s in {settings.output}: {', '.join(names)}")


if __name__ == "__main__":
    run_job(main)

"""Simulated records to try the other jobs on."""

from collections.abc import Sequence

from lstm_fcn.console import run_command
from lstm_fcn.settings.simulate import SimulateSettings
from lstm_fcn.settings.sources import load_settings


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(SimulateSettings, arguments, "simulate.py")
    from lstm_fcn.data.simulate import write_records

    names = write_records(
        settings.output,
        settings.records,
        settings.seconds,
        settings.seed,
        fs=settings.fs,
        form=settings.form,
        unannotated=settings.unannotated,
    )
    print(f"{len(names)} simulated records of {settings.seconds} s in {settings.output}: {', '.join(names)}")


if __name__ == "__main__":
    run_command(main)

"""Beat tables with contexts to a model for patients it has never seen, on one machine."""

from collections.abc import Sequence

from lstm_fcn.console import run_command, session_for, stop_on_signals
from lstm_fcn.settings.sources import load_settings
from lstm_fcn.settings.train_context import TrainContextSettings


def main(arguments: Sequence[str]) -> None:
    """Run the job."""
    settings = load_settings(TrainContextSettings, arguments, "train_context.py")
    from lstm_fcn.training.contexts.job import ContextTrainingRun

    run = ContextTrainingRun(settings, session_for("lstm-fcn train_context", *settings.beats))
    with stop_on_signals() as stop:
        metrics = run.execute(stop)
    for name, value in metrics.items():
        print(f"{name:<16}{value:>8.4f}")


if __name__ == "__main__":
    run_command(main)

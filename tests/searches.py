"""Small searches for hyperparameters, as the tests of the tuning job run them."""

import json
from pathlib import Path

import pandas as pd

from jobs import tune

SMALL = ("--filters-1", "4", "--filters-2", "4", "--filters-3", "4", "--batch-size", "16")
SPACE = {"lr": {"low": 0.001, "high": 0.1, "log": True}, "hidden_size": [4, 8]}


def arguments_of(table: Path, output: Path, *arguments: str) -> list[str]:
    return ["--beats", str(table), "--output", str(output), "--space", json.dumps(SPACE), *SMALL, *arguments]


def tuned(table: Path, output: Path, *arguments: str) -> pd.DataFrame:
    """Run the job in this process; its trials."""
    tune.main(arguments_of(table, output, *arguments))
    return pd.read_parquet(output / "trials")

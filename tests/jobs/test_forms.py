"""The published algorithm's forms: one-hot labels and one column a value in, one column a class out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.file import read_model
from tests.beat_tables import bumps
from tests.processes import JobHere

SMALL = ["--hidden-size", "8", "--filters-1", "8", "--filters-2", "8", "--filters-3", "8", "--batch-size", "10"]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    beats = bumps([20] * 3)
    x = pd.DataFrame(beats.series, columns=[f"x_{i + 1}" for i in range(beats.series.shape[1])])
    y = pd.DataFrame(np.eye(3, dtype=int)[beats.labels], columns=["y_1", "y_2", "y_3"])
    return pd.concat([y, x], axis=1)


def test_one_column_a_value_in_and_one_a_class_out(job_here: JobHere, table: pd.DataFrame, tmp_path: Path):
    table.to_csv(tmp_path / "train.csv", index=False)
    trained = job_here("train", "--beats", tmp_path / "train.csv", "--model", tmp_path / "m", "--epochs", "3", *SMALL)
    assert trained.returncode == 0, trained.stderr

    x = table.drop(columns=["y_1", "y_2", "y_3"])
    x.assign(id=range(len(x))).to_parquet(tmp_path / "x.parquet")
    scored = job_here(
        *("score", "--beats", tmp_path / "x.parquet", "--beat-prefix", "x", "--form", "columns"),
        *("--model", tmp_path / "m", "--output", tmp_path / "scored"),
    )
    assert scored.returncode == 0, scored.stderr
    found = pd.read_parquet(tmp_path / "scored" / "predictions").sort_values("id")
    expected = Engine(read_model(tmp_path / "m")).probabilities(x.to_numpy(np.float32))
    np.testing.assert_allclose(found[["p_1", "p_2", "p_3"]], expected, atol=1e-5)
    np.testing.assert_array_equal(found[["y_1", "y_2", "y_3"]], np.eye(3)[expected.argmax(axis=1)])
    assert set(found["predicted_class"]) <= {"y_1", "y_2", "y_3"}


def test_a_label_left_among_the_values_exits_with_3_before_any_training(
    job_here: JobHere, table: pd.DataFrame, tmp_path: Path
):
    labels = table[["y_1", "y_2", "y_3"]].to_numpy().argmax(axis=1)
    table.assign(x_188=labels).to_csv(tmp_path / "leak.csv", index=False)
    done = job_here("train", "--beats", tmp_path / "leak.csv", "--model", tmp_path / "m.safetensors", *SMALL)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("error: 'x_188' determines the label of every one of 60 series")
    assert [file.name for file in tmp_path.iterdir()] == ["leak.csv"]

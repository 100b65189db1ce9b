import subprocess
import sys

import numpy as np
import pytest
import torch

from lstm_fcn.beats import Beats
from lstm_fcn.engine import Engine
from lstm_fcn.modelfile import Model


@pytest.mark.parametrize("batch_size", [1, 7, 16, 10_000])
def test_probabilities_equal_the_networks_own_for_any_batch_size(model: Model, beats: Beats, batch_size: int):
    with torch.inference_mode():
        expected = model.network()(torch.from_numpy(beats.series)).numpy()
    found = Engine(model, batch_size).probabilities(beats.series)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_no_series_give_no_probabilities(model: Model):
    assert Engine(model).probabilities(np.empty((0, 187), np.float32)).shape == (0, 5)


def test_the_threads_are_those_asked_for(model: Model):
    before = torch.get_num_threads()
    try:
        Engine(model, threads=before + 1)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_the_library_outside_spark_does_not_import_it():
    names = ("engine", "modelfile", "network", "training", "metrics", "records", "beats", "plots", "simulate")
    imports = "; ".join(f"import lstm_fcn.{name}" for name in names)
    subprocess.run([sys.executable, "-c", f"{imports}; import sys; assert 'pyspark' not in sys.modules"], check=True)


def test_the_library_in_spark_does_not_import_torch_on_the_driver():
    imports = "import lstm_fcn.spark, lstm_fcn.spark.models, lstm_fcn.spark.evaluating, lstm_fcn.spark.wfdb_records"
    subprocess.run([sys.executable, "-c", f"{imports}; import sys; assert 'torch' not in sys.modules"], check=True)

import subprocess
import sys
from pkgutil import iter_modules

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import ModelError, SettingsError
from lstm_fcn.inference.engine import Engine
from lstm_fcn.inference.float_convolutions import FloatConvolutions
from lstm_fcn.inference.folded_network import FoldedNetwork
from lstm_fcn.inference.folding import Convolution, SingleStepLSTM, folded_blocks
from lstm_fcn.inference.padding import PooledConvolutions
from lstm_fcn.model.file import Model
from lstm_fcn.model.network import LSTMFCN
from tests.beat_tables import series_of
from tests.models import SMALL, make_network, model_of, networks
from tests.processes import ROOT


def plainly(network: LSTMFCN, series: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.inference_mode():
        return network(torch.from_numpy(series)).numpy()


@settings(max_examples=150, derandomize=True, deadline=None)
@given(network=networks(), data=st.data())
def test_any_network_gives_its_own_probabilities_for_series_of_any_length(network: LSTMFCN, data: st.DataObject):
    length = network.config.length
    ends_at = data.draw(st.lists(st.integers(0, length), min_size=1, max_size=12))
    series = series_of(ends_at, length, data.draw(st.integers(0, 2**31)))
    found = Engine(model_of(network), batch_size=data.draw(st.sampled_from([1, 3, 64]))).probabilities(series)
    np.testing.assert_allclose(found, plainly(network, series), rtol=0, atol=5e-6)


@pytest.mark.parametrize("batch_size", [1, 7, 16, 10_000])
def test_probabilities_equal_the_networks_own_for_any_batch_size(model: Model, beats: Beats, batch_size: int):
    expected = plainly(model.network(), beats.series)
    found = Engine(model, batch_size=batch_size).probabilities(beats.series)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-6)
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()


class Watched(FloatConvolutions):
    """Remembers how wide each batch was."""

    def __init__(self, layers: list[Convolution]) -> None:
        super().__init__(layers)
        self.seen: list[tuple[int, int, bool]] = []

    def sums(self, series: torch.Tensor, border: bool) -> torch.Tensor:
        self.seen.append((len(series), series.shape[3], border))
        return super().sums(series, border)


def test_a_batch_is_as_wide_as_its_longest_series_needs():
    network = make_network(**SMALL, kernel_size_1=8, kernel_size_2=5, kernel_size_3=3)
    layers = folded_blocks(network)
    watched = Watched(layers)
    folded = FoldedNetwork(network, lambda _: watched, batch_size=2)
    folded.probabilities(series_of([50, 187, 20, 60, 30, 180], 187))
    batches = [seen for seen in watched.seen if seen[0] == 2]
    assert batches == [(2, 30 + 13, False), (2, 60 + 13, False), (2, 187, True)]


@pytest.mark.parametrize("ends_at", [0, 1, 100, 186, 187])
def test_the_padding_is_skipped_and_no_column_too_many(ends_at: int):
    """One column less than the kernels reach would show, and more than they reach is not computed."""
    network = make_network(**SMALL, kernel_size_1=8, kernel_size_2=5, kernel_size_3=3)
    layers = folded_blocks(network)
    watched = Watched(layers)
    scaled = network.scale(torch.from_numpy(series_of([ends_at], 187)))
    pooled = PooledConvolutions(watched, layers, network.scale(torch.zeros(1, 187)))
    before, after = 3 + 2 + 1, 4 + 2 + 1
    needed = ends_at + before + after
    with torch.inference_mode():
        right = pooled.means(scaled, ends_at)
        assert watched.seen[-1][1:] == ((needed, False) if needed <= 187 else (187, True))
        whole = FloatConvolutions(layers).sums(scaled[:, None, None, :], border=True) / 187
        cut_short = pooled.means(scaled, max(0, ends_at - 1))
    torch.testing.assert_close(right, whole, rtol=1e-6, atol=1e-6)
    if 1 <= ends_at <= 187 - before - after:
        assert (cut_short - whole).abs().max() > 1e-4


@pytest.mark.parametrize("layers", [1, 3])
def test_three_gates_give_what_the_lstm_gives_for_one_step(layers: int):
    torch.manual_seed(0)
    lstm = torch.nn.LSTM(20, 7, layers, batch_first=True)
    features = torch.randn(5, 20)
    with torch.inference_mode():
        torch.testing.assert_close(SingleStepLSTM(lstm)(features), lstm(features.unsqueeze(1))[0][:, -1])


def test_no_series_give_no_probabilities(model: Model):
    assert Engine(model).probabilities(np.empty((0, 187), np.float32)).shape == (0, 5)


def test_many_series_come_back_in_their_order(model: Model, beats: Beats):
    rows = np.random.default_rng(0).integers(0, len(beats), 9000)
    found = Engine(model).probabilities(beats.series[rows])
    np.testing.assert_allclose(found, Engine(model).probabilities(beats.series)[rows], rtol=0, atol=2e-6)


def test_the_threads_are_those_asked_for(model: Model):
    before = torch.get_num_threads()
    try:
        Engine(model, threads=before + 1)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_without_a_device_is_refused(model: Model):
    with pytest.raises(SettingsError, match="finds no CUDA device here; use --device cpu"):
        Engine(model, device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_cuda_gives_what_the_processor_gives(model: Model, beats: Beats):
    found, expected = (Engine(model, device=device).probabilities(beats.series) for device in ("cuda", "cpu"))
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-6)


def test_int8_without_a_calibration_says_how_to_get_it(model: Model):
    with pytest.raises(ModelError, match=r"'small' is not calibrated for int8; .* jobs/calibrate\.py --model"):
        Engine(model, precision="int8")


def test_the_library_outside_spark_does_not_import_it():
    rooms = ("data", "model", "training", "tuning", "inference", "evaluation", "settings")
    names = [f"lstm_fcn.{room}.{module.name}" for room in rooms for module in iter_modules([ROOT / "lstm_fcn" / room])]
    names.remove("lstm_fcn.inference.mlflow_export")  # since MLflow imports it, where it is there
    assert "lstm_fcn.inference.engine" in names
    imports = "; ".join(f"import {name}" for name in names)
    subprocess.run([sys.executable, "-c", f"{imports}; import sys; assert 'pyspark' not in sys.modules"], check=True)


def test_the_library_in_spark_does_not_import_torch_on_the_driver():
    imports = "import lstm_fcn.spark, lstm_fcn.spark.models, lstm_fcn.spark.scoring.counts, lstm_fcn.spark.prepare"
    subprocess.run([sys.executable, "-c", f"{imports}; import sys; assert 'torch' not in sys.modules"], check=True)

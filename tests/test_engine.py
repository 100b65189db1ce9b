import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lstm_fcn.beats import Beats
from lstm_fcn.engine import Engine
from lstm_fcn.errors import ModelError, SettingsError
from lstm_fcn.float_convolutions import FloatConvolutions
from lstm_fcn.folded_network import FoldedNetwork
from lstm_fcn.folding import Convolution, SingleStepLSTM, folded_blocks
from lstm_fcn.hyperparameters import NetworkConfig
from lstm_fcn.modelfile import Model
from lstm_fcn.network import LSTMFCN
from lstm_fcn.padding import PooledConvolutions, ends
from tests.conftest import SMALL, make_network, model_of, series_of


def plainly(network: LSTMFCN, series: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.inference_mode():
        return network(torch.from_numpy(series)).numpy()


@st.composite
def networks(draw: st.DrawFn) -> LSTMFCN:
    """Any network with any weights, BatchNorm statistics and scaling, kernels longer than the series among them."""
    sizes = {f"filters_{i}": draw(st.integers(1, 9)) for i in (1, 2, 3)}
    kernels = {f"kernel_size_{i}": draw(st.integers(1, 24)) for i in (1, 2, 3)}
    config = NetworkConfig(
        length=draw(st.integers(1, 300)),
        classes=draw(st.integers(2, 6)),
        task=draw(st.sampled_from(["multiclass", "multilabel"])),
        num_layers=draw(st.integers(1, 3)),
        hidden_size=draw(st.integers(1, 9)),
        **sizes,
        **kernels,
    )
    torch.manual_seed(draw(st.integers(0, 2**31)))
    network = LSTMFCN(config, draw(st.sampled_from([0.0, 0.2, -3.0])), draw(st.sampled_from([1.0, 0.3, 4.0])))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values in (module.running_mean, module.weight, module.bias):
                torch.nn.init.normal_(values)
            torch.nn.init.uniform_(module.running_var, 0.1, 2)
    return network.eval()


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
        self.seen.append((*series.shape, border))
        return super().sums(series, border)


def test_a_batch_is_as_wide_as_its_longest_series_needs():
    network = make_network(**SMALL, kernel_size_1=8, kernel_size_2=5, kernel_size_3=3)
    layers = folded_blocks(network)
    watched = Watched(layers)
    folded = FoldedNetwork(network, layers, watched, batch_size=2)
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
        whole = FloatConvolutions(layers).sums(scaled, border=True) / 187
        cut_short = pooled.means(scaled, max(0, ends_at - 1))
    torch.testing.assert_close(right, whole, rtol=1e-6, atol=1e-6)
    if 1 <= ends_at <= 187 - before - after:
        assert (cut_short - whole).abs().max() > 1e-4


def test_the_end_of_a_series_is_where_its_zeros_begin_that_reach_to_the_end():
    series = np.array([[1, 0, 2, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 3], [-0.0, 1, np.nan, 0, -0.0]], np.float32)
    assert ends(series).tolist() == [3, 0, 5, 3]


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


def test_int8_without_a_calibration_tells_how_to_get_it(model: Model):
    with pytest.raises(ModelError, match=r"'small' is not calibrated for int8; .* jobs/calibrate\.py --model"):
        Engine(model, precision="int8")


def test_the_library_outside_spark_does_not_import_it():
    names = ("engine", "calibration", "modelfile", "network", "training", "metrics", "records", "beats", "plots")
    imports = "; ".join(f"import lstm_fcn.{name}" for name in (*names, "simulate"))
    subprocess.run([sys.executable, "-c", f"{imports}; import sys; assert 'pyspark' not in sys.modules"], check=True)


def test_the_library_in_spark_does_not_import_torch_on_the_driver():
    imports = "import lstm_fcn.spark, lstm_fcn.spark.models, lstm_fcn.spark.evaluating, lstm_fcn.spark.wfdb_records"
    subprocess.run([sys.executable, "-c", f"{imports}; import sys; assert 'torch' not in sys.modules"], check=True)

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
from lstm_fcn.folding import SingleStepLSTM, folded_blocks
from lstm_fcn.hyperparameters import NetworkConfig, Optimization
from lstm_fcn.modelfile import Model, parse_model, serialize
from lstm_fcn.network import LSTMFCN
from lstm_fcn.padding import PooledConvolutions, ends
from lstm_fcn.provenance import describe, describe_data
from tests.conftest import make_network

SMALL = {"hidden_size": 8, "filters_1": 8, "filters_2": 16, "filters_3": 8}


def plainly(network: LSTMFCN, series: NDArray[np.float32]) -> NDArray[np.float32]:
    with torch.inference_mode():
        return network(torch.from_numpy(series)).numpy()


def series_of(ends_at: list[int], length: int, seed: int = 0) -> NDArray[np.float32]:
    """Series that end at these positions, with zeros after it and some inside."""
    rng = np.random.default_rng(seed)
    series = rng.normal(0.4, 1, (len(ends_at), length)).astype(np.float32)
    series[rng.random(series.shape) < 0.1] = 0
    for row, end in zip(series, ends_at, strict=True):
        row[end:] = 0
        row[end - 1 : end] = 1
    return series


def model_of(network: LSTMFCN) -> Model:
    classes = [str(i) for i in range(network.config.classes)]
    shape = (10,) if network.config.task != "multilabel" else (10, len(classes))
    some = Beats(np.zeros((10, network.config.length), np.float32), np.zeros(shape, np.int64))
    data = describe_data(some, len(classes), "nowhere")
    header = describe("m", network, Optimization(), data, {}, classes=classes)
    return parse_model(serialize(network, header), "m")


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


@pytest.mark.parametrize("ends_at", [0, 1, 100, 186, 187])
def test_the_padding_is_skipped_and_no_column_too_many(ends_at: int):
    """One column less than the kernels reach would show, and more than they reach is not computed."""
    network = make_network(**SMALL, kernel_size_1=8, kernel_size_2=5, kernel_size_3=3)
    layers, widths = folded_blocks(network), []

    class Watched(FloatConvolutions):
        def sums(self, series: torch.Tensor, border: bool) -> torch.Tensor:
            widths.append((series.shape[1], border))
            return super().sums(series, border)

    scaled = network.scale(torch.from_numpy(series_of([ends_at], 187)))
    pooled = PooledConvolutions(Watched(layers), layers, network.scale(torch.zeros(1, 187)))
    with torch.inference_mode():
        right = pooled.means(scaled, ends_at)
        whole = FloatConvolutions(layers).sums(scaled, border=True) / 187
        cut_short = pooled.means(scaled, max(0, ends_at - 1))
    torch.testing.assert_close(right, whole, rtol=1e-6, atol=1e-6)
    before, after = 3 + 2 + 1, 4 + 2 + 1
    needed = ends_at + before + after
    assert (needed, False) in widths if needed <= 187 else {border for _, border in widths[:1]} == {True}
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

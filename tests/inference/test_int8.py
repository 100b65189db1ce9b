import subprocess
import sys

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import ModelError, SettingsError
from lstm_fcn.inference.calibration import calibrate
from lstm_fcn.inference.engine import Engine, int8_convolutions
from lstm_fcn.inference.folded_network import FoldedNetwork
from lstm_fcn.inference.folding import Convolution, folded_blocks
from lstm_fcn.inference.int8_convolutions import Int8Convolutions
from lstm_fcn.inference.padding import PooledConvolutions
from lstm_fcn.model.file import Model
from tests.beat_tables import series_of
from tests.models import SMALL, make_network, model_of

MAXIMA = [9.0, 40.0, 90.0]


@pytest.fixture(scope="module")
def calibrated(model: Model, beats: Beats) -> Model:
    return calibrate(model, beats.series)


def by_hand(layers: list[Convolution], scaled: NDArray[np.float32], maxima: list[float]) -> NDArray[np.float64]:
    """The same arithmetic with whole numbers in float64, which holds them exactly: (B, filters)."""
    maps = torch.from_numpy(scaled)[:, None, None, :]
    (weight, bias, padding), *others = layers
    counts = torch.conv2d(torch.nn.functional.pad(maps, padding), weight, bias)
    counts = (counts / np.float32(maxima[0] / 255)).round().clamp(0, 255).double()
    for (weight, bias, padding), before, largest in zip(others, maxima, maxima[1:], strict=False):
        steps = weight.abs().amax(dim=(1, 2, 3)).double() / 63
        whole = (weight / steps[:, None, None, None]).round().double()
        products = torch.conv2d(
            torch.nn.functional.pad(counts, padding), whole, (bias / (steps * before / 255)).round()
        )
        counts = (products * (steps * before / largest)[:, None, None]).round().clamp(0, 255)
    return (counts.sum(dim=(2, 3)) * maxima[2] / 255).numpy()


@pytest.mark.parametrize("largest_weights", [False, True])
def test_the_integers_are_those_of_the_arithmetic_by_hand(largest_weights: bool):
    """Also where pairs of products are added in 16 bits: inputs at 255 with the largest weights would overflow."""
    layers = folded_blocks(make_network(**SMALL))
    for layer in layers[1:] if largest_weights else ():
        layer.weight.fill_(layer.weight.abs().max())
    scaled = series_of([187] * 20, 187) * 20
    found = (
        Int8Convolutions(layers, MAXIMA, threads=1)
        .sums(torch.from_numpy(scaled)[:, None, None, :], border=True)
        .numpy()
    )
    expected = by_hand(layers, scaled, MAXIMA)
    # A count at the very middle between two may be rounded either way.
    np.testing.assert_allclose(found, expected, rtol=0, atol=3 * MAXIMA[2] / 255)


def test_the_padding_is_skipped_exactly_in_integers():
    network = make_network(**SMALL, kernel_size_1=8, kernel_size_2=5, kernel_size_3=3)
    layers = folded_blocks(network)
    convolutions = Int8Convolutions(layers, MAXIMA, threads=1)
    pooled = PooledConvolutions(convolutions, layers, network.scale(torch.zeros(1, 187)))
    for end in (0, 1, 50, 173, 174, 175, 187):
        scaled = network.scale(torch.from_numpy(series_of([end] * 3, 187)))
        whole = convolutions.sums(scaled[:, None, None, :], border=True) / 187
        torch.testing.assert_close(pooled.means(scaled, end), whole, rtol=1e-6, atol=1e-6)


def test_labels_equal_those_of_float32(calibrated: Model, beats: Beats):
    rng = np.random.default_rng(0)
    series = (beats.series[rng.integers(0, len(beats), 3000)] * rng.uniform(0.5, 1, (3000, 1))).astype(np.float32)
    engine = Engine(calibrated, precision="int8")
    found, expected = engine.probabilities(series), Engine(calibrated).probabilities(series)
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()
    assert 0 < np.abs(found - expected).max() < calibrated.header.int8.margin
    lead = np.diff(np.sort(found, axis=1)[:, -2:], axis=1)[:, 0]
    assert engine.looked_twice >= (lead < calibrated.header.int8.margin).sum() > 0


def test_a_beat_in_doubt_has_the_probabilities_of_float32(calibrated: Model, beats: Beats):
    network = calibrated.network()
    rough = FoldedNetwork(network, int8_convolutions(calibrated.header.int8.maxima, 1), 16).probabilities(beats.series)
    lead = np.diff(np.sort(rough, axis=1)[:, -2:], axis=1)[:, 0]
    doubtful = lead < calibrated.header.int8.margin
    assert 0 < doubtful.sum() < len(beats)
    found, exact = (Engine(calibrated, precision=p).probabilities(beats.series) for p in ("int8", "float32"))
    np.testing.assert_allclose(found[doubtful], exact[doubtful], rtol=0, atol=2e-6)
    np.testing.assert_allclose(found[~doubtful], rough[~doubtful], rtol=0, atol=2e-6)


def test_of_several_labels_each_that_is_near_its_threshold_is_looked_at_twice():
    model = model_of(make_network(**SMALL, task="multilabel", classes=3))
    series = series_of([187] * 500, 187)
    calibrated = calibrate(model, series)
    engine = Engine(calibrated, precision="int8")
    found, expected = engine.probabilities(series), Engine(calibrated).probabilities(series)
    assert ((found > 0.5) == (expected > 0.5)).all()
    assert 0 < engine.looked_twice < len(series)


def test_a_calibrated_model_keeps_its_weights_and_its_story(model: Model, calibrated: Model):
    before, after = model.network().state_dict(), calibrated.network().state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert calibrated.header.model_copy(update={"int8": None}) == model.header
    assert calibrated.header.int8.beats == 200


def test_int8_on_cuda_is_refused(calibrated: Model):
    with pytest.raises(SettingsError, match="int8 computes on the processor"):
        Engine(calibrated, precision="int8", device="cuda")


def test_where_its_packages_are_missing_int8_says_how_to_get_them():
    code = (
        "import sys; sys.modules['onnxruntime'] = None\n"
        "from lstm_fcn.inference.engine import Engine; from lstm_fcn.model.file import load_model\n"
        "Engine(load_model('mitbih'))\n"
        "Engine(load_model('mitbih'), precision='int8')"
    )
    failed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert failed.stderr.splitlines()[-1].endswith(
        "SettingsError: int8 needs onnxruntime, which is not installed here: pip install 'lstm-fcn[int8]'"
    )


@pytest.mark.parametrize("factor", [1e-6, 1e-12, 0.0])
def test_a_filter_of_next_to_no_weights_keeps_its_bias(factor: float):
    network = make_network(**SMALL)
    for block in (network.block_2, network.block_3):
        block.norm.weight.data[0], block.norm.bias.data[0] = factor, 5.0
    layers, scaled = folded_blocks(network), torch.from_numpy(series_of([187] * 3, 187))
    found = Int8Convolutions(layers, MAXIMA, threads=1).sums(scaled[:, None, None, :], border=True)[:, 0] / 187
    torch.testing.assert_close(found, torch.full((3,), 5.0), rtol=0, atol=MAXIMA[2] / 255)


def test_a_model_that_int8_does_not_suit_is_not_calibrated(beats: Beats):
    network = make_network(**SMALL)
    network.head.weight.data *= 10_000
    with pytest.raises(ModelError, match=r"int8 does not suit the model 'm': .* [01]\.\d\d off, .*float32"):
        calibrate(model_of(network), beats.series)


def test_of_many_beats_the_same_4096_calibrate(model: Model, beats: Beats):
    many = np.concatenate([beats.series] * 21)
    first, second = calibrate(model, many), calibrate(model, many)
    assert first.content == second.content
    assert first.header.int8.beats == 4096

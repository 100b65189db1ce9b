import numpy as np
import pytest
import torch

from lstm_fcn.beats import BEAT_LENGTH, Beats
from lstm_fcn.errors import DataError
from lstm_fcn.hyperparameters import NetworkConfig, Optimization
from lstm_fcn.labels import CLASSES
from lstm_fcn.sampling import select, undersample
from lstm_fcn.training import train
from lstm_fcn.validation import measure

SMALL = NetworkConfig(length=BEAT_LENGTH, classes=5, hidden_size=8, filters_1=8, filters_2=8, filters_3=8)


def bumps(per_class: list[int]) -> Beats:
    """Beats whose class is where their bump is."""
    labels = np.repeat(np.arange(len(per_class)), per_class)
    rng = np.random.default_rng(0)
    series = rng.normal(0, 0.05, (len(labels), BEAT_LENGTH)).astype(np.float32)
    for row, label in zip(series, labels, strict=True):
        row[30 * label : 30 * label + 15] += 1
    return Beats(series, labels)


def test_undersampling_leaves_every_class_as_many_beats_as_the_rarest():
    beats = bumps([50, 20, 7, 9, 30])
    kept = undersample(beats, seed=0)
    assert np.bincount(kept.labels).tolist() == [7] * 5
    assert len(np.unique(kept.series[:, 0])) == 35  # none twice
    assert kept.fingerprint() == undersample(beats, seed=0).fingerprint()
    assert kept.fingerprint() != undersample(beats, seed=1).fingerprint()


def test_a_class_without_beats_is_refused():
    with pytest.raises(DataError, match="expected training beats of every class, found none of V, Q"):
        select(bumps([5, 5, 0, 5, 0]), Optimization(), CLASSES)


def test_it_learns():
    beats = bumps([40] * 5)
    network, epochs = train(beats, SMALL, Optimization(epochs=12, batch_size=20, lr=0.005))
    assert [epoch.epoch for epoch in epochs] == list(range(1, 13))
    assert epochs[-1].train_loss < 0.7 * epochs[0].train_loss
    assert measure(network, beats, None)["train_accuracy"] > 0.95


def test_the_same_seed_gives_the_same_weights():
    def weights(seed: int) -> torch.Tensor:
        network, _ = train(bumps([6] * 5), SMALL, Optimization(epochs=2, batch_size=10, seed=seed))
        return network.head.weight

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_batchnorm_statistics_are_those_of_all_beats_under_the_final_weights():
    beats = bumps([40] * 5)
    beats.series[:] += beats.labels[:, None]  # neighbours are alike, as real beats of one patient are
    network, _ = train(beats, SMALL, Optimization(epochs=2, batch_size=20, lr=0.01))
    scaled = (torch.from_numpy(beats.series) - network.mean) / network.std
    maps = scaled[:, None, None, :]
    with torch.inference_mode():
        for block in (network.block_1, network.block_2, network.block_3):
            filtered = block.conv(torch.nn.functional.pad(maps, block.padding))
            torch.testing.assert_close(block.norm.running_mean, filtered.mean(dim=(0, 2, 3)), rtol=0.02, atol=0.02)
            torch.testing.assert_close(block.norm.running_var, filtered.var(dim=(0, 2, 3)), rtol=0.5, atol=0.05)
            maps = block(maps)

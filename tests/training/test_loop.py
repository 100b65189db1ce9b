import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lstm_fcn.data.beats import BEAT_LENGTH, Beats
from lstm_fcn.errors import ModelError, SettingsError, StoppedError
from lstm_fcn.model.config import NetworkConfig, Optimization
from lstm_fcn.model.network import LSTMFCN
from lstm_fcn.training.checkpoint import Checkpoint
from lstm_fcn.training.loop import Execution, train
from lstm_fcn.training.state import Epoch, TrainingState
from lstm_fcn.training.validation import measure
from tests.beat_tables import bumps, noisy
from tests.models import needs_bfloat16

SMALL = NetworkConfig(length=BEAT_LENGTH, classes=5, hidden_size=8, filters_1=8, filters_2=8, filters_3=8)
EVERYTHING = Optimization(
    epochs=4, batch_size=20, lr=0.005, schedule="one-cycle", averaging=0.9, weight_decay=0.01, class_weights="sqrt"
)


def same_weights(one: LSTMFCN, other: LSTMFCN) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def without_times(epochs: list[Epoch]) -> list[Epoch]:
    return [epoch.model_copy(update={"seconds": 0}) for epoch in epochs]


def test_it_learns():
    beats = bumps([40] * 5)
    network, epochs = train(beats, SMALL, Optimization(epochs=12, batch_size=20, lr=0.005))
    assert [epoch.epoch for epoch in epochs] == list(range(1, 13))
    assert epochs[-1].train_loss < 0.7 * epochs[0].train_loss
    assert measure(network, beats, None)["train_accuracy"] > 0.95


@pytest.mark.parametrize("precision", ["float32", pytest.param("bfloat16", marks=needs_bfloat16)])
def test_the_same_seed_gives_the_same_weights_and_leaves_the_callers_random_numbers(precision: str):
    def trained(seed: int) -> LSTMFCN:
        optimization = Optimization(epochs=2, batch_size=10, seed=seed)
        return train(bumps([6] * 5), SMALL, optimization, execution=Execution(precision=precision))[0]

    torch.manual_seed(5)
    first = trained(1)
    drawn = torch.rand(3)
    torch.rand(100)
    assert same_weights(first, trained(1))
    assert not same_weights(first, trained(2))
    assert torch.equal(drawn, torch.rand(3, generator=torch.Generator().manual_seed(5)))


@needs_bfloat16
def test_the_precision_does_not_go_unnoticed():
    beats, optimization = bumps([12] * 5), Optimization(epochs=3, batch_size=20)
    exact, _ = train(beats, SMALL, optimization, execution=Execution(precision="float32"))
    rounded, _ = train(beats, SMALL, optimization, execution=Execution(precision="bfloat16"))
    assert not same_weights(exact, rounded)


def test_beats_that_are_watched_change_nothing():
    beats, held_out = bumps([12] * 5), bumps([4] * 5, seed=1)
    optimization = Optimization(epochs=3, batch_size=20)
    _, epochs = train(beats, SMALL, optimization, execution=Execution(precision="float32"))
    _, watched = train(beats, SMALL, optimization, validation=held_out, execution=Execution(precision="float32"))
    assert [epoch.train_loss for epoch in watched] == [epoch.train_loss for epoch in epochs]


@pytest.mark.parametrize("class_weights", ["none", "sqrt"])
def test_the_prior_correction_is_the_log_of_the_shares_added_to_the_logits(class_weights: str):
    beats, population = noisy(12, 0), np.array([600, 60, 30, 6, 60])
    beats = beats.take(np.flatnonzero((beats.labels != 2) | (np.arange(len(beats)) % 2 == 0)))
    plain = Optimization(epochs=3, batch_size=20, class_weights=class_weights)
    corrected = plain.model_copy(update={"prior_correction": True})
    uncorrected_network, _ = train(beats, SMALL, plain, execution=Execution(precision="float32"))
    network, _ = train(beats, SMALL, corrected, population=population, execution=Execution(precision="float32"))
    counts = beats.class_counts(5)
    implied = counts * counts ** (-0.5 if class_weights == "sqrt" else 0.0)
    expected = np.log(population / population.sum()) - np.log(implied / implied.sum())
    with torch.inference_mode():
        series = torch.from_numpy(beats.series)
        shift = (network.logits(series) - uncorrected_network.logits(series)).numpy()
    np.testing.assert_allclose(shift, np.broadcast_to(expected, shift.shape), atol=1e-3)


def test_the_network_to_begin_with_stays_as_it_was():
    before = LSTMFCN(SMALL)
    weights = before.head.weight.clone()
    after, _ = train(bumps([8] * 5), SMALL, Optimization(epochs=1, batch_size=10), initial=before)
    assert torch.equal(before.head.weight, weights)
    assert not torch.equal(after.head.weight, weights)


def test_batchnorm_statistics_are_those_of_all_beats_under_the_final_weights():
    beats = bumps([40] * 5)
    beats.series[:] += beats.labels[:, None]  # neighbours are alike, as real beats of one patient are
    network, _ = train(
        beats, SMALL, Optimization(epochs=2, batch_size=20, lr=0.01), execution=Execution(precision="float32")
    )
    scaled = (torch.from_numpy(beats.series) - network.mean) / network.std
    maps = scaled[:, None, None, :]
    with torch.inference_mode():
        for block in (network.block_1, network.block_2, network.block_3):
            filtered = block.conv(torch.nn.functional.pad(maps, block.padding))
            torch.testing.assert_close(block.norm.running_mean, filtered.mean(dim=(0, 2, 3)), rtol=0.02, atol=0.02)
            torch.testing.assert_close(block.norm.running_var, filtered.var(dim=(0, 2, 3)), rtol=0.5, atol=0.05)
            maps = block(maps)


def test_the_best_epoch_by_held_out_macro_f1_is_kept():
    beats, held_out = noisy(20, 0), noisy(8, 1)
    # So large a rate does better in some epochs than in later ones.
    optimization = Optimization(epochs=10, batch_size=20, lr=0.1, seed=2)
    network, epochs = train(beats, SMALL, optimization, validation=held_out, execution=Execution(precision="float32"))
    scores = [epoch.valid_macro_f1 for epoch in epochs]
    assert max(scores) > scores[-1] + 0.02
    assert measure(network, beats, held_out)["valid_macro_f1"] == pytest.approx(max(scores), abs=0.01)


def test_it_stops_early_without_a_better_epoch():
    held_out = bumps([4] * 5, seed=1)
    held_out.labels[:] = 0  # nothing to be learned for
    optimization = Optimization(epochs=50, batch_size=20, lr=1e-6, early_stopping=3)
    _, epochs = train(bumps([8] * 5), SMALL, optimization, validation=held_out)
    best = int(np.argmax([epoch.valid_macro_f1 for epoch in epochs]))
    assert len(epochs) == best + 4


def test_one_cycle_rises_for_a_quarter_and_falls_to_zero():
    optimization = Optimization(epochs=8, batch_size=40, lr=0.01, schedule="one-cycle")
    _, epochs = train(bumps([8] * 5), SMALL, optimization)
    rates = [epoch.lr for epoch in epochs]
    assert rates[1] == pytest.approx(0.01)
    assert rates[0] == pytest.approx(0.0052)
    assert rates[1:] == sorted(rates[1:], reverse=True)
    assert rates[-1] == pytest.approx(0)


def test_the_average_of_the_weights_differs_from_the_last_ones():
    beats, constant = bumps([10] * 5), Optimization(epochs=3, batch_size=10)
    last, history = train(beats, SMALL, constant)
    averaged, same = train(beats, SMALL, constant.model_copy(update={"averaging": 0.99}))
    assert [epoch.train_loss for epoch in history] == [epoch.train_loss for epoch in same]
    assert not same_weights(last, averaged)


def test_several_labels_a_series_are_learned():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (200, 3))
    series = rng.normal(0, 0.1, (200, 60)).astype(np.float32)
    for i in range(3):
        series[:, 20 * i : 20 * i + 10] += labels[:, [i]]
    config = SMALL.model_copy(update={"task": "multilabel", "length": 60, "classes": 3})
    beats = Beats(series, labels)
    network, _ = train(beats, config, Optimization(epochs=15, batch_size=20, lr=0.01))
    assert measure(network, beats, None)["train_accuracy"] > 0.9  # all three right
    probabilities = network(torch.from_numpy(series))
    assert probabilities.shape == (200, 3)
    assert probabilities.sum(dim=1).max() > 1.5


def test_an_interrupted_training_ends_as_one_that_was_not(tmp_path: Path):
    beats, held_out = bumps([30] * 5), bumps([6] * 5, seed=1)
    whole = train(beats, SMALL, EVERYTHING, validation=held_out)
    asked = iter(range(1000))
    stops = (3, 11, 26)  # in the middle of epochs and between them
    run = Execution(checkpoint=Checkpoint(tmp_path / "c", {}), stop=lambda: next(asked) in stops)
    for _ in stops:
        with pytest.raises(StoppedError, match="the same command goes on"):
            train(beats, SMALL, EVERYTHING, validation=held_out, execution=run)
    network, epochs = train(beats, SMALL, EVERYTHING, validation=held_out, execution=run)
    assert same_weights(network, whole[0])
    assert without_times(epochs) == without_times(whole[1])


@pytest.fixture
def interrupted(tmp_path: Path) -> Execution:
    """A run with a checkpoint from the middle of a training."""
    checkpoint = Checkpoint(tmp_path / "c", {"lr": 0.005, "seed": 0})
    asked = iter(range(1000))
    with pytest.raises(StoppedError):
        train(
            bumps([30] * 5),
            SMALL,
            EVERYTHING,
            execution=Execution(checkpoint=checkpoint, stop=lambda: next(asked) == 3),
        )
    return Execution(checkpoint=checkpoint)


def test_the_checkpoint_of_another_training_is_refused(interrupted: Execution):
    other = replace(interrupted, checkpoint=replace(interrupted.checkpoint, identity={"lr": 0.1, "seed": 0}))
    with pytest.raises(SettingsError, match=r"another training \(lr: 0.005 there, 0.1 here\); go on with its"):
        train(bumps([30] * 5), SMALL, EVERYTHING, execution=other)


def test_a_damaged_checkpoint_is_refused(interrupted: Execution):
    path = interrupted.checkpoint.path
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="is damaged .*delete it to begin anew"):
        train(bumps([30] * 5), SMALL, EVERYTHING, execution=interrupted)


def test_a_checkpoint_of_other_shapes_is_refused(interrupted: Execution):
    wider = SMALL.model_copy(update={"filters_1": 9})
    with pytest.raises(ModelError, match="does not fit"):
        train(bumps([30] * 5), wider, EVERYTHING, execution=interrupted)


def test_every_epoch_is_reported(tmp_path: Path):
    reported: list[int] = []
    run = Execution(on_epoch=lambda epochs: reported.append(len(epochs)))
    _, epochs = train(bumps([4] * 5), SMALL, Optimization(epochs=3, batch_size=10), execution=run)
    assert reported == [1, 2, 3]
    assert json.loads(epochs[0].model_dump_json(exclude_none=True)).keys() == {
        *("epoch", "lr", "train_loss", "train_accuracy", "seconds")
    }


def test_every_epoch_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO", "lstm_fcn.training")
    beats = bumps([4] * 5)
    train(beats, SMALL, Optimization(epochs=2, batch_size=10), validation=beats)
    train(beats, SMALL, Optimization(epochs=1, batch_size=10))
    held_out, rate = r" valid_macro_f1=[01]\.\d{4}", r" beats_per_s=\d+ seconds_left="
    lines = [
        *(rf"stage=train epoch={epoch} of=2 loss=\d\.\d{{4}}{held_out}{rate}\d+" for epoch in (1, 2)),
        rf"stage=train epoch=1 of=1 loss=\d\.\d{{4}}{rate}0",
    ]
    assert len(caplog.messages) == len(lines)
    assert all(re.fullmatch(line, message) for line, message in zip(lines, caplog.messages, strict=True))


def test_a_training_that_diverges_is_an_error():
    network = LSTMFCN(SMALL)
    torch.nn.init.constant_(network.head.weight, 3e38)
    with pytest.raises(ModelError, match="diverged in epoch 1: the loss is nan; lower lr"):
        train(bumps([8] * 5), SMALL, Optimization(epochs=2, batch_size=10), initial=network)


def test_extreme_values_do_not_make_the_scaling_infinite():
    beats = bumps([8] * 5)
    beats.series[3, 5] = 3e38
    network, _ = train(beats, SMALL, Optimization(epochs=1, batch_size=10))
    assert np.isfinite([network.mean, network.std]).all()


def test_weights_decay_and_biases_do_not():
    network = LSTMFCN(SMALL)
    before = {name: value.clone() for name, value in network.named_parameters()}
    state = TrainingState(network, Optimization(lr=0.1, weight_decay=0.5))
    state.step(sum(0 * value.sum() for value in network.parameters()), 0.1)
    for name, value in network.named_parameters():
        torch.testing.assert_close(value, before[name] * (0.95 if value.ndim > 1 else 1.0))

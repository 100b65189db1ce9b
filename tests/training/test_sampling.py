from typing import Literal

import numpy as np
import pytest

from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.model.config import Optimization
from lstm_fcn.training.sampling import class_weights, hold_out, positive_weights, prior_offset, select, undersample


def numbered(labels: np.ndarray, records: np.ndarray | None = None) -> Beats:
    """Beats whose first value is their number."""
    return Beats(np.arange(len(labels), dtype=np.float32)[:, None].repeat(4, axis=1), labels, records)


UNEVEN = numbered(np.repeat([0, 1, 2], [60, 20, 10]))


def test_undersampling_leaves_every_class_as_many_beats_as_the_rarest():
    kept = undersample(UNEVEN, seed=0)
    assert np.bincount(kept.labels).tolist() == [10] * 3
    assert len(np.unique(kept.series[:, 0])) == 30  # none twice
    assert kept.fingerprint() == undersample(UNEVEN, seed=0).fingerprint()
    assert kept.fingerprint() != undersample(UNEVEN, seed=1).fingerprint()


@pytest.mark.parametrize(
    ("kind", "ratio"), [("none", 1.0), ("fourth-root", 16**0.25), ("sqrt", 4.0), ("balanced", 16.0)]
)
def test_a_class_16_times_as_rare_weighs_by_a_root_of_that_and_a_beat_1_on_average(kind: str, ratio: float):
    counts = np.array([160, 10])
    weights = class_weights(counts, kind)
    assert weights[1] / weights[0] == pytest.approx(ratio)
    assert (weights * counts).sum() == pytest.approx(170)


def test_every_class_is_held_out_in_its_share_and_no_beat_is_on_both_sides():
    fitted, held_out = hold_out(UNEVEN, 0.2, "beat", seed=0)
    assert np.bincount(UNEVEN.labels[held_out]).tolist() == [12, 4, 2]
    assert sorted([*fitted, *held_out]) == list(range(90))
    assert not np.array_equal(held_out, hold_out(UNEVEN, 0.2, "beat", seed=1)[1])


def test_whole_records_are_held_out():
    beats = numbered(UNEVEN.labels, np.array([f"r{i % 9}" for i in range(90)], object))
    fitted, held_out = hold_out(beats, 0.34, "record", seed=0)
    inside, outside = set(beats.records[held_out]), set(beats.records[fitted])
    assert len(inside) == 4
    assert not inside & outside


@pytest.mark.parametrize("by", ["beat", "record"])
def test_every_beat_is_in_one_fold_whatever_the_seed(by: Literal["beat", "record"]):
    beats = numbered(UNEVEN.labels, np.array([f"r{i % 9}" for i in range(90)], object))
    parts = [hold_out(beats, 0.33, by, seed=fold, fold=fold) for fold in (1, 2, 3)]
    assert sorted(np.concatenate([held_out for _, held_out in parts])) == list(range(90))
    for fitted, held_out in parts:
        assert sorted([*fitted, *held_out]) == list(range(90))
        if by == "record":
            assert not set(beats.records[fitted]) & set(beats.records[held_out])
        else:
            assert np.abs(np.bincount(beats.labels[held_out]) - [20, 20 / 3, 10 / 3]).max() < 1
    assert np.array_equal(hold_out(beats, 0.33, by, seed=7, fold=1)[1], parts[0][1])


@pytest.mark.parametrize(
    ("share", "by", "message"),
    [(0.01, "beat", "cannot hold out 1% of the beats by beat"), (0.2, "record", "do not name their records")],
)
def test_what_cannot_be_held_out_is_refused(share: float, by: str, message: str):
    with pytest.raises(DataError, match=message):
        hold_out(UNEVEN, share, by, seed=0)


def test_held_out_beats_are_not_sampled():
    optimization = Optimization(sampling="under", validation_share=0.2)
    fitted, held_out = select(UNEVEN, optimization, "abc")
    assert np.bincount(fitted.labels).tolist() == [8, 8, 8]
    assert np.bincount(held_out.labels).tolist() == [12, 4, 2]
    assert not set(fitted.series[:, 0]) & set(held_out.series[:, 0])


def test_validation_beats_that_are_given_leave_all_others_to_fit():
    given = numbered(np.array([0, 1, 2]))
    fitted, held_out = select(UNEVEN, Optimization(validation_share=0.2), "abc", given)
    assert len(fitted) == 90
    assert held_out is given


def test_early_stopping_without_beats_to_validate_with_is_refused():
    with pytest.raises(SettingsError, match="early stopping needs beats to validate with"):
        select(UNEVEN, Optimization(early_stopping=3), "abc")


def test_the_ones_of_a_rare_label_weigh_by_a_root_of_their_rarity():
    weights = positive_weights(np.array([49, 4, 0]), 99, "sqrt")
    assert weights.tolist() == pytest.approx([(51 / 49) ** 0.5, 24**0.5, 10.0])
    assert positive_weights(np.array([49, 4, 0]), 99, "none").tolist() == [1, 1, 1]


def test_a_class_without_beats_is_refused():
    with pytest.raises(DataError, match="expected training beats of every class, found none of b, d"):
        select(numbered(np.array([0, 0, 2])), Optimization(), "abcd")


def test_correcting_the_prior_of_several_labels_is_refused():
    with pytest.raises(SettingsError, match="the prior correction needs one class a series"):
        select(numbered(np.ones((4, 2), np.int64)), Optimization(prior_correction=True), "ab")


def test_the_offset_is_what_sampling_adds_to_the_logits():
    offset = prior_offset(np.array([10.0, 10.0]), np.array([90, 10]))
    assert offset.tolist() == pytest.approx([np.log(0.5 / 0.9), np.log(0.5 / 0.1)])


def test_undersampling_several_labels_a_series_is_refused():
    with pytest.raises(DataError, match="one class a series"):
        undersample(numbered(np.ones((4, 2), np.int64)), seed=0)

from dataclasses import replace

import numpy as np
import pytest

from lstm_fcn.data.beats import NOT_KNOWN, Beats
from lstm_fcn.model.config import Optimization
from lstm_fcn.training.mixing import join, mix, mix_fitted
from lstm_fcn.training.sampling import hold_out_as


def beats_that_name_themselves(count: int, records: int) -> Beats:
    """Beat i is 1 at position i; nine in ten are N."""
    series = np.eye(count, dtype=np.float32)
    labels = np.where(np.arange(count) % 10 == 0, 2, 0)
    return Beats(series, labels, np.array([f"r{i % records}" for i in range(count)], object))


def parts(mixed: Beats) -> tuple[np.ndarray, np.ndarray]:
    """Each mixture's larger part and the other."""
    order = mixed.series.argsort(axis=1)
    return order[:, -1], order[:, -2]


def test_a_mixture_is_a_weighted_mean_of_two_beats_of_its_record():
    beats = beats_that_name_themselves(60, records=3)
    mixed = mix(beats, 240, seed=0)
    np.testing.assert_allclose(mixed.series.sum(axis=1), 1, rtol=1e-6)
    assert ((mixed.series > 0).sum(axis=1) == 2).all()
    first, second = parts(mixed)
    assert 200 < len(mixed) < 240  # of one beat with itself there is none
    assert (np.bincount(first, minlength=60) <= 4).all()
    assert (beats.records[first] == mixed.records).all()
    assert (beats.records[second] == mixed.records).all()
    assert (mixed.labels == NOT_KNOWN).all()
    largest = mixed.series.max(axis=1)
    assert np.quantile(largest, [0, 0.25, 0.75, 1]) == pytest.approx([0.5, 0.625, 0.875, 1], abs=0.04)


def test_rare_classes_are_mixed_into_others_more_often_than_they_are_there():
    beats = replace(beats_that_name_themselves(100, records=1), records=None)
    mixed = mix(beats, 4000, seed=0)
    assert mixed.records is None
    _, second = parts(mixed)
    assert (beats.labels[second] == 2).mean() == pytest.approx(0.5 * 0.1 + 0.5 * 0.5, abs=0.03)


def test_the_same_seed_mixes_the_same():
    beats = beats_that_name_themselves(30, records=2)
    np.testing.assert_array_equal(mix(beats, 50, seed=1).series, mix(beats, 50, seed=1).series)
    assert not np.array_equal(mix(beats, 50, seed=1).series, mix(beats, 50, seed=2).series)


def test_what_is_held_out_is_in_no_mixture():
    beats = beats_that_name_themselves(60, records=3)
    fold = Optimization(validation_share=0.25, validation_fold=1)
    _, held_out = hold_out_as(fold, beats)
    mixed = mix_fitted(beats, fold, times=4)
    assert 3 < len(mixed) / (60 - len(held_out)) < 4
    assert not mixed.series[:, held_out].any()
    assert mix_fitted(beats, fold, times=0) is None
    assert 20 < len(mix_fitted(beats, Optimization(), times=0.5)) <= 30


def test_beats_are_joined_with_their_records_or_without():
    beats = beats_that_name_themselves(6, records=2)
    assert join(None, None) is None
    assert join(beats, None) is beats
    both = join(beats, beats)
    assert both.records.tolist() == 2 * beats.records.tolist()
    assert (both.series == np.concatenate([beats.series] * 2)).all()
    assert join(beats, replace(beats, records=None)).records is None


def test_a_record_of_one_beat_has_no_mixture():
    assert len(mix(beats_that_name_themselves(4, records=4), 12, seed=0)) == 0

import numpy as np
import pytest

from lstm_fcn.evaluation.bootstrap import draw_blocks, interval


def test_every_draw_has_as_many_blocks_as_there_are_and_a_seed_repeats_them():
    drawn = draw_blocks(7, 50, seed=3)
    assert drawn.shape == (50, 7)
    assert (drawn.sum(axis=1) == 7).all()
    assert (drawn == draw_blocks(7, 50, seed=3)).all()
    assert (drawn != draw_blocks(7, 50, seed=4)).any()


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(300):
        patients = rng.normal(0.8, 0.1, 40)
        drawn = draw_blocks(40, 400, seed)
        low, high = interval(drawn @ patients / 40)
        covered += low <= 0.8 <= high
    assert 0.90 <= covered / 300 <= 0.98


def test_patients_whose_beats_are_alike_make_it_wider_than_their_beats_would():
    of_patients = np.repeat([0.0, 1.0], 5)  # ten patients, each all right or all wrong, of 100 beats
    low, high = interval(draw_blocks(10, 2000, 0) @ of_patients / 10)
    beats = np.repeat(of_patients, 100)
    low_of_beats, high_of_beats = interval(draw_blocks(1000, 2000, 0) @ beats / 1000)
    assert high - low > 5 * (high_of_beats - low_of_beats)


@pytest.mark.parametrize("blocks", [0, 1])
def test_one_patient_has_no_interval(blocks: int):
    assert interval(draw_blocks(blocks, 100, 0) @ np.ones(blocks)) is None


def test_draws_that_do_not_define_a_figure_are_left_out():
    assert interval(np.array([0.5, np.nan, 0.5])) == (0.5, 0.5)
    assert interval(np.array([np.nan])) is None

import numpy as np
import pytest
from sklearn.metrics import f1_score

from lstm_fcn.evaluation.comparison import differences, mcnemar


def joint_of(true: list[int], first: list[int], other: list[int], classes: int = 2) -> np.ndarray:
    joint = np.zeros((classes, classes, classes), np.int64)
    np.add.at(joint, (true, first, other), 1)
    return joint


def test_mcnemar_worked_by_hand():
    #              8 both right, 5 only the first, 1 only the other, 2 both wrong
    true = [0] * 16
    first = [0] * 8 + [0] * 5 + [1] + [1] * 2
    other = [0] * 8 + [1] * 5 + [0] + [1] * 2
    of_all, of_zero, of_one = mcnemar(joint_of(true, first, other), "ab")
    assert (of_all.gained, of_all.lost) == (of_zero.gained, of_zero.lost) == (5, 1)
    assert of_all.p_value == pytest.approx(2 * (1 + 6) / 2**6)
    assert (of_one.gained, of_one.lost, of_one.p_value) == (0, 0, 1)


def test_beats_that_both_call_wrongly_but_otherwise_are_no_ones_gain():
    joint = joint_of([0] * 4, [1, 2, 1, 2], [2, 1, 2, 1], classes=3)
    assert [(side.gained, side.lost) for side in mcnemar(joint, "abc")] == [(0, 0)] * 4


def test_the_difference_is_that_of_the_figures_and_its_interval_is_paired():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, (40, 50))
    first = np.where(rng.random(true.shape) < 0.8, true, 0)
    other = np.where(rng.random(true.shape) < 0.05, 0, first)  # the same but for a few beats
    joint = np.stack([joint_of(*each, classes=3) for each in zip(true, first, other, strict=True)])
    found = {each.metric: each for each in differences(joint, "abc", 500, 0)}
    f1 = found["macro_f1"]
    scores = [f1_score(true.ravel(), predicted.ravel(), average="macro") for predicted in (first, other)]
    assert (f1.first, f1.other) == pytest.approx(scores)
    assert f1.difference == pytest.approx(scores[0] - scores[1])
    assert 0 < f1.low < f1.difference < f1.high
    assert f1.high - f1.low < 0.03  # unpaired it would be several times as wide


def test_a_prediction_does_not_differ_from_itself():
    joint = joint_of([0, 0, 1, 1], [0, 1, 1, 1], [0, 1, 1, 1])
    for each in differences(np.stack([joint, joint]), "ab", 100, 0):
        assert (each.difference, each.low, each.high) == (0, 0, 0)

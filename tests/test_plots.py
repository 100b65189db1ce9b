from pathlib import Path

import numpy as np
from matplotlib.image import imread

from lstm_fcn.beats import Beats
from lstm_fcn.labels import CLASSES
from lstm_fcn.plots import plot_beats, plot_confusion, plot_history


def test_pictures_are_drawn_into_a_new_folder(beats: Beats, tmp_path: Path):
    folder = tmp_path / "new" / "pictures"
    confusion = np.array([[9, 1, 0, 0, 0], [0, 5, 0, 0, 0], [0] * 5, [0, 0, 0, 2, 0], [0, 0, 0, 0, 7]])
    drawn = [
        plot_beats(beats, CLASSES, 120.0, folder),
        plot_history([2.0, 1.0], [0.3, 0.6], folder),
        plot_confusion(confusion, CLASSES, folder),
    ]
    assert [path.name for path in drawn] == ["beats.png", "training.png", "confusion.png"]
    for path in drawn:
        assert imread(path).std() > 0.01  # not a blank sheet


def test_another_matrix_is_another_picture(tmp_path: Path):
    pictures = [plot_confusion(np.eye(5, dtype=int) * n, CLASSES, tmp_path).read_bytes() for n in (1, 2)]
    assert pictures[0] != pictures[1]

from pathlib import Path

import numpy as np
from matplotlib.image import imread

from lstm_fcn.data.beats import Beats
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.training.artifacts import plot_beats, plot_class_counts, plot_confusion, plot_history

EPOCH = {
    "train_loss": 0.5,
    "train_accuracy": 0.8,
    "valid_loss": 0.6,
    "valid_accuracy": 0.7,
    "valid_macro_f1": 0.6,
}
UNJUDGED = {name: value if name.startswith("train") else None for name, value in EPOCH.items()}


def test_pictures_are_drawn_into_a_new_folder(beats: Beats, tmp_path: Path):
    folder = tmp_path / "new" / "pictures"
    confusion = np.array([[9, 1, 0, 0, 0], [0, 5, 0, 0, 0], [0] * 5, [0, 0, 0, 2, 0], [0, 0, 0, 0, 7]])
    drawn = [
        plot_beats(beats, CLASSES, 120.0, folder),
        plot_history([UNJUDGED] * 2, folder),
        plot_class_counts(np.array([900, 30, 80, 8, 80]), CLASSES, folder),
        plot_confusion(confusion, CLASSES, folder),
    ]
    assert [path.name for path in drawn] == ["beats.png", "training.png", "classes.png", "confusion.png"]
    for path in drawn:
        assert imread(path).std() > 0.01  # not a blank sheet


def test_another_matrix_is_another_picture(tmp_path: Path):
    pictures = [plot_confusion(np.eye(5, dtype=int) * n, CLASSES, tmp_path).read_bytes() for n in (1, 2)]
    assert pictures[0] != pictures[1]


def test_the_history_of_a_training_with_held_out_beats_has_a_panel_more(tmp_path: Path):
    watched = imread(plot_history([EPOCH, EPOCH], tmp_path))
    unwatched = imread(plot_history([UNJUDGED, UNJUDGED], tmp_path))
    assert watched.shape[1] > 1.4 * unwatched.shape[1]

"""The network as a scikit-learn classifier: any labels, any number of classes, any length of series."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data

from lstm_fcn.data.beats import Beats
from lstm_fcn.errors import ParameterError
from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.config import Architecture, Distillation, NetworkConfig, Optimization, Precision, Rarity, Task
from lstm_fcn.model.device import choose_precision
from lstm_fcn.model.file import load_model, parse_model, serialize
from lstm_fcn.model.provenance import describe, describe_data
from lstm_fcn.storage import write_atomically
from lstm_fcn.training.distillation import Lesson, load_teachers, teach, with_unlabelled
from lstm_fcn.training.guards import refuse_counting, refuse_label_leak
from lstm_fcn.training.loop import Execution, train
from lstm_fcn.training.mixing import mix_fitted
from lstm_fcn.training.parameters import checked, parameter_errors, seed_of, weights_by_name
from lstm_fcn.training.sampling import given_weights, select
from lstm_fcn.training.series import (
    apply_weights,
    in_canonical_order,
    names_to_keep,
    one_channel,
    refuse_lost_labels,
    refuse_masked,
)
from lstm_fcn.training.training_set import TrainingSet
from lstm_fcn.training.validation import measure


class LSTMFCNClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """LSTM-FCN (Karim et al. 2018) for series of equal length.

    The parameters are the published hyperparameters and those of `jobs/train.py`, where their bounds and
    meanings are described (`--help`); `random_state` is its seed.

    Parameters
    ----------
    task : 'binary', 'multiclass', 'multilabel' or None
        None takes what `y` looks like.
    class_weights : str or dict
        A kind, or label -> weight; a label without one weighs 1.
    teacher : sequence of str or Path, optional
        Model files, of classifiers that were fitted to the same X and y with a `validation_fold`. Each speaks of the
        series that it held out.

    Attributes
    ----------
    classes_ : (C,) array
        The labels, sorted; column i of the probabilities is that of `classes_[i]`.
    model_ : Model
        What `save` writes.
    history_ : list of Epoch
        Loss and scores of each epoch; empty after `load`.
    n_features_in_ : int
        Values of a series.
    feature_names_in_ : (length,) array
        Where X had some, as a pandas table has.
    """

    def __init__(
        self,
        *,
        task: Task | None = None,
        num_layers: int = 1,
        hidden_size: int = 128,
        dropout: float = 0.8,
        filters_1: int = 128,
        filters_2: int = 256,
        filters_3: int = 128,
        kernel_size_1: int = 8,
        kernel_size_2: int = 5,
        kernel_size_3: int = 3,
        lr: float = 0.001,
        batch_size: int = 256,
        epochs: int = 100,
        schedule: Literal["constant", "one-cycle"] = "constant",
        weight_decay: float = 0.0,
        averaging: float = 0.0,
        sampling: Literal["none", "under"] = "none",
        class_weights: Rarity | Mapping[Any, float] = "none",
        prior_correction: bool = False,
        validation_share: float = 0.0,
        validation_fold: int = 0,
        teacher: Sequence[str | Path] | None = None,
        teacher_share: float = 0.5,
        temperature: float = 2.0,
        mixed_beats: float = 0.0,
        early_stopping: int = 0,
        precision: Precision = "auto",
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.task = task
        self.num_layers = num_layers
        self.hidden_size = hidden_size
        self.dropout = dropout
        self.filters_1 = filters_1
        self.filters_2 = filters_2
        self.filters_3 = filters_3
        self.kernel_size_1 = kernel_size_1
        self.kernel_size_2 = kernel_size_2
        self.kernel_size_3 = kernel_size_3
        self.lr = lr
        self.batch_size = batch_size
        self.epochs = epochs
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.averaging = averaging
        self.sampling = sampling
        self.class_weights = class_weights
        self.prior_correction = prior_correction
        self.validation_share = validation_share
        self.validation_fold = validation_fold
        self.teacher = teacher
        self.teacher_share = teacher_share
        self.temperature = temperature
        self.mixed_beats = mixed_beats
        self.early_stopping = early_stopping
        self.precision = precision
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        validation_data: tuple[ArrayLike, ArrayLike] | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> "LSTMFCNClassifier":
        """Train. The order of the series does not matter.

        Parameters
        ----------
        X : (n, length) or (n, 1, length) array
        y : (n,) array of labels, or (n, C) array of 0 and 1 for several labels a series
        validation_data : tuple of X and y, optional
            By whose macro-F1 the best epoch is chosen.
        sample_weight : (n,) array, optional
            How much each series counts. Small whole numbers are as good as so many equal series, 0 as none.

        Raises
        ------
        DataError
            If a position of the series determines the label or counts the rows, or there are too few series to hold
            some out.
        ValueError
            If values are missing, the labels cannot be kept in a model file, or a hyperparameter is impossible (then
            a ParameterError, which is one).
        """
        refuse_masked(y, sample_weight)
        series, targets = validate_data(self, one_channel(X), y, dtype=np.float32, multi_output=True)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, series, dtype=np.float32, ensure_non_negative=True)
            series, targets, weights = series[weights > 0], targets[weights > 0], weights[weights > 0]
            if not len(series):
                raise ValueError("expected a sample_weight above 0, found only zeros")
        task, labels = self._encode(targets)
        beats = Beats(series, labels, weights=weights)
        refuse_counting(beats, self._columns(series.shape[1]))
        return self._fit(in_canonical_order(beats), task, validation_data)

    def fit_beats(
        self, beats: Beats, validation_data: tuple[ArrayLike, ArrayLike] | None = None
    ) -> "LSTMFCNClassifier":
        """Train on beats in the order that they have, as `jobs/train.py` does; parameters and errors as of `fit`."""
        series, targets = validate_data(self, beats.series, beats.labels, dtype=np.float32, multi_output=True)
        task, labels = self._encode(targets)
        return self._fit(Beats(series, labels), task, validation_data)

    def _fit(
        self, beats: Beats, task: Task, validation_data: tuple[ArrayLike, ArrayLike] | None
    ) -> "LSTMFCNClassifier":
        """Train on beats in the order that they have, with labels that `_encode` gave."""
        length, names = beats.series.shape[1], [str(label) for label in self.classes_]
        refuse_label_leak(beats, names, self._columns(length))
        validation = None if validation_data is None else self._validation(validation_data)
        if validation is not None and self.validation_share:
            raise ParameterError("expected validation_data or validation_share, found both")
        with parameter_errors():
            choose_precision(self.precision, torch.device("cpu"))
            config = checked(self, NetworkConfig, Architecture, task=task, length=length, classes=len(names))
            seed, weights = seed_of(self.random_state), weights_by_name(self.class_weights, self.classes_.tolist())
            own = {"seed": seed, "class_weights": weights}
            optimization = checked(self, Optimization, Optimization, **own)
            lesson = self._taught(beats, names, optimization)
            if lesson is not None:
                beats = lesson.beats
            fitted, held_out = select(beats, optimization, names, validation)
            fitted = apply_weights(fitted)
            network, self.history_ = train(
                fitted if lesson is None else with_unlabelled(fitted, lesson.unlabelled),
                config,
                optimization,
                validation=held_out,
                population=beats.class_weights(len(names)),
                weights=given_weights(optimization.class_weights, names),
                distillation=None if lesson is None else lesson.teaching.distillation,
                execution=Execution(device="cpu", precision=self.precision),
            )
        header = describe(
            "LSTMFCNClassifier",
            network,
            optimization,
            describe_data(fitted, len(names), "fit", teaching=None if lesson is None else lesson.teaching),
            measure(network, fitted, held_out),
            classes=names,
            labels=self.classes_.tolist(),
            feature_names=names_to_keep(getattr(self, "feature_names_in_", None)),
        )
        self.model_ = parse_model(serialize(network, header), "the model just trained")
        return self

    def _taught(self, beats: Beats, names: list[str], optimization: Optimization) -> Lesson | None:
        """Return what the teachers say of the beats and of mixed ones, where there are teachers."""
        if self.teacher is None:
            return None
        columns, distillation = self._columns(beats.series.shape[1]), checked(self, Distillation, Distillation)
        data = TrainingSet(beats, tuple(names), columns, "all", tuple(self.classes_.tolist()))
        teachers = load_teachers([str(file) for file in self.teacher], optimization, data)
        mixed = mix_fitted(beats, optimization, distillation.mixed_beats)
        return teach(teachers, beats, mixed, distillation)

    def _columns(self, length: int) -> list[str]:
        return [str(name) for name in getattr(self, "feature_names_in_", [f"feature {i}" for i in range(length)])]

    def _encode(self, y: NDArray[Any]) -> tuple[Task, NDArray[np.int64]]:
        """Set `classes_` and give the labels by position among them."""
        check_classification_targets(y)
        self.classes_: NDArray[Any]
        if type_of_target(y, raise_unknown=True) == "multilabel-indicator":
            self.classes_ = np.arange(y.shape[1])
            found: Task = "multilabel"
            labels = _indicators(y, y.shape[1])
        else:
            self.classes_, labels = np.unique(column_or_1d(y, warn=True), return_inverse=True)
            found = "binary" if len(self.classes_) == 2 else "multiclass"
        refuse_lost_labels(self.classes_)
        if len(self.classes_) < 2:
            raise ValueError(f"Classifier can't train when only one class is present: found {self.classes_}")
        if self.task not in (None, found) and (self.task, found) != ("multiclass", "binary"):
            raise ValueError(f"task={self.task!r}, but y looks like {found} with {len(self.classes_)} classes")
        self._several = found == "multilabel"
        return self.task or found, labels

    def _validation(self, data: tuple[ArrayLike, ArrayLike]) -> Beats:
        if not isinstance(data, tuple | list) or len(data) != 2:
            raise ParameterError(f"expected validation_data to be a tuple of X and y, found a {type(data).__name__}")
        X, y = data
        refuse_masked(y)
        series, labels = validate_data(self, one_channel(X), y, dtype=np.float32, multi_output=True, reset=False)
        if self._several:
            return Beats(series, _indicators(labels, len(self.classes_)))
        labels = column_or_1d(labels)
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            raise ValueError(f"validation_data has labels that y has not: {unknown}")
        return Beats(series, np.searchsorted(self.classes_, labels))

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return the probability (n, C) of each class; with several labels a series, of each by itself."""
        check_is_fitted(self)
        series: NDArray[np.float32] = validate_data(self, one_channel(X), dtype=np.float32, reset=False)
        return Engine(self.model_, threads=torch.get_num_threads()).probabilities(series)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the likeliest label (n,); with several labels a series those (n, C) likelier than not."""
        probabilities = self.predict_proba(X)
        if self.model_.header.network.task == "multilabel":
            return (probabilities > 0.5).astype(np.int64)
        labels: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return labels

    def save(self, path: str | Path) -> None:
        """Write the model file that `jobs/score.py` takes.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        check_is_fitted(self)
        write_atomically(Path(path).expanduser(), self.model_.content)

    @classmethod
    def load(cls, name: str | Path) -> "LSTMFCNClassifier":
        """Read a model file, or a pretrained model by its name.

        Raises
        ------
        ModelError
            If there is none of that name, it is damaged, or it takes the contexts of beats.
        """
        model = load_model(str(name))
        header = model.header
        network, optimization = header.of_series()
        known = network.model_dump() | optimization.model_dump()
        if isinstance(known["class_weights"], dict):
            labels = dict(zip(header.classes, header.labels, strict=True))
            known["class_weights"] = {labels[name]: weight for name, weight in known["class_weights"].items()}
        parameters = {name: known[name] for name in cls._get_param_names() if name in known}
        estimator = cls(**parameters, random_state=optimization.seed)
        estimator.model_, estimator.classes_ = model, np.array(header.labels)
        estimator.n_features_in_, estimator.history_ = header.network.length, []
        if header.feature_names is not None:
            estimator.feature_names_in_ = np.array(header.feature_names, dtype=object)
        return estimator

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _indicators(y: NDArray[Any], count: int) -> NDArray[np.int64]:
    if y.ndim != 2 or y.shape[1] != count or not np.isin(y, (0, 1)).all():
        raise ValueError(f"expected labels of shape (n, {count}), 0 or 1 in each, found shape {y.shape}")
    return y.astype(np.int64)

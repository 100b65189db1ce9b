"""The network as a scikit-learn classifier: any labels, any number of classes, any length of series."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from lstm_fcn.beats import Beats
from lstm_fcn.engine import Engine
from lstm_fcn.guards import refuse_label_leak
from lstm_fcn.hyperparameters import Architecture, NetworkConfig, Optimization, Precision, Task
from lstm_fcn.modelfile import find_model, parse_model, serialize
from lstm_fcn.provenance import describe, describe_data
from lstm_fcn.sampling import select
from lstm_fcn.storage import write_atomically
from lstm_fcn.training import Run, train
from lstm_fcn.validation import measure


class LSTMFCNClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """LSTM-FCN (Karim et al. 2018) for series of equal length.

    The parameters are the published hyperparameters and those of `jobs/train.py`, where their bounds and
    meanings are told (`--help`); `random_state` is its seed.

    Parameters
    ----------
    task : 'binary', 'multiclass', 'multilabel' or None
        None takes what `y` looks like.

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
        class_weights: Literal["none", "fourth-root", "sqrt", "balanced"] = "none",
        prior_correction: bool = False,
        validation_share: float = 0.0,
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
        self.early_stopping = early_stopping
        self.precision = precision
        self.random_state = random_state

    def fit(
        self, X: ArrayLike, y: ArrayLike, validation_data: tuple[ArrayLike, ArrayLike] | None = None
    ) -> "LSTMFCNClassifier":
        """Train.

        Parameters
        ----------
        X : (n, length) array
        y : (n,) array of labels, or (n, C) array of 0 and 1 for several labels a series
        validation_data : tuple of X and y, optional
            By whose macro-F1 the best epoch is chosen.

        Raises
        ------
        DataError
            If a position of the series determines the label, or there are too few series to hold some out.
        ValueError
            If values are missing or a hyperparameter is impossible.
        """
        series, targets = validate_data(self, X, y, dtype=np.float32, multi_output=True)
        task, labels = self._encode(targets)
        beats, length = Beats(series, labels), series.shape[1]
        names = [str(label) for label in self.classes_]
        refuse_label_leak(beats, names, [f"feature {i}" for i in range(length)])
        config = NetworkConfig(**self._subset(Architecture) | {"task": task}, length=length, classes=len(names))
        optimization = Optimization(**self._subset(Optimization), seed=self._seed())
        validation = None if validation_data is None else self._validation(*validation_data)
        if validation is not None and self.validation_share:
            raise ValueError("expected validation_data or validation_share, found both")
        fitted, held_out = select(beats, optimization, names, validation)
        network, self.history_ = train(
            fitted,
            config,
            optimization,
            validation=held_out,
            population=beats.class_counts(len(names)),
            run=Run(device="cpu", precision=self.precision),
        )
        header = describe(
            "LSTMFCNClassifier",
            network,
            optimization,
            describe_data(fitted, len(names), "fit"),
            measure(network, fitted, held_out),
            classes=names,
            labels=self.classes_.tolist(),
        )
        self.model_ = parse_model(serialize(network, header), "the model just trained")
        return self

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
        if len(self.classes_) < 2:
            raise ValueError(f"Classifier can't train when only one class is present: found {self.classes_}")
        if self.task not in (None, found) and (self.task, found) != ("multiclass", "binary"):
            raise ValueError(f"task={self.task!r}, but y looks like {found} with {len(self.classes_)} classes")
        self._several = found == "multilabel"
        return self.task or found, labels

    def _validation(self, X: ArrayLike, y: ArrayLike) -> Beats:
        series, labels = validate_data(self, X, y, dtype=np.float32, multi_output=True, reset=False)
        if self._several:
            return Beats(series, _indicators(labels, len(self.classes_)))
        labels = column_or_1d(labels)
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            raise ValueError(f"validation_data has labels that y has not: {unknown}")
        return Beats(series, np.searchsorted(self.classes_, labels))

    def _subset(self, of: type[Architecture] | type[Optimization]) -> dict[str, Any]:
        return {name: getattr(self, name) for name in of.model_fields if hasattr(self, name)}

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31))

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float32]:
        """Give the probability (n, C) of each class; with several labels a series, of each by itself."""
        check_is_fitted(self)
        series: NDArray[np.float32] = validate_data(self, X, dtype=np.float32, reset=False)
        return Engine(self.model_, threads=torch.get_num_threads()).probabilities(series)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Give the likeliest label (n,); with several labels a series those (n, C) likelier than not."""
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
        write_atomically(Path(path), self.model_.content)

    @classmethod
    def load(cls, name: str | Path) -> "LSTMFCNClassifier":
        """Read a model file, or a pretrained model by its name.

        Raises
        ------
        ModelError
            If there is none of that name, or it is damaged.
        """
        model = find_model(str(name))
        header = model.header
        known = header.network.model_dump() | header.optimization.model_dump()
        parameters = {name: known[name] for name in cls._get_param_names() if name in known}
        estimator = cls(**parameters, random_state=header.optimization.seed)
        estimator.model_, estimator.classes_ = model, np.array(header.labels)
        estimator.n_features_in_, estimator.history_ = header.network.length, []
        return estimator

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _indicators(y: NDArray[Any], count: int) -> NDArray[np.int64]:
    if y.ndim != 2 or y.shape[1] != count or not np.isin(y, (0, 1)).all():
        raise ValueError(f"expected labels of shape (n, {count}), 0 or 1 in each, found shape {y.shape}")
    return y.astype(np.int64)

"""One training on contexts: from beat tables to a model file."""

import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from lstm_fcn.data.beats import SERIES_FREQUENCY
from lstm_fcn.data.labels import CLASSES, long_names
from lstm_fcn.model.context_network import PREDICTED, ContextLSTMFCN
from lstm_fcn.model.file import read_model, write_model
from lstm_fcn.model.header import Header, Scaling, TrainingData
from lstm_fcn.model.provenance import name_records, versions
from lstm_fcn.settings.train_context import TrainContextSettings
from lstm_fcn.training.contexts.branches import fit
from lstm_fcn.training.contexts.data import ContextBeats, read_context_beats
from lstm_fcn.training.contexts.distribution import describe_features
from lstm_fcn.training.contexts.folds import best_offsets, confusion_of, held_out_scores, macro_f1, record_folds

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)


class ContextTrainingRun:
    """A training on contexts, its beats read and checked.

    Parameters
    ----------
    settings : TrainContextSettings
    spark : SparkSession, optional
        That knows the tables of the catalog among the beats; files need none.

    Raises
    ------
    DataError
        If the beats cannot be trained on.
    """

    def __init__(self, settings: TrainContextSettings, spark: "SparkSession | None" = None) -> None:
        torch.set_num_threads(settings.threads or os.cpu_count() or 1)
        self.settings = settings
        self.beats: ContextBeats = read_context_beats(settings.beats, settings.leave_out, spark=spark)
        log.info("stage=read beats=%d records=%d", len(self.beats), len(self.beats.names))

    def execute(self, stop: Callable[[], bool]) -> dict[str, float]:
        """Choose the offsets, fit to all beats, and write the model file.

        Parameters
        ----------
        stop : callable
            Asked after each step; once it is true, `StoppedError` is raised.

        Returns
        -------
        dict of str to float
            By cross-validation over records, where it was done: 'cv_macro_f1' over N, S and V, 'cv_accuracy', and
            'cv_X_Se' and 'cv_X_+P' of S and V.

        Raises
        ------
        StoppedError, ModelError, StorageError
        """
        settings, beats = self.settings, self.beats
        metrics: dict[str, float] = {}
        offsets = settings.offsets
        if offsets is None:
            offsets, metrics = self._cross_validate(stop)
        network = self._fit(np.ones(len(beats), dtype=bool), stop)
        network.offsets.copy_(torch.tensor(offsets))
        write_model(settings.model, network, self._header(network, metrics))
        log.info("stage=train model=%s offsets=%s", read_model(settings.model).reference, list(offsets))
        return metrics

    def _fit(self, rows: NDArray[np.bool_], stop: Callable[[], bool]) -> ContextLSTMFCN:
        return fit(self.beats, rows, self.settings.network(), self.settings.optimization(), stop)

    def _cross_validate(self, stop: Callable[[], bool]) -> tuple[list[float], dict[str, float]]:
        """Choose the offsets on held-out records, and give the figures with offsets that are chosen on other folds."""
        beats, seed = self.beats, self.settings.seed
        folds = record_folds(beats, seed)
        scores = held_out_scores(beats, folds, lambda rows: self._fit(rows, stop))
        first = beats.leads == _first_lead(beats)  # each beat once
        scores, labels, folds = scores[first], beats.labels[first], folds[first]
        confusion = np.zeros((len(CLASSES), len(CLASSES)), dtype=np.int64)
        for fold in np.unique(folds):
            chosen = best_offsets(scores[folds != fold], labels[folds != fold])
            confusion += confusion_of(scores[folds == fold], labels[folds == fold], chosen)
        return list(best_offsets(scores, labels)), _figures(confusion)

    def _header(self, network: ContextLSTMFCN, metrics: dict[str, float]) -> Header:
        beats, settings = self.beats, self.settings
        left_out = f", without {', '.join(settings.leave_out)}" if settings.leave_out else ""
        return Header(
            name=settings.model.stem,
            network=network.config,
            optimization=settings.optimization(),
            scaling=Scaling(),
            classes=list(CLASSES),
            class_names=long_names(CLASSES),
            labels=list(range(len(CLASSES))),
            sampling_frequency=SERIES_FREQUENCY,
            training_data=TrainingData(
                source=", ".join(settings.beats),
                rows=f"all{left_out}",
                class_counts=np.bincount(beats.labels, minlength=len(CLASSES)).tolist(),
                fingerprint=beats.fingerprint(),
                records=name_records(beats.names),
                made_for="new records",
                features=describe_features(beats),
            ),
            metrics=metrics,
            versions=versions(),
        )


def _first_lead(beats: ContextBeats) -> NDArray[np.int64]:
    """Number of the first lead of each beat's record: (n,)."""
    first = np.full(len(beats.names), beats.leads.max(), dtype=np.int64)
    np.minimum.at(first, beats.records, beats.leads)
    return first[beats.records]


def _figures(confusion: NDArray[np.int64]) -> dict[str, float]:
    found = {
        "cv_macro_f1": macro_f1(confusion),
        "cv_accuracy": float(np.diagonal(confusion).sum() / confusion.sum()),
    }
    for label, name in enumerate(PREDICTED[1:], start=1):
        hits = confusion[label, label]
        found[f"cv_{name}_Se"] = float(hits / max(confusion[label].sum(), 1))
        found[f"cv_{name}_+P"] = float(hits / max(confusion[:, label].sum(), 1))
    return found

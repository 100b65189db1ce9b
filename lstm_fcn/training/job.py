"""One training: from beats to a model file, with what is left beside it."""

import logging
import os
from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import torch

from lstm_fcn.data.beats import Beats, UnlabelledBeats
from lstm_fcn.data.label_scheme import parse_classes
from lstm_fcn.errors import SettingsError
from lstm_fcn.model.device import choose_device, choose_precision
from lstm_fcn.model.file import load_model, read_model, write_model
from lstm_fcn.model.provenance import describe, describe_data, identity
from lstm_fcn.settings.sources import as_options
from lstm_fcn.settings.train import TrainSettings
from lstm_fcn.training.artifacts import draw, write_history
from lstm_fcn.training.checkpoint import Checkpoint
from lstm_fcn.training.dataset import read_other_rows, read_training_set, read_unlabelled, read_validation
from lstm_fcn.training.distillation import Lesson, load_teachers, teach, with_unlabelled
from lstm_fcn.training.guards import overlap_warnings, purpose, refuse_counting, refuse_label_leak
from lstm_fcn.training.loop import Execution, train
from lstm_fcn.training.mixing import join, mix_fitted
from lstm_fcn.training.sampling import given_weights, select
from lstm_fcn.training.training_set import TrainingSet
from lstm_fcn.training.validation import measure
from lstm_fcn.training.warm_start import are_plausible, continued, refuse_other_values, require_same_form, scheme_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)


class TrainingRun:
    """A training, its beats read and checked.

    Parameters
    ----------
    settings : TrainSettings
    spark : SparkSession, optional
        That knows the tables of the catalog among the beats; files need none.

    Raises
    ------
    SettingsError, DataError, ModelError
        If settings, beats and the model of a warm start do not fit each other.
    """

    def __init__(self, settings: TrainSettings, spark: "SparkSession | None" = None) -> None:
        if settings.model.is_dir():
            raise SettingsError(f"expected --model to name a file, found the folder {settings.model}")
        torch.set_num_threads(settings.threads or os.cpu_count() or 1)
        self.settings = settings
        self.parent = load_model(settings.init_from) if settings.init_from else None
        scheme, task = parse_classes(settings.classes), settings.task
        if self.parent is not None:
            refuse_other_values(self.parent.header, settings.given, str(settings.init_from))
            task = self.parent.header.network.task
            scheme = scheme if settings.classes else scheme_of(self.parent.header)
        choose_precision(settings.precision, choose_device(settings.device))  # refused before the beats are read
        options = as_options(settings.beats_options)
        self.data: TrainingSet = read_training_set(
            settings.beats, settings.rows, task, scheme, spark=spark, options=options
        )
        refuse_counting(self.data.beats, self.data.columns)
        refuse_label_leak(self.data.beats, self.data.classes, self.data.columns)
        self.optimization = settings.optimization()
        self.config = settings.network(self.data.beats.series.shape[1], len(self.data.classes))
        if self.parent is not None:
            require_same_form(self.parent.header, self.data)
            self.optimization = continued(self.parent.header, self.optimization)
            self.config, _ = self.parent.header.of_series()
        self.teachers = load_teachers(settings.teacher, self.optimization, self.data) if settings.teacher else []
        self.lesson = self._learn(spark) if self.teachers else None
        beats = self.data.beats if self.lesson is None else self.lesson.beats
        self.weights = given_weights(self.optimization.class_weights, self.data.classes)
        validation = read_validation(settings.validation, self.data, task, spark=spark) if settings.validation else None
        self.fitted, self.held_out = select(beats, self.optimization, self.data.classes, validation)
        log.info(
            *("stage=read beats=%s fitted=%d held_out=%d", settings.beats, len(self.fitted)), len(self.held_out or ())
        )
        length = self.data.beats.series.shape[1]
        others = read_other_rows(settings.beats, settings.rows, length, spark=spark, options=self.data.options)
        self._warn(others)
        self.made_for = purpose(self.fitted, self.held_out, others)

    def _learn(self, spark: "SparkSession | None") -> Lesson:
        """Hear the teachers, on beats without labels and on mixed ones too where there are some."""
        unlabelled = None
        if self.settings.unlabelled is not None:
            length = self.data.beats.series.shape[1]
            unlabelled = read_unlabelled(self.settings.unlabelled, length, spark=spark)
            refuse_counting(unlabelled, self.data.columns)
            unlabelled = unlabelled.take(np.flatnonzero(are_plausible(self.teachers[0].header, unlabelled.series)))
        distillation = self.settings.distillation()
        mixed = mix_fitted(self.data.beats, self.optimization, distillation.mixed_beats)
        return teach(self.teachers, self.data.beats, join(unlabelled, mixed), distillation, self.settings.device)

    def _warn(self, others: UnlabelledBeats | None) -> None:
        """Log what makes figures look better than they are."""
        seen = [self.fitted, *([self.lesson.unlabelled] if self.lesson and self.lesson.unlabelled else [])]
        sides = (("held-out", self.held_out), (f"not {self.settings.rows}", others))
        found = (
            warning
            for trained_on, (name, evaluated) in product(seen, sides)
            for warning in (overlap_warnings(trained_on, evaluated, name) if evaluated is not None else ())
        )
        for warning in dict.fromkeys(found):
            log.warning("stage=guards %s", warning)
        if self.parent and self.held_out and self.parent.header.training_data.fingerprint != self.fitted.fingerprint():
            log.warning("stage=guards %s may have been trained on beats that are held out now", self.settings.init_from)
        if self.teachers and self.held_out:
            log.warning("stage=guards the teachers may have been trained on beats that are held out now")

    def execute(self, stop: Callable[[], bool]) -> dict[str, float]:
        """Train, and write the model file, the history and the pictures.

        Parameters
        ----------
        stop : callable
            Asked after each step; once it is true, the training saves itself and raises `StoppedError`.

        Returns
        -------
        dict of str to float
            The metrics on the fitted and the held-out beats.

        Raises
        ------
        StoppedError, ModelError, StorageError
            As `train` and `write_model` do.
        """
        settings, data = self.settings, self.data
        checkpoint = self._checkpoint()
        network, epochs = train(
            self.fitted if self.lesson is None else with_unlabelled(self.fitted, self.lesson.unlabelled),
            self.config,
            self.optimization,
            validation=self.held_out,
            population=data.beats.class_counts(self.config.classes),
            weights=self.weights,
            initial=self.parent.network() if self.parent else None,
            distillation=settings.distillation(),
            execution=Execution(
                settings.device,
                settings.precision,
                checkpoint,
                lambda epochs: write_history(epochs, settings.run_folder),
                stop,
            ),
        )
        source = describe_data(
            *(self.fitted, len(data.classes), settings.beats, data.rows, self.parent, self.made_for),
            teaching=self.lesson.teaching if self.lesson else None,
            unlabelled=self.lesson.unlabelled if self.lesson else None,
            version=data.version,
        )
        metrics = measure(network, self.fitted, self.held_out)
        header = describe(
            *(settings.model.stem, network, self.optimization, source, metrics),
            classes=data.classes,
            labels=self.parent.header.labels if self.parent else data.labels,
        )
        write_model(settings.model, network, header)
        checkpoint.remove()
        log.info("stage=train model=%s file=%s", read_model(settings.model).reference, settings.model)
        evaluated: Beats = self.held_out or self.fitted
        for picture in draw(settings.run_folder, network, epochs, data.classes, self.fitted, evaluated):
            log.info("stage=pictures file=%s", picture)
        return metrics

    def _checkpoint(self) -> Checkpoint:
        settings = self.settings
        precision = choose_precision(settings.precision, choose_device(settings.device))
        known = identity(
            *(self.config, self.optimization, precision, self.fitted, self.held_out, self.parent),
            *((self.lesson.teaching, self.lesson.unlabelled) if self.lesson else ()),
        )
        return Checkpoint(settings.run_folder / "checkpoint.safetensors", known, settings.checkpoint_seconds)

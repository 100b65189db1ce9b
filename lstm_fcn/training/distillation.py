"""Learning from other models (Hinton et al. 2015): what they say of beats, and the loss that listens to it."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lstm_fcn.data.beats import NOT_KNOWN, Beats
from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.inference.engine import Engine
from lstm_fcn.model.config import Device, Distillation, Optimization, ScoringDevice
from lstm_fcn.model.device import choose_device
from lstm_fcn.model.file import Model, load_model
from lstm_fcn.model.header import Teaching
from lstm_fcn.training.sampling import hold_out_as, select
from lstm_fcn.training.training_set import TrainingSet
from lstm_fcn.training.warm_start import require_same_form

log = logging.getLogger(__name__)


class Lesson(NamedTuple):
    """Beats with what teachers say of them.

    Attributes
    ----------
    beats : Beats
        Those with labels, now with `targets`: the mean of the probabilities of the teachers that may speak of a beat,
        NaN where there is none.
    unlabelled : Beats, optional
        The same of those without labels.
    teaching : Teaching
        For the model file.
    """

    beats: Beats
    unlabelled: Beats | None
    teaching: Teaching


def load_teachers(names: Sequence[str], optimization: Optimization, data: TrainingSet) -> list[Model]:
    """Load models that can teach these beats.

    Raises
    ------
    ModelError
        If there is no such model, or it takes something else.
    SettingsError
        If such a training has no teachers.
    DataError
        If a teacher could not score the beats.
    """
    if data.beats.labels.ndim > 1:
        raise SettingsError("learning from teachers needs one class a series, found several labels a series")
    if optimization.prior_correction:
        raise SettingsError(
            "expected no prior correction with teachers: train these with it, and the student learns it from them"
        )
    teachers = [load_model(name) for name in names]
    for teacher in teachers:
        teacher.header.of_series()
        require_same_form(teacher.header, data)
    return teachers


def teach(
    teachers: Sequence[Model],
    beats: Beats,
    unlabelled: Beats | None = None,
    distillation: Distillation | None = None,
    device: Device = "cpu",
) -> Lesson:
    """Let models say what they think of beats that they were not fitted to.

    A model is too sure of the beats that it was fitted to. So it may speak of those alone that it held out.

    Parameters
    ----------
    teachers : sequence of Model
        With the classes of the beats, for series of their length.
    beats : Beats
        All training beats, before any was held out or left out.
    unlabelled : Beats, optional
        Those that are among the beats too are left out.
    distillation : Distillation, optional
        How much the teachers will count, for the model file.
    device : 'auto', 'cpu' or 'cuda'
        That computes what they say.

    Raises
    ------
    DataError
        If no teacher may speak of any of them.
    """
    more = None if unlabelled is None else _besides(unlabelled, beats)
    series = beats.series if more is None else np.concatenate([beats.series, more.series])
    count = len(series)
    computes: ScoringDevice = "cuda" if choose_device(device).type == "cuda" else "cpu"
    total, voices = np.zeros((count, teachers[0].header.network.classes)), np.zeros(count, dtype=np.int64)
    for teacher in teachers:
        may_speak = np.pad(~known_beats(teacher, beats), (0, count - len(beats)), constant_values=True)
        log.info("stage=teach teacher=%s beats=%d of=%d", teacher.reference, may_speak.sum(), count)
        engine = Engine(teacher, device=computes, threads=torch.get_num_threads())
        total[may_speak] += engine.probabilities(series[may_speak])
        voices[may_speak] += 1
    if not voices.any():
        raise DataError(
            "every teacher was fitted to all of these beats, of which it is too sure: train several with "
            "--validation-share 0.25 and --validation-fold 1, 2, 3, 4; each speaks of the beats that it held out; or "
            "mix beats, which no teacher was fitted to: --mixed-beats 1"
        )
    total[voices == 0] = np.nan
    targets = (total / np.maximum(voices, 1)[:, None]).astype(np.float32)
    heard = int((voices[: len(beats)] > 0).sum())
    log.info("stage=teach teachers_a_beat=%.1f beats_without=%d", voices.mean(), len(beats) - heard)
    teaching = Teaching(
        teachers=[teacher.reference for teacher in teachers],
        distillation=distillation or Distillation(),
        beats=heard,
        unlabelled=count - len(beats),
    )
    return Lesson(
        replace(beats, targets=targets[: len(beats)]),
        None if more is None else replace(more, targets=targets[len(beats) :]),
        teaching,
    )


def _besides(unlabelled: Beats, beats: Beats) -> Beats:
    """Take the series that are not among the labelled beats, which teachers may have been fitted to."""
    known = {row.tobytes() for row in beats.series}
    return unlabelled.take(np.flatnonzero([row.tobytes() not in known for row in unlabelled.series]))


def known_beats(model: Model, beats: Beats) -> NDArray[np.bool_]:
    """Find (n,) which of the beats a model was fitted to, by the fingerprint of its own.

    It shows whether they were these, less those that the model's hyperparameters hold out and leave out.
    """
    _, optimization = model.header.of_series()
    known = np.zeros(len(beats), dtype=bool)
    try:
        fitted, _ = select(beats, optimization.model_copy(update={"early_stopping": 0}), model.header.classes)
    except DataError:  # they cannot be divided as those of the model were
        fitted = None
    if fitted is not None and fitted.fingerprint() == model.header.training_data.fingerprint:
        known[:] = True
        if optimization.validation_share:
            known[hold_out_as(optimization, beats)[1]] = False
    elif may_share_records(model, beats):
        log.warning(
            "stage=teach %s was fitted to other beats; if some of these are among them, it is too sure of those",
            model.reference,
        )
    return known


def may_share_records(model: Model, beats: Beats) -> bool:
    """Check whether a model may have been fitted to beats of the same records."""
    theirs = model.header.training_data.records
    return theirs is None or beats.records is None or not set(theirs).isdisjoint(map(str, beats.records))


def with_unlabelled(fitted: Beats, unlabelled: Beats | None) -> Beats:
    """Put both together, to train on; where beats have weights, those without labels count 1."""
    if unlabelled is None or fitted.targets is None or unlabelled.targets is None:
        return fitted
    ones = np.ones(len(unlabelled), np.float32)
    return Beats(
        np.concatenate([fitted.series, unlabelled.series]),
        np.concatenate([fitted.labels, unlabelled.labels]),
        weights=None if fitted.weights is None else np.concatenate([fitted.weights, ones]),
        targets=np.concatenate([fitted.targets, unlabelled.targets]),
    )


def distilled_loss(
    logits: Tensor,
    labels: Tensor,
    targets: Tensor,
    weights: Tensor,
    distillation: Distillation,
    beat_weights: Tensor | None = None,
) -> Tensor:
    """Mean over the batch of the cross entropy with the label and with what the teachers say, by their shares.

    To the teachers a beat weighs what its classes do by their probabilities, so about as much as to the label. The
    student with the smallest loss says what they do, whatever the weights are.

    Parameters
    ----------
    logits : (B, C)
    labels : (B,)
        `NOT_KNOWN` where there is none: then the teachers have their share alone.
    targets : (B, C)
        Probabilities; NaN where there are none: then the label counts in full.
    weights : (C,)
        Of the classes.
    distillation : Distillation
    beat_weights : (B,), optional
    """
    is_taught = ~targets.isnan().any(dim=1)
    share = distillation.teacher_share * is_taught
    targets, temperature = targets.nan_to_num(), distillation.temperature
    softened = nn.functional.normalize(targets ** (1 / temperature), p=1, dim=1)
    # The gradients of softened logits are smaller by the square of the temperature.
    soft = nn.functional.cross_entropy(logits / temperature, softened, reduction="none") * temperature**2
    hard = nn.functional.cross_entropy(logits, labels, weights, reduction="none", ignore_index=NOT_KNOWN)
    loss = (1 - share) * hard + share * (targets @ weights) * soft
    return (loss if beat_weights is None else loss * beat_weights).sum() / len(labels)

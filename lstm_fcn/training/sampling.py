"""Which beats are trained on and how much each class weighs: the answers to rare classes."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from imblearn.under_sampling import RandomUnderSampler
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, KFold, StratifiedKFold, train_test_split

from lstm_fcn.data.beats import Beats
from lstm_fcn.data.labels import is_aami
from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.model.config import ClassWeights, Optimization, Rarity

_EXPONENT = {"none": 0.0, "fourth-root": 0.25, "sqrt": 0.5, "balanced": 1.0}


def undersample(beats: Beats, seed: int) -> Beats:
    """Draw from every class as many beats as the rarest has, without replacement."""
    if beats.labels.ndim > 1:
        raise DataError("sampling 'under' needs one class a series, found several")
    rows = np.arange(len(beats)).reshape(-1, 1)
    kept, _ = RandomUnderSampler(random_state=seed).fit_resample(rows, beats.labels)
    return beats.take(np.sort(kept[:, 0]))


def given_weights(kind: ClassWeights, classes: Sequence[str]) -> NDArray[np.float32] | None:
    """Return the weights of the classes where they were given one by one; a class without one weighs 1.

    Raises
    ------
    SettingsError
        If there is no such class.
    """
    if not isinstance(kind, dict):
        return None
    unknown = [name for name in kind if name not in classes]
    if unknown:
        raise SettingsError(f"class_weights: no class {unknown[0]}; the classes are {', '.join(classes)}")
    return np.array([kind.get(name, 1.0) for name in classes], dtype=np.float32)


def class_weights(counts: NDArray[Any], kind: Rarity) -> NDArray[np.float32]:
    """Weigh classes by a root of their rarity, so that a beat weighs 1 on average.

    Parameters
    ----------
    counts : (C,) array
        Beats of each class.
    kind : str

    Returns
    -------
    (C,) float32 array
    """
    weights = np.maximum(counts, 1).astype(np.float64) ** -_EXPONENT[kind]
    scale = counts.sum() / (weights * counts).sum()
    scaled: NDArray[np.float32] = (weights * scale).astype(np.float32)
    return scaled


def positive_weights(counts: NDArray[Any], total: float, kind: Rarity) -> NDArray[np.float32]:
    """Weigh, where a series can have several labels, each label's ones against its zeros by a root of their rarity.

    Parameters
    ----------
    counts : (C,) array
        Beats that have each label.
    total : float
        All beats.
    kind : str

    Returns
    -------
    (C,) float32 array
        Of the ones; the zeros weigh 1.
    """
    present = np.maximum(counts, 1)
    weights: NDArray[np.float32] = ((total - counts + 1) / present) ** _EXPONENT[kind]
    return weights.astype(np.float32)


def prior_offset(implied: NDArray[np.floating[Any]], population: NDArray[Any]) -> NDArray[np.float32]:
    """Return what sampling and weighting add to the logits of a network that is right for the population.

    A network trained on other class shares than those it will meet is off by the logarithm of their ratio
    (Saerens et al. 2002); trained with this added to its logits, it is right without it.

    Parameters
    ----------
    implied : (C,) array
        Weight of each class in training: its beats times their weight.
    population : (C,) array
        Beats of each class where the network will be used.

    Returns
    -------
    (C,) float32 array
    """
    present = np.maximum(population, 1)
    offset: NDArray[np.float32] = np.log((implied / implied.sum()) / (present / present.sum())).astype(np.float32)
    return offset


def hold_out(
    beats: Beats, share: float, by: Literal["beat", "record"], seed: int, fold: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw the beats that validate the training while it runs.

    Parameters
    ----------
    beats : Beats
    share : float
        Of the beats of each class, or of the records.
    by : 'beat' or 'record'
    seed : int
        Of the draw; not of the folds, so that trainings with other seeds hold out the same parts.
    fold : int
        From 1: which of the 1 / share parts, each beat or record in one of them. 0: drawn by the seed.

    Returns
    -------
    fitted, held_out : int arrays
        Positions in `beats`, ascending.

    Raises
    ------
    DataError
        If there are too few beats or records to do so.
    """
    if by == "record" and beats.records is None:
        raise DataError("cannot hold out whole records: these beats do not name their records")
    rows = np.arange(len(beats))
    strata = beats.labels if beats.labels.ndim == 1 else None
    try:
        if fold:
            fitted, held_out = _parts(beats, round(1 / share), by)[fold - 1]
        elif by == "record":
            fitted, held_out = next(
                GroupShuffleSplit(1, test_size=share, random_state=seed).split(rows, groups=beats.records)
            )
        else:
            fitted, held_out = train_test_split(rows, test_size=share, stratify=strata, random_state=seed)
    except ValueError as error:
        raise DataError(f"cannot hold out {share:.0%} of the beats by {by}: {error}") from error
    return np.sort(fitted), np.sort(held_out)


def hold_out_as(optimization: Optimization, beats: Beats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold out what these hyperparameters say; see `hold_out`."""
    chosen = optimization
    return hold_out(beats, chosen.validation_share, chosen.validation_by, chosen.seed, chosen.validation_fold)


def _parts(
    beats: Beats, count: int, by: Literal["beat", "record"]
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Cut into parts, each held out once: beats with equal shares of the classes, or whole records."""
    rows = np.arange(len(beats))
    if by == "record":
        return list(GroupKFold(count, shuffle=True, random_state=0).split(rows, groups=beats.records))
    if beats.labels.ndim > 1:
        return list(KFold(count, shuffle=True, random_state=0).split(rows))
    return list(StratifiedKFold(count, shuffle=True, random_state=0).split(rows, beats.labels))


def select(
    beats: Beats, optimization: Optimization, classes: Sequence[str], validation: Beats | None = None
) -> tuple[Beats, Beats | None]:
    """Choose what is fitted and what validates: hold out unless `validation` is given, then sample the rest.

    Raises
    ------
    DataError
        If a class has no beat to fit, or as `hold_out` does.
    SettingsError
        If early stopping is asked for without beats to validate with, or the prior correction for several labels.
    """
    if validation is None and optimization.validation_share:
        fitted, held_out = hold_out_as(optimization, beats)
        beats, validation = beats.take(fitted), beats.take(held_out)
    if validation is None and optimization.early_stopping:
        raise SettingsError(
            "early stopping needs beats to validate with: set validation_share, or give validation beats"
        )
    if beats.labels.ndim > 1 and optimization.prior_correction:
        raise SettingsError("the prior correction needs one class a series, found several")
    require_every_class(beats, classes)
    if optimization.sampling == "under":
        beats = undersample(beats, optimization.seed)
    return beats, validation


def require_every_class(beats: Beats, classes: Sequence[str]) -> None:
    """Refuse to train where a class has no beat.

    Raises
    ------
    DataError
        Which names the classes.
    """
    counts = beats.class_counts(len(classes))
    absent = [name for name, count in zip(classes, counts, strict=True) if not count]
    if absent:
        hint = "; if the labels mean something else, name them with --classes" if is_aami(classes) else ""
        raise DataError(f"expected training beats of every class, found none of {', '.join(absent)}{hint}")

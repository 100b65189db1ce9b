"""The search over hyperparameters: scikit-learn draws, drops and chooses; the trials are fitted elsewhere."""

import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from joblib import parallel_config
from numpy.typing import NDArray
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV

from lstm_fcn.model.config import Distillation
from lstm_fcn.model.search_space import HALVING_FACTOR, parse_space
from lstm_fcn.settings.tune import TuneSettings
from lstm_fcn.training.estimator import LSTMFCNClassifier
from lstm_fcn.tuning.result import Row, SearchResult
from lstm_fcn.tuning.trials import Trials

log = logging.getLogger(__name__)

Split = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Positions of the beats that are fitted, and of those that are held out."""


class TrialClassifier(LSTMFCNClassifier):
    """What scikit-learn's search takes for an estimator: it has the parameters, and has somebody else fit."""

    def fit(self, X: Any, y: Any = None, *, run: Trials) -> "TrialClassifier":  # type: ignore[override]  # noqa: ARG002
        """Have the trial with these parameters run; the beats are where that is done."""
        self.record_ = run(self.get_params())
        return self

    def score(self, X: Any, y: Any = None) -> float:  # noqa: ARG002
        """Return the macro-F1 on the held-out beats; NaN, which scikit-learn puts last, for a trial that failed."""
        return math.nan if self.record_.macro_f1 is None else self.record_.macro_f1


def search(
    settings: TuneSettings, precision: str, split: Split, trials: Trials, jobs: int, classes: Sequence[str]
) -> SearchResult:
    """Run a search.

    Parameters
    ----------
    settings : TuneSettings
    precision : str
        Of the products, 'float32' or 'bfloat16', for all trials on whatever machine.
    split : tuple of fitted and held-out positions
    trials : Trials
    jobs : int
        Trials at a time. The result does not depend on it.
    classes : sequence of str
        Of the beats, in the order of their labels.

    Raises
    ------
    StorageError, ModelError
        As `Trials` does.
    """
    fixed, asked = _fixed(settings, precision, classes), candidates(settings)
    searcher = _searcher(settings, TrialClassifier(**fixed), asked, split, jobs)
    positions = np.arange(sum(map(len, split))).reshape(-1, 1)  # all that scikit-learn has to know of the beats
    with parallel_config(backend="threading"), warnings.catch_warnings():
        for told_otherwise in ("One or more of the test scores are non-finite", "The total space of parameters"):
            warnings.filterwarnings("ignore", message=told_otherwise)
        searcher.fit(positions, run=trials)
    drawn = searcher.cv_results_["params"]
    rungs = [int(rung) for rung in searcher.cv_results_.get("iter", [0] * len(drawn))]
    if rungs.count(0) < asked:
        log.warning("stage=search the space holds only %d different trials, not %d", rungs.count(0), asked)
    rows = [Row(rung, trials({**fixed, **own})) for rung, own in zip(rungs, drawn, strict=True)]
    return SearchResult(rows, int(searcher.best_index_))


def _fixed(settings: TuneSettings, precision: str, classes: Sequence[str]) -> dict[str, Any]:
    """Return the classifier's parameters where the space has none of its own."""
    known = settings.model_dump() | {"precision": precision, "random_state": settings.seed}
    known |= {"validation_share": 0.0, "validation_fold": 0, "teacher": None, **Distillation().model_dump()}
    weights = settings.class_weights
    if isinstance(weights, dict):  # the beats of a trial are labelled by the positions of their classes
        known["class_weights"] = {classes.index(name): weight for name, weight in weights.items()}
    return {name: known[name] for name in LSTMFCNClassifier().get_params()}


def _searcher(
    settings: TuneSettings, classifier: TrialClassifier, asked: int, split: Split, jobs: int
) -> RandomizedSearchCV | HalvingRandomSearchCV:
    shared: Mapping[str, Any] = {
        "estimator": classifier,
        "param_distributions": parse_space(settings.space),
        "cv": [split],
        "n_jobs": jobs,
        "random_state": settings.seed,
        "refit": False,  # the models of the trials are kept
        "return_train_score": False,
        "error_score": "raise",  # what is no trial's failure, such as a full disk, ends the search
    }
    if settings.search == "random":
        return RandomizedSearchCV(n_iter=asked, **shared)
    return HalvingRandomSearchCV(
        n_candidates=asked,
        factor=HALVING_FACTOR,
        resource="epochs",
        min_resources="exhaust",  # so many that the last rung has all the epochs, or nearly
        max_resources=settings.epochs,
        **shared,
    )


def candidates(settings: TuneSettings) -> int:
    """Return how many combinations are to be drawn, so that the trials of all rungs are no more than `max_jobs`."""
    count = settings.max_jobs
    while settings.search == "halving" and _trials_of(count, settings.epochs) > settings.max_jobs:
        count -= 1
    return count


def _trials_of(count: int, epochs: int) -> int:
    """Count the trials of a halving: of each rung a third, rounded up, while there are enough of both to divide."""
    total, factor = count, HALVING_FACTOR
    while factor <= min(count, epochs):
        total += math.ceil(count / factor)
        factor *= HALVING_FACTOR
    return total

"""What each part of `new-patients` gives, and its seed: by cross-validation over its training records.

make new-patients MITDB=DIR SVDB=DIR    (for the four tables; the model is not needed)
python tests/benchmarks/ablate_context.py --config conf/train-new-patients.yaml --model unused

Each row has offsets that are chosen on the other folds, and the difference from the whole model with its 95 %
interval, from 2,000 draws of records. The test records are not looked at.
"""

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from timed_beats import processor
from torch import Tensor

from lstm_fcn.context.form import FEATURES, RHYTHM_FEATURES, SHAPE_FEATURES
from lstm_fcn.data.labels import CLASSES
from lstm_fcn.model.config import ContextConfig
from lstm_fcn.model.context_network import PREDICTED, ContextLSTMFCN
from lstm_fcn.settings.sources import load_settings
from lstm_fcn.settings.train_context import TrainContextSettings
from lstm_fcn.training.contexts.branches import fit_rhythm, fit_shape
from lstm_fcn.training.contexts.data import ContextBeats, read_context_beats
from lstm_fcn.training.contexts.folds import FOLDS, best_offsets, confusion_of, macro_f1, record_folds

GROUPS = {
    "RR over the record's mean and 85th percentile": r"(pre|post)/(mean|p85)",
    "RR over local references": r"(pre|post)/(mean121|calm)",
    "RR of the neighbours": r"rr[+-]\d/mean|pre/post|pre/pre-1|post/post\+1|pre\+post/mean",
    "how regular the rhythm is": r"change\d+|calm\d+|restless\d+|.*_z41|iqr41|pre_restless|rank121",
    "likeness to the template": r".*_(corr|diff|diff_rel|diff_ac|gain)|height",
    "likeness to the neighbours": r".*_(prev|next|near)",
    "widths": r"(slope_spread|slope_time|area|half_time|steepness)(/template)?",
    "the P wave": r"p_.*",
}
_DRAWS = 2000
_SEEDS = 10
_CHUNK = 16_384


class Partial(ContextLSTMFCN):
    """The network with some features, and some channels, always 0."""

    def __init__(self, features: Tensor, channels: Tensor) -> None:
        super().__init__(ContextConfig(form="context_1"))
        self._with_features, self._with_channels = features, channels

    def scale(self, features: Tensor) -> Tensor:
        return super().scale(features) * self._with_features

    def channels(self, contexts: Tensor) -> Tensor:
        return super().channels(contexts) * self._with_channels[:, None]


@dataclass
class Study:
    """The beats, their folds, and which of them are evaluated: each once, by its record's first lead."""

    beats: ContextBeats
    settings: TrainContextSettings

    def __post_init__(self) -> None:
        beats = self.beats
        self.folds = record_folds(beats, self.settings.seed)
        self.evaluated = beats.leads % 2 == 0  # the tables come in pairs: first and second lead of a database
        self.rng = np.random.default_rng(0)

    def scores(self, fit_and_score: Callable[[NDArray[np.bool_], Tensor], Tensor], size: int) -> Tensor:
        """Score the evaluated beats by networks that have not seen their records."""
        found = torch.empty(len(self.beats), size)
        for fold in range(FOLDS):
            rows = np.flatnonzero((self.folds == fold) & self.evaluated)
            torch.manual_seed(self.settings.seed)
            found[rows] = fit_and_score(self.folds != fold, torch.from_numpy(self.beats.contexts[rows]))
        return found[self.evaluated]

    def rhythm(
        self, features: Sequence[str] = FEATURES, rows: NDArray[np.bool_] | None = None, seed: int | None = None
    ) -> Tensor:
        """Logarithms of the probabilities (n, 3) by the rhythm branch, fitted to some features and rows."""
        how = self.settings.optimization()
        how = how if seed is None else how.model_copy(update={"seed": seed})
        present = torch.tensor([float(name in features) for name in FEATURES])

        def run(training: NDArray[np.bool_], contexts: Tensor) -> Tensor:
            torch.manual_seed(how.seed)
            network = Partial(present, torch.ones(2))
            used = training if rows is None else training & rows
            fit_rhythm(network, self.beats, used, how)
            with torch.inference_mode():
                return network.eval().rhythm(network.features(contexts)).log_softmax(dim=1)

        return self.scores(run, len(PREDICTED))

    def shape(self, channels: Sequence[float] = (1, 1), rows: NDArray[np.bool_] | None = None) -> Tensor:
        """Logarithms of the odds of V (n, 1) by the shape branch."""

        def run(training: NDArray[np.bool_], contexts: Tensor) -> Tensor:
            network = Partial(torch.ones(len(FEATURES)), torch.tensor(channels))
            used = training if rows is None else training & rows
            fit_shape(network, self.beats, used, self.settings.optimization())
            network.eval()
            with torch.inference_mode():
                parts = [network.ventricular_odds(network.channels(part)) for part in contexts.split(_CHUNK)]
            return torch.cat(parts)[:, None]

        return self.scores(run, 1)

    def confusions(self, rhythm: Tensor, odds: Tensor | None = None) -> NDArray[np.int64]:
        """Beats by record, true and predicted class: (records, C, C)."""
        beats, rows = self.beats, self.evaluated
        network = ContextLSTMFCN(ContextConfig(form="context_1"))
        joined = rhythm if odds is None else network.join(rhythm, odds[:, 0])
        scores, labels = joined.numpy().astype(np.float32), beats.labels[rows]
        found = np.zeros((len(beats.names), len(CLASSES), len(CLASSES)), dtype=np.int64)
        for fold in range(FOLDS):
            held_out = self.folds[rows] == fold
            offsets = best_offsets(scores[~held_out], labels[~held_out])
            for record in np.unique(beats.records[rows][held_out]):
                of_record = beats.records[rows] == record
                found[record] = confusion_of(scores[of_record], labels[of_record], offsets)
        return found

    def report(self, name: str, found: NDArray[np.int64], whole: NDArray[np.int64]) -> None:
        draws = self.rng.integers(0, len(found), (_DRAWS, len(found)))
        differences = [macro_f1(found[draw].sum(axis=0)) - macro_f1(whole[draw].sum(axis=0)) for draw in draws]
        low, high = np.quantile(differences, [0.025, 0.975])
        total = found.sum(axis=0)
        s, v = (2 * total[k, k] / (total[k].sum() + total[:, k].sum()) for k in (1, 2))
        difference = macro_f1(total) - macro_f1(whole.sum(axis=0))
        print(
            f"{name:<52}{macro_f1(total):>7.3f}{s:>7.3f}{v:>7.3f}{difference:>+8.3f}{low:>+8.3f}{high:>+8.3f}",
            flush=True,
        )


def main(arguments: Sequence[str]) -> None:
    settings = load_settings(TrainContextSettings, arguments, "ablate_context.py")
    torch.set_num_threads(settings.threads or 1)
    study = Study(read_context_beats(settings.beats, settings.leave_out), settings)
    ds1, first_leads = study.beats.leads < 2, study.beats.leads % 2 == 0
    training = (("trained on DS1 alone", ds1), ("trained on first leads alone", first_leads))
    print(f"{'':<52}{'macro':>7}{'S':>7}{'V':>7}{'change':>8}{'low':>8}{'high':>8}")
    rhythm = study.rhythm()
    alone = study.confusions(rhythm)
    study.report("the rhythm branch alone", alone, alone)
    others = {seed: study.rhythm(seed=seed) for seed in range(settings.seed + 1, settings.seed + _SEEDS)}
    for seed, scores in others.items():
        study.report(f"  seed {seed}", study.confusions(scores), alone)
    mean = torch.stack([rhythm, *others.values()]).mean(dim=0)
    study.report(f"  the mean of {_SEEDS} seeds", study.confusions(mean), alone)
    for name, pattern in GROUPS.items():
        kept = [each for each in FEATURES if not re.fullmatch(pattern, each)]
        study.report(f"  without {name}", study.confusions(study.rhythm(kept)), alone)
    study.report("  with the features of the rhythm alone", study.confusions(study.rhythm(RHYTHM_FEATURES)), alone)
    study.report("  with the features of the shape alone", study.confusions(study.rhythm(SHAPE_FEATURES)), alone)
    for name, rows in training:
        study.report(f"  {name}", study.confusions(study.rhythm(rows=rows)), alone)
    whole = study.confusions(rhythm, study.shape())
    study.report("both branches", whole, whole)
    for name, channels in (("window", (1, 0)), ("difference from the template", (0, 1))):
        study.report(f"  shape: the {name} alone", study.confusions(rhythm, study.shape(channels)), whole)
    for name, rows in training:
        study.report(f"  {name}", study.confusions(study.rhythm(rows=rows), study.shape(rows=rows)), whole)
    print(processor())


if __name__ == "__main__":
    main(sys.argv[1:])

"""The rhythm around a beat: RR intervals over several references, and how regular they are.

'pre' is the interval before a beat, 'post' the one after it, and a number counts beats from it. No reference is a
median alone: where most beats of a record are premature, its median is theirs.
"""

import numpy as np
from scipy.ndimage import uniform_filter1d

from lstm_fcn.context.form import NEIGHBOURS
from lstm_fcn.context.lead import Floats, Span, spread

_SHORTEST, _LONGEST = 0.2, 3.0
"""Seconds of an interval. A longer one is a pause or a gap: it is counted as this long and flagged."""
_CALM_CHANGE = 0.1
"""Of the logarithm of RR from beat to beat, below which the rhythm is calm."""


def rhythm(seconds: Floats, spans: list[Span]) -> dict[str, Floats]:
    """Describe the rhythm around each of the beats at these seconds (n,): feature -> (n,)."""
    n = len(seconds)
    intervals = np.diff(seconds, prepend=np.nan, append=np.nan)  # before each beat, and after the last
    rr = np.clip(intervals, _SHORTEST, _LONGEST)
    log = np.log(np.where(np.isnan(rr), np.nanmedian(rr) if n > 1 else 1.0, rr))
    columns = {"gap_before": _is_gap(intervals[:-1]), "gap_after": _is_gap(intervals[1:])}
    return columns | _ratios(log, spans) | _irregularity(log[:-1], log[1:])


def _is_gap(interval: Floats) -> Floats:
    """1 where an interval is unknown or too long to be one."""
    return (np.isnan(interval) | (interval > _LONGEST)).astype(np.float64)


def _ratios(log: Floats, spans: list[Span]) -> dict[str, Floats]:
    """Logarithms of the ratios of RR, of which `log` has n + 1 logarithms, to its references and to each other."""
    pre, post, n = log[:-1], log[1:], len(log) - 1
    references = {name: np.log(values) for name, values in _references(np.exp(pre), spans).items()}
    mean = references["mean"]
    columns = {f"pre/{name}": pre - reference for name, reference in references.items()}
    columns |= {f"post/{name}": post - reference for name, reference in references.items()}
    most = max(NEIGHBOURS)
    padded = np.pad(log, most, mode="edge")
    away = {k: padded[most + k : most + k + n] for k in (-1, *NEIGHBOURS)}  # `pre` of the beat k away
    columns |= {f"rr{k:+d}/mean": away[k] - mean for k in NEIGHBOURS}
    columns |= {"pre/post": pre - post, "pre/pre-1": pre - away[-1], "post/post+1": post - away[2]}
    return columns | {"pre+post/mean": np.log((np.exp(pre) + np.exp(post)) / 2) - mean}


def _references(rr: Floats, spans: list[Span]) -> dict[str, Floats]:
    """Intervals (s) that a beat's own may be compared to, each (n,)."""
    over = [rr[span.reference] for span in spans]
    return {
        "mean": spread([each.mean() for each in over], spans),
        "p85": spread([np.percentile(each, 85) for each in over], spans),
        "mean121": _running_mean(rr, 121),
        "calm": _calm_reference(rr),
    }


def _calm_reference(rr: Floats, width: int = 81) -> Floats:
    """Mean interval (n,) over the beats around whose intervals change little on both sides.

    Where few of them are calm, as in atrial fibrillation, it goes over to the mean of all.
    """
    steady = np.abs(np.diff(np.log(rr))) < _CALM_CHANGE
    both = np.append(steady, True) & np.insert(steady, 0, True)
    share, total = _running_mean(both.astype(np.float64), width), _running_mean(rr * both, width)
    calm: Floats = (total + 0.05 * _running_mean(rr, width)) / (share + 0.05)
    return calm


def _irregularity(pre: Floats, post: Floats) -> dict[str, Floats]:
    """How much RR changes from beat to beat around, and the beat's own intervals in that measure.

    'restless' compares each interval with the most similar of the three before it: it is small in bigeminy and with
    single premature beats, and large in atrial fibrillation.
    """
    change = _change(pre, 1)
    lagged = np.min([_change(pre, k) for k in (1, 2, 3)], axis=0)
    columns = {f"change{width}": _running_mean(np.minimum(change, 0.5), width) for width in (11, 41, 161)}
    columns |= {f"restless{width}": np.sqrt(_running_rank(lagged, width, width // 2)) for width in (15, 41, 161)}
    low, middle, high = (_running_rank(pre, 41, rank) for rank in (10, 20, 30))
    return columns | {
        "pre_z41": np.clip((pre - middle) / (high - low + 0.03), -6, 6),
        "post_z41": np.clip((post - middle) / (high - low + 0.03), -6, 6),
        "iqr41": high - low,
        "pre_restless": np.clip((pre - middle) / (columns["restless41"] ** 2 + 0.02), -20, 20),
        "rank121": _share_below(pre, 121),
        "calm41": _running_rank(change, 41, 16),
        "calm15": _running_rank(change, 15, 6),
    }


def _change(log: Floats, k: int) -> Floats:
    """Change of each value (n,) from the one k before."""
    change: Floats = np.abs(log - np.concatenate([log[:k], log])[: len(log)])
    return change


def _running_mean(values: Floats, width: int) -> Floats:
    mean: Floats = uniform_filter1d(values, width, mode="nearest")
    return mean


def _running_rank(values: Floats, width: int, rank: int) -> Floats:
    """Value of a rank among the `width` values around each: (n,)."""
    around = np.lib.stride_tricks.sliding_window_view(np.pad(values, width // 2, mode="edge"), width)
    found: Floats = np.partition(around, rank, axis=1)[:, rank]
    return found


def _share_below(values: Floats, width: int) -> Floats:
    """Share of the `width` values around each that are smaller: (n,)."""
    padded = np.pad(values, width // 2, mode="reflect" if len(values) > width else "edge")
    around = np.lib.stride_tricks.sliding_window_view(padded, width)
    share: Floats = (around < values[:, None]).mean(axis=1)
    return share

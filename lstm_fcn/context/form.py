"""The form of a context: which values stand where. A change of any of them makes a new form, with the next number."""

CONTEXT_FORM = "context_1"
"""Name and number of the form; the column of the beat table is called so, and model files say which one they take."""

WINDOW = 120
"""Values of a window: 1 s at 120 Hz, of which 0.4 s before the R peak."""

_REFERENCES = ("mean", "p85", "mean121", "calm")
NEIGHBOURS = (-4, -3, -2, 2, 3, 4)
"""Beats away, whose RR interval is a feature."""

RHYTHM_FEATURES: tuple[str, ...] = (
    *(f"{side}/{reference}" for reference in _REFERENCES for side in ("pre", "post")),
    *(f"rr{k:+d}/mean" for k in NEIGHBOURS),
    *("pre/post", "pre/pre-1", "post/post+1", "pre+post/mean", "gap_before", "gap_after"),
    *("change11", "change41", "change161", "calm41", "calm15"),
    *("restless15", "restless41", "restless161", "pre_z41", "post_z41", "iqr41", "pre_restless", "rank121"),
)

WIDTHS = ("slope_spread", "slope_time", "area", "half_time", "steepness")

_LIKENESS = (
    *(f"{part}_{what}" for part in ("qrs", "p", "t", "all") for what in ("corr", "diff", "diff_rel")),
    *("p_diff_ac", "p_gain", "qrs_gain", "height"),
)
FEATURE_GROUPS: dict[str, tuple[str, ...]] = {
    "rhythm": RHYTHM_FEATURES,
    "template": _LIKENESS,
    "neighbours": tuple(f"{part}_{what}" for part in ("qrs", "p", "t") for what in ("prev", "next", "near")),
    "widths": (*WIDTHS, *(f"{name}/template" for name in WIDTHS)),
}
"""What belongs together: intervals, likeness to the template, likeness to the beats around, widths."""

SHAPE_FEATURES: tuple[str, ...] = tuple(
    name for group in ("template", "neighbours", "widths") for name in FEATURE_GROUPS[group]
)

FEATURES: tuple[str, ...] = (*RHYTHM_FEATURES, *SHAPE_FEATURES)
"""`lstm_fcn.context.rhythm` and `lstm_fcn.context.shape` say what each is."""

CONTEXT_LENGTH = 2 * WINDOW + len(FEATURES)
"""Values of a context: the window, the record's template, the features."""

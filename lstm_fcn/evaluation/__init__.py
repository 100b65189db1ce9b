"""Figures of labelled predictions, from counts alone, and the report that shows them.

Read `metrics` (from a confusion matrix) with `ec57`, `curves` (from binned probabilities), `bootstrap` and
`estimates` (figures with intervals), `comparison` (two sets of predictions), `activation` (where a class was seen in a
beat), `drift` (how far beats are from those of the training), and `report/`.
"""

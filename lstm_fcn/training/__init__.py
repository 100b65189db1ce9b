"""Fitting a model on one machine.

Read `job` (one training from beats to model file), then `dataset` (what is read), `sampling`, `guards`, `loop` (the
epochs) with `state`, `validation` and `checkpoint`, and `artifacts` (history and pictures). `warm_start` begins with
another model's weights; `estimator` is all of it as a scikit-learn classifier.
"""

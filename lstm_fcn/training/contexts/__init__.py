"""Training a model for patients it has never seen, from beat tables with contexts.

Read `data` (what is read, and how much each beat counts), `runs` (records that are mostly supraventricular, which the
data hardly have), `branches` (fitting the two branches), `folds` (the offsets, by cross-validation over records),
`distribution` (what scoring compares the features with) and `job` (all of it, to a model file).
"""

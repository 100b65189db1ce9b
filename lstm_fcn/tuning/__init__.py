"""A search over hyperparameters.

Read `search` (scikit-learn chooses the trials), `trials` (each is fitted once and kept) and `result` (the table and
the best model).
"""

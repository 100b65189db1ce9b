"""Everything that knows Spark: sessions, tables, preparing, scoring, evaluating. No torch at import time.

Read `udf` (the scoring function of notebooks and SQL), then `scoring/job` (the scoring job). Beneath them: `session`,
`tables`, `sql`, `files`, `errors`. `prepare/` makes beat tables, `evaluation/` evaluates predictions, `tuning` fits
trials as tasks.
"""

from lstm_fcn.spark.udf import register, score

__all__ = ["register", "score"]

"""Everything that knows Spark: sessions, tables, cutting records, scoring. No torch at import time."""

from lstm_fcn.spark.scoring import new_run_id, register, score

__all__ = ["new_run_id", "register", "score"]
